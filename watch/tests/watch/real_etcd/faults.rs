//! etcd or the way to it fails: the proxy keeps what it had, never has an older version, and ends at the right one.

use std::time::{Duration, Instant};

use graylane_etcd::{Client, Keys};
use graylane_testbed::{Cut, Etcd, Result, block_on, eventually};
use serde_json::json;

use crate::support::{LIMIT, Proxy, Witness, report, versioned};

async fn put(client: &Client, name: &str, version: u64) -> Result<i64> {
    Ok(client.put(format!("/policies/releases/{name}"), versioned(name, version)).await?.revision)
}

async fn delete(client: &Client, name: &str) -> Result<()> {
    client.delete(Keys::one(format!("/policies/releases/{name}"))).await?;
    Ok(())
}

/// What is behind a line that can be cut.
struct Behind {
    etcd: Etcd,
    client: Client,
    cut: Cut,
    proxy: Proxy,
    witness: Witness,
}

impl Behind {
    /// All these hosts at version 1, in force.
    async fn cut(hosts: &'static [&'static str]) -> Result<Self> {
        let etcd = Etcd::start().await?;
        let client = etcd.client().await?;
        let cut = Cut::before(etcd.address()).await?;
        for host in hosts {
            put(&client, host, 1).await?;
        }
        let proxy = Proxy::start(cut.address(), json!({})).await?;
        let witness = Witness::of(&proxy, hosts).await?;
        let behind = Behind { etcd, client, cut, proxy, witness };
        for host in hosts {
            behind.until(host, Some(1)).await?;
        }
        Ok(behind)
    }

    async fn put(&self, name: &str, version: u64) -> Result<i64> {
        put(&self.client, name, version).await
    }

    async fn delete(&self, name: &str) -> Result<()> {
        delete(&self.client, name).await
    }

    /// Nothing comes through until it is healed.
    async fn part(&mut self) {
        self.cut.refuse().await;
        self.cut.sever().await;
    }

    /// As after a long absence: etcd no longer has what happened meanwhile, so the proxy has to list everything anew.
    async fn list_anew(&mut self) -> Result<Instant> {
        let lists = self.lists()?;
        self.part().await;
        // The revision after the last that the proxy knows may be the first that is kept.
        self.client.put("/elsewhere", "").await?;
        let revision = self.client.put("/elsewhere", "").await?.revision;
        self.etcd.compact(revision).await?;
        let healed = Instant::now();
        self.cut.heal().await?;
        self.proxy.until_said("documents at revision", lists + 1).await?;
        Ok(healed)
    }

    fn lists(&self) -> Result<usize> {
        Ok(self.proxy.envoy.log()?.matches("documents at revision").count())
    }

    async fn until(&self, host: &str, version: Option<u64>) -> Result<Duration> {
        self.until_since(host, version, Instant::now()).await
    }

    async fn until_since(&self, host: &str, version: Option<u64>, since: Instant) -> Result<Duration> {
        self.witness.until(&self.proxy, host, version, since).await
    }
}

#[test]
fn an_etcd_that_was_killed_is_followed_again() -> Result<()> {
    block_on(async {
        let mut etcd = Etcd::start().await?;
        let client = etcd.client().await?;
        put(&client, "shop", 1).await?;
        let proxy = Proxy::start(etcd.address(), json!({})).await?;
        let witness = Witness::of(&proxy, &["shop"]).await?;
        witness.until(&proxy, "shop", Some(1), Instant::now()).await?;
        etcd.kill()?;
        proxy.until_at_least("trouble", 2).await?;
        etcd.resume().await?;
        let up = Instant::now();
        put(&client, "shop", 2).await?;
        report("killed, up again and written", witness.until(&proxy, "shop", Some(2), up).await?);
        witness.finish(&[]).await
    })
}

#[test]
fn what_was_put_while_the_proxy_was_cut_off_is_in_force_after_that() -> Result<()> {
    block_on(async {
        let mut behind = Behind::cut(&["shop", "pay"]).await?;
        behind.part().await;
        behind.put("shop", 2).await?;
        behind.put("shop", 3).await?;
        behind.delete("pay").await?;
        behind.proxy.until_at_least("trouble", 2).await?;
        let healed = Instant::now();
        behind.cut.heal().await?;
        report("cut off, written meanwhile", behind.until_since("shop", Some(3), healed).await?);
        behind.until("pay", None).await?;
        behind.witness.finish(&["pay"]).await
    })
}

#[test]
fn what_was_compacted_away_while_the_proxy_was_cut_off_is_listed_anew() -> Result<()> {
    block_on(async {
        let mut behind = Behind::cut(&["shop", "pay", "tea"]).await?;
        behind.part().await;
        behind.put("shop", 2).await?;
        behind.delete("pay").await?;
        let revision = behind.put("shop", 3).await?;
        behind.etcd.compact(revision).await?;
        let healed = Instant::now();
        behind.cut.heal().await?;
        report("compacted past the proxy's revision", behind.until_since("shop", Some(3), healed).await?);
        behind.until("pay", None).await?;
        behind.proxy.until_said(&format!("compacted at {revision}"), 1).await?;
        behind.put("tea", 2).await?;
        behind.until("tea", Some(2)).await?;
        behind.witness.finish(&["pay"]).await
    })
}

