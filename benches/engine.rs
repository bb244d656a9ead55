//! What the engine costs by itself, without a host: to decide a request, and to take a policy in.

use std::hint::black_box;

use criterion::{BatchSize, Bencher, Criterion, Throughput, criterion_group};
use graylane::compile::compile;
use graylane::given::Given;
use graylane::plan::Plan;
use graylane::policy::{
    Canary, Candidate, Condition, Lane, Match, Overrides, Policy, Release, Rule, TextTest, Trust,
};
use graylane::request::Headers;
use graylane::{decide, effects, load};
use graylane_bench::policy::{self, configuration, service_host};
use graylane_bench::request::{CASES, Case, case};
use serde_json::json;

/// Different requests of one case, so that branch prediction does not know them all.
const REQUESTS: usize = 4096;
/// Requests that are made just before they are decided: headers that were just read are in the cache, a plan need not be.
const FRESH: BatchSize = BatchSize::NumIterations(64);

fn plan(trust: policy::Trust, releases: usize) -> (Trust, Plan) {
    plan_of(&configuration(trust, releases))
}

#[expect(clippy::panic, reason = "a bench whose own policy is refused measures nothing")]
fn plan_of(configuration: &str) -> (Trust, Plan) {
    let loaded = load(configuration.as_bytes());
    (loaded.trust, loaded.plan.unwrap_or_else(|errors| panic!("the policy is refused: {errors}")))
}

/// The request of a case with this number.
fn given(case: &Case, number: usize) -> Given {
    let random = Some([7; 16]);
    let source_address = Some([203, 0, 113, 17].into());
    Given { random, source_address, ..Given::from(Headers::from_iter(case.headers(number))) }
}

/// Does something with requests in turn.
fn in_turn(bench: &mut Bencher<'_>, requests: &[Given], mut work: impl FnMut(&Given)) {
    let mut next = requests.iter().cycle();
    bench.iter_batched_ref(
        || next.next().cloned().unwrap_or_default(),
        |request| work(black_box(request)),
        FRESH,
    );
}

/// Requests of a case.
fn of_case(case: &Case) -> Vec<Given> {
    (0..REQUESTS).map(|number| given(case, number)).collect()
}

fn one_request(criterion: &mut Criterion) {
    for releases in [10, 10_000] {
        let mut group = criterion.benchmark_group(format!("a request under {releases} releases"));
        for case in CASES.iter().filter(|case| releases > 10 || case.name != "spread") {
            let (trust, plan) = plan(case.trust, releases);
            group.bench_function(case.name, |bench| {
                in_turn(bench, &of_case(case), |request| {
                    let decision = decide(&plan, trust, request);
                    black_box(effects(&plan, &decision));
                });
            });
        }
    }
}

/// A release of ten rules, each of another kind, of which none holds for a browser's request.
fn ten_rules() -> String {
    let rules = [
        json!({"header": {"x-tester": {"exact": "yes"}}}),
        json!({"header": {"accept-language": {"prefix": "de"}}}),
        json!({"header": {"user-agent": {"regex": "Mozilla/5\\.0 .* Chrome/[0-9]+\\..*"}}}),
        json!({"cookie": {"theme": {"in": ["light", "contrast", "sepia"]}}}),
        json!({"query": {"color": {"contains": "green"}}}),
        json!({"path": {"glob": "/shop/*/cart"}}),
        json!({"method": {"in": ["PUT", "PATCH", "DELETE"]}}),
        json!({"label": {"tenant": {"in": ["shop-001", "shop-002"]}}}),
        json!({"source": ["10.0.0.0/8", "192.168.0.0/16"]}),
        json!({"all": [{"id": {"prefix": "tester-"}}, {"header": {"x-app-version": {"semver": ">=3.2, <4"}}}]}),
    ];
    let rules = rules.into_iter().enumerate();
    let rules: Vec<_> = rules
        .map(|(number, when)| json!({"name": format!("r{number}"), "when": when, "lane": "v2"}))
        .collect();
    json!({"trust": "edge", "policy": {"language": 1, "releases": [{
        "name": "canary", "match": {"hosts": ["canary.example.com"]}, "lanes": [{"name": "stable"}, {"name": "v2"}],
        "canary": {"stable": "stable", "candidates": [{"lane": "v2", "percent": 20}]}, "rules": rules}]}})
    .to_string()
}

/// Hosts of a policy of ten releases; [`to_ten_hosts`] adds two.
const HOSTS: [&str; 8] = [
    "canary.example.com",
    "ab.example.com",
    "pay.example.com",
    "chain.example.com",
    "several.example.com",
    "cluster.example.com",
    "svc-00008",
    "svc-00009",
];

/// Requests to the hosts of a policy of ten releases in turn.
fn to_ten_hosts() -> Vec<Given> {
    let mut hosts: Vec<String> = HOSTS.iter().map(|host| (*host).to_owned()).collect();
    hosts.extend([service_host(8), service_host(9)]);
    let mut hosts = hosts.iter().cycle();
    let edge = case("canary").into_iter().cycle();
    let requests = edge.zip(0..REQUESTS).map(|(case, number)| {
        let mut headers = case.headers(number);
        if let (Some((_, authority)), Some(host)) = (headers.first_mut(), hosts.next()) {
            host.clone_into(authority);
        }
        Given { random: Some([7; 16]), ..Given::from(Headers::from_iter(headers)) }
    });
    requests.collect()
}

