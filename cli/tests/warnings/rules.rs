//! Rules that are said never to be reached are never reached, parts of conditions that are said to add nothing add nothing, and
//! conditions that are said to hold always or never do, whatever the request.

use std::cell::Cell;

use graylane::decision::{Decision, decide};
use graylane::given::Given;
use graylane::plan::Plan;
use graylane::policy::{Policy, Trust};
use graylane::time::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use super::{plan_and_warnings, runner, without};

const TEXTS: [&str; 16] =
    ["", "a", "A", "b", "ab", "aB", "Ab", "ba", "abc", "1", "2", "10", "1.0", "1.2.3", "2.0.0-a", "12345678"];

fn text() -> impl Strategy<Value = &'static str> {
    select(TEXTS.to_vec())
}

fn word() -> impl Strategy<Value = &'static str> {
    // Some that stand nowhere, or only in some places.
    let odd = select(vec![" a", "a;b", "a&b", "/", "/a", "a?", "a\nb"]);
    prop_oneof![6 => select(TEXTS[1..].to_vec()), 1 => odd]
}

/// A test of a text.
fn test() -> impl Strategy<Value = Value> {
    let part = (select(vec!["exact", "prefix", "suffix", "contains"]), word(), any::<bool>())
        .prop_map(|(key, text, ignore)| json!({key: text, "ignoreCase": ignore}));
    let list = (vec(text(), 1..4), any::<bool>())
        .prop_map(|(texts, ignore)| json!({"in": texts, "ignoreCase": ignore}));
    let number = select(vec![">=1", ">1, <10", "10", "<2", ">=12345678", "1"])
        .prop_map(|text| json!({"number": text}));
    let remainder = (select(vec![2, 10]), select(vec!["0", "<5", "1", ">=1"]))
        .prop_map(|(divisor, text)| json!({"mod": {"divisor": divisor, "remainder": text}}));
    let version =
        select(vec![">=1", "^1.2", "*", "<2", ">=2.0.0-a"]).prop_map(|text| json!({"semver": text}));
    let expression =
        select(vec!["a+", "[ab]*", "(?i)ab", "[0-9.]+", "."]).prop_map(|text| json!({"regex": text}));
    let glob = select(vec!["a*", "*b", "?", "**"]).prop_map(|text| json!({"glob": text}));
    prop_oneof![
        5 => part,
        3 => list,
        2 => any::<bool>().prop_map(|there| json!({"present": there})),
        2 => number,
        1 => remainder,
        1 => version,
        1 => expression,
        1 => glob,
    ]
}

fn network() -> impl Strategy<Value = &'static str> {
    select(vec!["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "::/0", "0.0.0.0/0", "2001:db8::/32", "2001:db8::1"])
}

/// A condition of one test.
fn single() -> impl Strategy<Value = Value> {
    let named =
        (select(vec!["header", "cookie", "query", "label", "claim"]), select(vec!["x-a", "x-b"]), test())
            .prop_map(|(kind, name, test)| json!({kind: {name: test}}));
    let unnamed = (select(vec!["path", "method", "id"]), test()).prop_map(|(kind, test)| json!({kind: test}));
    let host = select(vec!["a", "ab", "b", ":", "[", "1]", "[::1]", "a:80", "."]).prop_flat_map(|text| {
        select(vec!["exact", "prefix", "suffix", "contains"])
            .prop_map(move |key| json!({"host": {key: text}}))
    });
    let source = vec(network(), 1..3).prop_map(|networks| json!({"source": networks}));
    let percent = (select(vec!["s", "t"]), subsequence(vec![0, 10, 50, 100], 2))
        .prop_map(|(salt, range)| json!({"percent": {"salt": salt, "from": range[0], "to": range[1]}}));
    let claimed = (select(vec!["version", "shop.version"]), select(vec!["A", "B", "b"]))
        .prop_map(|(key, lane)| json!({"label": {key: {"exact": lane}}}));
    let forced = select(vec!["A", "B", "b"]).prop_map(|lane| json!({"header": {"X-Lane": {"exact": lane}}}));
    prop_oneof![8 => named, 2 => unnamed, 1 => host, 1 => source, 2 => percent, 1 => claimed, 1 => forced]
}

fn condition() -> impl Strategy<Value = Value> {
    single().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..4).prop_map(|all| json!({"all": all})),
            vec(inner.clone(), 1..4).prop_map(|any| json!({"any": any})),
            inner.prop_map(|not| json!({"not": not})),
        ]
    })
}

