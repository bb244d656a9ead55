//! A bridge that is killed where it hurts: what it writes to is as before or as after, never in between.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use crate::ground::{Ground, Ran};
use crate::sync::canary;

/// Runs to a point, `NAME=return` or `NAME=2*off->return` for the third time it comes there, and ends at once, as by a kill.
fn killed(mut command: Command, point: &str) -> Ran {
    let output = command.env("FAILPOINTS", point).output().expect("it runs");
    assert_eq!(output.status.signal(), Some(6), "it ended at {point}: {output:?}");
    output.into()
}

#[test]
fn a_file_is_the_old_one_or_the_new_one() {
    let ground = Ground::empty();
    let once = ["sync", "envoy", "--from", "policies", "--trust", "edge", "-o", "ecds.json", "--once"];
    ground.write("policies/shop.yaml", canary("shop", 1));
    assert_eq!(ground.bare(&once).code, Some(0));
    let old = ground.read("ecds.json");
    ground.write("policies/shop.yaml", canary("shop", 2));
    killed(ground.bare_command(&once), "place-before-rename=return");
    assert_eq!(ground.read("ecds.json"), old);
    killed(ground.bare_command(&once), "place-after-rename=return");
    let new = ground.read("ecds.json");
    assert!(new != old && new.contains("percent\\\":2"), "{new}");
    assert_eq!(ground.bare(&once).code, Some(0));
    assert_eq!(ground.read("ecds.json"), new);
}

mod real_etcd {
    use graylane_etcd::Keys;
    use graylane_testbed::{Etcd, Result, block_on};

    use super::killed;
    use crate::ground::Ground;
    use crate::sync::bridge::live;
    use crate::sync::{canary, percent};

    const ONCE: [&str; 7] = ["sync", "etcd", "--from", "policies", "--author", "git", "--once"];

    #[test]
    fn etcd_has_the_old_document_or_the_new_one() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let (ground, client) = (Ground::of(&etcd), etcd.client().await?);
            ground.write("policies/shop.yaml", canary("shop", 1));
            assert_eq!(ground.run(&ONCE).code, Some(0));
            let mut version = 1;
            for (point, is_written) in
                [("sync-before-transaction=return", false), ("sync-after-transaction=return", true)]
            {
                let before = live(&client, "releases/shop").await?.and_then(|it| percent(&it));
                ground.write("policies/shop.yaml", canary("shop", 40 + version));
                let new = Some(u64::from(40 + version));
                killed(ground.command(&ONCE), point);
                let document = live(&client, "releases/shop").await?;
                let wanted = if is_written { new } else { before };
                assert_eq!(document.and_then(|it| percent(&it)), wanted, "{point}");
                // The next one goes on.
                assert_eq!(ground.run(&ONCE).code, Some(0));
                version += 1;
                let document = live(&client, "releases/shop").await?.unwrap_or_default();
                assert_eq!((percent(&document), document["version"].as_u64()), (new, Some(version.into())));
            }
            Ok(())
        })
    }

    #[test]
    fn of_many_documents_each_is_there_or_not_and_the_next_bridge_writes_the_rest() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let (ground, client) = (Ground::of(&etcd), etcd.client().await?);
            for number in 0..100 {
                ground.write(&format!("policies/{number}.yaml"), canary(&format!("r{number}"), 5));
            }
            killed(ground.command(&ONCE), "sync-before-transaction=2*off->return");
            let found = client.get(Keys::under("/policies/")).await?.values;
            assert!(!found.is_empty() && found.len() < 100, "{}", found.len());
            for pair in found {
                let key = String::from_utf8(pair.key)?;
                let document = live(&client, key.trim_start_matches("/policies/")).await?;
                assert_eq!(document.and_then(|it| percent(&it)), Some(5), "{key}");
            }
            assert_eq!(ground.run(&ONCE).code, Some(0));
            assert_eq!(client.get(Keys::under("/policies/")).await?.values.len(), 100);
            Ok(())
        })
    }
}
