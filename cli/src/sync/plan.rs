//! What of a source is to be written: what differs from what is live, without what is refused.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use graylane::compile::LANGUAGE;
use graylane::node::Node;
use graylane_document::{Content, Key, Keyring};
use tokio::time::Instant;

use super::source::Entry;
use crate::published::{Drafter, Given, Heard, Piece, Text, given};
use crate::sealing::Shape;

/// How long a key has to be gone from the source before it is taken away: whoever moves or rewrites documents is done by then.
pub(super) const GRACE: Duration = Duration::from_secs(2);
/// How long it waits before it writes again what somebody else has written over: the second time, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// After this time without that, it is forgotten.
const PEACE: Duration = Duration::from_mins(1);

/// What is remembered from pass to pass.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The keys that entries held when they were good last, by the names of the entries.
    keys: BTreeMap<String, BTreeSet<String>>,
    /// The keys that are gone from the source, and since when.
    gone: BTreeMap<String, Instant>,
    written: BTreeMap<String, Own>,
}

/// What was written below a key.
#[derive(Debug)]
struct Own {
    version: u64,
    at: Instant,
    /// How long the next correction waits.
    pause: Duration,
}

/// What is to be written, and why the rest is not.
#[derive(Debug, Default)]
pub(super) struct Plan<'t> {
    /// What differs from what is live.
    pub(super) given: Vec<Given<'t>>,
    /// The keys of that which are taken away.
    pub(super) gone: BTreeSet<String>,
    /// When something is to be looked at again though nothing changes.
    pub(super) due: Option<Instant>,
    /// What is wrong, by the names of entries; what they said before stays.
    pub(super) refused: BTreeMap<String, String>,
    /// What is hardly meant, by the names of entries.
    pub(super) warned: BTreeMap<String, String>,
    /// The names of entries, by the keys that they say something of.
    origins: BTreeMap<String, String>,
    /// Keys of which nobody knows what the source says: what is live stays.
    unknown: BTreeSet<String>,
    /// Whether nobody knows all of these keys.
    is_unsure: bool,
}

/// Plans.
#[derive(Debug)]
pub(super) struct Planner<'p> {
    pub(super) memory: &'p mut Memory,
    /// Its author is that of the documents which are taken away when no entry says them any more.
    pub(super) drafter: &'p Drafter<'p>,
    /// Who is believed.
    pub(super) keyring: Option<&'p Keyring>,
    /// Whether it all becomes one file: whose readers verify nothing, and in which a release is as its dial has it.
    pub(super) is_merged: bool,
    /// How long a key has to be gone.
    pub(super) grace: Duration,
}

impl Memory {
    /// A document was written.
    pub(super) fn wrote(&mut self, key: &str, version: u64) {
        let at = Instant::now();
        let pause =
            self.written.get(key).filter(|own| at - own.at < PEACE).map_or(Duration::ZERO, |own| own.pause);
        self.written.insert(key.to_owned(), Own { version, at, pause });
    }
}

