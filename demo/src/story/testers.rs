//! Testers: who may ask for a lane gets it, who may not is not even heard, and a rule needs nobody's leave.

use std::net::{IpAddr, Ipv4Addr};

use graylane_testbed::{Client, Result};

use crate::crowd::{Crowd, Line, Turn};
use crate::policy::{Document, Revision, example};
use crate::screen::{grouped, millis};
use crate::show::{Show, USERS};

const POLICY: &str = "testers";
/// The address that the policy trusts, and one that it does not.
const TRUSTED: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));

/// One way in which everybody asks, and how many of them it brings to v2.
struct Way {
    says: &'static str,
    turn: Turn,
    all: bool,
    /// Whether the header reaches the service.
    passes: bool,
}

pub(crate) async fn tell(show: &Show<'_>) -> Result<()> {
    show.heading(3, "testers: on v2 whenever they ask for it", &example(POLICY))?;
    let revision = show.revision(&Document::example(POLICY)?)?;
    let swap = show.publish(&revision).await?;
    show.screen.line(&format!("   policy in force after {}", millis(swap.judged - swap.renamed)))?;
    show.screen.line(&format!("   {}", show.paint().strong("5 % are on v2; nobody asks for it")))?;

    let crowd = Crowd::new(&["stable", "v2"]);
    let leaves = Some(Line { head: "v2".to_owned(), lane: "v2", says: String::new() });
    let plain = Turn { leaves, ..Turn::of(if show.fast { 1 } else { 4 }) };
    let tally = crowd.ask(show, &revision, &plain).await?;
    show.claim_clean(&tally)?;
    let canary = crowd.on("v2");
    let outside = (0..USERS).find(|user| !canary.contains(user)).unwrap_or_default();
    let ask = Some(("x-canary", "v2"));
    let ways = [
        Way {
            says: "X-Canary: v2 from 127.0.0.2, which the policy trusts",
            turn: Turn { source: TRUSTED, header: ask, ..plain.clone() },
            all: true,
            passes: true,
        },
        Way {
            says: "the same header from 127.0.0.3, a stranger",
            turn: Turn { source: STRANGER, header: ask, ..plain.clone() },
            all: false,
            passes: false,
        },
        Way {
            says: "a rule for the new app: x-app-version: 3.2 from anywhere",
            turn: Turn { source: STRANGER, header: Some(("x-app-version", "3.2")), ..plain },
            all: true,
            passes: true,
        },
    ];
    for way in &ways {
        follow(show, &revision, way, outside, &canary).await?;
    }
    Ok(())
}

/// Everybody asks in this way; one user outside of the canary is looked at closely.
async fn follow(show: &Show<'_>, revision: &Revision, way: &Way, outside: u32, canary: &[u32]) -> Result<()> {
    show.screen.line(&format!("   {}", show.paint().strong(way.says)))?;
    let crowd = Crowd::new(&["stable", "v2"]);
    let tally = crowd.ask(show, revision, &way.turn).await?;
    let on = crowd.on("v2");
    let expected = if way.all { (0..USERS).collect() } else { canary.to_vec() };
    let says = if way.all { "everybody is on v2" } else { "only the canary's users are on v2" };
    let figure = format!("{} of {}", grouped(on.len() as u64), grouped(expected.len() as u64));
    show.claim(tally.is_clean() && on == expected, says, &figure)?;

    let ask = way.turn.ask(outside);
    let response = Client::between(way.turn.source, show.stage.address()).send(&ask.request()).await?;
    show.count(1);
    let engine = ask.expected(&revision.plan);
    let held = engine.hold(&response);
    let header = way.turn.header.map_or("", |(name, _)| name);
    let arrived = held.as_ref().is_ok_and(|echo| echo.header(header).is_some());
    let fate = if arrived { "header passed on" } else { "header removed" };
    show.claim(held.is_ok() && arrived == way.passes, &format!("user-{outside}: {}", engine.summary), fate)
}