/// The decision alone, without its effects.
fn decisions(bench: &mut Bencher<'_>, (trust, plan): &(Trust, Plan), requests: &[Given]) {
    in_turn(bench, requests, |request| {
        black_box(&decide(plan, *trust, request));
    });
}

fn the_decision(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("the decision alone");
    let named = |name: &str| case(name).map(of_case).unwrap_or_default();
    let (canary, spread, ten_hosts) = (named("canary"), named("spread"), to_ten_hosts());
    let (ten, many) = (plan(policy::Trust::Edge, 10), plan(policy::Trust::Edge, 10_000));
    group.bench_function("ten rules, then the split", |bench| {
        decisions(bench, &plan_of(&ten_rules()), &canary);
    });
    group.bench_function("ten hosts, 10 releases", |bench| decisions(bench, &ten, &ten_hosts));
    group.bench_function("ten hosts, 10000 releases", |bench| decisions(bench, &many, &ten_hosts));
    group.bench_function("all hosts, 10000 releases", |bench| decisions(bench, &many, &spread));
}

/// A policy as it is written, with the services of a big mesh.
fn written(releases: usize) -> Policy {
    let text = |text: &str| Some(text.to_owned());
    let release = |position: usize| {
        let version = [("version".to_owned(), "v2.3".to_owned())];
        let exactly_yes = TextTest { exact: text("yes"), ..TextTest::default() };
        let header = [("x-tester".to_owned(), exactly_yes)].into_iter().collect();
        let candidate = Candidate { lane: text("v2"), percent: Some(20.0), ..Candidate::default() };
        Release {
            name: Some(format!("svc-{position:05}")),
            matches: Some(Match {
                hosts: vec![service_host(position), format!("svc-{position:05}")],
                ..Match::default()
            }),
            lanes: vec![
                Lane { name: text("stable"), ..Lane::default() },
                Lane { name: text("v2"), labels: version.into_iter().collect(), ..Lane::default() },
            ],
            canary: Some(Canary { stable: text("stable"), candidates: vec![candidate], ..Canary::default() }),
            overrides: Overrides { headers: vec!["x-canary".to_owned()], ..Overrides::default() },
            rules: vec![Rule {
                name: text("testers"),
                when: Some(Condition { header, ..Condition::default() }),
                lane: text("v2"),
                ..Rule::default()
            }],
            ..Release::default()
        }
    };
    Policy { language: Some(1), releases: (0..releases).map(release).collect(), ..Policy::default() }
}

fn a_compilation(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a policy as written into a plan");
    group.sample_size(20);
    for releases in [10, 10_000] {
        let policy = written(releases);
        group.throughput(Throughput::Elements(releases as u64));
        group.bench_function(format!("{releases} releases"), |bench| {
            bench.iter(|| compile(black_box(&policy)));
        });
    }
}

fn a_policy(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a policy from JSON");
    group.sample_size(20);
    // 3,000 releases are about 1 MB.
    for releases in [10, 3_000, 10_000] {
        let json = configuration(policy::Trust::Edge, releases);
        group.throughput(Throughput::Bytes(json.len() as u64));
        group.bench_function(format!("{releases} releases, {} KB", json.len() / 1024), |bench| {
            bench.iter(|| load(black_box(json.as_bytes())));
        });
    }
}

/// What the figures stand on: every case is decided as it says.
fn check() {
    for case in CASES {
        let (trust, plan) = plan(case.trust, 10_000);
        for number in 0..50 {
            let request = given(case, number);
            let decision = decide(&plan, trust, &request);
            let expected = case.reason.into_iter().cycle().take(case.releases);
            let reasons = decision.entries.iter().map(|entry| entry.reason.as_str());
            assert!(reasons.eq(expected), "{}: {:?}", case.name, decision.entries);
        }
    }
    let (trust, plan) = plan_of(&ten_rules());
    for case in CASES.iter().filter(|case| case.name == "canary") {
        let request = given(case, 1);
        let decision = decide(&plan, trust, &request);
        let reasons: Vec<&str> = decision.entries.iter().map(|entry| entry.reason.as_str()).collect();
        assert_eq!(reasons, ["split"], "none of the ten rules holds");
    }
    let (trust, plan) = self::plan(policy::Trust::Edge, 10);
    for request in to_ten_hosts().iter().take(10) {
        assert!(!decide(&plan, trust, request).entries.is_empty(), "all of the ten hosts are governed");
    }
    assert!(compile(&written(10)).is_ok_and(|plan| plan.len() == 10), "what is compiled is a good policy");
}

criterion_group! {
    name = engine;
    config = Criterion::default().warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = the_decision, one_request, a_compilation, a_policy
}

fn main() {
    check();
    engine();
    Criterion::default().configure_from_args().final_summary();
}
