//! One call: to which endpoint, with which token, how long, and what is done where it fails.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use http::uri::PathAndQuery;
use prost::Message;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tonic::client::Grpc;

use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::access::Access;
use crate::error::{Attempt, Error, causes, never_sent};
use crate::message::{AuthenticateRequest, AuthenticateResponse};

/// The largest answer that is read: many policies at once.
const LARGEST: usize = 256 << 20;

/// What is done where an endpoint was reached and still gave no answer, or had no leader.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It may have been done: nothing.
    Never,
    /// The next endpoint is asked.
    Elsewhere,
}

/// Who makes the calls.
pub(crate) struct Caller {
    lines: Vec<Line>,
    /// The endpoint that answered last.
    current: AtomicUsize,
    limit: Duration,
    user: Option<(String, String)>,
    token: Mutex<Option<Token>>,
}

type Token = MetadataValue<Ascii>;

/// The way to one endpoint.
#[derive(Clone)]
struct Line {
    endpoint: String,
    channel: Channel,
}

impl Caller {
    pub(crate) fn new(access: &Access) -> Result<Self, Error> {
        let endpoints = access.endpoints()?.into_iter();
        let lines = endpoints.map(|(endpoint, to)| Line { endpoint, channel: to.connect_lazy() }).collect();
        let (limit, user) = (access.deadline(), access.credentials());
        Ok(Self { lines, current: AtomicUsize::new(0), limit, user, token: Mutex::new(None) })
    }

    /// Signs in, where there is a user who is not.
    pub(crate) async fn sign_in(&self) -> Result<(), Error> {
        self.token().await.map(drop)
    }

    /// Asks, and reads the one answer.
    pub(crate) async fn call<Q, A>(&self, path: &'static str, question: Q, repeat: Repeat) -> Result<A, Error>
    where
        Q: Message + Clone + 'static,
        A: Message + Default + 'static,
    {
        self.with_token(repeat, async |line, token| line.ask(path, question.clone(), token).await).await
    }

    /// Asks, and leaves the line open for what comes back: the first of it, and the rest. Says with whom.
    pub(crate) async fn open<Q, A>(
        &self,
        path: &'static str,
        question: Q,
    ) -> Result<(String, Streaming<A>), Error>
    where
        Q: Message + Clone + 'static,
        A: Message + Default + 'static,
    {
        self.with_token(Repeat::Elsewhere, async |line, token| {
            Ok((line.endpoint.clone(), line.listen(path, question.clone(), token).await?))
        })
        .await
    }

    /// Calls as the user; once more with a new token where that one was no longer good, since nothing was done then.
    async fn with_token<T>(
        &self,
        repeat: Repeat,
        call: impl AsyncFn(Line, Option<Token>) -> Result<T, Status>,
    ) -> Result<T, Error> {
        let token = self.token().await?;
        let answer = self.try_each(repeat, async |line| call(line, token.clone()).await).await;
        let again = match &answer {
            Err(Error::Refused { code, message, .. }) => is_stale(*code, message),
            // After a backup was restored, etcd waits with a token of before until the time comes from which it is: for long, and in
            // silence.
            Err(Error::Late { .. }) if token.is_some() => {
                self.forget(token.as_ref()).await;
                repeat == Repeat::Elsewhere
            }
            _ => false,
        };
        if token.is_none() || !again {
            return answer;
        }
        self.forget(token.as_ref()).await;
        let token = self.token().await?;
        self.try_each(repeat, async |line| call(line, token.clone()).await).await
    }

    /// The token of the user, if there is one; whoever comes while it is fetched waits for it.
    async fn token(&self) -> Result<Option<Token>, Error> {
        let Some((name, password)) = &self.user else { return Ok(None) };
        let mut held = self.token.lock().await;
        if held.is_none() {
            let question = AuthenticateRequest { name: name.clone(), password: password.clone() };
            let answer: AuthenticateResponse = self
                .try_each(Repeat::Elsewhere, async |line| {
                    line.ask("/etcdserverpb.Auth/Authenticate", question.clone(), None).await
                })
                .await?;
            let token = answer
                .token
                .parse()
                .map_err(|_| Error::Access(vec!["etcd's token cannot be sent as a header".to_owned()]))?;
            *held = Some(token);
        }
        Ok(held.clone())
    }

    /// Forgets a token, unless another one has taken its place.
    async fn forget(&self, token: Option<&Token>) {
        let mut held = self.token.lock().await;
        if held.as_ref() == token {
            *held = None;
        }
    }

    /// Calls the endpoint that answered last; the next one where it is sure, or does not matter, that nothing was done.
    async fn try_each<T>(
        &self,
        repeat: Repeat,
        call: impl AsyncFn(Line) -> Result<T, Status>,
    ) -> Result<T, Error> {
        let first = self.current.load(Ordering::Relaxed);
        let mut attempts = Vec::new();
        let mut last = None;
        for (at, line) in self.lines.iter().enumerate().cycle().skip(first).take(self.lines.len()) {
            let endpoint = &line.endpoint;
            match timeout(self.limit, call(line.clone())).await {
                Ok(Ok(answer)) => {
                    self.current.store(at, Ordering::Relaxed);
                    return Ok(answer);
                }
                Ok(Err(status)) if never_sent(&status) => {
                    attempts.push(Attempt { endpoint: endpoint.clone(), why: causes(&status) });
                }
                Ok(Err(status)) => {
                    let error = Error::of(&status, endpoint);
                    if repeat == Repeat::Never
                        || matches!(error.code(), Some(code) if code != Code::Unavailable)
                    {
                        return Err(error);
                    }
                    last = Some(error);
                }
                Err(_) => {
                    let error = Error::Late { endpoint: endpoint.clone(), limit: self.limit };
                    if repeat == Repeat::Never {
                        // Others who write are to begin elsewhere.
                        self.current.store((at + 1) % self.lines.len(), Ordering::Relaxed);
                        return Err(error);
                    }
                    last = Some(error);
                }
            }
        }
        Err(last.unwrap_or(Error::Unreachable(attempts)))
    }
}

impl Line {
    async fn ask<Q, A>(self, path: &'static str, question: Q, token: Option<Token>) -> Result<A, Status>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let mut grpc = self.ready().await?;
        let codec = ProstCodec::<Q, A>::default();
        let answer = grpc.unary(carrying(question, token), PathAndQuery::from_static(path), codec).await?;
        Ok(answer.into_inner())
    }

