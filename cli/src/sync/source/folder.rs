//! A folder: every file below it that ends in `.yaml`, `.yml` or `.json`.
//!
//! Names that begin with a dot are left out, and links are followed: so a volume of a `ConfigMap` is read as it is meant, whose files are
//! links into a hidden folder that changes by one rename.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::{Entry, Heard, News};

/// How long a folder is to be quiet before it is read: whoever writes several files, or one in several steps, is done by then.
const QUIET: Duration = Duration::from_millis(100);
/// It is read after this time though it is never quiet.
const BUSY: Duration = Duration::from_secs(2);
/// It is read as often without being told of a change: not every file system tells.
const UNTOLD: Duration = Duration::from_secs(10);
/// How deep folders stand in each other.
const DEPTH: usize = 8;

/// A folder of documents.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    watcher: Option<(RecommendedWatcher, mpsc::Receiver<()>)>,
    last: Option<Vec<Entry>>,
    /// When it is read next at the latest; none before it was read at all.
    due: Option<Instant>,
    pub(super) heard: Heard,
}

impl Folder {
    /// The folder of this path; it need not be there yet.
    pub fn new(path: PathBuf) -> Self {
        Folder { path, watcher: None, last: None, due: None, heard: Heard::default() }
    }

    /// See [`Source::next`](super::Source::next).
    pub async fn next(&mut self) -> News {
        loop {
            if let Some(due) = self.due {
                self.wait(due).await;
            }
            self.due = Some(Instant::now() + UNTOLD);
            match self.read() {
                Ok(entries) if self.heard.get() && self.last.as_ref() == Some(&entries) => {}
                Ok(entries) => {
                    self.heard.set(true);
                    self.last = Some(entries.clone());
                    return News::Everything(entries);
                }
                Err(fault) => {
                    // What is watched may be gone.
                    self.watcher = None;
                    self.heard.set(false);
                    self.due = Some(Instant::now() + BUSY);
                    return News::Trouble(format!("{fault:#}"));
                }
            }
        }
    }

    /// Waits for a change, and until it is over.
    async fn wait(&mut self, due: Instant) {
        let Some((_, changes)) = &mut self.watcher else { return sleep_until(due).await };
        tokio::select! {
            _change = changes.recv() => {}
            () = sleep_until(due) => return,
        }
        let busy = Instant::now() + BUSY;
        while Instant::now() < busy && timeout(QUIET, changes.recv()).await.is_ok() {}
    }

    fn read(&mut self) -> Result<Vec<Entry>> {
        if self.watcher.is_none() {
            self.watcher = Some(watch(&self.path)?);
        }
        let mut entries = Vec::new();
        add(&self.path, DEPTH, &mut entries)?;
        entries.sort_by(|one, other| one.text.name.cmp(&other.text.name));
        Ok(entries)
    }
}

fn watch(path: &Path) -> Result<(RecommendedWatcher, mpsc::Receiver<()>)> {
    let (told, changes) = mpsc::channel(1);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // One that was only read has not changed; and whoever has been told already need not be told twice.
        if event.is_ok_and(
            |event| !matches!(event.kind, notify::EventKind::Access(access) if !is_written(access)),
        ) {
            let _ = told.try_send(());
        }
    })
    .context("cannot watch folders")?;
    watcher
        .watch(path, RecursiveMode::Recursive)
        .with_context(|| format!("cannot watch {}", path.display()))?;
    Ok((watcher, changes))
}

fn is_written(access: notify::event::AccessKind) -> bool {
    use notify::event::{AccessKind, AccessMode};
    matches!(access, AccessKind::Close(AccessMode::Write))
}

/// Adds the files of a folder and of those in it.
fn add(folder: &Path, depth: usize, entries: &mut Vec<Entry>) -> Result<()> {
    let name = || format!("cannot read {}", folder.display());
    if depth == 0 {
        bail!("{}: deeper than {DEPTH} folders in each other", name());
    }
    for found in folder.read_dir().with_context(name)? {
        let found = found.with_context(name)?;
        if found.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = found.path();
        // A link whose target is gone is a file that cannot be read, not one that is not there.
        if path.metadata().with_context(|| format!("cannot read {}", path.display()))?.is_dir() {
            add(&path, depth.saturating_sub(1), entries)?;
        } else if path
            .extension()
            .is_some_and(|ending| ["yaml", "yml", "json"].iter().any(|known| ending == *known))
        {
            let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            entries.push(Entry::new(path.display().to_string(), None, bytes));
        }
    }
    Ok(())
}
