//! What would come of drafts: mistakes, differences, who moves.

use std::collections::BTreeMap;
use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result};
use graylane::compile::compile;
use graylane::error::{FieldError, Path, PolicyErrors, Problem};
use graylane::plan::Plan;
use graylane::policy::Policy;
use graylane::time::Timestamp;
use graylane_document::{Key, Keyring, Reason as Refused, read};
use graylane_watch::etcd::Change;
use graylane_watch::store::{Fault, Opened, Reason};
use serde_json::Value as Json;
use similar::{ChangeTag, TextDiff};

use super::draft::last;
use super::{Draft, Held, Past, Prefix};
use crate::against::{Changes, Comparison, Side, compare};
use crate::check::Severity;
use crate::words::shown;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GONE: Style = AnsiColor::Red.on_default();
const NEW: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const OPEN: Style = AnsiColor::Yellow.on_default().bold();

/// What would come of drafts.
#[derive(Debug)]
pub struct Outlook {
    /// Why drafts would not be in force.
    pub mistakes: Vec<Fault>,
    /// What is not in force for other reasons, before or after.
    pub others: Vec<Fault>,
    /// Who moves; none where there is a mistake.
    pub changes: Option<Changes>,
    /// What is wrong with that, each with the key of its release in its path.
    pub findings: Vec<(Severity, FieldError)>,
    /// What would be in force, as one policy.
    pub policy: Policy,
    differences: Vec<Difference>,
}

/// A document before and after.
#[derive(Debug)]
struct Difference {
    key: String,
    versions: (Option<u64>, u64),
    /// Their contents as YAML.
    texts: (String, String),
}

impl Outlook {
    /// What would come of drafts at a time, each with what stood below its key before.
    ///
    /// # Errors
    /// When a document cannot be shown, or what is in force cannot be compiled.
    pub fn of(
        held: &Held,
        drafts: &[(Draft, Past)],
        keyring: Option<&Keyring>,
        at: Timestamp,
    ) -> Result<Self> {
        let others = drafts.iter().map(|(draft, _)| draft.value.as_slice());
        let (mut store, mut faults) = held.store(keyring, others)?;
        let before = store.policy();
        let opened = |(draft, _): &(Draft, Past)| {
            Opened::of(Change { key: draft.key.clone(), value: Some(draft.value.clone()) }, keyring)
        };
        let news = store.change(drafts.iter().map(opened).collect());
        // What was wrong below a key before is past: another value comes.
        faults.retain(|fault| drafts.iter().all(|(draft, _)| draft.key != fault.key));
        faults.extend(news);
        let is_drafted = |fault: &Fault| drafts.iter().any(|(draft, _)| draft.key == fault.key);
        let (mut mistakes, others): (Vec<Fault>, Vec<Fault>) = faults.into_iter().partition(is_drafted);
        let old = drafts.iter().filter_map(|(draft, past)| version_mistake(held, draft, past));
        let old: Vec<Fault> =
            old.filter(|fault| mistakes.iter().all(|mistake| mistake.key != fault.key)).collect();
        mistakes.extend(old);
        let differences =
            drafts.iter().map(|(draft, _)| Difference::of(held, draft)).collect::<Result<_>>()?;
        let policy = store.policy();
        let mut outlook =
            Outlook { mistakes, others, changes: None, findings: Vec::new(), policy, differences };
        if outlook.mistakes.is_empty() {
            outlook.compare(&before, at)?;
        }
        Ok(outlook)
    }

    fn compare(&mut self, before: &Policy, at: Timestamp) -> Result<()> {
        let now = &self.policy;
        let [was, is] = [before, now].map(compiled);
        let (was, is) = (was?, is?);
        let Comparison { changes, findings } = compare(side(before, &was), side(now, &is), at);
        let named = |(severity, error): (Severity, FieldError)| {
            let path = named(&error.path, now);
            (severity, FieldError { path, ..error })
        };
        // Versions are of documents here.
        let findings = findings.into_iter().filter(|(_, error)| error.path != "version");
        self.findings = findings.map(named).collect();
        self.changes = Some(changes);
        Ok(())
    }

