//! Calls whose end is missing: who broke them off.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use graylane_testbed::{Envoy, Result, block_on};
use serde_json::json;

use crate::series::Scrape;
use crate::{HOST, attempts, bootstrap, canary, plugin};

/// How long a byte may take.
const SOON: Duration = Duration::from_secs(10);

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
