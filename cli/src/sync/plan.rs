//! What of a source is to be written: what differs from what is live, without what is refused.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use graylane::compile::LANGUAGE;
use graylane::node::Node;
use graylane_document::{Content, Key, Keyring};

use super::source::Entry;
use crate::published::{Drafter, Given, Heard, Held, Past, Piece, Text, given};
use crate::sealing::Shape;

/// What the entries of a source held when they were good last: their keys, by the names of the entries.
pub(super) type Memory = BTreeMap<String, BTreeSet<String>>;

/// What is to be written, and why the rest is not.
#[derive(Debug, Default)]
pub(super) struct Plan<'t> {
    /// What differs from what is live.
    pub(super) given: Vec<Given<'t>>,
    /// What is wrong, by the names of entries; what they said before stays.
    pub(super) refused: BTreeMap<String, String>,
    /// What is hardly meant, by the names of entries.
    pub(super) warned: BTreeMap<String, String>,
    /// The names of entries, by the keys that they say something of.
    pub(super) origins: BTreeMap<String, String>,
}

/// Why an entry counts for nothing.
struct Wrong {
    told: String,
    /// The keys that it says something of, where that can be told.
    about: Option<BTreeSet<String>>,
}

/// Plans what is to be written of these entries. The author of the drafts is that of the documents which are taken away when no entry says
/// them any more. With a keyring, and where nobody `verifies` after this, what is not signed is refused.
pub(super) fn plan<'t>(
    entries: &'t [Entry],
    memory: &mut Memory,
    drafter: &Drafter<'_>,
    keyring: Option<&Keyring>,
    is_verified: bool,
) -> Plan<'t> {
    let owner = drafter.author.unwrap_or_default();
    let mut plan = Plan::default();
    // Keys of which nobody knows what the source says: what is live stays.
    let mut unknown = BTreeSet::new();
    let mut is_unsure = false;
    let mut given = Vec::new();
    for (entry, read) in read(entries, drafter.held, keyring, &mut plan) {
        let name = &entry.text.name;
        let is_bare = |one: &Given<'_>| matches!(one, Given::Piece(..));
        let read = match read {
            Ok(contents) if keyring.is_some() && !is_verified && contents.iter().any(is_bare) => {
                let about = Some(contents.iter().map(|one| one.key().to_owned()).collect());
                Err(Wrong { told: format!("{name}: it is not signed\n"), about })
            }
            read => read,
        };
        match read {
            Ok(contents) => {
                memory.insert(name.clone(), contents.iter().map(|one| one.key().to_owned()).collect());
                given.extend(contents.into_iter().map(|one| (name, one)));
            }
            Err(Wrong { told, about }) => {
                plan.refused.insert(name.clone(), told);
                match (&entry.key, about.as_ref().or(memory.get(name))) {
                    (Some(key), _) => unknown.extend([key.clone()]),
                    (None, Some(keys)) => unknown.extend(keys.iter().cloned()),
                    (None, None) => is_unsure = true,
                }
            }
        }
    }
    memory.retain(|name, _| entries.iter().any(|entry| entry.text.name == *name));
    for (name, one) in &given {
        if let Some(other) = plan.origins.insert(one.key().to_owned(), (*name).clone()) {
            unknown.insert(one.key().to_owned());
            let told = format!("{name}: {} stands in {other} too; neither counts\n", one.key());
            plan.refused.insert((*name).clone(), told);
        }
    }
    let is_known = |key: &str| !unknown.contains(key);
    if !is_unsure && !entries.is_empty() {
        let is_gone = |key: &str| is_known(key) && !plan.origins.contains_key(key);
        plan.given.extend(drafter.held.owned_by(owner).filter(|key| is_gone(key)).filter_map(nothing));
    } else if entries.is_empty() && drafter.held.owned_by(owner).next().is_some() {
        let told = "the source is empty: nothing is taken away\n".to_owned();
        plan.refused.insert("the source".to_owned(), told);
    }
    plan.given.extend(given.into_iter().map(|(_, one)| one).filter(|one| is_known(one.key())));
    let mut kept = Vec::new();
    for one in std::mem::take(&mut plan.given) {
        match differs(&one, drafter, keyring.filter(|_| is_verified)) {
            Ok(true) => kept.push(one),
            Ok(false) => {}
            Err(fault) => plan.refuse(one.key(), &format!("{fault:#}\n")),
        }
    }
    plan.given = kept;
    plan
}

