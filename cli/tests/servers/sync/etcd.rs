//! A folder, kept live in a real etcd.

mod real_etcd {
    use std::time::{Duration, Instant};

    use graylane_etcd::Client;
    use graylane_testbed::{Etcd, Result, Upstream, block_on, eventually};
    use rustix::process::Signal;
    use serde_json::json;

    use crate::ground::Ground;
    use crate::sync::bridge::{Bridge, live, until_live};
    use crate::sync::{LIMIT, canary, percent};

    const SIGNED: [&str; 6] = ["--key", "team-a.pem", "--id", "team-a", "--signers", "signers.yaml"];

    fn start(ground: &Ground, more: &[&str]) -> Result<Bridge> {
        Bridge::of(ground.start(&[&["sync", "etcd", "--from", "policies", "--author", "git"], more].concat()))
    }

    #[test]
    fn what_a_folder_says_is_live_signed_and_what_is_gone_is_taken_away() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let (ground, client) = (Ground::of(&etcd), etcd.client().await?);
            // Of somebody else, and of no source.
            ground.write("other.yaml", canary("other", 1));
            assert_eq!(ground.publish(&["other.yaml", "--yes"]).code, Some(0));
            ground.write("policies/shop.yaml", canary("shop", 5));
            ground.write("policies/deep/pay.json", canary("pay", 7));
            ground.write("policies/notes.txt", "not a document");
            ground.write("policies/.hidden.yaml", canary("hidden", 1));
            let bridge = start(&ground, &SIGNED)?;
            until_live(&client, &bridge, "releases/pay", |it| percent(it) == Some(7)).await?;
            let shop = until_live(&client, &bridge, "releases/shop", |it| percent(it) == Some(5)).await?;
            assert_eq!((&shop["version"], &shop["author"]), (&json!(1), &json!("git")));

            ground.write("policies/dial.yaml", "{release: shop, percent: {v2: 20}}");
            until_live(&client, &bridge, "dials/shop", |it| it["dial"]["percent"]["v2"] == 20).await?;
            // What somebody else writes in its place is written over, with a later version.
            ground.write("mine.yaml", canary("shop", 50));
            assert_eq!(ground.publish(&["mine.yaml", "--yes"]).code, Some(0));
            let shop = until_live(&client, &bridge, "releases/shop", |it| {
                percent(it) == Some(5) && it["version"] != 1
            })
            .await?;
            assert_eq!(shop["version"], 3);

