//! `graylane explain` tells what the engine and a real Envoy do: the same story for every scenario, and one that people can read.
#![cfg(test)]

#[path = "../../tests/support/ask.rs"]
mod ask;
#[path = "../../tests/support/edge.rs"]
mod edge;
#[expect(dead_code, reason = "the scenarios' own test compares all facts; here the decision is enough")]
#[path = "../../tests/support/facts.rs"]
mod facts;
#[path = "../../tests/support/files.rs"]
mod files;
#[expect(dead_code, reason = "what is expected of headers is the scenarios' own test's to hold")]
#[path = "../../tests/support/scenario.rs"]
mod scenario;
#[path = "../../tests/support/token.rs"]
mod token;

use std::io::Write;
use std::process::{Command, Output, Stdio};

use graylane::compile::check_node;
use graylane::given::Given;
use graylane::headers::DECISION;
use graylane::plan::Plan;
use graylane::policy::{Policy, Trust};
use graylane_cli::document::{Form, parse};
use graylane_cli::explain::{Explanation, Outcome, Question, explain};
use graylane_testbed::{Response, Result, block_on, root};
use serde_json::Value;

use ask::{repeated, send};
use edge::Edge;
use scenario::Scenario;

/// A policy as it is written and as it decides.
fn both(configuration: &str) -> (Policy, Plan) {
    let loaded = graylane::load(configuration.as_bytes());
    let document: Value = serde_json::from_str(configuration).expect("JSON");
    let policy = document["policy"].to_string();
    let node = parse(&policy, Form::Json).expect("JSON");
    (check_node(&node).0, loaded.plan.expect("a good policy"))
}

/// What Envoy says of its decision: in the debug header to whoever may ask, and to the access log.
fn told(response: &Response) -> Vec<String> {
    let told = [DECISION, edge::DECISION].into_iter().filter_map(|name| response.header(name));
    // One service answers with a header of that name itself, which counts where the filter sets none.
    let told = told.filter(|value| *value != b"forged");
    told.map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}

/// The step that placed the request is the last but for what became of it, and has the word of the reason.
fn is_told_well(explanation: &Explanation) -> bool {
    explanation.releases.iter().all(|release| {
        let taken: Vec<&str> = release
            .steps
            .iter()
            .filter(|step| step.outcome == Outcome::Taken && step.step != "fallback")
            .map(|step| step.step)
            .collect();
        let word = release.outside.filter(|_| release.bucket.is_none()).unwrap_or(release.reason);
        let word = if release.outside.is_some() && release.bucket.is_some() { "split" } else { word };
        taken == [word]
    })
}

#[test]
fn explain_and_a_real_envoy_tell_the_same_story_for_every_scenario() -> Result<()> {
    block_on(async {
        let edge = Edge::start(vec![token::filter()]).await?;
        let mut asked = 0;
        for mut scenario in Scenario::all(&root().join("tests/scenarios"))? {
            edge.accept(&scenario.configuration()).await?;
            let (policy, plan) = both(&scenario.configuration());
            let trust = scenario.trust();
            for case in scenario.requests.iter_mut().filter(|case| case.expect.refused.is_none()) {
                case.asks_why = true;
                let response = send(&edge, case).await?;
                let request = repeated(case, &plan, &response)?;
                let question = Question { policy: &policy, plan: &plan, trust, request: &request };
                let explanation = explain(question);
                let (name, what) = (&scenario.name, &case.what);
                let story = format!("{name}: {what}\n{}", explanation.text());
                let told = told(&response);
                if explanation.decision.is_empty() {
                    assert_eq!((told.len(), explanation.ungoverned.is_some()), (0, true), "{told:?} {story}");
                    continue;
                }
                assert!(
                    !told.is_empty() && told.iter().all(|told| *told == explanation.decision),
                    "{told:?} {story}"
                );
                assert!(is_told_well(&explanation), "{story}");
                // Whoever is believed may ask.
                if trust == Trust::Mesh {
                    assert_eq!(told.len(), 2, "{story}");
                    asked += 1;
                }
            }
        }
        assert!(asked > 100, "{asked} debug headers");
        Ok(())
    })
}

