//! Two ways to deal users, laid over each other: which part of all users stands where before and now. Nobody is asked; it is
//! calculated from the buckets.
//!
//! Deals by one hash are laid over each other bucket by bucket. Deals by different hashes know nothing of each other: the part
//! in both is the product.

use std::collections::BTreeMap;
use std::ops::Range;

use graylane::deal::Deal;
use graylane::hash::Reduction;

/// Where a user stands, as far as one deal or several say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stand {
    /// The gates that do not let the user in: a bit for each.
    pub(super) outside: u32,
    /// Where the split puts the user: a place by its number.
    pub(super) place: Option<usize>,
}

/// Where a user stands before and now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stands {
    pub(super) before: Stand,
    pub(super) now: Stand,
}

impl Stand {
    fn and(self, other: Stand) -> Stand {
        Stand { outside: self.outside | other.outside, place: self.place.or(other.place) }
    }
}

impl Stands {
    pub(super) fn and(self, other: Stands) -> Stands {
        Stands { before: self.before.and(other.before), now: self.now.and(other.now) }
    }
}

/// A deal, and what each of its parts says of a user.
#[derive(Debug)]
pub(super) struct Asked<'d> {
    pub(super) deal: &'d Deal<'d>,
    /// Deals of different eras know users by different ids.
    pub(super) era: u8,
    /// For each part of the deal.
    pub(super) stands: Vec<Stands>,
}

/// Parts of all users, by where they stand.
pub(super) type Crowd = BTreeMap<Stands, f64>;

/// Lays deals over each other; `start` is what is known of everybody.
pub(super) fn overlay(asked: &[Asked<'_>], start: Stands) -> Crowd {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for one in asked {
        match lines.iter_mut().find(|line| line.takes(one)) {
            Some(line) => line.asked.push(one),
            None => lines.push(Line { asked: vec![one] }),
        }
    }
    let mut crowd = Crowd::from([(start, 1.0)]);
    while let Some(line) = lines.pop() {
        let kin = lines.iter().position(|other| line.is_kin_of(other));
        let counts = match kin.map(|kin| lines.swap_remove(kin)) {
            Some(kin) => line.count_with(&kin),
            None => line.count(),
        };
        crowd = product(&crowd, &counts);
    }
    crowd
}

/// Whether two deals stand on one line: bucket by bucket they can be laid over each other.
pub(super) fn are_in_line(one: &Deal<'_>, other: &Deal<'_>) -> bool {
    one.draw == other.draw && (one.draw.reduction == Reduction::MultiplyShift || one.buckets == other.buckets)
}

/// Points in each of the places, and all of them.
type Counts = (BTreeMap<Stands, u128>, u128);

fn product(crowd: &Crowd, (counts, all): &Counts) -> Crowd {
    let mut both = Crowd::new();
    for (stands, share) in crowd {
        for (others, count) in counts {
            *both.entry(stands.and(*others)).or_default() += share * part(*count, *all);
        }
    }
    both
}

/// A count as a part of all.
#[expect(clippy::cast_precision_loss, reason = "a part of 10^15 is none that anybody sees")]
fn part(count: u128, all: u128) -> f64 {
    count as f64 / all as f64
}

/// The number of hashes that multiply-shift tells apart.
const HASHES: u64 = 1 << 32;

/// Deals that can be laid over each other.
struct Line<'a> {
    asked: Vec<&'a Asked<'a>>,
}

/// A piece of a line, on which everybody stands the same.
struct Piece {
    points: Range<u64>,
    stands: Stands,
}

impl<'a> Line<'a> {
    fn takes(&self, one: &Asked<'_>) -> bool {
        self.asked.first().is_some_and(|first| first.era == one.era && are_in_line(first.deal, one.deal))
    }

    /// By the remainders of one hash: points of one line then say something of points of the other, though not all.
    fn is_kin_of(&self, other: &Line<'_>) -> bool {
        let by = |line: &Line<'a>| line.asked.first().map(|one| (one.era, one.deal.draw));
        let by_other = other.asked.first().map(|one| (one.era, one.deal.draw));
        by(self).is_some_and(|own| Some(own) == by_other)
    }

    /// The points of the line: hashes where the buckets keep their order, else buckets.
    fn length(&self) -> u64 {
        let Some(first) = self.asked.first() else { return 1 };
        match first.deal.draw.reduction {
            Reduction::MultiplyShift => HASHES,
            Reduction::Modulo => first.deal.buckets.into(),
        }
    }

