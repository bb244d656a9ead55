//! Ramps that stand still from a point in time on.

use super::hash::hash;
use super::split::percent_shown;
use crate::arena::Arena;
use crate::error::{At, Path, PolicyErrors};
use crate::hash::Buckets;
use crate::policy::{Canary, Point, Ramp};
use crate::split::{self, buckets_of_percent, fill_at};
use crate::time::Timestamp;

/// Makes every ramp of a canary stand still at a moment: until then it goes as it is written, and from then on the share is what
/// it is then, to the bucket. A ramp that [`compile`](mod@crate::compile) refuses is left as it is, so that it tells why.
pub fn pause(canary: &mut Canary, moment: Timestamp) {
    let (mut arena, mut errors) = (Arena::default(), PolicyErrors::default());
    let hash = hash(canary.hash.as_ref(), 0, None, &mut arena, &mut At::new(Path::Root, &mut errors));
    let Buckets::Count(buckets) = hash.buckets else { return };
    for candidate in &mut canary.candidates {
        let Some(ramp) = &candidate.ramp else { continue };
        match paused(ramp, buckets, moment) {
            Some(Paused::At(ramp)) => candidate.ramp = Some(ramp),
            Some(Paused::BeforeItBegan) => (candidate.ramp, candidate.percent) = (None, Some(0.0)),
            None => {}
        }
    }
}

/// What becomes of a ramp.
enum Paused {
    At(Ramp),
    /// Nobody is in before the first point.
    BeforeItBegan,
}

fn paused(ramp: &Ramp, buckets: u32, moment: Timestamp) -> Option<Paused> {
    let (written, is_linear) = match ramp {
        Ramp::Steps(points) => (points, false),
        Ramp::Linear(points) => (points, true),
    };
    let point = |point: &Point| {
        let (at, fill) =
            (Timestamp::parse(point.at.as_ref()?)?, buckets_of_percent(point.percent?, buckets)?);
        Some(split::Point { at, fill })
    };
    let points = written.iter().map(point).collect::<Option<Vec<_>>>()?;
    if !points.is_sorted_by(|before, after| before.at < after.at) {
        return None;
    }
    let mut kept: Vec<Point> = written
        .iter()
        .zip(&points)
        .filter(|(_, point)| point.at <= moment)
        .map(|(point, _)| point.clone())
        .collect();
    let Some(last) = points.iter().rfind(|point| point.at <= moment) else {
        return Some(Paused::BeforeItBegan);
    };
    if is_linear && last.at < moment && kept.len() < points.len() {
        let share = percent_shown(fill_at(points.iter().copied(), true, moment), buckets);
        kept.push(Point { at: Some(moment.to_string()), percent: Some(share.0) });
    }
    // A line has two ends.
    let is_line = is_linear && kept.len() > 1;
    Some(Paused::At(if is_line { Ramp::Linear(kept) } else { Ramp::Steps(kept) }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::Config;
    use serde_json::json;

    use super::*;
    use crate::policy::Policy;
    use crate::read::read;

    fn policy(ramp: &serde_json::Value, buckets: u32) -> Policy {
        let canary =
            json!({"stable": "a", "candidates": [{"lane": "b", "ramp": ramp}], "hash": {"buckets": buckets}});
        let release =
            json!({"name": "r", "match": {}, "lanes": [{"name": "a"}, {"name": "b"}], "canary": canary});
        let text = json!({"language": 1, "releases": [release]}).to_string();
        let mut errors = PolicyErrors::default();
        let policy = read(&serde_json::from_str(&text).unwrap(), &Path::Root, &mut errors);
        assert!(errors.is_empty(), "{errors}");
        policy
    }

    /// The buckets of lane b.
    fn share(policy: &Policy, now: i64) -> u32 {
        let plan = crate::compile(policy).unwrap();
        let segment = &plan.segments[0];
        let split = segment.head().split.unwrap();
        let parts = split.parts(segment.block(), || Timestamp::from_seconds(now));
        parts.map(|part| part.to - part.from).sum()
    }

    fn paused_at(policy: &Policy, moment: i64) -> Policy {
        let mut paused = policy.clone();
        pause(paused.releases[0].canary.as_mut().unwrap(), Timestamp::from_seconds(moment));
        paused
    }

    proptest! {
        #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

        #[test]
        fn from_the_moment_on_a_share_stays_what_it_is_then(
            is_linear: bool,
            steps in proptest::collection::vec((1..1000_i64, 0..=100_u32), 2..5),
            buckets in proptest::sample::select(vec![100_u32, 700, 10_000, 1_000_000]),
            moment in 0..5000_i64,
            (before, after) in (0..5000_i64, 0..5000_i64),
        ) {
            let mut at = 0;
            let points: Vec<_> = steps.iter().map(|(step, percent)| {
                at += step;
                json!({"at": Timestamp::from_seconds(at).to_string(), "percent": percent})
            }).collect();
            let policy = policy(&json!({(if is_linear { "linear" } else { "steps" }): points}), buckets);
            let paused = paused_at(&policy, moment);
            let stands = share(&policy, moment);
            prop_assert_eq!(share(&paused, moment), stands);
            prop_assert_eq!(share(&paused, moment + after), stands);
            // The end of a line is a whole bucket now.
            let now = moment - before;
            prop_assert!(share(&paused, now).abs_diff(share(&policy, now)) <= 1);
        }
    }

    #[test]
    fn a_ramp_with_a_mistake_is_left_for_compile_to_tell() {
        let point = |at: &str, percent: f64| json!({"at": at, "percent": percent});
        for points in [
            json!([point("soon", 5.0), point("1970-01-01T00:02:00Z", 5.0)]),
            json!([point("1970-01-01T00:01:00Z", 5.0), point("1970-01-01T00:02:00Z", 500.0)]),
            json!([point("1970-01-01T00:02:00Z", 5.0), point("1970-01-01T00:01:00Z", 6.0)]),
        ] {
            let policy = policy(&json!({"linear": points}), 10_000);
            assert_eq!(paused_at(&policy, 90), policy);
        }
    }
}
