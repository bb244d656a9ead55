//! Requests: whatever their bytes, they are decided, and what is written is HTTP.

use graylane::decision::decide;
use graylane::effect::effects;
use graylane::plan::Plan;
use graylane::policy::Trust;
use proptest::prelude::*;
use serde_json::json;

use crate::native::{Ran, run};
use crate::{cases, plan_of};
use graylane::given::Given;

/// A policy that reads and writes all there is.
pub(crate) fn everything() -> Plan {
    plan_of(&json!({
        "language": 1,
        "trustedSources": ["127.0.0.2"],
        "identity": {"cookie": {}},
        "releases": [
            {
                "name": "shop", "match": {"hosts": ["shop.example.com", "*.shop:8443"], "paths": [{"prefix": "/a"}, {"exact": "/b"}]},
                "lanes": [{"name": "stable", "labels": {"env": "prod"}}, {"name": "v2", "cluster": "c", "weightedSlot": 7,
                    "labels": {"version": "v2"}}, {"name": "v3", "unavailable": true, "fallback": ["v2"]}],
                "canary": {"stable": "stable", "candidates": [{"lane": "v2", "percent": 40}, {"lane": "v3", "percent": 40}]},
                "overrides": {"headers": ["x-canary", "x-force"], "rules": "x-gray-rules", "cookies": ["ab_group", "lane"]},
                "rules": [{"name": "r", "when": {"header": {"x-app": {"prefix": "new"}}, "cookie": {"c": {"present": false}},
                    "query": {"q": {"in": ["1", "2"]}}, "label": {"tenant": {"exact": "t1"}}, "path": {"prefix": "/a"}}, "lane": "v2"}],
                "respond": {"lane": true}
            },
            {
                "name": "button", "match": {}, "follow": "own", "lanes": [{"name": "A"}, {"name": "B", "labels": {"button": "blue"}}],
                "ab": {"salt": "s", "route": false, "groups": [{"lane": "A"}, {"lane": "B", "weight": 50}], "cookie": {}}
            },
            {
                "name": "off", "off": true, "match": {"hosts": ["off.example.com"]}, "lanes": [{"name": "A"}, {"name": "B"}],
                "blueGreen": {"active": "A"}
            }
        ]
    }))
}

const NAMES: [&str; 22] = [
    "x-gray-lane",
    "x-gray-cluster",
    "x-gray-slot",
    "x-gray-id",
    "x-abtest-group",
    "x-abtest-id",
    "x-traffic-label",
    "x-gray-rules",
    "x-canary",
    "x-canary-tag",
    "x-force",
    "x-gray-debug",
    "x-gray-decision",
    "cookie",
    "cookie",
    "baggage",
    "baggage",
    "x-app",
    ":authority",
    ":path",
    "host",
    "x-other",
];

/// Texts that mean something in one header or another.
const WORDS: [&str; 26] = [
    "v2",
    "stable",
    "version=v2",
    "env=prod",
    "button.button=blue",
    "tenant=t1",
    "default",
    "ab_group=v2",
    "lane=v3",
    "gray_id=u",
    "traffic-label=version=v2",
    "traffic-label=",
    "%C2%A0traffic%2Dlabel=",
    "%0B+",
    "new",
    ";",
    "; ",
    ",",
    "=",
    "%3D",
    " ",
    "/a",
    "?q=1&gray_id=x",
    "shop.example.com",
    "x.shop:8443",
    "off.example.com",
];

fn value(byte: BoxedStrategy<u8>) -> impl Strategy<Value = Vec<u8>> {
    let word = proptest::sample::select(WORDS.to_vec()).prop_map(|word| word.as_bytes().to_vec());
    let piece = prop_oneof![3 => word, 1 => proptest::collection::vec(byte, 0..8)];
    // Spaces around a value are none of it: nobody behind the wire sees them.
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat().trim_ascii().to_vec())
}

/// Requests of such bytes, mostly to a host and path that something governs.
pub(crate) fn calls(byte: BoxedStrategy<u8>) -> impl Strategy<Value = Given> {
    let name = proptest::sample::select(NAMES.to_vec()).prop_map(str::to_owned);
    let headers = proptest::collection::vec((name, value(byte)), 0..14);
    let host = proptest::sample::select(vec!["shop.example.com", "a.shop:8443", "off.example.com", "else"]);
    let path = proptest::sample::select(vec!["/a/x?q=1", "/b", "/c?gray_id=u1", "/"]);
    let from = proptest::sample::select(vec![None, Some([127, 0, 0, 1]), Some([127, 0, 0, 2])]);
    (host, path, headers, from).prop_map(|(host, path, headers, from)| {
        let target = [(":authority", host), (":path", path)];
        let target = target.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        Given {
            headers: target.into_iter().chain(headers).collect(),
            source_address: from.map(Into::into),
            random: Some([7; 16]),
            ..Given::default()
        }
    })
}

/// Bytes that Envoy lets through in the value of a header (RFC 9110, field-value).
pub(crate) fn of_http() -> BoxedStrategy<u8> {
    prop_oneof![1 => Just(b'\t'), 8 => 0x20..=0x7e_u8, 4 => 0x80..=0xff_u8].boxed()
}

pub(crate) fn trusts() -> impl Strategy<Value = Trust> {
    prop_oneof![Just(Trust::Edge), Just(Trust::Mesh)]
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn any_bytes_are_decided(call in calls(any::<u8>().boxed()), trust in trusts(), random in any::<Option<[u8; 16]>>()) {
        let plan = everything();
        let call = Given { random, ..call };
        let decision = decide(&plan, trust, &call);
        let _written = effects(&plan, &decision);
    }

    #[test]
    fn what_is_written_is_http_and_each_header_is_edited_once(call in calls(of_http()), trust in trusts()) {
        let plan = everything();
        let decision = decide(&plan, trust, &call);
        let effects = effects(&plan, &decision);
        let mut names: Vec<_> = effects.request.iter().map(|edit| edit.name.clone()).collect();
        names.sort();
        names.dedup();
        prop_assert_eq!(names.len(), effects.request.len());
        let is_text = |byte: &u8| *byte == b'\t' || (*byte >= 0x20 && *byte != 0x7f);
        let ran = run(&plan, trust, &call);
        for (name, value) in ran.upstream.iter().chain(&ran.response(Vec::new())) {
            prop_assert!(value.iter().all(is_text), "{name}: {}", value.escape_ascii());
        }
        prop_assert!(ran.summary.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '));
        if let Some(id) = ran.fresh_id() {
            let version = uuid::Uuid::try_parse(id).map(|id| id.get_version_num());
            prop_assert_eq!(version, Ok(4), "{}", id);
        }
    }

    /// The next hop, which believes this one, finds the same id, and so the same bucket.
    #[test]
    fn the_next_hop_places_a_request_alike(call in calls(of_http())) {
        let plan = everything();
        let first = run(&plan, Trust::Edge, &call);
        prop_assume!(first.decision.is_governed());
        let sent = first.upstream.iter().map(|(name, value)| (name.clone(), value.trim_ascii().to_vec()));
        let next = Given { headers: sent.collect(), random: Some([7; 16]), ..Given::default() };
        let second = run(&plan, Trust::Mesh, &next);
        let id = |ran: &Ran<'_>| ran.decision.id.as_ref().map(|id| id.as_bytes().to_vec());
        prop_assert_eq!(id(&first), id(&second));
    }
}
