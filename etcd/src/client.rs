//! What can be asked of etcd.

use std::sync::Arc;

use crate::access::Access;
use crate::call::{Caller, Repeat};
use crate::error::Error;
use crate::keys::Keys;
use crate::message::{Deleted, Found, Header, PutResponse, TxnResponse};
use crate::transaction::{Outcome, Transaction, delete, put, range};
use crate::watch::Watch;

/// A connection to etcd: opened when it is needed, and again when it broke. Clones share it.
#[derive(Clone, Debug)]
pub struct Client {
    caller: Arc<Caller>,
}

impl Client {
    /// A client with this access. A user is signed in at once; without one, nothing is sent yet.
    ///
    /// # Errors
    /// When the access cannot be used (every fault of it), or the user is refused.
    pub async fn connect(access: Access) -> Result<Self, Error> {
        let caller = Caller::new(&access)?;
        caller.sign_in().await?;
        Ok(Self { caller: Arc::new(caller) })
    }

    /// Reads, as of now: what a majority of the members agrees on.
    ///
    /// # Errors
    /// When there is no answer, or etcd refuses.
    pub async fn get(&self, keys: Keys) -> Result<Found, Error> {
        self.get_at(keys, 0).await
    }

    /// Reads, as it was in a revision; 0 is now.
    ///
    /// # Errors
    /// When there is no answer, or etcd refuses: as `OutOfRange` where it no longer has that revision, or does not have it yet.
    pub async fn get_at(&self, keys: Keys, revision: i64) -> Result<Found, Error> {
        self.caller.call("/etcdserverpb.KV/Range", range(keys, revision), Repeat::Elsewhere).await
    }

    /// Writes a key; the answer's revision is the one in which it got the value.
    ///
    /// # Errors
    /// When there is no answer, or etcd refuses.
    pub async fn put(&self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Result<Header, Error> {
        let response: PutResponse =
            self.caller.call("/etcdserverpb.KV/Put", put(key, value), Repeat::Never).await?;
        Ok(response.header)
    }

    /// Deletes.
    ///
    /// # Errors
    /// When there is no answer, or etcd refuses.
    pub async fn delete(&self, keys: Keys) -> Result<Deleted, Error> {
        self.caller.call("/etcdserverpb.KV/DeleteRange", delete(keys), Repeat::Never).await
    }

    /// Does everything of it or nothing, in one revision.
    ///
    /// # Errors
    /// When there is no answer, or etcd refuses. That a condition does not hold is no error.
    pub async fn transact(&self, transaction: Transaction) -> Result<Outcome, Error> {
        let response: TxnResponse =
            self.caller.call("/etcdserverpb.KV/Txn", transaction.request, Repeat::Never).await?;
        Ok(response.into())
    }

    /// Watches, from a revision on: one more than that of what was read, so that nothing is missed; 0 is from now on.
    ///
    /// # Errors
    /// When nobody is reached, or etcd refuses: as [`Error::Compacted`] where it no longer has that revision.
    pub async fn watch(&self, keys: Keys, from: i64) -> Result<Watch, Error> {
        Watch::open(&self.caller, keys, from).await
    }
}
