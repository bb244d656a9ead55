//! The automaton while it is built: positions, and fragments of an expression that are put together.

use super::Allowed;
use super::set::Set;
use crate::limits::POSITIONS;

/// Every byte but the line feed.
pub(super) fn in_line() -> Set<4> {
    !Set::of(&[(b'\n', b'\n')])
}

/// The positions so far.
#[derive(Debug, Default)]
pub(super) struct Automaton {
    positions: Vec<Position>,
}

#[derive(Debug, Clone, Copy)]
struct Position {
    /// The bytes that it takes.
    bytes: Set<4>,
    /// The positions that may come after it.
    follow: Set<4>,
}

/// A part of an expression that is complete in itself. Its positions are those from `start` up to where the next
/// fragment starts; no position before them leads into them yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fragment {
    start: usize,
    pub(super) nullable: bool,
    pub(super) first: Set<4>,
    pub(super) last: Set<4>,
    /// A byte that every text of it holds, where one is known; none where it may be empty.
    pub(super) needs: Option<u8>,
}

impl Fragment {
    /// The same, or nothing at all if it `may_be` missing.
    fn or_nothing(self, may_be: bool) -> Self {
        if may_be { Fragment { nullable: true, needs: None, ..self } } else { self }
    }

    /// The same, `by` positions further.
    fn moved(self, by: usize) -> Self {
        Fragment { start: self.start + by, first: moved(self.first, by), last: moved(self.last, by), ..self }
    }
}

/// How seldom a byte stands in headers and paths.
fn rarity(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' | b'0'..=b'9' | b' ' | b'/' | b'.' | b'-' => 0,
        b'A'..=b'Z' | b';' | b',' | b'=' | b'(' | b')' | b'_' | b':' => 1,
        _ => 2,
    }
}

fn moved(set: Set<4>, by: usize) -> Set<4> {
    let mut moved = Set::EMPTY;
    for number in set.iter() {
        moved.insert(number + by);
    }
    moved
}

/// Positions by what they have in common.
#[derive(Debug)]
pub(super) struct Shape {
    /// The next position may follow.
    pub(super) chain: Set<4>,
    /// They themselves may follow.
    pub(super) loops: Set<4>,
    /// Any other may follow.
    pub(super) branches: Set<4>,
    /// They take a byte at all.
    pub(super) possible: Set<4>,
    /// They take any run of bytes without a line feed.
    pub(super) everything: Set<4>,
}

impl Automaton {
    /// The empty text.
    pub(super) fn empty(&self) -> Fragment {
        let none = Set::EMPTY;
        Fragment { start: self.positions.len(), nullable: true, first: none, last: none, needs: None }
    }

    /// One of `bytes`.
    pub(super) fn one_of(&mut self, bytes: Set<4>) -> Result<Fragment, Allowed> {
        let start = self.positions.len();
        if start == POSITIONS {
            return Err(Allowed::Positions);
        }
        self.positions.push(Position { bytes, follow: Set::EMPTY });
        let mut only = Set::EMPTY;
        only.insert(start);
        let needs = if bytes.len() == 1 { bytes.iter().next() } else { None };
        let needs = needs.and_then(|byte| u8::try_from(byte).ok());
        Ok(Fragment { start, nullable: false, first: only, last: only, needs })
    }

    /// One after the other.
    pub(super) fn then(&mut self, one: Fragment, other: Fragment) -> Fragment {
        self.link(one.last, other.first);
        Fragment {
            start: one.start,
            nullable: one.nullable && other.nullable,
            first: if one.nullable { one.first | other.first } else { one.first },
            last: if other.nullable { one.last | other.last } else { other.last },
            needs: one.needs.into_iter().chain(other.needs).max_by_key(|byte| rarity(*byte)),
        }
    }

    /// One or the other.
    pub(super) fn or(one: Fragment, other: Fragment) -> Fragment {
        Fragment {
            start: one.start,
            nullable: one.nullable || other.nullable,
            first: one.first | other.first,
            last: one.last | other.last,
            needs: one.needs.filter(|byte| other.needs == Some(*byte)),
        }
    }