#[test]
fn after_an_older_backup_everything_stays_until_later_versions_are_put() -> Result<()> {
    block_on(async {
        let mut behind = Behind::cut(&["shop", "pay", "new"]).await?;
        behind.delete("new").await?;
        behind.until("new", None).await?;
        let backup = behind.etcd.snapshot().await?;
        behind.put("shop", 2).await?;
        behind.put("new", 2).await?;
        // In the backup, and deleted since.
        behind.delete("pay").await?;
        behind.until("pay", None).await?;
        behind.until("new", Some(2)).await?;

        behind.etcd.restore(&backup).await?;
        let restored = Instant::now();
        behind.proxy.until_at_least("refused.version", 1).await?;
        behind.proxy.until_at_least("refused.history", 2).await?;
        report("restored from an older backup: the alarm", restored.elapsed());
        behind.proxy.until_said("of another history, what was in force stays", 1).await?;
        behind.proxy.until_said("/policies/releases/shop: version", 1).await?;
        behind.proxy.until_said("/policies/releases/new: history", 1).await?;
        behind.proxy.until_said("/policies/releases/pay: history", 1).await?;
        assert_eq!(behind.proxy.gauge("faulty").await?, 3);

        // Another list of the same etcd is of the same history, and still does not have them.
        behind.list_anew().await?;
        assert_eq!(behind.proxy.gauge("faulty").await?, 3);
        for (host, version) in [("shop", Some(2)), ("new", Some(2)), ("pay", None)] {
            behind.witness.once_more().await?;
            behind.until(host, version).await?;
        }

        let before = Instant::now();
        for (host, version) in [("shop", 3), ("new", 3), ("pay", 2)] {
            behind.put(host, version).await?;
            behind.until(host, Some(version)).await?;
        }
        report("restored from an older backup: three published again", before.elapsed());
        assert_eq!(behind.proxy.gauge("faulty").await?, 0);
        behind.delete("new").await?;
        behind.until("new", None).await?;
        behind.witness.finish(&["new", "pay"]).await
    })
}

#[test]
fn a_line_that_dies_without_a_word_is_noticed_and_left() -> Result<()> {
    block_on(async {
        let mut behind = Behind::cut(&["shop"]).await?;
        behind.cut.stall();
        let stalled = Instant::now();
        behind.put("shop", 2).await?;
        behind.proxy.until_at_least("trouble", 1).await?;
        let noticed = stalled.elapsed();
        report("a dead line: noticed", noticed);
        assert!(noticed < Duration::from_secs(8), "{}", behind.proxy.said());
        // Whoever looks at the gauge sees how long nothing was heard, however often it is tried again.
        behind.proxy.until_at_least("silent_ms", 6_000).await?;
        let healed = Instant::now();
        behind.cut.heal().await?;
        report("a dead line, healed", behind.until_since("shop", Some(2), healed).await?);
        eventually("the gauge to say that it is heard again", LIMIT, async || {
            Ok((behind.proxy.gauge("silent_ms").await? < 2_000).then_some(()))
        })
        .await?;
        behind.witness.finish(&[]).await
    })
}

#[test]
fn a_list_that_shows_nothing_takes_nothing_away() -> Result<()> {
    block_on(async {
        let mut behind = Behind::cut(&["shop", "pay"]).await?;
        behind.part().await;
        behind.client.delete(Keys::under("/policies/")).await?;
        let revision = behind.client.put("/elsewhere", "").await?.revision;
        behind.etcd.compact(revision).await?;
        behind.cut.heal().await?;
        behind.proxy.until_at_least("refused.empty", 1).await?;
        assert_eq!((behind.proxy.gauge("releases").await?, behind.proxy.gauge("faulty").await?), (2, 2));

        // Nor does one that has a part of them again.
        let before = Instant::now();
        behind.put("shop", 2).await?;
        report("all keys lost, one published again", behind.until_since("shop", Some(2), before).await?);
        behind.list_anew().await?;
        assert_eq!((behind.proxy.gauge("releases").await?, behind.proxy.gauge("faulty").await?), (2, 1));
        behind.witness.once_more().await?;
        behind.witness.finish(&[]).await
    })
}

#[test]
fn what_is_deleted_before_the_proxys_eyes_is_gone_all_of_it_if_need_be() -> Result<()> {
    block_on(async {
        let behind = Behind::cut(&["shop", "pay"]).await?;
        behind.client.delete(Keys::under("/policies/")).await?;
        behind.until("shop", None).await?;
        behind.until("pay", None).await?;
        // An old version does not come back by that.
        behind.put("pay", 2).await?;
        behind.until("pay", Some(2)).await?;
        behind.delete("pay").await?;
        behind.until("pay", None).await?;
        behind.put("pay", 1).await?;
        behind.proxy.until_at_least("refused.version", 1).await?;
        behind.witness.once_more().await?;
        behind.until("pay", None).await?;
        behind.witness.finish(&["shop", "pay"]).await
    })
}