impl Planner<'_> {
    /// Plans what is to be written of these entries.
    pub(super) fn plan(mut self, entries: &[Entry]) -> Plan<'_> {
        let mut plan = Plan::default();
        let mut given = self.read(entries, &mut plan);
        given.retain(|one| !plan.unknown.contains(one.key()));
        if self.is_merged {
            // What a broken dial said is in what is live of its release.
            let held = |key: &str| self.drafter.held.values.contains_key(key);
            let dial = |key: &str| Key::parse(key).and_then(Key::release).map(|name| format!("dials/{name}"));
            given.retain(|one| {
                let is_unknown = dial(one.key()).is_some_and(|dial| plan.unknown.contains(&dial));
                !(is_unknown || plan.is_unsure && held(one.key()))
            });
        }
        self.waiting(&mut plan);
        given.extend(self.gone(entries, &mut plan));
        for one in given {
            match self.differs(&one) {
                Ok(true) if self.may_be_written(one.key(), &mut plan) => plan.given.push(one),
                Ok(_) => {}
                Err(fault) => plan.refuse(one.key(), &format!("{fault:#}\n")),
            }
        }
        let kept: BTreeSet<&str> = plan.given.iter().map(Given::key).collect();
        plan.gone.retain(|key| kept.contains(key.as_str()));
        plan
    }

    /// What the entries say, and what is wrong with them.
    fn read<'t>(&mut self, entries: &'t [Entry], plan: &mut Plan<'t>) -> Vec<Given<'t>> {
        let texts: Vec<&Text> =
            entries.iter().filter(|entry| entry.fault.is_none()).map(|entry| &entry.text).collect();
        let mut heard = given(&texts, self.drafter.held, self.keyring).into_iter();
        let mut all: Vec<Given<'t>> = Vec::new();
        for entry in entries {
            let name = &entry.text.name;
            let read = match &entry.fault {
                Some(fault) => Err(format!("{name}: {fault}\n")),
                None => self.placed(entry, heard.next().unwrap_or_default(), plan),
            };
            match read {
                Ok(contents) => {
                    let keys = contents.iter().map(|one| one.key().to_owned()).collect();
                    self.memory.keys.insert(name.clone(), keys);
                    for one in contents {
                        if let Some(other) = plan.origins.insert(one.key().to_owned(), name.clone()) {
                            let told =
                                format!("{} stands in {name} and in {other}; neither counts\n", one.key());
                            plan.unknown.insert(one.key().to_owned());
                            for name in BTreeSet::from([&other, name]) {
                                plan.refused.entry(name.clone()).or_default().push_str(&told);
                            }
                        }
                        all.push(one);
                    }
                }
                Err(told) => {
                    plan.refused.insert(name.clone(), told);
                    match (&entry.key, self.memory.keys.get(name)) {
                        (Some(key), _) => plan.unknown.extend([key.clone()]),
                        (None, Some(keys)) => plan.unknown.extend(keys.iter().cloned()),
                        (None, None) => plan.is_unsure = true,
                    }
                }
            }
        }
        let names: BTreeSet<&str> = entries.iter().map(|entry| entry.text.name.as_str()).collect();
        self.memory.keys.retain(|name, _| names.contains(name.as_str()));
        all
    }

    /// What an entry holds, if it is good, and stands where that belongs.
    fn placed<'t>(
        &self,
        entry: &Entry,
        heard: Heard<'t>,
        plan: &mut Plan<'t>,
    ) -> Result<Vec<Given<'t>>, String> {
        let name = &entry.text.name;
        let Heard { given, is_good, told } = heard;
        if !is_good {
            return Err(told);
        }
        if !told.is_empty() {
            plan.warned.insert(name.clone(), told);
        }
        if self.keyring.is_some() && self.is_merged && given.iter().any(|one| matches!(one, Given::Piece(..)))
        {
            return Err(format!("{name}: it is not signed\n"));
        }
        let Some(place) = &entry.key else { return Ok(given) };
        if Key::parse(place).is_none() {
            return Err(format!("{name}: there is no such key; {}\n", Key::EXPECTED));
        }
        match given.as_slice() {
            [one] if one.key() != place => {
                Err(format!("{name}: what stands there belongs below {}\n", one.key()))
            }
            [] | [_] => Ok(given),
            _ => {
                Err(format!("{name}: a whole policy stands there; it belongs into the node of the prefix\n"))
            }
        }
    }

    /// Warns of dials of releases that are nowhere: written wrong, most likely.
    fn waiting(&self, plan: &mut Plan<'_>) {
        let is_live = |key: &str| {
            let document = self.drafter.held.document(key);
            document.is_some_and(|document| matches!(document.content, Content::Release(_)))
        };
        for (key, name) in &plan.origins {
            let Some(Key::Dial(of)) = Key::parse(key) else { continue };
            let release = format!("releases/{of}");
            if !plan.origins.contains_key(&release) && !is_live(&release) {
                let told = format!("{name}: there is no release {of}, and the dial waits for one\n");
                plan.warned.entry(name.clone()).or_default().push_str(&told);
            }
        }
    }

    /// What is to be taken away.
    fn gone<'t>(&mut self, entries: &[Entry], plan: &mut Plan<'t>) -> Vec<Given<'t>> {
        if entries.is_empty() {
            let told = "it has nothing, and nothing is taken away\n".to_owned();
            plan.refused.insert("the source".to_owned(), told);
            return Vec::new();
        }
        // That a signed document is not there any more nobody has signed.
        let is_signed = self.is_merged && self.keyring.is_some();
        if plan.is_unsure || is_signed {
            return Vec::new();
        }
        let owner = self.drafter.author.unwrap_or_default();
        let held = self.drafter.held;
        let own = held.values.keys().filter(|key| {
            let document = held.document(key);
            document.is_some_and(|document| {
                document.author.as_deref() == Some(owner) && !matches!(document.content, Content::Removed(_))
            })
        });
        let is_gone = |key: &&String| !plan.origins.contains_key(*key) && !plan.unknown.contains(*key);
        let now = Instant::now();
        let gone = own.filter(is_gone).map(|key| (key.clone(), *self.memory.gone.get(key).unwrap_or(&now)));
        self.memory.gone = gone.collect();
        let mut taken = Vec::new();
        for (key, since) in &self.memory.gone {
            if now - *since >= self.grace {
                plan.gone.insert(key.clone());
                taken.extend(nothing(key));
            } else {
                plan.look_again(*since + self.grace);
            }
        }
        taken
    }

    /// Whether something else is live.
    fn differs(&self, one: &Given<'_>) -> anyhow::Result<bool> {
        let live = self.drafter.held.values.get(one.key()).map(|value| value.bytes.as_slice());
        match one {
            Given::Signed(draft) => Ok(live != Some(&draft.value)),
            Given::Piece(piece, key) => {
                let is_refused = !self.is_merged
                    && self.keyring.is_some()
                    && live.is_some_and(|live| graylane_document::open(key, live, self.keyring).is_err());
                Ok(self.drafter.again || is_refused || !self.drafter.is_live(piece, key)?)
            }
        }
    }

    /// Whether it is time to write a key: what somebody else writes over again and again waits, or two that do not know of each other
    /// would write without a pause.
    fn may_be_written(&mut self, key: &str, plan: &mut Plan<'_>) -> bool {
        let live = self.drafter.held.document(key).map_or(0, |document| document.stamp.version);
        let Some(own) = self.memory.written.get_mut(key).filter(|own| own.version < live) else {
            return true;
        };
        let due = own.at + own.pause;
        if self.drafter.again || Instant::now() >= due {
            own.pause = PAUSE.1.min(PAUSE.0.max(own.pause * 2));
            return true;
        }
        let told = format!("{key}: somebody else writes it too; it is written again in a while\n");
        plan.refuse(key, &told);
        plan.look_again(due);
        false
    }
}

impl Plan<'_> {
    /// Refuses what an entry says of a key.
    pub(super) fn refuse(&mut self, key: &str, told: &str) {
        self.refused.entry(self.origin(key).unwrap_or(key).to_owned()).or_default().push_str(told);
    }

    /// The name of the entry that says something of a key.
    pub(super) fn origin(&self, key: &str) -> Option<&str> {
        self.origins.get(key).map(String::as_str)
    }

    fn look_again(&mut self, at: Instant) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }
}

/// Says that there is nothing below a key; none where that is no key.
fn nothing<'t>(key: &str) -> Option<Given<'t>> {
    let text = |text: &str| Node::Text(Cow::Owned(text.to_owned()));
    let (member, content) = match Key::parse(key)? {
        Key::Settings => ("settings", Node::Map(Vec::new())),
        Key::Release(name) => ("removed", text(name)),
        Key::Dial(name) => ("dial", Node::Map(vec![("release".into(), text(name))])),
    };
    let node =
        Node::Map(vec![("language".into(), Node::Unsigned(LANGUAGE.into())), (member.into(), content)]);
    Some(Given::Piece(Piece { node, shape: Shape::Document, returns_to: None }, key.to_owned()))
}
