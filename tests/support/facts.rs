//! What became of a request, as named texts: what is expected, what the engine says and what Envoy did are compared
//! and printed in the same form.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// What became of one request: `answered by`, `decision`, `upstream <header>`, `response <header>`,
/// `counter <name>`. What is not there is not named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    texts: BTreeMap<String, String>,
}

/// What is expected: these facts, and that some others are absent.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) facts: Facts,
    pub(crate) absent: Vec<String>,
}

/// Values of one header as text; each occurrence of `fresh` is written `{uuid}`.
pub(crate) fn show(values: impl IntoIterator<Item = Vec<u8>>, fresh: Option<&str>) -> String {
    let shown = values.into_iter().map(|value| {
        let text = value.escape_ascii().to_string();
        fresh.map_or(text.clone(), |id| text.replace(id, "{uuid}"))
    });
    shown.collect::<Vec<_>>().join(" | ")
}

impl Facts {
    pub(crate) fn set(&mut self, name: &str, text: &str) {
        self.texts.insert(name.to_owned(), text.to_owned());
    }

    /// Adds to a counter; nothing is no fact.
    pub(crate) fn count(&mut self, name: &str, count: u64) {
        if count > 0 {
            let text = self.texts.entry(format!("counter {name}")).or_default();
            *text = (text.parse::<u64>().unwrap_or_default() + count).to_string();
        }
    }

    /// All headers of one side, but those in `besides`. Cookies are one line, however they came.
    pub(crate) fn headers(
        &mut self,
        side: &str,
        headers: impl Iterator<Item = (String, Vec<u8>)>,
        besides: &[&str],
        fresh: Option<&str>,
    ) {
        let mut all: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
        for (name, value) in headers.filter(|(name, _)| !besides.contains(&name.as_str())) {
            all.entry(name).or_default().push(value);
        }
        for (name, mut values) in all {
            if name == "cookie" {
                values = vec![values.join(b"; ".as_slice())];
            }
            self.set(&format!("{side} {name}"), &show(values, fresh));
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.texts.keys().map(String::as_str)
    }
}

impl Expected {
    /// Whether what is found under `name` is as expected. What a client gets and what is counted is named in full by
    /// every expectation, what goes upstream in part.
    fn agrees(&self, name: &str, found: &Facts) -> bool {
        match (self.facts.get(name), found.get(name)) {
            (Some(wanted), Some(got)) if name == "decision" => is_decision(wanted, got),
            (Some(wanted), got) => got == Some(wanted),
            (None, None) => true,
            (None, Some(_)) => !self.is_absent(name) && name.starts_with("upstream "),
        }
    }

    fn is_absent(&self, name: &str) -> bool {
        self.absent.iter().any(|absent| absent == name)
    }

    fn text(&self, name: &str) -> &str {
        let nothing = if self.is_absent(name) || !name.starts_with("upstream ") { "nothing" } else { "-" };
        self.facts.get(name).unwrap_or(nothing)
    }
}

/// Whether a decision is the wanted one, in which `bucket=*` is any bucket.
fn is_decision(wanted: &str, got: &str) -> bool {
    let parts = |text: &str| text.split([';', ',']).map(str::to_owned).collect::<Vec<_>>();
    let (wanted, got) = (parts(wanted), parts(got));
    let same = |(wanted, got): (&String, &String)| {
        wanted == got || wanted == "bucket=*" && got.starts_with("bucket=")
    };
    wanted.len() == got.len() && wanted.iter().zip(&got).all(same)
}

/// What differs between the expectation and the columns that ran, and between those, side by side; empty when all
/// agree.
pub(crate) fn differences(expected: &Expected, ran: &[(&str, &Facts)]) -> String {
    let mut names: BTreeSet<&str> = expected.facts.names().collect();
    names.extend(expected.absent.iter().map(String::as_str));
    names.extend(ran.iter().flat_map(|(_, facts)| facts.names()));
    let mut out = String::new();
    for name in names {
        let expected_everywhere = ran.iter().all(|(_, facts)| expected.agrees(name, facts));
        let same_everywhere = ran.windows(2).all(|pair| pair[0].1.get(name) == pair[1].1.get(name));
        if !(expected_everywhere && same_everywhere) {
            let columns = ran.iter().map(|(who, facts)| (*who, facts.get(name).unwrap_or("nothing")));
            let columns: Vec<_> = [("expected", expected.text(name))].into_iter().chain(columns).collect();
            writeln!(out, "  {name}").expect("memory takes text");
            for (who, text) in columns {
                writeln!(out, "    {who:<9} {}", shortened(text)).expect("memory takes text");
            }
        }
    }
    out
}

/// A long text without its middle.
fn shortened(text: &str) -> String {
    const SHOWN: usize = 300;
    let length = text.chars().count();
    if length <= SHOWN {
        return text.to_owned();
    }
    let start: String = text.chars().take(SHOWN / 2).collect();
    let end: String = text.chars().skip(length - SHOWN / 2).collect();
    format!("{start} […{length} characters…] {end}")
}
