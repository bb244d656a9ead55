//! Where documents come from.

mod etcd;
mod folder;
mod zookeeper;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use etcd::Etcd;
pub use folder::Folder;
pub use zookeeper::{Address, ZooKeeper};

use crate::document::Form;
use crate::published::Text;
use crate::sync::backoff::Backoff;
use crate::words::shown;

/// As many bytes may stand in one place: a policy of some ten thousand releases.
const LONGEST: usize = 16 << 20;

/// A source of documents.
#[derive(Debug)]
pub enum Source {
    /// Keys of an etcd.
    Etcd(Box<Etcd>),
    /// Files in a folder.
    Folder(Folder),
    /// Nodes of a `ZooKeeper`.
    ZooKeeper(Box<ZooKeeper>),
}

/// What a source has to say.
#[derive(Debug)]
pub enum News {
    /// Everything that it has.
    Everything(Vec<Entry>),
    /// It cannot be read, and why. It is tried again.
    Trouble(String),
}

/// A file or a node, in which a document stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The text, and how it is called in messages.
    pub text: Text,
    /// The key of a document that its place says; a file has none.
    pub key: Option<String>,
    /// Why it counts for nothing; what it said before stays.
    pub fault: Option<String>,
}

/// Whether a source is heard right now, and would tell of a change. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Contact(Arc<AtomicBool>);

impl Contact {
    /// Whether it is.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, is_heard: bool) {
        self.0.store(is_heard, Ordering::Relaxed);
    }
}

/// How long servers are left alone after a failure.
fn backoff() -> Backoff {
    Backoff::new(Duration::from_millis(50), Duration::from_secs(2))
}

impl Source {
    /// Waits for everything that it has: at once when it was opened, then whenever something has changed.
    ///
    /// What has changed is lost where this is not waited for to its end.
    pub async fn next(&mut self) -> News {
        match self {
            Source::Etcd(etcd) => etcd.next().await,
            Source::Folder(folder) => folder.next().await,
            Source::ZooKeeper(zookeeper) => zookeeper.next().await,
        }
    }

    /// Whether it is heard.
    pub fn contact(&self) -> Contact {
        match self {
            Source::Etcd(etcd) => etcd.contact.clone(),
            Source::Folder(folder) => folder.contact.clone(),
            Source::ZooKeeper(zookeeper) => zookeeper.contact.clone(),
        }
    }
}

impl Entry {
    /// What cannot be read.
    fn unread(name: &str, fault: String) -> Self {
        Entry { fault: Some(fault), ..Entry::new(name, None, Vec::new()) }
    }

    /// What stands in a place of this name.
    fn new(name: &str, key: Option<String>, bytes: Vec<u8>) -> Self {
        let form = Form::of(Path::new(name));
        // It stands in messages.
        let name = shown(name);
        let (text, fault) = if bytes.len() > LONGEST {
            (String::new(), Some(format!("at most {LONGEST} bytes are read")))
        } else {
            match String::from_utf8(bytes) {
                Ok(text) => (text, None),
                Err(_) => (String::new(), Some("it is no text in UTF-8".to_owned())),
            }
        };
        Entry { text: Text { name, form, text }, key, fault }
    }
}