    /// Whether nothing is in the way. A rollback is taken though it moves users whom no share asks for: it is wanted for what it
    /// is, and has to be as it was.
    pub fn is_good(&self, is_rollback: bool) -> bool {
        let is_broken = self.findings.iter().any(|(severity, _)| *severity == Severity::Error);
        self.mistakes.is_empty() && (is_rollback || !is_broken)
    }

    /// What is in the way, by the keys of the drafts that it is about: mistakes, and releases whose users would move though nobody says
    /// that it is meant. Where it is not told which draft moves them, it is all of them.
    pub fn in_the_way(&self, drafts: &[(Draft, Past)]) -> BTreeMap<String, String> {
        let mut found: BTreeMap<String, String> = BTreeMap::new();
        for fault in &self.mistakes {
            for error in &fault.errors {
                let line = shown(&format!("{}: {}: {error}", fault.key, fault.reason));
                let _ = writeln!(found.entry(fault.key.clone()).or_default(), "{line}");
            }
        }
        for (_, error) in self.findings.iter().filter(|(severity, _)| *severity == Severity::Error) {
            let line = shown(&error.to_string());
            for key in movers(&error.path, drafts) {
                let _ = writeln!(found.entry(key.to_owned()).or_default(), "{line}");
            }
        }
        found
    }

    /// The differences and who moves, coloured.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for difference in &self.differences {
            difference.write(&mut out);
        }
        if let Some(changes) = &self.changes {
            out.push_str(&changes.body());
        }
        out
    }

    /// What is wrong, coloured: one a line.
    pub fn told(&self, prefix: &Prefix, is_rollback: bool) -> String {
        let mut out = String::new();
        for (style, word, faults) in
            [(OPEN, "warning: not in force", &self.others), (BAD, "error", &self.mistakes)]
        {
            for fault in faults {
                for line in lines(prefix, fault) {
                    let _ = writeln!(out, "{style}{word}{style:#}: {line}");
                }
            }
        }
        for (severity, error) in &self.findings {
            let (style, word) = match severity {
                Severity::Error if !is_rollback => (BAD, "error"),
                _ => (OPEN, "warning"),
            };
            let _ = writeln!(out, "{style}{word}{style:#}: {}", shown(&error.to_string()));
        }
        out
    }
}

/// A fault as people read it: a line for each mistake, with its whole key.
pub(crate) fn lines(prefix: &Prefix, fault: &Fault) -> Vec<String> {
    let key = prefix.key(&fault.key);
    fault.errors.iter().map(|error| shown(&format!("{key}: {}: {error}", fault.reason))).collect()
}

/// The keys of the drafts that move the users of a release: of it or its dial, or else of the settings, or else all.
fn movers<'d>(path: &str, drafts: &'d [(Draft, Past)]) -> Vec<&'d str> {
    let keys = || drafts.iter().map(|(draft, _)| draft.key.as_str());
    let name = path.strip_prefix("releases/").and_then(|rest| rest.split_once(": ")).map(|(name, _)| name);
    let own =
        |key: &&str| Key::parse(key).and_then(Key::release).is_some_and(|release| Some(release) == name);
    let own: Vec<&str> = keys().filter(own).collect();
    let settings: Vec<&str> = keys().filter(|key| *key == "settings").collect();
    [own, settings].into_iter().find(|keys| !keys.is_empty()).unwrap_or_else(|| keys().collect())
}

/// Whether a version is not above all that are known, unless it is the live document with other signatures: keys are changed that way.
fn version_mistake(held: &Held, draft: &Draft, past: &Past) -> Option<Fault> {
    let last = last(held.document(&draft.key).as_ref(), past);
    if draft.version > last || is_signed_anew(held, draft) {
        return None;
    }
    let mut errors = PolicyErrors::default();
    let allowed = format_args!("more than {last}, the last one that is known; versions only grow");
    errors.add(&Path::Root.key("version"), Problem::Invalid, draft.version, allowed);
    Some(Fault {
        key: draft.key.clone(),
        reason: Reason::Document(Refused::Version),
        errors,
        version: draft.version,
    })
}

