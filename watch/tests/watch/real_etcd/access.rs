//! Passwords, tokens, rights and certificates.

use std::time::Instant;

use graylane_etcd::Client;
use graylane_testbed::{Authority, Cut, Etcd, Result, block_on, eventually};
use serde_json::{Value, json};

use crate::support::{LIMIT, Proxy, Witness, report, versioned};

async fn put(client: &Client, version: u64) -> Result<()> {
    client.put("/policies/releases/shop", versioned("shop", version)).await?;
    Ok(())
}

/// The configuration of a watch that signs in.
fn as_proxy(password: &str) -> Value {
    let user = json!({"name": "proxy", "password": password});
    json!({"etcd": {"cluster": "etcd", "prefix": "/policies/", "user": user}})
}

/// How a cluster speaks TLS with a certificate of its own, whose name is no user's.
fn by_tls(authority: &Authority) -> Result<Value> {
    let own = authority.issue("a proxy's host")?;
    let pem = |text: &str| json!({"inline_string": text});
    let context = json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {
            "alpn_protocols": ["h2"],
            "tls_certificates": [{"certificate_chain": pem(&own.certificate), "private_key": pem(&own.key)}],
            "validation_context": {
                "trusted_ca": pem(&authority.certificate()),
                "match_typed_subject_alt_names": [{"san_type": "IP_ADDRESS", "matcher": {"exact": "127.0.0.1"}}],
            },
        },
    });
    Ok(json!({"transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": context}}))
}

#[test]
fn a_token_that_is_no_longer_good_is_followed_by_another() -> Result<()> {
    block_on(async {
        let etcd =
            Etcd::builder().reader("proxy", "hush-hush", "/policies/").token_seconds(1).start().await?;
        let client = etcd.client().await?;
        put(&client, 1).await?;
        let mut cut = Cut::before(etcd.address()).await?;
        let proxy = Proxy::start(cut.address(), as_proxy("hush-hush")).await?;
        let witness = Witness::of(&proxy, &["shop"]).await?;
        witness.until(&proxy, "shop", Some(1), Instant::now()).await?;

        // A stream that stands needs no token any more.
        let expired = async || Ok(etcd.log(0)?.contains("deleted a simple token").then_some(()));
        eventually("the tokens to be too old", LIMIT, expired).await?;
        put(&client, 2).await?;
        witness.until(&proxy, "shop", Some(2), Instant::now()).await?;

        cut.refuse().await;
        cut.sever().await;
        put(&client, 3).await?;
        let healed = Instant::now();
        cut.heal().await?;
        report("token too old, cut off", witness.until(&proxy, "shop", Some(3), healed).await?);
        witness.finish(&[]).await
    })
}

#[test]
fn a_wrong_password_is_said_to_be_one_and_what_was_in_force_stays() -> Result<()> {
    block_on(async {
        let etcd = Etcd::builder().reader("proxy", "hush-hush", "/policies/").start().await?;
        let client = etcd.client().await?;
        put(&client, 1).await?;
        let cut = Cut::before(etcd.address()).await?;
        let proxy = Proxy::start(cut.address(), as_proxy("hush-hush")).await?;
        let witness = Witness::of(&proxy, &["shop"]).await?;
        witness.until(&proxy, "shop", Some(1), Instant::now()).await?;

        let changed = async |password: &str| -> Result<()> {
            etcd.control(&["user", "delete", "proxy"]).await?;
            etcd.control(&["user", "add", &format!("proxy:{password}")]).await?;
            etcd.control(&["user", "grant-role", "proxy", "proxy"]).await?;
            Ok(())
        };
        changed("another").await?;
        put(&client, 2).await?;
        cut.sever().await;
        proxy.until_said("signing in: the user or the password is wrong", 2).await?;
        witness.once_more().await?;

        changed("hush-hush").await?;
        let mended = Instant::now();
        put(&client, 3).await?;
        report("wrong password, put right", witness.until(&proxy, "shop", Some(3), mended).await?);
        assert!(!proxy.envoy.log()?.contains("hush-hush"), "passwords are for nobody's log");
        witness.finish(&[]).await
    })
}

