//! A real HTTP service that says who it is and what it saw.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::message::{Echo, SERVED_BY, latin1};
use crate::port;

/// Headers of a request that are read: more than Envoy lets through and adds.
const MAX_HEADERS: usize = 256;

/// An HTTP/1.1 and h2c service on a loopback port; it ends with this value.
///
/// It answers every request with an [`Echo`] and with its name in `x-served-by`. How it answers can be changed while
/// it runs, and its port can be closed and opened again.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    manner: Arc<Manner>,
    serving: Option<JoinHandle<()>>,
}

/// How the service answers, shared with its connections.
#[derive(Debug)]
struct Manner {
    name: String,
    status: AtomicU16,
    delay_micros: AtomicU64,
    requests: AtomicU64,
    headers: Mutex<Vec<(HeaderName, HeaderValue)>>,
}

impl Upstream {
    /// A service on a free loopback port, which nobody gets by chance while it is stopped: neither another server nor
    /// whoever calls it, who would then be connected with itself.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(name: &str) -> Result<Self> {
        let [port] = port::free()?;
        Self::start_on(name, SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
    }

    /// A service on a given address.
    ///
    /// # Errors
    /// When the port is taken; the error names it.
    pub async fn start_on(name: &str, address: SocketAddr) -> Result<Self> {
        let manner = Arc::new(Manner {
            name: name.to_owned(),
            status: AtomicU16::new(200),
            delay_micros: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            headers: Mutex::new(Vec::new()),
        });
        let mut upstream = Self { address, manner, serving: None };
        upstream.resume().await?;
        Ok(upstream)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.manner.name
    }

    /// How many requests reached it so far.
    pub fn requests(&self) -> u64 {
        self.manner.requests.load(Ordering::Relaxed)
    }

    /// From now on, answers carry this status.
    pub fn answer(&self, status: u16) {
        self.manner.status.store(status, Ordering::Relaxed);
    }

    /// From now on, answers come after this time.
    pub fn delay(&self, delay: Duration) {
        let micros = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        self.manner.delay_micros.store(micros, Ordering::Relaxed);
    }

    /// From now on, answers carry this header too.
    ///
    /// # Errors
    /// When it is not a header.
    pub fn respond_with(&self, name: &str, value: impl AsRef<[u8]>) -> Result<()> {
        let header = (HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_bytes(value.as_ref())?);
        self.manner.headers.lock().unwrap_or_else(PoisonError::into_inner).push(header);
        Ok(())
    }

    /// Closes the port and every connection: callers are refused.
    pub async fn stop(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            // Ends with the cancellation that was just asked for; by then the port is closed.
            let _cancelled = serving.await;
        }
    }

    /// Opens the same port again after [`stop`](Self::stop); does nothing while it is open.
    ///
    /// # Errors
    /// When the port is taken; the error names it.
    pub async fn resume(&mut self) -> Result<()> {
        if self.serving.is_none() {
            let (name, address) = (&self.manner.name, self.address);
            let listener = TcpListener::bind(address)
                .await
                .with_context(|| format!("upstream {name} cannot listen on {address}"))?;
            self.address = listener.local_addr()?;
            self.serving = Some(tokio::spawn(accept(listener, Arc::clone(&self.manner))));
        }
        Ok(())
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

/// Takes connections until it is dropped, and drops them with it.
async fn accept(listener: TcpListener, manner: Arc<Manner>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(serve(stream, Arc::clone(&manner)));
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, manner: Arc<Manner>) {
    // Without it an answer in two writes waits for the peer's acknowledgement.
    let _kept_slow = stream.set_nodelay(true);
    let service = service_fn(|request| answer(request, Arc::clone(&manner)));
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().max_headers(MAX_HEADERS);
    // A connection that breaks is the caller's to notice.
    let _broken = server.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: hyper::Request<Incoming>,
    manner: Arc<Manner>,
) -> Result<hyper::Response<Full<Bytes>>> {
    manner.requests.fetch_add(1, Ordering::Relaxed);
    let (head, body) = request.into_parts();
    body.collect().await?;
    let delay = manner.delay_micros.load(Ordering::Relaxed);
    if delay > 0 {
        tokio::time::sleep(Duration::from_micros(delay)).await;
    }
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), latin1(value.as_bytes())));
    let echo = Echo {
        service: manner.name.clone(),
        method: head.method.to_string(),
        path: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: headers.collect(),
    };
    let mut response = hyper::Response::builder()
        .status(manner.status.load(Ordering::Relaxed))
        .header(CONTENT_TYPE, "application/json")
        .header(SERVED_BY, &manner.name);
    for (name, value) in manner.headers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        response = response.header(name, value);
    }
    Ok(response.body(Full::new(Bytes::from(serde_json::to_vec(&echo)?)))?)
}
