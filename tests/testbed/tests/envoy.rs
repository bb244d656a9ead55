//! The test bed's own promises about Envoy, on the real one.
#![cfg(test)]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use graylane_testbed::{
    Bootstrap, Client, Envoy, PluginFile, Request, Upstream, Verdict, envoy_binary, eventually, noop_module,
};

fn noop() -> PluginFile {
    PluginFile::checked_in().unwrap().module(&noop_module().unwrap()).unwrap()
}

#[tokio::test]
async fn an_envoy_on_a_checked_in_bootstrap_takes_requests() {
    let stable = Upstream::start("stable").await.unwrap();
    let mut bootstrap = Bootstrap::load("lane-header").unwrap();
    bootstrap.endpoint("stable", stable.address()).unwrap();
    let envoy = Envoy::on(bootstrap).concurrency(2).start().await.unwrap();

    let request = Request::get("/x").host("shop.example.com").header("x-a", b"\xff");
    let response = Client::to(envoy.address()).send(&request).await.unwrap();
    assert_eq!((response.status, response.served_by()), (200, Some("stable")));
    assert_eq!(response.echo().unwrap().header("x-a").unwrap(), b"\xff");

    assert_eq!(envoy.listener("edge"), Some(envoy.address()));
    assert_eq!(envoy.admin().stat("server.concurrency").await.unwrap(), Some(2));
    assert_eq!(envoy.admin().stat("http.edge.downstream_rq_2xx").await.unwrap(), Some(1));
    assert_eq!(envoy.admin().stat("no.such").await.unwrap(), None);
    assert!(envoy.process().resident_bytes().unwrap() > 10_000_000);
    assert!(envoy.log().unwrap().contains("starting main dispatch loop"));
}

#[tokio::test]
async fn the_verdict_on_a_plugin_file_is_awaited() {
    let envoy = Envoy::on(Bootstrap::load("lane-header").unwrap()).start().await.unwrap();
    envoy.accept(&noop().configuration("one").unwrap()).await.unwrap();
    envoy.accept(&noop().configuration("two").unwrap()).await.unwrap();
    // The same again: nothing to judge.
    envoy.accept(&noop().configuration("two").unwrap()).await.unwrap();

    let missing = noop().module("/no/such.wasm".as_ref()).unwrap();
    assert_eq!(envoy.publish(&missing).await.unwrap(), Verdict::Refused);
    assert_eq!(envoy.publish(&missing).await.unwrap(), Verdict::Refused);
    assert!(envoy.log().unwrap().contains("/no/such.wasm"));
    let no_response = PluginFile::of(serde_json::json!({"nonsense": 1}));
    assert_eq!(envoy.publish(&no_response).await.unwrap(), Verdict::Refused);
    let error = envoy.accept(&PluginFile::none()).await.unwrap_err().to_string();
    assert!(error.contains("Unexpected number of resources"), "{error}");

    envoy.accept(&noop().configuration("two").unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_bad_first_plugin_file_leaves_requests_on_their_default_routes() {
    let stable = Upstream::start("stable").await.unwrap();
    let mut bootstrap = Bootstrap::load("lane-header").unwrap();
    bootstrap.endpoint("stable", stable.address()).unwrap();
    let missing = noop().module("/no/such.wasm".as_ref()).unwrap();
    let mut envoy = Envoy::on(bootstrap).plugin(missing.clone()).start().await.unwrap();
    assert_eq!(envoy.publish(&missing).await.unwrap(), Verdict::Refused);

    let response = Client::to(envoy.address()).send(&Request::get("/").host("h")).await.unwrap();
    assert_eq!((response.status, response.served_by()), (200, Some("stable")));
    envoy.process_mut().end().unwrap();
    let log = envoy.access_log().unwrap();
    assert!(log.contains("cluster=stable") && log.ends_with("graylane=\"no-policy\"\n"), "{log}");
}

#[tokio::test]
async fn a_taken_port_is_a_clear_error() {
    let taken = Envoy::on(Bootstrap::load("lane-header").unwrap()).start().await.unwrap();
    let port = taken.address().port();
    let start = Envoy::on(Bootstrap::load("lane-header").unwrap()).ports(port, 0).start();
    let error = format!("{:#}", start.await.unwrap_err());
    assert!(error.contains(&format!("port {port} is taken")), "{error}");
}

#[tokio::test]
async fn a_bootstrap_that_envoy_refuses_is_an_error_with_its_log() {
    let mut bootstrap = Bootstrap::load("lane-header").unwrap();
    bootstrap.document_mut()["admin"]["nonsense"] = 1.into();
    let error = format!("{:#}", Envoy::on(bootstrap).start().await.unwrap_err());
    assert!(error.contains("Envoy ended at once") && error.contains("nonsense"), "{error}");
}

/// Set in the process that `no_envoy_outlives_a_killed_owner` starts and kills.
const OWNER: &str = "GRAYLANE_TESTBED_OWNER";

async fn own_an_envoy_until_killed() {
    let envoy = Envoy::on(Bootstrap::load("lane-header").unwrap()).start().await.unwrap();
    println!("envoy {}", envoy.process().id());
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn no_envoy_outlives_a_killed_owner() {
    if std::env::var_os(OWNER).is_some() {
        own_an_envoy_until_killed().await;
    }
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "no_envoy_outlives_a_killed_owner", "--nocapture"])
        .env(OWNER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let id = lines.map_while(Result::ok).find_map(|line| line.split("envoy ").nth(1)?.parse::<i32>().ok());
    owner.kill().unwrap();
    owner.wait().unwrap();
    let id = id.expect("the owner says which process its Envoy is");
    eventually("the end of the orphan", Duration::from_secs(5), async || {
        let gone = procfs::process::Process::new(id).and_then(|process| process.stat());
        Ok(gone.map_or(true, |stat| stat.state == 'Z').then_some(()))
    })
    .await
    .unwrap();
}

#[test]
fn there_is_an_envoy_to_test_with() {
    assert!(envoy_binary().unwrap().is_file());
}
