//! The test bed's promises about Prometheus, on the real one.
#![cfg(test)]

use std::time::Duration;

use graylane_testbed::{Bootstrap, Envoy, Prometheus, eventually};

const LIMIT: Duration = Duration::from_secs(20);
const EVERY: Duration = Duration::from_millis(200);

mod real_prometheus {
    use super::*;

    #[tokio::test]
    async fn it_scrapes_and_evaluates_and_answers() {
        let envoy = Envoy::on(Bootstrap::load("lane-header").unwrap()).start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let rules = folder.path().join("rules.yaml");
        let rule = r#"{"record": "lives", "expr": "envoy_server_live * 7"}"#;
        std::fs::write(&rules, format!(r#"{{"groups": [{{"name": "g", "rules": [{rule}]}}]}}"#)).unwrap();
        let envoys = [("edge", envoy.admin().address())];
        let prometheus = Prometheus::start(&envoys, &[&rules], EVERY).await.unwrap();
        let value = eventually("what is recorded", LIMIT, async || {
            let answer = prometheus.ask("query", &[("query", "lives{instance=\"edge\"}")]).await?;
            Ok(answer["result"][0]["value"][1].as_str().map(str::to_owned))
        });
        assert_eq!(value.await.unwrap(), "7");
        let error = prometheus.ask("query", &[("query", "sum(")]).await.unwrap_err().to_string();
        assert!(error.contains("parse error"), "{error}");
    }

    #[tokio::test]
    async fn a_bad_file_of_rules_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let rules = folder.path().join("rules.yaml");
        std::fs::write(&rules, r#"{"groups": [{"name": "g", "rules": [{"record": "r", "expr": "sum("}]}]}"#)
            .unwrap();
        let error = Prometheus::start(&[], &[&rules], EVERY).await.unwrap_err();
        assert!(format!("{error:#}").contains("parse error"), "{error:#}");
    }
}
