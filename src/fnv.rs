//! FNV-1a, 32 bits: <http://www.isthe.com/chongo/tech/comp/fnv/>. For the tables of a plan: only policies put keys
//! into them, so a client cannot make them collide.

/// The hash of nothing.
pub(crate) const START: u32 = 0x811c_9dc5;

/// The hash of what was hashed before and one byte more.
pub(crate) fn step(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
}

/// The hash of some bytes.
pub(crate) fn hash(bytes: impl IntoIterator<Item = u8>) -> u32 {
    bytes.into_iter().fold(START, step)
}
