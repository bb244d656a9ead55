//! One transaction for all drafts, and what it says when somebody was quicker.

use std::collections::BTreeSet;

use graylane_etcd::{Code, Error, Keys, Transaction};

use super::{Draft, Held, Past, Prefix, related};
use crate::words::shown;

/// As many documents are written in a transaction: etcd takes 128 operations, and each document may need five with those of before.
const BATCH: usize = 24;
/// As many bytes of them: etcd takes 1.5 MiB, and each is written twice, for those of before.
const BYTES: usize = 512 * 1024;

/// Drafts, by the transactions in which they are written.
#[derive(Debug)]
pub struct Batches<'d> {
    left: &'d [(Draft, Past)],
    /// As many in each; none where all come together, or not at all.
    most: Option<usize>,
}

impl<'d> Batches<'d> {
    /// Drafts that need not come together: as many at once as etcd takes.
    pub fn of(drafts: &'d [(Draft, Past)]) -> Self {
        Batches { left: drafts, most: Some(BATCH) }
    }

    /// Drafts of which none is written without the others.
    pub fn one(drafts: &'d [(Draft, Past)]) -> Self {
        Batches { left: drafts, most: None }
    }

    /// What is written next, one draft at least; none where all are written.
    pub fn next(&self) -> Option<&'d [(Draft, Past)]> {
        let mut bytes = 0_usize;
        let fits = |(draft, _): &&(Draft, Past)| {
            bytes = bytes.saturating_add(draft.value.len());
            bytes <= BYTES
        };
        let count =
            self.most.map_or(self.left.len(), |most| self.left.iter().take(most).take_while(fits).count());
        self.left.get(..count.max(1))
    }

    /// What came next is written.
    pub fn written(&mut self) {
        let count = self.next().map_or(0, <[_]>::len);
        self.left = self.left.get(count..).unwrap_or_default();
    }

    /// Whether fewer come next, since etcd did not take as many.
    pub fn are_fewer(&mut self, fault: &Error) -> bool {
        let half = self.next().map_or(0, |batch| batch.len() / 2);
        let are_fewer = self.most.is_some() && half > 0 && is_too_much(fault);
        if are_fewer {
            self.most = Some(half);
        }
        are_fewer
    }
}

/// Whether a transaction has too many operations, or too many bytes, for etcd.
pub fn is_too_much(fault: &Error) -> bool {
    fault.code() == Some(Code::InvalidArgument)
}

/// How drafts are written.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Whether each is kept among the documents of before, and the one whose place it takes.
    pub keeps: bool,
    /// Whether they say what is live already, so that nothing else matters.
    pub is_again: bool,
}

/// Writes all drafts if what they were tried with is as it was: the keys that are written, the settings, the dials of releases and the
/// releases of dials; and if no other release was written, since two may not govern the same requests.
pub fn transaction(prefix: &Prefix, held: &Held, drafts: &[(Draft, Past)], terms: Terms) -> Transaction {
    let mut transaction = Transaction::default();
    if !terms.is_again {
        let releases = Keys::under(prefix.key("releases/"));
        transaction = transaction.when_unwritten_since(releases, held.revision);
    }
    for key in depends_on(drafts, terms.is_again) {
        transaction = transaction.when_revision(prefix.key(&key), held.revision_of(&key));
    }
    for (draft, past) in drafts {
        transaction = transaction.put(prefix.key(&draft.key), draft.value.clone());
        if terms.keeps {
            transaction = kept(transaction, prefix, held, draft, past);
        }
    }
    transaction
}

fn kept(
    mut transaction: Transaction,
    prefix: &Prefix,
    held: &Held,
    draft: &Draft,
    past: &Past,
) -> Transaction {
    let place = prefix.past(&draft.key);
    let live = held.values.get(&draft.key).zip(held.document(&draft.key));
    let is_past = |version| version == draft.version || past.has(version);
    let live = live.filter(|(_, live)| live.stamp.version > 0 && !is_past(live.stamp.version));
    let surplus: BTreeSet<u64> = past.surplus(1 + usize::from(live.is_some())).collect();
    for version in surplus {
        transaction = transaction.delete(Keys::one(format!("{place}{version}")));
    }
    if let Some((value, live)) = live {
        transaction = transaction.put(format!("{place}{}", live.stamp.version), value.bytes.clone());
    }
    transaction.put(format!("{place}{}", draft.version), draft.value.clone())
}

/// The keys that have to be as they were.
fn depends_on(drafts: &[(Draft, Past)], is_alone: bool) -> BTreeSet<String> {
    let own = drafts.iter().map(|(draft, _)| draft.key.clone());
    let others = drafts.iter().filter(|_| !is_alone).flat_map(|(draft, _)| related(&draft.key));
    own.chain(others).collect()
}

/// What others have changed of that in the meantime: a line for each key.
pub fn rivals(before: &Held, now: &Held, drafts: &[(Draft, Past)]) -> Vec<String> {
    let changed =
        depends_on(drafts, false).into_iter().filter(|key| before.revision_of(key) != now.revision_of(key));
    changed.map(|key| shown(&format!("{key}: {}", described(now, &key)))).collect()
}

fn described(now: &Held, key: &str) -> String {
    if !now.values.contains_key(key) {
        return "it was deleted".to_owned();
    }
    let Some(document) = now.document(key) else { return "what stands there now is no document".to_owned() };
    let author = document.author.map(|author| format!(" by {author}")).unwrap_or_default();
    let note = document.note.map(|note| format!(" ({note})")).unwrap_or_default();
    format!("version {}{author}{note} stands there now", document.stamp.version)
}
