//! Ten thousand signed documents: how long the main thread is held up, on which xDS and the admin interface wait, and how long it
//! takes until they are in force.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use graylane_document::secret::{Algorithm, Secret};
use graylane_etcd::Transaction;
use graylane_testbed::{Client, Context, Cut, Etcd, Request, Result, block_on, ensure, eventually};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::support::{LIMIT, Proxy, Witness, report, versioned};

const MANY: usize = 10_000;
/// As many writes etcd takes in one transaction.
const AT_ONCE: usize = 128;

/// Bounds with room for a slow machine; the figures themselves are printed. To verify all of them takes some seconds.
const LONGEST: Duration = Duration::from_secs(1);
const ANEW: Duration = Duration::from_secs(3);

/// Asks the admin interface all the time, and remembers the longest that an answer took.
struct Asking {
    seen: Arc<Seen>,
    asking: JoinHandle<Result<()>>,
}

#[derive(Default)]
struct Seen {
    answers: AtomicU64,
    longest_micros: AtomicU64,
}

impl Asking {
    fn of(proxy: &Proxy) -> Self {
        let (mut client, seen) = (Client::to(proxy.envoy.admin().address()), Arc::<Seen>::default());
        let told = Arc::clone(&seen);
        let asking = tokio::spawn(async move {
            loop {
                let began = Instant::now();
                client.send(&Request::get("/ready").host("admin")).await?;
                told.longest_micros.fetch_max(u64::try_from(began.elapsed().as_micros())?, Ordering::Relaxed);
                told.answers.fetch_add(1, Ordering::Relaxed);
            }
        });
        Asking { seen, asking }
    }

    /// The longest since this was asked last, whatever is asked now included.
    async fn longest(&self) -> Result<Duration> {
        let before = self.seen.answers.load(Ordering::Relaxed);
        eventually("an answer", LIMIT, async || {
            ensure!(!self.asking.is_finished(), "the admin interface does not answer");
            Ok((self.seen.answers.load(Ordering::Relaxed) > before).then_some(()))
        })
        .await?;
        Ok(Duration::from_micros(self.seen.longest_micros.swap(0, Ordering::Relaxed)))
    }

    async fn at_most(&self, what: &str) -> Result<()> {
        let longest = self.longest().await?;
        report(what, longest);
        ensure!(longest < LONGEST, "the main thread was held up for {longest:?}");
        Ok(())
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.asking.abort();
    }
}

#[test]
fn ten_thousand_signatures_are_verified_while_the_main_thread_does_other_things() -> Result<()> {
    block_on(async {
        let etcd = Etcd::start().await?;
        let client = etcd.client().await?;
        let secret = Secret::generate(Algorithm::Ed25519)?;
        let signed = |name: &str, version| -> Result<String> {
            Ok(secret.seal(versioned(name, version).into_bytes(), "a").context("sealed")?.to_json())
        };
        let mut cut = Cut::before(etcd.address()).await?;
        cut.refuse().await;
        let proxy = Proxy::start(cut.address(), json!({"signers": {"a": secret.signer()}})).await?;
        let witness = Witness::of(&proxy, &["zzz"]).await?;
        let asking = Asking::of(&proxy);
        let names: Vec<String> = (0..MANY - 1).map(|number| format!("many{number:05}")).collect();
        for some in names.chunks(AT_ONCE) {
            let mut all = Transaction::default();
            for name in some {
                all = all.put(format!("/policies/releases/{name}"), signed(name, 1)?);
            }
            client.transact(all).await?;
        }
        client.put("/policies/releases/zzz", signed("zzz", 1)?).await?;
        report("an answer of the main thread that has nothing to do, at most", asking.longest().await?);

        let began = Instant::now();
        cut.heal().await?;
        report("10,000 signed documents", witness.until(&proxy, "zzz", Some(1), began).await?);
        assert_eq!(proxy.gauge("releases").await?, MANY as u64);
        asking.at_most("an answer meanwhile, at most").await?;

        let began = Instant::now();
        client.put("/policies/releases/zzz", signed("zzz", 2)?).await?;
        report("one of them changes", witness.until(&proxy, "zzz", Some(2), began).await?);

        cut.refuse().await;
        cut.sever().await;
        client.put("/policies/releases/zzz", signed("zzz", 3)?).await?;
        let revision = client.put("/elsewhere", "").await?.revision;
        etcd.compact(revision).await?;
        let began = Instant::now();
        cut.heal().await?;
        let listed = witness.until(&proxy, "zzz", Some(3), began).await?;
        report("listed anew after a compaction", listed);
        asking.at_most("an answer meanwhile, at most").await?;
        assert!(listed < ANEW, "what was verified is verified again");
        witness.finish(&[]).await
    })
}
