//! `percent`: a part of all users, by the bucket of their gray id under a salt of the test's own. The same hash as that
//! of a split, see [`bucket`](crate::bucket): who is in can be computed outside.

use crate::arena::Text;
use crate::bucket::Bucket;
use crate::record::record;

record! {
    /// Buckets from `from` to before `to` under a salt.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Buckets {
        pub(crate) salt: Text,
        pub(crate) from: u16,
        pub(crate) to: u16,
    }
}

impl Buckets {
    /// Whether the id is in the range; `salt` is the text of the salt.
    pub(super) fn hold(self, salt: &[u8], id: &[u8]) -> bool {
        (self.from..self.to).contains(&bucket(salt, id))
    }
}

/// The bucket of an id, of 10,000.
pub(super) fn bucket(salt: &[u8], id: &[u8]) -> u16 {
    Bucket::of(salt, id).get()
}
