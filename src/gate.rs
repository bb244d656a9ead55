//! Who is part of an experiment at all, before anybody is split among its groups.
//!
//! A gate is drawn by a hash of its own. Gated and split by one hash, a 10 % experiment would give all its
//! users to its first group.

use std::fmt;

use crate::arena::Block;
use crate::record::record;
use crate::split::Hasher;

record! {
    /// A part of all users that an experiment may take.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Gate {
        pub(crate) hasher: Hasher,
        pub(crate) buckets: u32,
        /// The first bucket that is in.
        pub(crate) from: u32,
        /// The first bucket behind it that is not.
        pub(crate) to: u32,
        /// Why others are out.
        pub(crate) outside: Outside,
    }
}

impl Gate {
    /// The bucket of an id.
    pub(crate) fn bucket(&self, block: Block<'_>, id: &[u8]) -> u32 {
        self.hasher.bucket(block, id, self.buckets)
    }

    /// Whether ids of this bucket are in.
    pub(crate) fn lets_in(&self, bucket: u32) -> bool {
        (self.from..self.to).contains(&bucket)
    }
}

/// Why a request is no part of an experiment that governs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outside {
    /// The user is in the holdout of the policy, of the layer, or of the experiment.
    Holdout,
    /// The part of the layer that the user is in belongs to another experiment, or to none.
    Layer,
    /// The user is in no part of the experiment's traffic.
    Traffic,
    /// The request is none of the audience.
    Audience,
    /// The request has no id by which anybody could be told apart.
    Anonymous,
}

record!(enum Outside, else Outside::Traffic; Holdout, Layer, Traffic, Audience, Anonymous);

impl Outside {
    /// The reason as a word for logs and headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Outside::Holdout => "holdout",
            Outside::Layer => "layer",
            Outside::Traffic => "traffic",
            Outside::Audience => "audience",
            Outside::Anonymous => "anonymous",
        }
    }
}

impl fmt::Display for Outside {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}
