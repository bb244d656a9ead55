//! `graylane-demo demo`: four stories on one Envoy, told and checked.

use std::process::ExitCode;
use std::time::Instant;

use graylane_testbed::{Context, Result, module};

use crate::args::Ports;
use crate::ending::{Ending, INTERRUPTED, Stops};
use crate::screen::{Screen, grouped, millis};
use crate::show::{Show, rate};
use crate::stage::{Stage, WORKERS};
use crate::story;

/// Tells the stories. The exit code says whether every claim held.
///
/// # Errors
/// When something does not start, or dies on the way.
pub(crate) async fn demo(fast: bool, ports: Ports) -> Result<ExitCode> {
    let start = Instant::now();
    let screen = Screen::open();
    let mut stops = Stops::listen()?;
    let paint = screen.paint();
    screen.line(&paint.strong("graylane: AB test, canary and blue-green by one module in one Envoy"))?;
    screen.lines(
        "Real requests go through a real Envoy to real services. Only the policy file\n\
         changes. Each answer is held against what the engine, run here, says for it.",
    )?;
    let stage = match stops.unless(Stage::start("demo", ports)).await {
        Ending::Done(stage) => stage?,
        Ending::Stopped(stop) => {
            screen.line(&format!("\n{stop}: nothing was up yet, nothing is left."))?;
            return Ok(ExitCode::from(INTERRUPTED));
        }
    };
    let show = Show::new(&screen, &stage, fast);
    let ending = stops.unless_on(&stage, Box::pin(tell(&show, start))).await;
    let failed = show.failed_claims();
    let ended = stage.end();
    match ending {
        Ending::Stopped(stop) => {
            screen.line(&format!("\n{stop}. {}", ended?))?;
            Ok(ExitCode::from(INTERRUPTED))
        }
        Ending::Done(told) => {
            told?;
            ended?;
            Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

async fn tell(show: &Show<'_>, start: Instant) -> Result<()> {
    program(show).await?;
    story::ab::tell(show).await?;
    story::canary::tell(show).await?;
    story::testers::tell(show).await?;
    story::blue_green::tell(show).await?;
    summary(show, start).await
}

/// What is up.
async fn program(show: &Show<'_>) -> Result<()> {
    let stage = show.stage;
    let info = stage.admin().json("/server_info").await?;
    let version = info.get("version").and_then(|version| version.as_str()).unwrap_or_default();
    let version = version.split('/').nth(1).unwrap_or("of an unknown version");
    let size = std::fs::metadata(module()?).context("the module is gone")?.len();
    let services = stage.services().await.len();
    show.screen.line("")?;
    show.screen.line(&format!(
        "   Envoy {version}, {WORKERS} workers, process {}, on http://{}",
        stage.process(),
        stage.address()
    ))?;
    show.screen.line(&format!(
        "   graylane.wasm, {} KB; {services} services, a process each; all up in {}",
        size.div_ceil(1000),
        millis(stage.took())
    ))
}

/// The figures of the whole, and what Envoy itself counted.
async fn summary(show: &Show<'_>, start: Instant) -> Result<()> {
    let stage = show.stage;
    stage.all_up().await?;
    let stats = stage.admin().stats("^http[.]edge[.]downstream_rq_(completed|5xx)$").await?;
    let count =
        |name: &str| stats.get(&format!("http.edge.downstream_rq_{name}")).copied().unwrap_or_default();
    let (completed, errors) = (count("completed"), count("5xx"));
    show.screen.line("")?;
    let reloads: u64 = stage.admin().stats("^wasm[.].*[.]vm_reload$").await?.values().sum();
    show.claim(
        completed == show.asked() && errors == 0,
        "Envoy's own count of requests, and of 5xx answers",
        &format!("{}, {errors}", grouped(completed)),
    )?;
    show.claim(
        show.amiss() == 0,
        &format!(
            "{} requests at {}; failed or not as the engine says",
            grouped(show.asked()),
            rate(show.asked(), show.flowing())
        ),
        &grouped(show.amiss()),
    )?;
    show.claim(
        reloads == 0,
        "times that the module trapped and had to be loaded anew",
        &reloads.to_string(),
    )?;
    let paint = show.paint();
    let seconds = start.elapsed().as_secs_f64();
    show.screen.line("")?;
    show.screen.line(&match show.failed_claims() {
        0 => paint.good(&format!(
            "Every claim held: {} policies, one module, one Envoy, never restarted; {seconds:.1} s.",
            show.versions()
        )),
        1 => paint.bad(&format!("One claim FAILED; {seconds:.1} s.")),
        failed => paint.bad(&format!("{failed} claims FAILED; {seconds:.1} s.")),
    })
}
