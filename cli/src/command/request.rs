//! What of a request is said on the command line.

use clap::ValueEnum;
use graylane::policy;

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

/// A header as `curl -H` has it, its name in lower case. Host and path are said elsewhere.
pub(crate) fn header(text: &str) -> Result<(String, String), String> {
    // A name may begin with a colon: `:method`.
    let (first, rest) = text.split_at_checked(1).unwrap_or((text, ""));
    let Some((name, value)) = rest.split_once(':') else {
        return Err("name and value with a colon between".into());
    };
    let name = format!("{first}{name}").trim().to_ascii_lowercase();
    match name.as_str() {
        ":authority" | "host" => Err("the host is said by --host, or by the URL".into()),
        ":path" => Err("the path is said by --path, or by the URL".into()),
        _ => Ok((name, value.trim().to_owned())),
    }
}