const POLICY: &str = "
language: 1
version: 42
identity: {cookie: {}}
releases:
- name: user-svc
  match: {hosts: [user-svc.example.com], paths: [{prefix: /api}]}
  lanes: [{name: stable}, {name: v2, unavailable: true}, {name: v3}]
  canary: {stable: stable, candidates: [{lane: v2, percent: 30}, {lane: v3, percent: 20}]}
  overrides: {headers: [x-canary]}
  deny: [left-out]
  sticky: {key: k1}
  rules:
  - {name: new-app, when: {header: {x-app-version: {semver: '>=3.2, <4'}}}, lane: v3}
  - name: staff
    when: {any: [{claim: {tier: {in: [gold]}}}, {source: [10.0.0.0/8]}, {percent: {salt: staff, to: 3}}]}
    lane: v2
";

fn program(arguments: &[&str], input: &str) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_graylane"));
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        program.env_remove(variable);
    }
    program.arg("explain").args(arguments);
    let pipes = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = pipes.spawn().expect("it starts");
    // One that refuses its arguments does not read.
    let _ = running.stdin.take().expect("it has an input").write_all(input.as_bytes());
    running.wait_with_output().expect("it ends")
}

/// What is written of a request under [`POLICY`].
fn explained(arguments: &[&str]) -> String {
    let output = program(&[&["-"], arguments].concat(), POLICY);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it writes text")
}

fn holds_lines(text: &str, lines: &[&str]) {
    let mut rest = text.lines();
    for line in lines {
        assert!(rest.any(|other| other.trim() == *line), "no line {line:?} where it should be:\n{text}");
    }
}

#[test]
fn each_step_is_told_with_what_it_found_up_to_the_one_that_counts() {
    let text = explained(&[
        "https://user-svc.example.com/api/cart?x=1#top",
        "-H",
        "X-Gray-Id: user-1",
        "-H",
        "x-canary: v2",
        "-H",
        "x-app-version: 3.1",
        "--at",
        "2026-12-01T09:00:00+01:00",
    ]);
    holds_lines(
        &text,
        &[
            "GET user-svc.example.com/api/cart?x=1 from 127.0.0.1 at 2026-12-01T08:00:00Z, trust: edge",
            "not believed, and removed: header x-canary",
            "gray id: user-1",
            "user-svc (canary): v2 by split, served by stable",
            "override  header x-canary: not believed: a client may not say it here",
            "deny      the id is not on the list",
            "rule      new-app does not hold",
            "header.x-app-version semver \">=3.2, <4\": \"3.1\", does not hold",
            "rule      staff does not hold",
            "any[0].claim.tier in [\"gold\"]: not there, does not hold",
            "any[1].source in [\"10.0.0.0/8\"]: \"127.0.0.1\", does not hold",
            "> split     bucket 2307 of 10000: v2 has 0 to 2999",
            "> fallback  v2 is unavailable: stable serves",
            "= x-gray-lane: stable",
            "- x-canary",
        ],
    );
}

#[test]
fn what_becomes_of_a_request_while_a_guard_has_tripped_is_told() {
    let policy = root().join("examples/canary-guarded.yaml").display().to_string();
    let ask = |tripped: &str| {
        program(&[&policy, "shop.example.com/", "-H", "x-gray-id: user-7552", "--tripped", tripped], "")
    };
    holds_lines(
        &String::from_utf8_lossy(&ask("checkout/v2").stdout),
        &[
            "checkout (canary): v2 by split, served by stable",
            "> split     bucket 499 of 10000: v2 has 0 to 499",
            "guard     the guard of v2 has tripped",
            "> fallback  v2 is not used while its guard has tripped: stable serves",
            "in logs  checkout;lane=v2;served=stable;because=guard;reason=split;bucket=499",
        ],
    );
    let unknown = ask("checkout/v3");
    let told = String::from_utf8_lossy(&unknown.stderr);
    assert_eq!(unknown.status.code(), Some(2), "{told}");
    assert!(
        told.contains("--tripped checkout/v3: the policy guards no such lane, but checkout/v2"),
        "{told}"
    );
}

