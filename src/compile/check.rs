//! Checks of single values: names, tokens, header names, cookies.

use crate::error::{At, Problem, Quoted};
use crate::headers;
use crate::label;
use crate::limits;
use crate::policy::{self, SameSite};
use crate::settings::Cookie;

/// One year, in seconds: how long a cookie lives unless the policy says otherwise.
const YEAR: u32 = 31_536_000;

/// Headers that steer the connection or the message itself; the filter neither renames onto them nor removes them.
const RESERVED: [&str; 21] = [
    "authorization",
    "baggage",
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "location",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "via",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-id",
    headers::DEBUG,
    headers::DECISION,
];

/// A required name of a release, lane or rule.
pub(super) fn name<'a>(written: Option<&'a String>, at: &mut At<'_>) -> Option<&'a str> {
    let Some(name) = written else {
        at.error(Problem::Required, "", "a name");
        return None;
    };
    if name.len() > limits::NAME {
        at.error(Problem::TooLong, Quoted(name), format_args!("at most {} bytes", limits::NAME));
        return None;
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !name.starts_with(|first: char| first.is_ascii_alphabetic()) || !name.bytes().all(plain) {
        at.error(Problem::Invalid, Quoted(name), "letters, digits, '-', '_' and '.', a letter first");
        return None;
    }
    Some(name)
}

/// A name as HTTP writes header, cookie and parameter names (RFC 9110, token).
pub(super) fn token<'a>(text: &'a str, at: &mut At<'_>) -> Option<&'a str> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.is_empty() || !text.bytes().all(is_token) {
        at.error(Problem::Invalid, Quoted(text), "a name of letters, digits and -_.!#$%&'*+^`|~");
        return None;
    }
    Some(text)
}

/// The name of a header that the filter may test, in lower case.
pub(super) fn tested_header(text: &str, at: &mut At<'_>) -> Option<String> {
    // Inside Envoy the host is no header of that name, so a test of it would never hold.
    if text.starts_with(':') || text.eq_ignore_ascii_case("host") {
        at.error(Problem::Forbidden, Quoted(text), "use the conditions `host`, `method` and `path`");
        return None;
    }
    token(text, at).map(str::to_ascii_lowercase)
}

/// The name of a header that the filter may set or remove, in lower case.
pub(super) fn header_name(text: &str, at: &mut At<'_>) -> Option<String> {
    let name = token(text, at)?.to_ascii_lowercase();
    if RESERVED.contains(&name.as_str()) {
        at.error(Problem::Forbidden, Quoted(text), "this header has a meaning of its own; choose another");
        return None;
    }
    Some(name)
}

/// The name of a claim; `a.b` for one inside another.
pub(super) fn claim<'a>(name: &'a str, at: &mut At<'_>) -> Option<&'a str> {
    let good = !name.is_empty() && name.split('.').count() <= limits::CLAIM_DEPTH && !name.contains('\0');
    if !good {
        let allowed = format_args!(
            "the name of a claim; of one inside others, at most {} with dots between",
            limits::CLAIM_DEPTH
        );
        at.error(Problem::Invalid, Quoted(name), allowed);
    }
    good.then_some(name)
}

/// A salt: it is hashed, so every byte of it counts.
pub(super) fn salt(text: &str, at: &mut At<'_>) {
    let problem = if text.is_empty() { Problem::Invalid } else { Problem::TooLong };
    if !(1..=limits::SALT).contains(&text.len()) {
        at.error(problem, Quoted(text), format_args!("1 to {} bytes", limits::SALT));
    }
}

/// The key of a label.
pub(super) fn label_key<'a>(key: &'a str, at: &mut At<'_>) -> Option<&'a str> {
    let good = label::is_key(key.as_bytes());
    if !good {
        let allowed = format_args!("1 to {} letters, digits and -._~/", limits::LABEL_KEY);
        at.error(Problem::Invalid, Quoted(key), allowed);
    }
    good.then_some(key)
}

/// The value of a label.
pub(super) fn label_value(value: &str, at: &mut At<'_>) {
    if !label::is_value(value.as_bytes()) {
        let allowed = format_args!("1 to {} letters, digits and -._~/:+@", limits::LABEL_VALUE);
        at.error(Problem::Invalid, Quoted(value), allowed);
    }
}

/// A cookie to be set.
pub(super) fn cookie(written: &policy::Cookie, name: &str, at: &mut At<'_>) -> Cookie {
    let name = written.name.as_deref().map_or(Some(name), |name| token(name, &mut at.key("name")));
    let mut attributes = String::new();
    let mut attribute = |key: &str, label: &str, value: Option<&str>| {
        let Some(value) = value else { return };
        if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';') {
            at.key(key).error(Problem::Invalid, Quoted(value), "visible characters other than ';'");
        }
        attributes.push_str("; ");
        attributes.push_str(label);
        attributes.push('=');
        attributes.push_str(value);
    };
    let path = written.path.as_deref().unwrap_or("/");
    attribute("path", "Path", Some(path));
    attribute("domain", "Domain", written.domain.as_deref());
    let max_age = written.max_age.unwrap_or(YEAR);
    if max_age > 0 {
        attribute("maxAge", "Max-Age", Some(&max_age.to_string()));
    }
    let same_site = written.same_site.unwrap_or(SameSite::Lax);
    let word = match same_site {
        SameSite::Lax => "Lax",
        SameSite::Strict => "Strict",
        SameSite::None => "None",
    };
    attribute("sameSite", "SameSite", Some(word));
    if !path.is_empty() && !path.starts_with('/') {
        at.key("path").error(
            Problem::Invalid,
            Quoted(path),
            "browsers ignore a path that does not start with '/'",
        );
    }
    let name = name.unwrap_or_default();
    let is_host_only = name.starts_with("__Host-");
    if (is_host_only || name.starts_with("__Secure-")) && !written.secure {
        let allowed = "browsers drop a cookie of this name unless `secure` is true";
        at.key("name").error(Problem::Invalid, Quoted(name), allowed);
    }
    if is_host_only && (path != "/" || written.domain.is_some()) {
        let allowed = "browsers drop a cookie of this name with another path than / or with a domain";
        at.key("name").error(Problem::Invalid, Quoted(name), allowed);
    }
    if same_site == SameSite::None && !written.secure {
        let allowed = "browsers drop such a cookie unless `secure` is true";
        at.key("sameSite").error(Problem::Invalid, Quoted("none"), allowed);
    }
    for (label, wanted) in [("; Secure", written.secure), ("; HttpOnly", written.http_only)] {
        if wanted {
            attributes.push_str(label);
        }
    }
    Cookie { name: name.into(), attributes: attributes.into() }
}