    fn pieces(&self) -> Vec<Piece> {
        let length = self.length();
        let mut ends: Vec<u64> = self
            .asked
            .iter()
            .flat_map(|one| one.deal.parts.iter().map(|part| point(part.end, one.deal)))
            .collect();
        ends.push(length);
        ends.sort_unstable();
        ends.dedup();
        let mut start = 0;
        let mut pieces = Vec::with_capacity(ends.len());
        for end in ends.into_iter().filter(|end| *end > 0) {
            let stands = self.asked.iter().map(|one| one.at(start)).fold(Stands::default(), Stands::and);
            pieces.push(Piece { points: start..end, stands });
            start = end;
        }
        pieces
    }

    fn count(&self) -> Counts {
        let mut counts = BTreeMap::new();
        for Piece { points, stands } in self.pieces() {
            *counts.entry(stands).or_default() += u128::from(points.end.saturating_sub(points.start));
        }
        (counts, self.length().into())
    }

    /// The points that the remainders of one hash by two divisors have in common.
    fn count_with(&self, other: &Line<'_>) -> Counts {
        let divisors @ [one, two] = [self.length(), other.length()];
        let mut counts = BTreeMap::new();
        let others = other.pieces();
        for Piece { points, stands } in self.pieces() {
            for other in &others {
                let met = meetings([&points, &other.points], divisors);
                if met > 0 {
                    *counts.entry(stands.and(other.stands)).or_default() += met;
                }
            }
        }
        let all = u128::from(one) * u128::from(two / gcd(one, two).max(1));
        (counts, all)
    }
}

impl Asked<'_> {
    /// What is known of the user at a point.
    fn at(&self, at: u64) -> Stands {
        let position = self.deal.parts.partition_point(|part| point(part.end, self.deal) <= at);
        self.stands.get(position).copied().unwrap_or_default()
    }
}

/// The first point of a bucket.
fn point(bucket: u32, deal: &Deal<'_>) -> u64 {
    match deal.draw.reduction {
        // The first hash for which `(hash * buckets) >> 32` is the bucket.
        Reduction::MultiplyShift => (u64::from(bucket) * HASHES).div_ceil(u64::from(deal.buckets.max(1))),
        Reduction::Modulo => bucket.into(),
    }
}

/// How many numbers below the least common multiple of two divisors have their remainders by both in these ranges.
///
/// To each pair of remainders that are equal modulo the greatest common divisor belongs one number (the Chinese remainder theorem).
/// How many of a range have a given remainder by that divisor is the same between the ends of the ranges.
fn meetings(ranges: [&Range<u64>; 2], [one, two]: [u64; 2]) -> u128 {
    let common = gcd(one, two).max(1);
    let mut cuts: Vec<u64> =
        ranges.iter().flat_map(|range| [range.start % common, range.end % common]).collect();
    cuts.extend([0, common]);
    cuts.sort_unstable();
    let below = |end: u64, remainder: u64| (end + common - 1 - remainder) / common;
    let met = |(start, end): (u64, u64)| {
        let with = |range: &Range<u64>| u128::from(below(range.end, start) - below(range.start, start));
        u128::from(end - start) * ranges.iter().map(|range| with(range)).product::<u128>()
    };
    cuts.iter().copied().zip(cuts.iter().copied().skip(1)).filter(|(start, end)| start < end).map(met).sum()
}

fn gcd(one: u64, two: u64) -> u64 {
    if two == 0 { one } else { gcd(two, one % two) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_meet_as_often_as_counting_finds() {
        for divisors @ [one, two] in [[1, 1], [4, 6], [10, 20], [7, 9], [12, 12], [100, 105], [1, 30]] {
            let least = one / gcd(one, two) * two;
            for (start, end) in [(0, one), (0, one / 2), (one / 3, one)] {
                for (other_start, other_end) in [(0, two), (two / 2, two), (two / 3, two / 3 + 1)] {
                    let counted = (0..least).filter(|number| {
                        (start..end).contains(&(number % one))
                            && (other_start..other_end).contains(&(number % two))
                    });
                    let met = meetings([&(start..end), &(other_start..other_end)], divisors);
                    assert_eq!(
                        met,
                        counted.count() as u128,
                        "{start}..{end} of {divisors:?}, {other_start}..{other_end}"
                    );
                }
            }
        }
    }
}
