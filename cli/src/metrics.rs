//! What `graylane-telemetry.wasm` counts by release and lane, in a file of its own: as under `metrics` in a plugin's configuration.

use graylane::policy::Metrics;

use crate::check::{Report, hold};
use crate::document::Form;

/// Checks a file of it.
///
/// # Errors
/// All that is wrong with it.
pub fn check(text: &str, form: Form) -> Result<Metrics, Report> {
    hold(text, form, "the metrics", |metrics, _errors| metrics)
}
