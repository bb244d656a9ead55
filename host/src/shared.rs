//! Data that all VMs of a process with the same `vm_id` share.

use proxy_wasm::hostcalls;

/// What stands under a key; `None` where nothing ever did. It is copied: about a microsecond, and 60 more a megabyte.
pub fn shared(key: &str) -> Option<Vec<u8>> {
    hostcalls::get_shared_data(key).ok()?.0
}

/// Puts something under a key. Readers see the whole of it or the whole of what was there before.
pub fn share(key: &str, value: &[u8]) {
    // Without a number to compare with it cannot be refused.
    let _ = hostcalls::set_shared_data(key, Some(value), None);
}

/// As often somebody else may come before a change.
const TRIES: usize = 8;

/// Changes what stands under a key, unless `change` has nothing for what it finds there. What stands there in the end.
///
/// Whoever comes before is not lost, once something stands there: what is nothing yet has no version to compare, so nothing is put there
/// first, and of two who do that at once the later may undo the earlier.
pub fn change_shared(key: &str, change: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Vec<u8> {
    let mut found = Vec::new();
    for _ in 0..TRIES {
        let Ok((value, version)) = hostcalls::get_shared_data(key) else { break };
        found = value.unwrap_or_default();
        if version.is_none() {
            share(key, b"");
            continue;
        }
        let Some(new) = change(&found) else { break };
        if hostcalls::set_shared_data(key, Some(&new), version).is_ok() {
            return new;
        }
    }
    found
}
