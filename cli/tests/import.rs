//! `graylane import`: a request gets the backend that it gets where the manifests come from.
#![cfg(test)]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use graylane::given::Given;
use graylane::plan::Plan;
use graylane::policy::Trust;
use graylane_cli::document::{Form, json, parse};
use graylane_testbed::root;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

#[derive(Debug, Deserialize)]
struct File {
    cases: Vec<Case>,
}

/// A case, as `cli/tests/import/README.md` has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    title: String,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    manifests: Option<String>,
    example: Option<String>,
    /// Further arguments of the program.
    #[serde(default)]
    arguments: Vec<String>,
    #[serde(default)]
    code: i32,
    #[serde(default)]
    told: Vec<String>,
    #[serde(default)]
    untold: bool,
    #[serde(default)]
    requests: Vec<Asked>,
    share: Option<f64>,
    /// The host that the share is counted at, and headers of these requests.
    #[serde(default = "foo")]
    host: String,
    #[serde(default)]
    with: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    what: String,
    #[serde(default = "foo")]
    host: String,
    #[serde(default = "slash")]
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    expect: String,
}

fn foo() -> String {
    "foo".to_owned()
}

fn slash() -> String {
    "/".to_owned()
}

/// What the program did.
struct Done {
    code: Option<i32>,
    out: String,
    told: String,
}

fn run(arguments: &[&str], input: &str, folder: &Path) -> Done {
    let mut program = Command::new(env!("CARGO_BIN_EXE_graylane"));
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        program.env_remove(variable);
    }
    program.args(arguments).current_dir(folder);
    let pipes = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = pipes.spawn().expect("it starts");
    // One that refuses its arguments does not read.
    let _ = running.stdin.take().expect("it has an input").write_all(input.as_bytes());
    let output = running.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("it writes text");
    Done { code: output.status.code(), out: text(output.stdout), told: text(output.stderr) }
}

fn read<T: DeserializeOwned>(yaml: &str) -> T {
    let node = parse(yaml, Form::Yaml).unwrap_or_else(|fault| panic!("{}", fault.message));
    serde_json::from_value(json(&node)).expect("its form")
}

fn cases(system: &str) -> Vec<Case> {
    let folder = root().join("cli/tests/import").join(system);
    let files = std::fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path());
    let read_file = |path| std::fs::read_to_string(path).expect("text");
    let cases: Vec<Case> = files.flat_map(|path| read::<File>(&read_file(path)).cases).collect();
    assert!(!cases.is_empty(), "there are no cases of {system}");
    cases
}

/// The Ingresses of a case: its own, or the pair that its annotations belong to.
fn manifests(case: &Case) -> String {
    if let Some(example) = &case.example {
        return std::fs::read_to_string(root().join(format!("examples/import/{example}.yaml")))
            .expect("a file");
    }
    if let Some(manifests) = &case.manifests {
        return manifests.clone();
    }
    let ingress = |name: &str, annotations: &Value| {
        serde_json::json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"name": format!("{name}-ingress"), "annotations": annotations},
            "spec": {"rules": [{"host": "foo", "http": {"paths": [{
                "path": "/", "pathType": "Prefix",
                "backend": {"service": {"name": name, "port": {"number": 80}}},
            }]}}]},
        })
    };
    let mut annotations = BTreeMap::from([(annotation("canary"), "true".to_owned())]);
    annotations.extend(case.annotations.iter().map(|(name, value)| (annotation(name), value.clone())));
    format!(
        "{}\n---\n{}\n",
        ingress("main", &serde_json::json!({})),
        ingress("next", &serde_json::json!(annotations))
    )
}

fn annotation(name: &str) -> String {
    format!("nginx.ingress.kubernetes.io/{name}")
}

/// A policy, and what is behind its lanes.
struct Policy {
    plan: Plan,
    facts: Value,
}

impl Policy {
    fn of(yaml: &str, facts: &str) -> Self {
        let node = parse(yaml, Form::Yaml).unwrap_or_else(|fault| panic!("{}", fault.message));
        let plan = graylane::compile_node(&node).unwrap_or_else(|errors| panic!("{errors:?}\n{yaml}"));
        Policy { plan, facts: read(facts) }
    }

    /// The lane of a request at an edge listener.
    fn lane(&self, host: &str, path: &str, headers: &BTreeMap<String, String>) -> Option<(String, String)> {
        let pseudo = [(":authority", host), (":path", path), (":method", "GET")];
        let lower: Vec<(String, &String)> =
            headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        let own = lower.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let headers = pseudo.into_iter().chain(own).collect();
        let source_address = Some("192.0.2.1".parse().expect("an address"));
        let request = Given { headers, source_address, random: Some([7; 16]), ..Given::default() };
        let decision = graylane::decide(&self.plan, Trust::Edge, &request);
        let entry = decision.entries.first()?;
        let release = self.plan.release(entry.release)?;
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Some((text(release.name()), text(release.lane_name(entry.served?))))
    }

