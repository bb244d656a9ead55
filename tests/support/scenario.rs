//! The form of a scenario file. `tests/scenarios/README.md` explains it to whoever writes one.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use graylane::headers::DEBUG;
use graylane::policy::Trust;
use graylane_testbed::{Context, Result, ensure, root};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::facts::{Expected, Facts, show};
use crate::files;

/// One file: a policy, and what becomes of requests under it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// The name of the file, without folder and ending.
    #[serde(skip)]
    pub(crate) name: String,
    pub(crate) title: String,
    trust: Trust,
    /// The keys of the plugin.
    #[serde(default)]
    keys: BTreeMap<String, String>,
    #[serde(default)]
    policy: Value,
    /// The name of a file in `examples/`, whose policy it is.
    pub(crate) example: Option<String>,
    /// Texts of the example, and what stands in their place: times, mostly.
    #[serde(default)]
    but: BTreeMap<String, String>,
    pub(crate) requests: Vec<Case>,
}

/// One request and what is expected of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// The promise that the request tests.
    pub(crate) what: String,
    #[serde(default = "shop")]
    pub(crate) host: String,
    #[serde(default = "slash")]
    pub(crate) path: String,
    #[serde(default = "get")]
    pub(crate) method: String,
    #[serde(default)]
    headers: Sent,
    /// The claims of its token.
    #[serde(default)]
    pub(crate) claims: serde_json::Map<String, Value>,
    /// The address that it comes from.
    #[serde(default = "localhost")]
    pub(crate) from: IpAddr,
    /// Whether it asks for the debug header; no file says so.
    #[serde(skip)]
    pub(crate) asks_why: bool,
    pub(crate) expect: Expect,
}

fn shop() -> String {
    "shop.example.com".into()
}

fn get() -> String {
    "GET".to_owned()
}

fn slash() -> String {
    "/".into()
}

fn localhost() -> IpAddr {
    Ipv4Addr::LOCALHOST.into()
}

/// Headers as they are sent: a map, or a list where order or repetition counts.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Sent {
    Map(BTreeMap<String, Bytes>),
    List(Vec<BTreeMap<String, Bytes>>),
}

impl Default for Sent {
    fn default() -> Self {
        Sent::List(Vec::new())
    }
}

/// A value: text, or bytes that text cannot hold, or pieces of both put together.
#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Bytes {
    Text(String),
    Hex { hex: String },
    Repeat { repeat: String, times: usize },
    Pieces(Vec<Bytes>),
}

impl Bytes {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Bytes::Text(text) => text.as_bytes().to_vec(),
            Bytes::Hex { hex } => bytes_of_hex(hex),
            Bytes::Repeat { repeat, times } => repeat.repeat(*times).into_bytes(),
            Bytes::Pieces(pieces) => pieces.iter().flat_map(Bytes::bytes).collect(),
        }
    }
}

fn bytes_of_hex(digits: &str) -> Vec<u8> {
    let (pairs, odd) = digits.as_bytes().as_chunks::<2>();
    assert!(odd.is_empty(), "hex digits come in pairs: {digits}");
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.iter().map(|pair| byte(pair).expect("hex digits")).collect()
}

/// What a header must be: one value, several, or (`null`) not there.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Wanted {
    Values { values: Vec<Bytes> },
    One(Bytes),
}

impl Wanted {
    fn shown(&self) -> String {
        match self {
            Wanted::Values { values } => show(values.iter().map(Bytes::bytes), None),
            Wanted::One(value) => show([value.bytes()], None),
        }
    }
}

/// What is expected of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    /// Envoy itself refuses the request with this status; nothing else is expected then.
    pub(crate) refused: Option<u16>,
    /// No release governs it.
    #[serde(default)]
    ungoverned: bool,
    /// What the first release decides.
    release: Option<String>,
    lane: Option<String>,
    assigned: Option<String>,
    reason: Option<String>,
    rule: Option<String>,
    bucket: Option<u32>,
    outside: Option<String>,
    /// What the other releases decide.
    #[serde(default)]
    others: Vec<Entry>,
    /// The service that answers; the lane's, if not said.
    answered_by: Option<String>,
    #[serde(default)]
    upstream: BTreeMap<String, Option<Wanted>>,
    #[serde(default)]
    response: BTreeMap<String, Option<Wanted>>,
    /// All of them, in order.
    #[serde(default)]
    cookies: Vec<Bytes>,
    #[serde(default)]
    stripped: u64,
    #[serde(default)]
    label_pairs_dropped: u64,
}

/// What one release decides.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    release: Option<String>,
    /// The lane that serves.
    lane: Option<String>,
    /// The lane that the request belongs to; that which serves, if not said.
    assigned: Option<String>,
    reason: String,
    rule: Option<String>,
    bucket: Option<u32>,
    /// Why it is no part of the experiment.
    outside: Option<String>,
}

