//! Changes as they happen.

use tonic::{Code, Streaming};

use crate::call::Caller;
use crate::error::Error;
use crate::keys::Keys;
use crate::message::{Event, Header, WatchCreateRequest, WatchRequest, WatchResponse};

/// An open watch; it ends with this value.
#[derive(Debug)]
pub struct Watch {
    endpoint: String,
    responses: Streaming<WatchResponse>,
}

/// What happened in one or more revisions, in order.
#[derive(Clone, Debug)]
pub struct Changes {
    /// Who says so, and the revision up to which it is told.
    pub header: Header,
    /// What happened.
    pub events: Vec<Event>,
}

impl Watch {
    pub(crate) async fn open(caller: &Caller, keys: Keys, from: i64) -> Result<Self, Error> {
        let create = WatchCreateRequest { key: keys.key, range_end: keys.end, start_revision: from };
        let question = WatchRequest { create: Some(create) };
        let (endpoint, responses) = caller.open("/etcdserverpb.Watch/Watch", question).await?;
        let mut watch = Self { endpoint, responses };
        // The first answer says that it stands, or why not.
        let first = watch.response().await?;
        if first.created {
            Ok(watch)
        } else {
            Err(watch.refused(Code::Internal, "a watch that was never made".to_owned()))
        }
    }

    /// Waits for what happens next.
    ///
    /// # Errors
    /// When the connection breaks, or etcd ends the watch: as [`Error::Compacted`] where it no longer has what was missed. There
    /// is no more of this watch after one.
    pub async fn next(&mut self) -> Result<Changes, Error> {
        loop {
            let WatchResponse { header, events, .. } = self.response().await?;
            if !events.is_empty() {
                return Ok(Changes { header, events });
            }
        }
    }

    /// The next response that is not the end.
    async fn response(&mut self) -> Result<WatchResponse, Error> {
        let response = match self.responses.message().await {
            Ok(Some(response)) => response,
            Ok(None) => return Err(self.broken("it was closed")),
            Err(status) => return Err(Error::of(&status, &self.endpoint)),
        };
        if response.compact_revision > 0 {
            return Err(Error::Compacted { revision: response.compact_revision });
        }
        if response.canceled {
            return Err(self.refused(Code::Aborted, response.cancel_reason));
        }
        Ok(response)
    }

    fn broken(&self, why: &str) -> Error {
        Error::Broken { endpoint: self.endpoint.clone(), why: why.to_owned() }
    }

    fn refused(&self, code: Code, message: String) -> Error {
        Error::Refused { endpoint: self.endpoint.clone(), code, message }
    }
}
