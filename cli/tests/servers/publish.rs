//! `graylane publish` and `graylane status` on a real etcd, as people call them.

mod real_etcd {
    use graylane_etcd::{Keys, Transaction};
    use graylane_testbed::{Etcd, Result, block_on};
    use serde_json::{Value, json};

    use crate::ground::{Ground, SHOP, payload};

    #[test]
    fn what_is_published_is_live_signed_and_told() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let (ground, client) = (Ground::of(&etcd), etcd.client().await?);
            let mut watch = client.watch(Keys::under("/policies/"), 0).await?;
            let first = ground.publish(&["shop.yaml", "--author", "ada", "--note", "first users", "--yes"]);
            assert_eq!(first.code, Some(0), "{first:?}");
            for told in [
                "+++ releases/shop (version 1)",
                "+  name: shop",
                "added: shop",
                "releases/shop: version 1 is live",
            ] {
                assert!(first.out.contains(told), "{told} in {first:?}");
            }
            let events = watch.next().await?.events;
            assert_eq!(events.len(), 1, "the document of before stands beside the prefix");
            let document = payload(&events[0].now.value);
            assert_eq!((&document["version"], &document["author"]), (&json!(1), &json!("ada")));

            let again = ground.publish(&["shop.yaml", "--yes"]);
            assert_eq!((again.code, again.out.as_str()), (Some(0), ""), "{again:?}");
            assert!(again.told.contains("releases/shop: live already, as it is"), "{again:?}");