    /// The service behind a request, or its subset.
    fn backend(&self, host: &str, path: &str, headers: &BTreeMap<String, String>) -> String {
        let Some((release, lane)) = self.lane(host, path, headers) else { return "none".to_owned() };
        let services = self.facts["services"].as_array().into_iter().flatten();
        let mut lanes =
            services.filter(|service| service["release"] == *release).map(|service| &service["lanes"]);
        let facts = lanes.next().map_or(&Value::Null, |lanes| &lanes[&*lane]);
        let backend = facts.get("subset").unwrap_or(&facts["service"]);
        backend.as_str().unwrap_or_else(|| panic!("no fact of {release}, {lane}")).to_owned()
    }

    /// The share of users, in percent, who are not in the first lane.
    fn share(&self, case: &Case) -> f64 {
        const USERS: u32 = 20_000;
        let mut lanes: BTreeMap<String, u32> = BTreeMap::new();
        for user in 0..USERS {
            let mut headers = case.with.clone();
            headers.insert("x-gray-id".to_owned(), format!("user-{user}"));
            *lanes.entry(self.backend(&case.host, "/", &headers)).or_default() += 1;
        }
        // Stable and main come first where it matters; of several others each has the same share.
        let second = ["next", "canary", "v2", "account-next", "web-next", "shop-v2"];
        let count: u32 = second.into_iter().filter_map(|name| lanes.get(name)).sum();
        f64::from(count) * 100.0 / f64::from(USERS)
    }
}

const USERS: &str = "each of whom stays in one lane";

/// Everything that is told is expected, and the other way round.
fn is_told(case: &Case, told: &str) -> Vec<String> {
    let heads: Vec<&str> = told
        .lines()
        .filter(|line| [": note: ", ": warning: ", ": error: "].into_iter().any(|word| line.contains(word)))
        .collect();
    let missing = case.told.iter().filter(|wanted| !heads.iter().any(|head| head.contains(*wanted)));
    let mut faults: Vec<String> = missing.map(|wanted| format!("is not told: {wanted}\n{told}")).collect();
    let is_expected =
        |head: &&&str| head.contains(USERS) || case.told.iter().any(|wanted| head.contains(wanted));
    if !case.untold {
        faults.extend(heads.iter().filter(|head| !is_expected(head)).map(|head| format!("is told: {head}")));
    }
    faults
}

fn faults(system: &str, case: &Case) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let further = case.arguments.iter().map(String::as_str);
    let arguments: Vec<&str> =
        ["import", system, "-", "--facts", "facts.yaml"].into_iter().chain(further).collect();
    let Done { code, out, told } = run(&arguments, &manifests(case), folder.path());
    let mut faults = is_told(case, &told);
    if code != Some(case.code) {
        faults.push(format!("exit code {code:?} instead of {}\n{told}", case.code));
        return faults;
    }
    if case.code == 1 {
        assert!(out.is_empty() && !folder.path().join("facts.yaml").exists(), "{}", case.title);
        return faults;
    }
    let facts = std::fs::read_to_string(folder.path().join("facts.yaml")).expect("it is written");
    let policy = Policy::of(&out, &facts);
    // That everybody is believed is warned of, and asked for.
    let believes_all = case.arguments.iter().any(|argument| argument == "--trust-anybody");
    let check: &[&str] = if believes_all { &["check", "-"] } else { &["check", "--strict", "-"] };
    let checked = run(check, &out, folder.path());
    if checked.code != Some(0) {
        faults.push(format!("it is not good: {}\n{out}", checked.out));
    }
    for Asked { what, host, path, headers, expect } in &case.requests {
        let backend = policy.backend(host, path, headers);
        if backend != *expect {
            faults.push(format!("{what}: {backend} instead of {expect}\n{out}"));
        }
    }
    if let Some(expected) = case.share {
        let share = policy.share(case);
        let deviation = 5.0 * (expected * (100.0 - expected) / 20_000.0).sqrt();
        if (share - expected).abs() > deviation {
            faults.push(format!("a share of {share} % instead of {expected} %\n{out}"));
        }
    }
    faults
}

