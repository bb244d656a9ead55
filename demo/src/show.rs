//! What all stories share: screen and stage, the count of everything, and claims that are checked before they are
//! shown.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use graylane_testbed::{Result, Swap, Tally, Verdict, bail};

use crate::policy::{Document, Revision};
use crate::screen::{Paint, Screen, grouped};
use crate::stage::Stage;

/// How many users there are.
pub(crate) const USERS: u32 = 1000;
/// The host that the stories' policies govern.
pub(crate) const HOST: &str = "shop.example.com";
/// Complaints shown word for word where a claim fails.
const SHOWN: usize = 3;

/// A show on its stage.
#[derive(Debug)]
pub(crate) struct Show<'a> {
    pub(crate) screen: &'a Screen,
    pub(crate) stage: &'a Stage,
    pub(crate) fast: bool,
    version: AtomicU64,
    asked: AtomicU64,
    amiss: AtomicU64,
    micros: AtomicU64,
    failed_claims: AtomicU32,
}

impl<'a> Show<'a> {
    /// A show before its first story.
    pub(crate) fn new(screen: &'a Screen, stage: &'a Stage, fast: bool) -> Self {
        Self {
            screen,
            stage,
            fast,
            version: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            amiss: AtomicU64::new(0),
            micros: AtomicU64::new(0),
            failed_claims: AtomicU32::new(0),
        }
    }

    pub(crate) fn paint(&self) -> Paint {
        self.screen.paint()
    }

    /// The head of a story.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub(crate) fn heading(&self, number: u32, title: &str, policy: &str) -> Result<()> {
        let paint = self.paint();
        let head = format!("{number}  {title}");
        let gap = 78_usize.saturating_sub(head.chars().count() + policy.len());
        self.screen.line("")?;
        self.screen.line(&format!("{}{}{}", paint.strong(&head), " ".repeat(gap), paint.faint(policy)))
    }

    /// The version that the next policy will have.
    pub(crate) fn next_version(&self) -> u64 {
        self.version.load(Ordering::Relaxed) + 1
    }

    /// How many policies were put in force.
    pub(crate) fn versions(&self) -> u64 {
        self.version.load(Ordering::Relaxed)
    }

    /// The document as it will be published next, with the next version.
    ///
    /// # Errors
    /// Every mistake in it.
    pub(crate) fn revision(&self, document: &Document) -> Result<Revision> {
        let mut document = document.clone();
        document.set("/version", self.version.fetch_add(1, Ordering::Relaxed) + 1)?;
        document.revision()
    }

    /// Puts a policy in force.
    ///
    /// # Errors
    /// When Envoy refuses it; the error holds what it logged.
    pub(crate) async fn publish(&self, revision: &Revision) -> Result<Swap> {
        let swap = self.stage.publish(revision).await?;
        if swap.verdict == Verdict::Refused {
            bail!("Envoy refused the policy:\n{}", self.stage.said_of_the_module().await?);
        }
        Ok(swap)
    }

    /// Notes a load: its requests count for the end.
    pub(crate) fn note(&self, tally: &Tally) {
        self.asked.fetch_add(tally.sent, Ordering::Relaxed);
        self.amiss.fetch_add(tally.wrong + tally.failed, Ordering::Relaxed);
        let micros = u64::try_from(tally.elapsed.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Counts requests that no load sent.
    pub(crate) fn count(&self, requests: u64) {
        self.asked.fetch_add(requests, Ordering::Relaxed);
    }

    /// Claims that every answer of `tally` is the engine's, and shows the first that are not.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub(crate) fn claim_clean(&self, tally: &Tally) -> Result<()> {
        let figure = format!("{} of {}", grouped(tally.right), grouped(tally.sent));
        self.claim(tally.is_clean(), "every answer is the one that the engine names", &figure)?;
        for complaint in tally.complaints.iter().take(SHOWN) {
            self.screen.line(&format!("      {complaint}"))?;
        }
        Ok(())
    }

    /// Shows a claim with its figure, and whether it holds.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub(crate) fn claim(&self, holds: bool, says: &str, figure: &str) -> Result<()> {
        let paint = self.paint();
        let mark = if holds { paint.good("ok    ") } else { paint.bad("FAILED") };
        if !holds {
            self.failed_claims.fetch_add(1, Ordering::Relaxed);
        }
        let gap = 68_usize.saturating_sub(says.chars().count() + figure.chars().count()).max(2);
        self.screen.line(&format!("   {mark} {says}{}{}", " ".repeat(gap), paint.strong(figure)))
    }

    /// All requests so far.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Those without an answer or with a wrong one.
    pub(crate) fn amiss(&self) -> u64 {
        self.amiss.load(Ordering::Relaxed)
    }

    /// How long requests were flowing.
    pub(crate) fn flowing(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::Relaxed))
    }

    /// How many claims did not hold.
    pub(crate) fn failed_claims(&self) -> u32 {
        self.failed_claims.load(Ordering::Relaxed)
    }
}

/// The name of a user, by number.
pub(crate) fn user(number: u32) -> String {
    format!("user-{number}")
}

/// Requests per second, as people read them.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate"
)]
pub(crate) fn rate(requests: u64, time: Duration) -> String {
    format!("{}/s", grouped((requests as f64 / time.as_secs_f64().max(1e-9)) as u64))
}

/// How far chance may take the number of `n` users that fall into a share of `percent`: 3.3 standard deviations,
/// which it leaves once in a thousand times.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few hundred at most")]
pub(crate) fn tolerance(n: u32, percent: f64) -> u64 {
    let share = percent / 100.0;
    (3.3 * (f64::from(n) * share * (1.0 - share)).sqrt()).ceil() as u64
}
