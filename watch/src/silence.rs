//! Whether the source has been silent for longer than the settings allow, and since when.

use graylane::pages::Staleness;
use graylane::policy::{Stale, WhenStale};
use graylane::time::Timestamp;

/// The silence of a source, as it was judged last.
#[derive(Debug, Default)]
pub struct Silence {
    /// While it is too long: what happens, and when it became so.
    too_long: Option<(WhenStale, Timestamp)>,
}

impl Silence {
    /// Judges it anew: what is `allowed`, and for how many milliseconds nothing was heard. Returns whether something else happens
    /// now.
    pub fn judge(&mut self, allowed: Option<&Stale>, silent: u64, now: impl FnOnce() -> Timestamp) -> bool {
        let exceeded = |stale: &Stale| {
            let beyond = silent.checked_sub(u64::from(stale.after?) * 1000)?;
            Some((stale.then.unwrap_or_default(), beyond / 1000))
        };
        let too_long = allowed.and_then(exceeded);
        if too_long.map(|(then, _)| then) == self.too_long.map(|(then, _)| then) {
            return false;
        }
        self.too_long = too_long.map(|(then, beyond)| {
            let beyond = i64::try_from(beyond).unwrap_or(i64::MAX);
            (then, Timestamp::from_seconds(now().seconds().saturating_sub(beyond)))
        });
        true
    }

    /// What decisions do.
    pub fn staleness(&self) -> Staleness {
        match self.too_long {
            None | Some((WhenStale::Keep, _)) => Staleness::Fresh,
            Some((WhenStale::FreezeRamps, since)) => Staleness::FrozenRamps(since),
            Some((WhenStale::DefaultLanes, _)) => Staleness::DefaultLanes,
        }
    }

    /// While it is too long: since when, and what happens, in words.
    pub fn too_long(&self) -> Option<(Timestamp, &'static str)> {
        let (then, since) = self.too_long?;
        let what = match then {
            WhenStale::Keep => "what is in force goes on",
            WhenStale::FreezeRamps => "ramps stand still",
            WhenStale::DefaultLanes => "everybody is in the default lanes",
        };
        Some((since, what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: u32, then: WhenStale) -> Stale {
        Stale { after: Some(seconds), then: Some(then) }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn ramps_are_frozen_at_the_moment_of_the_limit_however_late_that_is_seen() {
        let (mut silence, allowed) = (Silence::default(), Some(after(300, WhenStale::FreezeRamps)));
        let mut judge =
            |silent, now| (silence.judge(allowed.as_ref(), silent, || at(now)), silence.staleness());
        assert_eq!(judge(299_999, 5_000), (false, Staleness::Fresh));
        assert_eq!(judge(307_400, 5_007), (true, Staleness::FrozenRamps(at(5_000))));
        assert_eq!(judge(308_990, 5_009), (false, Staleness::FrozenRamps(at(5_000))), "and stays there");
        assert_eq!(judge(12, 5_010), (true, Staleness::Fresh));
        assert_eq!(judge(300_000, 5_310), (true, Staleness::FrozenRamps(at(5_310))));
    }

    #[test]
    fn what_the_settings_say_now_counts() {
        let mut silence = Silence::default();
        for (allowed, changes, staleness, is_too_long) in [
            (None, false, Staleness::Fresh, false),
            (Some(after(60, WhenStale::Keep)), true, Staleness::Fresh, true),
            (Some(after(60, WhenStale::DefaultLanes)), true, Staleness::DefaultLanes, true),
            (Some(after(90, WhenStale::DefaultLanes)), true, Staleness::Fresh, false),
            (Some(Stale { after: Some(60), then: None }), true, Staleness::Fresh, true),
            (None, true, Staleness::Fresh, false),
        ] {
            assert_eq!(silence.judge(allowed.as_ref(), 70_000, || at(0)), changes, "{allowed:?}");
            assert_eq!((silence.staleness(), silence.too_long().is_some()), (staleness, is_too_long));
        }
    }
}