impl Scenario {
    /// Every scenario of a folder, by name.
    pub(crate) fn all(folder: &Path) -> Result<Vec<Self>> {
        let read = |(name, scenario): (String, Self)| {
            ensure!(!scenario.requests.is_empty(), "{name} has no request");
            let policy = scenario.read_policy().with_context(|| name.clone())?;
            Ok(Scenario { name, policy, ..scenario })
        };
        files::all(folder)?.into_iter().map(read).collect()
    }

    /// The policy that the file holds, or that of its example.
    fn read_policy(&self) -> Result<Value> {
        let Some(example) = &self.example else {
            ensure!(!self.policy.is_null() && self.but.is_empty(), "it has a policy, or else an example");
            return Ok(self.policy.clone());
        };
        ensure!(self.policy.is_null(), "it has a policy, or else an example");
        let mut text = std::fs::read_to_string(root().join(format!("examples/{example}.yaml")))?;
        for (from, to) in &self.but {
            ensure!(text.contains(from), "{from:?} does not stand in the example {example}");
            text = text.replace(from, to);
        }
        serde_saphyr::from_str(&text).context("the example is no YAML")
    }

    pub(crate) fn trust(&self) -> Trust {
        self.trust
    }

    /// The configuration of the plugin, as Envoy hands it over.
    pub(crate) fn configuration(&self) -> String {
        json!({"trust": self.trust, "accessLog": true, "keys": self.keys, "policy": self.policy}).to_string()
    }

    /// The release that an expectation means where it names none: the first.
    fn release(&self) -> &str {
        self.policy.pointer("/releases/0/name").and_then(Value::as_str).unwrap_or_default()
    }

    /// All that is expected of a request.
    pub(crate) fn expected(&self, case: &Case) -> Expected {
        let expect = &case.expect;
        let entries = expect.entries();
        let text: Vec<String> = entries.iter().map(|entry| self.text(entry)).collect();
        let lane = entries.first().and_then(|entry| entry.lane.as_deref());
        let mut facts = Facts::default();
        facts.set("answered by", expect.answered_by.as_deref().or(lane).unwrap_or("stable"));
        if !text.is_empty() {
            facts.set("decision", &text.join(", "));
        }
        for entry in &entries {
            facts.count(&format!("decisions.{}", entry.reason), 1);
        }
        facts.count("ungoverned", u64::from(entries.is_empty()));
        facts.count("stripped", expect.stripped);
        facts.count("label_pairs_dropped", expect.label_pairs_dropped);
        if !expect.cookies.is_empty() {
            let cookies = expect.cookies.iter().map(Bytes::bytes);
            facts.set("response set-cookie", &show(cookies, None));
        }
        let mut absent = Vec::new();
        for (side, headers) in [("upstream", &expect.upstream), ("response", &expect.response)] {
            for (name, wanted) in headers {
                match wanted {
                    Some(wanted) => facts.set(&format!("{side} {name}"), &wanted.shown()),
                    None => absent.push(format!("{side} {name}")),
                }
            }
        }
        Expected { facts, absent }
    }

    /// A decision as the filter writes it for the access log.
    fn text(&self, entry: &Entry) -> String {
        let Entry { release, lane, assigned, reason, rule, bucket, outside } = entry;
        let release = release.as_deref().unwrap_or_else(|| self.release());
        // A split always has a bucket; which one may be left open.
        let any_bucket = (reason == "split").then(|| "*".to_owned());
        let parts = [
            ("lane", assigned.clone().or_else(|| lane.clone())),
            ("served", assigned.clone().and(lane.clone())),
            ("reason", Some(reason.clone())),
            ("rule", rule.clone()),
            ("bucket", bucket.map(|bucket| bucket.to_string()).or(any_bucket)),
            ("outside", outside.clone()),
        ];
        let parts = parts.into_iter().filter_map(|(key, value)| Some(format!(";{key}={}", value?)));
        [release.to_owned()].into_iter().chain(parts).collect()
    }
}

impl Case {
    /// The headers, in order, as a client writes them; neither the host nor the token is among them.
    pub(crate) fn headers(&self) -> Vec<(String, Vec<u8>)> {
        let pair = |(name, value): (&String, &Bytes)| (name.clone(), value.bytes());
        let mut headers: Vec<_> = match &self.headers {
            Sent::Map(map) => map.iter().map(pair).collect(),
            Sent::List(list) => list.iter().flatten().map(pair).collect(),
        };
        headers.extend(self.asks_why.then(|| (DEBUG.to_owned(), b"1".to_vec())));
        headers
    }
}

impl Expect {
    /// What each release decides, the first one first.
    fn entries(&self) -> Vec<Entry> {
        let first = self.reason.clone().map(|reason| Entry {
            release: self.release.clone(),
            lane: self.lane.clone(),
            assigned: self.assigned.clone(),
            reason,
            rule: self.rule.clone(),
            bucket: self.bucket,
            outside: self.outside.clone(),
        });
        assert!(
            first.is_some() != (self.ungoverned || self.refused.is_some()),
            "an expectation has a reason, or else `ungoverned: true`: {self:?}"
        );
        first.into_iter().chain(self.others.iter().cloned()).collect()
    }
}
