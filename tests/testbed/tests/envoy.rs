//! The test bed's own promises about Envoy, on the real one.
#![cfg(test)]

use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use graylane_testbed::{
    Bootstrap, Client, Envoy, PluginFile, Request, Upstream, Verdict, envoy_binary, eventually, noop_module,
    page, root,
};
use serde_json::json;

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

/// Envoy's counters of plugin files, in the order of the table in `envoy/README.md`.
const COUNTERS: [&str; 3] = ["update_success", "update_rejected", "config_reload"];

async fn counters(envoy: &Envoy) -> [u64; 3] {
    let prefix = "extension_config_discovery.http_filter.graylane.";
    let stats = envoy.admin().stats(prefix).await.unwrap();
    COUNTERS.map(|name| stats[&format!("{prefix}{name}")])
}

/// Swaps the plugin file past the test bed, which would not send the same twice, and waits for these counters.
async fn swap_and_count(envoy: &Envoy, file: &PluginFile, expected: [u64; 3]) {
    let path = envoy.folder().join("policy.json");
    std::fs::write(path.with_extension("next"), file.document().to_string()).unwrap();
    std::fs::rename(path.with_extension("next"), &path).unwrap();
    let mut seen = [0; 3];
    let counted = eventually("the expected counters", Duration::from_secs(10), async || {
        seen = counters(envoy).await;
        Ok((seen == expected).then_some(()))
    });
    let counted = counted.await;
    assert!(
        counted.is_ok(),
        "{COUNTERS:?}: {seen:?} where {expected:?} was expected of {:?}",
        file.document()
    );
}

#[tokio::test]
async fn the_counters_of_plugin_files_are_as_written_down() {
    let envoy = Envoy::on(Bootstrap::load("lane-header").unwrap()).concurrency(2).start().await.unwrap();
    let refused = noop().module("/no/such.wasm".as_ref()).unwrap();
    let last = noop().configuration("last").unwrap();
    let steps = [
        ("accepted", noop(), [1, 0, 1], "the new policy, on every worker"),
        ("the same content again", noop(), [1, 0, 0], "the new policy"),
        ("refused", refused.clone(), [0, 1, 1], "the policy before"),
        ("the refused content again", refused, [1, 0, 0], "the policy before"),
        ("no discovery response", PluginFile::of(json!({"nonsense": 1})), [0, 1, 0], "the policy before"),
        // Waits for the workers, so that nothing above can have counted late.
        ("accepted", last, [1, 0, 1], "the new policy, on every worker"),
    ];
    let mut total = counters(&envoy).await;
    let mut table = format!(
        "| the file | {} | in force |\n|---|---|---|---|---|",
        COUNTERS.map(|name| format!("`{name}`")).join(" | ")
    );
    for (says, file, counts, in_force) in &steps {
        total = std::array::from_fn(|counter| total[counter] + counts[counter]);
        swap_and_count(&envoy, file, total).await;
        let cells = counts.map(|count| if count == 0 { String::new() } else { format!("+{count}") });
        write!(table, "\n| {says} | {} | {in_force} |", cells.join(" | ")).unwrap();
    }
    let table = table.rsplit_once('\n').unwrap().0;
    page::hold(&root().join("envoy/README.md"), "counters", table).unwrap();
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
    // A killed owner cannot clean up: what it leaves goes with this.
    let folder = tempfile::tempdir().unwrap();
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "no_envoy_outlives_a_killed_owner", "--nocapture"])
        .env(OWNER, "1")
        .env("TMPDIR", folder.path())
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