    /// The fragment built last, at least and at most so many times.
    pub(super) fn repeat(
        &mut self,
        fragment: Fragment,
        least: usize,
        most: Option<usize>,
    ) -> Result<Fragment, Allowed> {
        let positions = self.positions.len() - fragment.start;
        let copies = most.unwrap_or(least.max(1));
        if copies == 0 {
            self.positions.truncate(fragment.start);
            return Ok(self.empty());
        }
        // Of what has no positions, one copy is as good as many.
        let copies = if positions == 0 { 1 } else { copies };
        if positions.saturating_mul(copies - 1) > POSITIONS - self.positions.len() {
            return Err(Allowed::Positions);
        }
        for by in (1..copies).map(|copy| copy * positions) {
            for at in fragment.start..fragment.start + positions {
                let pristine = self.positions.get(at).copied();
                self.positions.extend(pristine.map(|one| Position { follow: moved(one.follow, by), ..one }));
            }
        }
        // From the end, so that what may be missing nests, a(a(a)?)?, and each copy leads to the next alone.
        let mut whole = fragment.moved((copies - 1) * positions);
        if most.is_none() {
            self.link(whole.last, whole.first);
        }
        whole = whole.or_nothing(copies > least);
        for copy in (0..copies - 1).rev() {
            whole = self.then(fragment.moved(copy * positions), whole).or_nothing(copy >= least);
        }
        Ok(whole)
    }

    fn link(&mut self, from: Set<4>, to: Set<4>) {
        for (at, position) in self.positions.iter_mut().enumerate() {
            if from.contains(at) {
                position.follow = position.follow | to;
            }
        }
    }

    /// For each position, those that may come after it.
    pub(super) fn follow(&self) -> impl ExactSizeIterator<Item = Set<4>> {
        self.positions.iter().map(|position| position.follow)
    }

    /// The class of each byte, and for each class the positions that take its bytes.
    pub(super) fn classes(&self) -> ([u8; 256], Vec<Set<4>>) {
        let mut classes = Vec::new();
        let map = std::array::from_fn(|byte| {
            let mut takers = Set::EMPTY;
            for (at, position) in self.positions.iter().enumerate() {
                takers.put(at, position.bytes.contains(byte));
            }
            let known = classes.iter().position(|class| *class == takers);
            let class = known.unwrap_or_else(|| {
                classes.push(takers);
                classes.len() - 1
            });
            // There are no more of them than bytes.
            u8::try_from(class).unwrap_or_default()
        });
        (map, classes)
    }

    /// What positions have in common.
    pub(super) fn shape(&self) -> Shape {
        let in_line = in_line();
        let none = Set::EMPTY;
        let mut shape = Shape { chain: none, loops: none, branches: none, possible: none, everything: none };
        for (at, Position { bytes, follow }) in self.positions.iter().enumerate() {
            let (is_chained, loops) = (follow.contains(at + 1), follow.contains(at));
            shape.chain.put(at, is_chained);
            shape.loops.put(at, loops);
            shape.branches.put(at, follow.len() > u32::from(is_chained) + u32::from(loops));
            shape.possible.put(at, !bytes.is_empty());
            shape.everything.put(at, loops && (*bytes | !in_line).len() == 256);
        }
        shape
    }

    /// Whether a text can match whose bytes are these: one of `first`, then some of `each`, at the end one of `last`.
    #[cfg(feature = "tools")]
    pub(super) fn can_match(&self, whole: Fragment, [first, each, last]: [Set<4>; 3]) -> bool {
        let takers = |bytes: Set<4>| {
            let mut takers = Set::EMPTY;
            for (at, position) in self.positions.iter().enumerate() {
                takers.put(at, !(position.bytes & bytes).is_empty());
            }
            takers
        };
        let reached = self.reached(whole.first & takers(first), takers(each));
        whole.nullable || !(reached & whole.last & takers(last)).is_empty()
    }

    /// The positions that texts lead to, where `first` are those that begin and others than `possible` take nothing.
    pub(super) fn reached(&self, first: Set<4>, possible: Set<4>) -> Set<4> {
        let mut reached = first & possible;
        loop {
            let mut more = reached;
            for (at, position) in self.positions.iter().enumerate() {
                if reached.contains(at) {
                    more = more | (position.follow & possible);
                }
            }
            if more == reached {
                return reached;
            }
            reached = more;
        }
    }
}
