//! The loop as a whole: a real Envoy splits users and logs who met which group, clients report what they did with what they were told,
//! and the report says which group does better.

use std::fmt::Write;
use std::sync::Mutex;
use std::time::Duration;

use graylane_testbed::{
    Bootstrap, Envoy, Load, PluginFile, Request, Result, Until, Upstream, block_on, eventually, root,
    telemetry_module,
};
use serde_json::{Value, json};

use crate::ground::{Ground, counts};

const USERS: u64 = 6_000;
const KEY: &str = "00112233445566778899aabbccddeeff";
const SOON: Duration = Duration::from_secs(20);

fn policy(exposures: &Value) -> Value {
    let groups = json!([{"lane": "A", "weight": 50}, {"lane": "B", "weight": 50}]);
    json!({"language": 1, "exposures": exposures, "releases": [{
        "name": "button", "match": {"hosts": ["shop.example.com"]}, "lanes": [{"name": "A"}, {"name": "B"}],
        "ab": {"salt": "button-2026-11", "groups": groups}, "respond": {"experiment": true, "cache": "private"}}]})
}

/// Lets all users ask once. Of those in A every tenth converts, of those in B every fifth, and the client says what it was told.
async fn run(ground: &Ground, exposures: &Value) -> Result<()> {
    let log = ground.path("exposures.log");
    let mut bootstrap = Bootstrap::load("lane-header")?;
    bootstrap.log_as(&root().join("envoy/exposures.yaml"), &log)?;
    let (a, b) = (Upstream::start("A").await?, Upstream::start("B").await?);
    bootstrap.endpoint("A", a.address())?.endpoint("B", b.address())?;
    let keys = json!({"k1": KEY});
    let configuration = json!({"trust": "edge", "keys": keys, "policy": policy(exposures)}).to_string();
    let plugin = PluginFile::checked_in()?.module(&telemetry_module()?)?.configuration(&configuration)?;
    let envoy = Envoy::on(bootstrap).plugin(plugin).start().await?;
    // What is no letter or digit is encoded in the log.
    let user = |number: u64| format!("user {number}/ö");
    let (met, events) = (Mutex::new([0_u64; 2]), Mutex::new(String::new()));
    let tally = Load::on(envoy.address(), 8, Until::Requests(USERS))
        .run(
            |number| Request::get("/").host("shop.example.com").header("x-gray-id", user(number)),
            |number, response| {
                let told = response.header("x-abtest-id").ok_or("the client is told nothing")?;
                let told = String::from_utf8_lossy(told).into_owned();
                let is_b = told.contains("group=B");
                let (mut met, mut events) = (met.lock().unwrap(), events.lock().unwrap());
                let count = &mut met[usize::from(is_b)];
                *count += 1;
                if *count % if is_b { 5 } else { 10 } == 0 {
                    let event = json!({"id": user(number), "event": "purchase", "ab_group": if is_b { "B" } else { "A" },
                        "abtest_id": told, "time": "2099-01-01T00:00:00Z"});
                    writeln!(events, "{event}").map_err(|fault| fault.to_string())?;
                }
                Ok(())
            },
        )
        .await;
    assert!(tally.is_clean(), "{tally}");
    std::fs::write(ground.path("events.jsonl"), events.into_inner().unwrap())?;
    // Envoy holds lines back for a while; each worker tells a user once, and each user asks once.
    eventually("all exposures in the log", SOON, async || {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        Ok((text.lines().count() as u64 == USERS).then_some(()))
    })
    .await
}

fn judged(ground: &Ground, arguments: &[&str]) -> Value {
    let own = ["--exposures", "exposures.log", "--conversions", "events.jsonl", "-o", "json"];
    let ran = ground.run_on(&[&own[..], arguments].concat(), b"");
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.told);
    ran.report()
}

fn holds(report: &Value) {
    let experiment = &report["experiments"][0];
    let goal = &experiment["goals"][0];
    assert_eq!((&experiment["name"], &experiment["revision"]), (&json!("button"), &json!(1)));
    let [(_, a, of_a), (_, b, of_b)] = counts(experiment).try_into().expect("two groups");
    assert_eq!((a + b, of_a, of_b), (USERS, a / 10, b / 5), "{report:#}");
    assert_eq!(goal["comparisons"][0]["verdict"], "better", "{report:#}");
    assert_eq!(report["mismatches"], json!([]), "{report:#}");
}

#[test]
fn what_a_real_envoy_logs_and_clients_report_is_judged() -> Result<()> {
    block_on(async {
        let ground = Ground::new();
        run(&ground, &json!({})).await?;
        let ground = ground.with("policy.json", policy(&json!({})).to_string());
        let report = judged(&ground, &["--policy", "policy.json"]);
        holds(&report);
        assert_eq!(report["experiments"][0]["sampleRatio"]["expectedBy"], "policy.json");
        Ok(())
    })
}

#[test]
fn ids_that_the_module_hashes_are_joined_by_the_key() -> Result<()> {
    block_on(async {
        let ground = Ground::new();
        run(&ground, &json!({"key": "k1"})).await?;
        let ground = ground.with("key", KEY);
        let log = std::fs::read_to_string(ground.path("exposures.log"))?;
        assert!(log.contains(";hash=") && !log.contains("user"), "no id is in the log");
        holds(&judged(&ground, &["--key", "key"]));
        Ok(())
    })
}
