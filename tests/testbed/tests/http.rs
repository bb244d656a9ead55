//! Clients, services and load against each other, without Envoy between them.
#![cfg(test)]

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use graylane_testbed::{Client, Load, Request, Until, Upstream, raw};

#[tokio::test]
async fn every_header_byte_and_every_duplicate_arrives() {
    let upstream = Upstream::start("v2").await.unwrap();
    let high: Vec<u8> = (0x80..=0xFF).collect();
    let request = Request::new("POST", "/a?b=c")
        .host("shop.example.com")
        .header("x-high", &high)
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body("body");
    let response = Client::to(upstream.address()).send(&request).await.unwrap();
    assert_eq!((response.status, response.served_by()), (200, Some("v2")));
    let echo = response.echo().unwrap();
    assert_eq!((echo.service.as_str(), echo.method.as_str(), echo.path.as_str()), ("v2", "POST", "/a?b=c"));
    assert_eq!(echo.header("x-high").unwrap(), high);
    assert_eq!(echo.values("cookie").collect::<Vec<_>>(), [b"a=1", b"b=2"]);
    assert_eq!(echo.header("host").unwrap(), b"shop.example.com");
}

#[tokio::test]
async fn a_raw_request_is_sent_as_it_is() {
    let upstream = Upstream::start("s").await.unwrap();
    let request = b"GET /x HTTP/1.1\r\nHost: one\r\nX-Odd:\t \xff\r\n\r\n";
    let response = raw(upstream.address(), request).await.unwrap();
    assert_eq!(response.echo().unwrap().header("x-odd").unwrap(), b"\xff");
    let refused = raw(upstream.address(), b"GET / HTTP/1.1\r\nbad name: x\r\n\r\n").await.unwrap();
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn a_service_changes_its_manner_while_it_runs() {
    let mut upstream = Upstream::start("s").await.unwrap();
    let mut client = Client::to(upstream.address());
    let request = Request::get("/").host("h");
    upstream.answer(503);
    upstream.respond_with("set-cookie", "a=1").unwrap();
    upstream.respond_with("set-cookie", "b=2").unwrap();
    let response = client.send(&request).await.unwrap();
    assert_eq!(response.status, 503);
    assert_eq!(response.values("set-cookie").collect::<Vec<_>>(), [b"a=1", b"b=2"]);

    upstream.answer(200);
    upstream.delay(Duration::from_millis(30));
    let start = Instant::now();
    assert_eq!(client.send(&request).await.unwrap().status, 200);
    assert!(start.elapsed() >= Duration::from_millis(30));

    upstream.stop().await;
    client.send(&request).await.unwrap_err();
    let refused = Client::to(upstream.address()).send(&request).await.unwrap_err();
    assert!(format!("{refused:#}").contains("nobody answers on"), "{refused:#}");

    upstream.resume().await.unwrap();
    assert_eq!(client.send(&request).await.unwrap().status, 200);
    assert_eq!(upstream.requests(), 3);
}

#[tokio::test]
async fn while_a_service_is_stopped_nobody_gets_its_port_by_chance() {
    let upstream = Upstream::start("s").await.unwrap();
    let any = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
    let first: u16 = any.split_whitespace().next().unwrap().parse().unwrap();
    assert!(
        upstream.address().port() < first,
        "{} is among those that anybody gets: {any}",
        upstream.address()
    );
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let first = Upstream::start("first").await.unwrap();
    let error = Upstream::start_on("second", first.address()).await.unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains(&format!("upstream second cannot listen on {}", first.address())), "{text}");
}

#[tokio::test]
async fn the_source_address_can_be_chosen() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = Client::between([127, 0, 0, 7].into(), listener.local_addr().unwrap());
    let request = Request::get("/").host("h");
    let accept = async {
        let (stream, peer) = listener.accept().await.unwrap();
        drop(stream);
        peer
    };
    let (sent, peer): (_, SocketAddr) = tokio::join!(client.send(&request), accept);
    sent.unwrap_err();
    assert_eq!(peer.ip().to_string(), "127.0.0.7");
}

#[tokio::test]
async fn a_load_of_so_many_requests_counts_right_and_wrong() {
    let upstream = Upstream::start("s").await.unwrap();
    let told = Mutex::new(Vec::new());
    let tally = Load::on(upstream.address(), 8, Until::Requests(500))
        .progress(|progress| told.lock().unwrap().push(progress.done))
        .run(
            |number| Request::get(format!("/{number}")).host("h"),
            |number, response| {
                let path = response.echo().unwrap().path;
                assert_eq!(path, format!("/{number}"));
                if number % 100 == 0 { Err("a hundredth".to_owned()) } else { Ok(()) }
            },
        )
        .await;
    assert_eq!((tally.sent, tally.right, tally.wrong, tally.failed), (500, 495, 5, 0));
    assert!(!tally.is_clean());
    assert_eq!(tally.complaints.len(), 5);
    assert!(tally.complaints.contains(&"request 300: a hundredth".to_owned()));
    assert_eq!(upstream.requests(), 500);
    assert_eq!(told.lock().unwrap().last(), Some(&500));
}

#[tokio::test]
async fn a_load_runs_until_it_is_stopped_and_sees_failures() {
    let mut upstream = Upstream::start("s").await.unwrap();
    let stop = AtomicBool::new(false);
    let address = upstream.address();
    let load =
        Load::on(address, 4, Until::Stopped(&stop)).run(|_| Request::get("/").host("h"), |_, _| Ok(()));
    let trouble = async {
        while upstream.requests() < 100 {
            tokio::task::yield_now().await;
        }
        upstream.stop().await;
        // The port stays closed until somebody has noticed.
        let error = Client::to(address).send(&Request::get("/").host("h")).await.unwrap_err();
        tokio::task::yield_now().await;
        upstream.resume().await.unwrap();
        let before = upstream.requests();
        while upstream.requests() < before + 100 {
            tokio::task::yield_now().await;
        }
        stop.store(true, Ordering::Relaxed);
        error
    };
    let (tally, _refused) = tokio::join!(load, trouble);
    assert!(tally.failed >= 1 && tally.right >= 200, "{tally}");
    assert_eq!(tally.sent, tally.right + tally.failed, "{tally}");
}
