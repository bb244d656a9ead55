//! Every limit, once. Beside these, JSON is read to 128 levels (`serde_json`'s limit).

/// The most bytes that a value has, envelope and all. etcd takes 1.5 MiB by default, `ZooKeeper` 1 MiB.
pub const VALUE: usize = 1 << 20;

/// The most signatures in an envelope.
pub const SIGNATURES: usize = 8;

/// The most keys of a keyring.
pub const KEYS: usize = 32;

/// The longest id of a key, in bytes.
pub const KEY_ID: usize = 128;

/// The fewest and the most hexadecimal digits of a shared secret.
pub const SECRET_DIGITS: core::ops::RangeInclusive<usize> = 32..=128;
