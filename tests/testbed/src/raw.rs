//! Bytes on a socket, for requests that a proper client refuses to send.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::client::connect;
use crate::message::Response;

/// How long the whole exchange may take.
const LIMIT: Duration = Duration::from_secs(30);
/// Headers of a response that are read.
const MAX_HEADERS: usize = 256;

/// Writes `request` as it is to a fresh connection and reads one response.
///
/// The response ends where its content-length says, else where the connection does; chunked ones are refused, since
/// neither an [`Upstream`](crate::Upstream) nor Envoy by itself answers so.
///
/// # Errors
/// When the connection fails, or what comes back is no whole HTTP/1 response in time.
pub async fn raw(target: SocketAddr, request: &[u8]) -> Result<Response> {
    timeout(LIMIT, exchange(target, request))
        .await
        .with_context(|| format!("no whole response from {target} within {LIMIT:?}"))?
}

async fn exchange(target: SocketAddr, request: &[u8]) -> Result<Response> {
    let mut stream = connect(IpAddr::V4(Ipv4Addr::LOCALHOST), target).await?;
    stream.write_all(request).await.context("the request was cut off")?;
    let mut received = Vec::new();
    loop {
        let ended = stream.read_buf(&mut received).await.context("the response was cut off")? == 0;
        if let Some(response) = parse(&received, ended)? {
            return Ok(response);
        }
        if ended {
            bail!("the connection ended within the response, after {} bytes", received.len());
        }
    }
}

/// The response, once all of it is there.
fn parse(received: &[u8], ended: bool) -> Result<Option<Response>> {
    let mut slots = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Response::new(&mut slots);
    let httparse::Status::Complete(start) = head.parse(received).context("this is no HTTP response")? else {
        return Ok(None);
    };
    let headers: Vec<(String, Vec<u8>)> =
        head.headers.iter().map(|header| (header.name.to_ascii_lowercase(), header.value.to_vec())).collect();
    let status = head.code.context("a response without a status")?;
    let body = received.get(start..).unwrap_or_default();
    let response = Response { status, headers, body: Bytes::copy_from_slice(body) };
    if response.header("transfer-encoding").is_some() {
        bail!("the response is chunked");
    }
    let Some(length) = response.header("content-length") else {
        return Ok(ended.then_some(response));
    };
    let length: usize = std::str::from_utf8(length)?.parse().context("content-length is no number")?;
    Ok((body.len() >= length).then_some(response))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_whole_at_its_length() {
        let bytes = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\nX-A: \xff\r\n\r\nno";
        assert!(parse(bytes.get(..bytes.len() - 1).unwrap(), false).unwrap().is_none());
        let response = parse(bytes, false).unwrap().unwrap();
        assert_eq!(
            (response.status, response.header("x-a"), &*response.body),
            (503, Some(&b"\xff"[..]), &b"no"[..])
        );
    }

    #[test]
    fn without_a_length_it_ends_with_the_connection() {
        let bytes = b"HTTP/1.1 200 OK\r\n\r\nhello";
        assert!(parse(bytes, false).unwrap().is_none());
        assert_eq!(&*parse(bytes, true).unwrap().unwrap().body, b"hello");
    }
}
