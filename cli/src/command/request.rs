//! What of a request is said on the command line.

use clap::ValueEnum;
use graylane::policy;
use serde_json::Value;

/// Whom a listener believes.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Trust {
    Edge,
    Mesh,
}

impl From<Trust> for policy::Trust {
    fn from(trust: Trust) -> Self {
        match trust {
            Trust::Edge => policy::Trust::Edge,
            Trust::Mesh => policy::Trust::Mesh,
        }
    }
}

/// A verified claim: its value is JSON, or else text.
pub(crate) fn claim(text: &str) -> Result<(String, Value), &'static str> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("name and value")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((name.to_owned(), value))
}

/// A header that is sent, or one that is not.
pub(crate) type Header = (String, Option<String>);

/// The headers that are sent.
pub(crate) fn sent(headers: &[Header]) -> impl Iterator<Item = (String, String)> {
    headers.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)))
}

/// A header as `curl -H` has it, its name in lower case: `name: value`, `name;` with an empty value, `name:` for none. Host and path are
/// said elsewhere.
pub(crate) fn header(text: &str) -> Result<Header, String> {
    // A name may begin with a colon: `:method`.
    let (first, rest) = text.split_at_checked(1).unwrap_or((text, ""));
    let (name, value) = match (rest.split_once(':'), rest.strip_suffix(';')) {
        (Some((name, value)), _) => (name, Some(value.trim()).filter(|value| !value.is_empty())),
        (None, Some(name)) => (name, Some("")),
        (None, None) => return Err("name and value with a colon between".into()),
    };
    let name = format!("{first}{name}").trim().to_ascii_lowercase();
    // As clients and Envoy have it (RFC 9110, 5.1 and 5.5).
    let is_name = |char: char| char.is_ascii_graphic() && !"\"(),/;<=>?@[\\]{}".contains(char);
    if name.is_empty()
        || !name.chars().all(is_name)
        || value.is_some_and(|value| value.contains(['\r', '\n', '\0']))
    {
        return Err("no header can have such a name, or a line break in its value".into());
    }
    match name.as_str() {
        ":authority" | "host" | ":path" => {
            Err("host and path have a place of their own: the URL, or --host and --path".into())
        }
        _ => Ok((name, value.map(str::to_owned))),
    }
}
