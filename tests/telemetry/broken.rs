//! Calls whose end is missing: who broke them off.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use bytes::Bytes;
use graylane_testbed::{Client, Context, Envoy, Result, Upstream, block_on, eventually};
use h2::client::SendRequest;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use serde_json::json;

use crate::series::Scrape;
use crate::{HOST, SOON, attempts, bootstrap, canary, plugin, tester};

/// Reads up to and with this.
fn read_to(stream: &mut TcpStream, end: &str) -> std::io::Result<()> {
    let (mut seen, mut byte) = (Vec::new(), [0]);
    while !seen.ends_with(end.as_bytes()) {
        stream.read_exact(&mut byte)?;
        seen.push(byte[0]);
    }
    Ok(())
}

/// A service that answers each call with headers and one message, without an end; then it breaks off, or waits until the caller does.
fn endless(breaks_off: bool) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            thread::spawn(move || -> std::io::Result<()> {
                read_to(&mut stream, "\r\n\r\n")?;
                let head =
                    "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n";
                stream.write_all(format!("{head}5\r\nhello\r\n").as_bytes())?;
                // Whoever waits is woken by the end of the connection.
                if !breaks_off {
                    stream.read_to_end(&mut Vec::new())?;
                }
                Ok(())
            });
        }
    });
    Ok(address)
}

/// Calls, takes the message, and leaves, or waits for an end.
fn call(envoy: SocketAddr, tester: &str, leaves: bool) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(envoy)?;
    stream.set_read_timeout(Some(SOON))?;
    let head =
        format!("POST /a HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: application/grpc\r\nte: trailers\r\n");
    stream.write_all(format!("{head}x-tester: {tester}\r\ncontent-length: 0\r\n\r\n").as_bytes())?;
    read_to(&mut stream, "hello\r\n")?;
    if !leaves {
        stream.read_to_end(&mut Vec::new())?;
    }
    Ok(())
}

#[test]
fn a_client_that_leaves_a_call_is_no_failure_and_a_service_that_breaks_off_is_one() -> Result<()> {
    block_on(async {
        let mut bootstrap = bootstrap("lane-header")?;
        bootstrap.endpoint("stable", endless(false)?)?.endpoint("v2", endless(true)?)?;
        let plugin = plugin(&json!({"grpcStatus": true}), &[canary(HOST)])?;
        let envoy = Envoy::on(bootstrap).plugin(plugin).start().await?;
        let address = envoy.address();
        let calls = thread::spawn(move || -> std::io::Result<()> {
            for _ in 0..3 {
                call(address, "no", true)?;
                call(address, "yes", false)?;
            }
            Ok(())
        });
        let scrape = Scrape::counted(&envoy, 6).await?;
        calls.join().expect("it does not panic")?;
        let told = |lane: &str| scrape.sum("graylane_grpc_responses_total", &[("graylane_lane", lane)]);
        assert_eq!((told("stable"), attempts(&scrape, "stable")), (0, (3, 0)), "nothing is known of them");
        let unknown = [("graylane_lane", "v2"), ("graylane_grpc_status", "2")];
        assert_eq!(scrape.sum("graylane_grpc_responses_total", &unknown), 3);
        assert_eq!(attempts(&scrape, "v2"), (3, 3));
        Ok(())
    })
}

/// How a stream of HTTP/2 ends, once its caller has had the first message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The caller resets it.
    Left,
    /// The service resets it.
    Reset,
    /// The service ends it with this status of gRPC.
    Status(&'static str),
}

/// The header of a request that tells the service how to end it.
const END: &str = "x-end";

/// A service of HTTP/2. It answers with headers and a message; with the next message of the caller it ends as it is told to.
async fn streaming() -> Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await?;
                while let Some(asked) = connection.accept().await {
                    let (request, respond) = asked?;
                    tokio::spawn(stream_to(request, respond));
                }
                Ok::<_, h2::Error>(())
            });
        }
    });
    Ok(address)
}

async fn stream_to(request: http::Request<RecvStream>, mut respond: SendResponse<Bytes>) -> Result<()> {
    let kind = request.headers()["content-type"].clone();
    let end = request.headers()[END].clone();
    let head = http::Response::builder().header("content-type", kind).body(())?;
    let mut sending = respond.send_response(head, false)?;
    sending.send_data(Bytes::from_static(b"hello"), false)?;
    // A reset drops what was not sent yet, so the caller says that it has come. Who leaves says nothing more.
    request.into_body().data().await.context("the caller is silent")??;
    if end == "reset" {
        sending.send_reset(Reason::INTERNAL_ERROR);
    } else {
        sending.send_trailers(http::HeaderMap::from_iter([(
            http::HeaderName::from_static("grpc-status"),
            end,
        )]))?;
    }
    Ok(())
}

/// Calls, takes the message, and has the stream end so.
async fn stream(sender: &mut SendRequest<Bytes>, host: &str, kind: &str, end: End) -> Result<()> {
    poll_fn(|context| sender.poll_ready(context)).await?;
    let told = match end {
        End::Left => "never",
        End::Reset => "reset",
        End::Status(status) => status,
    };
    let request = http::Request::post(format!("http://{host}/a")).header("content-type", kind);
    let request = request.header("te", "trailers").header(END, told).body(())?;
    let (response, mut sending) = sender.send_request(request, false)?;
    let mut body = response.await?.into_body();
    assert_eq!(body.data().await.context("there is a message")??, "hello");
    if end == End::Left {
        sending.send_reset(Reason::CANCEL);
        return Ok(());
    }
    sending.send_data(Bytes::from_static(b"next"), true)?;
    let is_whole = async { body.data().await.is_none() && matches!(body.trailers().await, Ok(Some(_))) };
    assert_eq!(is_whole.await, end != End::Reset, "{host}");
    Ok(())
}

