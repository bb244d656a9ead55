//! What the filter does to headers.

use graylane::effect::{Change, Edit};
use graylane::headers::CACHE_CONTROL;
use serde::Serialize;

use super::lossy;

/// What the filter does to the headers of a request or a response.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Edits {
    /// Headers that are set, with their value: they stand once, whatever stood before.
    pub set: Vec<Header>,
    /// Headers that are added beside those of their name.
    pub add: Vec<Header>,
    /// Headers that are removed.
    pub remove: Vec<String>,
}

/// A header with its value.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

impl Edits {
    pub(super) fn of(edits: &[Edit<'_>], is_private: bool) -> Self {
        let mut sorted = Edits::default();
        for Edit { name, change } in edits {
            let header = |value: &[u8]| Header { name: name.to_string(), value: lossy(value) };
            match change {
                Change::Set(value) => sorted.set.push(header(value)),
                Change::Append(value) => sorted.add.push(header(value)),
                Change::Remove => sorted.remove.push(name.to_string()),
            }
        }
        if is_private {
            // With what the service says beside it; that is not known here.
            let value = "private".to_owned();
            sorted.set.push(Header { name: CACHE_CONTROL.to_owned(), value });
        }
        sorted
    }

    /// Whether nothing is done.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.add.is_empty() && self.remove.is_empty()
    }
}
