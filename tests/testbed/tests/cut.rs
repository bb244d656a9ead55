//! The test bed's promises about lines that can be cut.
#![cfg(test)]

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use graylane_testbed::{Client, Cut, Request, Upstream, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const LIMIT: Duration = Duration::from_secs(10);

/// A service that sends back what it is sent, and ends when its peer does.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut reads, mut writes) = stream.split();
                let _ended = tokio::io::copy(&mut reads, &mut writes).await;
            });
        }
    });
    address
}

async fn says(stream: &mut TcpStream, word: &[u8; 4]) {
    stream.write_all(word).await.unwrap();
    hears(stream, word).await;
}

async fn hears(stream: &mut TcpStream, word: &[u8; 4]) {
    let mut heard = [0; 4];
    tokio::time::timeout(LIMIT, stream.read_exact(&mut heard)).await.expect("an answer").unwrap();
    assert_eq!(&heard, word);
}

async fn is_reset(mut stream: TcpStream) {
    let read = tokio::time::timeout(LIMIT, stream.read(&mut [0])).await.expect("an end");
    assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_whole_line_carries_both_ways_and_ends_as_its_ends_do() {
    let cut = Cut::before(echo().await).await.unwrap();
    let mut stream = TcpStream::connect(cut.address()).await.unwrap();
    says(&mut stream, b"ping").await;
    assert_eq!((cut.connections(), cut.accepted()), (1, 1));
    stream.write_all(b"last").await.unwrap();
    stream.shutdown().await.unwrap();
    hears(&mut stream, b"last").await;
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    let gone =
        eventually("the connection to be gone", LIMIT, async || Ok((cut.connections() == 0).then_some(())));
    gone.await.unwrap();
}

#[tokio::test]
async fn severed_connections_are_reset_and_new_ones_stand() {
    let cut = Cut::before(echo().await).await.unwrap();
    let mut one = TcpStream::connect(cut.address()).await.unwrap();
    let mut two = TcpStream::connect(cut.address()).await.unwrap();
    says(&mut one, b"ping").await;
    says(&mut two, b"ping").await;
    cut.sever().await;
    assert_eq!(cut.connections(), 0);
    is_reset(one).await;
    is_reset(two).await;
    says(&mut TcpStream::connect(cut.address()).await.unwrap(), b"anew").await;
}

#[tokio::test]
async fn new_connections_are_refused_until_it_is_healed_and_old_ones_go_on() {
    let mut cut = Cut::before(echo().await).await.unwrap();
    let mut old = TcpStream::connect(cut.address()).await.unwrap();
    says(&mut old, b"ping").await;
    cut.refuse().await;
    let refused = TcpStream::connect(cut.address()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    says(&mut old, b"pong").await;
    cut.heal().await.unwrap();
    says(&mut TcpStream::connect(cut.address()).await.unwrap(), b"anew").await;
}

#[tokio::test]
async fn a_stalled_line_takes_connections_and_forwards_nothing_until_it_is_healed() {
    let mut cut = Cut::before(echo().await).await.unwrap();
    let mut old = TcpStream::connect(cut.address()).await.unwrap();
    says(&mut old, b"ping").await;
    cut.stall();
    let mut new = TcpStream::connect(cut.address()).await.unwrap();
    for stream in [&mut old, &mut new] {
        stream.write_all(b"lost").await.unwrap();
        // Nothing is to come: this waits for what must not happen.
        let heard = tokio::time::timeout(Duration::from_millis(100), stream.read(&mut [0])).await;
        assert!(heard.is_err(), "{heard:?}");
    }
    assert_eq!(cut.connections(), 2);
    cut.heal().await.unwrap();
    hears(&mut old, b"lost").await;
    hears(&mut new, b"lost").await;

    cut.stall();
    cut.sever().await;
    is_reset(old).await;
    is_reset(new).await;
}

#[tokio::test]
async fn a_dead_target_is_seen_through_it() {
    let mut upstream = Upstream::start("stable").await.unwrap();
    let cut = Cut::before(upstream.address()).await.unwrap();
    let mut client = Client::to(cut.address());
    assert_eq!(client.send(&Request::get("/").host("h")).await.unwrap().served_by(), Some("stable"));
    upstream.stop().await;
    client.send(&Request::get("/").host("h")).await.unwrap_err();
    is_reset(TcpStream::connect(cut.address()).await.unwrap()).await;
    upstream.resume().await.unwrap();
    assert_eq!(client.send(&Request::get("/").host("h")).await.unwrap().served_by(), Some("stable"));
}

#[tokio::test]
async fn everything_ends_with_its_value() {
    let cut = Cut::before(echo().await).await.unwrap();
    let mut stream = TcpStream::connect(cut.address()).await.unwrap();
    says(&mut stream, b"ping").await;
    let address = cut.address();
    drop(cut);
    is_reset(stream).await;
    TcpStream::connect(address).await.unwrap_err();
}
