//! The load: raw requests over keep-alive connections, cheap to send and to judge.
//!
//! What a request costs in Envoy depends on how many are ready when it looks, so every variant is driven alike: one
//! request on each connection, all answers, the next one on each.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use graylane_testbed::{Context, Result, bail, ensure};

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(30);
/// Headers of an answer that are read.
const MAX_HEADERS: usize = 32;

/// How many answers came from each lane.
pub(crate) type Lanes = BTreeMap<String, usize>;

/// Open connections to one listener.
#[derive(Debug)]
pub(crate) struct Driver {
    connections: Vec<Connection>,
    sent: usize,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Driver {
    /// Opens so many connections.
    pub(crate) fn open(target: SocketAddr, connections: usize) -> Result<Self> {
        let open = (0..connections).map(|_| Connection::open(target));
        Ok(Self { connections: open.collect::<Result<_>>()?, sent: 0 })
    }

    /// Sends `count` of the requests, going on where it ended the last time; says who answered.
    pub(crate) fn run(&mut self, requests: &[Vec<u8>], count: usize) -> Result<Lanes> {
        let mut lanes = Lanes::new();
        for _ in 0..count / self.connections.len() {
            for connection in &mut self.connections {
                let request = requests.get(self.sent % requests.len()).context("nothing to send")?;
                connection.stream.write_all(request).context("the connection broke")?;
                self.sent += 1;
            }
            for connection in &mut self.connections {
                connection.answer(&mut lanes)?;
            }
        }
        Ok(lanes)
    }
}

impl Connection {
    fn open(target: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(target).with_context(|| format!("nobody answers on {target}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        Ok(Self { stream, received: Vec::new() })
    }

    /// Reads one whole answer and counts its lane.
    fn answer(&mut self, lanes: &mut Lanes) -> Result<()> {
        self.received.clear();
        let mut chunk = [0; 4096];
        loop {
            let length =
                self.stream.read(&mut chunk).with_context(|| format!("no answer within {LIMIT:?}"))?;
            ensure!(length > 0, "the connection ended within an answer");
            self.received.extend_from_slice(chunk.get(..length).unwrap_or_default());
            if let Some(lane) = lane_of(&self.received)? {
                match lanes.get_mut(lane) {
                    Some(count) => *count += 1,
                    None => drop(lanes.insert(lane.to_owned(), 1)),
                }
                return Ok(());
            }
        }
    }
}

/// The lane that answered, once all of the answer is there: who a service says that it is, else the body, which is
/// the name of the lane where Envoy answers by itself.
fn lane_of(received: &[u8]) -> Result<Option<&str>> {
    let mut slots = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Response::new(&mut slots);
    let httparse::Status::Complete(start) = head.parse(received).context("this is no HTTP answer")? else {
        return Ok(None);
    };
    let header = |name: &str| {
        let found = head.headers.iter().find(|header| header.name == name);
        found.and_then(|header| std::str::from_utf8(header.value).ok())
    };
    let length: usize = header("content-length").context("an answer without a length")?.parse()?;
    let body = received.get(start..).unwrap_or_default();
    if body.len() < length {
        return Ok(None);
    }
    let body = std::str::from_utf8(body)?;
    let status = head.code.unwrap_or_default();
    if status != 200 {
        bail!("status {status}: {body}");
    }
    Ok(Some(header("x-served-by").unwrap_or(body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_judged_once_it_is_whole() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nv2";
        assert_eq!(lane_of(&answer[..answer.len() - 1]).unwrap(), None);
        assert_eq!(lane_of(answer).unwrap(), Some("v2"));
        let answer = b"HTTP/1.1 200 OK\r\nx-served-by: stable\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(lane_of(answer).unwrap(), Some("stable"));
        let answer = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\nno";
        assert_eq!(lane_of(answer).unwrap_err().to_string(), "status 503: no");
    }
}
