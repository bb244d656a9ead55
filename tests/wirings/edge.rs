//! What a client may try at the edge that all bootstraps share, with a filter and without one.

use graylane::headers;
use graylane_testbed::{Client, Echo, Envoy, PluginFile, Request, Result, block_on, module};
use serde_json::json;

use crate::{FAILING, HEALTHY, Services, WIRINGS};

/// Every header by which a request says what only a hop may say.
fn claims() -> Vec<&'static str> {
    let own = [headers::LANE, headers::CLUSTER, headers::SLOT];
    [&own[..], &headers::OVERRIDES, &[headers::LABEL, headers::GROUP, headers::DEBUG]].concat()
}

/// A release that everybody may override where the listener believes them, for the path `/b` alone.
fn plugin() -> Result<PluginFile> {
    let release = json!({
        "name": "shop",
        "match": {"hosts": ["shop.example.com"], "paths": [{"prefix": "/b"}]},
        "lanes": [{"name": "stable"}, {"name": HEALTHY}],
        "canary": {"stable": "stable", "candidates": [{"lane": HEALTHY, "percent": 0}]},
        "overrides": {"headers": [headers::OVERRIDES[0]]},
        "rules": [{"name": "testers", "when": {"header": {"x-tester": {"exact": "yes"}}}, "lane": HEALTHY}],
    });
    let policy = json!({"language": 1, "releases": [release]});
    let configuration = json!({"trust": "edge", "policy": policy}).to_string();
    PluginFile::checked_in()?.module(&module()?)?.configuration(&configuration)
}

fn get(path: &str) -> Request {
    Request::get(path).host("shop.example.com")
}

/// The names, of these, of headers that reached a service.
fn reached<'a>(echo: &Echo, names: &[&'a str]) -> Vec<&'a str> {
    names.iter().copied().filter(|name| echo.header(name).is_some()).collect()
}

/// Until a first file is accepted: there is none, its module is missing, it is something else.
#[test]
fn without_an_accepted_file_no_claim_reaches_a_service() -> Result<()> {
    block_on(async {
        let services = Services::start().await?;
        let bad = plugin()?.module("/no/such.wasm".as_ref())?;
        for (says, file) in
            [("none", PluginFile::none()), ("bad", bad), ("odd", PluginFile::of(json!({"nonsense": 1})))]
        {
            let mut envoy = Envoy::on(services.behind(WIRINGS[0])?).plugin(file).start().await?;
            let mut client = Client::to(envoy.address());
            for value in [FAILING, ""] {
                let twice = claims().into_iter().chain(claims());
                let request = twice.fold(get("/b"), |request, name| request.header(name, value));
                let request =
                    request.header("baggage", "traffic-label=version%3Dgreen").header("x-other", "1");
                let response = client.send(&request).await?;
                assert_eq!((response.status, response.served_by()), (200, Some("stable")), "{says}");
                let echo = response.echo()?;
                assert_eq!(reached(&echo, &claims()), [""; 0], "{says}: {value:?}");
                // What the README says is not removed, and what is nobody's claim.
                assert_eq!(reached(&echo, &["baggage", "x-other"]), ["baggage", "x-other"], "{says}");
            }
            client.send(&get("/b")).await?;
            envoy.process_mut().end()?;
            let log = envoy.access_log()?;
            let told = log.lines().filter(|line| line.ends_with("graylane=\"no-policy\"")).count();
            assert_eq!((told, log.lines().count()), (3, 3), "{says}: {log}");
        }
        Ok(())
    })
}

/// With a policy in force the access log tells the decision, and nothing where no release governs.
#[test]
fn the_access_log_tells_no_policy_from_no_release() -> Result<()> {
    block_on(async {
        let services = Services::start().await?;
        let mut envoy = Envoy::on(services.behind(WIRINGS[0])?).plugin(plugin()?).start().await?;
        let mut client = Client::to(envoy.address());
        for path in ["/b", "/elsewhere"] {
            client.send(&get(path).header("x-tester", "yes")).await?;
        }
        envoy.process_mut().end()?;
        let log = envoy.access_log()?;
        let told: Vec<_> = log.lines().filter_map(|line| line.split_once(" graylane=")).collect();
        let told: Vec<_> = told.into_iter().map(|(_, told)| told).collect();
        assert_eq!(told, ["\"shop;lane=v2;reason=rule;rule=testers\"", "\"\""], "{log}");
        Ok(())
    })
}
