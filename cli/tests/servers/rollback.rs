//! `graylane rollback`, `graylane history` and `graylane publish --reassert` on a real etcd, and `graylane status` of a real Envoy.

mod real_etcd {
    use std::time::Duration;

    use graylane_etcd::Keys;
    use graylane_testbed::{Bootstrap, Context, Envoy, Etcd, Result, block_on, eventually};
    use serde_json::{Value, json};

    use crate::ground::{Ground, Ran, SHOP, payload};

    const LIMIT: Duration = Duration::from_secs(20);

    /// Publishes the release with this share.
    fn share(ground: &Ground, percent: u32) {
        ground.write("shop.yaml", SHOP.replace("percent: 5", &format!("percent: {percent}")));
        let ran = ground.publish(&["shop.yaml", "--author", "ada", "--yes"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }

    fn rollback(ground: &Ground, arguments: &[&str]) -> Ran {
        let signed = ["--key", "team-a.pem", "--id", "team-a", "--signers", "signers.yaml", "--yes"];
        ground.run(&[&["rollback", "releases/shop"], arguments, &signed].concat())
    }

    async fn live(etcd: &Etcd, key: &str) -> Result<Value> {
        let found = etcd.client().await?.get(Keys::one(format!("/policies/{key}"))).await?;
        Ok(payload(&found.values.first().context("a document")?.value))
    }

    #[test]
    fn a_rollback_is_a_new_version_with_an_older_content() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let ground = Ground::of(&etcd);
            for percent in [1, 5, 50] {
                share(&ground, percent);
            }
            let ran = rollback(&ground, &["--note", "errors"]);
            assert_eq!(ran.code, Some(0), "{ran:?}");
            assert!(ran.out.contains("45 % of all users move"), "{ran:?}");
            let document = live(&etcd, "releases/shop").await?;
            assert_eq!((&document["version"], &document["returnsTo"]), (&json!(4), &json!(2)));
            assert_eq!(document.pointer("/release/canary/candidates/0/percent"), Some(&json!(5)));
            assert_eq!((&document["author"], &document["note"]), (&Value::Null, &json!("errors")));

            assert_eq!(rollback(&ground, &[]).code, Some(0));
            assert_eq!(
                live(&etcd, "releases/shop").await?["returnsTo"],
                1,
                "one more step back, and not to what was left"
            );
            let ran = rollback(&ground, &[]);
            assert!(ran.code == Some(2) && ran.told.contains("no version before is known"), "{ran:?}");
            assert_eq!(rollback(&ground, &["--to", "3"]).code, Some(0));
            let ran = rollback(&ground, &["--to", "99"]);
            assert!(
                ran.told.contains("version 99 of releases/shop is not kept; there are: 6, 5, 4, 3, 2, 1"),
                "{ran:?}"
            );

            let ran = ground.run(&["history", "releases/shop", "--signers", "signers.yaml", "-o", "json"]);
            assert_eq!(ran.code, Some(0), "{ran:?}");
            let stories: Value = serde_json::from_str(&ran.out)?;
            let versions = stories[0]["versions"].as_array().context("versions")?;
            let told: Vec<_> = versions
                .iter()
                .map(|it| (it["version"].as_u64(), it["returnsTo"].as_u64(), it["isLive"] == true))
                .collect();
            assert_eq!(
                told,
                [
                    (6, Some(3), true),
                    (5, Some(1), false),
                    (4, Some(2), false),
                    (3, None, false),
                    (2, None, false),
                    (1, None, false)
                ]
                .map(|(version, to, is_live)| (Some(version), to, is_live))
            );
            assert!(
                versions.iter().all(|it| it["signedBy"] == json!(["team-a"]) && it["isVerified"] == true)
            );
            let table = ground.run(&["history"]).out;
            assert!(
                table.contains("* 6") && table.contains("team-a (not verified)") && table.contains("ada"),
                "{table}"
            );
            Ok(())
        })
    }

    #[test]
    fn a_kept_document_that_nobody_signed_is_not_returned_to() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let ground = Ground::of(&etcd);
            for percent in [5, 10] {
                share(&ground, percent);
            }
            let forged = json!({"language": 1, "version": 1, "removed": "shop"}).to_string();
            etcd.client().await?.put("/policies-history/releases/shop/1", forged).await?;
            let ran = rollback(&ground, &["--to", "1"]);
            assert!(ran.code == Some(2) && ran.told.contains("refused: signature"), "{ran:?}");
            assert_eq!(live(&etcd, "releases/shop").await?["version"], 2);
            Ok(())
        })
    }

    #[test]
    fn as_many_versions_are_kept_and_what_others_wrote_is_kept_when_it_is_replaced() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let (ground, client) = (Ground::of(&etcd), etcd.client().await?);
            let by_hand =
                json!({"language": 1, "version": 30, "dial": {"release": "shop", "percent": {"v2": 1}}});
            client.put("/policies/dials/shop", by_hand.to_string()).await?;
            share(&ground, 5);
            for percent in 2..26 {
                ground.write("dial.yaml", format!("{{release: shop, percent: {{v2: {percent}}}}}"));
                let ran = ground.run(&["publish", "dial.yaml", "--yes"]);
                assert_eq!(ran.code, Some(0), "{ran:?}");
                if percent == 2 {
                    let kept = client.get(Keys::one("/policies-history/dials/shop/30")).await?;
                    assert_eq!(kept.values[0].value, by_hand.to_string().as_bytes());
                }
            }
            assert_eq!(client.get(Keys::under("/policies-history/dials/shop/")).await?.values.len(), 20);
            let last = client.get(Keys::one("/policies-history/dials/shop/54")).await?;
            assert_eq!(last.values.len(), 1, "the last one is among them");
            Ok(())
        })
    }

    /// Each needs five operations then: itself, what was live and itself among those of before, and two of these that make place.
    #[test]
    fn many_documents_are_reasserted_though_each_makes_place_for_two() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let (ground, client) = (Ground::of(&etcd), etcd.client().await?);
            for number in 0..30 {
                let dial = json!({"release": format!("r{number}"), "percent": {"v2": 1}});
                let document = json!({"language": 1, "version": 30, "dial": dial}).to_string();
                client.put(format!("/policies/dials/r{number}"), document).await?;
                for version in 1..=20 {
                    client.put(format!("/policies-history/dials/r{number}/{version}"), "{}").await?;
                }
            }
            let ran = ground.run(&["publish", "--reassert", "--yes"]);
            assert_eq!(ran.code, Some(0), "{ran:?}");
            assert_eq!(ran.out.matches("version 1000030 is live").count(), 30, "{ran:?}");
            assert_eq!(client.get(Keys::under("/policies-history/dials/r7/")).await?.values.len(), 20);
            Ok(())
        })
    }

    /// An Envoy that follows an etcd; where its lanes are does not matter.
    async fn proxy(etcd: &Etcd) -> Result<Envoy> {
        Envoy::on(Bootstrap::following(&etcd.addresses())?).start().await
    }

    /// Waits until the status ends with this code, and returns what it says then.
    async fn until(ground: &Ground, envoy: &Envoy, code: i32, told: &str) -> Result<Value> {
        let url = format!("http://{}", envoy.admin().address());
        let what = format!("a status {code} with {told}");
        eventually(&what, LIMIT, async || {
            let ran = ground.run(&["status", "--envoy", &url, "-o", "json"]);
            Ok((ran.code == Some(code) && ran.out.contains(told))
                .then(|| serde_json::from_str(&ran.out))
                .transpose()?)
        })
        .await
    }

    #[test]
    fn a_real_envoy_is_told_to_be_at_the_newest_revision_or_not() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let (ground, client) = (Ground::of(&etcd), etcd.client().await?);
            share(&ground, 5);
            let envoy = proxy(&etcd).await?;
            let found = until(&ground, &envoy, 0, "newest").await?;
            let watch = &found["envoys"][0]["watches"][0];
            assert_eq!(
                (&watch["name"], &watch["releases"], &watch["faulty"]),
                (&json!("policies"), &json!(1), &json!(0))
            );

            let url = format!("http://{}", envoy.admin().address());
            let spoken = ground.publish(&["shop.yaml", "--envoy", &url, "--yes"]);
            assert!(spoken.code == Some(0) && !spoken.told.contains("not checked"), "{spoken:?}");
            let silent = format!("{url}/stats?filter=server.live");
            let silent = ground.publish(&["shop.yaml", "--envoy", &silent, "--yes"]);
            assert!(silent.code == Some(0) && silent.told.contains("it was not checked"), "{silent:?}");

            // A version that goes back is good for a proxy that starts; this one has had a later one.
            share(&ground, 6);
            until(&ground, &envoy, 0, "newest").await?;
            let first =
                client.get(Keys::one("/policies-history/releases/shop/1")).await?.values[0].value.clone();
            client.put("/policies/releases/shop", first).await?;
            let found = until(&ground, &envoy, 1, "\"version\": 1").await?;
            let watch = &found["envoys"][0]["watches"][0];
            assert_eq!((&watch["faulty"], &watch["refused"]["version"]), (&json!(1), &json!(1)));
            let text = ground.run(&[
                "status",
                "--envoy",
                &format!("http://{}/stats/prometheus", envoy.admin().address()),
            ]);
            assert!(text.out.contains("refused since it started: version 1"), "{text:?}");

            let nobody = ground.run(&["status", "--envoy", "http://127.0.0.1:1"]);
            assert!(nobody.code == Some(2) && nobody.out.contains("not reached"), "{nobody:?}");
            Ok(())
        })
    }

    #[test]
    fn after_an_older_backup_was_restored_reasserting_heals_a_proxy() -> Result<()> {
        block_on(async {
            let mut etcd = Etcd::start().await?;
            let ground = Ground::of(&etcd);
            share(&ground, 5);
            let backup = etcd.snapshot().await?;
            for percent in [10, 20] {
                share(&ground, percent);
            }
            let envoy = proxy(&etcd).await?;
            until(&ground, &envoy, 0, "newest").await?;
            etcd.restore(&backup).await?;
            until(&ground, &envoy, 1, "\"faulty\": 1").await?;

            let key = ["--key", "team-a.pem", "--id", "team-a", "--yes"];
            let blind = ground.run(&[&["publish", "--reassert"][..], &key].concat());
            assert!(blind.code == Some(2) && blind.told.contains("--signers"), "{blind:?}");
            let ran = ground.publish(&["--reassert", "--yes"]);
            assert_eq!(ran.code, Some(0), "{ran:?}");
            assert!(ran.out.contains("version 1 becomes version 1000001, with the same content"), "{ran:?}");
            assert_eq!(live(&etcd, "releases/shop").await?["returnsTo"], 1);
            until(&ground, &envoy, 0, "newest").await?;
            Ok(())
        })
    }
}
