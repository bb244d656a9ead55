//! `graylane render istio`, `gateway-api` and `kubernetes`. What they render for the manifests of `istio/` is held against Istio
//! itself by `tests/mesh`.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use graylane_testbed::root;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The folder of what is read here.
fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mesh").join(name)
}

fn read<T: for<'de> Deserialize<'de>>(name: &str) -> T {
    let text = fs::read_to_string(data(name)).expect("a file");
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A folder with policy and facts.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["policy.yaml", "facts.yaml"] {
        fs::copy(data(name), folder.path().join(name)).expect("a file");
    }
    folder
}

/// Exit code, standard output, standard error.
fn render(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_graylane"));
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        program.env_remove(variable);
    }
    let (form, rest) = arguments.split_first().expect("what is rendered");
    program.args(["render", form, "policy.yaml", "--facts", "facts.yaml"]).args(rest).current_dir(folder);
    let output = program.output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("it writes text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The objects that are rendered.
fn objects(folder: &Path, arguments: &[&str]) -> Vec<Value> {
    let (code, out, told) = render(folder, arguments);
    assert_eq!(code, Some(0), "{told}");
    documents(&out)
}

fn documents(text: &str) -> Vec<Value> {
    text.split("---\n").map(|document| serde_saphyr::from_str(document).expect("YAML")).collect()
}

fn named(objects: &[Value]) -> Vec<String> {
    let text = |object: &Value, pointer| {
        object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    objects
        .iter()
        .map(|object| format!("{} {}", text(object, "/kind"), text(object, "/metadata/name")))
        .collect()
}

/// A `VirtualService` that is there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Existing {
    promise: String,
    before: Value,
    after: Value,
    note: Option<String>,
}

#[test]
fn of_what_is_there_all_is_kept_but_what_is_about_lanes() {
    for case in read::<Vec<Existing>>("existing.yaml") {
        let folder = folder();
        let metadata = json!({
            "name": "user-svc", "namespace": "shop", "labels": {"team": "a"},
            "resourceVersion": "7", "uid": "u", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
        });
        let object = json!({
            "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": metadata,
            "spec": {"hosts": ["user-svc"], "exportTo": ["."], "http": case.before, "tcp": [{"route": []}]}, "status": {},
        });
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [object]});
        fs::write(folder.path().join("there.json"), list.to_string()).unwrap();
        let (code, out, told) = render(folder.path(), &["istio", "--existing", "there.json"]);
        assert_eq!(code, Some(0), "{}: {told}", case.promise);
        assert!(case.note.is_none_or(|note| told.contains(&note)), "{}: {told}", case.promise);
        let rendered = documents(&out).pop().expect("an object");
        let expected = json!({
            "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
            "metadata": {"name": "user-svc", "namespace": "shop", "labels": {"team": "a"}},
            "spec": {"hosts": ["user-svc"], "exportTo": ["."], "http": case.after, "tcp": [{"route": []}]},
        });
        assert_eq!(rendered, expected, "{}: {rendered:#}", case.promise);
        // What was rendered stays as it is when it is rendered once more.
        fs::write(folder.path().join("there.json"), rendered.to_string()).unwrap();
        let (.., again, _) = render(folder.path(), &["istio", "--existing", "there.json"]);
        assert_eq!(again, out, "{}", case.promise);
    }
}

#[test]
fn what_others_say_of_subsets_is_kept() {
    let folder = folder();
    let there = "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: users, namespace: shop}
spec:
  host: user-svc.shop.svc
  trafficPolicy: {loadBalancer: {simple: LEAST_REQUEST}}
  subsets:
  - {name: eu, labels: {region: eu}}
  - {name: v2, labels: {version: old}, trafficPolicy: {connectionPool: {http: {http2MaxRequests: 7}}}}
";
    fs::write(folder.path().join("there.yaml"), there).unwrap();
    let rendered = objects(folder.path(), &["istio", "--existing", "there.yaml"]);
    let rule = rendered.first().unwrap();
    assert_eq!(rule["metadata"]["name"], "users");
    assert_eq!(rule["spec"]["trafficPolicy"]["loadBalancer"]["simple"], "LEAST_REQUEST");
    let expected = json!([
        {"name": "eu", "labels": {"region": "eu"}},
        {"name": "v2", "labels": {"version": "v2"}, "trafficPolicy": {"connectionPool": {"http": {"http2MaxRequests": 7}}}},
        {"name": "stable", "labels": {"version": "v1"}},
        {"name": "v1-5", "labels": {"version": "v1.5"}},
    ]);
    assert_eq!(rule["spec"]["subsets"], expected);
}

