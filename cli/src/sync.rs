//! What a source says is kept live in a target, for sources that a proxy cannot speak to.
//!
//! ```text
//! source ──entries──▶ plan: what differs from what is live ──drafts──▶ Outlook: without what is refused ──▶ target
//! folder, ZooKeeper       a text in any form that can be published        the checks of graylane publish      etcd, a file for ECDS
//! ```
//!
//! The source is the truth: what somebody else writes in its place is written over, and what it does not say any more is taken away if
//! it came from here. What is wrong in it changes nothing but what is told: what was live before stays.

mod backoff;
mod etcd;
mod health;
mod metrics;
mod plan;
pub mod source;
pub mod target;
mod webhook;

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use graylane::node::Node;
use graylane::time::Timestamp;
use graylane_document::{Content, Key, Keyring, Secret};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

pub use health::serve;
pub use metrics::Status;
pub use webhook::Webhook;

use crate::clock;
use crate::published::{Draft, Drafter, Given, Held, Outlook, Past, Piece};
use crate::sealing::member;
use crate::words::{counted, shown};
use backoff::Backoff;
use plan::{GRACE, Memory, Plan, Planner};
use source::{Entry, News, Source};
use target::{Rest, Target, Written};

/// As often a pass is tried again where somebody else writes meanwhile.
const TRIES: usize = 5;

/// How documents are made.
#[derive(Debug)]
pub struct Rules {
    /// Who signs, and by which id; without it documents are not signed.
    pub secret: Option<(Secret, String)>,
    /// Who is believed by the proxies: what they would refuse is refused.
    pub keyring: Option<Keyring>,
    /// The author of the documents. Of the ones that bear this name those are taken away which the source does not say any more.
    pub author: String,
}

/// Keeps a target as a source says.
#[derive(Debug)]
pub struct Sync {
    target: Target,
    rules: Rules,
    tell: fn(&str),
    status: Arc<Status>,
    webhook: Option<Webhook>,
    memory: Memory,
    grace: Duration,
    /// What was told last of each entry.
    told: BTreeMap<String, String>,
    /// What was told last of source and target.
    trouble: String,
    /// When a pass is to be made though nothing changes.
    due: Option<Instant>,
}

/// What came of a pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passed {
    /// What was written: keys and versions.
    pub written: Vec<(String, u64)>,
    /// How many entries are refused.
    pub refused: usize,
}

impl Sync {
    /// One for a target. `tell` is told what happens, in lines for people.
    pub fn new(
        target: Target,
        rules: Rules,
        status: Arc<Status>,
        webhook: Option<Webhook>,
        tell: fn(&str),
    ) -> Self {
        Sync {
            target,
            rules,
            tell,
            status,
            webhook,
            memory: Memory::default(),
            grace: GRACE,
            told: BTreeMap::new(),
            trouble: String::new(),
            due: None,
        }
    }

    /// Follows a source until `stop` comes. A pass that is under way then is done to its end.
    ///
    /// # Errors
    /// None in operation: what fails is tried again.
    pub async fn run(mut self, mut source: Source, stop: impl Future<Output = ()>) -> Result<()> {
        let (sender, mut receiver) = mpsc::channel(1);
        // Polled for as long as this runs, since what it waits for must not be given up.
        let following = async move {
            loop {
                let news = source.next().await;
                if sender.send((news, Instant::now())).await.is_err() {
                    return;
                }
            }
        };
        let mut entries: Option<Vec<Entry>> = None;
        let mut since = Instant::now();
        let mut retry: Option<Instant> = None;
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        tokio::pin!(following, stop);
        loop {
            let next = retry.or(self.due);
            tokio::select! {
                () = &mut stop => break,
                () = &mut following => bail!("the source is not followed any more"),
                Some((news, at)) = receiver.recv() => match news {
                    News::Everything(all) => (entries, since) = (Some(all), at),
                    News::Trouble(why) => {
                        self.status.source_failed(&why);
                        self.trouble(&format!("{why}; tried again"));
                        continue;
                    }
                },
                () = come(next) => {}
                () = self.target.changed(), if entries.is_some() && retry.is_none() => since = Instant::now(),
            }
            let Some(entries) = &entries else { continue };
            self.due = None;
            retry = match self.pass(entries, since).await {
                Ok(_) => {
                    self.trouble.clear();
                    backoff.reset();
                    None
                }
                Err(fault) => {
                    self.status.failed(&format!("{fault:#}"));
                    self.trouble(&format!("{}: {fault:#}; tried again", self.target.name()));
                    Some(Instant::now() + backoff.failed())
                }
            };
        }
        if let Some(webhook) = self.webhook.take() {
            webhook.finish().await;
        }
        self.line("stopped");
        Ok(())
    }

