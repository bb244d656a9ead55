//! `graylane render envoy` with what a configuration has beside the policy: the secrets that it names, and what is counted.
#![cfg(test)]

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use graylane_testbed::{Bootstrap, Client, Envoy, PluginFile, Request, Result, Upstream, block_on, module};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The policy, the key and the MACs of `tests/scenarios/sticky.yaml`, which were computed outside.
const POLICY: &str = "
language: 1
releases:
- name: shop
  revision: 3
  match: {hosts: [shop.example.com]}
  lanes: [{name: stable}, {name: v2}]
  canary: {salt: shop, stable: stable, candidates: [{lane: v2, percent: 10}]}
  sticky: {key: k1}
  respond: {cache: private}
";
const KEYS: &str = "k1: 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";
const SECRET: &str = "00112233445566778899aabbccddeeff";

/// A folder with a policy and its keys.
fn folder(policy: &str, keys: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("policy.yaml"), policy).expect("a file");
    std::fs::write(folder.path().join("keys.yaml"), keys).expect("a file");
    folder
}

/// Exit code, standard output, standard error.
fn render(folder: &Path, arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_graylane"));
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        program.env_remove(variable);
    }
    program.args(["render", "envoy", "--trust", "edge"]).args(arguments).current_dir(folder);
    let pipes = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = pipes.spawn().expect("it starts");
    // One that refuses its arguments does not read.
    let _ = running.stdin.take().expect("it has an input").write_all(input.as_bytes());
    let output = running.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("it writes text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The configuration of the plugin that a rendered file holds.
fn configuration(rendered: &str) -> Value {
    let file: Value = serde_json::from_str(rendered).expect("JSON");
    let text = &file["resources"][0]["typed_config"]["config"]["configuration"]["value"];
    serde_json::from_str(text.as_str().expect("text")).expect("JSON")
}

#[test]
fn keys_are_part_of_what_is_rendered() {
    let folder = folder(POLICY, KEYS);
    std::fs::write(folder.path().join("keys.json"), format!(r#"{{"k0": "{SECRET}", "k1": "{SECRET}"}}"#))
        .expect("a file");
    for (arguments, input, ids) in [
        (["policy.yaml", "--keys", "keys.yaml"], "", ["k1"].as_slice()),
        (["policy.yaml", "--keys", "keys.json"], "", &["k0", "k1"]),
        (["policy.yaml", "--keys", "-"], KEYS, &["k1"]),
        (["-", "--keys", "keys.yaml"], POLICY, &["k1"]),
    ] {
        let (code, rendered, told) = render(folder.path(), &arguments, input);
        assert_eq!((code, told.as_str()), (Some(0), ""), "{arguments:?}");
        let configuration = configuration(&rendered);
        let keys = configuration["keys"].as_object().expect("a map");
        assert_eq!(keys.keys().collect::<Vec<_>>(), ids, "{arguments:?}");
        assert!(graylane::load(configuration.to_string().as_bytes()).plan.is_ok(), "the module takes it");
    }
}

#[test]
fn keys_are_read_once_for_the_policy_and_the_next_one() {
    let folder = folder(POLICY, KEYS);
    std::fs::write(folder.path().join("next.yaml"), POLICY.replace("percent: 10", "percent: 20"))
        .expect("a file");
    let arguments = ["policy.yaml", "--keys", "-", "--shadow", "next.yaml"];
    let (code, rendered, told) = render(folder.path(), &arguments, KEYS);
    assert_eq!((code, told.as_str()), (Some(0), ""));
    let percent = "/shadow/releases/0/canary/candidates/0/percent";
    assert_eq!(configuration(&rendered).pointer(percent), Some(&json!(20)));
    // Their mistakes are told once, too.
    let (code, _, told) = render(folder.path(), &arguments, &KEYS.replace("k1", "k 1"));
    let of_keys = told.lines().filter(|line| line.starts_with("<stdin>")).count();
    assert_eq!((code, of_keys), (Some(1), 1), "{told}");
}

#[test]
fn metrics_are_part_of_what_is_rendered() {
    let folder = folder(POLICY, KEYS);
    std::fs::write(folder.path().join("metrics.yaml"), "lanes: 200\n").expect("a file");
    std::fs::write(folder.path().join("metrics.json"), r#"{"requestsOnly": true}"#).expect("a file");
    for (file, input, metrics) in [
        ("metrics.yaml", "", json!({"lanes": 200})),
        ("metrics.json", "", json!({"requestsOnly": true})),
        ("-", "{lanes: 5, grpcStatus: true}", json!({"lanes": 5, "grpcStatus": true})),
        ("-", "{}", Value::Null),
    ] {
        let arguments = ["policy.yaml", "--keys", "keys.yaml", "--metrics", file];
        let (code, rendered, told) = render(folder.path(), &arguments, input);
        assert_eq!((code, told.as_str()), (Some(0), ""), "{file}");
        let configuration = configuration(&rendered);
        assert_eq!(configuration["metrics"], metrics, "{file}");
        let loaded = graylane::load(configuration.to_string().as_bytes());
        let counted = json!(loaded.metrics);
        assert_eq!(counted, if metrics.is_null() { json!({}) } else { metrics }, "the module takes it");
        assert!(loaded.plan.is_ok(), "{:?}", loaded.plan);
    }
}

#[test]
fn the_mistakes_of_metrics_are_told_with_those_of_the_policies_each_in_its_line() {
    let folder = folder(&POLICY.replace("stable: stable", "stable: stabel"), KEYS);
    std::fs::write(folder.path().join("next.yaml"), POLICY.replace("percent: 10", "percent: 101"))
        .expect("a file");
    let metrics = "lanes: many\ngrpc_status: true\nlanes: 5\nrequestsOnly: 1\n";
    std::fs::write(folder.path().join("metrics.yaml"), metrics).expect("a file");
    let arguments = [
        ["policy.yaml", "--keys", "keys.yaml", "--metrics", "metrics.yaml"].as_slice(),
        &["--shadow", "next.yaml", "-o", "ecds.json"],
    ];
    let (code, out, told) = render(folder.path(), &arguments.concat(), "");
    assert_eq!((code, out.as_str()), (Some(1), ""));
    let heads: Vec<&str> = told.lines().filter(|line| line.contains(": error: ")).collect();
    let starts = [
        "metrics.yaml:1:8: error: lanes: Wrong type: \"many\": must be a whole number",
        "metrics.yaml:2:1: error: grpc_status: Unknown field: allowed: lanes, grpcStatus, requestsOnly",
        "metrics.yaml:3:1: error: lanes: Duplicate value",
        "metrics.yaml:4:15: error: requestsOnly: Wrong type: 1: must be true or false",
        "next.yaml:8:73: error: releases[0].canary.candidates[0].percent: Invalid value: 101",
        "policy.yaml:8:32: error: releases[0].canary.stable: Not found: \"stabel\"",
    ];
    assert_eq!(heads.len(), starts.len(), "{told}");
    for (head, start) in heads.iter().zip(starts) {
        assert!(head.starts_with(start), "{start}\n{told}");
    }
    assert!(told.contains("help: did you mean \"grpcStatus\"?"), "{told}");
    assert!(!folder.path().join("ecds.json").exists());
    for (text, what) in [
        ("", "<stdin>:1:1: error: Wrong type: null: must be a map"),
        ("{lanes: 5", "<stdin>:1:1: error: Syntax error: the metrics must be YAML: "),
        ("lanes: -1", "<stdin>:1:8: error: lanes: Invalid value: -1: must be a whole number between 0 and "),
    ] {
        let arguments = ["policy.yaml", "--keys", "keys.yaml", "--metrics", "-"];
        let (code, _, told) = render(folder.path(), &arguments, text);
        assert!(code == Some(1) && told.starts_with(what), "{told}");
    }
}

#[test]
fn a_policy_that_names_a_key_is_not_rendered_without_it() {
    let folder = folder(POLICY, &KEYS.replace("k1", "k2"));
    let (code, out, told) = render(folder.path(), &["policy.yaml"], "");
    assert_eq!((code, out.as_str()), (Some(1), ""));
    let way_out = "give the file of the plugin's keys with --keys, or leave the cookie without a key";
    assert!(
        told.starts_with(&format!(
            "policy.yaml:9:17: error: releases[0].sticky.key: Not found: \"k1\": {way_out}\n"
        )),
        "{told}"
    );
    let (code, out, told) = render(folder.path(), &["policy.yaml", "--keys", "keys.yaml"], "");
    assert_eq!((code, out.as_str()), (Some(1), ""));
    let wanted = "policy.yaml:9:17: error: releases[0].sticky.key: Not found: \"k1\": allowed: k2\n";
    assert!(told.starts_with(wanted), "{told}");
}

#[test]
fn the_mistakes_of_policy_and_keys_are_told_together_and_no_secret_with_them() {
    let keys = format!("k 0: {SECRET}\nk2: {SECRET}xx\nk3: 12345678901234567890123456789012\n");
    let folder = folder(&POLICY.replace("stable: stable", "stable: stabel"), &keys);
    let arguments = ["policy.yaml", "--keys", "keys.yaml", "-o", "ecds.json"];
    let (code, out, told) = render(folder.path(), &arguments, "");
    assert_eq!((code, out.as_str()), (Some(1), ""));
    let heads: Vec<&str> =
        told.lines().filter_map(|line| line.split_once(": error: ").map(|it| it.1)).collect();
    let starts = [
        "\"k 0\": Invalid value: \"k 0\": letters, ",
        "k2: Invalid value: 32 to 128 hexadecimal digits, an even number of them",
        "k3: Wrong type: must be text; digits alone are a number unless they stand in quotes",
        "releases[0].canary.stable: Not found: \"stabel\"",
        "releases[0].sticky.key: Not found: \"k1\": allowed: k 0, k2, k3",
    ];
    assert_eq!(heads.len(), starts.len(), "{told}");
    assert!(heads.iter().zip(starts).all(|(head, start)| head.starts_with(start)), "{told}");
    assert!(!told.contains(SECRET) && !told.contains("1234567890"), "{told}");
    assert!(!folder.path().join("ecds.json").exists());
}

#[test]
fn what_cannot_be_read_is_no_mistake_of_a_policy() {
    let folder = folder(POLICY, KEYS);
    for (arguments, why) in [
        (&["-", "--keys", "-"][..], "graylane: standard input can only be one of the files\n"),
        (
            &["policy.yaml", "--keys", "-", "--shadow", "-"],
            "graylane: standard input can only be one of the files\n",
        ),
        (
            &["policy.yaml", "--keys", "-", "--metrics", "-"],
            "graylane: standard input can only be one of the files\n",
        ),
        (&["policy.yaml", "--keys", "none.yaml"], "graylane: cannot read none.yaml: "),
        (&["policy.yaml", "--metrics", "none.yaml"], "graylane: cannot read none.yaml: "),
    ] {
        let (code, out, told) = render(folder.path(), arguments, "");
        assert_eq!((code, out.as_str()), (Some(2), ""), "{told}");
        assert!(told.starts_with(why), "{told}");
    }
    let (code, _, told) = render(folder.path(), &["policy.yaml", "-o", "x", "--mode", "1777"], "");
    assert_eq!(code, Some(2));
    assert!(told.contains("octal digits, 0 to 777"), "{told}");
}

#[test]
fn a_file_with_secrets_is_not_for_everybody() {
    let folder = folder(POLICY, KEYS);
    let without = POLICY.replace("sticky: {key: k1}", "sticky: {}");
    let (with_keys, file) =
        (["policy.yaml", "--keys", "keys.yaml"].as_slice(), folder.path().join("ecds.json"));
    for (arguments, more, mode) in [
        (with_keys, [].as_slice(), 0o640),
        (with_keys, &["--mode", "644"], 0o644),
        (with_keys, &["--mode", "0600"], 0o600),
        (&["-"], &[], 0o644),
        (&["-"], &["--mode", "600"], 0o600),
    ] {
        let arguments = [arguments, &["-o", "ecds.json"], more].concat();
        let (code, out, told) = render(folder.path(), &arguments, &without);
        assert_eq!((code, out.as_str(), told.as_str()), (Some(0), "", ""), "{arguments:?}");
        let found = std::fs::metadata(&file).expect("it is written").permissions().mode() & 0o777;
        assert_eq!(found, mode, "{arguments:?}");
    }
}

#[test]
fn envoy_honours_a_cookie_with_a_mac_of_that_key() -> Result<()> {
    block_on(async {
        let (folder, module) = (folder(POLICY, KEYS), module()?);
        let path = Path::to_str(&module).expect("a path");
        let arguments = ["policy.yaml", "--keys", "keys.yaml", "--module", path];
        let (_, rendered, _) = render(folder.path(), &arguments, "");
        let plugin = PluginFile::of(serde_json::from_str(&rendered)?);
        let (stable, v2) = (Upstream::start("stable").await?, Upstream::start("v2").await?);
        let mut bootstrap = Bootstrap::load("lane-header")?;
        bootstrap.endpoint("stable", stable.address())?;
        bootstrap.endpoint("v2", v2.address())?;
        let envoy = Envoy::on(bootstrap).plugin(plugin).start().await?;
        let mut client = Client::to(envoy.address());
        // By its bucket user-1 is in stable; the second MAC is that of user-9.
        for (cookie, lane) in [
            ("shop~v2~3~d54d86c90dc55d57457d4a154a43281e", "v2"),
            ("shop~v2~3~141318f3d08929773c57e7eca346aa8d", "stable"),
            ("shop~v2~3", "stable"),
        ] {
            let request = Request::get("/").host("shop.example.com").header("x-gray-id", "user-1");
            let request = request.header("cookie", format!("gray_shop={cookie}"));
            assert_eq!(client.send(&request).await?.served_by(), Some(lane), "{cookie}");
        }
        Ok(())
    })
}

#[test]
fn what_is_rendered_takes_the_place_of_nothing_that_it_is_rendered_from() {
    let folder = folder(POLICY, KEYS);
    std::fs::write(folder.path().join("metrics.yaml"), "{}").expect("a file");
    let read_from = ["policy.yaml", "--keys", "keys.yaml", "--metrics", "metrics.yaml"];
    for output in ["policy.yaml", "keys.yaml", "metrics.yaml", "./policy.yaml"] {
        let (code, _, told) = render(folder.path(), &[read_from.as_slice(), &["-o", output]].concat(), "");
        assert_eq!(code, Some(2), "{told}");
        assert!(told.contains("would be replaced by what is rendered from it"), "{told}");
    }
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("a file");
    assert_eq!((read("policy.yaml").as_str(), read("keys.yaml").as_str()), (POLICY, KEYS));
    // As everywhere, - is no file.
    let (code, rendered, _) = render(folder.path(), &["policy.yaml", "--keys", "keys.yaml", "-o", "-"], "");
    assert_eq!(code, Some(0));
    assert_eq!(configuration(&rendered)["trust"], "edge");
    assert!(!folder.path().join("-").exists());
}