/// A `VirtualService` with routes.
fn virtual_service(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": name, "namespace": "shop"}, "spec": spec})
}

/// What is rendered beside objects that are there.
fn beside(folder: &Path, objects: &[Value]) -> (Option<i32>, String, String) {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    fs::write(folder.join("there.json"), list.to_string()).unwrap();
    render(folder, &["istio", "--existing", "there.json"])
}

#[test]
fn what_cannot_be_kept_beside_lanes_is_refused() {
    for (objects, told) in [
        (
            vec![
                virtual_service("a", &json!({"hosts": ["user-svc"], "http": []})),
                virtual_service("b", &json!({"hosts": ["user-svc.shop.svc"], "http": []})),
            ],
            "VirtualService shop/a, VirtualService shop/b are all for user-svc.shop.svc.cluster.local",
        ),
        (
            vec![virtual_service(
                "user-svc",
                &json!({"hosts": ["legacy.example.com"], "gateways": ["g"], "http": []}),
            )],
            "VirtualService shop/user-svc is there for [\"legacy.example.com\"], and the new one for user-svc.shop.svc.cluster.local has its name",
        ),
        (
            vec![json!({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
                "metadata": {"name": "user-svc", "namespace": "shop"}, "spec": {"host": "legacy"}})],
            "DestinationRule shop/user-svc is there for \"legacy\"",
        ),
        (
            vec![virtual_service("a", &json!({"hosts": "user-svc", "http": {"a": 1}}))],
            "there.json:1:165: error: items[0].spec.hosts: Wrong type: \"user-svc\": must be a list of names",
        ),
    ] {
        let (code, out, words) = beside(folder().path(), &objects);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{words}");
        assert!(words.contains(told), "{told}\n{words}");
    }
}