fn hold(system: &str) {
    let cases = cases(system);
    let told = |case: &Case| {
        faults(system, case).into_iter().map(|fault| format!("{}: {fault}", case.title)).collect::<Vec<_>>()
    };
    let faults: Vec<String> = cases.iter().flat_map(told).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn a_request_gets_the_backend_that_ingress_nginx_would_give_it() {
    hold("ingress-nginx");
}

#[test]
fn a_request_gets_the_destination_that_istio_would_give_it() {
    hold("istio");
}

#[test]
fn what_is_imported_takes_the_place_of_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let example = std::fs::read_to_string(root().join("examples/import/istio-weights.yaml")).expect("a file");
    std::fs::write(folder.path().join("vs.yaml"), &example).expect("a file");
    std::fs::write(folder.path().join("mine.yaml"), "mine\n").expect("a file");
    for (arguments, why) in [
        (["vs.yaml", "-o", "vs.yaml", "--force"].as_slice(), "would be replaced by what is imported from it"),
        (&["vs.yaml", "--facts", "./vs.yaml", "--force"], "would be replaced by what is imported from it"),
        (&["vs.yaml", "-o", "mine.yaml"], "mine.yaml is there already; --force replaces it"),
        (&["vs.yaml", "-o", "policy.json"], "give it another ending than .json"),
        (&["-", "-"], "standard input can only be one of the files"),
        (&["mine.yaml"], "must be a map"),
    ] {
        let Done { code, out, told } = run(&[&["import", "istio"], arguments].concat(), "", folder.path());
        assert!(
            code == Some(2) || why == "must be a map" && code == Some(1),
            "{arguments:?}: {code:?} {told}"
        );
        assert!(out.is_empty() && told.contains(why), "{told}");
    }
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("a file");
    assert_eq!((read("vs.yaml"), read("mine.yaml").as_str()), (example, "mine\n"));
    let forced = run(&["import", "istio", "vs.yaml", "-o", "mine.yaml", "--force"], "", folder.path());
    assert_eq!((forced.code, forced.out.as_str()), (Some(0), ""), "{}", forced.told);
    assert!(read("mine.yaml").contains("percent: 5"));
    let none = run(&["import", "ingress-nginx", "vs.yaml"], "", folder.path());
    assert_eq!(none.told, "graylane: there is no Ingress (networking.k8s.io/v1) in the files\n");
}

#[test]
fn every_client_is_trusted_only_where_that_is_asked_for_and_a_rule_needs_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let trusted = |example: &str, arguments: &[&str]| {
        let system = if example.starts_with("istio") { "istio" } else { "ingress-nginx" };
        let file = root().join(format!("examples/import/{example}.yaml"));
        let file = file.to_str().expect("text");
        let Done { code, out, told } =
            run(&[&["import", system, file], arguments].concat(), "", folder.path());
        (code, read::<Value>(&out)["trustedSources"].clone(), out, told)
    };
    for example in ["ingress-nginx-by-cookie", "ingress-nginx-by-weight", "istio-weights"] {
        for arguments in [&[][..], &["--trust-anybody"]] {
            let (code, sources, _, told) = trusted(example, arguments);
            assert_eq!((code, sources), (Some(0), Value::Null), "{example} {arguments:?}: {told}");
        }
    }
    let (code, sources, out, told) = trusted("ingress-nginx-by-header", &[]);
    assert_eq!((code, sources), (Some(3), Value::Null), "{told}");
    assert!(told.contains(":22:51: warning: ") && told.contains("; --trust-anybody "), "{told}");
    // The line is there to be filled in, and the rule waits for it.
    let narrowed = out.replace("# trustedSources: [192.0.2.0/24]", "trustedSources: [192.0.2.0/24]");
    let narrowed = Policy::of(&narrowed, "{}");
    let headers = BTreeMap::from([("x-canary".to_owned(), "enabled".to_owned())]);
    let lane = narrowed.lane("shop.example.com", "/checkout", &headers);
    assert_eq!(lane, Some(("checkout".to_owned(), "canary".to_owned())));

    let (code, sources, out, told) = trusted("ingress-nginx-by-header", &["--trust-anybody"]);
    assert_eq!((code, sources), (Some(0), serde_json::json!(["0.0.0.0/0", "::/0"])), "{told}");
    assert!(out.contains("# Everybody is trusted, as --trust-anybody asks."), "{out}");
}

/// The annotations of the canary in manifests.
fn annotations(yaml: &str) -> Value {
    let documents = yaml.split("---\n").map(read::<Value>);
    let canary = documents.map(|object| object["metadata"]["annotations"].clone()).find(|it| !it.is_null());
    canary.expect("annotations")
}