    /// Makes one pass.
    ///
    /// # Errors
    /// When the source or the target is not reached.
    pub async fn once(mut self, mut source: Source) -> Result<Passed> {
        // There is no other look at it.
        self.grace = Duration::ZERO;
        let passed = match source.next().await {
            News::Everything(entries) => self.pass(&entries, Instant::now()).await?,
            News::Trouble(why) => bail!(why),
        };
        if let Some(webhook) = self.webhook.take() {
            webhook.finish().await;
        }
        Ok(passed)
    }

    /// Writes what differs.
    async fn pass(&mut self, entries: &[Entry], since: Instant) -> Result<Passed> {
        let status = Arc::clone(&self.status);
        let _passing = status.passing();
        let mut passed = Passed::default();
        // What the target does not take, by its key.
        let mut not_taken = BTreeMap::new();
        for _ in 0..TRIES {
            let is_settled = self.attempt(entries, &mut not_taken, &mut passed).await;
            if !passed.written.is_empty() {
                self.status.applied(passed.written.len(), since.elapsed());
            }
            if is_settled? {
                self.status.passed(entries.len(), passed.refused);
                return Ok(passed);
            }
        }
        bail!("others write without a pause")
    }

    /// Writes what differs; whether another look at it would find the same.
    async fn attempt(
        &mut self,
        entries: &[Entry],
        not_taken: &mut BTreeMap<String, String>,
        passed: &mut Passed,
    ) -> Result<bool> {
        let held = self.target.held().await?;
        let now = clock::now()?;
        let Rules { secret, keyring, author } = &self.rules;
        let drafter = Drafter {
            held: &held,
            secret: secret.as_ref().map(|(secret, id)| (secret, id.as_str())),
            now,
            author: Some(author),
            note: None,
            version: None,
            again: self.target.is_restored(),
        };
        let (memory, is_merged) = (&mut self.memory, self.target.is_merged());
        let planner =
            Planner { memory, drafter: &drafter, keyring: keyring.as_ref(), is_merged, grace: self.grace };
        let mut plan = planner.plan(entries);
        let mut drafts = Vec::new();
        for given in std::mem::take(&mut plan.given) {
            if let Some(told) = not_taken.get(given.key()) {
                plan.refuse(given.key(), told);
                continue;
            }
            let past = self.target.past(given.key()).await?;
            drafts.push((draft(given, &drafter, &past)?, past));
        }
        // Settings first, then releases: where they do not fit into one transaction, what comes later may need what comes before.
        drafts.sort_by_key(|(draft, _)| std::cmp::Reverse(rank(&draft.key)));
        let asked = drafts.len();
        let outlook = admit(&held, &mut drafts, keyring.as_ref().filter(|_| !is_merged), now, &mut plan)?;
        let is_whole = drafts.len() == asked;
        let lost = if is_merged { lost(&held, &drafts, &outlook) } else { BTreeMap::new() };
        for (key, told) in &lost {
            plan.refuse(key, told);
        }
        let Written { count, place, rest } = if lost.is_empty() {
            self.target.write(held, &drafts, &outlook.policy).await
        } else {
            Written::default()
        };
        let wrote: Vec<(String, u64)> =
            drafts.iter().take(count).map(|(draft, _)| (draft.key.clone(), draft.version)).collect();
        let mut is_settled = is_whole || wrote.is_empty();
        let mut failed = None;
        match rest {
            None => {}
            Some(Rest::Raced) => is_settled = false,
            Some(Rest::Refused(why)) => {
                let key = drafts.get(count).map(|(draft, _)| draft.key.clone()).unwrap_or_default();
                let told = format!("{key}: {why}\n");
                plan.refuse(&key, &told);
                not_taken.insert(key, told);
                is_settled = false;
            }
            Some(Rest::Failed(fault)) => failed = Some(fault),
        }
        (passed.refused, self.due) = (plan.refused.len(), plan.due);
        self.tell_of(&plan);
        if let Some(place) = place {
            for (key, version) in &wrote {
                self.memory.wrote(key, *version);
            }
            self.applied(&wrote, &plan, &place);
            passed.written.extend(wrote);
        }
        failed.map_or(Ok(is_settled), Err)
    }

    /// Tells what was written.
    fn applied(&self, written: &[(String, u64)], plan: &Plan<'_>, place: &str) {
        const SHOWN: usize = 20;
        let mut lines = String::new();
        for (key, version) in written.iter().take(SHOWN) {
            let origin =
                plan.origin(key).map_or_else(|| "taken away".to_owned(), |name| format!("from {name}"));
            // Writing to text cannot fail.
            let _ = writeln!(lines, "{}: version {version}, {}", shown(key), shown(&origin));
        }
        if written.len() > SHOWN {
            let _ = writeln!(lines, "and {} more", written.len().saturating_sub(SHOWN));
        }
        let target = shown(&self.target.name());
        let _ = match written.len() {
            // Of the source nothing has changed.
            0 => writeln!(lines, "{target} written anew, {place}"),
            count => writeln!(lines, "{} live in {target}, {place}", counted(count as u64, "document")),
        };
        for line in lines.lines() {
            self.line(line);
        }
        if let Some(webhook) = &self.webhook {
            webhook.tell(written, &self.target.name(), place);
        }
    }

