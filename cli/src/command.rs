//! The commands, one file each: its options, and what it does.

pub(crate) mod check;
pub(crate) mod completion;
pub(crate) mod explain;
pub(crate) mod fmt;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod keygen;
pub(crate) mod parity;
pub(crate) mod render;
mod request;
pub(crate) mod schema;
pub(crate) mod sign;
pub(crate) mod simulate;
pub(crate) mod verify;
