//! A real `ZooKeeper`, kept live in a real etcd.

mod real_etcd {
    mod real_zookeeper {
        use std::time::{Duration, Instant};

        use graylane_testbed::{
            Bootstrap, Client as Http, Cut, Envoy, Etcd, Request, Result, Upstream, ZooKeeper, block_on,
            eventually,
        };
        use zookeeper_client::{Acls, Client, CreateMode};

        use crate::ground::Ground;
        use crate::sync::bridge::{Bridge, live, until_live};
        use crate::sync::{LIMIT, canary, percent};

        async fn create(zookeeper: &Client, path: &str, data: &str) -> Result<()> {
            let nodes = CreateMode::Persistent.with_acls(Acls::anyone_all());
            zookeeper.create(path, data.as_bytes(), &nodes).await?;
            Ok(())
        }

        /// The nodes above those of documents.
        async fn prepare(zookeeper: &Client) -> Result<()> {
            for path in ["/policies", "/policies/releases", "/policies/dials"] {
                create(zookeeper, path, "").await?;
            }
            Ok(())
        }

        fn start(ground: &Ground, address: impl std::fmt::Display) -> Result<Bridge> {
            let from = format!("zookeeper://{address}/policies");
            Bridge::of(ground.start(&[
                "sync",
                "etcd",
                "--from",
                &from,
                "--author",
                "zookeeper",
                "--listen",
                "127.0.0.1:0",
            ]))
        }

        #[test]
        fn what_its_nodes_say_is_live_and_what_is_gone_is_taken_away() -> Result<()> {
            block_on(async {
                let (etcd, zookeeper) = (Etcd::start().await?, ZooKeeper::start().await?);
                let (ground, live_in, nodes) =
                    (Ground::of(&etcd), etcd.client().await?, zookeeper.client().await?);
                // The nodes need not be there yet.
                let bridge = start(&ground, zookeeper.address())?;
                prepare(&nodes).await?;
                create(&nodes, "/policies/releases/shop", &canary("shop", 5)).await?;
                until_live(&live_in, &bridge, "releases/shop", |it| percent(it) == Some(5)).await?;
                create(&nodes, "/policies/dials/shop", "release: shop\npercent: {v2: 20}\n").await?;
                until_live(&live_in, &bridge, "dials/shop", |it| it["dial"]["percent"]["v2"] == 20).await?;
                create(&nodes, "/policies/releases/pay", &canary("shop", 5)).await?;
                bridge
                    .until_said("/policies/releases/pay: what stands there belongs below releases/shop", 1)
                    .await?;
                create(&nodes, "/policies/strange", "x").await?;
                bridge.until_said("/policies/strange: ", 1).await?;
                nodes.set_data("/policies/releases/shop", canary("shop", 6).as_bytes(), None).await?;
                until_live(&live_in, &bridge, "releases/shop", |it| percent(it) == Some(6)).await?;
                nodes.delete("/policies/dials/shop", None).await?;
                until_live(&live_in, &bridge, "dials/shop", |it| it["dial"].get("percent").is_none()).await?;
                // A whole policy in the node of the prefix.
                let policy = format!("{{\"language\": 1, \"releases\": [{}]}}", canary("whole", 3));
                nodes.set_data("/policies", policy.as_bytes(), None).await?;
                until_live(&live_in, &bridge, "releases/whole", |it| percent(it) == Some(3)).await?;
                Ok(())
            })
        }

        #[test]
        fn what_was_written_while_a_session_was_lost_arrives() -> Result<()> {
            block_on(async {
                let (etcd, mut zookeeper) = (Etcd::start().await?, ZooKeeper::start().await?);
                let (ground, live_in, nodes) =
                    (Ground::of(&etcd), etcd.client().await?, zookeeper.client().await?);
                let mut line = Cut::before(zookeeper.address()).await?;
                prepare(&nodes).await?;
                create(&nodes, "/policies/releases/shop", &canary("shop", 1)).await?;
                create(&nodes, "/policies/releases/pay", &canary("pay", 1)).await?;
                let bridge = start(&ground, line.address())?;
                until_live(&live_in, &bridge, "releases/shop", |it| percent(it) == Some(1)).await?;

                // A connection that breaks: the session goes on.
                line.refuse().await;
                line.sever().await;
                nodes.set_data("/policies/releases/shop", canary("shop", 2).as_bytes(), None).await?;
                nodes.delete("/policies/releases/pay", None).await?;
                line.heal().await?;
                let began = Instant::now();
                until_live(&live_in, &bridge, "releases/shop", |it| percent(it) == Some(2)).await?;
                until_live(&live_in, &bridge, "releases/pay", |it| it["removed"] == "pay").await?;
                report("a connection cut, whole again", began.elapsed());

                // Silence until the session has expired.
                let before = zookeeper.sessions().await?;
                line.stall();
                nodes.set_data("/policies/releases/shop", canary("shop", 3).as_bytes(), None).await?;
                let own = nodes.session_id().to_string();
                let expired = eventually("the session to expire", LIMIT, async || {
                    let now = zookeeper.sessions().await?;
                    let gone = sessions(&before).filter(|id| *id != own).all(|id| !now.contains(id));
                    Ok(gone.then_some(()))
                });
                expired.await?;
                assert_eq!(bridge.page("/readyz").await?.0, 503, "a bridge that hears nothing says so");
                line.sever().await;
                line.heal().await?;
                let began = Instant::now();
                until_live(&live_in, &bridge, "releases/shop", |it| percent(it) == Some(3)).await?;
                report("a session expired, line whole again", began.elapsed());

                // The server dies and comes back, with a change that was made while nobody listened.
                zookeeper.kill()?;
                zookeeper.resume().await?;
                let began = Instant::now();
                let written = eventually("a change after the restart", LIMIT, async || {
                    Ok(nodes
                        .set_data("/policies/releases/shop", canary("shop", 4).as_bytes(), None)
                        .await
                        .ok())
                });
                written.await?;
                until_live(&live_in, &bridge, "releases/shop", |it| percent(it) == Some(4)).await?;
                report("killed and up again, changed", began.elapsed());
                Ok(())
            })
        }

