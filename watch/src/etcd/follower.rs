//! What is asked of etcd next, and what is made of its answers.

use prost::Message;

use super::message::{
    Ask, AuthenticateRequest, AuthenticateResponse, Header, Progress, RangeRequest, RangeResponse,
    WatchCreateRequest, WatchRequest, WatchResponse,
};
use super::prefix::{below, range_end};
use super::status::Status;
use crate::config::{Etcd, User};

/// Milliseconds on some clock that never goes back.
type Millis = u64;

/// A call that takes no longer.
const CALL: Millis = 5_000;
/// After so long without a word etcd is asked whether it is there,
const SILENT: Millis = 1_000;
/// and after so long it is taken to be gone.
const GONE: Millis = 4_000;
/// How long to wait before trying again: at first, and at most.
const RETRY: (Millis, Millis) = (50, 2_000);
/// How many keys a page of the list has: at first, and at most. It is made to come to about [`PAGE`] bytes.
const KEYS: (i64, i64) = (64, 4_096);
const PAGE: i64 = 1 << 20;

/// A call to etcd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `etcdserverpb.Auth/Authenticate`
    Authenticate,
    /// `etcdserverpb.KV/Range`
    Range,
}

/// How calls go out. A number that is returned names the call or stream in what comes back; `None` says that it cannot be
/// made, as while the cluster is not known.
pub trait Link {
    /// Makes a call.
    fn call(&mut self, method: Method, message: &[u8], token: Option<&str>, timeout: Millis) -> Option<u32>;
    /// Opens a stream of `etcdserverpb.Watch/Watch`.
    fn open(&mut self, token: Option<&str>) -> Option<u32>;
    /// Sends a message on a stream.
    fn send(&mut self, stream: u32, message: &[u8]);
    /// Ends a stream; nothing of it is handed in after that.
    fn end(&mut self, stream: u32);
}

/// What happened to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key, without the prefix.
    pub key: String,
    /// What it is now; `None` when it is gone.
    pub value: Option<Vec<u8>>,
}

/// What is learnt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// All there is, in one revision.
    List {
        /// The revision.
        revision: i64,
        /// Every key and its value.
        values: Vec<Change>,
        /// Whether etcd has forgotten what it said before: it was restored from a backup, or is another one.
        is_another_history: bool,
    },
    /// What changed, up to a revision.
    Changes {
        /// The revision.
        revision: i64,
        /// In the order in which it happened.
        changes: Vec<Change>,
    },
    /// Something is not as it should be.
    Trouble(String),
}

#[derive(Debug)]
enum State {
    Waiting { until: Millis },
    SigningIn { call: u32 },
    Listing { call: u32, list: List },
    Watching { stream: u32, opened: Millis, asked: bool, fragments: Vec<Change>, revision: i64 },
}

/// A list under way.
#[derive(Debug, Default)]
struct List {
    /// Of the first page, which the others are asked for.
    revision: i64,
    values: Vec<Change>,
    limit: i64,
    /// The last key so far.
    last: Vec<u8>,
}

/// Follows a prefix.
#[derive(Debug)]
pub struct Follower {
    prefix: String,
    user: Option<User>,
    token: Option<String>,
    state: State,
    /// What was said last of which cluster, by whom it was led, and how far it was.
    seen: Option<Header>,
    must_list: bool,
    /// The next revision that is not known.
    next: i64,
    retry: Millis,
    contact: Option<Millis>,
}

impl Follower {
    /// A follower that has asked nothing yet.
    pub fn new(etcd: &Etcd) -> Self {
        Follower {
            prefix: etcd.prefix().to_owned(),
            user: etcd.user.clone(),
            token: None,
            state: State::Waiting { until: 0 },
            seen: None,
            must_list: true,
            next: 0,
            retry: RETRY.0,
            contact: None,
        }
    }

    /// When etcd was heard last.
    pub fn contact(&self) -> Option<Millis> {
        self.contact
    }

    /// Whether everything is asked for next.
    pub fn will_list(&self) -> bool {
        self.must_list
    }

    /// More changes come than can be taken in: no more are heard, and everything is asked for next.
    pub fn overrun(&mut self, now: Millis, link: &mut impl Link) -> Option<News> {
        let State::Watching { stream, .. } = self.state else { return None };
        link.end(stream);
        self.must_list = true;
        Some(self.fail(now, format_args!("watch: more changes than can be opened")))
    }

