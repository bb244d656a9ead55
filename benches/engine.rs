//! What the engine costs by itself, without a host: to decide a request, and to take a policy in.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group};
use graylane::given::Given;
use graylane::plan::Plan;
use graylane::policy::Trust;
use graylane::request::Headers;
use graylane::{decide, effects, load};
use graylane_bench::policy::{self, configuration};
use graylane_bench::request::{CASES, Case};

/// Different requests of one case, so that neither cache nor branch prediction knows them all.
const REQUESTS: usize = 4096;

#[expect(clippy::panic, reason = "a bench whose own policy is refused measures nothing")]
fn plan(trust: policy::Trust, releases: usize) -> (Trust, Plan) {
    let loaded = load(configuration(trust, releases).as_bytes());
    (loaded.trust, loaded.plan.unwrap_or_else(|errors| panic!("the policy is refused: {errors}")))
}

/// Decides requests of a case in turn, effects included.
fn requests(bench: &mut criterion::Bencher<'_>, case: &Case, trust: Trust, plan: &Plan) {
    let given =
        |number| Given { random: Some([7; 16]), ..Given::from(Headers::from_iter(case.headers(number))) };
    let requests: Vec<Given> = (0..REQUESTS).map(given).collect();
    let mut next = requests.iter().cycle();
    bench.iter(|| {
        if let Some(request) = next.next() {
            let decision = decide(plan, trust, black_box(request));
            black_box(effects(plan, &decision));
        }
    });
}

fn one_request(criterion: &mut Criterion) {
    for releases in [10, 10_000] {
        let mut group = criterion.benchmark_group(format!("a request under {releases} releases"));
        for case in CASES.iter().filter(|case| releases > 10 || case.name != "spread") {
            let (trust, plan) = plan(case.trust, releases);
            group.bench_function(case.name, |bench| requests(bench, case, trust, &plan));
        }
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
            let request = Given::from(Headers::from_iter(case.headers(number)));
            let request = Given { random: Some([7; 16]), ..request };
            let decision = decide(&plan, trust, &request);
            let expected = case.reason.into_iter().cycle().take(case.releases);
            let reasons = decision.entries.iter().map(|entry| entry.reason.as_str());
            assert!(reasons.eq(expected), "{}: {:?}", case.name, decision.entries);
        }
    }
}

criterion_group! {
    name = engine;
    config = Criterion::default().warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = one_request, a_policy
}

fn main() {
    check();
    engine();
    Criterion::default().configure_from_args().final_summary();
}