#[test]
fn what_is_imported_from_ingress_nginx_is_rendered_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["by-header", "by-cookie", "by-weight"] {
        let file = root().join(format!("examples/import/ingress-nginx-{name}.yaml"));
        let original = std::fs::read_to_string(file).expect("a file");
        let imported = run(
            &["import", "ingress-nginx", "-", "--facts", "facts.yaml", "--force", "--trust-anybody"],
            &original,
            folder.path(),
        );
        assert_eq!(imported.code, Some(0), "{}", imported.told);
        let rendered =
            run(&["render", "ingress-nginx", "-", "--facts", "facts.yaml"], &imported.out, folder.path());
        let is_told = rendered
            .told
            .contains("counts from anybody; at an edge the policy believes it from its trustedSources");
        assert_eq!(is_told, name == "by-header", "{}", rendered.told);
        let losses = if name == "by-header" { 0 } else { 3 };
        assert_eq!(rendered.code, Some(losses), "{name}: {}", rendered.told);
        assert_eq!(annotations(&rendered.out), annotations(&original), "{name}");
        // And back: the same policy, but for names and comments.
        let again = run(&["import", "ingress-nginx", "-", "--trust-anybody"], &rendered.out, folder.path());
        let plain = |yaml: &str| {
            let mut policy = read::<Value>(yaml);
            // Releases without a canary are not rendered.
            policy["releases"].as_array_mut().expect("a list").retain(|release| release["off"] != true);
            policy
        };
        assert_eq!(plain(&again.out), plain(&imported.out), "{name}");
    }
}

const RELEASE: &str = "
language: 1
releases:
- name: shop
  match: {hosts: [shop.example.com, 'www.example.com:8443'], paths: [{exact: /cart}, {prefix: /pay}]}
  lanes: [{name: stable}, {name: v2, labels: {version: v2}}, {name: v3}]
  canary: {salt: s, stable: stable, candidates: [{lane: v2, percent: 12.34}, {lane: v3, percent: 1}]}
  allow: {v2: [user-1]}
  rules:
  - {name: apps, when: {header: {x-app: {in: [a.b, c]}}}, lane: v2}
  - {name: more, when: {header: {x-app: {exact: d}}}, lane: v2}
  - {name: both, when: {header: {x-a: {exact: d}}, path: {prefix: /pay/now}}, lane: v2}
  respond: {cache: private}
";

#[test]
fn what_two_ingresses_cannot_say_is_told_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let services =
        ["--service", "stable=shop-v1:http", "--service", "v2=shop-v2", "-n", "web", "--class", ""];
    let rendered =
        run(&[&["render", "ingress-nginx", "-"], services.as_slice()].concat(), RELEASE, folder.path());
    assert_eq!(rendered.code, Some(3), "{}", rendered.told);
    for (line, what) in [
        ("5:", "an Ingress has no port"),
        ("6:", "requests get no traffic label"),
        ("7:", "v3 cannot be"),
        ("7:", "nobody stays in a lane"),
        ("8:", "does not know who a user is"),
        ("11:", "rule more is left out"),
        ("12:", "rule both is left out"),
    ] {
        let is_there =
            |line: &str, told: &str| told.starts_with(&format!("<stdin>:{line}")) && told.contains(what);
        assert!(rendered.told.lines().any(|told| is_there(line, told)), "{what}\n{}", rendered.told);
        assert!(
            rendered.out.lines().any(|told| told.starts_with("# releases[0]") && told.contains(what)),
            "{what}"
        );
    }
    let annotations = annotations(&rendered.out);
    assert_eq!(annotations[annotation("canary-by-header")], "x-app");
    assert_eq!(annotations[annotation("canary-by-header-pattern")], r"^(?:a\.b|c)$");
    assert_eq!(annotations[annotation("canary-weight")], "1234");
    assert_eq!(annotations[annotation("canary-weight-total")], "10000");
}

#[test]
fn behind_a_listener_with_graylane_nothing_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let policy =
        RELEASE.replace(", {name: v3}", "").replace(", {lane: v3, percent: 1}", "").replace(":8443", "");
    let arguments = [
        "render",
        "ingress-nginx",
        "-",
        "--decided-before",
        "--service",
        "stable=a:80",
        "--service",
        "v2=b:80",
    ];
    let rendered = run(&arguments, &policy, folder.path());
    assert_eq!(rendered.code, Some(0), "{}", rendered.told);
    let annotations = annotations(&rendered.out);
    let expected = [
        ("canary", "true"),
        ("canary-by-header", "x-gray-lane"),
        ("canary-by-header-value", "v2"),
        ("canary-weight", "0"),
    ];
    assert_eq!(annotations.as_object().expect("a map").len(), expected.len());
    for (name, value) in expected {
        assert_eq!(annotations[annotation(name)], value);
    }
    let missing = run(&arguments[..4], &policy, folder.path());
    assert_eq!((missing.code, missing.out.as_str()), (Some(1), ""));
    let allowed = |lane: &str| {
        format!(
            "graylane: services: Required value: the service of lane {lane} of shop: in the file of --facts, or --service {lane}=NAME:PORT\n"
        )
    };
    assert_eq!(missing.told, allowed("stable") + &allowed("v2"));
}