#[test]
fn an_object_that_says_no_namespace_is_in_that_of_the_service() {
    let mut object = virtual_service(
        "user-svc",
        &json!({"hosts": ["user-svc"], "http": [{"route": [{"destination": {"host": "user-svc"}}]}]}),
    );
    object["metadata"].as_object_mut().unwrap().remove("namespace");
    let (code, out, told) = beside(folder().path(), &[object]);
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(documents(&out).pop().unwrap()["spec"]["http"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_rule_for_many_hosts_hands_its_policy_on() {
    let wide = json!({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
        "metadata": {"name": "wide", "namespace": "shop"},
        "spec": {"host": "*.shop.svc.cluster.local", "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}}});
    let (code, out, told) = beside(folder().path(), &[wide]);
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(documents(&out).first().unwrap()["spec"]["trafficPolicy"]["tls"]["mode"], "ISTIO_MUTUAL");
    assert!(told.contains("note: DestinationRule shop/wide: its trafficPolicy is copied"), "{told}");
}

#[test]
fn the_mesh_and_the_gateway_have_a_virtual_service_each_and_what_is_there_takes_the_place_of_its_own() {
    let folder = folder();
    let facts = fs::read_to_string(data("facts.yaml")).unwrap();
    let gateway = "gateway: {name: ingress, namespace: istio-ingress, labels: {istio: ingress}}\n";
    let facts = facts.replace("port: 8080", "port: 8080\n  hosts: [user-svc.example.com]");
    fs::write(folder.path().join("facts.yaml"), format!("{gateway}{facts}")).unwrap();
    let route = json!([{"route": [{"destination": {"host": "user-svc"}}]}]);
    let mesh = virtual_service("mine", &json!({"hosts": ["user-svc"], "http": route}));
    let outside =
        json!({"hosts": ["user-svc.example.com"], "gateways": ["istio-ingress/ingress"], "http": route});
    let outside = virtual_service("outside", &outside);
    for (there, names) in [
        (vec![], ["VirtualService user-svc", "VirtualService user-svc-gateway"]),
        (vec![mesh.clone()], ["VirtualService mine", "VirtualService user-svc-gateway"]),
        (vec![outside.clone()], ["VirtualService outside", "VirtualService user-svc"]),
        (vec![mesh, outside], ["VirtualService mine", "VirtualService outside"]),
    ] {
        let (code, out, told) = beside(folder.path(), &there);
        assert_eq!(code, Some(0), "{told}");
        let objects = documents(&out);
        let [.., one, other] = objects.as_slice() else { panic!("{out}") };
        assert_eq!(named(&[one.clone(), other.clone()]), names);
        for object in [one, other] {
            assert_eq!(object["spec"]["http"].as_array().map(Vec::len), Some(2), "{object}");
        }
    }
}

#[test]
fn one_virtual_service_has_the_lanes_of_all_services_that_it_leads_to() {
    let folder = tempfile::tempdir().unwrap();
    let release = |name: &str| {
        format!(
            "- name: {name}\n  match: {{hosts: [{name}]}}\n  lanes: [{{name: stable}}, {{name: v2}}]\n  canary: {{stable: stable, candidates: [{{lane: v2, percent: 5}}]}}\n"
        )
    };
    let service = |name: &str| {
        format!(
            "- release: {name}\n  name: {name}\n  namespace: shop\n  port: 80\n  hosts: [x.example.com]\n  lanes:\n    stable: {{labels: {{version: v1}}, serving: true}}\n    v2: {{labels: {{version: v2}}, serving: true}}\n"
        )
    };
    let policy = format!("language: 1\nreleases:\n{}{}", release("a"), release("b"));
    let gateway = "gateway: {name: ingress, namespace: istio-ingress, labels: {istio: ingress}}";
    let facts = format!("{gateway}\nservices:\n{}{}", service("a"), service("b"));
    fs::write(folder.path().join("policy.yaml"), policy).unwrap();
    fs::write(folder.path().join("facts.yaml"), facts).unwrap();
    let (code, _, told) = render(folder.path(), &["istio"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("error: x.example.com leads to b and to a: write a VirtualService"), "{told}");
    let to = |path: &str, host: &str| json!({"match": [{"uri": {"prefix": path}}], "route": [{"destination": {"host": host}}]});
    let spec = json!({"hosts": ["x.example.com"], "gateways": ["istio-ingress/ingress"], "http": [to("/a", "a"), to("/b", "b")]});
    let (code, out, told) = beside(folder.path(), &[virtual_service("x", &spec)]);
    assert_eq!(code, Some(0), "{told}");
    let objects = documents(&out);
    let of_x: Vec<&Value> = objects.iter().filter(|object| object["metadata"]["name"] == "x").collect();
    let [x] = of_x.as_slice() else { panic!("{out}") };
    let subsets: Vec<String> = x["spec"]["http"]
        .as_array()
        .unwrap()
        .iter()
        .map(|route| route["route"][0]["destination"].to_string())
        .collect();
    let expected = |host: &str, subset: &str| json!({"host": host, "subset": subset}).to_string();
    assert_eq!(
        subsets,
        [expected("a", "v2"), expected("a", "stable"), expected("b", "v2"), expected("b", "stable")]
    );
}

/// Facts with mistakes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mistakes {
    promise: String,
    /// What is rendered; all that read the whole of the facts, where it says nothing.
    #[serde(default = "every_form")]
    forms: Vec<String>,
    facts: String,
    told: Vec<String>,
}

fn every_form() -> Vec<String> {
    ["istio", "gateway-api", "kubernetes"].map(str::to_owned).to_vec()
}

#[test]
fn all_that_is_wrong_with_facts_is_told_at_once() {
    for case in read::<Vec<Mistakes>>("facts-mistakes.yaml") {
        let folder = folder();
        fs::write(folder.path().join("facts.yaml"), &case.facts).unwrap();
        for form in &case.forms {
            // An Ingress is rendered for one release.
            let release = ["--release", "user-svc"];
            let options = if form == "ingress-nginx" { release.as_slice() } else { &[] };
            let (code, out, told) = render(folder.path(), &[&[form.as_str()], options].concat());
            assert_eq!((code, out.as_str()), (Some(1), ""), "{}", case.promise);
            // Each lane is a Service there.
            let of_services = ["service: Duplicate value"];
            let is_told =
                |line: &&String| form != "istio" || !of_services.iter().any(|other| line.contains(other));
            let expected: Vec<&String> = case.told.iter().filter(is_told).collect();
            for line in &expected {
                assert!(told.contains(*line), "{}: {line}\n{told}", case.promise);
            }
            assert_eq!(told.matches(": error: ").count(), expected.len(), "{}: {told}", case.promise);
        }
    }
}

#[test]
fn a_lane_without_pods_that_serve_has_no_route_of_its_own() {
    let folder = folder();
    let facts = fs::read_to_string(data("facts.yaml"))
        .unwrap()
        .replace("version: v2}, serving: true", "version: v2}");
    fs::write(folder.path().join("facts.yaml"), &facts).unwrap();
    let (.., out, told) = render(folder.path(), &["istio"]);
    let routes = documents(&out).pop().unwrap()["spec"]["http"].clone();
    assert_eq!(routes.as_array().map(Vec::len), Some(1), "{routes}");
    assert!(
        told.contains("note: lane v2 of user-svc is not said to be serving: its requests go to stable"),
        "{told}"
    );
    // Its fallback serves it, once that is serving.
    let facts = facts.replace("version: v1.5}", "version: v1.5}, serving: true");
    fs::write(folder.path().join("facts.yaml"), facts).unwrap();
    let (.., out, told) = render(folder.path(), &["istio"]);
    let routes = documents(&out).pop().unwrap()["spec"]["http"].clone();
    let of_v2 =
        routes.as_array().unwrap().iter().find(|route| route["name"] == "graylane:v2:user-svc").unwrap();
    assert_eq!(of_v2["route"][0]["destination"]["subset"], "v1-5");
    assert!(told.contains("its requests go to v1.5"), "{told}");
}

#[test]
fn what_others_refer_to_comes_first_and_goes_last() {
    let folder = folder();
    let facts = fs::read_to_string(data("facts.yaml")).unwrap();
    let more = "module: {url: 'file:///etc/graylane.wasm'}
gateway: {name: ingress, namespace: istio-ingress, labels: {istio: ingress}}\n";
    let facts =
        format!("{more}{}", facts.replace("port: 8080", "port: 8080\n  hosts: [user-svc.example.com]"));
    fs::write(folder.path().join("facts.yaml"), facts).unwrap();
    for (form, mut expected) in [
        (
            "istio",
            vec![
                "EnvoyFilter graylane-early-removal",
                "DestinationRule user-svc",
                "VirtualService user-svc",
                "VirtualService user-svc-gateway",
                "WasmPlugin graylane-gateway",
                "WasmPlugin graylane-sidecar",
            ],
        ),
        (
            "gateway-api",
            vec![
                "EnvoyFilter graylane-early-removal",
                "Service user-svc-stable",
                "Service user-svc-v2",
                "Service user-svc-v1-5",
                "HTTPRoute user-svc-gateway",
                "HTTPRoute user-svc-mesh",
                "WasmPlugin graylane-gateway",
                "WasmPlugin graylane-sidecar",
            ],
        ),
        ("kubernetes", vec!["Service user-svc-stable", "Service user-svc-v2", "Service user-svc-v1-5"]),
    ] {
        assert_eq!(named(&objects(folder.path(), &[form])), expected, "{form}");
        expected.reverse();
        assert_eq!(named(&objects(folder.path(), &[form, "--remove"])), expected, "{form}");
    }
    let rendered = objects(folder.path(), &["istio", "--extension", "traffic-extension"]);
    let [.., gateway, sidecar] = rendered.as_slice() else { panic!("{rendered:?}") };
    assert_eq!(
        (&gateway["kind"], &gateway["spec"]["wasm"]["failStrategy"]),
        (&json!("TrafficExtension"), &json!("FAIL_OPEN"))
    );
    assert_eq!(sidecar["spec"]["match"], json!([{"mode": "CLIENT"}]));
}

#[test]
fn a_service_of_a_lane_selects_its_pods_and_names_it() {
    let folder = folder();
    let facts = fs::read_to_string(data("facts.yaml")).unwrap();
    let facts = facts
        .replace("port: 8080", "port: 80\n  targetPort: 8080")
        .replace("version: v1.5}", "version: v1.5}, publishNotReady: true, service: early");
    fs::write(folder.path().join("facts.yaml"), facts).unwrap();
    let rendered = objects(folder.path(), &["kubernetes"]);
    let expected = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "early", "namespace": "shop", "labels": {"traffic-group": "v1-5"}},
        "spec": {
            "selector": {"app": "user-svc", "version": "v1.5"},
            "ports": [{"name": "http", "port": 80, "targetPort": 8080}],
            "publishNotReadyAddresses": true,
        },
    });
    assert_eq!(rendered.last(), Some(&expected));
}

/// The objects of some folders of `istio/`.
fn of_istio(folders: &[&str]) -> Vec<Value> {
    let mut objects = Vec::new();
    for folder in folders {
        for entry in fs::read_dir(root().join("istio").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().is_some_and(|name| name != "kustomization.yaml") {
                objects.extend(documents(&fs::read_to_string(path).unwrap()));
            }
        }
    }
    objects
}

/// An object whose texts in JSON are values, so that it does not matter how they are written.
fn opened(mut object: Value) -> Value {
    fn open(value: &mut Value) {
        match value {
            Value::String(text) if text.starts_with('{') => {
                *value = serde_json::from_str(text).expect("JSON");
            }
            Value::Array(list) => list.iter_mut().for_each(open),
            Value::Object(map) => map.values_mut().for_each(open),
            _ => {}
        }
    }
    open(&mut object);
    object
}

#[test]
fn the_manifests_of_istio_are_what_their_policy_and_facts_say() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["policy.yaml", "facts.yaml"] {
        fs::copy(root().join("istio").join(name), folder.path().join(name)).unwrap();
    }
    let is_extension = |object: &&Value| {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        ["graylane-gateway", "graylane-sidecar"].contains(&name)
    };
    let mut expected = of_istio(&["base"]);
    let mut rendered = objects(folder.path(), &["istio"]);
    for list in [&mut expected, &mut rendered] {
        list.sort_by_key(Value::to_string);
    }
    assert_eq!(rendered, expected);
    let facts = fs::read_to_string(folder.path().join("facts.yaml")).unwrap();
    let facts = facts.lines().map(|line| {
        if line.starts_with("module") { "module: {url: 'file:///etc/graylane/graylane.wasm'}" } else { line }
    });
    let by_file = facts.collect::<Vec<_>>().join("\n");
    for (extension, overlay) in [("traffic-extension", "trafficextension"), ("envoy-filter", "envoyfilter")] {
        if extension == "envoy-filter" {
            fs::write(folder.path().join("facts.yaml"), &by_file).unwrap();
        }
        let rendered = objects(folder.path(), &["istio", "--extension", extension]);
        let rendered: Vec<Value> = rendered.iter().filter(is_extension).cloned().map(opened).collect();
        let mut expected: Vec<Value> =
            of_istio(&[&format!("overlays/{overlay}")]).into_iter().map(opened).collect();
        expected.sort_by_key(|object| object["metadata"]["name"].to_string());
        assert_eq!(rendered, expected, "{extension}");
    }
}

#[test]
fn secrets_are_asked_for_where_the_policy_is_part_of_what_is_rendered() {
    let folder = folder();
    let policy = fs::read_to_string(data("policy.yaml")).unwrap();
    let policy =
        policy.replacen("  respond: {cache: private}", "  respond: {cache: private}\n  sticky: {key: k1}", 1);
    fs::write(folder.path().join("policy.yaml"), policy).unwrap();
    for arguments in [&["kubernetes"][..], &["kubernetes", "--remove"], &["istio", "--remove"]] {
        assert!(!objects(folder.path(), arguments).is_empty());
    }
    let (code, _, told) = render(folder.path(), &["istio"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("sticky.key: Not found: \"k1\""), "{told}");
}

#[test]
fn what_is_told_of_requests_stands_in_every_plugin() {
    let folder = folder();
    let facts = fs::read_to_string(data("facts.yaml")).unwrap();
    let more = "module: {url: 'file:///etc/graylane.wasm'}
gateway: {name: ingress, namespace: istio-ingress, labels: {istio: ingress}}\n";
    fs::write(folder.path().join("facts.yaml"), format!("{more}{facts}")).unwrap();
    fs::write(folder.path().join("metrics.yaml"), "grpcStatus: true\nlanes: 200\n").unwrap();
    for arguments in [["istio", "wasm-plugin"], ["istio", "envoy-filter"], ["gateway-api", "wasm-plugin"]] {
        let [form, extension] = arguments;
        let arguments = [form, "--extension", extension, "--access-log", "--metrics", "metrics.yaml"];
        let rendered: Vec<Value> = objects(folder.path(), &arguments).into_iter().map(opened).collect();
        let told = Value::from(rendered).to_string();
        let told = told.matches(r#""accessLog":true,"metrics":{"lanes":200,"grpcStatus":true}"#).count();
        assert_eq!(told, 2, "{form} {extension}");
    }
    fs::write(folder.path().join("metrics.yaml"), "grpcstatus: true\n").unwrap();
    let (code, out, told) = render(folder.path(), &["istio", "--metrics", "metrics.yaml"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(told.starts_with("metrics.yaml:1:1: error: grpcstatus: Unknown field"), "{told}");
    fs::write(folder.path().join("metrics.yaml"), "{}").unwrap();
    let (code, _, told) =
        render(folder.path(), &["istio", "--metrics", "metrics.yaml", "-o", "metrics.yaml"]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("would be replaced by what is rendered from it"), "{told}");
}

#[test]
fn what_differs_from_a_folder_is_shown() {
    let folder = folder();
    let there = folder.path().join("there");
    fs::create_dir(&there).unwrap();
    let (.., rendered, _) = render(folder.path(), &["istio"]);
    fs::write(there.join("all.yaml"), &rendered).unwrap();
    fs::write(there.join("kustomization.yaml"), "resources: [all.yaml]\n").unwrap();
    assert_eq!(render(folder.path(), &["istio", "--diff", "there"]).0, Some(0));
    fs::write(there.join("all.yaml"), rendered.replace("exact: v2", "exact: v3")).unwrap();
    let (code, out, _) = render(folder.path(), &["istio", "--diff", "there"]);
    assert_eq!(code, Some(1));
    for line in ["--- VirtualService shop/user-svc (there)", "-          exact: v3", "+          exact: v2"] {
        assert!(out.contains(line), "{out}");
    }
    assert!(!out.contains("DestinationRule"), "{out}");
}

#[test]
fn a_name_by_which_a_service_is_called_and_its_release_is_not_is_told() {
    let folder = folder();
    let policy = fs::read_to_string(data("policy.yaml")).unwrap().replace("user-svc.shop.svc, ", "");
    fs::write(folder.path().join("policy.yaml"), policy).unwrap();
    let (code, _, told) = render(folder.path(), &["istio"]);
    assert_eq!(code, Some(0));
    assert!(told.contains("requests to user-svc by these names pass: user-svc.shop.svc\n"), "{told}");
}

#[test]
fn weights_of_istio_are_imported_and_rendered_as_lanes_of_users() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(data("weights.yaml"), folder.path().join("there.yaml")).unwrap();
    let mut import = Command::new(env!("CARGO_BIN_EXE_graylane"));
    import.args(["import", "istio", "there.yaml", "--facts", "facts.yaml", "-o", "policy.yaml"]);
    assert!(import.current_dir(folder.path()).output().unwrap().status.success());
    let rendered = objects(folder.path(), &["istio", "--existing", "there.yaml"]);
    assert_eq!(named(&rendered), ["DestinationRule user-svc", "VirtualService user-svc"]);
    let routes = &rendered.last().unwrap()["spec"]["http"];
    let subsets =
        [0, 1].map(|at: usize| routes[at]["route"][0]["destination"]["subset"].as_str().unwrap_or_default());
    assert_eq!((subsets, routes.as_array().map(Vec::len)), (["canary", "stable"], Some(2)));
}

#[test]
fn each_plugin_has_the_releases_that_are_asked_for_there() {
    let folder = folder();
    let release = |name: &str, host: &str| {
        json!({
            "name": name, "match": {"hosts": [host]}, "lanes": [{"name": "stable"}, {"name": "v2"}],
            "canary": {"stable": "stable", "candidates": [{"lane": "v2", "percent": 5}]}, "respond": {"cache": "private"},
        })
    };
    let mut spoken = release("audit", "audit.shop.svc.cluster.local");
    spoken["overrides"] = json!({"headers": ["x-audit-lane"]});
    let releases = json!([
        release("shop", "shop.example.com"),
        release("stock", "stock.shop.svc.cluster.local"),
        spoken,
        release("parts", "parts.works.svc.cluster.local"),
        release("others", "elsewhere.example.com"),
    ]);
    let service = |release: &str, namespace: &str, more: &Value| {
        let lanes = json!({"stable": {"labels": {"version": "v1"}, "serving": true}, "v2": {"labels": {"version": "v2"}}});
        let mut service =
            json!({"release": release, "name": release, "namespace": namespace, "port": 80, "lanes": lanes});
        service.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        service
    };
    let facts = json!({
        "module": {"url": "file:///graylane.wasm"},
        "gateway": {"name": "ingress", "namespace": "edge", "labels": {"istio": "ingress"}},
        "clients": ["web"],
        "services": [
            service("shop", "shop", &json!({"hosts": ["shop.example.com"]})),
            service("stock", "shop", &json!({"clients": ["works"]})),
            service("audit", "shop", &json!({"clients": ["shop"]})),
            service("parts", "works", &json!({"clients": ["batch"]})),
        ],
    });
    fs::write(folder.path().join("policy.yaml"), json!({"language": 1, "releases": releases}).to_string())
        .unwrap();
    fs::write(folder.path().join("facts.yaml"), facts.to_string()).unwrap();
    let has = |object: &Value, configuration: &str| -> Option<(String, Vec<String>)> {
        let namespace = object["metadata"]["namespace"].as_str()?.to_owned();
        let releases = object.pointer(configuration)?.pointer("/policy/releases")?.as_array()?.clone();
        let name = |release: &Value| release["name"].as_str().unwrap_or_default().to_owned();
        Some((namespace, releases.iter().map(name).collect()))
    };
    for (extension, configuration) in
        [("wasm-plugin", "/spec/pluginConfig"), ("traffic-extension", "/spec/wasm/pluginConfig")]
    {
        let objects = objects(folder.path(), &["istio", "--extension", extension]);
        let found: Vec<_> = objects.iter().filter_map(|object| has(object, configuration)).collect();
        let expected = [
            // Whoever speaks for audit is not believed outside, though nobody calls it there.
            ("edge", vec!["shop", "audit", "others"]),
            ("shop", vec!["shop", "stock", "audit", "others"]),
            ("works", vec!["shop", "stock", "parts", "others"]),
            ("web", vec!["shop", "others"]),
            ("batch", vec!["shop", "parts", "others"]),
        ];
        let expected = expected.map(|(namespace, releases)| {
            (namespace.to_owned(), releases.into_iter().map(str::to_owned).collect::<Vec<_>>())
        });
        assert_eq!(found, expected, "{extension}");
    }
}
