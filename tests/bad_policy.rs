//! What becomes of a bad policy: at the very start, as an update, and after a VM was lost. Two workers, two plugins.
#![cfg(test)]

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use graylane_testbed::{
    Bootstrap, Client, Context, Envoy, PluginFile, Request, Result, Upstream, Verdict, block_on, module,
};
use serde_json::{Value, json};

/// How often a claim about every worker is asked: with two workers and a new connection each time, that one of
/// them is never met has a chance below 1 in 10^9.
const TIMES: usize = 32;

/// A policy of three mistakes of three kinds: a type, an unknown key, a lane that is not there.
const BAD: &str = r#"{"trust": "edge", "policy": {"language": 1, "version": 7, "releases": [{
  "name": "shop", "match": {"hosts": "shop.example.com"}, "lanes": [{"name": "stable", "colour": "red"}],
  "canary": {"stable": "stabel", "candidates": []}}]}}"#;
const MISTAKES: [&str; 4] = [
    r#"policy.releases[0].match.hosts: Wrong type: "shop.example.com": must be a list"#,
    "policy.releases[0].lanes[0].colour: Unknown field: allowed: name, cluster, weightedSlot, labels, unavailable, fallback",
    r#"policy.releases[0].canary.stable: Not found: "stabel": allowed: stable"#,
    "policy.releases[0].canary.candidates: Required value: at least one lane with a percentage",
];

/// A good policy that sends everybody to one lane.
fn all_to(lane: &str, version: u32) -> String {
    json!({"trust": "edge", "policy": {"language": 1, "version": version, "releases": [{
        "name": "shop", "match": {}, "lanes": [{"name": "blue"}, {"name": "green"}], "blueGreen": {"active": lane},
    }]}})
    .to_string()
}

/// A bootstrap with two listeners, each with a plugin of its own whose configuration stands in the bootstrap.
fn two_inline_plugins(services: &[&Upstream], first: &str, second: &str) -> Result<Bootstrap> {
    two_inline_plugins_named(services, [("first", first), ("second", second)])
}

/// As [`two_inline_plugins`], with these plugin names; the listeners are called first and second.
fn two_inline_plugins_named(services: &[&Upstream], plugins: [(&str, &str); 2]) -> Result<Bootstrap> {
    let mut bootstrap = Bootstrap::load("lane-header")?;
    for service in services {
        bootstrap.endpoint(service.name(), service.address())?;
    }
    let listeners = bootstrap.document_mut().pointer_mut("/static_resources/listeners");
    let listeners = listeners.and_then(Value::as_array_mut).context("the bootstrap has listeners")?;
    listeners.push(listeners[0].clone());
    let plugins = ["first", "second"].into_iter().zip(plugins);
    for (listener, (listener_name, (name, configuration))) in listeners.iter_mut().zip(plugins) {
        listener["name"] = listener_name.into();
        let plugin = PluginFile::checked_in()?.configuration(configuration)?;
        let mut typed = plugin.document()["resources"][0]["typed_config"].clone();
        typed["config"]["name"] = name.into();
        let filter = &mut listener["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"][0];
        *filter = json!({"name": name, "typed_config": typed});
    }
    Ok(bootstrap)
}

async fn services() -> Result<[Upstream; 3]> {
    Ok([Upstream::start("stable").await?, Upstream::start("blue").await?, Upstream::start("green").await?])
}

