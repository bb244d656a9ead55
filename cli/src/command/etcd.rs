//! How a command reaches etcd.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use graylane_cli::published::Prefix;
use graylane_etcd::{Access, Client, Tls};

use crate::input;

#[derive(Args, Debug)]
#[command(next_help_heading = "Where etcd is")]
pub(crate) struct Etcd {
    /// Its members, with commas between: `http://127.0.0.1:2379`
    #[arg(long = "etcd", value_name = "URL", value_delimiter = ',')]
    endpoints: Vec<String>,
    /// The prefix of all keys
    #[arg(long, value_name = "PREFIX", default_value = Prefix::DEFAULT, value_parser = Prefix::parse)]
    pub(super) prefix: Prefix,
    /// Who signs in; without it nobody does
    #[arg(long, value_name = "NAME", requires = "password_file")]
    user: Option<String>,
    /// The file of the password
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// Whose certificates of servers are believed, for https:// (PEM)
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// The certificate of this client (PEM)
    #[arg(long, value_name = "FILE", requires_all = ["key_file", "cacert"])]
    cert: Option<PathBuf>,
    /// The key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    key_file: Option<PathBuf>,
}

impl Etcd {
    /// Whether one is named.
    pub(super) fn is_named(&self) -> bool {
        !self.endpoints.is_empty()
    }

    /// Whether anything is said of one.
    pub(super) fn is_told_of(&self) -> bool {
        self.is_named() || self.user.is_some() || self.cacert.is_some()
    }

    /// A client of it.
    pub(super) async fn client(&self) -> Result<Client> {
        Ok(Client::connect(self.access()?).await?)
    }

    /// How it is reached.
    pub(super) fn access(&self) -> Result<Access> {
        if !self.is_named() {
            bail!("say where etcd is: --etcd http://127.0.0.1:2379");
        }
        let mut access = Access::to(self.endpoints.iter().map(String::as_str));
        if let (Some(user), Some(file)) = (&self.user, &self.password_file) {
            access = access.user(user, input::read(file)?.trim_end_matches(['\r', '\n']));
        }
        if let Some(authority) = &self.cacert {
            let identity = match (&self.cert, &self.key_file) {
                (Some(cert), Some(key)) => Some((input::read_bytes(cert)?, input::read_bytes(key)?)),
                _ => None,
            };
            let authority = input::read_bytes(authority)?;
            access = access.tls(Tls { authority, identity, server_name: None });
        }
        Ok(access)
    }
}

/// Runs what talks with etcd to its end.
pub(super) fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot wait for etcd")?.block_on(future)
}
