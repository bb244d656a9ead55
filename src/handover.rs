//! The configuration of a plugin with what it was compiled into, as one VM of a process leaves it for the others.
//!
//! Each worker of a proxy has a VM of its own, and Envoy configures one more before all of them, where no requests wait. Who takes
//! over what that one has compiled is kept from its requests for as long as a copy takes.
//!
//! ```text
//! mark            of the module
//! head            layout and lengths
//! configuration   whoever has another one takes nothing over
//! frame           the configuration without its releases, and what only they say for all, as JSON
//! index           host and path -> releases
//! releases        the length of each block, then the blocks
//! ```

use crate::arena::position;
use crate::compile::{self, Loaded, load_frame};
use crate::index::Index;
use crate::pages::{LAYOUT, read_blocks, write_blocks};
use crate::record::{Record, record, take};

/// Configurations of fewer bytes are not worth it: to compile one takes a millisecond or two.
const LEAST: usize = 1 << 16;

/// Another version may compile the same into something else.
const MARK: &[u8] = concat!("graylane ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();

record! {
    #[derive(Debug, Clone, Copy)]
    struct Head {
        layout: u32,
        configuration: u32,
        frame: u32,
        releases: u32,
    }
}

/// Loads the configuration of a plugin, as another VM has compiled it if one has. `get` and `put` are data that all VMs share, by key.
///
/// The last configuration is kept, and the one before, which may come back: Envoy has no VM try again what one has accepted.
pub fn load(
    plugin: &str,
    configuration: &[u8],
    get: impl Fn(&str) -> Option<Vec<u8>>,
    put: impl Fn(&str, &[u8]),
) -> Loaded {
    if configuration.len() < LEAST {
        return compile::load(configuration);
    }
    let keys = ["last", "before"].map(|place| format!("graylane.configured.{plugin}.{place}"));
    let [last, before] = &keys;
    if let Some(loaded) = keys.iter().find_map(|key| read(&get(key)?, configuration)) {
        return Loaded { is_taken_over: true, ..loaded };
    }
    let loaded = compile::load(configuration);
    if let Some(bytes) = write(configuration, &loaded) {
        if let Some(bytes) = get(last) {
            put(before, &bytes);
        }
        put(last, &bytes);
    }
    loaded
}

/// What others may take over of a configuration and what was loaded of it; nothing where that has mistakes.
pub fn write(configuration: &[u8], loaded: &Loaded) -> Option<Vec<u8>> {
    let plan = loaded.plan.as_ref().ok()?;
    let head = Head {
        layout: LAYOUT,
        configuration: position(configuration.len()),
        frame: position(loaded.frame.len()),
        releases: position(plan.segments.len()),
    };
    let mut bytes = vec![0; MARK.len() + Head::SIZE];
    let (mark, rest) = bytes.split_at_mut_checked(MARK.len())?;
    mark.copy_from_slice(MARK);
    head.put(rest);
    bytes.extend_from_slice(configuration);
    bytes.extend_from_slice(&loaded.frame);
    plan.index.write(&mut bytes);
    write_blocks(plan.segments.iter(), &mut bytes);
    Some(bytes)
}

/// What was loaded of this configuration, if these bytes are about it.
pub fn read(bytes: &[u8], configuration: &[u8]) -> Option<Loaded> {
    let mut rest = bytes.strip_prefix(MARK)?;
    let head: Head = take(&mut rest);
    if head.layout != LAYOUT || head.configuration != position(configuration.len()) {
        return None;
    }
    let rest = rest.strip_prefix(configuration)?;
    let (frame, mut rest) = rest.split_at_checked(head.frame as usize)?;
    let mut loaded = load_frame(frame)?;
    let plan = loaded.plan.as_mut().ok()?;
    plan.index = Index::read(&mut rest);
    let releases = head.releases as usize;
    if releases > rest.len() / u32::SIZE {
        return None;
    }
    plan.segments = read_blocks(rest, releases).collect();
    Some(loaded)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    /// A process with the data that its VMs share.
    #[derive(Default)]
    struct Process {
        shared: RefCell<BTreeMap<String, Vec<u8>>>,
    }

    impl Process {
        /// Has a VM load a configuration: what is in force, and whether it compiled that itself.
        fn configure(&self, configuration: &str) -> (Loaded, bool) {
            let has_put = RefCell::new(false);
            let get = |key: &str| self.shared.borrow().get(key).cloned();
            let put = |key: &str, bytes: &[u8]| {
                has_put.replace(true);
                self.shared.borrow_mut().insert(key.to_owned(), bytes.to_vec());
            };
            let loaded = load("shop", configuration.as_bytes(), get, put);
            (loaded, has_put.take())
        }
    }

    fn configuration(version: u32, releases: usize) -> String {
        let release = |number| {
            json!({
                "name": format!("r-{number}"), "match": {"hosts": [format!("h-{number}")]},
                "lanes": [{"name": "stable"}, {"name": "v2"}], "overrides": {"headers": ["x-to"]},
                "canary": {"stable": "stable", "candidates": [{"lane": "v2", "percent": 5}]},
            })
        };
        let releases: Vec<_> = (0..releases).map(release).collect();
        let layers = json!([{"name": "page", "holdout": 2.5}]);
        let policy = json!({"language": 1, "version": version, "layers": layers, "releases": releases});
        json!({"trust": "mesh", "accessLog": true, "keys": {"k": "0".repeat(32)}, "policy": policy})
            .to_string()
    }

    #[test]
    fn one_vm_compiles_and_the_others_have_the_same() {
        let process = Process::default();
        let configuration = configuration(7, 500);
        let (compiled, is_own) = process.configure(&configuration);
        assert!(is_own);
        let (taken, is_own) = process.configure(&configuration);
        assert!(!is_own);
        assert_eq!((taken.trust, taken.access_log, taken.watch), (compiled.trust, true, None));
        let (compiled, taken) = (compiled.plan.unwrap(), taken.plan.unwrap());
        assert_eq!(format!("{:?}", taken.settings), format!("{:?}", compiled.settings));
        assert_eq!(format!("{:?}", taken.index), format!("{:?}", compiled.index));
        let blocks = |plan: &crate::plan::Plan| -> Vec<Vec<u8>> {
            plan.segments.iter().map(|segment| segment.block().0.to_vec()).collect()
        };
        assert_eq!(blocks(&taken), blocks(&compiled));
    }

    #[test]
    fn the_configuration_before_may_come_back_and_no_more_are_kept() {
        let process = Process::default();
        let [first, second, third] = [1, 2, 3].map(|version| configuration(version, 500));
        for (configuration, is_compiled) in [
            (&first, true),
            (&second, true),
            (&first, false),
            (&second, false),
            (&third, true),
            (&first, true),
        ] {
            let (loaded, is_own) = process.configure(configuration);
            assert_eq!(is_own, is_compiled);
            assert_eq!(loaded.plan.unwrap().len(), 500);
        }
        assert_eq!(process.shared.borrow().len(), 2);
    }

    #[test]
    fn what_is_small_or_has_mistakes_is_nothing_for_others() {
        let process = Process::default();
        process.configure(&configuration(1, 1));
        let (loaded, _) = process.configure(&configuration(1, 500).replace("mesh", "nobody"));
        assert!(loaded.plan.is_err());
        assert!(process.shared.borrow().is_empty());
    }

    #[test]
    fn of_bytes_that_another_version_or_nobody_wrote_nothing_is_taken() {
        let configuration = configuration(1, 500);
        let loaded = compile::load(configuration.as_bytes());
        let good = write(configuration.as_bytes(), &loaded).unwrap();
        let is_taken = |bytes: &[u8]| read(bytes, configuration.as_bytes()).is_some();
        assert!(is_taken(&good));
        let (layout, frame) = (MARK.len(), MARK.len() + Head::SIZE + configuration.len());
        for at in [0, layout, layout + 4, layout + 8, frame - 1, frame] {
            let mut other = good.clone();
            other[at] ^= 1;
            assert!(!is_taken(&other), "byte {at}");
        }
        let mut endless = good.clone();
        endless[layout + 12..layout + 16].fill(0xff);
        assert!(!is_taken(&endless), "more releases than there are bytes");
        for length in (0..good.len()).step_by(1009) {
            // Without its end it may be a plan, in which releases are missing; it is never a fault.
            let _ = read(&good[..length], configuration.as_bytes());
        }
    }
}