    async fn listen<Q, A>(
        self,
        path: &'static str,
        question: Q,
        token: Option<Token>,
    ) -> Result<Streaming<A>, Status>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let mut grpc = self.ready().await?;
        // One question, and then an open line: etcd ends what it sends when nobody speaks any more.
        let questions = stream::iter([question]).chain(stream::once(pending()));
        let mut request = carrying(questions, token);
        // A member that is cut off from the others says so, instead of being silent.
        request.metadata_mut().insert("hasleader", MetadataValue::from_static("true"));
        let codec = ProstCodec::<Q, A>::default();
        Ok(grpc.streaming(request, PathAndQuery::from_static(path), codec).await?.into_inner())
    }

    async fn ready(self) -> Result<Grpc<Channel>, Status> {
        let mut grpc = Grpc::new(self.channel).max_decoding_message_size(LARGEST);
        grpc.ready().await.map_err(|error| Status::from_error(Box::new(error)))?;
        Ok(grpc)
    }
}

fn carrying<T>(content: T, token: Option<Token>) -> Request<T> {
    let mut request = Request::new(content);
    if let Some(token) = token {
        request.metadata_mut().insert("token", token);
    }
    request
}

/// Whether etcd refused the token, and not the user: it expired, or rights have changed since.
fn is_stale(code: Code, message: &str) -> bool {
    match code {
        Code::Unauthenticated => true,
        Code::InvalidArgument => message.contains("revision of auth store is old"),
        _ => false,
    }
}

impl std::fmt::Debug for Caller {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let endpoints: Vec<_> = self.lines.iter().map(|line| &line.endpoint).collect();
        to.debug_struct("Caller").field("endpoints", &endpoints).finish_non_exhaustive()
    }
}
