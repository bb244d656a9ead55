//! The versions of one key, as they are told.

use std::fmt::Write;

use anstyle::Style;
use graylane_document::Keyring;
use serde::Serialize;

use super::{About, Held, Past};
use crate::table::Table;
use crate::words::shown;

const BOLD: Style = Style::new().bold();

/// The versions of one key.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Story {
    /// Without the prefix.
    pub key: String,
    /// The last one first.
    pub versions: Vec<Telling>,
}

/// One of them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Telling {
    /// Whether it is what stands below the key.
    pub is_live: bool,
    /// What it says of itself.
    #[serde(flatten)]
    pub about: About,
}

impl Story {
    /// The documents of before, and the one that is live.
    pub fn of(key: &str, held: &Held, mut past: Past, keyring: Option<&Keyring>) -> Self {
        let live = held.values.get(key).map(|value| value.bytes.as_slice());
        let is_kept = live.is_some_and(|live| past.iter().any(|(_, value)| value == live));
        let version = held.document(key).map_or(0, |document| document.stamp.version);
        if let Some(live) = live
            && !past.has(version)
        {
            past.add(version, live);
        }
        let telling =
            |value: &[u8]| Telling { is_live: live == Some(value), about: About::of(key, value, keyring) };
        let mut versions: Vec<Telling> = past.iter().map(|(_, value)| telling(value)).collect();
        // One of no version, or another than is kept of its version.
        if let Some(live) = live
            && !is_kept
            && versions.iter().all(|telling| !telling.is_live)
        {
            versions.insert(0, telling(live));
        }
        Story { key: key.to_owned(), versions }
    }

    /// As people read them, coloured.
    pub fn text(&self) -> String {
        let mut table = Table::new(&["version"]);
        table.head(["returns to"]);
        for head in ["made at", "signed by", "author", "note"] {
            table.head_left(head);
        }
        for Telling { is_live, about } in &self.versions {
            let mark = if *is_live { "*" } else { " " };
            let text = |text: &Option<String>| shown(text.as_deref().unwrap_or_default());
            table.add(vec![
                format!("{mark} {}", about.numbered()),
                about.returns_to.map(|version| version.to_string()).unwrap_or_default(),
                text(&about.created_at),
                shown(&about.signer()),
                text(&about.author),
                text(&about.note),
            ]);
        }
        let mut out = String::new();
        // Writing to text cannot fail.
        let _ = writeln!(out, "{BOLD}{}{BOLD:#} (* is live)", shown(&self.key));
        table.write("  ", &mut out);
        out
    }
}