            ground.remove("policies/dial.yaml");
            ground.remove("policies/deep/pay.json");
            until_live(&client, &bridge, "dials/shop", |it| it["dial"] == json!({"release": "shop"})).await?;
            until_live(&client, &bridge, "releases/pay", |it| it["removed"] == "pay").await?;
            assert_eq!(live(&client, "releases/hidden").await?, None);
            assert_eq!(live(&client, "releases/other").await?.and_then(|it| percent(&it)), Some(1));
            let status = ground.run(&["status", "--signers", "signers.yaml"]);
            assert_eq!(status.code, Some(0), "{status:?}");
            Ok(())
        })
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_what_was_live_stays() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let (ground, client) = (Ground::of(&etcd), etcd.client().await?);
            ground.write("policies/shop.yaml", canary("shop", 5));
            ground.write("policies/pay.yaml", canary("pay", 5));
            let bridge = start(&ground, &[])?;
            until_live(&client, &bridge, "releases/shop", |it| percent(it) == Some(5)).await?;

            ground.write("policies/shop.yaml", canary("shop", 500));
            bridge.until_said("policies/shop.yaml:1:", 1).await?;
            bridge.until_said("Invalid value: 500", 1).await?;
            ground.write("policies/pay.yaml", "{");
            bridge.until_said("policies/pay.yaml: refused", 1).await?;
            ground.write("policies/news.yaml", canary("news", 9));
            until_live(&client, &bridge, "releases/news", |it| percent(it) == Some(9)).await?;
            for key in ["releases/shop", "releases/pay"] {
                assert_eq!(live(&client, key).await?.and_then(|it| percent(&it)), Some(5), "{key}");
            }
            // Nor does a new bridge know what the unreadable one was about, and takes nothing away.
            drop(bridge);
            ground.remove("policies/news.yaml");
            ground.write("policies/last.yaml", canary("last", 1));
            let bridge = start(&ground, &[])?;
            until_live(&client, &bridge, "releases/last", |it| percent(it) == Some(1)).await?;
            for key in ["releases/shop", "releases/pay", "releases/news"] {
                assert!(live(&client, key).await?.is_some_and(|it| percent(&it).is_some()), "{key}");
            }
            ground.write("policies/pay.yaml", canary("pay", 6));
            until_live(&client, &bridge, "releases/pay", |it| percent(it) == Some(6)).await?;
            assert!(live(&client, "releases/news").await?.is_some_and(|it| percent(&it).is_some()));
            ground.write("policies/shop.yaml", canary("shop", 5));
            until_live(&client, &bridge, "releases/news", |it| it["removed"] == "news").await?;
            // One that takes the place of another, and one that would move users whom nobody means to move.
            ground.write("policies/twin.yaml", canary("twin", 5).replace("[\"twin\"]", "[\"shop\"]"));
            bridge.until_said("conflict", 1).await?;
            ground.write(
                "policies/pay.yaml",
                canary("pay", 6).replace("\"canary\":{", "\"canary\":{\"hash\":{\"seed\":7},"),
            );
            bridge.until_said("releases/pay: revision", 1).await?;
            assert_eq!(live(&client, "releases/pay").await?.and_then(|it| percent(&it)), Some(6));
            // A key that stands twice.
            ground.remove("policies/twin.yaml");
            ground.write("policies/zwilling.yaml", canary("shop", 77));
            bridge.until_said("neither counts", 1).await?;
            assert_eq!(live(&client, "releases/shop").await?.and_then(|it| percent(&it)), Some(5));
            Ok(())
        })
    }

    #[test]
    fn an_empty_folder_and_one_that_is_gone_take_nothing_away() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let (ground, client) = (Ground::of(&etcd), etcd.client().await?);
            ground.write("policies/shop.yaml", canary("shop", 5));
            let bridge = start(&ground, &["--listen", "127.0.0.1:0"])?;
            until_live(&client, &bridge, "releases/shop", |it| percent(it) == Some(5)).await?;
            ground.remove("policies/shop.yaml");
            bridge.until_said("it has nothing, and nothing is taken away", 1).await?;
            ground.rename("policies", "elsewhere");
            bridge.until_said("cannot", 1).await?;
            let (code, why) = bridge.page("/readyz").await?;
            assert_eq!(code, 503, "{why}");
            assert_eq!(live(&client, "releases/shop").await?.and_then(|it| percent(&it)), Some(5));
            ground.write("policies/shop.yaml", canary("shop", 6));
            until_live(&client, &bridge, "releases/shop", |it| percent(it) == Some(6)).await?;
            let ready = eventually("it to be ready", LIMIT, async || {
                Ok((bridge.page("/readyz").await?.0 == 200).then_some(()))
            });
            ready.await
        })
    }

    #[test]
    fn it_waits_for_etcd_and_heals_one_that_was_restored_from_a_backup() -> Result<()> {
        block_on(async {
            let mut etcd = Etcd::start().await?;
            let ground = Ground::of(&etcd);
            ground.write("policies/shop.yaml", canary("shop", 5));
            etcd.kill()?;
            let bridge = start(&ground, &["--listen", "127.0.0.1:0"])?;
            bridge.until_said("tried again", 1).await?;
            assert_eq!(bridge.page("/readyz").await?.0, 503);
            assert_eq!(bridge.page("/healthz").await?.0, 200);
            etcd.resume().await?;
            let client = etcd.client().await?;
            until_live(&client, &bridge, "releases/shop", |it| percent(it) == Some(5)).await?;
            let backup = etcd.snapshot().await?;
            for share in 6..9 {
                ground.write("policies/shop.yaml", canary("shop", share));
                until_live(&client, &bridge, "releases/shop", |it| percent(it) == Some(share.into())).await?;
            }
            etcd.restore(&backup).await?;
            let client = etcd.client().await?;
            let far = until_live(&client, &bridge, "releases/shop", |it| percent(it) == Some(8)).await?;
            assert!(far["version"].as_u64() > Some(1_000_000), "above all that proxies may have: {far}");
            Ok(())
        })
    }

    #[test]
    fn it_says_how_it_is_tells_of_what_it_writes_and_stops_when_it_is_asked_to() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let (ground, client) = (Ground::of(&etcd), etcd.client().await?);
            let hook = Upstream::start("hook").await?;
            let url = format!("http://{}/applied", hook.address());
            ground.write("policies/shop.yaml", canary("shop", 5));
            let bridge = start(&ground, &["--listen", "127.0.0.1:0", "--webhook", &url])?;
            until_live(&client, &bridge, "releases/shop", |it| percent(it) == Some(5)).await?;
            let told =
                eventually(
                    "the webhook to be told",
                    LIMIT,
                    async || Ok((hook.requests() == 1).then_some(())),
                );
            told.await?;
            ground.write("policies/bad.yaml", "{name: bad}");
            bridge.until_said("policies/bad.yaml: refused", 1).await?;
            let wanted = [
                "graylane_sync_source_up 1",
                "graylane_sync_entries 2",
                "graylane_sync_refused 1",
                "graylane_sync_applied_documents_total 1",
            ];
            let counted = eventually("the metrics", LIMIT, async || {
                let (_, metrics) = bridge.page("/metrics").await?;
                Ok(wanted.iter().all(|line| metrics.lines().any(|one| one == *line)).then_some(()))
            });
            counted.await?;
            assert_eq!(bridge.page("/readyz").await?.0, 200, "what is good is live");
            bridge.signal(Signal::TERM)?;
            let (status, said) = bridge.ended().await?;
            assert_eq!(status.code(), Some(0), "{said}");
            assert!(said.ends_with("graylane sync: stopped\n"), "{said}");
            Ok(())
        })
    }

    #[test]
    fn a_webhook_that_does_not_answer_holds_nothing_up_and_is_told_once() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let (ground, client) = (Ground::of(&etcd), etcd.client().await?);
            for nonsense in ["nowhere", "ftp://127.0.0.1/", "http:///applied", "http://127.0.0.1:99999/"] {
                let sync = ["sync", "etcd", "--from", "policies", "--author", "git", "--webhook", nonsense];
                assert_eq!(ground.run(&sync).code, Some(2), "{nonsense}");
            }
            ground.write("policies/shop.yaml", canary("shop", 5));
            let bridge = start(&ground, &["--webhook", "http://user:s3cret@127.0.0.1:9/t0ken"])?;
            until_live(&client, &bridge, "releases/shop", |it| percent(it) == Some(5)).await?;
            ground.write("policies/shop.yaml", canary("shop", 6));
            until_live(&client, &bridge, "releases/shop", |it| percent(it) == Some(6)).await?;
            bridge.until_said("http://127.0.0.1:9 was not told of a change", 1).await?;
            bridge.signal(Signal::TERM)?;
            let (status, said) = bridge.ended().await?;
            assert!(status.success() && said.matches("was not told").count() == 1, "{said}");
            assert!(!said.contains("s3cret") && !said.contains("t0ken"), "{said}");
            Ok(())
        })
    }

    #[test]
    fn one_pass_ends_by_itself_and_says_whether_all_is_live() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let (ground, client) = (Ground::of(&etcd), etcd.client().await?);
            ground.write(
                "policies/policy.yaml",
                format!(
                    "{{language: 1, identity: {{sources: [{{header: x-user}}]}}, releases: [{}, {}]}}",
                    canary("shop", 5),
                    canary("pay", 5)
                ),
            );
            let once = ["sync", "etcd", "--from", "policies", "--author", "git", "--once"];
            let first = ground.run(&once);
            assert_eq!(first.code, Some(0), "{first:?}");
            assert!(first.told.contains("3 documents written"), "{first:?}");
            let again = ground.run(&once);
            assert!(again.code == Some(0) && again.told.contains("0 documents written"), "{again:?}");
            ground.write("policies/dial.yaml", "{release: shop, percent: {v3: 5}}");
            let bad = ground.run(&once);
            assert!(bad.code == Some(1) && bad.told.contains("v3"), "{bad:?}");
            assert_eq!(live(&client, "dials/shop").await?, None);
            ground.write("policies/dial.yaml", "{release: shpo, percent: {v2: 5}}");
            let waits = ground.run(&once);
            assert!(waits.code == Some(0) && waits.told.contains("there is no release shpo"), "{waits:?}");
            let nowhere = ground.run(&["sync", "etcd", "--from", "nowhere", "--author", "git", "--once"]);
            assert_eq!(nowhere.code, Some(2), "{nowhere:?}");
            Ok(())
        })
    }

    #[test]
    fn several_hundred_documents_go_in_several_transactions() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let (ground, client) = (Ground::of(&etcd), etcd.client().await?);
            for number in 0..200 {
                ground.write(&format!("policies/{number}.yaml"), canary(&format!("r{number}"), 5));
            }
            let ran = ground.run(&["sync", "etcd", "--from", "policies", "--author", "git", "--once"]);
            assert!(ran.code == Some(0) && ran.told.contains("200 documents written"), "{ran:?}");
            for number in 0..200 {
                assert!(live(&client, &format!("releases/r{number}")).await?.is_some());
            }
            Ok(())
        })
    }

    /// Does something, and waits until what is gone since then is taken away.
    async fn and_wait(ground: &Ground, client: &Client, bridge: &Bridge, act: impl FnOnce()) -> Result<()> {
        ground.write("policies/witness.yaml", canary("witness", 1));
        until_live(client, bridge, "releases/witness", |it| percent(it) == Some(1)).await?;
        act();
        ground.remove("policies/witness.yaml");
        until_live(client, bridge, "releases/witness", |it| it["removed"] == "witness").await.map(drop)
    }

    #[test]
    fn what_a_wrong_file_does_not_mention_any_more_stays() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let (ground, client) = (Ground::of(&etcd), etcd.client().await?);
            let policy =
                |releases: &[String]| format!("{{language: 1, releases: [{}]}}", releases.join(", "));
            ground.write("policies/policy.yaml", policy(&[canary("a", 5), canary("b", 5), canary("c", 5)]));
            ground.write("policies/shop.yaml", canary("shop", 5));
            let bridge = start(&ground, &[])?;
            until_live(&client, &bridge, "releases/shop", |it| percent(it) == Some(5)).await?;
            ground.write("policies/first.yaml", canary("first", 5));
            until_live(&client, &bridge, "releases/first", |it| percent(it) == Some(5)).await?;
            // A policy without one of its releases and with a mistake, and a release of another name with a mistake.
            let act = || {
                ground.write("policies/policy.yaml", policy(&[canary("a", 5), canary("b", 500)]));
                ground.write("policies/shop.yaml", canary("other", 500));
            };
            and_wait(&ground, &client, &bridge, act).await?;
            // A policy that was cut off.
            let act = || ground.write("policies/policy.yaml", "language: 1\nreleases:\n");
            and_wait(&ground, &client, &bridge, act).await?;
            // A release that takes the place of another without saying that its users move.
            ground.write("policies/first.yaml", canary("third", 20).replace("[\"third\"]", "[\"first\"]"));
            bridge.until_said("releases/third: revision", 1).await?;
            for name in ["a", "b", "c", "shop", "first"] {
                let live = live(&client, &format!("releases/{name}")).await?;
                assert!(
                    live.as_ref().is_some_and(|it| percent(it).is_some()),
                    "{name}: {live:?}\n{}",
                    bridge.said()
                );
            }
            Ok(())
        })
    }

    #[test]
    fn two_bridges_that_say_different_things_write_less_and_less_often() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let (ground, client) = (Ground::of(&etcd), etcd.client().await?);
            ground.write("policies/shop.yaml", canary("shop", 5));
            ground.write("others/shop.yaml", canary("shop", 10));
            let one = start(&ground, &[])?;
            let other =
                Bridge::of(ground.start(&["sync", "etcd", "--from", "others", "--author", "others"]))?;
            let waits = eventually("one of them to wait", LIMIT, async || {
                let waits = |bridge: &Bridge| bridge.said().contains("somebody else writes it too");
                Ok((waits(&one) || waits(&other)).then_some(()))
            });
            waits.await?;
            // Without a pause it takes some milliseconds.
            let began = Instant::now();
            let now = live(&client, "releases/shop")
                .await?
                .and_then(|it| it["version"].as_u64())
                .unwrap_or_default();
            until_live(&client, &one, "releases/shop", |it| it["version"].as_u64() >= Some(now + 3)).await?;
            assert!(began.elapsed() > Duration::from_secs(1), "{:?}: {}", began.elapsed(), one.said());
            Ok(())
        })
    }

    #[test]
    fn a_document_that_etcd_does_not_take_holds_up_no_other() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let (ground, client) = (Ground::of(&etcd), etcd.client().await?);
            let hosts: Vec<String> = (0..45_000).map(|number| format!("\"h{number}.example.com\"")).collect();
            ground
                .write("policies/a.json", canary("a", 5).replace("\"a\"]", &format!("{}]", hosts.join(","))));
            for number in 0..30 {
                ground.write(&format!("policies/{number}.yaml"), canary(&format!("r{number}"), 5));
            }
            let ran = ground.run(&["sync", "etcd", "--from", "policies", "--author", "git", "--once"]);
            assert!(ran.code == Some(1) && ran.told.contains("30 documents written"), "{ran:?}");
            assert!(ran.told.contains("policies/a.json: refused"), "{ran:?}");
            for number in 0..30 {
                assert!(live(&client, &format!("releases/r{number}")).await?.is_some());
            }
            Ok(())
        })
    }

    #[test]
    fn what_cannot_be_read_holds_up_nothing_else_and_a_folder_may_change_by_its_link() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let (ground, client) = (Ground::of(&etcd), etcd.client().await?);
            ground.write("one/shop.yaml", canary("shop", 5));
            ground.write("two/shop.yaml", canary("shop", 6));
            for folder in ["one", "two"] {
                std::os::unix::fs::symlink("nowhere", ground.path(&format!("{folder}/gone.yaml")))?;
                std::os::unix::fs::symlink("nowhere", ground.path(&format!("{folder}/README")))?;
            }
            std::os::unix::fs::symlink("one", ground.path("policies"))?;
            let bridge = start(&ground, &[])?;
            until_live(&client, &bridge, "releases/shop", |it| percent(it) == Some(5)).await?;
            bridge.until_said("policies/gone.yaml: refused", 1).await?;
            std::os::unix::fs::symlink("two", ground.path("next"))?;
            ground.rename("next", "policies");
            until_live(&client, &bridge, "releases/shop", |it| percent(it) == Some(6)).await?;
            ground.write("two/shop.yaml", canary("shop", 7));
            until_live(&client, &bridge, "releases/shop", |it| percent(it) == Some(7)).await.map(drop)
        })
    }
}
