//! Requests and responses as the test bed sees them: headers are bytes.

use anyhow::{Context, Result};
use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

/// A request: what is sent is what is written here, nothing is added.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Bytes,
}

impl Request {
    /// A request by `method` for `target` (path and query).
    pub fn new(method: impl Into<String>, target: impl Into<String>) -> Self {
        Self { method: method.into(), target: target.into(), headers: Vec::new(), body: Bytes::new() }
    }

    /// A GET.
    pub fn get(target: impl Into<String>) -> Self {
        Self::new("GET", target)
    }

    /// Adds the Host header.
    #[must_use]
    pub fn host(self, host: &str) -> Self {
        self.header("host", host)
    }

    /// Adds a header; a name given twice is sent twice, a value may hold any bytes.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    /// Sets the body; hyper adds its length.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn to_hyper(&self) -> Result<hyper::Request<http_body_util::Full<Bytes>>> {
        let mut request = hyper::Request::builder().method(self.method.as_str()).uri(&self.target);
        for (name, value) in &self.headers {
            let header = HeaderName::from_bytes(name.as_bytes())
                .with_context(|| format!("{name:?} is no header name; a raw request may send it"))?;
            let value = HeaderValue::from_bytes(value).with_context(|| {
                format!("the value of {name} holds control bytes; a raw request may send it")
            })?;
            request = request.header(header, value);
        }
        request
            .body(http_body_util::Full::new(self.body.clone()))
            .with_context(|| format!("{} {} is no request", self.method, self.target))
    }
}

/// A whole response.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case, values as bytes, duplicates kept.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Bytes,
}

impl Response {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let found = self.headers.iter().find(|(have, _)| have.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_slice())
    }

    /// Every value of a header, in order.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.headers
            .iter()
            .filter(move |(have, _)| have.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }

    /// Who answered, without reading the whole echo: the name of the upstream, if it was one.
    pub fn served_by(&self) -> Option<&str> {
        self.header(SERVED_BY).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// What the upstream saw.
    ///
    /// # Errors
    /// When the body is not an upstream's (Envoy answered by itself, say).
    pub fn echo(&self) -> Result<Echo> {
        serde_json::from_slice(&self.body).with_context(|| {
            format!("status {} and a body that no upstream wrote: {:?}", self.status, self.body)
        })
    }
}

/// The response header in which an upstream gives its name.
pub(crate) const SERVED_BY: &str = "x-served-by";

/// What an upstream saw of a request: its answer's body, as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Echo {
    /// The upstream's own name.
    pub service: String,
    /// The request's method.
    pub method: String,
    /// The request's path and query.
    pub path: String,
    /// Every header in the order received, duplicates kept. Values are Latin-1: one character is one byte.
    pub headers: Vec<(String, String)>,
}

impl Echo {
    /// The bytes of the first value of a header.
    pub fn header(&self, name: &str) -> Option<Vec<u8>> {
        self.values(name).next()
    }

    /// The bytes of every value of a header, in order.
    pub fn values(&self, name: &str) -> impl Iterator<Item = Vec<u8>> {
        self.headers
            .iter()
            .filter(move |(have, _)| have.eq_ignore_ascii_case(name))
            // The upstream wrote one character for one byte, so none is above 0xFF.
            .map(|(_, value)| value.chars().filter_map(|char| u8::try_from(u32::from(char)).ok()).collect())
    }
}

/// Bytes as text that keeps them all: Latin-1.
pub(crate) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_keeps_every_byte() {
        let bytes: Vec<u8> = (0..=255).collect();
        let headers = vec![("x-a".to_owned(), latin1(&bytes)), ("X-A".to_owned(), latin1(b"two"))];
        let echo = Echo { service: "s".into(), method: "GET".into(), path: "/".into(), headers };
        let read: Echo = serde_json::from_str(&serde_json::to_string(&echo).unwrap()).unwrap();
        assert_eq!(read.values("x-a").collect::<Vec<_>>(), [bytes, b"two".to_vec()]);
        assert_eq!(read.header("x-b"), None);
    }

    #[test]
    fn what_hyper_cannot_send_is_refused_with_the_way_out() {
        let request = Request::get("/").header("x-a", b"a\0b");
        assert!(request.to_hyper().unwrap_err().to_string().contains("a raw request may send it"));
    }
}
