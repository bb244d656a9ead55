//! Points in time on the command line.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use graylane::time::Timestamp;

/// Reads what is written on the command line.
///
/// # Errors
/// What one looks like.
pub fn parse(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse(text).ok_or("a time with its offset, like 2026-12-01T09:00:00+01:00")
}

/// The time it is.
///
/// # Errors
/// When the clock is before 1970.
pub fn now() -> Result<Timestamp> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    Ok(Timestamp::from_seconds(i64::try_from(now.as_secs())?))
}
