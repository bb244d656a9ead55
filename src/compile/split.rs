//! Shares and slots of a mode -> the slots of a split.

use super::schedule::timestamp;
use crate::arena::{Arena, LaneId, List};
use crate::error::{At, Decimal, Problem};
use crate::hash::Buckets;
use crate::policy::{self, Layout, Ramp};
use crate::split::{Point, Share, Slot, Split, buckets_of_percent, equal_parts};

use super::hash::CompiledHash;

/// A lane that asks for a share, as written.
pub(super) struct Asked<'a> {
    pub(super) lane: LaneId,
    pub(super) percent: Option<f64>,
    pub(super) ramp: Option<&'a Ramp>,
    pub(super) slots: &'a [policy::Slot],
    /// Its position in the list of groups or candidates, for messages.
    pub(super) index: usize,
    /// Whether it is the lane of everybody else, which need not say its share.
    pub(super) is_base: bool,
}

/// The split of the lanes of the list at `at`; `key` is what their share is called there.
pub(super) fn split(
    asked: &[Asked<'_>],
    hash: &CompiledHash,
    key: &str,
    arena: &mut Arena,
    at: &mut At<'_>,
) -> Split {
    let CompiledHash { hasher, buckets, layout, .. } = *hash;
    match layout {
        Layout::Slots => {
            let Buckets::Count(buckets) = buckets else { return none(hasher) };
            let mut laid_out = LaidOut { buckets, key, slots: Vec::new(), arena, taken: Vec::new() };
            let has_holes = asked.iter().any(|asked| asked.is_base && !asked.slots.is_empty());
            laid_out.lay(asked, at);
            let slots = laid_out.slots;
            Split { hasher, buckets, slots: arena.list(slots), has_holes }
        }
        Layout::Stacked => stacked(asked, hash, key, arena, at),
    }
}

/// Stands in for a split that could not be read.
fn none(hasher: crate::split::Hasher) -> Split {
    Split { hasher, buckets: 1, slots: List::default(), has_holes: false }
}

/// Lanes end to end, as wide as their weights.
fn stacked(asked: &[Asked<'_>], hash: &CompiledHash, key: &str, arena: &mut Arena, at: &mut At<'_>) -> Split {
    let mut slots = Vec::with_capacity(asked.len());
    let (mut start, mut sum) = (0_u32, 0_u32);
    for asked in asked {
        let at = &mut at.index(asked.index);
        let here = "lanes end to end have neither ramps nor slots; `layout: slots` has";
        if asked.ramp.is_some() {
            at.key("ramp").error(Problem::Forbidden, "", here);
        }
        if !asked.slots.is_empty() {
            at.key("slots").error(Problem::Forbidden, "", here);
        }
        let at = &mut at.key(key);
        let width = match hash.buckets {
            Buckets::Count(buckets) => percent_of(asked.percent, buckets, at),
            Buckets::SumOfWeights => weight(asked.percent, at),
        };
        sum = sum.saturating_add(width.unwrap_or_default());
        let end = sum.saturating_add(hash.extra).min(hash.buckets.total(u32::MAX));
        let size = end.saturating_sub(start);
        slots.push(Slot { lane: asked.lane, start, size, offset: 0, share: Share::Fixed(size) });
        start = end;
    }
    let buckets = hash.buckets.total(sum);
    if sum == 0 || sum > buckets || sum > Buckets::MAX {
        let allowed = match hash.buckets {
            Buckets::Count(_) => "percentages that add up to more than 0 and at most 100",
            Buckets::SumOfWeights => "weights that add up to 1 to 2147483647",
        };
        at.error(Problem::Invalid, sum, allowed);
    }
    Split { hasher: hash.hasher, buckets, slots: arena.list(slots), has_holes: false }
}

/// A required weight: a whole number.
fn weight(written: Option<f64>, at: &mut At<'_>) -> Option<u32> {
    let Some(weight) = written else {
        at.error(Problem::Required, "", "a weight");
        return None;
    };
    // Of as many buckets, a percentage is a whole number where the weight is one.
    let whole = buckets_of_percent(weight / f64::from(Buckets::MAX) * 100.0, Buckets::MAX);
    let whole = whole.filter(|_| weight.fract() == 0.0);
    if whole.is_none() {
        at.error(Problem::Invalid, Decimal(weight), "a whole number, 0 to 2147483647");
    }
    whole
}

/// Slots as they are laid out.
struct LaidOut<'a> {
    buckets: u32,
    /// What a share is called.
    key: &'a str,
    slots: Vec<Slot>,
    /// Keeps the points of ramps.
    arena: &'a mut Arena,
    /// The parts that are taken, and by which of the list.
    taken: Vec<(usize, u32, u32)>,
}

impl LaidOut<'_> {
    fn lay(&mut self, asked: &[Asked<'_>], at: &mut At<'_>) {
        let some = asked.iter().any(|asked| !asked.slots.is_empty());
        let all_have_slots = asked.iter().any(|asked| asked.is_base && !asked.slots.is_empty());
        let others = asked.iter().filter(|asked| !asked.is_base).count();
        let mut parts = equal_parts(others, self.buckets);
        for asked in asked.iter().filter(|asked| all_have_slots || !asked.is_base) {
            let part = parts.next().unwrap_or_default();
            let at = &mut at.index(asked.index);
            let parts = if !some {
                vec![part]
            } else if asked.slots.is_empty() {
                at.key("slots").error(Problem::Required, "", "where one lane has slots, every one must");
                continue;
            } else {
                self.written_parts(asked, &mut at.key("slots"))
            };
            // What could not be read is reported as that alone.
            let is_known = !some || parts.len() == asked.slots.len();
            let size = if is_known { parts.iter().map(|(_, size)| size).sum() } else { self.buckets };
            let Some(share) = self.share(asked, size, at) else { continue };
            let mut offset = 0;
            for (start, size) in parts {
                self.slots.push(Slot { lane: asked.lane, start, size, offset, share });
                offset += size;
            }
        }
    }

    fn written_parts(&mut self, asked: &Asked<'_>, at: &mut At<'_>) -> Vec<(u32, u32)> {
        let mut parts = Vec::with_capacity(asked.slots.len());
        for (index, slot) in asked.slots.iter().enumerate() {
            let at = &mut at.index(index);
            let from = percent_of(slot.from, self.buckets, &mut at.key("from"));
            let to = percent_of(slot.to, self.buckets, &mut at.key("to"));
            let (Some(from), Some(to)) = (from, to) else { continue };
            if from >= to {
                at.key("to").error(Problem::Invalid, self.shown(to), "must be more than `from`");
                continue;
            }
            if let Some((other, ..)) = self.taken.iter().find(|(_, start, end)| from < *end && *start < to) {
                let value = format!("{} to {}", self.shown(from), self.shown(to));
                at.error(Problem::Invalid, value, format_args!("must not overlap that of [{other}]"));
            }
            self.taken.push((asked.index, from, to));
            parts.push((from, to - from));
        }
        parts
    }

    /// What a lane fills of its slots, which have `size` buckets together.
    fn share(&mut self, asked: &Asked<'_>, size: u32, at: &mut At<'_>) -> Option<Share> {
        let Some(ramp) = asked.ramp else {
            let at = &mut at.key(self.key);
            let fill = percent_of(asked.percent, self.buckets, at)?;
            self.fits(fill, size, at);
            return Some(Share::Fixed(fill));
        };
        if asked.percent.is_some() {
            at.key(self.key).error(Problem::Forbidden, "", "the ramp says it");
        }
        let at = &mut at.key("ramp");
        let (written, is_linear, least, word) = match ramp {
            Ramp::Steps(points) => (points, false, 1, "steps"),
            Ramp::Linear(points) => (points, true, 2, "linear"),
        };
        let at = &mut at.key(word);
        if written.len() < least {
            let allowed = if is_linear { "at least two points" } else { "at least one point" };
            at.error(Problem::Invalid, format_args!("{} points", written.len()), allowed);
        }
        let mut points: Vec<Point> = Vec::with_capacity(written.len());
        for (index, point) in written.iter().enumerate() {
            let at = &mut at.index(index);
            let time = timestamp(point.at.as_ref(), &mut at.key("at"));
            let at_percent = &mut at.key("percent");
            let fill = percent_of(point.percent, self.buckets, at_percent);
            if let Some(fill) = fill {
                self.fits(fill, size, at_percent);
            }
            let (Some(time), Some(fill)) = (time, fill) else { continue };
            if points.last().is_some_and(|before| before.at >= time) {
                at.key("at").error(Problem::Invalid, time, "must be after the point before");
            }
            points.push(Point { at: time, fill });
        }
        let points = self.arena.list(points);
        Some(if is_linear { Share::Linear(points) } else { Share::Steps(points) })
    }

    fn fits(&self, fill: u32, size: u32, at: &mut At<'_>) {
        if fill > size {
            let other_way = if self.key == "weight" { ", or make this group the control" } else { "" };
            let allowed = format_args!(
                "at most {}, the size of its slots; write slots of your own{other_way} (docs/architecture.md#slots)",
                self.shown(size)
            );
            at.error(Problem::Invalid, self.shown(fill), allowed);
        }
    }

    fn shown(&self, buckets: u32) -> Decimal {
        percent_shown(buckets, self.buckets)
    }
}

/// A required percentage, as a number of so many buckets.
pub(super) fn percent_of(written: Option<f64>, buckets: u32, at: &mut At<'_>) -> Option<u32> {
    let Some(percent) = written else {
        at.error(Problem::Required, "", "a percentage");
        return None;
    };
    let number = buckets_of_percent(percent, buckets);
    if number.is_none() {
        let step = Decimal(100.0 / f64::from(buckets.max(1)));
        let allowed = format_args!("must be between 0 and 100 in steps of {step}");
        at.error(Problem::Invalid, Decimal(percent), allowed);
    }
    // Only tools listen to warnings.
    if cfg!(feature = "tools") && number == Some(0) && percent > 0.0 {
        at.warning("this rounds to nothing: it is less than a bucket; write 0, or more");
    }
    number
}

/// Buckets as the percentage that people write.
pub(super) fn percent_shown(number: u32, buckets: u32) -> Decimal {
    Decimal(f64::from(number) * 100.0 / f64::from(buckets.max(1)))
}
