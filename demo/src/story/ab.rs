//! AB test: the users are split once, and everybody stays.

use std::net::{IpAddr, Ipv4Addr};

use graylane::headers;
use graylane_testbed::{Client, Request, Result};

use crate::ask::Ask;
use crate::crowd::{Crowd, Line, Turn};
use crate::policy::{Document, Revision, example};
use crate::screen::{grouped, millis};
use crate::show::{HOST, Show, USERS, tolerance};

const POLICY: &str = "ab-test";
/// Visitors who come without an id.
const VISITORS: u32 = 50;

pub(crate) async fn tell(show: &Show<'_>) -> Result<()> {
    show.heading(1, "AB test: 1,000 users, half see A, half B", &example(POLICY))?;
    let revision = show.revision(&Document::example(POLICY)?)?;
    let swap = show.publish(&revision).await?;
    show.screen.line(&format!(
        "   module loaded and policy in force after {}",
        millis(swap.judged - swap.renamed)
    ))?;

    let crowd = Crowd::new(&["A", "B"]);
    let rounds = if show.fast { 4 } else { 30 };
    let turn = Turn::of(rounds);
    let first = crowd.ask(show, &revision, &turn).await?;
    show.claim_clean(&first)?;
    let (there, expected, off) = (crowd.on("A").len() as u64, u64::from(USERS / 2), tolerance(USERS, 50.0));
    show.claim(
        there.abs_diff(expected) <= off,
        &format!("half of them on A, give or take chance: {expected} ± {off}"),
        &grouped(there),
    )?;
    show.claim(
        crowd.moved() == 0,
        &format!("asked {rounds} times each; users who moved"),
        &grouped(crowd.moved()),
    )?;

    let source = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));
    let leaves = Some(Line { head: "A".to_owned(), lane: "A", says: String::new() });
    let elsewhere = Turn { source, connections: 3, leaves, ..Turn::of(2) };
    let again = crowd.ask(show, &revision, &elsewhere).await?;
    show.claim(
        again.is_clean() && crowd.moved() == 0,
        "asked again from another address; users who moved",
        &grouped(crowd.moved()),
    )?;
    headers_of_one(show, &revision, &turn).await?;
    visitors(show, &revision).await
}

/// What service and client were told about one user.
async fn headers_of_one(show: &Show<'_>, revision: &Revision, turn: &Turn) -> Result<()> {
    let ask = turn.ask(7);
    let response = Client::to(show.stage.address()).send(&ask.request()).await?;
    show.count(1);
    let held = ask.expected(&revision.plan).hold(&response);
    let group = held.as_ref().ok().and_then(|echo| echo.header(headers::GROUP)).unwrap_or_default();
    let experiment = response.header(headers::EXPERIMENT).unwrap_or_default();
    let text = |name, bytes: &[u8]| format!("{name}: {}", String::from_utf8_lossy(bytes));
    show.claim(!group.is_empty(), "the service of user-7 was told", &text(headers::GROUP, &group))?;
    show.claim(!experiment.is_empty(), "user-7 was told", &text(headers::EXPERIMENT, experiment))
}

/// Who comes without an id is given one in a cookie, and keeps group and cookie.
async fn visitors(show: &Show<'_>, revision: &Revision) -> Result<()> {
    let mut stayed = 0;
    for _ in 0..VISITORS {
        let first = Client::to(show.stage.address()).send(&Request::get("/").host(HOST)).await?;
        let cookie = first.header(headers::SET_COOKIE).unwrap_or_default();
        let cookie = String::from_utf8_lossy(cookie.split(|byte| *byte == b';').next().unwrap_or_default());
        let again = Ask::new(HOST, "/").header(headers::COOKIE, &cookie);
        let second = Client::to(show.stage.address()).send(&again.request()).await?;
        let same = !cookie.is_empty() && first.served_by() == second.served_by();
        let kept = second.header(headers::SET_COOKIE).is_none();
        stayed += u32::from(same && kept && again.expected(&revision.plan).hold(&second).is_ok());
    }
    show.count(2 * u64::from(VISITORS));
    show.claim(
        stayed == VISITORS,
        "visitors who were given a cookie come back and stay",
        &format!("{stayed} of {VISITORS}"),
    )
}
