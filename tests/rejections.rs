//! Rejections: bad policies and every word that is said of them, as data in `tests/rejections`.
//!
//! All run through the engine; some also through a real Envoy, which has to refuse them, to say the same in its log and
//! to keep the policy before.
#![cfg(test)]

#[path = "support/edge.rs"]
mod edge;
#[path = "support/files.rs"]
mod files;
#[path = "support/rejection.rs"]
mod rejection;

use std::time::Duration;

use graylane_testbed::{Client, Context, Request, Result, Verdict, block_on, ensure, eventually, root};

use edge::{DECISION, Edge, plugin};
use rejection::{Case, Rejections};

fn files() -> Result<Vec<Rejections>> {
    Rejections::all(&root().join("tests/rejections"))
}

/// The case, what was expected and what was said, one below the other.
fn difference(file: &Rejections, case: &Case, said: &[String]) -> Option<String> {
    let Rejections { name, title, .. } = file;
    let list =
        |lines: &[String]| lines.iter().map(|line| format!("    {line}\n")).collect::<Vec<_>>().concat();
    (said != case.errors).then(|| {
        let (expected, said) = (list(&case.errors), list(said));
        format!(
            "tests/rejections/{name}.yaml ({title})\n  {}\n  expected\n{expected}  said\n{said}",
            case.what
        )
    })
}

#[test]
fn every_mistake_is_reported_at_once_with_its_path() -> Result<()> {
    let mut failures = Vec::new();
    for file in files()? {
        for case in &file.cases {
            ensure!(!case.errors.is_empty(), "{}: {}: nothing is expected to be said", file.name, case.what);
            failures.extend(difference(&file, case, &case.said()?));
        }
    }
    ensure!(failures.is_empty(), "{} rejections differ:\n\n{}", failures.len(), failures.join("\n"));
    Ok(())
}

/// A policy that every request can tell from none.
const GOOD: &str = r#"{"trust": "edge", "accessLog": true, "policy": {"language": 1, "version": 1, "releases": [{
    "name": "good", "match": {}, "lanes": [{"name": "A"}, {"name": "B"}], "blueGreen": {"active": "B"}}]}}"#;

#[test]
fn envoy_refuses_a_bad_policy_says_all_that_is_wrong_and_keeps_the_one_before() -> Result<()> {
    block_on(async {
        let edge = Edge::start(Vec::new()).await?;
        edge.accept(GOOD).await?;
        let mut failures = Vec::new();
        let mut tried = 0;
        for file in files()? {
            for case in file.cases.iter().filter(|case| case.envoy) {
                tried += 1;
                let said = refused(&edge, case).await?;
                failures.extend(difference(&file, case, &said));
            }
        }
        ensure!(tried >= 8, "{tried} cases for Envoy");
        ensure!(failures.is_empty(), "{} rejections differ:\n\n{}", failures.len(), failures.join("\n"));
        Ok(())
    })
}

/// Has Envoy refuse a configuration; what it says.
async fn refused(edge: &Edge, case: &Case) -> Result<Vec<String>> {
    let configuration = case.configuration.as_deref();
    let configuration =
        configuration.with_context(|| format!("{}: only a configuration goes to Envoy", case.what))?;
    let before = edge.envoy.log()?.len();
    let verdict = edge.envoy.publish(&plugin(configuration)?).await?;
    ensure!(verdict == Verdict::Refused, "{}: accepted", case.what);
    let count = case.errors.len();
    let said = eventually("the mistakes in Envoy's log", Duration::from_secs(10), async || {
        let log = edge.envoy.log()?;
        let lines = log.get(before..).unwrap_or_default().lines();
        let said: Vec<String> =
            lines.filter_map(|line| Some(line.split_once("graylane graylane: ")?.1.into())).collect();
        Ok((said.len() > count).then_some(said))
    });
    let mut said = said.await?;
    let head = said.remove(0);
    let expected = format!("policy refused, the one before stays in force: {count} mistakes");
    ensure!(head == expected, "{}: said first: {head}", case.what);
    let response = Client::to(edge.envoy.address()).send(&Request::get("/").host("shop.example.com")).await?;
    let decision = response.header(DECISION).map(<[u8]>::escape_ascii).map(|text| text.to_string());
    ensure!(
        (response.served_by(), decision.as_deref()) == (Some("B"), Some("good;lane=B;reason=default")),
        "{}: the policy before is not in force: {response:?}",
        case.what
    );
    Ok(said)
}
