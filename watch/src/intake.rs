//! What came and is not in force yet.
//!
//! To open a document may take most of a millisecond, and ten thousand of them come at once. So they are opened as far as there
//! is time; once all of a list or change are, it is handed out whole, in the order in which it came.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::vec;

use graylane_document::{Document, Keyring, Refusal, open};
use hmac_sha256::Hash;

use crate::etcd::Change;
use crate::store::Opened;

/// As many bytes of changes may wait.
const CHANGES: usize = 32 << 20;

/// Documents that come into force in one step.
#[derive(Debug, Clone)]
pub struct Step {
    /// The revision of the source that they are of.
    pub revision: i64,
    /// Whether they are all there is.
    pub kind: Kind,
    /// The documents.
    pub documents: Vec<Opened>,
}

/// Whether documents are all there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// They are.
    List {
        /// Whether the source has forgotten what it said before.
        is_another_history: bool,
    },
    /// They are what changed.
    Changes,
}

/// What waits to be opened.
#[derive(Debug)]
pub struct Intake {
    keyring: Option<Keyring>,
    waiting: VecDeque<Waiting>,
    /// The bytes of the changes that wait.
    bytes: usize,
    /// Of signed values, the last one of each key.
    known: BTreeMap<String, Known>,
}

#[derive(Debug)]
struct Waiting {
    step: Step,
    unopened: vec::IntoIter<Change>,
    /// Of changes, how many bytes came.
    bytes: usize,
}

/// A signed value that was opened before: what came of that, since neither it nor the keyring is another one.
#[derive(Debug)]
struct Known {
    sha256: [u8; 32],
    /// `None` where it is good, and so need not be verified again.
    refusal: Option<Refusal>,
}

impl Intake {
    /// Where nothing waits. With a keyring, documents are good that one of its keys signed.
    pub fn new(keyring: Option<Keyring>) -> Self {
        Intake { keyring, waiting: VecDeque::new(), bytes: 0, known: BTreeMap::new() }
    }

    /// Everything there is came.
    pub fn list(&mut self, revision: i64, values: Vec<Change>, is_another_history: bool) {
        let found: BTreeSet<&str> = values.iter().map(|value| value.key.as_str()).collect();
        self.known.retain(|key, _| found.contains(key.as_str()));
        self.wait(revision, Kind::List { is_another_history }, values, 0);
    }

    /// Something changed.
    pub fn change(&mut self, revision: i64, changes: Vec<Change>) {
        let size = |change: &Change| change.key.len() + change.value.as_ref().map_or(0, Vec::len);
        let bytes = changes.iter().map(size).sum();
        self.wait(revision, Kind::Changes, changes, bytes);
    }

    fn wait(&mut self, revision: i64, kind: Kind, values: Vec<Change>, bytes: usize) {
        let step = Step { revision, kind, documents: Vec::with_capacity(values.len()) };
        self.bytes += bytes;
        self.waiting.push_back(Waiting { step, unopened: values.into_iter(), bytes });
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether a list waits: another one is of no use before that.
    pub fn has_list(&self) -> bool {
        self.waiting.iter().any(|waiting| waiting.step.kind != Kind::Changes)
    }

    /// Whether more changes wait than may.
    pub fn is_overrun(&self) -> bool {
        self.bytes > CHANGES
    }

    /// Opens documents as long as there is time, which is asked before each. Returns what comes into force next, once all of it
    /// is open.
    pub fn open(&mut self, mut has_time: impl FnMut() -> bool) -> Option<Step> {
        let Waiting { step, unopened, .. } = self.waiting.front_mut()?;
        while !unopened.as_slice().is_empty() {
            if !has_time() {
                return None;
            }
            let Some(Change { key, value }) = unopened.next() else { break };
            if value.is_none() {
                self.known.remove(&key);
            }
            let document = value.map(|value| open_once(&key, &value, self.keyring.as_ref(), &mut self.known));
            step.documents.push(Opened { key, document });
        }
        let Waiting { step, bytes, .. } = self.waiting.pop_front()?;
        self.bytes -= bytes;
        Some(step)
    }
}

/// Opens a value; a signature that was verified before is not verified again.
fn open_once(
    key: &str,
    value: &[u8],
    keyring: Option<&Keyring>,
    known: &mut BTreeMap<String, Known>,
) -> Result<Document, Refusal> {
    if keyring.is_none() {
        return open(key, value, None);
    }
    let sha256 = Hash::hash(value);
    if let Some(known) = known.get(key).filter(|known| known.sha256 == sha256) {
        return known.refusal.clone().map_or_else(|| open(key, value, None), Err);
    }
    let opened = open(key, value, keyring);
    known.insert(key.to_owned(), Known { sha256, refusal: opened.as_ref().err().cloned() });
    opened
}

#[cfg(test)]
mod tests;
