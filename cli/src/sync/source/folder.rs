//! A folder: every file below it that ends in `.yaml`, `.yml` or `.json`.
//!
//! Names that begin with a dot are left out, and links are followed: so a volume of a `ConfigMap` is read as it is meant, whose files are
//! links into a hidden folder that changes by one rename.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::{Contact, Entry, LONGEST, News};

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
    /// The device and number of the folder that is watched.
    watched: Option<(u64, u64)>,
    last: Option<Vec<Entry>>,
    /// When it is read next at the latest; none before it was read at all.
    due: Option<Instant>,
    pub(super) contact: Contact,
}

impl Folder {
    /// The folder of this path; it need not be there yet.
    pub fn new(path: PathBuf) -> Self {
        Folder { path, watcher: None, watched: None, last: None, due: None, contact: Contact::default() }
    }

    /// See [`Source::next`](super::Source::next).
    pub async fn next(&mut self) -> News {
        loop {
            if let Some(due) = self.due {
                self.wait(due).await;
            }
            self.due = Some(Instant::now() + UNTOLD);
            match self.read() {
                Ok(entries) if self.contact.get() && self.last.as_ref() == Some(&entries) => {}
                Ok(entries) => {
                    self.contact.set(true);
                    self.last = Some(entries.clone());
                    return News::Everything(entries);
                }
                Err(fault) => {
                    // What is watched may be gone.
                    self.watcher = None;
                    self.contact.set(false);
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
        let about = self.path.metadata().with_context(|| format!("cannot read {}", self.path.display()))?;
        let watched = Some((about.dev(), about.ino()));
        // Where the path is a link, it may lead elsewhere now.
        if self.watcher.is_none() || self.watched != watched {
            self.watcher = Some(watch(&self.path)?);
            self.watched = watched;
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
    // That a link leads elsewhere is told by the folder that it stands in.
    if let (true, Some(parent)) = (path.is_symlink(), path.parent()) {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        watcher
            .watch(parent, RecursiveMode::NonRecursive)
            .with_context(|| format!("cannot watch {}", parent.display()))?;
    }
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
        let name = path.display().to_string();
        let is_document = path
            .extension()
            .is_some_and(|ending| ["yaml", "yml", "json"].iter().any(|known| ending == *known));
        match path.metadata() {
            Ok(about) if about.is_dir() => add(&path, depth.saturating_sub(1), entries)?,
            _ if !is_document => {}
            // A link whose target is gone is a file that cannot be read, not one that is not there.
            about => entries.push(match about.and_then(|about| read(&path, &about)) {
                Ok(bytes) => Entry::new(&name, None, bytes),
                Err(fault) => Entry::unread(&name, fault.to_string()),
            }),
        }
    }
    Ok(())
}

/// What is in a file, no more than is taken.
fn read(path: &Path, about: &Metadata) -> io::Result<Vec<u8>> {
    // To read a pipe would wait for whoever writes to it.
    if !about.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LONGEST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
