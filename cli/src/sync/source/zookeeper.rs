//! A `ZooKeeper`: the node of the prefix, and the nodes below it that documents stand in.
//!
//! One watch on everything below the prefix. While a connection is lost, such a watch misses what happens (ZOOKEEPER-4698), and
//! zookeeper-client 0.11.2 does not set it again; so when a connection stands again, or a session has expired, it is set anew and
//! everything is read again. Each list is preceded by a `sync`, so that a follower that lags behind does not answer with less than was
//! known.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use tokio::time::{Instant, sleep_until, timeout};
use zookeeper_client::{AddWatchMode, Client, Error, EventType, PersistentWatcher, SessionState, Stat};

use super::{Contact, Entry, News};
use crate::sync::backoff::Backoff;

/// How long a session outlives its connection.
const SESSION: Duration = Duration::from_secs(10);
/// How long a session may take to begin, and everything to be read.
const LIMIT: Duration = Duration::from_secs(15);
/// As many reads are under way at once.
const READS: usize = 64;

/// Where a `ZooKeeper` is: `zookeeper://one:2181,two:2181/policies`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    servers: String,
    root: String,
}

impl Address {
    /// How such an address begins.
    pub const SCHEME: &'static str = "zookeeper://";

    /// Reads an address.
    ///
    /// # Errors
    /// What one looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected =
            || "zookeeper://HOST:PORT,HOST:PORT/policies: servers, and the node of all documents".to_owned();
        let (servers, root) =
            text.strip_prefix(Self::SCHEME).and_then(|rest| rest.split_once('/')).ok_or_else(expected)?;
        let root = root.trim_end_matches('/');
        let is_good =
            !servers.is_empty() && servers.split(',').all(|server| !server.is_empty()) && !root.is_empty();
        is_good
            .then(|| Address { servers: servers.to_owned(), root: format!("/{root}") })
            .ok_or_else(expected)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}{}", Self::SCHEME, self.servers, self.root)
    }
}

/// A `ZooKeeper` that documents come from.
#[derive(Debug)]
pub struct ZooKeeper {
    address: Address,
    /// A name and a password, with a colon between.
    user: Option<String>,
    session: Option<Session>,
    /// When it is tried again after a failure.
    retry: Option<Instant>,
    backoff: Backoff,
    history: History,
    pub(super) contact: Contact,
}

#[derive(Debug)]
struct Session {
    client: Client,
    /// None while nothing would be told, and the nodes are not all there are.
    watcher: Option<PersistentWatcher>,
    /// By their paths.
    nodes: BTreeMap<String, Node>,
}

/// A node.
#[derive(Debug, Clone)]
struct Node {
    data: Vec<u8>,
    stat: Stat,
}

/// How far the transactions of a `ZooKeeper` were seen to go. One that was restored from a backup has fewer.
#[derive(Debug, Default)]
struct History {
    last: i64,
    /// Of a restored one: the nodes it came with, each with the transaction that wrote it. They count for nothing until they are written.
    restored: BTreeMap<String, i64>,
    /// Whether it was restored: what is not there was perhaps never deleted.
    is_another: bool,
}

impl ZooKeeper {
    /// One at an address. `user` is a name and a password with a colon between, for the scheme `digest`.
    pub fn new(address: Address, user: Option<String>) -> Self {
        ZooKeeper {
            address,
            user,
            session: None,
            retry: None,
            backoff: super::backoff(),
            history: History::default(),
            contact: Contact::default(),
        }
    }

    /// See [`Source::next`](super::Source::next).
    pub async fn next(&mut self) -> News {
        loop {
            if let Some(at) = self.retry {
                sleep_until(at).await;
            }
            match self.step().await {
                Ok(true) => {
                    self.retry = None;
                    self.backoff.reset();
                    return News::Everything(self.entries());
                }
                Ok(false) => {}
                Err(fault) => {
                    self.session = None;
                    self.contact.set(false);
                    self.retry = Some(Instant::now() + self.backoff.failed());
                    return News::Trouble(format!("ZooKeeper at {}: {fault}", self.address.servers));
                }
            }
        }
    }

    /// Does the next thing; whether the nodes are others now.
    async fn step(&mut self) -> Result<bool, String> {
        let Some(session) = &mut self.session else {
            let opened = timeout(LIMIT, open(&self.address, self.user.as_deref())).await;
            self.session = Some(opened.map_err(|_| "no session in time".to_owned())??);
            return Ok(false);
        };
        let told = |fault: Error| fault.to_string();
        if session.watcher.is_none() {
            let listed = timeout(LIMIT, list(&session.client, &self.address.root)).await;
            let (watcher, nodes) = listed.map_err(|_| "it was not read in time".to_owned())?.map_err(told)?;
            (session.watcher, session.nodes) = (Some(watcher), nodes);
            self.contact.set(true);
            self.history.look(&session.nodes);
            return Ok(true);
        }
        let mut changed = Vec::new();
        session.take(&self.address.root, &self.contact, &mut changed).await?;
        if changed.is_empty() {
            return Ok(false);
        }
        let read = timeout(LIMIT, read(&session.client, changed)).await;
        for (path, node) in read.map_err(|_| "a node was not read in time".to_owned())?.map_err(told)? {
            match node {
                Some(node) => session.nodes.insert(path, node),
                None => session.nodes.remove(&path),
            };
        }
        self.history.follow(&session.nodes);
        Ok(session.watcher.is_some())
    }