/// Conditions of which some are others with a part more or less.
fn conditions() -> impl Strategy<Value = Vec<Value>> {
    (vec(condition(), 2..4), condition(), 0..6_usize).prop_map(|(mut conditions, other, how)| {
        let first = conditions[0].clone();
        let near = match how {
            0 => json!({"all": [first, other]}),
            1 => json!({"any": [other, first]}),
            2 => json!({"not": {"any": [{"not": first}, other]}}),
            3 => json!({"all": [{"any": [first, other.clone()]}, other]}),
            _ => other,
        };
        conditions.push(near);
        conditions
    })
}

const TIMES: [i64; 4] = [0, 100, 200, 300];

fn during() -> impl Strategy<Value = Value> {
    let at = |seconds: i64| Timestamp::from_seconds(seconds).to_string();
    prop_oneof![
        3 => Just(Value::Null),
        1 => select(TIMES.to_vec()).prop_map(move |from| json!({"from": at(from)})),
        1 => select(TIMES.to_vec()).prop_map(move |until| json!({"until": at(until)})),
        1 => subsequence(TIMES.to_vec(), 2).prop_map(move |both| json!({"from": at(both[0]), "until": at(both[1])})),
    ]
}

fn policy() -> impl Strategy<Value = Value> {
    let rules = conditions().prop_flat_map(|conditions| {
        let count = conditions.len();
        (Just(conditions), vec(during(), count))
    });
    let ids = subsequence(TEXTS[1..5].to_vec(), 0..=3);
    let follow = select(vec!["chain", "own", "none"]);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (rules, ids, follow, flags, during()).prop_map(
        |((conditions, during), ids, follow, (forced, has_preview, lower_case), on)| {
            let mut conditions = conditions;
            let preview = has_preview.then(|| json!({"when": conditions.remove(0)}));
            let rules: Vec<Value> = (0..).zip(conditions.iter().zip(&during)).map(|(index, (when, during)): (usize, _)| {
                json!({"name": format!("r{index}"), "when": when, "lane": "B", "during": during})
            }).collect();
            let (deny, allow) = ids.split_at(ids.len() / 2);
            json!({"language": 1, "identity": {"normalize": {"lowerCase": lower_case}}, "releases": [{
                "name": "shop", "match": {}, "lanes": [{"name": "A", "labels": {"version": "b", "x-a": "a"}}, {"name": "B", "labels": {"version": "b"}}],
                "blueGreen": {"active": "A", "preview": preview}, "follow": follow, "during": on, "rules": rules,
                "deny": deny, "allow": {"B": allow}, "respond": {"cache": "none"},
                "overrides": {"headers": if forced { vec!["x-lane"] } else { Vec::new() }},
            }]})
        },
    )
}

fn claim() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(Value::from),
        select(vec![1.0, 2.0, 10.0, 12_345_678.0]).prop_map(Value::from),
        vec(text(), 0..3).prop_map(Value::from),
    ]
}

