//! How fine the buckets of `envoy/stats.yaml` and `envoy/cluster-times.yaml` are: what Prometheus makes of them, beside what is so.

use graylane_testbed::{Bootstrap, Context, Result, root};
use serde_json::Value;

/// A 95th percentile that grows by a tenth is to be told from one that does not.
const QUANTILE: f64 = 0.95;
const GROWS: f64 = 1.1;
/// By so much what is told may be off.
const OFF: f64 = 0.035;

/// The buckets of a file, in microseconds.
fn buckets(file: &str, unit: f64) -> Result<Vec<f64>> {
    let stats = Bootstrap::read(&root().join("envoy").join(file))?;
    let buckets = stats.document().pointer("/stats_config/histogram_bucket_settings/0/buckets");
    let buckets = buckets.and_then(Value::as_array).context("no buckets")?;
    buckets.iter().map(|bound| Ok(unit * bound.as_f64().context("no number")?)).collect()
}

/// What `histogram_quantile` makes of buckets that hold this distribution: a straight line within a bucket.
fn told(buckets: &[f64], below: impl Fn(f64) -> f64) -> Option<f64> {
    let at = buckets.iter().position(|bound| below(*bound) >= QUANTILE)?;
    let (low, high) = (at.checked_sub(1).map_or(0.0, |before| buckets[before]), buckets[at]);
    let (under, upper) = (if low > 0.0 { below(low) } else { 0.0 }, below(high));
    Some(low + (high - low) * (QUANTILE - under) / (upper - under))
}

/// The part of a distribution that is below.
type Below = Box<dyn Fn(f64) -> f64>;

/// Distributions as services have them, by the mean or median.
fn distributions(scale: f64) -> Vec<(&'static str, Below)> {
    let exponential = move |x: f64| 1.0 - (-x / scale).exp();
    // Log-logistic: heavy tails, like a log-normal, in closed form.
    let log_logistic = move |shape: f64| move |x: f64| 1.0 / (1.0 + (x / scale).powf(-shape));
    let two_humps = move |x: f64| 0.9 * log_logistic(8.0)(x) + 0.1 * log_logistic(8.0)(x / 20.0);
    vec![
        ("exponential", Box::new(exponential)),
        ("narrow", Box::new(log_logistic(10.0))),
        ("wide", Box::new(log_logistic(2.5))),
        ("two humps", Box::new(two_humps)),
    ]
}

/// Told from `from` microseconds on.
fn tells_growth(file: &str, unit: f64, from: f64) -> Result<()> {
    let buckets = buckets(file, unit)?;
    let mut most: f64 = 0.0;
    // From 0.5 ms to 2 s in steps of a hundredth.
    for scale in (0..840).map(|step| 500.0 * 1.01_f64.powi(step)) {
        for ((what, before), (_, after)) in distributions(scale).into_iter().zip(distributions(scale * GROWS))
        {
            let (Some(before), Some(after)) = (told(&buckets, before), told(&buckets, after)) else {
                continue;
            };
            if !(from..=9_000_000.0).contains(&before) {
                continue;
            }
            let off = (after / before - GROWS).abs();
            assert!(off <= OFF, "{file}: {what} of {scale:.0} us: grows {:.3} times", after / before);
            most = most.max(off);
        }
    }
    println!("{file}: a 95th percentile that grows 1.1 times is told as 1.1 times, {most:.3} off at most");
    Ok(())
}

#[test]
fn a_percentile_that_grows_by_a_tenth_is_told() -> Result<()> {
    tells_growth("stats.yaml", 1.0, 1_000.0)?;
    tells_growth("cluster-times.yaml", 1_000.0, 10_000.0)
}