#[test]
fn a_request_is_said_as_to_curl() {
    let url = "user-svc.example.com/api";
    for (arguments, line) in [
        (&["-H", "x-canary: v3", "--trust", "mesh"][..], "user-svc (canary): v3 by override"),
        (&["-b", "a=b; gray_id=left-out"], "user-svc (canary): stable by deny"),
        (&["--claim", "tier=gold"], "user-svc (canary): v2 by rule staff, served by stable"),
        (&["--claim", "tier=[\"a\", \"gold\"]"], "user-svc (canary): v2 by rule staff, served by stable"),
        (&["--from", "10.1.2.3"], "user-svc (canary): v2 by rule staff, served by stable"),
        (
            &["-X", "POST", "-A", "Firefox", "-H", "x-app-version: 3.5"],
            "user-svc (canary): v3 by rule new-app",
        ),
    ] {
        holds_lines(&explained(&[&[url], arguments].concat()), &[line]);
    }
}

#[test]
fn why_nothing_governs_a_request_is_told() {
    let told = |url: &str| explained(&[url]);
    holds_lines(
        &told("user-svc.example.org"),
        &[
            "ungoverned: no release matches the host user-svc.example.org; did you mean user-svc.example.com?; the request is left alone",
        ],
    );
    holds_lines(
        &told("User-Svc.example.com:8443/"),
        &[
            "ungoverned: no release matches the path / of this host: user-svc has /api and what is below it; the request is left alone",
        ],
    );
    holds_lines(
        &told("user-svc.example.com/cart"),
        &[
            "ungoverned: no release matches the path /cart of this host: user-svc has /api and what is below it; the request is left alone",
        ],
    );
}

#[test]
fn a_sticky_cookie_is_believed_with_its_key_alone() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let keys = folder.path().join("keys.yaml");
    std::fs::write(&keys, "k1: '000102030405060708090a0b0c0d0e0f'\n")?;
    let keys = keys.to_str().expect("a path");
    let url = "user-svc.example.com/api";
    let id = "x-gray-id: user-1";
    // What the filter would give the user is what it believes afterwards, from nobody else.
    let given = explained(&[url, "-H", id, "--keys", keys]);
    // Without it there is none, which is said.
    let without = program(&["-", url, "-H", id], POLICY);
    assert!(!String::from_utf8_lossy(&without.stdout).contains("set-cookie: gray_user-svc"));
    assert!(String::from_utf8_lossy(&without.stderr).contains("without --keys"));
    let cookie = given.lines().find_map(|line| line.strip_prefix("+ set-cookie: ")).expect("a cookie");
    let cookie = cookie.split(';').next().expect("a cookie");
    assert!(cookie.starts_with("gray_user-svc=user-svc~v2~1~"), "{cookie}");
    let told = |arguments: &[&str]| explained(&[&[url, "-b", cookie], arguments].concat());
    holds_lines(&told(&["-H", id, "--keys", keys]), &["user-svc (canary): v2 by sticky, served by stable"]);
    for arguments in [&["-H", "x-gray-id: user-2", "--keys", keys][..], &["-H", id]] {
        let text = told(arguments);
        assert!(text.contains("has no MAC that is right, or no key is at hand (--keys)"), "{text}");
    }
    Ok(())
}

