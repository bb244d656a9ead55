//! Every key below a prefix: what stands there, and whether it is in force.

use std::collections::BTreeSet;
use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use anyhow::Result;
use graylane::node::Node;
use graylane_document::{Content, Envelope, Keyring};
use graylane_watch::store::Fault;
use serde::Serialize;

use super::outlook::lines;
use super::{Held, Prefix};
use crate::table::Table;
use crate::words::{counted, shown};

const BOLD: Style = Style::new().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// What stands below a prefix, as a proxy that starts now has it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ledger {
    /// The prefix.
    pub prefix: String,
    /// The revision of etcd.
    pub revision: i64,
    /// The last revision in which one of the keys was written.
    pub last_written: i64,
    /// How many releases are in force.
    pub releases: usize,
    /// The keys.
    pub documents: Vec<Row>,
}

/// A key.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Without the prefix.
    pub key: String,
    /// `inForce`, `removed`, `waits` (a dial without its release) or `refused`.
    pub state: &'static str,
    /// Why it is refused, in the word of the metrics.
    pub reason: Option<String>,
    /// What is known of it.
    #[serde(flatten)]
    pub about: About,
    /// The revision in which it was written.
    pub revision: i64,
    /// What is wrong with it, each with its whole key and its path.
    pub mistakes: Vec<String>,
}

/// What a document says of itself, and who signed it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// Its version; 0 for none.
    pub version: Option<u64>,
    /// The version whose content it has again.
    pub returns_to: Option<u64>,
    /// When it was made.
    pub created_at: Option<String>,
    /// Who made it.
    pub author: Option<String>,
    /// What for.
    pub note: Option<String>,
    /// The ids of the keys that signed it.
    pub signed_by: Vec<String>,
    /// Whether one of them is good and may; `null` where nobody asked.
    pub is_verified: Option<bool>,
}

impl Ledger {
    /// What stands there, for proxies with this keyring.
    ///
    /// # Errors
    /// None that can be named.
    pub fn of(held: &Held, prefix: &Prefix, keyring: Option<&Keyring>) -> Result<Self> {
        let (store, faults) = held.store(keyring, [])?;
        let policy = store.policy();
        let names: BTreeSet<&str> =
            policy.releases.iter().filter_map(|release| release.name.as_deref()).collect();
        let row = |(key, value): (&String, &super::Value)| {
            let fault = faults.iter().find(|fault| fault.key == *key);
            Row {
                key: key.clone(),
                state: state(held, key, fault, &names),
                reason: fault.map(|fault| fault.reason.to_string()),
                about: About::of(key, &value.bytes, keyring),
                revision: value.revision,
                mistakes: fault.map(|fault| lines(prefix, fault)).unwrap_or_default(),
            }
        };
        Ok(Ledger {
            prefix: prefix.as_str().to_owned(),
            revision: held.revision,
            last_written: held.last_written(),
            releases: names.len(),
            documents: held.values.iter().map(row).collect(),
        })
    }

    /// The keys as people read them, coloured: a table, and below it what is wrong.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to text cannot fail.
        let _ = writeln!(
            out,
            "{BOLD}{}{BOLD:#} at revision {}, last written in {}: {}, {} in force\n",
            self.prefix,
            self.revision,
            self.last_written,
            counted(self.documents.len() as u64, "document"),
            counted(self.releases as u64, "release"),
        );
        if self.documents.is_empty() {
            return out;
        }
        let mut table = Table::new(&["key", "version"]);
        for head in ["signed by", "made at", "state"] {
            table.head_left(head);
        }
        for Row { key, state, reason, about, .. } in &self.documents {
            let state = match (*state, reason) {
                ("refused", Some(reason)) => format!("{BAD}refused: {reason}{BAD:#}"),
                ("waits", _) => "waits for its release".to_owned(),
                ("removed", _) => "removed".to_owned(),
                _ => "in force".to_owned(),
            };
            let made_at = about.created_at.clone().unwrap_or_default();
            table.add(vec![shown(key), about.numbered(), shown(&about.signer()), made_at, state]);
        }
        table.write("", &mut out);
        for line in self.documents.iter().flat_map(|row| &row.mistakes) {
            let _ = write!(out, "\n{BAD}error{BAD:#}: {line}");
        }
        out.trim_end().to_owned() + "\n"
    }

    /// Whether everything is in force as it stands there.
    pub fn is_good(&self) -> bool {
        self.documents.iter().all(|row| row.state != "refused")
    }
}

fn state(held: &Held, key: &str, fault: Option<&Fault>, names: &BTreeSet<&str>) -> &'static str {
    let content = held.document(key).map(|document| document.content);
    match content {
        _ if fault.is_some() => "refused",
        Some(Content::Removed(_)) => "removed",
        Some(Content::Dial(dial)) if !dial.release.as_deref().is_some_and(|name| names.contains(name)) => {
            "waits"
        }
        _ => "inForce",
    }
}

impl About {
    /// What the value of a key says.
    pub fn of(key: &str, value: &[u8], keyring: Option<&Keyring>) -> Self {
        let node = serde_json::from_slice::<Node<'_>>(value).ok();
        let envelope = node.as_ref().and_then(Envelope::of).and_then(Result::ok);
        let signed_by: Vec<String> = envelope
            .iter()
            .flat_map(Envelope::signatures)
            .map(|signature| signature.key_id.clone())
            .collect();
        let is_verified = keyring.map(|_| graylane_document::open(key, value, keyring).is_ok());
        let Ok(document) = graylane_document::read(value, None) else {
            return About { signed_by, is_verified, ..About::default() };
        };
        About {
            version: Some(document.stamp.version),
            returns_to: document.returns_to,
            created_at: document.created_at.map(|time| time.to_string()),
            author: document.author,
            note: document.note,
            signed_by,
            is_verified,
        }
    }

    /// Its version, for a table.
    pub(crate) fn numbered(&self) -> String {
        match self.version {
            None => String::new(),
            Some(0) => "none".to_owned(),
            Some(version) => version.to_string(),
        }
    }

    /// Who signed it, for a table.
    pub(crate) fn signer(&self) -> String {
        let ids = self.signed_by.join(", ");
        match self.is_verified {
            _ if ids.is_empty() => "nobody".to_owned(),
            None => format!("{ids} (not verified)"),
            Some(_) => ids,
        }
    }
}