    /// The nodes as documents, or what is to become some.
    fn entries(&self) -> Vec<Entry> {
        let root = &self.address.root;
        let nodes = self.session.iter().flat_map(|session| &session.nodes);
        let mut entries: Vec<Entry> = nodes
            .filter_map(|(path, node)| {
                let key = path.strip_prefix(root.as_str())?.trim_start_matches('/');
                // A node without data stands there for its children.
                if node.data.is_empty() {
                    return None;
                }
                let place = Some(key).filter(|key| !key.is_empty()).map(str::to_owned);
                let mut entry = Entry::new(path, place, node.data.clone());
                if self.history.restored.get(path) == Some(&node.stat.mzxid) {
                    entry.fault = Some(OLDER.to_owned());
                }
                Some(entry)
            })
            .collect();
        if self.history.is_another {
            // Of no node, so nobody knows what it is about.
            entries.push(Entry::unread(&self.address.to_string(), RESTORED.to_owned()));
        }
        entries
    }
}

const RESTORED: &str = "it was restored from a backup: nothing is taken away that is not in it; restart graylane sync to take it as it is";
const OLDER: &str = "it was restored from a backup, and may be older than what is live, which stays: write it again, or restart graylane sync to take it as it is";

impl Session {
    /// Waits for changes: adds the paths of nodes that are to be read.
    async fn take(&mut self, root: &str, contact: &Contact, changed: &mut Vec<String>) -> Result<(), String> {
        let Some(watcher) = &mut self.watcher else { return Ok(()) };
        let mut event = watcher.changed().await;
        loop {
            match event.event_type {
                EventType::Session if event.session_state.is_terminated() => {
                    return Err(format!("the session has ended: {}", event.session_state));
                }
                EventType::Session if event.session_state == SessionState::SyncConnected => {
                    self.watcher = None;
                    return Ok(());
                }
                EventType::Session => contact.set(false),
                _ if is_read(root, &event.path) && !changed.contains(&event.path) => changed.push(event.path),
                _ => {}
            }
            match watcher.changed().now_or_never() {
                Some(next) => event = next,
                None => return Ok(()),
            }
        }
    }
}

impl History {
    /// Looks at a whole list.
    fn look(&mut self, nodes: &BTreeMap<String, Node>) {
        let last = last(nodes);
        if nodes.is_empty() {
            return;
        }
        if last < self.last {
            self.restored = nodes.iter().map(|(path, node)| (path.clone(), node.stat.mzxid)).collect();
            self.is_another = true;
        }
        self.last = last;
    }

    fn follow(&mut self, nodes: &BTreeMap<String, Node>) {
        self.last = self.last.max(last(nodes));
    }
}

/// The last transaction that these nodes tell of: a deletion is told by the node above.
fn last(nodes: &BTreeMap<String, Node>) -> i64 {
    nodes.values().map(|node| node.stat.mzxid.max(node.stat.pzxid)).max().unwrap_or_default()
}

async fn open(address: &Address, user: Option<&str>) -> Result<Session, String> {
    let mut connector = Client::connector().with_session_timeout(SESSION);
    if let Some(user) = user {
        connector = connector.with_auth("digest", user.as_bytes());
    }
    let told = |fault: Error| fault.to_string();
    let client = connector.connect(&address.servers).await.map_err(told)?;
    Ok(Session { client, watcher: None, nodes: BTreeMap::new() })
}

/// Whether documents, or nodes above them, stand there: the root, its children, and theirs.
fn is_read(root: &str, path: &str) -> bool {
    let Some(below) = path.strip_prefix(root) else { return false };
    below.is_empty() || below.starts_with('/') && below.matches('/').count() <= 2
}

/// Reads everything. The watch tells of everything that happens meanwhile, and after it.
async fn list(client: &Client, root: &str) -> Result<(PersistentWatcher, BTreeMap<String, Node>), Error> {
    let watcher = client.watch(root, AddWatchMode::PersistentRecursive).await?;
    client.sync(root).await?;
    let mut nodes = BTreeMap::new();
    let mut paths = vec![root.to_owned()];
    while !paths.is_empty() {
        let mut below = Vec::new();
        for path in paths.iter().filter(|path| is_read(root, &format!("{path}/"))) {
            match client.list_children(path).await {
                Ok(names) => below.extend(names.iter().map(|name| format!("{path}/{name}"))),
                Err(Error::NoNode) => {}
                Err(fault) => return Err(fault),
            }
        }
        let read = read(client, paths).await?;
        nodes.extend(read.into_iter().filter_map(|(path, node)| Some((path, node?))));
        paths = below;
    }
    Ok((watcher, nodes))
}

/// Reads nodes; none where there is none.
async fn read(client: &Client, paths: Vec<String>) -> Result<Vec<(String, Option<Node>)>, Error> {
    let one = |path: String| async move {
        match client.get_data(&path).await {
            Ok((data, stat)) => Ok((path, Some(Node { data, stat }))),
            Err(Error::NoNode) => Ok((path, None)),
            Err(fault) => Err(fault),
        }
    };
    stream::iter(paths).map(one).buffer_unordered(READS).try_collect().await
}