    /// Tells what is refused, where that is news, and what is not any more.
    fn tell_of(&mut self, plan: &Plan<'_>) {
        let told: BTreeMap<String, String> = plan
            .warned
            .iter()
            .map(|(name, told)| (name.clone(), told.clone()))
            .chain(plan.refused.iter().map(|(name, told)| {
                (name.clone(), format!("{told}{}: refused; what was live before stays\n", shown(name)))
            }))
            .collect();
        for (name, told) in told.iter().filter(|(name, told)| self.told.get(*name) != Some(told)) {
            (self.tell)(told);
            if plan.refused.contains_key(name) {
                self.status.refused();
            }
        }
        for name in self.told.keys().filter(|name| !told.contains_key(*name)) {
            self.line(&format!("{}: good again, or gone", shown(name)));
        }
        self.told = told;
    }

    /// Tells what does not work, where that is news.
    fn trouble(&mut self, line: &str) {
        if self.trouble != line {
            self.line(line);
            line.clone_into(&mut self.trouble);
        }
    }

    fn line(&self, line: &str) {
        (self.tell)(&format!("graylane sync: {line}\n"));
    }
}

/// Comes at a time; never, where there is none.
async fn come(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// What will be in force, and leaves out and refuses the drafts that cannot be.
fn admit(
    held: &Held,
    drafts: &mut Vec<(Draft, Past)>,
    keyring: Option<&Keyring>,
    now: Timestamp,
    plan: &mut Plan<'_>,
) -> Result<Outlook> {
    loop {
        let outlook = Outlook::of(held, drafts, keyring, now)?;
        let in_the_way = outlook.in_the_way(drafts);
        if in_the_way.is_empty() {
            return Ok(outlook);
        }
        // What is taken away may be what the refused takes the place of.
        drafts.retain(|(draft, _)| !in_the_way.contains_key(&draft.key) && !plan.gone.contains(&draft.key));
        for (key, told) in in_the_way {
            plan.refuse(&key, &told);
        }
    }
}

/// What would be gone from one policy though nobody takes it away: documents that cannot be in force, as where a key is not known.
/// Nothing is written then.
fn lost(held: &Held, drafts: &[(Draft, Past)], outlook: &Outlook) -> BTreeMap<String, String> {
    let in_force: HashSet<&str> =
        outlook.policy.releases.iter().filter_map(|release| release.name.as_deref()).collect();
    let is_lost = |key: &str| match Key::parse(key) {
        Some(Key::Release(name)) => {
            let is_release = held.document(key).is_some_and(|it| matches!(it.content, Content::Release(_)));
            is_release && !in_force.contains(name)
        }
        Some(Key::Settings) => outlook.others.iter().any(|fault| fault.key == key),
        _ => false,
    };
    let is_drafted = |key: &str| drafts.iter().any(|(draft, _)| draft.key == key);
    let lost = held.values.keys().filter(|key| !is_drafted(key) && is_lost(key));
    let told = |key: &String| {
        let faults = outlook.others.iter().filter(|fault| fault.key == *key);
        let mut told = String::new();
        for error in faults.flat_map(|fault| fault.errors.iter()) {
            // Writing to text cannot fail.
            let _ = writeln!(told, "{key}: {error}");
        }
        let _ = writeln!(told, "{key}: it could not be in force any more, so nothing is written");
        (key.clone(), told)
    };
    lost.map(told).collect()
}

/// In which order documents are written: the highest first.
fn rank(key: &str) -> u8 {
    match Key::parse(key) {
        Some(Key::Settings) => 2,
        Some(Key::Release(_)) => 1,
        Some(Key::Dial(_)) | None => 0,
    }
}

/// The draft of what is given. The author is whoever keeps the target; the one that the source names is told in the note.
fn draft(given: Given<'_>, drafter: &Drafter<'_>, past: &Past) -> Result<Draft> {
    let (piece, key) = match given {
        Given::Signed(draft) => return Ok(draft),
        Given::Piece(piece, key) => (piece, key),
    };
    let note = noted(&piece);
    let drafter = Drafter { note: note.as_deref(), ..*drafter };
    drafter.draft(&piece, &key, past)
}

fn noted(piece: &Piece<'_>) -> Option<String> {
    let text = |key| match member(&piece.node, key) {
        Some(Node::Text(text)) => Some(text.into_owned()),
        _ => None,
    };
    let author = text("author")?;
    Some(match text("note") {
        Some(note) => format!("{author}: {note}"),
        None => author,
    })
}
