//! Who met which group: the log of exposures of a real Envoy, beside what its clients were told.

use std::collections::BTreeMap;
use std::path::Path;

use graylane_testbed::{
    Bootstrap, Envoy, Load, PluginFile, Request, Result, Until, Upstream, block_on, eventually, root,
};
use serde_json::{Value, json};

use crate::{HOST, SOON, configured};

fn plugin() -> Result<PluginFile> {
    let release = json!({
        "name": "button", "match": {"hosts": [HOST]}, "lanes": [{"name": "A"}, {"name": "B"}],
        "ab": {"salt": "button-2026-11", "groups": [{"lane": "A", "weight": 50}, {"lane": "B", "weight": 50}]},
        "rules": [{"name": "testers", "when": {"header": {"x-tester": {"exact": "yes"}}}, "lane": "B"}],
        "respond": {"experiment": true, "cache": "private"},
    });
    let policy = json!({"language": 1, "exposures": {}, "releases": [release]});
    configured(&json!({"trust": "edge", "policy": policy}))
}

#[test]
fn each_user_is_logged_once_a_worker_with_the_group_that_the_client_was_told() -> Result<()> {
    const USERS: u64 = 500;
    const REQUESTS: u64 = 6_000;
    block_on(async {
        let (a, b) = (Upstream::start("A").await?, Upstream::start("B").await?);
        let folder = tempfile::tempdir()?;
        let log = folder.path().join("exposures.log");
        let mut bootstrap = Bootstrap::load("lane-header")?;
        bootstrap.log_as(&root().join("envoy/exposures.yaml"), &log)?;
        bootstrap.endpoint("A", a.address())?.endpoint("B", b.address())?;
        let envoy = Envoy::on(bootstrap).plugin(plugin()?).concurrency(2).start().await?;
        let user = |number: u64| format!("u-{}", number % USERS);
        let clients = std::sync::Mutex::new(BTreeMap::new());
        // One in fifty says that it is a tester, and is forced.
        let is_forced = |number: u64| number % 50 == 7;
        let tally = Load::on(envoy.address(), 8, Until::Requests(REQUESTS))
            .run(
                |number| {
                    let request = Request::get("/").host(HOST).header("x-gray-id", user(number));
                    if is_forced(number) { request.header("x-tester", "yes") } else { request }
                },
                |number, response| {
                    let told = response.header("x-abtest-id").ok_or("the client is told nothing")?;
                    let told = String::from_utf8_lossy(told).into_owned();
                    clients.lock().unwrap().insert((user(number), is_forced(number)), told);
                    Ok(())
                },
            )
            .await;
        assert!(tally.is_clean(), "{tally}");
        let clients = clients.into_inner().unwrap();
        // Envoy holds lines back for a while.
        let events = eventually("all users in the log", SOON, async || {
            let events = read(&log);
            let met: BTreeMap<_, _> = events.iter().filter_map(met).collect();
            Ok((met.len() >= clients.len()).then_some(events))
        })
        .await?;
        let met: BTreeMap<_, _> = events.iter().filter_map(met).collect();
        assert_eq!(met, clients, "what is logged is what clients were told");
        println!("{REQUESTS} requests of {} users and forced users: {} events", clients.len(), events.len());
        assert!(events.len() <= 2 * clients.len(), "each of two workers tells everybody once");
        assert!(events.iter().all(|event| event["time"].is_string() && event["request_id"].is_string()));
        Ok(())
    })
}

/// The events of a log; a line that is not whole yet is none.
pub(crate) fn read(log: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Of an event: the user, whether it was forced, and what the client was told.
pub(crate) fn met(event: &Value) -> Option<((String, bool), String)> {
    let text = event["exposure"].as_str()?;
    let (told, rest) = text.split_once(";reason=")?;
    let (reason, id) = rest.split_once(";id=")?;
    Some(((id.to_owned(), reason != "split"), told.to_owned()))
}