/// Asks over new connections, so that every worker is met; says which services answered.
async fn served_by(address: std::net::SocketAddr) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for _ in 0..TIMES {
        let response = Client::to(address).send(&Request::get("/").host("shop.example.com")).await?;
        let name = format!("{} {}", response.status, response.served_by().unwrap_or("nobody"));
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

async fn stat(envoy: &Envoy, name: &str) -> Result<u64> {
    Ok(envoy.admin().stat(&format!("wasmcustom.graylane.{name}")).await?.unwrap_or_default())
}

fn assert_logged(log: &str, plugin: &str, level: &str, headline: &str) {
    let said = |text: &str| {
        log.lines().any(|line| {
            line.contains(&format!("[{level}]")) && line.ends_with(&format!("graylane {plugin}: {text}"))
        })
    };
    assert!(said(headline), "not in the log at {level}: {headline}\n{log}");
    for mistake in MISTAKES {
        assert!(said(mistake), "not in the log at {level}: {mistake}\n{log}");
    }
}

#[test]
fn a_first_policy_that_is_bad_leaves_default_routes_and_the_other_plugin_alone() -> Result<()> {
    block_on(async {
        let services = services().await?;
        let [stable, blue, green] = &services;
        let bootstrap = two_inline_plugins(&[stable, blue, green], &all_to("blue", 3), BAD)?;
        let envoy = Envoy::on(bootstrap).concurrency(2).start().await?;
        assert_eq!(served_by(envoy.listener("first").context("first")?).await?, ["200 blue"]);
        assert_eq!(served_by(envoy.listener("second").context("second")?).await?, ["200 stable"]);
        assert_logged(
            &envoy.log()?,
            "second",
            "critical",
            "first policy refused, NO POLICY IN FORCE, traffic keeps to its default routes: 4 mistakes",
        );
        assert_eq!(stat(&envoy, "policy_missing.first").await?, 0);
        assert_eq!(stat(&envoy, "policy_missing.second").await?, 1);
        assert_eq!(stat(&envoy, "policy_version.first").await?, 3);
        Ok(())
    })
}

#[test]
fn a_first_policy_that_is_bad_still_strips_what_clients_claim() -> Result<()> {
    block_on(async {
        let services = services().await?;
        let [stable, blue, green] = &services;
        let bootstrap = two_inline_plugins(&[stable, blue, green], "not even JSON", BAD)?;
        let envoy = Envoy::on(bootstrap).concurrency(2).start().await?;
        for name in ["first", "second"] {
            let request = Request::get("/")
                .host("any.example.com")
                .header("x-traffic-label", "version=v2")
                .header("x-canary", "v2");
            let response = Client::to(envoy.listener(name).context(name)?).send(&request).await?;
            assert_eq!(response.served_by(), Some("stable"));
            let seen = response.echo()?;
            assert_eq!((seen.header("x-traffic-label"), seen.header("x-canary")), (None, None), "{name}");
        }
        Ok(())
    })
}

#[test]
fn a_bad_first_policy_still_strips_under_the_names_that_it_gave() -> Result<()> {
    block_on(async {
        let services = services().await?;
        let [stable, blue, green] = &services;
        let renamed = BAD.replace(
            r#""releases": [{"#,
            r#""names": {"label": "x-our-label"}, "releases": [{"overrides": {"headers": ["x-force"], "cookies": ["force"]},"#,
        );
        let bootstrap = two_inline_plugins(&[stable, blue, green], &renamed, &all_to("blue", 1))?;
        let envoy = Envoy::on(bootstrap).concurrency(2).start().await?;
        let request = Request::get("/").host("any.example.com").header("x-our-label", "version=v2");
        let request = request.header("x-force", "v2").header("cookie", "a=1; force=v2");
        let response = Client::to(envoy.listener("first").context("first")?).send(&request).await?;
        let seen = response.echo()?;
        assert_eq!(response.served_by(), Some("stable"));
        assert_eq!((seen.header("x-our-label"), seen.header("x-force")), (None, None));
        assert_eq!(seen.header("cookie").as_deref(), Some(b"a=1".as_slice()));
        Ok(())
    })
}

/// Names should be each plugin's own. Where they are not, a worker must still not be left without its filter.
#[test]
fn two_plugins_of_one_name_each_keep_a_filter() -> Result<()> {
    block_on(async {
        let services = services().await?;
        let [stable, blue, green] = &services;
        let good = all_to("green", 1).replace("edge", "mesh");
        let plugins = [("twin", BAD), ("twin", good.as_str())];
        let bootstrap = two_inline_plugins_named(&[stable, blue, green], plugins)?;
        let envoy = Envoy::on(bootstrap).concurrency(2).start().await?;
        assert_eq!(served_by(envoy.listener("first").context("first")?).await?, ["200 stable"]);
        assert_eq!(served_by(envoy.listener("second").context("second")?).await?, ["200 green"]);
        for _ in 0..TIMES {
            let request = Request::get("/").host("any.example.com").header("x-canary", "v2");
            let response = Client::to(envoy.listener("first").context("first")?).send(&request).await?;
            assert_eq!(response.echo()?.header("x-canary"), None, "the edge listener strips on every worker");
        }
        Ok(())
    })
}

#[test]
fn a_bad_update_is_refused_and_the_policy_before_stays() -> Result<()> {
    block_on(async {
        let services = services().await?;
        let envoy = start_with_file(&services, &PluginFile::checked_in()?.configuration(BAD)?).await?;
        assert_eq!(
            served_by(envoy.address()).await?,
            ["200 stable"],
            "a bad first file leaves default routes"
        );
        assert_eq!(stat(&envoy, "policy_missing.graylane").await?, 1);

        envoy.accept(&PluginFile::checked_in()?.configuration(&all_to("green", 8))?).await?;
        assert_eq!(served_by(envoy.address()).await?, ["200 green"]);
        assert_eq!(stat(&envoy, "policy_missing.graylane").await?, 0);
        assert_eq!(stat(&envoy, "policy_version.graylane").await?, 8);
        let since = stat(&envoy, "policy_since_seconds.graylane").await?;
        let age = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs().checked_sub(since);
        assert!(age.is_some_and(|age| age < 60), "{since}");

        let bad =
            envoy.publish(&PluginFile::checked_in()?.configuration(BAD.replace('7', "9").as_str())?).await?;
        assert_eq!(bad, Verdict::Refused);
        assert_eq!(served_by(envoy.address()).await?, ["200 green"]);
        assert_eq!(stat(&envoy, "policy_refused.graylane").await?, 1);
        assert_eq!(stat(&envoy, "policy_version.graylane").await?, 8);
        let headline = "policy refused, the one before stays in force: 4 mistakes";
        assert_logged(&envoy.log()?, "graylane", "error", headline);

        envoy.accept(&PluginFile::checked_in()?.configuration(&all_to("blue", 9))?).await?;
        assert_eq!(served_by(envoy.address()).await?, ["200 blue"]);
        Ok(())
    })
}

/// Who configures plugins owns their order: a reverted manifest must not leave old proxies with the new policy.
#[test]
fn a_lower_version_is_in_force_and_the_log_warns_of_it() -> Result<()> {
    block_on(async {
        let services = services().await?;
        let envoy =
            start_with_file(&services, &PluginFile::checked_in()?.configuration(&all_to("green", 8))?)
                .await?;
        envoy.accept(&PluginFile::checked_in()?.configuration(&all_to("blue", 7))?).await?;
        assert_eq!(served_by(envoy.address()).await?, ["200 blue"]);
        assert_eq!(stat(&envoy, "policy_version.graylane").await?, 7);
        let log = envoy.log()?;
        let warned = |line: &str| {
            line.contains("[warning]") && line.ends_with("graylane graylane: policy version 7 comes after 8")
        };
        assert_eq!(log.lines().filter(|line| warned(line)).count(), 1, "{log}");
        Ok(())
    })
}

/// Envoy remembers what it has once accepted and does not try it again: a policy that was bad at the start comes
/// back, after a good one, without being asked for. The good one must stay all the same.
#[test]
fn a_bad_first_policy_that_comes_back_after_a_good_one_does_not_displace_it() -> Result<()> {
    block_on(async {
        let services = services().await?;
        let folder = tempfile::tempdir()?;
        let trapping = trapping_module(folder.path())?;
        let plugin =
            |configuration: &str| PluginFile::checked_in()?.module(&trapping)?.configuration(configuration);
        let envoy = start_with_file(&services, &plugin(BAD)?).await?;
        envoy.accept(&plugin(&all_to("green", 8))?).await?;
        assert_eq!(stat(&envoy, "policy_kept.graylane").await?, 0);

        assert_eq!(envoy.publish(&plugin(BAD)?).await?, Verdict::Accepted, "Envoy does not ask again");
        assert_eq!(served_by(envoy.address()).await?, ["200 green"]);
        assert_ne!(stat(&envoy, "policy_kept.graylane").await?, 0);
        let headline = "bad policy came back unasked, the one before stays in force: 4 mistakes";
        assert_logged(&envoy.log()?, "graylane", "critical", headline);

        // Only where a VM is lost as well, nobody is left who knows the good one: default routes, no errors.
        lose_every_vm(&envoy).await?;
        assert_eq!(served_by(envoy.address()).await?, ["200 stable"]);

        envoy.accept(&plugin(&all_to("blue", 9))?).await?;
        assert_eq!(served_by(envoy.address()).await?, ["200 blue"]);
        assert_eq!(stat(&envoy, "policy_kept.graylane").await?, 0);
        Ok(())
    })
}

/// Of a large one VMs take over what another has compiled.
#[test]
fn a_policy_survives_the_loss_of_every_vm_and_a_bad_update_after_it_is_refused() -> Result<()> {
    block_on(async {
        let services = services().await?;
        let folder = tempfile::tempdir()?;
        let trapping = trapping_module(folder.path())?;
        for blanks in [0, 1 << 17] {
            let plugin = |configuration: &str| {
                let configuration = configuration.to_owned() + &" ".repeat(blanks);
                PluginFile::checked_in()?.module(&trapping)?.configuration(&configuration)
            };
            let envoy = start_with_file(&services, &plugin(&all_to("green", 1))?).await?;
            lose_every_vm(&envoy).await?;
            assert_eq!(served_by(envoy.address()).await?, ["200 green"], "the policy after the reload");
            assert_eq!(envoy.log()?.contains("1 releases, taken over"), blanks > 0);

            assert_eq!(envoy.publish(&plugin(BAD)?).await?, Verdict::Refused);
            assert_eq!(served_by(envoy.address()).await?, ["200 green"], "the policy after the refusal");
            lose_every_vm(&envoy).await?;
            assert_eq!(served_by(envoy.address()).await?, ["200 green"], "the policy after both");
            assert_eq!(stat(&envoy, "policy_missing.graylane").await?, 0);
        }
        Ok(())
    })
}

#[test]
fn a_new_module_with_a_bad_policy_is_refused_as_a_whole() -> Result<()> {
    block_on(async {
        let services = services().await?;
        let folder = tempfile::tempdir()?;
        let envoy =
            start_with_file(&services, &PluginFile::checked_in()?.configuration(&all_to("green", 1))?)
                .await?;
        // Other code means a VM that has never seen a policy.
        let other = PluginFile::checked_in()?.module(&trapping_module(folder.path())?)?;
        assert_eq!(envoy.publish(&other.clone().configuration(BAD)?).await?, Verdict::Refused);
        assert_eq!(served_by(envoy.address()).await?, ["200 green"]);
        envoy.accept(&other.configuration(&all_to("blue", 2))?).await?;
        assert_eq!(served_by(envoy.address()).await?, ["200 blue"]);
        Ok(())
    })
}

async fn start_with_file(services: &[Upstream], plugin: &PluginFile) -> Result<Envoy> {
    let mut bootstrap = Bootstrap::load("lane-header")?;
    for service in services {
        bootstrap.endpoint(service.name(), service.address())?;
    }
    Envoy::on(bootstrap).concurrency(2).plugin(plugin.clone()).start().await
}

/// The number of headers, as the filter sees it, at which [`trapping_module`] traps.
const TRAP_AT: usize = 77;

/// The module, changed so that a request with [`TRAP_AT`] headers traps: nothing in the module itself does.
fn trapping_module(folder: &Path) -> Result<std::path::PathBuf> {
    use walrus::ir::{BinaryOp, Unreachable};
    use walrus::{ExportItem, FunctionBuilder, Module, ValType};

    let mut module = Module::from_file(module()?)?;
    let export = module.exports.iter().find(|export| export.name == "proxy_on_request_headers");
    let export = export.context("the module takes request headers")?;
    let (ExportItem::Function(original), id) = (export.item, export.id()) else {
        return Err(graylane_testbed::Error::msg("proxy_on_request_headers is no function"));
    };
    let mut builder = FunctionBuilder::new(&mut module.types, &[ValType::I32; 3], &[ValType::I32]);
    let parameters: Vec<_> = (0..3).map(|_| module.locals.add(ValType::I32)).collect();
    let at = i32::try_from(TRAP_AT)?;
    let mut body = builder.func_body();
    body.local_get(parameters[1]).i32_const(at).binop(BinaryOp::I32Eq);
    body.if_else(
        None,
        |then| {
            then.instr(Unreachable {});
        },
        |_| {},
    );
    for parameter in &parameters {
        body.local_get(*parameter);
    }
    body.call(original);
    let wrapper = builder.finish(parameters, &mut module.funcs);
    module.exports.get_mut(id).item = ExportItem::Function(wrapper);
    let path = folder.join("trapping.wasm");
    module.emit_wasm_file(&path)?;
    Ok(path)
}

/// Sends requests that trap until both workers have lost their VM and have a new one.
async fn lose_every_vm(envoy: &Envoy) -> Result<()> {
    let reloads = async || -> Result<u64> {
        Ok(envoy.admin().stat("wasm.graylane.vm_reload_success").await?.unwrap_or_default())
    };
    let before = reloads().await?;
    graylane_testbed::eventually(
        "every worker to lose its VM",
        std::time::Duration::from_mins(1),
        async || {
            let mut poison = Request::get("/").host("shop.example.com");
            let seen = Client::to(envoy.address()).send(&poison).await?;
            // Envoy adds headers of its own before the filter counts them; the echo tells how many there are.
            let own = seen.echo().map_or(0, |echo| echo.headers.len());
            for number in 0..TRAP_AT.saturating_sub(own) {
                poison = poison.header(format!("x-fill-{number}"), "x");
            }
            let _ = Client::to(envoy.address()).send(&poison).await?;
            Ok((reloads().await? >= before + 2).then_some(()))
        },
    )
    .await?;
    // The last poison may have hit a VM again; Envoy gives it a new one after a pause of a second or so.
    graylane_testbed::eventually("every worker to answer", std::time::Duration::from_mins(1), async || {
        Ok((!served_by(envoy.address()).await?.iter().any(|answer| answer.starts_with("503"))).then_some(()))
    })
    .await
}
