//! The keys of a plugin, which sign and seal.

use crate::error::{At, Problem};
#[cfg(feature = "tools")]
use crate::error::{Path, PolicyErrors};
use crate::hex::byte_of_hex;
use crate::node::Node;
use crate::policy;
#[cfg(feature = "tools")]
use crate::read::read;
use crate::settings::Key;

use super::check;

/// Reads and checks the keys of a plugin by themselves: their ids, and what is wrong with them.
#[cfg(feature = "tools")]
pub fn check_keys(node: &Node<'_>) -> (policy::Map<String>, PolicyErrors) {
    let mut errors = PolicyErrors::default();
    let written = read(node, &Path::Root, &mut errors);
    errors.conceal("");
    compile(&written, &mut At::new(Path::Root, &mut errors));
    errors.conceal_keys(&Path::Root, ids(node));
    (written, errors)
}

/// The keys of a plugin.
pub(super) fn compile(written: &policy::Map<String>, at: &mut At<'_>) -> Box<[Key]> {
    let mut keys = Vec::with_capacity(written.len());
    for (id, digits) in written.iter() {
        let at = &mut at.key(id);
        check::name(Some(&id.to_owned()), at);
        let secret: Option<Vec<u8>> =
            digits.as_bytes().as_chunks::<2>().0.iter().map(|pair| byte_of_hex(pair)).collect();
        let is_good = digits.len() % 2 == 0 && (32..=128).contains(&digits.len());
        match secret.filter(|_| is_good) {
            Some(secret) => keys.push(Key { id: id.into(), secret: secret.into() }),
            // Nobody wants a secret in a log.
            None => at.error(Problem::Invalid, "", "32 to 128 hexadecimal digits, an even number of them"),
        }
    }
    keys.into()
}

/// The ids of keys, whatever else is wrong with them.
pub(super) fn ids<'n>(node: &'n Node<'_>) -> impl Iterator<Item = &'n str> {
    let map = if let Node::Map(map) = node { map.as_slice() } else { &[] };
    map.iter().map(|(key, _)| key.as_ref())
}