fn request() -> impl Strategy<Value = Given> {
    let maybe = || prop_oneof![2 => Just(None), 5 => text().prop_map(Some)];
    let texts = vec(maybe(), 8);
    let label = vec((select(vec!["version", "shop.version"]), select(vec!["A", "B", "b"])), 0..2);
    let rest = (
        select(vec!["a", "ab", "B", "c", "a.", "a:80", "[::1]", "[::1]:80"]),
        select(vec![None, Some("A"), Some("B"), Some("b")]),
        select(TIMES.to_vec()),
    );
    let address = select(vec![
        None,
        Some("10.1.2.3"),
        Some("10.2.0.1"),
        Some("192.0.2.1"),
        Some("2001:db8::1"),
        Some("::1"),
    ]);
    (texts, vec(proptest::option::of(claim()), 2), label, rest, address).prop_map(
        |(texts, claims, label, (host, lane, now), address)| {
            let [header_a, header_b, cookie_a, cookie_b, query, id, path, method] =
                texts.try_into().expect("eight");
            let cookie = [("x-a", cookie_a), ("x-b", cookie_b)];
            let cookie =
                cookie.map(|(name, value)| value.map(|value| format!("{name}={value}")).unwrap_or_default());
            let mut pairs: Vec<String> = label.iter().map(|(key, value)| format!("{key}={value}")).collect();
            pairs.extend(header_b.filter(|text| !text.is_empty()).map(|text| format!("x-a={text}")));
            let path = format!(
                "/{}{}",
                path.unwrap_or_default(),
                query.map(|query| format!("?x-a={query}&x-b=a")).unwrap_or_default()
            );
            let headers = [
                (":authority", Some(host.to_owned())),
                (":path", Some(path)),
                (":method", method.filter(|text| !text.is_empty()).map(str::to_owned)),
                ("x-a", header_a.map(|text| text.replace("12345678", " a"))),
                ("x-b", header_b.map(str::to_owned)),
                ("x-lane", lane.map(str::to_owned)),
                ("cookie", Some(cookie.join("; "))),
                ("x-traffic-label", Some(pairs.join(";"))),
                ("x-gray-id", id.map(str::to_owned)),
            ];
            let headers =
                headers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into_bytes())));
            let mut given = Given {
                headers: headers.collect(),
                source_address: address.map(|address| address.parse().expect("an address")),
                now: Timestamp::from_seconds(now),
                random: Some([7; 16]),
                ..Given::default()
            };
            let claims = ["x-a", "x-b"].into_iter().zip(claims);
            let claims: Map<String, Value> =
                claims.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
            given.add_claims(&empty(), &claims);
            given
        },
    )
}

/// A plan that says nothing of where claims stand: they stand where those of all policies here do.
fn empty() -> Plan {
    let policy = Policy { language: Some(1), ..Policy::default() };
    graylane::compile(&policy).expect("a good policy")
}

/// The rule that placed a request, and where.
fn outcome(decision: &Decision<'_>) -> (Option<u16>, Option<graylane::arena::LaneId>) {
    let entry = decision.entries.first();
    (entry.and_then(|entry| entry.rule), entry.and_then(|entry| entry.assigned))
}

/// The position of the rule that a path names, as decisions count: the preview is the first one.
fn rule_at(path: &str, has_preview: bool) -> Option<u16> {
    if path == "releases[0].blueGreen.preview" {
        return Some(0);
    }
    let index: u16 = path.strip_prefix("releases[0].rules[")?.strip_suffix(']')?.parse().ok()?;
    Some(index + u16::from(has_preview))
}

