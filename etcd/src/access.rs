//! Where etcd is, and who calls.

use std::fmt::{Debug, Formatter};
use std::time::Duration;

use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::error::{Error, causes};

/// How long a connection may take until it stands.
const CONNECT: Duration = Duration::from_secs(3);
/// How often a quiet connection is asked whether it lives, and how long it may take to say so. etcd allows one in 5 s.
const ALIVE: Duration = Duration::from_secs(10);

/// Where etcd is reached, and who calls.
#[derive(Clone)]
pub struct Access {
    endpoints: Vec<String>,
    user: Option<(String, String)>,
    tls: Option<Tls>,
    limit: Duration,
}

/// Certificates and keys, as PEM.
#[derive(Clone, Default)]
pub struct Tls {
    /// Whose certificates of servers are believed. There is no other trust: etcd's certificates are hardly ever public ones.
    pub authority: Vec<u8>,
    /// The client's own certificate and its key, where etcd asks for one.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// The name that the server's certificate is to bear, where it is not the endpoint's.
    pub server_name: Option<String>,
}

impl Access {
    /// To any of these endpoints, as URLs: `http://127.0.0.1:2379`, or `https://` with [`tls`](Self::tls).
    pub fn to<E: Into<String>>(endpoints: impl IntoIterator<Item = E>) -> Self {
        let endpoints = endpoints.into_iter().map(Into::into).collect();
        Self { endpoints, user: None, tls: None, limit: Duration::from_secs(5) }
    }

    /// As this user.
    #[must_use]
    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.user = Some((name.to_owned(), password.to_owned()));
        self
    }

    /// By TLS.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// How long one endpoint may take for an answer; 5 s, if not said.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    pub(crate) fn credentials(&self) -> Option<(String, String)> {
        self.user.clone()
    }

    pub(crate) fn deadline(&self) -> Duration {
        self.limit
    }

    /// Each endpoint with its name, or every fault.
    pub(crate) fn endpoints(&self) -> Result<Vec<(String, Endpoint)>, Error> {
        let mut faults = Vec::new();
        if self.endpoints.is_empty() {
            faults.push(
                "no endpoint of etcd is given: allowed is a list of URLs such as http://127.0.0.1:2379"
                    .to_owned(),
            );
        }
        let mut usable = Vec::new();
        for url in &self.endpoints {
            match self.endpoint(url) {
                Ok(endpoint) => usable.push((url.clone(), endpoint)),
                Err(why) => faults.push(format!("endpoint {url:?}: {why}")),
            }
        }
        if faults.is_empty() { Ok(usable) } else { Err(Error::Access(faults)) }
    }

    fn endpoint(&self, url: &str) -> Result<Endpoint, String> {
        let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|error| causes(&error))?;
        let endpoint = endpoint
            .connect_timeout(CONNECT)
            .http2_keep_alive_interval(ALIVE)
            .keep_alive_timeout(ALIVE)
            .keep_alive_while_idle(true);
        match (endpoint.uri().scheme_str(), &self.tls) {
            (Some("http"), None) => Ok(endpoint),
            (Some("https"), Some(tls)) => endpoint.tls_config(tls.config()).map_err(|error| causes(&error)),
            (Some("http"), Some(_)) => Err("certificates are given, and the URL is not https://".to_owned()),
            (Some("https"), None) => {
                Err("https:// needs the certificate of the authority to believe".to_owned())
            }
            _ => Err("allowed are http://host:port and https://host:port".to_owned()),
        }
    }
}

impl Tls {
    fn config(&self) -> ClientTlsConfig {
        let mut config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.authority));
        if let Some((certificate, key)) = &self.identity {
            config = config.identity(Identity::from_pem(certificate, key));
        }
        if let Some(name) = &self.server_name {
            config = config.domain_name(name);
        }
        config
    }
}

// Passwords and keys are for nobody's log.
impl Debug for Access {
    fn fmt(&self, to: &mut Formatter<'_>) -> std::fmt::Result {
        let user = self.user.as_ref().map(|(name, _)| name);
        to.debug_struct("Access")
            .field("endpoints", &self.endpoints)
            .field("user", &user)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

impl Debug for Tls {
    fn fmt(&self, to: &mut Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("Tls").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_told_at_once() {
        let access = Access::to([
            "127.0.0.1:2379",
            "https://localhost:2379",
            "http://127.0.0.1:2379",
            "ftp://x",
            "http://a b",
        ]);
        let told = access.endpoints().unwrap_err().to_string();
        assert_eq!(told.matches("endpoint \"").count(), 4, "{told}");
        for part in
            ["\"127.0.0.1:2379\"", "authority to believe", "\"ftp://x\": allowed are", "\"http://a b\""]
        {
            assert!(told.contains(part), "{part} in: {told}");
        }
        let none = Access::to(Vec::<String>::new()).endpoints().unwrap_err().to_string();
        assert!(none.contains("no endpoint"), "{none}");
    }

    #[test]
    fn a_password_is_not_shown() {
        let shown = format!("{:?}", Access::to(["http://127.0.0.1:1"]).user("ann", "secret"));
        assert!(shown.contains("ann") && !shown.contains("secret"), "{shown}");
    }
}