        #[test]
        fn a_zookeeper_that_was_restored_from_a_backup_changes_nothing_until_it_is_written() -> Result<()> {
            block_on(async {
                let (etcd, mut zookeeper) = (Etcd::start().await?, ZooKeeper::start().await?);
                let (ground, live_in, nodes) =
                    (Ground::of(&etcd), etcd.client().await?, zookeeper.client().await?);
                prepare(&nodes).await?;
                create(&nodes, "/policies/releases/shop", &canary("shop", 1)).await?;
                drop(nodes);
                let bridge = start(&ground, zookeeper.address())?;
                until_live(&live_in, &bridge, "releases/shop", |it| percent(it) == Some(1)).await?;
                zookeeper.kill()?;
                let backup = ground.path("backup");
                copy(&zookeeper.folder().join("data"), &backup)?;
                zookeeper.resume().await?;
                let nodes = zookeeper.client().await?;
                nodes.set_data("/policies/releases/shop", canary("shop", 2).as_bytes(), None).await?;
                create(&nodes, "/policies/releases/pay", &canary("pay", 2)).await?;
                until_live(&live_in, &bridge, "releases/pay", |it| percent(it) == Some(2)).await?;
                until_live(&live_in, &bridge, "releases/shop", |it| percent(it) == Some(2)).await?;
                drop(nodes);

                zookeeper.kill()?;
                std::fs::remove_dir_all(zookeeper.folder().join("data"))?;
                copy(&backup, &zookeeper.folder().join("data"))?;
                zookeeper.resume().await?;
                bridge.until_said("it was restored from a backup", 1).await?;
                assert_eq!(live(&live_in, "releases/shop").await?.and_then(|it| percent(&it)), Some(2));
                let nodes = zookeeper.client().await?;
                nodes.set_data("/policies/releases/shop", canary("shop", 9).as_bytes(), None).await?;
                until_live(&live_in, &bridge, "releases/shop", |it| percent(it) == Some(9)).await?;
                assert_eq!(live(&live_in, "releases/pay").await?.and_then(|it| percent(&it)), Some(2));
                Ok(())
            })
        }

        /// Of one worker, on a connection of its own: how long after ZooKeeper acknowledged a change requests are decided by it.
        #[test]
        fn what_is_set_is_enforced_soon() -> Result<()> {
            const SETS: usize = 100;
            block_on(async {
                let (etcd, zookeeper) = (Etcd::start().await?, ZooKeeper::start().await?);
                let (ground, nodes) = (Ground::of(&etcd), zookeeper.client().await?);
                prepare(&nodes).await?;
                create(&nodes, "/policies/releases/shop", &canary("shop", 0)).await?;
                let _bridge = start(&ground, zookeeper.address())?;
                let lanes = [Upstream::start("stable").await?, Upstream::start("v2").await?];
                let mut bootstrap = Bootstrap::following(&etcd.addresses())?;
                bootstrap.endpoint("stable", lanes[0].address())?.endpoint("v2", lanes[1].address())?;
                let envoy = Envoy::on(bootstrap).concurrency(1).start().await?;
                let mut client = Http::to(envoy.address());
                let request = Request::get("/").host("shop").header("x-gray-id", "u-1");
                let mut times = Vec::new();
                for set in 0..=SETS {
                    let (share, lane) = if set % 2 == 0 { (0, "stable") } else { (100, "v2") };
                    nodes.set_data("/policies/releases/shop", canary("shop", share).as_bytes(), None).await?;
                    let acknowledged = Instant::now();
                    while client.send(&request).await?.served_by() != Some(lane) {
                        assert!(acknowledged.elapsed() < LIMIT, "set {set} is not in force");
                    }
                    times.push(acknowledged.elapsed());
                }
                times.remove(0);
                times.sort_unstable();
                report("ZooKeeper set -> enforced, median", times[SETS / 2]);
                report("at most", times[SETS - 1]);
                assert!(times[SETS / 2] < Duration::from_millis(50), "the median: {times:?}");
                Ok(())
            })
        }

        fn sessions(dump: &str) -> impl Iterator<Item = &str> {
            dump.split_whitespace()
                .filter(|word| word.starts_with("0x") && word.len() > 10)
                .map(|word| word.trim_end_matches(':'))
        }

        fn copy(from: &std::path::Path, to: &std::path::Path) -> Result<()> {
            std::fs::create_dir_all(to)?;
            for found in from.read_dir()? {
                let found = found?;
                let target = to.join(found.file_name());
                if found.file_type()?.is_dir() {
                    copy(&found.path(), &target)?;
                } else {
                    std::fs::copy(found.path(), target)?;
                }
            }
            Ok(())
        }

        fn report(what: &str, took: Duration) {
            println!("{what:<40} {:>7.1} ms", took.as_secs_f64() * 1e3);
        }
    }
}
