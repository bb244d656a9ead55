//! A folder, kept in the plugins of a mesh; a script stands in for kubectl. With a real API server `tests/cluster` does the same.

use std::os::unix::fs::PermissionsExt;

use graylane_testbed::Result;
use serde_json::{Value, json};

use crate::ground::{Ground, Ran};
use crate::sync::canary;

/// Nothing is there, and what is applied is left in a file.
const KUBECTL: &str = "#!/bin/sh
case \"$1\" in
get) cat > /dev/null ;;
*) cat > applied.json ;;
esac
";

const FACTS: &str = "\
module: {url: 'file:///etc/graylane.wasm'}
clients: [shop]
services:
- {release: shop, name: shop, namespace: shop, port: 80, lanes: {stable: {labels: {version: v1}}, v2: {labels: {version: v2}}}}
";

#[test]
fn what_is_told_of_requests_stands_in_each_plugin() -> Result<()> {
    let ground = Ground::empty();
    ground.write("kubectl", KUBECTL);
    std::fs::set_permissions(ground.path("kubectl"), std::fs::Permissions::from_mode(0o755))?;
    ground.write("facts.yaml", FACTS);
    ground.write("metrics.yaml", "lanes: 20\n");
    ground.write("policies/shop.yaml", canary("shop", 5));
    for (extension, place) in [
        ("wasm-plugin", "/spec/pluginConfig"),
        ("envoy-filter", "/spec/configPatches/1/patch/value/typed_config/config/configuration/value"),
    ] {
        let mut sync = ground.bare_command(&["sync", "istio", "--from", "policies", "--facts", "facts.yaml"]);
        sync.args(["--extension", extension, "--access-log", "--metrics", "metrics.yaml", "--once"]);
        let ran = Ran::from(sync.env("KUBECTL", ground.path("kubectl")).output()?);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let applied: Value = serde_json::from_str(&ground.read("applied.json"))?;
        let found = applied["items"][0].pointer(place).cloned().unwrap_or_default();
        let configuration = match &found {
            Value::String(text) => serde_json::from_str(text)?,
            configuration => configuration.clone(),
        };
        let told = json!([configuration["accessLog"], configuration["metrics"]]);
        assert_eq!(told, json!([true, {"lanes": 20}]), "{extension}: {applied:#}");
    }
    ground.write("metrics.yaml", "lane: 20\n");
    let ran = ground.bare(&[
        "sync",
        "istio",
        "--from",
        "policies",
        "--facts",
        "facts.yaml",
        "--metrics",
        "metrics.yaml",
        "--once",
    ]);
    assert!(ran.code == Some(1) && ran.told.starts_with("metrics.yaml:1:1: error: lane: Unknown"), "{ran:?}");
    Ok(())
}