            ground.write("shop.yaml", SHOP.replace("percent: 5", "percent: 20"));
            let second = ground.publish(&["shop.yaml", "--yes"]);
            assert_eq!(second.code, Some(0), "{second:?}");
            for told in ["-    percent: 5", "+    percent: 20", "15 % of all users move", "version 2 is live"]
            {
                assert!(
                    second.out.contains(told) || second.out.contains(&told.replace("    ", "      ")),
                    "{told} in {second:?}"
                );
            }
            let status = ground.run(&["status", "--signers", "signers.yaml"]);
            assert_eq!(status.code, Some(0), "{status:?}");
            assert!(status.out.contains("releases/shop        2  team-a"), "{status:?}");
            Ok(())
        })
    }

    #[test]
    fn without_a_terminal_and_without_yes_nothing_is_written() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let ground = Ground::of(&etcd);
            let ran = ground.publish(&["shop.yaml"]);
            assert_eq!(ran.code, Some(2), "{ran:?}");
            assert!(ran.out.contains("+++ releases/shop") && ran.told.contains("--yes"), "{ran:?}");
            assert_eq!(etcd.client().await?.get(Keys::under("/")).await?.values, []);
            Ok(())
        })
    }

    #[test]
    fn all_mistakes_are_told_and_nothing_is_written() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let ground = Ground::of(&etcd);
            ground.write(
                "bad.yaml",
                SHOP.replace("stable: stable", "stable: old").replace("percent: 5", "percent: 500"),
            );
            ground.write("dial.yaml", "{release: shop, percent: {v3: 1}}");
            let ran = ground.publish(&["bad.yaml", "dial.yaml", "--yes"]);
            assert_eq!(ran.code, Some(1), "{ran:?}");
            for told in [
                "bad.yaml:5:11",
                "canary.stable: Not found: \"old\"",
                "percent: Invalid value: 500",
                "dial.yaml:1:",
            ] {
                assert!(ran.told.contains(told), "{told} in {ran:?}");
            }
            // What is good by itself, and cannot stand beside what is live.
            assert_eq!(ground.publish(&["shop.yaml", "--yes"]).code, Some(0));
            ground.write(
                "twin.yaml",
                SHOP.replace("name: shop", "name: twin")
                    .replace("respond:", "sticky: {cookie: {name: gray_shop}}\nrespond:"),
            );
            let ran = ground.publish(&["twin.yaml", "--version", "1", "--yes"]);
            assert_eq!(ran.code, Some(1), "{ran:?}");
            assert!(ran.told.contains("/policies/releases/twin: "), "{ran:?}");
            assert_eq!(etcd.client().await?.get(Keys::under("/policies/")).await?.values.len(), 1);
            Ok(())
        })
    }

    #[test]
    fn a_change_that_nobody_asked_for_is_refused_unless_the_revision_is_raised() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let ground = Ground::of(&etcd);
            assert_eq!(ground.publish(&["shop.yaml", "--yes"]).code, Some(0));
            let salted = SHOP.replace("canary:\n", "canary:\n  salt: other\n");
            ground.write("shop.yaml", &salted);
            let refused = ground.publish(&["shop.yaml", "--yes"]);
            assert_eq!(refused.code, Some(1), "{refused:?}");
            assert!(
                refused.told.contains("releases/shop: revision: Required value: raise it to 2"),
                "{refused:?}"
            );
            ground.write("shop.yaml", salted.replace("name: shop\n", "name: shop\nrevision: 2\n"));
            let meant = ground.publish(&["shop.yaml", "--yes"]);
            assert_eq!(meant.code, Some(0), "{meant:?}");
            Ok(())
        })
    }

    #[test]
    fn who_may_not_sign_a_kind_is_refused_as_the_proxies_would() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let ground = Ground::of(&etcd);
            let signed = ["--key", "secret", "--id", "controller", "--signers", "signers.yaml", "--yes"];
            let release = ground.run(&[&["publish", "shop.yaml"][..], &signed].concat());
            assert_eq!(release.code, Some(1), "{release:?}");
            assert!(release.told.contains("/policies/releases/shop: signer: "), "{release:?}");
            assert_eq!(ground.publish(&["shop.yaml", "--yes"]).code, Some(0));
            ground.write("dial.yaml", "{release: shop, percent: {v2: 30}}");
            let dial = ground.run(&[&["publish", "dial.yaml"][..], &signed].concat());
            assert_eq!(dial.code, Some(0), "{dial:?}");
            assert!(dial.out.contains("25 % of all users move"), "{dial:?}");
            Ok(())
        })
    }

    #[test]
    fn a_whole_policy_becomes_settings_and_releases() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let ground = Ground::of(&etcd);
            let release =
                |name: &str| format!("- {}", SHOP.replace("shop", name).trim_end().replace('\n', "\n  "));
            let policy = format!(
                "language: 1\nversion: 3\nidentity: {{cookie: {{name: uid}}}}\nreleases:\n{}\n{}\n",
                release("shop"),
                release("pay")
            );
            ground.write("policy.yaml", &policy);
            let ran = ground.publish(&["policy.yaml", "--yes"]);
            assert_eq!(ran.code, Some(0), "{ran:?}");
            let found = etcd.client().await?.get(Keys::under("/policies/")).await?;
            let keys: Vec<_> = found.values.iter().map(|pair| String::from_utf8_lossy(&pair.key)).collect();
            assert_eq!(keys, ["/policies/releases/pay", "/policies/releases/shop", "/policies/settings"]);
            let revisions: Vec<_> = found.values.iter().map(|pair| pair.mod_revision).collect();
            assert!(revisions.iter().all(|revision| *revision == revisions[0]), "in one step: {revisions:?}");

            ground.write("policy.yaml", policy.replacen("percent: 5", "percent: 6", 1));
            let ran = ground.publish(&["policy.yaml", "--yes"]);
            assert!(
                ran.told.contains("live already") && ran.out.contains("releases/shop: version 2"),
                "{ran:?}"
            );
            assert!(!ran.out.contains("releases/pay: version"), "{ran:?}");
            Ok(())
        })
    }

    #[test]
    fn a_key_that_exposures_name_is_for_the_proxies_to_know() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let ground = Ground::of(&etcd);
            ground.write("settings.yaml", "{language: 1, settings: {exposures: {key: k1}}}");
            let ran = ground.publish(&["settings.yaml", "--yes"]);
            assert_eq!(ran.code, Some(0), "{ran:?}");
            let status = ground.run(&["status", "--signers", "signers.yaml"]);
            assert_eq!(status.code, Some(0), "{status:?}");
            Ok(())
        })
    }

    #[test]
    fn an_envelope_is_written_as_it_is() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let ground = Ground::of(&etcd);
            let sign = [
                "sign",
                "shop.yaml",
                "--key",
                "team-a.pem",
                "--id",
                "team-a",
                "--version",
                "7",
                "-o",
                "shop.json",
            ];
            assert_eq!(ground.bare(&sign).code, Some(0));
            let ran = ground.run(&["publish", "shop.json", "--signers", "signers.yaml", "--yes"]);
            assert_eq!(ran.code, Some(0), "{ran:?}");
            let found = etcd.client().await?.get(Keys::one("/policies/releases/shop")).await?;
            assert_eq!(found.values[0].value, ground.read("shop.json").trim_end().as_bytes());
            let again = ground.run(&["publish", "shop.json", "--signers", "signers.yaml", "--yes"]);
            assert_eq!(again.code, Some(1), "{again:?}");
            assert!(again.told.contains("version: Invalid value: 7"), "{again:?}");

            // One more signature: the same document, whose key is being changed.
            let next = ground.bare(&["keygen", "--id", "team-a-2"]).out;
            ground.write("signers.yaml", format!("{}{next}", ground.read("signers.yaml")));
            let add = [
                "sign",
                "shop.json",
                "--add",
                "--key",
                "team-a-2.pem",
                "--id",
                "team-a-2",
                "-o",
                "both.json",
            ];
            assert_eq!(ground.bare(&add).code, Some(0));
            let both = ground.run(&["publish", "both.json", "--signers", "signers.yaml", "--yes"]);
            assert_eq!(both.code, Some(0), "{both:?}");
            let found = etcd.client().await?.get(Keys::one("/policies/releases/shop")).await?;
            assert_eq!(found.values[0].value, ground.read("both.json").trim_end().as_bytes());
            Ok(())
        })
    }

    /// Two publish the same key at once, over and over: one is written each time, or both one after the other; never is a document
    /// lost without a word.
    #[test]
    fn of_two_writers_the_slower_one_is_told_and_writes_nothing() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let ground = Ground::of(&etcd);
            assert_eq!(ground.publish(&["shop.yaml", "--yes"]).code, Some(0));
            let (mut written, mut lost) = (0, 0);
            for round in 0..12 {
                let start = |name: &str, percent: u32| {
                    ground.write(name, SHOP.replace("percent: 5", &format!("percent: {percent}")));
                    ground.start(&[
                        "publish",
                        name,
                        "--key",
                        "team-a.pem",
                        "--id",
                        "team-a",
                        "--author",
                        name,
                        "--yes",
                    ])
                };
                let running = [start("one.yaml", 6 + 2 * round), start("two.yaml", 7 + 2 * round)];
                for ran in running.map(Ground::end) {
                    if ran.code == Some(0) {
                        written += 1;
                        continue;
                    }
                    lost += 1;
                    let told =
                        ["somebody was quicker, and nothing is written", "releases/shop: version ", " by "];
                    assert!(told.iter().all(|told| ran.told.contains(told)), "{ran:?}");
                }
            }
            let found = etcd.client().await?.get(Keys::one("/policies/releases/shop")).await?;
            assert_eq!(payload(&found.values[0].value)["version"], json!(1 + written));
            assert_eq!(found.values[0].version, 1 + written);
            assert!(lost > 0, "never at once, in 12 rounds");
            Ok(())
        })
    }

    #[test]
    fn what_is_wrong_in_etcd_is_told_with_its_path() -> Result<()> {
        block_on(async {
            let etcd = Etcd::start().await?;
            let (ground, client) = (Ground::of(&etcd), etcd.client().await?);
            assert_eq!(ground.publish(&["shop.yaml", "--yes"]).code, Some(0));
            let bad = json!({"language": 1, "version": 4, "release": {"name": "pay", "lanes": [{"name": "a"}], "canary": {"stable": "b"}}});
            let writes = Transaction::default()
                .put("/policies/releases/pay", bad.to_string())
                .put("/policies/strange", "{}")
                .put("/policies/dials/shop", "no JSON")
                .put(
                    "/policies/dials/later",
                    json!({"language": 1, "dial": {"release": "later", "off": true}}).to_string(),
                );
            client.transact(writes).await?;
            let ran = ground.run(&["status", "-o", "json"]);
            assert_eq!(ran.code, Some(1), "{ran:?}");
            let found: Value = serde_json::from_str(&ran.out)?;
            let rows = found["etcd"]["documents"].as_array().unwrap();
            let told: Vec<_> = rows
                .iter()
                .map(|row| [&row["key"], &row["state"], &row["reason"]].map(|it| it.as_str().unwrap_or("-")))
                .collect();
            assert_eq!(
                told,
                [
                    ["dials/later", "waits", "-"],
                    ["dials/shop", "refused", "syntax"],
                    ["releases/pay", "refused", "policy"],
                    ["releases/shop", "inForce", "-"],
                    ["strange", "refused", "key"],
                ]
            );
            let mistakes = rows[2]["mistakes"].to_string();
            assert!(
                mistakes.contains("/policies/releases/pay: policy: ") && mistakes.contains("canary.stable"),
                "{mistakes}"
            );
            let unsigned: Value = serde_json::from_str(
                &ground.run(&["status", "--signers", "signers.yaml", "-o", "json"]).out,
            )?;
            assert_eq!(unsigned["etcd"]["documents"][2]["reason"], "signature");
            assert_eq!(unsigned["etcd"]["documents"][3]["isVerified"], true);
            Ok(())
        })
    }
}
