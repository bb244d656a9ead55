//! Shares and slots of a mode -> the slots of a split.

use crate::arena::LaneId;
use crate::error::{At, Decimal, Problem};
use crate::policy;
use crate::split::{Slot, buckets_of_percent, equal_parts};

/// A lane that asks for a share, as written.
pub(super) struct Share<'a> {
    pub(super) lane: LaneId,
    pub(super) percent: Option<f64>,
    pub(super) slot: Option<&'a policy::Slot>,
    /// Its position in the list of groups or candidates, for messages.
    pub(super) index: usize,
}

/// The slots of `shares`, which stand in the list at `path`; `key` is what their percentage is called there.
pub(super) fn slots(shares: &[Share<'_>], key: &str, at: &mut At<'_>) -> Vec<Slot> {
    let some = shares.iter().any(|share| share.slot.is_some());
    let parts = equal_parts(shares.len());
    let mut slots: Vec<(usize, Slot)> = Vec::with_capacity(shares.len());
    for (share, part) in shares.iter().zip(parts) {
        let at = &mut at.index(share.index);
        let part = match share.slot {
            Some(slot) => written_part(slot, &mut at.key("slot")),
            None if some => {
                at.key("slot").error(Problem::Required, "", "where one lane has a slot, every one must");
                None
            }
            None => Some(part),
        };
        let fill = percent(share.percent, &mut at.key(key));
        let (Some((start, size)), Some(fill)) = (part, fill) else { continue };
        if fill > size {
            let other_way = if key == "weight" { ", or make this group the control" } else { "" };
            let allowed = format_args!(
                "at most {}, the size of its slot; write slots of your own{other_way} (docs/architecture.md#slots)",
                Percent(size)
            );
            at.key(key).error(Problem::Invalid, Percent(fill), allowed);
        }
        if let Some((other, _)) =
            slots.iter().find(|(_, slot)| start < slot.start + slot.size && slot.start < start + size)
        {
            let value = format_args!("{} to {}", Percent(start), Percent(start + size)).to_string();
            at.key("slot").error(Problem::Invalid, value, format_args!("must not overlap that of [{other}]"));
        }
        slots.push((share.index, Slot { lane: share.lane, start, size, fill }));
    }
    slots.into_iter().map(|(_, slot)| slot).collect()
}

fn written_part(slot: &policy::Slot, at: &mut At<'_>) -> Option<(u16, u16)> {
    let from = percent(slot.from, &mut at.key("from"));
    let to = percent(slot.to, &mut at.key("to"));
    let (from, to) = (from?, to?);
    if from >= to {
        at.key("to").error(Problem::Invalid, Percent(to), "must be more than `from`");
        return None;
    }
    Some((from, to - from))
}

/// A required percentage, in buckets.
pub(super) fn percent(written: Option<f64>, at: &mut At<'_>) -> Option<u16> {
    let Some(percent) = written else {
        at.error(Problem::Required, "", "a percentage");
        return None;
    };
    let buckets = buckets_of_percent(percent);
    if buckets.is_none() {
        at.error(Problem::Invalid, Decimal(percent), "must be between 0 and 100 in steps of 0.01");
    }
    buckets
}

/// Buckets as the percentage that people write.
pub(super) struct Percent(pub(super) u16);

impl std::fmt::Display for Percent {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(out, "{whole}"),
            (whole, part) if part % 10 == 0 => write!(out, "{whole}.{}", part / 10),
            (whole, part) => write!(out, "{whole}.{part:02}"),
        }
    }
}
