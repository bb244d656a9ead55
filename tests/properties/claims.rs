//! Claims: nothing that a client says of lane, group, label or override gets through an edge.

use graylane::policy::Trust;
use proptest::prelude::*;

use crate::cases;
use crate::native::run;
use crate::requests::{calls, everything, of_http};
use graylane::given::Given;

/// Headers that only the filter may fill, or nobody.
const CLAIMS: [&str; 11] = [
    "x-gray-lane",
    "x-gray-cluster",
    "x-gray-slot",
    "x-abtest-group",
    "x-traffic-label",
    "x-gray-rules",
    "x-canary",
    "x-canary-tag",
    "x-force",
    "x-gray-debug",
    "baggage: traffic-label",
];
/// Cookies that override.
const COOKIES: [&str; 2] = ["ab_group", "lane"];
/// Stands in every value that the client sends, and in nothing that the policy says.
const MARK: &[u8] = b"EVIL";

fn holds_mark(value: &[u8]) -> bool {
    value.windows(MARK.len()).any(|window| window == MARK)
}

/// A key of baggage as readers of OpenTelemetry take it: decoded, and trimmed of all that is a space or a control character to one of
/// them.
fn decoded(key: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), key);
    while let Some((first, tail)) = rest.split_first() {
        let digits =
            tail.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(escaped.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    let is_part = |byte: &u8| byte.is_ascii_graphic();
    let Some(first) = out.iter().position(is_part) else { return Vec::new() };
    let last = out.iter().rposition(is_part).unwrap_or(first);
    out[first..=last].to_vec()
}

/// The parts of a header that are claims: of cookies and baggage some, of the others all.
fn claims(name: &str, value: &[u8]) -> Vec<Vec<u8>> {
    let named = |separator: u8, names: &[&str], read: fn(&[u8]) -> Vec<u8>| -> Vec<Vec<u8>> {
        let parts = value.split(|byte| *byte == separator).filter(|part| {
            let name = read(part.split(|byte| *byte == b'=').next().unwrap_or_default());
            part.contains(&b'=') && names.iter().any(|claim| claim.as_bytes() == name)
        });
        parts.map(<[u8]>::to_vec).collect()
    };
    match name {
        "cookie" => named(b';', &COOKIES, |name| name.trim_ascii().to_vec()),
        "baggage" => named(b',', &["traffic-label"], decoded),
        name if CLAIMS.contains(&name) => vec![value.to_vec()],
        _ => Vec::new(),
    }
}

/// A request in which every part of every claim bears the mark.
fn marked(call: &Given) -> Given {
    let mark = |(name, value): (&str, &[u8])| {
        let separator = if name == "cookie" { b';' } else { b',' };
        let is_target = name.starts_with(':');
        let parts = value.split(|byte| *byte == separator && !is_target);
        let parts: Vec<Vec<u8>> =
            parts.map(|part| if is_target { part.to_vec() } else { [part, MARK].concat() }).collect();
        (name.to_owned(), parts.join([separator].as_slice()))
    };
    Given {
        headers: call.headers.iter().map(mark).collect(),
        source_address: call.source_address,
        random: Some([7; 16]),
        ..Given::default()
    }
}

proptest! {
    #![proptest_config(cases(3_000))]

    #[test]
    fn no_claim_of_a_client_gets_through_an_edge(call in calls(of_http())) {
        let call = marked(&Given { source_address: Some([127, 0, 0, 1].into()), ..call });
        let plan = everything();
        let ran = run(&plan, Trust::Edge, &call);
        for (name, value) in &ran.upstream {
            for claim in claims(name, value) {
                prop_assert!(!holds_mark(&claim), "{name}: {}", claim.escape_ascii());
            }
        }
        for (name, value) in &ran.response(Vec::new()) {
            prop_assert!(!holds_mark(value), "{name}: {}", value.escape_ascii());
        }
    }

    /// Where the request goes is not for the hop before to say, believed or not.
    #[test]
    fn nobody_names_lane_cluster_or_slot(call in calls(of_http()), trust in crate::requests::trusts()) {
        let plan = everything();
        let call = marked(&call);
        let ran = run(&plan, trust, &call);
        for (name, value) in ran.upstream.iter().filter(|(name, _)| CLAIMS[..3].contains(&name.as_str())) {
            prop_assert!(!holds_mark(value), "{name}: {}", value.escape_ascii());
        }
    }

    /// What is no claim passes an edge byte for byte.
    #[test]
    fn an_edge_takes_nothing_else_away(call in calls(of_http())) {
        let plan = everything();
        let ran = run(&plan, Trust::Edge, &call);
        let others = |headers: &mut dyn Iterator<Item = (String, Vec<u8>)>| {
            let kept = ["x-app", "host", "x-other", "x-abtest-id", "x-gray-decision", ":path", ":authority"];
            headers.filter(|(name, _)| kept.contains(&name.as_str())).collect::<Vec<_>>()
        };
        let sent = others(&mut call.headers.iter().map(|(name, value)| (name.to_owned(), value.to_vec())));
        prop_assert_eq!(sent, others(&mut ran.upstream.iter().cloned()));
    }
}
