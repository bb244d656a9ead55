//! What a client may try at the edge that all bootstraps share, with a filter and without one.

use std::net::{IpAddr, Ipv4Addr};

use graylane::headers;
use graylane_testbed::{
    Bootstrap, Client, Echo, Envoy, PluginFile, Request, Response, Result, block_on, module,
};
use serde_json::{Value, json};

use crate::{FAILING, HEALTHY, MANAGER, Services, WIRINGS};

/// Every header by which a request says what only a hop may say.
fn claims() -> Vec<&'static str> {
    let own = [headers::LANE, headers::CLUSTER, headers::SLOT];
    [&own[..], &headers::OVERRIDES, &[headers::LABEL, headers::GROUP, headers::DEBUG]].concat()
}

/// A release that everybody may override where the listener believes them, for the path `/b` alone.
fn plugin(trusted_sources: &[&str]) -> Result<PluginFile> {
    let release = json!({
        "name": "shop",
        "match": {"hosts": ["shop.example.com"], "paths": [{"prefix": "/b"}]},
        "lanes": [{"name": "stable"}, {"name": HEALTHY}],
        "canary": {"stable": "stable", "candidates": [{"lane": HEALTHY, "percent": 0}]},
        "overrides": {"headers": [headers::OVERRIDES[0]]},
        "rules": [{"name": "testers", "when": {"header": {"x-tester": {"exact": "yes"}}}, "lane": HEALTHY}],
    });
    let policy = json!({"language": 1, "trustedSources": trusted_sources, "releases": [release]});
    let configuration = json!({"trust": "edge", "accessLog": true, "policy": policy}).to_string();
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
        let bad = plugin(&[])?.module("/no/such.wasm".as_ref())?;
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
        let mut envoy = Envoy::on(services.behind(WIRINGS[0])?).plugin(plugin(&[])?).start().await?;
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

/// `x_canary` is `x-canary` to services that read headers as environment variables.
#[test]
fn no_header_with_an_underscore_reaches_a_service() -> Result<()> {
    block_on(async {
        let services = Services::start().await?;
        for file in [PluginFile::none(), plugin(&[])?] {
            let envoy = Envoy::on(services.behind(WIRINGS[0])?).plugin(file).start().await?;
            let names: Vec<_> = claims().into_iter().map(|name| name.replace('-', "_")).collect();
            let mixed = ["x-traffic_label", "X_Canary"].map(str::to_owned);
            let all = names.into_iter().chain(mixed);
            let request = all.fold(get("/b"), |request, name| request.header(name, HEALTHY));
            let response = Client::to(envoy.address()).send(&request).await?;
            assert_eq!((response.status, response.served_by()), (200, Some("stable")));
            let headers = response.echo()?.headers;
            assert!(headers.iter().all(|(name, _)| !name.contains('_')), "{headers:?}");
        }
        Ok(())
    })
}

/// The policy matches the very path that the service gets.
#[test]
fn policy_and_service_see_the_same_path() -> Result<()> {
    block_on(async {
        let services = Services::start().await?;
        let envoy = Envoy::on(services.behind(WIRINGS[0])?).plugin(plugin(&[])?).start().await?;
        let mut client = Client::to(envoy.address());
        for (sent, seen, governed) in [
            ("/b", "/b", true),
            ("/a/../b", "/b", true),
            ("/a/./../b/x", "/b/x", true),
            ("/a/%2e%2E/b", "/b", true),
            ("//b", "/b", true),
            ("/b//x?y=//z/../%2F", "/b/x?y=//z/../%2F", true),
            ("/%62", "/b", true),
            ("/b/../a", "/a", false),
            ("/b%20x", "/b%20x", false),
        ] {
            let response = client.send(&get(sent).header("x-tester", "yes")).await?;
            let who = if governed { HEALTHY } else { "stable" };
            assert_eq!(response.served_by(), Some(who), "{sent}");
            assert_eq!(response.echo()?.path, seen, "{sent}");
        }
        for (sent, location) in
            [("/b%2Fx?y=%2F", "/b/x?y=%2F"), ("/a/..%2fb", "/b"), ("/a%5C..%5cb", "/b"), ("/%2Fb", "/b")]
        {
            let response = client.send(&get(sent)).await?;
            assert_eq!((response.status, response.served_by()), (307, None), "{sent}");
            assert_eq!(response.header("location"), Some(location.as_bytes()), "{sent}");
        }
        Ok(())
    })
}

/// One request that claims a lane, and to have come from 10.0.0.1, by a client that calls from 127.0.0.7.
async fn override_from(bootstrap: Bootstrap, trusted_source: &str) -> Result<Response> {
    let envoy = Envoy::on(bootstrap).plugin(plugin(&[trusted_source])?).start().await?;
    let source = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 7));
    let request = get("/b").header("x-forwarded-for", "10.0.0.1").header("x-canary", HEALTHY);
    Client::between(source, envoy.address()).send(&request).await
}

/// A policy's `trustedSources` are held against the connection, not against what a client writes.
#[test]
fn a_client_cannot_name_its_own_address() -> Result<()> {
    block_on(async {
        let services = Services::start().await?;
        let refused = override_from(services.behind(WIRINGS[0])?, "10.0.0.0/8").await?;
        assert_eq!(refused.served_by(), Some("stable"));
        assert_eq!(refused.echo()?.header("x-canary"), None);
        let believed = override_from(services.behind(WIRINGS[0])?, "127.0.0.7").await?;
        assert_eq!(believed.served_by(), Some(HEALTHY));

        // What the README warns of: a listener without the setting believes the header.
        let mut careless = services.behind(WIRINGS[0])?;
        let manager = careless.document_mut().pointer_mut(MANAGER).and_then(Value::as_object_mut);
        manager.expect("a connection manager").remove("use_remote_address").expect("the setting");
        let deceived = override_from(careless, "10.0.0.0/8").await?;
        assert_eq!(deceived.served_by(), Some(HEALTHY));
        Ok(())
    })
}