/// Lanes that are left and cookies that count no longer, for people whose id is of two parts.
const PASSED_OVER: &str = "
language: 1
identity: {absent: requestId, sources: [{composite: [sourceAddress, {header: user-agent}]}]}
releases:
- name: left
  match: {hosts: [left.example.com]}
  lanes: [{name: a}, {name: b, fallback: [c], unavailable: true}, {name: c, unavailable: true}]
  canary: {stable: a, candidates: [{lane: b, percent: 100}]}
  deny: [somebody]
  allow: {b: [friend]}
  sticky: {}
- name: none
  match: {hosts: [none.example.com]}
  lanes: [{name: a, unavailable: true}, {name: b, unavailable: true}]
  canary: {stable: a, candidates: [{lane: b, percent: 100}]}
- name: group
  match: {hosts: [group.example.com]}
  lanes: [{name: a}, {name: b}]
  ab: {salt: s, holdout: 5, groups: [{lane: a, weight: 50}, {lane: b, weight: 50}]}
  sticky: {}
- name: drained
  match: {hosts: [drained.example.com]}
  lanes: [{name: blue}, {name: green}]
  blueGreen: {active: green, drain: {until: '2026-01-01T00:00:00Z'}}
  sticky: {}
- name: switched
  match: {hosts: [switched.example.com]}
  lanes: [{name: blue}, {name: green}]
  blueGreen: {active: green}
  sticky: {}
";

#[test]
fn whatever_was_passed_over_is_told_with_the_reason() {
    let text = |arguments: &[&str]| {
        let output = program(&[&["-"], arguments].concat(), PASSED_OVER);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("it writes text")
    };
    let at = ["--at", "2026-12-01T09:00:00Z", "-A", "ff"];
    let told = |arguments: &[&str]| text(&[arguments, &at].concat());
    // What a request without an id lacks, and where else none was found.
    holds_lines(
        &text(&["left.example.com"]),
        &[
            "id  the hash of the source address and header user-agent: header user-agent: not there",
            "> id  nothing holds an id, and the request has none of its own (x-request-id)",
            "deny     the request has no id to be on the list",
            "allow    the request has no id to be on the list of b",
            "sticky   cookie gray_left: not there",
            "split    the request has no id to split by",
        ],
    );
    holds_lines(
        &text(&["left.example.com", "-H", "x-request-id: r-1"]),
        &["gray id: r-1", "> id  nothing holds an id: the request's own serves (x-request-id)"],
    );
    holds_lines(
        &text(&["group.example.com", "-b", "gray_group=group~b~1"]),
        &[
            "group (ab): a by default, no part of the experiment (anonymous)",
            "> anonymous  the request has no id, without which nobody is part of the experiment",
        ],
    );
    // Lanes that might have served.
    let over = ["left (canary): b by split, served by a", "fallback  c is unavailable"];
    let taken = "> fallback  b is unavailable: a serves";
    holds_lines(&told(&["left.example.com"]), &[&over[..], &[taken]].concat());
    holds_lines(
        &told(&["none.example.com"]),
        &[
            "none (canary): b by split",
            "fallback  a is unavailable",
            "fallback  b is unavailable, and no other lane can serve: b does all the same",
        ],
    );
    // Cookies that count no longer, or never did.
    for (host, cookie, why) in [
        ("left", "left~b~1~x", "\"left~b~1~x\" is not of the form that this release writes"),
        (
            "drained",
            "drained~blue~1",
            "\"drained~blue~1\" remembers blue, which is not open: its drain is over",
        ),
        (
            "switched",
            "switched~blue~1",
            "\"switched~blue~1\" remembers blue, which is not open: it is neither active nor drained",
        ),
    ] {
        let text = told(&[&format!("{host}.example.com"), "-b", &format!("gray_{host}={cookie}")]);
        assert!(text.contains(&format!("  cookie gray_{host}: {why}\n")), "{text}");
    }
}

