//! A keep-alive HTTP/1.1 client that sends exactly the headers it is given.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::message::{Request, Response};

/// How long a whole exchange may take before it counts as failed.
const LIMIT: Duration = Duration::from_secs(30);

/// One connection, opened with the first request and again whenever the other side has closed it.
#[derive(Debug)]
pub struct Client {
    target: SocketAddr,
    source: IpAddr,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    /// A client of `target`.
    pub fn to(target: SocketAddr) -> Self {
        Self::between(IpAddr::V4(Ipv4Addr::LOCALHOST), target)
    }

    /// A client of `target` that calls from the address `source` (any of 127/8).
    pub fn between(source: IpAddr, target: SocketAddr) -> Self {
        Self { target, source, connection: None }
    }

    /// Sends one request and reads the whole response.
    ///
    /// # Errors
    /// When the request cannot be written as HTTP, the connection fails, or no response comes in time. A failed
    /// exchange is never repeated here: the caller must see it.
    pub async fn send(&mut self, request: &Request) -> Result<Response> {
        let request = request.to_hyper()?;
        let response = timeout(LIMIT, self.exchange(request))
            .await
            .with_context(|| format!("no whole response from {} within {LIMIT:?}", self.target))?;
        if response.is_err() {
            self.connection = None;
        }
        response
    }

    async fn exchange(&mut self, request: hyper::Request<Full<Bytes>>) -> Result<Response> {
        let target = self.target;
        let response = self
            .ready()
            .await?
            .send_request(request)
            .await
            .with_context(|| format!("the exchange with {target} broke"))?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.with_context(|| format!("the response of {target} broke off"))?;
        let headers = head.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
        Ok(Response { status: head.status.as_u16(), headers: headers.collect(), body: body.to_bytes() })
    }

    /// The open connection, a new one where it was closed.
    async fn ready(&mut self) -> Result<&mut SendRequest<Full<Bytes>>> {
        if let Some(mut open) = self.connection.take()
            && open.ready().await.is_ok()
        {
            return Ok(self.connection.insert(open));
        }
        let stream = connect(self.source, self.target).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends with the sender or the peer; what went wrong reaches the sender.
        tokio::spawn(connection);
        Ok(self.connection.insert(sender))
    }
}

/// A TCP connection from a chosen source address.
pub(crate) async fn connect(source: IpAddr, target: SocketAddr) -> Result<TcpStream> {
    let socket = if target.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if source.is_ipv4() == target.is_ipv4() {
        socket
            .bind(SocketAddr::new(source, 0))
            .with_context(|| format!("cannot call from {source}: no address of this machine"))?;
    }
    let stream = socket.connect(target).await.with_context(|| format!("nobody answers on {target}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
