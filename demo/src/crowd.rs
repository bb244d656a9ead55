//! All users at once: each asks, and where each was sent is remembered.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Instant;

use graylane_testbed::{Load, Result, Tally, Until};

use crate::ask::Ask;
use crate::policy::Revision;
use crate::screen::{Moment, grouped, share};
use crate::show::{HOST, Show, USERS, rate, user};

/// One of each user's requests.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    /// Where they call from.
    pub(crate) source: IpAddr,
    /// Over how many connections.
    pub(crate) connections: usize,
    /// How often everybody asks.
    pub(crate) rounds: u32,
    /// A header that everybody sends besides the id.
    pub(crate) header: Option<(&'static str, &'static str)>,
    /// What is left on the screen; without it all lanes are.
    pub(crate) leaves: Option<Line>,
}

/// One lane's bar, with words around it.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Before the bar.
    pub(crate) head: String,
    /// The lane.
    pub(crate) lane: &'static str,
    /// Behind how many are there.
    pub(crate) says: String,
}

impl Turn {
    /// Everybody asks so often.
    pub(crate) fn of(rounds: u32) -> Self {
        Self { source: IpAddr::V4(Ipv4Addr::LOCALHOST), connections: 8, rounds, header: None, leaves: None }
    }

    /// What a user asks.
    pub(crate) fn ask(&self, number: u32) -> Ask {
        let ask = Ask::new(HOST, "/").from(self.source).by(&user(number));
        self.header.iter().fold(ask, |ask, (name, value)| ask.header(name, value))
    }
}

/// Where everybody was sent last.
#[derive(Debug)]
pub(crate) struct Crowd {
    lanes: &'static [&'static str],
    /// For each user the number of the lane, counted from 1; 0 before the first answer.
    at: Vec<AtomicU8>,
    moved: AtomicU64,
}

impl Crowd {
    /// Everybody, nobody sent anywhere yet.
    pub(crate) fn new(lanes: &'static [&'static str]) -> Self {
        Self { lanes, at: (0..USERS).map(|_| AtomicU8::new(0)).collect(), moved: AtomicU64::new(0) }
    }

    /// How often an answer came from another lane than the answer before to the same user.
    pub(crate) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    /// Who is on a lane, by number.
    pub(crate) fn on(&self, lane: &str) -> Vec<u32> {
        let Some(lane) = self.number(lane) else { return Vec::new() };
        let users = (0..).zip(&self.at).filter(|(_, at)| at.load(Ordering::Relaxed) == lane);
        users.map(|(user, _)| user).collect()
    }

    /// One lane as a bar: how many are there, and what else there is to say.
    fn bar(&self, show: &Show<'_>, head: &str, lane: &str, says: impl FnOnce(u64) -> String) -> String {
        let part = self.on(lane).len() as u64;
        let says = format!("{:>5} users{}", grouped(part), says(part));
        show.paint().bar(head, lane, part, u64::from(USERS), &says)
    }

    /// The lanes, a bar for each.
    fn bars(&self, show: &Show<'_>) -> Vec<String> {
        let bar = |lane: &&str| {
            self.bar(show, lane, lane, |part| format!("  {:>7}", share(part, u64::from(USERS))))
        };
        self.lanes.iter().map(bar).collect()
    }

    /// Everybody asks; every answer is held against the engine's.
    ///
    /// # Errors
    /// When nobody reads the screen any more.
    pub(crate) async fn ask(&self, show: &Show<'_>, revision: &Revision, turn: &Turn) -> Result<Tally> {
        let all = u64::from(turn.rounds) * u64::from(USERS);
        let (asked, amiss, start) = (AtomicU64::new(0), AtomicU64::new(0), Instant::now());
        let load = Load::on(show.stage.address(), turn.connections, Until::Requests(all)).from(turn.source);
        let load = load.progress(|progress| {
            asked.store(progress.done, Ordering::Relaxed);
            amiss.store(progress.bad, Ordering::Relaxed);
        });
        let work = load.run(
            |number| turn.ask(user_of(number)).request(),
            |number, response| {
                let user = user_of(number);
                self.see(user, response.served_by().unwrap_or_default());
                turn.ask(user).expected(&revision.plan).hold(response).map(drop)
            },
        );
        let frame = |moment| {
            if let (Moment::End, Some(Line { head, lane, says })) = (moment, &turn.leaves) {
                return vec![self.bar(show, head, lane, |_| says.clone())];
            }
            let asked = asked.load(Ordering::Relaxed);
            let mut lines = self.bars(show);
            lines.push(show.paint().faint(&format!(
                "   {} of {} requests   {}   {} amiss",
                grouped(asked),
                grouped(all),
                rate(asked, start.elapsed()),
                grouped(amiss.load(Ordering::Relaxed)),
            )));
            lines
        };
        let tally = show.screen.live(frame, work).await?;
        show.note(&tally);
        Ok(tally)
    }

    /// Remembers where a user was sent.
    fn see(&self, user: u32, lane: &str) {
        let (Some(lane), Some(at)) = (self.number(lane), self.at.get(user as usize)) else { return };
        let before = at.swap(lane, Ordering::Relaxed);
        if before != 0 && before != lane {
            self.moved.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn number(&self, lane: &str) -> Option<u8> {
        let position = self.lanes.iter().position(|known| *known == lane)?;
        u8::try_from(position + 1).ok()
    }
}

/// Whose turn a request is.
fn user_of(number: u64) -> u32 {
    u32::try_from(number % u64::from(USERS)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_sent_elsewhere_has_moved() {
        let crowd = Crowd::new(&["A", "B"]);
        for (user, lane) in [(1, "A"), (2, "B"), (1, "A"), (2, ""), (2, "B")] {
            crowd.see(user, lane);
        }
        assert_eq!((crowd.on("A"), crowd.on("B"), crowd.moved()), (vec![1], vec![2], 0));
        crowd.see(1, "B");
        assert_eq!((crowd.on("A"), crowd.on("B"), crowd.moved()), (vec![], vec![1, 2], 1));
    }
}
