//! A match block -> a condition.

use graylane::headers;
use serde_json::{Map, Value, json};

use crate::import::known_expression;

/// A match block, as a condition; an empty one always holds, and is none.
///
/// # Errors
/// What of it cannot be said, each with its key.
pub(super) fn condition(block: &Map<String, Value>) -> Result<Option<Value>, Vec<(String, String)>> {
    let mut made = Made::default();
    let ignores_case = block.get("ignoreUriCase").and_then(Value::as_bool) == Some(true);
    for (key, value) in block {
        match key.as_str() {
            "name" | "ignoreUriCase" | "statPrefix" => {}
            "uri" => made.single("path", text(value, ignores_case), key),
            "method" => made.single("method", text(value, false), key),
            "authority" => made.single("host", authority(value), key),
            "headers" => made.headers(value),
            "withoutHeaders" => made.without_headers(value),
            "queryParams" => {
                for (name, test) in entries(value) {
                    made.named("query", name, text(test, false), &format!("queryParams.{name}"));
                }
            }
            _ => made.unsaid.push((key.clone(), "a policy does not ask for that".to_owned())),
        }
    }
    made.finish()
}

/// The lane that a block asks graylane for, where that is all it asks: a route that graylane itself is behind.
pub(super) fn lane(block: &Map<String, Value>) -> Option<&str> {
    let keys: Vec<&String> = block.keys().filter(|key| *key != "name").collect();
    let headers = block.get("headers")?.as_object()?;
    if keys != ["headers"] || headers.len() != 1 {
        return None;
    }
    headers.get(headers::LANE)?.get("exact")?.as_str()
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// A test of a text; none where anything holds.
fn text(test: &Value, ignores_case: bool) -> Result<Option<Value>, String> {
    let get = |key: &str| test.get(key).and_then(Value::as_str);
    let with_case = |mut test: Value| {
        if let (true, Some(map)) = (ignores_case, test.as_object_mut()) {
            map.insert("ignoreCase".to_owned(), Value::Bool(true));
        }
        Ok(Some(test))
    };
    match (get("exact"), get("prefix"), get("regex")) {
        (Some(exact), ..) => with_case(json!({"exact": exact})),
        (_, Some(""), _) => Ok(Some(json!({"present": true}))),
        (_, Some(prefix), _) => with_case(json!({"prefix": prefix})),
        (.., Some("*")) => Ok(Some(json!({"present": true}))),
        (.., Some(regex)) => {
            known_expression(regex)
                .map_err(|why| format!("the policy language does not know this expression: {why}"))?;
            Ok(Some(json!({"regex": regex})))
        }
        _ => Ok(Some(json!({"present": true}))),
    }
}

/// The host of a request, which has no port and no capitals here.
fn authority(test: &Value) -> Result<Option<Value>, String> {
    let has_port = |host: &str| {
        host.rsplit_once(':').is_some_and(|(_, port)| port.chars().all(|it| it.is_ascii_digit()))
    };
    match test.get("exact").and_then(Value::as_str) {
        Some(host) if has_port(host) => Err("a policy compares the host without its port".to_owned()),
        Some(host) => Ok(Some(json!({"exact": host.to_ascii_lowercase()}))),
        None => text(test, false),
    }
}

#[derive(Default)]
struct Made {
    tests: Map<String, Value>,
    not: Vec<Value>,
    unsaid: Vec<(String, String)>,
}

/// Claims of a verified token, as Istio names them.
const CLAIMS: &str = "@request.auth.claims";

impl Made {
    fn single(&mut self, key: &str, test: Result<Option<Value>, String>, at: &str) {
        match test {
            // A path is always there.
            Ok(Some(test)) if test.get("present").is_some() => {}
            Ok(Some(test)) => drop(self.tests.insert(key.to_owned(), test)),
            Ok(None) => {}
            Err(why) => self.unsaid.push((at.to_owned(), why)),
        }
    }

    fn named(&mut self, kind: &str, name: &str, test: Result<Option<Value>, String>, at: &str) {
        match test {
            Ok(Some(test)) => {
                let named = self.tests.entry(kind.to_owned()).or_insert_with(|| Value::Object(Map::new()));
                if let Some(named) = named.as_object_mut() {
                    named.insert(name.to_owned(), test);
                }
            }
            Ok(None) => {}
            Err(why) => self.unsaid.push((at.to_owned(), why)),
        }
    }

    fn headers(&mut self, value: &Value) {
        for (name, test) in entries(value) {
            let at = format!("headers.{}", graylane::error::Path::Root.key(name));
            match header(name) {
                Ok(Some((kind, name))) => self.named(kind, &name, text(test, false), &at),
                Ok(None) => {}
                Err(why) => self.unsaid.push((at, why)),
            }
        }
    }

    fn without_headers(&mut self, value: &Value) {
        for (name, test) in entries(value) {
            let at = format!("withoutHeaders.{}", graylane::error::Path::Root.key(name));
            let made = header(name).and_then(|kind| Ok((kind, text(test, false)?)));
            match made {
                Ok((Some((kind, name)), Some(test))) => {
                    // Istio takes a header that is not there for an empty one, unless it asks whether it is there.
                    let is_empty = test.get("exact").and_then(Value::as_str) == Some("");
                    self.not.push(json!({kind: {&*name: test}}));
                    if is_empty {
                        self.not.push(json!({kind: {&*name: {"present": false}}}));
                    }
                }
                Ok(_) => {}
                Err(why) => self.unsaid.push((at, why)),
            }
        }
    }

    fn finish(self) -> Result<Option<Value>, Vec<(String, String)>> {
        let Made { mut tests, mut not, unsaid } = self;
        if !unsaid.is_empty() {
            return Err(unsaid);
        }
        if not.len() == 1 {
            tests.insert("not".to_owned(), not.remove(0));
        } else if !not.is_empty() {
            tests.insert("not".to_owned(), json!({"any": not}));
        }
        Ok((!tests.is_empty()).then_some(Value::Object(tests)))
    }
}

/// What kind of test a header of Istio is, and the name; none for those that Istio ignores.
fn header(name: &str) -> Result<Option<(&'static str, String)>, String> {
    if let Some(claim) = name.strip_prefix(CLAIMS) {
        let nested = claim.replace("][", ".");
        let name = nested.trim_start_matches(['.', '[']).trim_end_matches(']');
        return Ok(Some(("claim", name.to_owned())));
    }
    if matches!(name, "uri" | "scheme" | "method" | "authority") {
        return Ok(None);
    }
    if name.starts_with([':', '@']) {
        return Err("a policy asks for no such header".to_owned());
    }
    if [headers::LANE, headers::CLUSTER, headers::SLOT].contains(&name) {
        return Err("graylane sets this header itself and believes nobody else's".to_owned());
    }
    Ok(Some(("header", name.to_ascii_lowercase())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(block: &Value) -> Result<Option<Value>, Vec<String>> {
        let block = block.as_object().expect("a map").clone();
        condition(&block).map_err(|unsaid| unsaid.into_iter().map(|(key, _)| key).collect())
    }

    #[test]
    fn a_block_is_a_condition_of_all_its_parts() {
        for (block, expected) in [
            (
                json!({"uri": {"prefix": "/a"}, "method": {"exact": "GET"}}),
                json!({"path": {"prefix": "/a"}, "method": {"exact": "GET"}}),
            ),
            (
                json!({"uri": {"exact": "/A"}, "ignoreUriCase": true}),
                json!({"path": {"exact": "/A", "ignoreCase": true}}),
            ),
            (
                json!({"headers": {"end-user": {"exact": "jason"}}}),
                json!({"header": {"end-user": {"exact": "jason"}}}),
            ),
            (json!({"headers": {"x": {}}}), json!({"header": {"x": {"present": true}}})),
            (json!({"headers": {"x": {"regex": "*"}}}), json!({"header": {"x": {"present": true}}})),
            (
                json!({"headers": {"x": {"regex": "^v[0-9]+$"}}}),
                json!({"header": {"x": {"regex": "^v[0-9]+$"}}}),
            ),
            (
                json!({"headers": {"@request.auth.claims.realm.role": {"exact": "dev"}}}),
                json!({"claim": {"realm.role": {"exact": "dev"}}}),
            ),
            (
                json!({"headers": {"@request.auth.claims[realm][role]": {"exact": "dev"}}}),
                json!({"claim": {"realm.role": {"exact": "dev"}}}),
            ),
            (json!({"queryParams": {"beta": {"exact": "1"}}}), json!({"query": {"beta": {"exact": "1"}}})),
            (
                json!({"authority": {"exact": "Shop.example.com"}}),
                json!({"host": {"exact": "shop.example.com"}}),
            ),
            (
                json!({"withoutHeaders": {"x": {"exact": "1"}}}),
                json!({"not": {"header": {"x": {"exact": "1"}}}}),
            ),
            (
                json!({"withoutHeaders": {"x": {}, "y": {"prefix": "b"}}}),
                json!({"not": {"any": [{"header": {"x": {"present": true}}}, {"header": {"y": {"prefix": "b"}}}]}}),
            ),
        ] {
            assert_eq!(made(&block), Ok(Some(expected)), "{block}");
        }
        assert_eq!(
            made(&json!({"name": "all", "uri": {"prefix": ""}, "headers": {"uri": {"exact": "/"}}})),
            Ok(None)
        );
    }

    #[test]
    fn what_a_policy_cannot_ask_is_named() {
        for (block, keys) in [
            (
                json!({"sourceLabels": {"app": "a"}, "port": 80, "uri": {"prefix": "/a"}}),
                vec!["sourceLabels", "port"],
            ),
            (json!({"scheme": {"exact": "https"}}), vec!["scheme"]),
            (json!({"gateways": ["mesh"]}), vec!["gateways"]),
            (json!({"headers": {"x.y": {"regex": "(?P<n>a)"}}}), vec!["headers.\"x.y\""]),
            (json!({"headers": {"x-gray-lane": {"prefix": "v"}}}), vec!["headers.x-gray-lane"]),
            (json!({"authority": {"exact": "a:80"}}), vec!["authority"]),
        ] {
            assert_eq!(made(&block), Err(keys.into_iter().map(str::to_owned).collect()), "{block}");
        }
    }

    #[test]
    fn a_route_to_a_lane_is_known_by_its_header() {
        let block = json!({"name": "x", "headers": {"x-gray-lane": {"exact": "v2"}}});
        assert_eq!(lane(block.as_object().expect("a map")), Some("v2"));
        let more = json!({"uri": {"prefix": "/"}, "headers": {"x-gray-lane": {"exact": "v2"}}});
        assert_eq!(lane(more.as_object().expect("a map")), None);
    }
}
