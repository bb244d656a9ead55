//! Canary: 5, 20, 50 % and back. On the way up users are only added; back at 5 % they are those of the start.

use std::collections::BTreeSet;

use graylane_testbed::Result;

use crate::crowd::{Crowd, Line, Turn};
use crate::policy::{Document, example};
use crate::screen::{grouped, millis};
use crate::show::{Show, USERS, tolerance};

const POLICY: &str = "canary";
const STEPS: [f64; 4] = [5.0, 20.0, 50.0, 5.0];

/// What became of one step.
struct Step {
    percent: f64,
    on: BTreeSet<u32>,
}

pub(crate) async fn tell(show: &Show<'_>) -> Result<()> {
    show.heading(2, "canary: 5, 20, 50 % of users on v2, back to 5", &example(POLICY))?;
    let mut document = Document::example(POLICY)?;
    show.screen.line(
        &show.paint().faint("   percent, users on v2 (expected), time from the file's rename until in force"),
    )?;
    let crowd = Crowd::new(&["stable", "v2"]);
    let mut steps: Vec<Step> = Vec::new();
    let mut clean = graylane_testbed::Tally::default();
    for percent in STEPS {
        document.set("/releases/0/canary/candidates/0/percent", percent)?;
        let revision = show.revision(&document)?;
        let swap = show.publish(&revision).await?;
        let (expected, off) = (promised(percent), tolerance(USERS, percent));
        let says = format!(" ({expected} ± {off})  {:>9}", millis(swap.judged - swap.renamed));
        let leaves = Some(Line { head: format!("{percent:>4} %"), lane: "v2", says });
        let rounds = if show.fast { 1 } else { 8 };
        let tally = crowd.ask(show, &revision, &Turn { leaves, ..Turn::of(rounds) }).await?;
        clean.sent += tally.sent;
        clean.right += tally.right;
        clean.complaints.extend(tally.complaints);
        steps.push(Step { percent, on: crowd.on("v2").into_iter().collect() });
    }
    show.claim_clean(&clean)?;
    shares(show, &steps)?;
    ramp(show, &steps)
}

/// The numbers are those that the percentages promise.
fn shares(show: &Show<'_>, steps: &[Step]) -> Result<()> {
    let within = |step: &&Step| {
        (step.on.len() as u64).abs_diff(promised(step.percent)) <= tolerance(USERS, step.percent)
    };
    let right = steps.iter().filter(within).count();
    let figure = format!("{right} of {}", steps.len());
    show.claim(right == steps.len(), "shares on v2 are as expected, give or take chance", &figure)
}

/// Nobody leaves on the way up, and the way back leads to the start.
fn ramp(show: &Show<'_>, steps: &[Step]) -> Result<()> {
    let mut left = 0;
    let mut added = Vec::new();
    for pair in steps.windows(2) {
        let [before, after] = pair else { continue };
        if after.percent > before.percent {
            left += before.on.difference(&after.on).count();
            added.push(after.on.difference(&before.on).count().to_string());
        }
    }
    let added = added.join(", then ");
    show.claim(
        left == 0,
        &format!("on the way up {added} users joined v2; users who left it"),
        &left.to_string(),
    )?;
    let (Some(first), Some(last)) = (steps.first(), steps.last()) else { return Ok(()) };
    let same = first.on.intersection(&last.on).count() as u64;
    let figure = format!("{} of {}", grouped(same), grouped(first.on.len() as u64));
    show.claim(first.on == last.on, "back at 5 %: the users of the start, and nobody else", &figure)
}

/// How many of the users a percentage is.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a thousand users")]
fn promised(percent: f64) -> u64 {
    (f64::from(USERS) * percent / 100.0).round() as u64
}