    /// Some time has passed.
    pub fn tick(&mut self, now: Millis, link: &mut impl Link) -> Option<News> {
        match &mut self.state {
            State::Waiting { until } if *until <= now => self.begin(now, link),
            State::Watching { stream, opened, asked, .. } => {
                let heard = self.contact.map_or(*opened, |contact| contact.max(*opened));
                let silent = now.saturating_sub(heard);
                if silent >= GONE {
                    link.end(*stream);
                    return Some(self.fail(now, format_args!("silent for {silent} ms")));
                }
                if silent >= SILENT && !*asked {
                    *asked = true;
                    let message = WatchRequest { ask: Some(Ask::Progress(Progress {})) };
                    link.send(*stream, &message.encode_to_vec());
                }
            }
            _ => {}
        }
        None
    }

    /// A call came back, with the status of gRPC where it failed.
    pub fn reply(
        &mut self,
        number: u32,
        reply: Result<&[u8], u32>,
        now: Millis,
        link: &mut impl Link,
    ) -> Option<News> {
        match std::mem::replace(&mut self.state, State::Waiting { until: now }) {
            State::SigningIn { call } if call == number => match reply.map(AuthenticateResponse::decode) {
                Ok(Ok(AuthenticateResponse { token })) => {
                    self.contact = Some(now);
                    self.token = Some(token);
                    self.begin(now, link);
                    None
                }
                Ok(Err(_)) => Some(self.fail(now, format_args!("signing in: the answer is none"))),
                // So etcd says that name or password are wrong.
                Err(3) => Some(self.fail(now, format_args!("signing in: the user or the password is wrong"))),
                Err(status) => Some(self.fail(now, format_args!("signing in: {}", Status(status)))),
            },
            State::Listing { call, list } if call == number => match reply.map(RangeResponse::decode) {
                Ok(Ok(page)) => self.page(page, reply.map_or(0, <[u8]>::len), list, now, link),
                Ok(Err(_)) => Some(self.fail(now, format_args!("list: the answer is none"))),
                Err(status) => Some(self.fail(now, format_args!("list: {}", Status(status)))),
            },
            // Of a call that was given up.
            other => {
                self.state = other;
                None
            }
        }
    }

    /// A message came on a stream.
    pub fn message(
        &mut self,
        number: u32,
        message: &[u8],
        now: Millis,
        link: &mut impl Link,
    ) -> Option<News> {
        let State::Watching { stream, asked, fragments, revision, .. } = &mut self.state else { return None };
        if *stream != number {
            return None;
        }
        *asked = false;
        self.contact = Some(now);
        let Ok(response) = WatchResponse::decode(message) else {
            link.end(number);
            // What it was cannot be known, so all is asked for.
            self.must_list = true;
            return Some(self.fail(now, format_args!("watch: a message is none")));
        };
        let (Some(header), false) = (response.header, response.canceled) else {
            link.end(number);
            self.must_list = true;
            let why = response.cancel_reason;
            return Some(self.fail(
                now,
                format_args!("watch: canceled, compacted at {}: {why}", response.compact_revision),
            ));
        };
        fragments.extend(response.events.into_iter().filter_map(|event| {
            let now = event.now?;
            // Not the revision of the header: a watch that catches up gets less than that at a time.
            *revision = now.mod_revision.max(*revision);
            let value = (event.kind == 0).then_some(now.value);
            Some(Change { key: below(&now.key, &self.prefix)?, value })
        }));
        if response.fragment {
            return None;
        }
        let (changes, revision) = (std::mem::take(fragments), *revision);
        if !self.is_continued_by(header) {
            link.end(number);
            self.must_list = true;
            let (found, known) = (header.revision, self.next - 1);
            return Some(self.fail(now, format_args!("watch: revision {found} after {known}")));
        }
        self.seen = Some(header);
        self.retry = RETRY.0;
        if changes.is_empty() {
            return None;
        }
        self.next = self.next.max(revision + 1);
        Some(News::Changes { revision, changes })
    }

    /// A stream was closed.
    pub fn closed(&mut self, number: u32, status: u32, now: Millis) -> Option<News> {
        match self.state {
            State::Watching { stream, .. } if stream == number => {
                Some(self.fail(now, format_args!("watch: {}", Status(status))))
            }
            _ => None,
        }
    }