#[test]
fn programs_read_the_same_story() {
    let arguments = ["user-svc.example.com/api", "-H", "x-gray-id: user-1", "-o"];
    let json = explained(&[&arguments[..], &["json"]].concat());
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["decision"], "user-svc;lane=v2;served=stable;reason=split;bucket=2307");
    let release = &json["releases"][0];
    assert_eq!(
        (&release["lane"], &release["served"], &release["reason"]),
        (&"v2".into(), &"stable".into(), &"split".into())
    );
    let rule = release["steps"]
        .as_array()
        .expect("steps")
        .iter()
        .find(|step| step["step"] == "rule")
        .expect("a rule");
    assert_eq!(rule["tests"][0]["path"], "releases[0].rules[0].when.header.x-app-version");
    assert_eq!(rule["tests"][0]["demand"]["semver"], ">=3.2, <4");
    let yaml = explained(&[&arguments[..], &["yaml"]].concat());
    let yaml: Value = serde_saphyr::from_str(&yaml).expect("YAML");
    assert_eq!(yaml["releases"], json["releases"]);
}

#[test]
fn what_cannot_be_explained_is_said_and_has_its_code() {
    for (arguments, input, code, said) in [
        (&["-", "shop.example.com"][..], "releases: 1", 1, "must be a list"),
        (&["-", "/cart"], POLICY, 2, "a host and a path"),
        (&["-", "shop.example.com", "-H", "host: x"], POLICY, 2, "host and path have a place of their own"),
        (&["-", "ftp://shop.example.com/"], POLICY, 2, "a host and a path"),
        (&["-", "shop.example.com", "-H", "x y: z"], POLICY, 2, "no header can have such a name"),
        (&["no-such-\u{1b}[31m.yaml", "shop.example.com"], "", 2, "cannot read no-such-\u{fffd}[31m.yaml"),
        (&["-", "shop.example.com"], "# nothing yet\n", 1, "it is empty; `graylane init` writes a first one"),
    ] {
        let output = program(arguments, input);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(told.contains(said), "{told}");
        assert!(output.stdout.is_empty());
    }
}

/// As logins have it that lead back.
#[test]
fn a_query_may_hold_another_url() {
    for url in
        ["user-svc.example.com/api?next=https://a.example/", "https://user-svc.example.com/api?next=http://b"]
    {
        assert!(explained(&[url]).contains("/api?next=http"), "{url}");
    }
}

#[test]
fn an_id_that_is_there_and_is_none_is_not_told_as_absent() {
    let url = "user-svc.example.com/api";
    let twice = explained(&[url, "-H", "x-gray-id: a", "-H", "x-gray-id: b"]);
    assert!(twice.contains("header x-gray-id: there more than once, which is no identity"), "{twice}");
    let empty = explained(&[url, "-H", "x-gray-id;"]);
    assert!(empty.contains("header x-gray-id: there, and empty"), "{empty}");
    let removed = explained(&[url, "-H", "x-gray-id:"]);
    assert!(removed.contains("header x-gray-id: not there"), "{removed}");
}

/// Bytes that are no text are shown, not refused.
#[test]
fn any_bytes_can_be_explained() {
    let (policy, plan) = both(
        r#"{"trust":"mesh","policy":{"language":1,"releases":[{"name":"r","match":{},"lanes":[{"name":"a"},{"name":"b"}],
        "canary":{"stable":"a","candidates":[{"lane":"b","percent":1}]},"overrides":{"headers":["x-canary"]}}]}}"#,
    );
    let headers = [(":path", &b"/\xff"[..]), ("x-canary", b"\xff\x1b[31m"), ("x-gray-id", b"\xfe")];
    let request = Given { headers: headers.into_iter().collect(), ..Given::default() };
    let text =
        explain(Question { policy: &policy, plan: &plan, trust: Trust::Mesh, request: &request }).text();
    assert!(text.contains("header x-canary: \"\\xff\\x1b[31m\" names no lane"), "{text}");
}
