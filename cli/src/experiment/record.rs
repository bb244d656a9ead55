//! What is kept of a row until it is joined: numbers in place of names.

/// The number of a name that is none.
pub(super) const NONE: u16 = u16::MAX;

/// An exposure of one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exposed {
    /// The experiment in one of its revisions.
    pub(super) variant: u16,
    pub(super) group: u16,
    /// The position of the reason, see [`graylane::decision::Reason::ALL`]; another one is behind all of them.
    pub(super) reason: u8,
    /// In milliseconds; none where the row has no time.
    pub(super) time: Option<i64>,
}

/// A conversion of one user.
#[derive(Debug, Clone, Copy)]
pub(super) struct Converted<'r> {
    pub(super) goal: u16,
    pub(super) time: Option<i64>,
    /// Where it stands.
    pub(super) place: Place,
    claims: &'r [u8],
}

/// A line of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    /// The number of the file.
    pub(super) file: u16,
    /// The line, counted from 1.
    pub(super) line: u64,
}

/// Who says in which group a user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Claimant {
    /// `ab_group` of the client.
    Group,
    /// The X-Abtest-Id that the client was given.
    Id,
    /// The policy, by the engine.
    Policy,
}

/// That a user is in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) by: Claimant,
    /// The experiment; [`NONE`] where it is not said.
    pub(super) experiment: u16,
    /// The revision, where it is said.
    pub(super) revision: Option<u32>,
    /// The group; [`NONE`] for no part of the experiment.
    pub(super) group: u16,
}

const EXPOSED: u8 = 0;
const CONVERTED: u8 = 1;
/// What stands for no time.
const TIMELESS: i64 = i64::MIN;
const CLAIM: usize = 1 + 2 + 5 + 2;

/// A record that is read back.
#[derive(Debug, Clone, Copy)]
pub(super) enum Record<'r> {
    Exposed(Exposed),
    Converted(Converted<'r>),
}

impl Exposed {
    /// Writes the record in place of what is in `out`.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.clear();
        out.push(EXPOSED);
        out.extend_from_slice(&self.variant.to_le_bytes());
        out.extend_from_slice(&self.group.to_le_bytes());
        out.push(self.reason);
        out.extend_from_slice(&self.time.unwrap_or(TIMELESS).to_le_bytes());
    }
}

impl<'r> Converted<'r> {
    /// Writes a record in place of what is in `out`.
    pub(super) fn write(goal: u16, time: Option<i64>, place: Place, claims: &[Claim], out: &mut Vec<u8>) {
        out.clear();
        out.push(CONVERTED);
        out.extend_from_slice(&goal.to_le_bytes());
        out.extend_from_slice(&time.unwrap_or(TIMELESS).to_le_bytes());
        out.extend_from_slice(&place.file.to_le_bytes());
        out.extend_from_slice(&place.line.to_le_bytes());
        for claim in claims {
            out.push(claim.by as u8);
            out.extend_from_slice(&claim.experiment.to_le_bytes());
            out.push(u8::from(claim.revision.is_some()));
            out.extend_from_slice(&claim.revision.unwrap_or_default().to_le_bytes());
            out.extend_from_slice(&claim.group.to_le_bytes());
        }
    }

    /// What is said of the user's groups.
    pub(super) fn claims(&self) -> impl Iterator<Item = Claim> + use<'r> {
        self.claims.chunks_exact(CLAIM).filter_map(|bytes| {
            let mut bytes = Bytes(bytes);
            let by = match bytes.take()? {
                [0] => Claimant::Group,
                [1] => Claimant::Id,
                _ => Claimant::Policy,
            };
            let experiment = u16::from_le_bytes(bytes.take()?);
            let [has_revision] = bytes.take()?;
            let revision = u32::from_le_bytes(bytes.take()?);
            let revision = (has_revision == 1).then_some(revision);
            Some(Claim { by, experiment, revision, group: u16::from_le_bytes(bytes.take()?) })
        })
    }
}

impl<'r> Record<'r> {
    /// Reads back what was written.
    pub(super) fn read(bytes: &'r [u8]) -> Option<Self> {
        let mut bytes = Bytes(bytes);
        let [kind] = bytes.take()?;
        let time = |bytes: [u8; 8]| Some(i64::from_le_bytes(bytes)).filter(|time| *time != TIMELESS);
        if kind == EXPOSED {
            let (variant, group) = (u16::from_le_bytes(bytes.take()?), u16::from_le_bytes(bytes.take()?));
            let [reason] = bytes.take()?;
            return Some(Record::Exposed(Exposed { variant, group, reason, time: time(bytes.take()?) }));
        }
        let goal = u16::from_le_bytes(bytes.take()?);
        let time = time(bytes.take()?);
        let place =
            Place { file: u16::from_le_bytes(bytes.take()?), line: u64::from_le_bytes(bytes.take()?) };
        Some(Record::Converted(Converted { goal, time, place, claims: bytes.0 }))
    }
}

struct Bytes<'r>(&'r [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_back_as_it_was_written() {
        let mut bytes = Vec::new();
        for time in [None, Some(0), Some(-1), Some(i64::MAX)] {
            let exposed = Exposed { variant: 3, group: 300, reason: 8, time };
            exposed.write(&mut bytes);
            assert!(matches!(Record::read(&bytes), Some(Record::Exposed(read)) if read == exposed));
            let claims = [
                Claim { by: Claimant::Group, experiment: NONE, revision: None, group: 1 },
                Claim { by: Claimant::Id, experiment: 2, revision: Some(u32::MAX), group: 2 },
                Claim { by: Claimant::Policy, experiment: 2, revision: Some(0), group: NONE },
            ];
            let place = Place { file: 9, line: 1 << 40 };
            Converted::write(7, time, place, &claims, &mut bytes);
            let Some(Record::Converted(read)) = Record::read(&bytes) else { panic!("a conversion") };
            assert_eq!((read.goal, read.time, read.place), (7, time, place));
            assert!(read.claims().eq(claims));
        }
    }
}