impl Plan<'_> {
    /// Refuses what an entry says of a key.
    pub(super) fn refuse(&mut self, key: &str, told: &str) {
        let name = self.origins.get(key).map_or(key, String::as_str);
        self.refused.entry(name.to_owned()).or_default().push_str(told);
    }
}

/// What each entry says, or what is wrong with it.
fn read<'t>(
    entries: &'t [Entry],
    held: &Held,
    keyring: Option<&Keyring>,
    plan: &mut Plan<'t>,
) -> Vec<(&'t Entry, Result<Vec<Given<'t>>, Wrong>)> {
    let texts: Vec<&Text> =
        entries.iter().filter(|entry| entry.fault.is_none()).map(|entry| &entry.text).collect();
    let mut heard = given(&texts, held, keyring).into_iter();
    let mut all = Vec::new();
    for entry in entries {
        let name = &entry.text.name;
        let read = if let Some(fault) = &entry.fault {
            Err(Wrong { told: format!("{name}: {fault}\n"), about: None })
        } else {
            let Heard { given, is_good, about, told } = heard.next().unwrap_or_default();
            if is_good && !told.is_empty() {
                plan.warned.insert(name.clone(), told.clone());
            }
            if is_good {
                placed(entry, given).map_err(|told| Wrong { told, about: None })
            } else {
                Err(Wrong { told, about })
            }
        };
        all.push((entry, read));
    }
    all
}

/// What an entry holds, if it stands where that belongs.
fn placed<'t>(entry: &Entry, given: Vec<Given<'t>>) -> Result<Vec<Given<'t>>, String> {
    let Some(place) = &entry.key else { return Ok(given) };
    let name = &entry.text.name;
    if Key::parse(place).is_none() {
        return Err(format!("{name}: there is no such key; {}\n", Key::EXPECTED));
    }
    match given.as_slice() {
        [one] if one.key() == place => Ok(given),
        [one] => Err(format!("{name}: what stands there belongs below {}\n", one.key())),
        [] => Ok(given),
        _ => Err(format!("{name}: a whole policy stands there; it belongs into the node of the prefix\n")),
    }
}

/// Says that there is nothing below a key; none where that is no key.
fn nothing<'t>(key: String) -> Option<Given<'t>> {
    let text = |text: &str| Node::Text(Cow::Owned(text.to_owned()));
    let (member, content) = match Key::parse(&key)? {
        Key::Settings => ("settings", Node::Map(Vec::new())),
        Key::Release(name) => ("removed", text(name)),
        Key::Dial(name) => ("dial", Node::Map(vec![("release".into(), text(name))])),
    };
    let node =
        Node::Map(vec![("language".into(), Node::Unsigned(LANGUAGE.into())), (member.into(), content)]);
    Some(Given::Piece(Piece { node, shape: Shape::Document, returns_to: None }, key))
}

/// Whether something else is live.
fn differs(one: &Given<'_>, drafter: &Drafter<'_>, keyring: Option<&Keyring>) -> anyhow::Result<bool> {
    let live = drafter.held.values.get(one.key()).map(|value| value.bytes.as_slice());
    match one {
        Given::Signed(draft) => Ok(live != Some(&draft.value)),
        Given::Piece(piece, key) => {
            let is_refused = keyring.is_some()
                && live.is_some_and(|live| graylane_document::open(key, live, keyring).is_err());
            Ok(drafter.draft(piece, key, &Past::default(), is_refused)?.is_some())
        }
    }
}

impl Held {
    /// The keys of documents by an author that say something: of a removed release, or a dial without values, nothing is left to take away.
    fn owned_by(&self, author: &str) -> impl Iterator<Item = String> {
        self.values
            .keys()
            .filter(move |key| {
                self.document(key).is_some_and(|document| {
                    let is_own = document.author.as_deref() == Some(author);
                    is_own && !matches!(document.content, Content::Removed(_))
                })
            })
            .cloned()
    }
}
