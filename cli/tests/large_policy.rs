//! What is said of a policy that is large for the configuration of a plugin.
#![cfg(test)]

use std::fmt::Write;
use std::process::Command;

/// A policy with so many canaries, each of about 200 bytes.
fn policy(releases: usize) -> String {
    let mut policy = "language: 1\nreleases:\n".to_owned();
    for number in 0..releases {
        let name = format!("release-{number}");
        let lanes = "lanes: [{name: stable}, {name: v2}], respond: {cache: private}";
        let canary = "canary: {stable: stable, candidates: [{lane: v2, percent: 5}]}";
        let _ = writeln!(policy, "- {{name: {name}, match: {{hosts: [{name}]}}, {lanes}, {canary}}}");
    }
    policy
}

const FACTS: &str = "\
module: {url: 'oci://registry.example.com/graylane@sha256:0011223344556677889900112233445566778899001122334455667788990011'}
gateway: {name: ingress, namespace: istio-ingress, labels: {istio: ingress}}
services:
- release: release-0
  name: release-0
  namespace: shop
  port: 8080
  selector: {app: release-0}
  lanes: {stable: {labels: {version: v1}, serving: true}, v2: {labels: {version: v2}}}
";

#[test]
fn who_checks_or_renders_a_large_policy_is_told_what_to_do_and_may_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    write("facts.yaml", FACTS);
    write("small.yaml", &policy(500));
    write("large.yaml", &policy(6_000));
    let told = |arguments: &[&str]| {
        let mut graylane = Command::new(env!("CARGO_BIN_EXE_graylane"));
        let output = graylane.args(arguments).current_dir(folder.path()).output().expect("it runs");
        let told = String::from_utf8(output.stderr).expect("text");
        assert!(output.status.success(), "{arguments:?}: {told}");
        told
    };
    let (file, plugin) = ("large.yaml", "WasmPlugin istio-ingress/graylane-gateway");
    for (arguments, place) in [
        (&["check", "--strict"][..], file),
        (&["render", "envoy", "--trust", "edge"], file),
        (&["render", "istio", "--facts", "facts.yaml"], plugin),
        (&["render", "gateway-api", "--facts", "facts.yaml"], plugin),
    ] {
        assert!(!told(&[arguments, &["small.yaml"]].concat()).contains("warning"), "{arguments:?}");
        let large = told(&[arguments, &["large.yaml"]].concat());
        assert!(large.starts_with(&format!("warning: {place}: 1")), "{arguments:?}: {large}");
        assert!(large.contains("follow them with the watch"), "{arguments:?}: {large}");
    }
    let removal = told(&["render", "istio", "large.yaml", "--facts", "facts.yaml", "--remove"]);
    assert!(!removal.contains("warning"), "{removal}");
}
