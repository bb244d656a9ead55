//! The written guard of a release -> when a proxy stops using a lane.

use super::builder::Builder;
use super::split::{percent_of, percent_shown};
use crate::arena::LaneId;
use crate::error::{At, Problem, Quoted};
use crate::guard::{Guard, PARTS};
use crate::plan::Lane;
use crate::policy;

/// How many of the gray ids try a lane again, unless the policy says so: parts of 10,000.
const PROBE: u32 = 500;

/// The guard of a release with these lanes, of which `base` is the default one.
pub(super) fn guard(
    written: Option<&policy::Guard>,
    lanes: &[Lane],
    base: LaneId,
    builder: &Builder,
    at: &mut At<'_>,
) -> Option<Guard> {
    let written = written?;
    let lane = written.lane.as_deref().and_then(|name| builder.lane(Some(name), &mut at.key("lane")));
    if written.lane.is_none() && lanes.len() == 1 {
        at.key("lane").error(
            Problem::Required,
            "",
            "a lane, or a second one in `lanes`: the default lane alone is not guarded",
        );
    }
    if lane == Some(base) && lanes.get(usize::from(base.0)).is_some_and(|lane| lane.fallbacks.len() == 0) {
        let allowed = "a lane in whose place another can serve: give the default lane a `fallback`";
        at.key("lane").error(Problem::Invalid, Quoted(written.lane.as_deref().unwrap_or_default()), allowed);
    }
    let shares = [
        ("errorPercent", written.error_percent, 0),
        ("slowPercent", written.slow_percent, 0),
        ("probePercent", written.probe_percent, PROBE),
        ("idPercent", written.id_percent, 0),
    ];
    let [errors, slow, probe, of_one] = shares.map(|(key, percent, otherwise)| {
        let at = &mut at.key(key);
        let share = percent.map_or(Some(otherwise), |percent| percent_of(Some(percent), PARTS, at));
        if percent.is_some() && share == Some(0) {
            at.error(Problem::Invalid, "0", "more than 0");
        }
        share.unwrap_or_default()
    });
    let numbers = [
        ("slowMillis", written.slow_millis, 1, 3_600_000),
        ("minRequests", written.min_requests, 50, 1_000_000),
        ("windowSeconds", written.window_seconds, 10, 3600),
        ("cooldownSeconds", written.cooldown_seconds, 60, 86_400),
    ];
    let [slow_millis, min_requests, window, cooldown] = numbers.map(|(key, number, otherwise, most)| {
        let number = number.unwrap_or(otherwise);
        if !(1..=most).contains(&number) {
            at.key(key).error(Problem::Invalid, number, format_args!("1 to {most}"));
        }
        number
    });
    if written.error_percent.is_none() && written.slow_percent.is_none() {
        at.error(Problem::Required, "", "errorPercent, or slowPercent and slowMillis, or all");
    }
    if written.slow_percent.is_some() != written.slow_millis.is_some() {
        let missing = if written.slow_percent.is_some() { "slowMillis" } else { "slowPercent" };
        at.key(missing).error(Problem::Required, "", "slowPercent and slowMillis together");
    }
    let mut guard =
        Guard { lane, errors, slow, slow_millis, min_requests, window, cooldown, probe, of_one: 0 };
    if of_one > 0 {
        let shares = [errors, slow].into_iter().filter(|share| *share > 0);
        let needed = shares.map(|share| guard.needed(share)).min().unwrap_or_default();
        let most = needed * u64::from(of_one) / u64::from(PARTS);
        guard.of_one = u32::try_from(most).unwrap_or(u32::MAX);
        if most == 0 && needed > 0 {
            let least = percent_shown(PARTS.div_ceil(u32::try_from(needed).unwrap_or(PARTS)), PARTS);
            let allowed =
                format_args!("{least} or more, since failures trip it from {needed} on; or more minRequests");
            at.key("idPercent").error(Problem::Invalid, percent_shown(of_one, PARTS), allowed);
        }
    }
    Some(guard)
}
