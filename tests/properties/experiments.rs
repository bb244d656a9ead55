//! Experiments: those of one layer share nobody, and what keeps users out keeps them out.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::native::run;
use crate::{cases, plan_of};
use graylane::bucket::COUNT;
use graylane::decision::{Entry, Outside};
use graylane::given::Given;
use graylane::policy::Trust;

const USERS: usize = 400;

/// Parts of a layer that do not overlap, in buckets, and how much of the layer is held out behind them.
fn layer() -> impl Strategy<Value = (Vec<(u16, u16)>, u16)> {
    let cuts = proptest::collection::btree_set(0..=COUNT, 4..12);
    (cuts, 0..3_000_u16).prop_map(|(cuts, held_out)| {
        let cuts: Vec<u16> = cuts.into_iter().collect();
        let parts = cuts.as_chunks::<2>().0.iter().map(|[from, to]| (*from, (*to).min(COUNT - held_out)));
        (parts.filter(|(from, to)| from < to).take(6).collect(), held_out)
    })
}

fn policy(parts: &[(u16, u16)], held_out: u16) -> Value {
    let percent = |buckets: u16| f64::from(buckets) / 100.0;
    let experiment = |(index, (from, to)): (usize, &(u16, u16))| {
        json!({"name": format!("e{index}"), "match": {}, "lanes": [{"name": "A"}, {"name": "B"}], "follow": "none",
            "ab": {"salt": format!("e{index}"), "layer": "one", "route": false,
                "traffic": {"from": percent(*from), "to": percent(*to)},
                "groups": [{"lane": "A", "weight": 50}, {"lane": "B", "weight": 50}]}})
    };
    let releases: Vec<Value> = parts.iter().enumerate().map(experiment).collect();
    json!({"language": 1, "releases": releases, "holdout": {"percent": 5, "salt": "all"},
        "layers": [{"name": "one", "holdout": percent(held_out)}]})
}

/// What each release decides for each user.
fn entries(policy: &Value) -> Vec<Vec<Entry>> {
    let plan = plan_of(policy);
    let user = |user| {
        let id = format!("user-{user}");
        let headers = [(":authority", "shop"), (":path", "/"), ("x-gray-id", id.as_str())];
        let given = Given { headers: headers.into_iter().collect(), ..Given::default() };
        run(&plan, Trust::Edge, &given).decision.entries.to_vec()
    };
    (0..USERS).map(user).collect()
}

proptest! {
    #![proptest_config(cases(32))]

    #[test]
    fn experiments_of_a_layer_share_nobody((parts, held_out) in layer()) {
        let mut inside = vec![0_u32; parts.len()];
        for (user, entries) in entries(&policy(&parts, held_out)).iter().enumerate() {
            let taking: Vec<usize> = (0..entries.len()).filter(|at| entries[*at].outside.is_none()).collect();
            prop_assert!(taking.len() <= 1, "user-{user} is in {taking:?}");
            for at in taking {
                inside[at] += 1;
            }
            let held_out_of_all = entries.iter().any(|entry| entry.outside == Some(Outside::Holdout));
            prop_assert!(!held_out_of_all || entries.iter().all(|entry| entry.outside == Some(Outside::Holdout)));
        }
        // A tenth of the layer, less the holdout of all, has users among four hundred.
        for ((from, to), inside) in parts.iter().zip(inside) {
            prop_assert!(inside > 0 || to - from < 1_000, "nobody of {USERS} is in {from} to {to}");
        }
    }

    #[test]
    fn an_experiment_that_gives_up_a_part_gives_it_to_nobody_else((parts, held_out) in layer(), at in 0..6_usize) {
        prop_assume!(at < parts.len());
        let before = entries(&policy(&parts, held_out));
        let mut fewer = parts.clone();
        let (from, to) = fewer[at];
        fewer[at] = (from, from + (to - from) / 2);
        let after = entries(&policy(&fewer, held_out));
        for (before, after) in before.iter().zip(&after) {
            for (index, (before, after)) in before.iter().zip(after).enumerate() {
                let same = (before.outside, before.assigned) == (after.outside, after.assigned);
                prop_assert!(same || index == at && before.outside.is_none() && after.outside == Some(Outside::Layer));
            }
        }
    }
}
