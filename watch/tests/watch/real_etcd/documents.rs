//! Documents that cannot be in force: each is refused by itself, with its key and why, and holds up nothing else.

use std::time::Instant;

use graylane_document::Secret;
use graylane_document::secret::Algorithm;
use graylane_etcd::{Client, Keys};
use graylane_testbed::{Etcd, Result, block_on, ensure};
use serde_json::{Value, json};

use crate::support::{Proxy, Witness, document, report, telling, versioned};

const SHOP: &str = "/policies/releases/shop";

/// A key that the proxy believes, or does not.
struct Author(&'static str, Secret);

impl Author {
    fn new(id: &'static str) -> Result<Self> {
        Ok(Author(id, Secret::generate(Algorithm::HmacSha256)?))
    }

    fn signed(&self, document: &str) -> Result<Vec<u8>> {
        let Ok(envelope) = self.1.seal(document.into(), self.0) else {
            graylane_testbed::bail!("not signed")
        };
        Ok(envelope.to_json().into_bytes())
    }

    fn signer(&self) -> Result<Value> {
        Ok(serde_json::to_value(self.1.signer())?)
    }
}

/// What is no document of release `shop`, with the word that says why.
fn poison(team: &Author, controller: &Author, stranger: &Author) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let good = versioned("shop", 9);
    let mut later: Value = serde_json::from_str(&good)?;
    later["language"] = 99.into();
    let mut wrong: Value = serde_json::from_str(&good)?;
    wrong["release"]["canary"]["candidates"][0]["percent"] = 101.into();
    let noise = (0..4096_u32).map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    let mut forged = String::from_utf8(team.signed(&good)?)?;
    let payload = forged.find("eyJ").unwrap_or_default();
    forged.replace_range(payload..payload + 4, "eyAg");
    Ok(vec![
        ("syntax", noise),
        ("syntax", good.as_bytes()[..good.len() / 2].to_vec()),
        ("syntax", "[".repeat(100_000).into_bytes()),
        ("syntax", team.signed(&format!("{}{}", r#"{"a":"#.repeat(50_000), "}".repeat(50_000)))?),
        ("syntax", Vec::new()),
        ("envelope", json!({"payloadType": "x", "payload": "e30=", "signatures": []}).to_string().into()),
        ("signature", good.clone().into_bytes()),
        ("signature", stranger.signed(&good)?),
        ("signature", Author("team", Secret::generate(Algorithm::HmacSha256)?).signed(&good)?),
        ("signature", forged.into_bytes()),
        ("signer", controller.signed(&good)?),
        ("language", team.signed(&later.to_string())?),
        ("policy", team.signed(&wrong.to_string())?),
        ("key", team.signed(&versioned("pay", 9))?),
        ("version", team.signed(&versioned("shop", 0))?),
    ])
}

#[test]
fn poison_is_refused_by_its_reason_and_harms_nobody() -> Result<()> {
    block_on(async {
        let (team, controller, stranger) =
            (Author::new("team")?, Author::new("controller")?, Author::new("stranger")?);
        let mut dials_only = controller.signer()?;
        dials_only["signs"] = json!(["dial"]);
        let signers = json!({"signers": {"team": team.signer()?, "controller": dials_only}});
        let etcd = Etcd::start().await?;
        let client = etcd.client().await?;
        let put = async |name: &str, version: u64| -> Result<()> {
            client.put(format!("/policies/releases/{name}"), team.signed(&versioned(name, version))?).await?;
            Ok(())
        };
        put("shop", 1).await?;
        put("pay", 1).await?;
        let proxy = Proxy::start(etcd.address(), signers.clone()).await?;
        let witness = Witness::of(&proxy, &["shop", "pay"]).await?;
        witness.until(&proxy, "shop", Some(1), Instant::now()).await?;

        let mut pay = 1;
        for (reason, value) in poison(&team, &controller, &stranger)? {
            let counter = format!("refused.{reason}");
            let before = proxy.gauge(&counter).await?;
            client.put(SHOP, value).await?;
            proxy.until_at_least(&counter, before + 1).await?;
            ensure!(
                proxy.envoy.log()?.contains(&format!("{SHOP}: {reason}: ")),
                "{reason} is not told of shop"
            );
            assert_eq!((proxy.gauge("faulty").await?, proxy.gauge("releases").await?), (1, 2), "{reason}");
            pay += 1;
            put("pay", pay).await?;
            witness.until(&proxy, "pay", Some(pay), Instant::now()).await?;
        }
        for key in [&b"/policies/elsewhere/shop"[..], b"/policies/releases/\xff\xfe", b"/policies/"] {
            let before = proxy.gauge("refused.key").await?;
            client.put(key, team.signed(&versioned("shop", 9))?).await?;
            proxy.until_at_least("refused.key", before + 1).await?;
        }
        for named in ["/policies/elsewhere/shop: key: ", r"/policies/releases/\xff\xfe/ (no UTF-8): key: "] {
            ensure!(proxy.envoy.log()?.contains(named), "{named} is not told\n{}", proxy.said());
        }
        // Who begins now finds the rest all the same.
        let late = Proxy::start(etcd.address(), signers).await?;
        let beginner = Witness::of(&late, &["pay"]).await?;
        beginner.until(&late, "pay", Some(pay), Instant::now()).await?;

        let before = Instant::now();
        put("shop", 2).await?;
        report("a good document after poison", witness.until(&proxy, "shop", Some(2), before).await?);
        for key in [&b"/policies/elsewhere/shop"[..], b"/policies/releases/\xff\xfe", b"/policies/"] {
            client.delete(Keys::one(key)).await?;
        }
        put("pay", pay + 1).await?;
        witness.until(&proxy, "pay", Some(pay + 1), Instant::now()).await?;
        assert_eq!(proxy.gauge("faulty").await?, 0);
        witness.finish(&[]).await
    })
}

#[test]
fn where_documents_are_signed_a_release_goes_by_a_signed_removal_alone() -> Result<()> {
    block_on(async {
        let team = Author::new("team")?;
        let signers = json!({"signers": {"team": team.signer()?}});
        let etcd = Etcd::start().await?;
        let client = etcd.client().await?;
        client.put(SHOP, team.signed(&versioned("shop", 1))?).await?;
        let proxy = Proxy::start(etcd.address(), signers).await?;
        let witness = Witness::of(&proxy, &["shop"]).await?;
        witness.until(&proxy, "shop", Some(1), Instant::now()).await?;
        client.delete(Keys::one(SHOP)).await?;
        proxy.until_at_least("refused.deleted", 1).await?;
        proxy.until_said(&format!("{SHOP}: deleted: "), 1).await?;
        witness.once_more().await?;
        witness.until(&proxy, "shop", Some(1), Instant::now()).await?;
        let removed = json!({"language": 1, "version": 2, "removed": "shop"}).to_string();
        let before = Instant::now();
        client.put(SHOP, team.signed(&removed)?).await?;
        report("a signed removal", witness.until(&proxy, "shop", None, before).await?);
        assert_eq!(proxy.gauge("faulty").await?, 0);
        client.put(SHOP, team.signed(&versioned("shop", 1))?).await?;
        proxy.until_at_least("refused.version", 1).await?;
        witness.finish(&["shop"]).await
    })
}

async fn put(client: &Client, key: &str, value: &Value) -> Result<()> {
    client.put(format!("/policies/{key}"), value.to_string()).await?;
    Ok(())
}

#[test]
fn a_release_for_a_host_that_another_has_waits_until_it_is_free() -> Result<()> {
    block_on(async {
        let etcd = Etcd::start().await?;
        let client = etcd.client().await?;
        client.put(SHOP, versioned("shop", 1)).await?;
        let proxy = Proxy::start(etcd.address(), json!({})).await?;
        let witness = Witness::of(&proxy, &["shop"]).await?;
        witness.until(&proxy, "shop", Some(1), Instant::now()).await?;
        // Another release of the same host, and first by name.
        let mut rival = telling("rival", 2);
        rival["match"]["hosts"] = json!(["shop"]);
        client.put("/policies/releases/rival", document(1, &rival)).await?;
        proxy.until_at_least("refused.conflict", 1).await?;
        proxy.until_said("version 1 of /policies/releases/rival: conflict: ", 1).await?;
        witness.once_more().await?;
        witness.until(&proxy, "shop", Some(1), Instant::now()).await?;
        let before = Instant::now();
        client.delete(Keys::one(SHOP)).await?;
        report("the one that waited for a host", witness.until(&proxy, "shop", Some(2), before).await?);
        assert_eq!((proxy.gauge("faulty").await?, proxy.gauge("releases").await?), (0, 1));
        witness.finish(&[]).await
    })
}

#[test]
fn dials_and_settings_that_do_not_fit_change_nothing_and_the_kill_switch_does() -> Result<()> {
    block_on(async {
        let etcd = Etcd::start().await?;
        let client = etcd.client().await?;
        client.put(SHOP, versioned("shop", 1)).await?;
        let proxy = Proxy::start(etcd.address(), json!({})).await?;
        let witness = Witness::of(&proxy, &["shop"]).await?;
        witness.until(&proxy, "shop", Some(1), Instant::now()).await?;

        let dial = |version, lane: &str| json!({"language": 1, "version": version, "dial": {"release": "shop", "percent": {lane: 100}}});
        put(&client, "dials/shop", &dial(1, "v2")).await?;
        proxy.until_at_least("refused.policy", 1).await?;
        proxy.until_said("/policies/dials/shop: policy: ", 1).await?;
        let settings = |version, what: Value| json!({"language": 1, "version": version, "settings": what});
        put(&client, "settings", &settings(1, json!({"of": true}))).await?;
        proxy.until_at_least("refused.policy", 2).await?;
        proxy.until_said("/policies/settings: policy: ", 1).await?;
        assert_eq!(proxy.gauge("faulty").await?, 2);
        witness.once_more().await?;
        witness.until(&proxy, "shop", Some(1), Instant::now()).await?;

        // A release that has the lane of the dial.
        client.put(SHOP, versioned("shop", 2)).await?;
        witness.until(&proxy, "shop", Some(2), Instant::now()).await?;
        assert_eq!(proxy.gauge("faulty").await?, 1);
        // The release after it does not: the dial waits again, and hinders neither it nor the settings.
        client.put(SHOP, versioned("shop", 3)).await?;
        witness.until(&proxy, "shop", Some(3), Instant::now()).await?;
        assert_eq!(proxy.gauge("faulty").await?, 2);

        let before = Instant::now();
        put(&client, "settings", &settings(2, json!({"off": true}))).await?;
        report("the kill switch", witness.until(&proxy, "shop", None, before).await?);
        let before = Instant::now();
        put(&client, "settings", &settings(3, json!({"off": false}))).await?;
        report("the kill switch, taken back", witness.until(&proxy, "shop", Some(3), before).await?);
        put(&client, "dials/shop", &dial(2, "v3")).await?;
        put(&client, "settings", &settings(4, json!({"off": true}))).await?;
        witness.until(&proxy, "shop", None, Instant::now()).await?;
        assert_eq!(proxy.gauge("faulty").await?, 0);
        client.delete(Keys::one("/policies/settings")).await?;
        witness.until(&proxy, "shop", Some(3), Instant::now()).await?;
        witness.finish(&["shop"]).await
    })
}
