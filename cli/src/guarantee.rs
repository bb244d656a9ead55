//! The ramp guarantee as a rule, for whoever counts users and for whoever calculates them. See docs/architecture.md, "Slots".

use serde::Serialize;

/// Whether the ramp guarantee holds: of the users whom both policies split, nobody moves but out of the base lane into one that
/// grew, out of one that shrank into the base lane, or from one that shrank to one that grew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Guarantee {
    /// It holds.
    Holds,
    /// Some users move though no share asks for it.
    Broken,
    /// Everybody is dealt anew, and some users move though no share asks for it.
    DealtAnew,
}

/// What became of the share of a lane.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Change {
    /// Whether it is the base lane, before or now.
    pub(crate) is_base: bool,
    pub(crate) shrank: bool,
    pub(crate) grew: bool,
}

impl Change {
    /// Whether shares ask for users to move from this lane to another.
    pub(crate) fn explains_move_to(self, to: Change) -> bool {
        self.shrank && to.grew
            || self.is_base && to.grew && !to.is_base
            || self.shrank && !self.is_base && to.is_base
    }
}