    /// Asks for what is needed next.
    fn begin(&mut self, now: Millis, link: &mut impl Link) {
        let token = self.token.as_deref();
        let state = if let (Some(user), None) = (&self.user, token) {
            let message = AuthenticateRequest {
                name: user.name.clone().unwrap_or_default(),
                password: user.password.clone().unwrap_or_default(),
            };
            let call = link.call(Method::Authenticate, &message.encode_to_vec(), None, CALL);
            call.map(|call| State::SigningIn { call })
        } else if self.must_list {
            self.ask(List { limit: KEYS.0, ..List::default() }, link)
        } else {
            link.open(token).map(|stream| {
                let create = WatchCreateRequest {
                    key: self.prefix.clone().into_bytes(),
                    range_end: range_end(&self.prefix),
                    start_revision: self.next,
                    fragment: true,
                };
                link.send(stream, &WatchRequest { ask: Some(Ask::Create(create)) }.encode_to_vec());
                State::Watching { stream, opened: now, asked: false, fragments: Vec::new(), revision: 0 }
            })
        };
        self.go_on(state, now);
    }

    /// Asks for the next page of a list.
    fn ask(&self, list: List, link: &mut impl Link) -> Option<State> {
        let mut key = list.last.clone();
        if key.is_empty() {
            key = self.prefix.clone().into_bytes();
        } else {
            key.push(0);
        }
        let range_end = range_end(&self.prefix);
        let message = RangeRequest { key, range_end, limit: list.limit, revision: list.revision };
        let call = link.call(Method::Range, &message.encode_to_vec(), self.token.as_deref(), CALL)?;
        Some(State::Listing { call, list })
    }

    fn page(
        &mut self,
        page: RangeResponse,
        size: usize,
        mut list: List,
        now: Millis,
        link: &mut impl Link,
    ) -> Option<News> {
        self.contact = Some(now);
        let Some(header) = page.header else { return Some(self.fail(now, format_args!("list: no header"))) };
        if list.revision == 0 {
            list.revision = header.revision;
        }
        let is_empty = page.values.is_empty();
        let count = i64::try_from(page.values.len()).unwrap_or(i64::MAX).max(1);
        let each = (i64::try_from(size).unwrap_or(i64::MAX) / count).max(1);
        list.limit = (PAGE / each).clamp(1, KEYS.1);
        if let Some(last) = page.values.last() {
            list.last.clone_from(&last.key);
        }
        list.values.extend(page.values.into_iter().filter_map(|found| {
            Some(Change { key: below(&found.key, &self.prefix)?, value: Some(found.value) })
        }));
        if page.more && is_empty {
            return Some(self.fail(now, format_args!("list: an empty page, and more to come")));
        }
        if page.more {
            let state = self.ask(list, link);
            self.go_on(state, now);
            return None;
        }
        let List { revision, values, .. } = list;
        let is_another_history = !self.is_continued_by(Header { revision, ..header });
        self.seen = Some(header);
        self.must_list = false;
        self.next = revision + 1;
        self.begin(now, link);
        Some(News::List { revision, values, is_another_history })
    }

    /// Whether what is said continues what was said before. A member that lags behind the others does not, nor does an etcd
    /// that was restored from a backup: there are fewer revisions, or as many again under a leader of less elections.
    fn is_continued_by(&self, header: Header) -> bool {
        self.seen.is_none_or(|seen| {
            header.cluster_id == seen.cluster_id
                && header.raft_term >= seen.raft_term
                && header.revision >= self.next - 1
        })
    }

    /// Waits before trying again. Signing in is cheap, and an old token a likely reason.
    fn fail(&mut self, now: Millis, why: std::fmt::Arguments<'_>) -> News {
        self.token = None;
        self.state = State::Waiting { until: self.later(now) };
        News::Trouble(why.to_string())
    }

    /// Goes on with what could be asked; where nothing could, waits before trying again.
    fn go_on(&mut self, state: Option<State>, now: Millis) {
        self.state = match state {
            Some(state) => state,
            None => State::Waiting { until: self.later(now) },
        };
    }

    fn later(&mut self, now: Millis) -> Millis {
        let wait = self.retry;
        self.retry = (wait * 2).min(RETRY.1);
        now + wait
    }
}

#[cfg(test)]
mod tests;
