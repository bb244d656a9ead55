//! `graylane-demo run`: everything up, to be tried by hand; the policy is taken whenever it is saved.

use std::fmt::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use graylane_testbed::{Context, Result, bail, root};

use crate::args::Ports;
use crate::ask::Ask;
use crate::ending::{Ending, Stops};
use crate::policy::{Revision, example, read_text};
use crate::screen::{Screen, millis};
use crate::stage::Stage;
use crate::watch::Watch;

/// The example that the policy begins as.
const EXAMPLE: &str = "run";
/// Where the policy stands unless another is named.
const POLICY: &str = "target/run/policy.yaml";
/// A local address that the example does not trust.
const STRANGER: [u8; 4] = [127, 0, 0, 2];

/// Leaves everything up until a signal comes.
///
/// # Errors
/// When the policy is bad at the start, something does not start, or dies on the way.
pub(crate) async fn run(policy: Option<PathBuf>, ports: Ports) -> Result<ExitCode> {
    let screen = Screen::open();
    let mut stops = Stops::listen()?;
    let own = policy.is_some();
    let path = policy.map_or_else(begin, Ok)?;
    let shown = shown(&path);
    let mut watch = Watch::on(&path, &shown);
    let first = match watch.first()? {
        Ok(revision) => revision,
        Err(mistakes) if own => bail!("{shown} is no right policy; mend it and start again:\n{mistakes}"),
        Err(mistakes) => bail!(
            "{shown} is no right policy; mend it and start again, or begin anew with `rm {shown}`:\n{mistakes}"
        ),
    };
    let stage = match stops.unless(Stage::start("run", ports)).await {
        Ending::Done(stage) => stage?,
        Ending::Stopped(stop) => {
            screen.line(&format!("\n{stop}: nothing was up yet, nothing is left."))?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    let work = async {
        let swap = stage.publish(&first).await?;
        greet(&screen, &stage, &shown)?;
        invite(&screen, &stage, &first)?;
        if !own {
            changes(&screen, &shown)?;
        }
        screen.line("")?;
        watch.tell(&screen, &stage, &first, swap).await?;
        watch.forever(&screen, &stage).await
    };
    let ending = stops.unless_on(&stage, Box::pin(work)).await;
    let ended = stage.end();
    match ending {
        // This is how it is meant to end.
        Ending::Stopped(stop) => {
            screen.line(&format!("\n{stop}. {}\nThe policy stays in {shown}.", ended?))?;
            Ok(ExitCode::SUCCESS)
        }
        Ending::Done(Ok(never)) => match never {},
        Ending::Done(Err(error)) => Err(error),
    }
}

/// The policy that nobody named: as it was left last time, else a copy of the example.
fn begin() -> Result<PathBuf> {
    let path = root().join(POLICY);
    if !path.exists() {
        let text = read_text(&root().join(example(EXAMPLE)))?;
        let folder = path.parent().unwrap_or(root());
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&path, text))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(path)
}

/// A path as a person here would type it.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let below = here.and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    below.unwrap_or_else(|| path.to_owned()).display().to_string()
}

fn greet(screen: &Screen, stage: &Stage, policy: &str) -> Result<()> {
    let paint = screen.paint();
    let (proxy, admin) = (stage.address(), stage.admin().address());
    screen.line(&paint.strong("graylane on a real Envoy, with a service for each lane. Ctrl-C ends it."))?;
    screen.line("")?;
    screen.line(&format!("   proxy    {}", paint.strong(&format!("http://{proxy}"))))?;
    screen.line(&format!("   admin    http://{admin}/stats?filter=graylane"))?;
    screen.line(&format!("   policy   {}   edit it: it is taken when you save", paint.strong(policy)))?;
    screen.line(&format!("   up in    {}", millis(stage.took())))
}

/// A line to copy.
struct Try {
    path: &'static str,
    header: Option<(&'static str, &'static str)>,
    from: Option<[u8; 4]>,
}

const CANARY: Option<(&str, &str)> = Some(("x-canary", "v2"));
const TRIES: [Try; 6] = [
    Try { path: "/button", header: None, from: None },
    Try { path: "/users", header: None, from: None },
    Try { path: "/users", header: CANARY, from: None },
    Try { path: "/users", header: CANARY, from: Some(STRANGER) },
    Try { path: "/pay", header: None, from: None },
    Try { path: "/pay", header: Some(("x-preview", "yes")), from: None },
];

/// Lines to copy, each with what the engine says will come of it.
fn invite(screen: &Screen, stage: &Stage, revision: &Revision) -> Result<()> {
    let (paint, proxy) = (screen.paint(), stage.address());
    screen.line("")?;
    screen.line("Ask as alice, and see which lane serves:")?;
    for Try { path, header, from } in TRIES {
        let mut ask = Ask::new(&proxy.to_string(), path).by("alice");
        let mut curl = format!("curl -sI http://{proxy}{path} -H 'x-gray-id: alice'");
        if let Some(source) = from.map(IpAddr::from) {
            ask = ask.from(source);
            // On a line of its own: the whole would be wider than 80 columns.
            write!(curl, " \\\n        --interface {source}")?;
        }
        if let Some((name, value)) = header {
            ask = ask.header(name, value);
            write!(curl, " -H '{name}: {value}'")?;
        }
        let expected = ask.expected(&revision.plan);
        let why = if expected.summary.is_empty() { "no release governs it" } else { &expected.summary };
        let lane = paint.lane(&expected.lane, &format!("x-served-by: {}", expected.lane));
        screen.lines(&format!("   {curl}\n      {lane}   {}", paint.faint(why)))?;
    }
    screen.lines(&format!(
        "   curl -s http://{proxy}/users\n      {}",
        paint.faint("without -I: the name of the service, and every header that it was sent")
    ))
}

/// Edits of the example to copy.
fn changes(screen: &Screen, policy: &str) -> Result<()> {
    let example = shown(&root().join(example(EXAMPLE)));
    let edits = [
        (format!("sed -i 's/percent: 5/percent: 100/' {policy}"), "alice and everybody else on v2"),
        (format!("sed -i 's/active: blue/active: green/' {policy}"), "everybody pays at green"),
        (format!("sed -i 's/stable: stable/stable: old/' {policy}"), "refused: every mistake is told"),
        (format!("cp {example} {policy}"), "as it was at first"),
    ];
    screen.line("Change the policy, and ask again:")?;
    for (command, effect) in edits {
        screen.lines(&format!("   {command}\n      {}", screen.paint().faint(effect)))?;
    }
    Ok(())
}