#[test]
fn a_stream_of_http2_counts_by_its_end_and_by_who_made_it() -> Result<()> {
    const GRPC: &str = "application/grpc";
    // Which status is counted, and how many failures.
    let streams = [
        ("left", GRPC, End::Left, None, 0),
        ("reset", GRPC, End::Reset, Some("2"), 1),
        ("unknown", GRPC, End::Status("2"), Some("2"), 1),
        ("fine", GRPC, End::Status("0"), Some("0"), 0),
        // Of other streams the end is not asked for.
        ("page", "text/plain", End::Reset, None, 0),
    ];
    block_on(async {
        let mut bootstrap = bootstrap("lane-header")?;
        bootstrap.endpoint("stable", streaming().await?)?.cluster("stable")?.insert(
            "typed_extension_protocol_options".into(),
            json!({"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            }}),
        );
        let host = |name: &str| format!("{name}.example.com");
        let releases: Vec<_> = streams.iter().map(|(name, ..)| canary(&host(name))).collect();
        let plugin = plugin(&json!({"grpcStatus": true}), &releases)?;
        let envoy = Envoy::on(bootstrap).plugin(plugin).start().await?;
        let connection = tokio::net::TcpStream::connect(envoy.address()).await?;
        // One that stays: who leaves resets a stream, and closes no connection.
        let (mut sender, connection) = h2::client::handshake(connection).await?;
        tokio::spawn(connection);
        for (name, kind, end, ..) in streams {
            stream(&mut sender, &host(name), kind, end).await?;
        }
        let scrape = Scrape::counted(&envoy, streams.len() as u64).await?;
        for (name, _, _, status, failures) in streams {
            let release = ("graylane_release", name);
            let of = |series: &str, label| scrape.sum(series, &[release, label]);
            let lane = ("graylane_lane", "stable");
            let attempted = (of("graylane_attempts_total", lane), of("graylane_failures_total", lane));
            assert_eq!(attempted, (1, failures), "{name}");
            assert_eq!(of("graylane_responses_total", ("graylane_class", "2xx")), 1, "{name}");
            assert_eq!(of("graylane_grpc_responses_total", lane), u64::from(status.is_some()), "{name}");
            if let Some(status) = status {
                let told = of("graylane_grpc_responses_total", ("graylane_grpc_status", status));
                assert_eq!(told, 1, "{name}");
            }
        }
        assert_eq!(envoy.admin().stat("http.edge.downstream_cx_destroy").await?, Some(0), "one that stays");
        Ok(())
    })
}

/// A service that takes a connection over, and ends it.
fn switching() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || -> std::io::Result<()> {
        for stream in listener.incoming() {
            let mut stream = stream?;
            read_to(&mut stream, "\r\n\r\n")?;
            stream.write_all(
                b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
            )?;
        }
        Ok(())
    });
    Ok(address)
}

#[test]
fn a_connection_that_becomes_another_one_has_a_class_and_no_duration() -> Result<()> {
    block_on(async {
        let mut bootstrap = bootstrap("lane-header")?;
        let v2 = Upstream::start("v2").await?;
        bootstrap.endpoint("stable", switching()?)?.endpoint("v2", v2.address())?;
        let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
        let manager = bootstrap.document_mut().pointer_mut(manager).context("it has a connection manager")?;
        manager["upgrade_configs"] = json!([{"upgrade_type": "websocket"}]);
        let plugin = plugin(&json!({}), &[canary(HOST)])?;
        let envoy = Envoy::on(bootstrap).plugin(plugin).start().await?;
        let mut stream = TcpStream::connect(envoy.address())?;
        stream.set_read_timeout(Some(SOON))?;
        let head = format!("GET / HTTP/1.1\r\nhost: {HOST}\r\n");
        stream.write_all(format!("{head}connection: upgrade\r\nupgrade: websocket\r\n\r\n").as_bytes())?;
        read_to(&mut stream, "\r\n\r\n")?;
        stream.read_to_end(&mut Vec::new())?;
        let switched = [("graylane_lane", "stable"), ("graylane_class", "1xx")];
        eventually("the connection to be counted", SOON, async || {
            let scrape = Scrape::of(&envoy).await?;
            Ok((scrape.sum("graylane_responses_total", &switched) == 1).then_some(()))
        })
        .await?;
        // Times are told together: once that of a later request is there, one of the connection would be.
        assert_eq!(Client::to(envoy.address()).send(&tester()).await?.status, 200);
        let scrape = Scrape::counted(&envoy, 1).await?;
        let timed = |lane| scrape.sum("graylane_duration_microseconds_count", &[("graylane_lane", lane)]);
        assert_eq!((timed("stable"), timed("v2")), (0, 1));
        assert_eq!(attempts(&scrape, "stable"), (1, 0));
        Ok(())
    })
}
