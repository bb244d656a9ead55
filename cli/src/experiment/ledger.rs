//! The names of experiments, groups and goals, and a number for each.

use std::collections::HashMap;

use super::record::NONE;

/// As many different names there may be of one kind: what has more is no name.
const LIMIT: usize = 1_000;

/// Names and their numbers, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Register {
    names: Vec<String>,
    numbers: HashMap<String, u16>,
}

impl Register {
    /// The number of a name, which may be new; `None` where there are too many.
    pub(super) fn number(&mut self, name: &str) -> Option<u16> {
        if let Some(number) = self.numbers.get(name) {
            return Some(*number);
        }
        let number = u16::try_from(self.names.len()).ok().filter(|number| usize::from(*number) < LIMIT)?;
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        Some(number)
    }

    /// The name of a number.
    pub(super) fn name(&self, number: u16) -> &str {
        self.names.get(usize::from(number)).map_or("", |name| name)
    }

    /// The number of a name that is there.
    pub(super) fn known(&self, name: &str) -> Option<u16> {
        self.numbers.get(name).copied()
    }
}

/// An experiment in one of its revisions: the number of its name, and the revision.
pub(super) type Variant = (u16, u32);

/// All names of a report.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) experiments: Register,
    pub(super) groups: Register,
    pub(super) goals: Register,
    variants: Vec<Variant>,
    numbers: HashMap<Variant, u16>,
}

impl Ledger {
    /// The number of an experiment in one of its revisions; `None` where there are too many.
    pub(super) fn variant(&mut self, experiment: &str, revision: u32) -> Option<u16> {
        let variant = (self.experiments.number(experiment)?, revision);
        if let Some(number) = self.numbers.get(&variant) {
            return Some(*number);
        }
        let number = u16::try_from(self.variants.len()).ok().filter(|number| usize::from(*number) < LIMIT)?;
        self.variants.push(variant);
        self.numbers.insert(variant, number);
        Some(number)
    }

    /// Experiment and revision of a number.
    pub(super) fn of_variant(&self, number: u16) -> Variant {
        self.variants.get(usize::from(number)).copied().unwrap_or((NONE, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_and_there_is_an_end_to_them() {
        let mut ledger = Ledger::default();
        assert_eq!(
            (ledger.variant("a", 1), ledger.variant("a", 2), ledger.variant("a", 1)),
            (Some(0), Some(1), Some(0))
        );
        assert_eq!(ledger.of_variant(1), (0, 2));
        for number in 0..LIMIT {
            assert!(ledger.goals.number(&number.to_string()).is_some());
        }
        assert_eq!((ledger.goals.number("more"), ledger.goals.number("7")), (None, Some(7)));
        assert_eq!((ledger.goals.name(7), ledger.goals.known("8")), ("7", Some(8)));
    }
}
