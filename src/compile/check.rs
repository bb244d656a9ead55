//! Checks of single values: names, tokens, header names, cookies.

use crate::error::{Path, PolicyErrors, Problem, Quoted};
use crate::label;
use crate::limits;
use crate::plan::Cookie;
use crate::policy::{self, SameSite};

/// One year, in seconds: how long a cookie lives unless the policy says otherwise.
const YEAR: u32 = 31_536_000;

/// Headers that steer the connection or the message itself; the filter neither renames onto them nor removes them.
const RESERVED: [&str; 11] = [
    "authorization",
    "baggage",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A required name of a release, lane or rule.
pub(super) fn name<'a>(
    written: Option<&'a String>,
    path: &Path<'_>,
    errors: &mut PolicyErrors,
) -> Option<&'a str> {
    let Some(name) = written else {
        errors.add(path, Problem::Required, "", "a name");
        return None;
    };
    if name.len() > limits::NAME {
        errors.add(path, Problem::TooLong, Quoted(name), format_args!("at most {} bytes", limits::NAME));
        return None;
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !name.starts_with(|first: char| first.is_ascii_alphabetic()) || !name.bytes().all(plain) {
        errors.add(path, Problem::Invalid, Quoted(name), "letters, digits, '-', '_' and '.', a letter first");
        return None;
    }
    Some(name)
}

/// A name as HTTP writes header, cookie and parameter names (RFC 9110, token).
pub(super) fn token<'a>(text: &'a str, path: &Path<'_>, errors: &mut PolicyErrors) -> Option<&'a str> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.is_empty() || !text.bytes().all(is_token) {
        errors.add(path, Problem::Invalid, Quoted(text), "a name of letters, digits and -_.!#$%&'*+^`|~");
        return None;
    }
    Some(text)
}

/// The name of a header that the filter may test, in lower case.
pub(super) fn tested_header(text: &str, path: &Path<'_>, errors: &mut PolicyErrors) -> Option<String> {
    if text.starts_with(':') {
        errors.add(
            path,
            Problem::Forbidden,
            Quoted(text),
            "use match.hosts for the host and `path` for the path",
        );
        return None;
    }
    token(text, path, errors).map(str::to_ascii_lowercase)
}

/// The name of a header that the filter may set or remove, in lower case.
pub(super) fn header_name(text: &str, path: &Path<'_>, errors: &mut PolicyErrors) -> Option<String> {
    let name = token(text, path, errors)?.to_ascii_lowercase();
    if RESERVED.contains(&name.as_str()) {
        errors.add(
            path,
            Problem::Forbidden,
            Quoted(text),
            "this header has a meaning of its own; choose another",
        );
        return None;
    }
    Some(name)
}

/// A salt: it is hashed, so every byte of it counts.
pub(super) fn salt(text: &str, path: &Path<'_>, errors: &mut PolicyErrors) {
    if !(1..=limits::SALT).contains(&text.len()) {
        errors.add(path, Problem::TooLong, Quoted(text), format_args!("1 to {} bytes", limits::SALT));
    }
}

/// The key of a label.
pub(super) fn label_key<'a>(key: &'a str, path: &Path<'_>, errors: &mut PolicyErrors) -> Option<&'a str> {
    let good = label::is_key(key.as_bytes());
    if !good {
        let allowed = format_args!("1 to {} letters, digits and -._~/", limits::LABEL_KEY);
        errors.add(path, Problem::Invalid, Quoted(key), allowed);
    }
    good.then_some(key)
}

/// The value of a label.
pub(super) fn label_value(value: &str, path: &Path<'_>, errors: &mut PolicyErrors) {
    if !label::is_value(value.as_bytes()) {
        let allowed = format_args!("1 to {} letters, digits and -._~/:+@", limits::LABEL_VALUE);
        errors.add(path, Problem::Invalid, Quoted(value), allowed);
    }
}

/// A cookie to be set.
pub(super) fn cookie(
    written: &policy::Cookie,
    name: &str,
    path: &Path<'_>,
    errors: &mut PolicyErrors,
) -> Cookie {
    let name = written.name.as_deref().map_or(Some(name), |name| token(name, &path.key("name"), errors));
    let mut attributes = String::new();
    let mut attribute = |key: &str, label: &str, value: Option<&str>| {
        let Some(value) = value else { return };
        if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';') {
            errors.add(&path.key(key), Problem::Invalid, Quoted(value), "visible characters other than ';'");
        }
        attributes.push_str("; ");
        attributes.push_str(label);
        attributes.push('=');
        attributes.push_str(value);
    };
    attribute("path", "Path", Some(written.path.as_deref().unwrap_or("/")));
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
    if same_site == SameSite::None && !written.secure {
        let allowed = "browsers drop such a cookie unless `secure` is true";
        errors.add(&path.key("sameSite"), Problem::Invalid, Quoted("none"), allowed);
    }
    for (label, wanted) in [("; Secure", written.secure), ("; HttpOnly", written.http_only)] {
        if wanted {
            attributes.push_str(label);
        }
    }
    Cookie { name: name.unwrap_or_default().into(), attributes: attributes.into() }
}
