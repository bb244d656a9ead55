//! The checked-in bootstraps and their policy file, as they are.

use std::process::Command;

use graylane_testbed::{
    Bootstrap, Client, Envoy, PluginFile, Request, Result, block_on, envoy_binary, module, noop_module, root,
};
use serde_json::Value;

use crate::{MANAGER, Services, WIRINGS, plugin};

/// The policy file that the bootstraps point to.
#[test]
fn the_checked_in_policy_is_in_force() -> Result<()> {
    block_on(async {
        let services = Services::start().await?;
        let policy = PluginFile::checked_in()?.module(&module()?)?;
        let envoy = Envoy::on(services.behind("lane-header")?).plugin(policy.clone()).start().await?;
        envoy.accept(&policy).await?;
        let request = Request::get("/").host("shop.example.com:10000").header("x-tester", "yes");
        let response = Client::to(envoy.address()).send(&request).await?;
        assert_eq!((response.served_by(), response.header("x-gray-lane")), (Some("v2"), Some(&b"v2"[..])));
        Ok(())
    })
}

/// Envoy reads the module again whenever it takes another configuration, and only then.
#[test]
fn a_module_replaced_in_place_comes_with_the_next_policy() -> Result<()> {
    block_on(async {
        let services = Services::start().await?;
        let envoy = Envoy::on(services.behind("lane-header")?).start().await?;
        let path = envoy.folder().join("module.wasm");
        std::fs::copy(noop_module()?, &path)?;
        envoy.accept(&plugin()?.module(&path)?.configuration("{}")?).await?;
        let lane = async || {
            let request = Request::get("/").host("shop.example.com");
            let echo = Client::to(envoy.address()).send(&request).await?.echo()?;
            Result::<_>::Ok(echo.header("x-gray-lane"))
        };
        std::fs::copy(module()?, &path)?;
        assert_eq!(lane().await?, None);
        envoy.accept(&plugin()?.module(&path)?).await?;
        assert_eq!(lane().await?, Some(b"stable".to_vec()));
        Ok(())
    })
}

/// As checked in, from the top of the repository: what the README tells people to type.
#[test]
fn every_bootstrap_is_valid_as_it_is() -> Result<()> {
    for wiring in WIRINGS {
        let mut envoy = Command::new(envoy_binary()?);
        let file = format!("envoy/{wiring}.yaml");
        let output = envoy.args(["--mode", "validate", "-c", &file]).current_dir(root()).output()?;
        assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// The bootstraps differ in routes and clusters, and in nothing else.
#[test]
fn all_wirings_share_the_same_edge() -> Result<()> {
    let mut edges = Vec::new();
    for wiring in WIRINGS {
        let mut bootstrap = Bootstrap::load(wiring)?;
        let document = bootstrap.document_mut();
        let manager =
            document.pointer_mut(MANAGER).and_then(Value::as_object_mut).expect("a connection manager");
        manager.remove("route_config").expect("routes");
        document["static_resources"]["clusters"].take();
        edges.push(document.clone());
    }
    for (edge, wiring) in edges.iter().zip(WIRINGS) {
        assert_eq!(
            edge, &edges[0],
            "{wiring}.yaml differs from {}.yaml outside of routes and clusters",
            WIRINGS[0]
        );
    }
    Ok(())
}
