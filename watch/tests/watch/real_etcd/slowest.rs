//! What requests feel of a change, with 10,000 releases in force.
//!
//! Each worker is asked on a connection of its own, one request after the other, eight hosts and a short pause in turn. That is a closed
//! loop, and it misses nothing: a worker takes a plan over within the request that notices it, so whatever that takes is in the time
//! of one of these requests.
//!
//! Time is cut into windows. In turn nothing happens in one, a key beside the prefix is put, a release is put with another lane, and
//! with another host as well, which makes the index anew. A window ends when the change is in force on both workers, and not before
//! 20 ms. Of each window counts its slowest request, and of all windows of a kind the median of these: what else the machine does hits
//! all kinds alike, and a thread that waited for a CPU now and then decides nothing. It is held against the 99th percentile of all
//! requests in windows without anything. A window has about 80 requests, so its slowest is about that percentile anyway.

use std::time::{Duration, Instant};

use graylane_testbed::{Etcd, Result, block_on};
use serde_json::json;

use crate::support::{Asked, Figures, Proxy, Witness, document, put_all, telling, versioned};

const RELEASES: usize = 10_000;
const HOSTS: [&str; 8] = ["shop", "many1", "many2", "many3", "many4", "many5", "many6", "many7"];
const ROUNDS: usize = 100;
const WINDOW: Duration = Duration::from_millis(20);

/// What happens in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Nothing,
    PutBeside,
    Lane,
    LaneAndHost,
}

const EVENTS: [Event; 4] = [Event::Nothing, Event::PutBeside, Event::Lane, Event::LaneAndHost];

impl Event {
    /// As many times the usual 99th percentile the slowest request may take. A new index is made in a hundredth of a second of CPU
    /// time, for which workers wait where there are two CPUs for everything (three to four times the usual, five on one CPU); one that
    /// made it itself would take ten times the usual and more.
    fn bound(self) -> f64 {
        if self == Event::LaneAndHost { 8.0 } else { 3.0 }
    }
}

struct Window {
    event: Event,
    began: Instant,
    ended: Instant,
}

#[test]
fn a_request_hardly_feels_a_change_of_one_release_among_ten_thousand() -> Result<()> {
    block_on(async {
        let etcd = Etcd::start().await?;
        let client = etcd.client().await?;
        let names = (1..RELEASES).map(|number| format!("many{number}"));
        put_all(&client, names, |name| versioned(name, 1)).await?;
        client.put("/policies/releases/shop", versioned("shop", 1)).await?;
        let proxy = Proxy::start(etcd.address(), json!({})).await?;
        proxy.until_at_least("releases", RELEASES as u64).await?;
        let witness = Witness::of(&proxy, &HOSTS).await?;
        witness.until(&proxy, "shop", Some(1), Instant::now()).await?;

        let mut windows = Vec::new();
        let (mut version, mut host) = (1, 1);
        for event in EVENTS.into_iter().cycle().take(ROUNDS * EVENTS.len()) {
            let began = Instant::now();
            match event {
                Event::Nothing => {}
                Event::PutBeside => drop(client.put("/beside", versioned("shop", version)).await?),
                Event::Lane | Event::LaneAndHost => {
                    version += 1;
                    host += u64::from(event == Event::LaneAndHost);
                    let mut release = telling("shop", version);
                    release["match"]["hosts"] = json!(["shop", format!("shop{host}")]);
                    client.put("/policies/releases/shop", document(version, &release)).await?;
                    witness.until(&proxy, "shop", Some(version), began).await?;
                }
            }
            tokio::time::sleep_until((began + WINDOW).into()).await;
            windows.push(Window { event, began, ended: Instant::now() });
            // What is left of an event is in no window.
            tokio::time::sleep(WINDOW).await;
        }
        let asked = witness.asked();
        witness.finish(&[]).await?;

        let of_kind = |event| windows.iter().filter(move |window| window.event == event);
        let mut usual: Vec<_> = of_kind(Event::Nothing).flat_map(|window| window.times(&asked)).collect();
        let usual = Figures::of(&mut usual);
        println!("a request while nothing changes:     {usual}");
        for event in EVENTS {
            let mut slowest: Vec<_> =
                of_kind(event).filter_map(|window| window.times(&asked).max()).collect();
            let slowest = Figures::of(&mut slowest);
            let times = slowest.median.as_secs_f64() / usual.p99.as_secs_f64();
            println!(
                "{:<36} {slowest}; its median is {times:.2} times the usual p99",
                format!("the slowest, {event:?}:")
            );
            assert!(times <= event.bound(), "{event:?}");
        }
        Ok(())
    })
}

impl Window {
    /// How long requests took that were sent in it.
    fn times(&self, asked: &[Asked]) -> impl Iterator<Item = Duration> {
        let is_in = |asked: &&Asked| (self.began..self.ended).contains(&asked.sent);
        asked.iter().filter(is_in).map(|asked| asked.took)
    }
}