fn is_signed_anew(held: &Held, draft: &Draft) -> bool {
    let is_other = held.values.get(&draft.key).is_some_and(|live| live.bytes != draft.value);
    let drafted = read(&draft.value, None).ok();
    is_other
        && drafted
            .is_some_and(|drafted| held.document(&draft.key).is_some_and(|live| live.stamp == drafted.stamp))
}

fn compiled(policy: &Policy) -> Result<Plan> {
    compile(policy).context("what is in force is no policy as a whole")
}

fn side<'p>(policy: &'p Policy, plan: &'p Plan) -> Side<'p> {
    Side { name: "", policy, plan }
}

/// The path of a mistake with the key of its release: `releases/shop.revision`.
fn named(path: &str, policy: &Policy) -> String {
    let named = || {
        let (index, rest) = path.strip_prefix("releases[")?.split_once(']')?;
        let release = policy.releases.get(index.parse::<usize>().ok()?)?;
        Some(format!("releases/{}: {}", release.name.as_deref()?, rest.trim_start_matches('.')))
    };
    named().unwrap_or_else(|| path.to_owned())
}

impl Difference {
    fn of(held: &Held, draft: &Draft) -> Result<Self> {
        let before = held.document(&draft.key);
        let old = match &before {
            Some(document) => content(&document.json)?,
            // What is no document is shown as it stands there.
            None => held
                .values
                .get(&draft.key)
                .map_or_else(String::new, |value| String::from_utf8_lossy(&value.bytes).into_owned() + "\n"),
        };
        // One that is refused has been told as that.
        let now = read(&draft.value, None).ok();
        let new = now.map_or(Ok(String::new()), |document| content(&document.json))?;
        let versions = (before.map(|document| document.stamp.version), draft.version);
        Ok(Difference { key: draft.key.clone(), versions, texts: (old, new) })
    }

    fn write(&self, out: &mut String) {
        let (old, new) = &self.texts;
        let (was, is) = self.versions;
        let key = shown(&self.key);
        let was = match was {
            Some(0) => "of no version".to_owned(),
            Some(version) => format!("version {version}"),
            None if old.is_empty() => "not there".to_owned(),
            None => "no document".to_owned(),
        };
        // Writing to text cannot fail.
        if old == new {
            let _ = writeln!(out, "{BOLD}{key}{BOLD:#}: {was} becomes version {is}, with the same content");
            return;
        }
        let _ = writeln!(out, "{BOLD}--- {key} ({was}){BOLD:#}\n{BOLD}+++ {key} (version {is}){BOLD:#}");
        let diff = TextDiff::from_lines(old, new);
        for hunk in diff.unified_diff().iter_hunks() {
            let _ = writeln!(out, "{DIM}{}{DIM:#}", hunk.header());
            for change in hunk.iter_changes() {
                let (style, mark) = match change.tag() {
                    ChangeTag::Delete => (GONE, '-'),
                    ChangeTag::Insert => (NEW, '+'),
                    ChangeTag::Equal => (Style::new(), ' '),
                };
                let line = shown(change.value().trim_end_matches('\n'));
                let _ = writeln!(out, "{style}{mark}{line}{style:#}");
            }
        }
    }
}

/// The content of a document as YAML, without who wrote it when.
fn content(json: &[u8]) -> Result<String> {
    let document: Json = serde_json::from_slice(json).context("a document is JSON")?;
    let content: serde_json::Map<String, Json> = document
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| matches!(key.as_str(), "settings" | "release" | "dial" | "removed"))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    serde_saphyr::to_string(&content).context("a document as YAML")
}
