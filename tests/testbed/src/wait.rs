//! Waiting for a condition: polled, with a deadline, never a fixed sleep.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(2);

/// Asks `probe` again and again until it returns a value.
///
/// # Errors
/// When `limit` passes first (the error names `what`), or at once when the probe itself fails.
pub async fn eventually<T>(
    what: &str,
    limit: Duration,
    mut probe: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = probe().await? {
            return Ok(value);
        }
        if start.elapsed() >= limit {
            bail!("waited {limit:?} in vain: {what}");
        }
        tokio::time::sleep(STEP).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn returns_the_value_as_soon_as_there_is_one() {
        let mut asked = 0;
        let got = eventually("third time", Duration::from_secs(5), async || {
            asked += 1;
            Ok((asked == 3).then_some("here"))
        });
        assert_eq!(got.await.unwrap(), "here");
        assert_eq!(asked, 3);
    }

    #[tokio::test]
    async fn names_what_it_waited_for() {
        let never = eventually::<()>("the moon", Duration::from_millis(10), async || Ok(None));
        assert!(never.await.unwrap_err().to_string().ends_with("in vain: the moon"));
    }
}
