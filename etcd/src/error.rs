//! What may go wrong.

use std::fmt::{Display, Formatter, Result};
use std::time::Duration;

use tonic::{Code, ConnectError, Status};

/// Why a request has no answer that can be used.
#[derive(Debug)]
pub enum Error {
    /// What was given to connect with cannot be used: every fault of it.
    Access(Vec<String>),
    /// No endpoint could be reached. Nothing was written.
    Unreachable(Vec<Attempt>),
    /// etcd answered, and this is what it said. Unless the code is `Unavailable` or `DeadlineExceeded`, nothing was written.
    Refused {
        /// Who answered.
        endpoint: String,
        /// What kind of answer it is.
        code: Code,
        /// etcd's words.
        message: String,
    },
    /// The connection broke before the answer came. A write may have been done or not.
    Broken {
        /// With whom.
        endpoint: String,
        /// How.
        why: String,
    },
    /// No answer came in time. A write may have been done or not.
    Late {
        /// From whom.
        endpoint: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// A watch was to begin at, or had fallen behind to, a revision that etcd no longer has: read anew, then watch.
    Compacted {
        /// The first revision that it still has.
        revision: i64,
    },
}

/// An endpoint that could not be reached.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Which.
    pub endpoint: String,
    /// What came of it.
    pub why: String,
}

impl Error {
    /// The code of etcd's answer, if it is one.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// What a failed call says, where the endpoint was reached.
    pub(crate) fn of(status: &Status, endpoint: &str) -> Self {
        let endpoint = endpoint.to_owned();
        // What etcd says has come over the wire, and nothing lies behind it.
        if std::error::Error::source(status).is_none() {
            return Self::Refused { endpoint, code: status.code(), message: status.message().to_owned() };
        }
        Self::Broken { endpoint, why: causes(status) }
    }
}

/// Whether the request cannot have arrived, since there was no connection.
pub(crate) fn never_sent(status: &Status) -> bool {
    chain(status).any(<dyn std::error::Error>::is::<ConnectError>)
}

/// An error and what lies behind it, each said once.
pub(crate) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    for cause in chain(error) {
        // A status shows everything that it holds; its message is what it says.
        let words =
            cause.downcast_ref::<Status>().map_or_else(|| cause.to_string(), |it| it.message().to_owned());
        if !words.is_empty() && !said.iter().any(|before| before.contains(&words)) {
            said.push(words);
        }
    }
    said.join(": ")
}

fn chain<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |cause| cause.source())
}

impl Display for Error {
    fn fmt(&self, to: &mut Formatter<'_>) -> Result {
        match self {
            Self::Access(faults) => to.write_str(&faults.join("; ")),
            Self::Unreachable(attempts) => {
                let each: Vec<_> = attempts.iter().map(|it| format!("{}: {}", it.endpoint, it.why)).collect();
                write!(to, "no etcd is reached: {}", each.join("; "))
            }
            Self::Refused { endpoint, code, message } => {
                write!(to, "etcd at {endpoint} refuses: {message} ({code:?})")
            }
            Self::Broken { endpoint, why } => write!(to, "the connection to etcd at {endpoint} broke: {why}"),
            Self::Late { endpoint, limit } => {
                write!(to, "etcd at {endpoint} gave no answer within {limit:?}")
            }
            Self::Compacted { revision } => {
                write!(to, "the revisions before {revision} are gone, compacted: read anew, then watch")
            }
        }
    }
}

impl std::error::Error for Error {}