#[test]
fn a_rule_that_is_said_never_to_be_reached_is_never_reached() {
    let (told, reached) = (Cell::new(0), Cell::new(0));
    let outcome = runner(6_000).run(&(policy(), vec(request(), 40)), |(policy, requests)| {
        let (plan, warnings) = plan_and_warnings(&policy);
        let has_preview = !policy["releases"][0]["blueGreen"]["preview"].is_null();
        let never = |(path, words): &(String, String)| {
            let is_said = words.starts_with("never ");
            rule_at(path, has_preview).filter(|_| is_said)
        };
        let never: Vec<u16> = warnings.iter().filter_map(never).collect();
        told.set(told.get() + never.len());
        for request in &requests {
            let (rule, _) = outcome(&decide(&plan, Trust::Mesh, request));
            reached.set(reached.get() + usize::from(rule.is_some()));
            prop_assert!(
                rule.is_none_or(|rule| !never.contains(&rule)),
                "rule {rule:?}: {request:?}\n{warnings:#?}"
            );
        }
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    // Neither side of the promise was empty.
    assert!(told.get() > 300 && reached.get() > 3_000, "{told:?} {reached:?}");
}

#[test]
fn what_is_said_to_add_nothing_can_be_left_out() {
    let told = Cell::new(0);
    let decides = |plan: &Plan, request: &Given| outcome(&decide(plan, Trust::Mesh, request));
    let outcome = runner(4_000).run(&(policy(), vec(request(), 30)), |(policy, requests)| {
        let (plan, warnings) = plan_and_warnings(&policy);
        let needless = warnings.iter().filter(|(path, words)| {
            let is_element = path.ends_with(']') && !path.contains("x-");
            is_element && (words.starts_with("adds nothing") || words.starts_with("stands twice"))
        });
        for (path, _) in needless {
            let fewer = without(&policy, path).expect("an element of a list");
            let (fewer_plan, _) = plan_and_warnings(&fewer);
            told.set(told.get() + 1);
            for request in &requests {
                prop_assert_eq!(
                    decides(&plan, request),
                    decides(&fewer_plan, request),
                    "{} {:?}",
                    path,
                    request
                );
            }
        }
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(told.get() > 100, "{told:?}");
}

/// What a warning is about as a condition by itself: the condition that its path leads to, or the one test of it.
fn alone(policy: &Value, path: &str) -> Option<Value> {
    let pointer = path.replace(['.', '['], "/").replace(']', "");
    let words: Vec<&str> = pointer.split('/').collect();
    let at = |words: &[&str]| policy.pointer(&format!("/{}", words.join("/"))).cloned();
    let is_step =
        |word: &&str| matches!(*word, "when" | "all" | "any" | "not") || word.parse::<usize>().is_ok();
    let end = words.iter().position(|word| *word == "when")?;
    let end = end + words[end..].iter().take_while(|word| is_step(word)).count();
    let (condition, rest) = words.split_at(end);
    let test = |names: &[&str]| {
        let test = at(&[condition, names].concat())?;
        Some(names.iter().rev().fold(test, |inner, name| json!({*name: inner})))
    };
    match rest {
        [] => at(condition),
        [names @ .., "in", index] => {
            let mut test = test(names)?;
            let list = test.pointer_mut(&format!("/{}/in", names.join("/")))?;
            *list = json!([list.get(index.parse::<usize>().ok()?)?]);
            Some(test)
        }
        [key @ ("path" | "method" | "host" | "id"), ..] => test(&[key]),
        [key, name, ..] => test(&[key, name]),
        _ => None,
    }
}

#[test]
fn what_is_said_to_hold_always_or_never_does() {
    let (never, always, of_several) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let outcome = runner(6_000).run(&(policy(), vec(request(), 30)), |(policy, requests)| {
        let (_, warnings) = plan_and_warnings(&policy);
        for (path, words) in &warnings {
            let (holds, listeners) = match &**words {
                words if words.starts_with("this can never hold") => (false, &[Trust::Mesh, Trust::Edge][..]),
                // In the mesh the hop before hands over ids.
                words if words.starts_with("this holds of no id") => (false, &[Trust::Edge][..]),
                words if words.starts_with("this always holds") => (true, &[Trust::Mesh, Trust::Edge][..]),
                _ => continue,
            };
            let Some(condition) = alone(&policy, path) else { continue };
            let counted = if holds { &always } else { &never };
            counted.set(counted.get() + 1);
            let is_of_several = words.contains("its tests") || words.contains("its branches");
            of_several.set(of_several.get() + usize::from(is_of_several));
            let rule = json!([{"name": "alone", "when": condition, "lane": "B"}]);
            let (plan, _) = plan_and_warnings(&json!({"language": 1, "identity": policy["identity"], "releases": [{
                "name": "shop", "match": {}, "lanes": [{"name": "A"}, {"name": "B"}], "blueGreen": {"active": "A"},
                "follow": "none", "rules": rule}]}));
            for (request, trust) in requests.iter().flat_map(|request| listeners.iter().map(move |trust| (request, *trust))) {
                let (rule, _) = outcome(&decide(&plan, trust, request));
                prop_assert_eq!(rule.is_some(), holds, "{} {}\n{:?}", path, words, request);
            }
        }
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    let told = (never.get(), always.get(), of_several.get());
    assert!(told.0 > 300 && told.1 > 10 && told.2 > 100, "{told:?}");
}
