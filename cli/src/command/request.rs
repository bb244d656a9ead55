//! What of a request is said on the command line.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::ValueEnum;
use graylane::policy;
use graylane::time::Timestamp;

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

/// A time with its offset.
pub(crate) fn time(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse(text).ok_or("a time with its offset, like 2026-12-01T09:00:00+01:00")
}

/// The time now.
pub(crate) fn now() -> Result<Timestamp> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    Ok(Timestamp::from_seconds(i64::try_from(now.as_secs())?))
}