#[test]
fn rights_that_are_taken_away_end_the_watch_until_they_are_given_again() -> Result<()> {
    block_on(async {
        let etcd = Etcd::builder().reader("proxy", "hush-hush", "/policies/").start().await?;
        let client = etcd.client().await?;
        put(&client, 1).await?;
        let cut = Cut::before(etcd.address()).await?;
        let proxy = Proxy::start(cut.address(), as_proxy("hush-hush")).await?;
        let witness = Witness::of(&proxy, &["shop"]).await?;
        witness.until(&proxy, "shop", Some(1), Instant::now()).await?;

        etcd.control(&["role", "revoke-permission", "--prefix", "proxy", "/policies/"]).await?;
        // etcd asks for rights when a watch begins, not while it goes on.
        cut.sever().await;
        proxy.until_said("watch: canceled", 1).await?;
        proxy.until_said("permission denied", 2).await?;
        put(&client, 2).await?;
        witness.once_more().await?;

        let grant = ["role", "grant-permission", "--prefix", "proxy", "read", "/policies/"];
        etcd.control(&grant).await?;
        let granted = Instant::now();
        report("rights given again", witness.until(&proxy, "shop", Some(2), granted).await?);
        witness.finish(&[]).await
    })
}

#[test]
fn etcd_is_followed_by_tls_with_a_certificate_on_both_sides() -> Result<()> {
    block_on(async {
        let authority = Authority::new()?;
        let mut etcd = Etcd::builder().tls(&authority)?.start().await?;
        let client = etcd.client().await?;
        put(&client, 1).await?;
        let proxy = Proxy::of(&etcd.addresses(), &by_tls(&authority)?, json!({})).await?;
        let witness = Witness::of(&proxy, &["shop"]).await?;
        witness.until(&proxy, "shop", Some(1), Instant::now()).await?;
        put(&client, 2).await?;
        witness.until(&proxy, "shop", Some(2), Instant::now()).await?;

        etcd.kill()?;
        proxy.until_at_least("trouble", 1).await?;
        etcd.resume().await?;
        let up = Instant::now();
        put(&client, 3).await?;
        report("by TLS: killed, up again and written", witness.until(&proxy, "shop", Some(3), up).await?);
        witness.finish(&[]).await
    })
}

#[test]
fn a_user_signs_in_by_tls() -> Result<()> {
    block_on(async {
        let authority = Authority::new()?;
        let users = Etcd::builder().reader("proxy", "hush-hush", "/policies/");
        let mut etcd = users.tls(&authority)?.start().await?;
        let client = etcd.client().await?;
        put(&client, 1).await?;
        let tls = by_tls(&authority)?;
        let stranger = Proxy::of(&etcd.addresses(), &tls, as_proxy("guessed")).await?;
        stranger.until_said("signing in: the user or the password is wrong", 1).await?;
        assert_eq!(stranger.lane("shop").await?, None, "a certificate alone lets nobody in");

        let proxy = Proxy::of(&etcd.addresses(), &tls, as_proxy("hush-hush")).await?;
        let witness = Witness::of(&proxy, &["shop"]).await?;
        witness.until(&proxy, "shop", Some(1), Instant::now()).await?;
        put(&client, 2).await?;
        witness.until(&proxy, "shop", Some(2), Instant::now()).await?;

        // Tokens do not outlive the process that gave them.
        etcd.kill()?;
        proxy.until_at_least("trouble", 1).await?;
        etcd.resume().await?;
        let up = Instant::now();
        etcd.client().await?.put("/policies/releases/shop", versioned("shop", 3)).await?;
        report("by TLS, as a user: killed and up again", witness.until(&proxy, "shop", Some(3), up).await?);
        witness.finish(&[]).await
    })
}
