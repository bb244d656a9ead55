//! Blue-green: the active lane is switched back and forth under load, and one request in twenty previews the idle one.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use graylane_testbed::{Load, Result, Tally, Until};

use crate::policy::{Document, example};
use crate::screen::{Moment, grouped, millis, share};
use crate::show::{Show, rate};
use crate::witness::Witness;

const POLICY: &str = "blue-green";
const LANES: [&str; 2] = ["blue", "green"];
/// Connections of the load.
const CONNECTIONS: usize = 8;
/// How long the bars of the lanes look back.
const GLANCE: Duration = Duration::from_millis(250);

pub(crate) async fn tell(show: &Show<'_>) -> Result<()> {
    show.heading(4, "blue-green: everybody switched, under load", &example(POLICY))?;
    let mut document = Document::example(POLICY)?;
    let witness = Witness::new(LANES);
    switch(show, &witness, &mut document, LANES[0]).await?;

    let stop = AtomicBool::new(false);
    let load = Load::on(show.stage.address(), CONNECTIONS, Until::Stopped(&stop))
        .run(|number| witness.send(number), |number, response| witness.judge(number, response));
    let director = async {
        let told = switches(show, &witness, &mut document).await;
        stop.store(true, Ordering::Relaxed);
        told
    };
    let glance = RefCell::new(Glance::default());
    let frame = |moment| glance.borrow_mut().frame(show, &witness, moment == Moment::End);
    let (tally, told) = show.screen.live(frame, async { tokio::join!(load, director) }).await?;
    let versions = told?;
    show.note(&tally);
    claims(show, &witness, &tally, &versions)
}

/// Makes a lane the active one; says which policy that is.
async fn switch(show: &Show<'_>, witness: &Witness, document: &mut Document, lane: &str) -> Result<u64> {
    let version = show.next_version();
    document.set("/releases/0/blueGreen/active", lane)?;
    for lane in 0..LANES.len() {
        document.set(&format!("/releases/0/lanes/{lane}/labels/policy"), version.to_string())?;
    }
    let revision = witness.prepare(version, show.revision(document)?);
    witness.switched(version, show.publish(&revision).await?);
    Ok(version)
}

/// Switches again and again, with requests flowing in between; says which policies that were.
async fn switches(show: &Show<'_>, witness: &Witness, document: &mut Document) -> Result<Vec<u64>> {
    let (times, time, answers) = if show.fast { (6, 40, 300) } else { (10, 500, 1000) };
    let time = Duration::from_millis(time);
    let mut versions = Vec::new();
    witness.flow(time, answers).await?;
    for turn in 0..times {
        let [from, to] = if turn % 2 == 0 { LANES } else { [LANES[1], LANES[0]] };
        let version = switch(show, witness, document, to).await?;
        // The last answers of the old lane may still be on their way.
        witness.flow(time / 4, answers / 4).await?;
        let paint = show.paint();
        show.screen.line(&format!(
            "   {} -> {}   last answer of {from}: {} after the rename",
            paint.lane(from, &format!("{from:>5}")),
            paint.lane(to, &format!("{to:<5}")),
            millis(witness.last_before(version)),
        ))?;
        versions.push(version);
        witness.flow(time, answers).await?;
    }
    Ok(versions)
}

fn claims(show: &Show<'_>, witness: &Witness, tally: &Tally, versions: &[u64]) -> Result<()> {
    show.claim(
        tally.failed == 0,
        &format!("{} switches at {}; requests that failed", versions.len(), rate(tally.sent, tally.elapsed)),
        &format!("{} of {}", tally.failed, grouped(tally.sent)),
    )?;
    show.claim_clean(tally)?;
    let explained = witness.explained();
    let figure = format!("{} of {}", grouped(explained), grouped(tally.sent));
    show.claim(explained == tally.sent, "each explained by exactly one policy in force", &figure)?;
    let (previews, right) = witness.previews();
    let figure = format!("{} of {}", grouped(right), grouped(previews));
    show.claim(previews > 0 && right == previews, "with x-preview: sent to the idle lane", &figure)?;
    let mut sorted: Vec<_> = versions.iter().map(|version| witness.last_before(*version)).collect();
    sorted.sort();
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    let longest = sorted.last().copied().unwrap_or_default();
    show.screen.line(&format!(
        "          last answer of the old lane: median {}, longest {}",
        millis(median),
        millis(longest),
    ))
}

/// What the lanes answered a moment ago.
#[derive(Default)]
struct Glance {
    samples: VecDeque<(Instant, [u64; 2])>,
}

impl Glance {
    /// A bar for each lane: its part in the answers of the last moment; in all answers, once `done`.
    fn frame(&mut self, show: &Show<'_>, witness: &Witness, done: bool) -> Vec<String> {
        let (now, counts) = (Instant::now(), witness.answers());
        self.samples.push_back((now, counts));
        while self.samples.front().is_some_and(|(at, _)| now - *at > GLANCE) {
            self.samples.pop_front();
        }
        let (since, before) = match self.samples.front() {
            Some((at, before)) if !done => (*at, *before),
            _ => (now, [0; 2]),
        };
        let parts = counts.iter().zip(before).map(|(count, before)| count - before);
        let all: u64 = parts.clone().sum();
        let bar = |(lane, part): (&str, u64)| {
            let figure = if done { grouped(part) } else { rate(part, now - since) };
            show.paint().bar(lane, lane, part, all, &format!("{figure:>9} {:>8}", share(part, all)))
        };
        LANES.into_iter().zip(parts).map(bar).collect()
    }
}
