//! What a canary asks of a request, in the order in which `route_to_alternative_balancer` asks: header, cookie, weight.

use graylane::error::Quoted;
use graylane::headers;
use serde_json::json;

use super::Reader;
use super::annotation::Canary;
use crate::check::Severity;
use crate::import::draft::Rule;
use crate::import::{expression, known_expression};
use crate::manifests::Object;

/// What a header or cookie says to get the canary.
pub(crate) const ALWAYS: &str = "always";
/// What a header or cookie says to get the other one.
pub(crate) const NEVER: &str = "never";

/// The lanes of a canary.
pub(super) struct Lanes<'n> {
    pub(super) stable: &'n str,
    pub(super) canary: &'n str,
}

/// The rules of a canary.
pub(super) fn rules(
    object: &Object,
    canary: &Canary,
    lanes: &Lanes<'_>,
    reader: &mut Reader<'_>,
) -> Vec<Rule> {
    let mut rules = Vec::new();
    if let Some(name) = header_name(object, canary, lanes, reader) {
        if !canary.value.is_empty() {
            let when = json!({"header": {&*name: {"exact": canary.value}}});
            rules.push(rule("header-value", when, lanes.canary));
        } else if !canary.pattern.is_empty() {
            rules.extend(by_pattern(object, canary, &name, lanes, reader));
        } else {
            for (value, lane) in [(ALWAYS, lanes.canary), (NEVER, lanes.stable)] {
                let when = json!({"header": {&*name: {"exact": value}}});
                rules.push(rule(&format!("header-{value}"), when, lane));
            }
        }
    }
    if !canary.cookie.is_empty() {
        rules.extend(by_cookie(object, canary, lanes, reader));
    }
    rules
}

fn rule(name: &str, when: serde_json::Value, lane: &str) -> Rule {
    Rule { name: name.to_owned(), when, lane: lane.to_owned(), comment: String::new() }
}

/// The name of the header as a request has it, unless there is none, or none that can be asked for.
fn header_name(
    object: &Object,
    canary: &Canary,
    lanes: &Lanes<'_>,
    reader: &mut Reader<'_>,
) -> Option<String> {
    const NAME: &str = "canary-by-header";
    if canary.header.is_empty() {
        return None;
    }
    let is_name = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
    if !canary.header.chars().all(is_name) {
        reader.tell(
            object,
            Severity::Warning,
            NAME,
            "nginx knows no header of that name; the rule is left out",
        );
        return None;
    }
    let name = canary.header.to_ascii_lowercase();
    if name.contains('_') {
        let dashed = name.replace('_', "-");
        let what = format!(
            "nginx looks at header {dashed}: it drops headers with an underscore, unless enable-underscores-in-headers is on"
        );
        reader.tell(object, Severity::Note, NAME, &what);
    }
    let name = name.replace('_', "-");
    if name == headers::LANE && canary.value == lanes.canary {
        let what = "graylane sets this header itself, by the rules and the share of this policy; the rule is left out";
        reader.tell(object, Severity::Note, NAME, what);
        return None;
    }
    if [headers::LANE, headers::CLUSTER, headers::SLOT].contains(&&*name) {
        let what = "graylane sets this header itself and believes nobody else's; the rule is left out";
        reader.tell(object, Severity::Warning, NAME, what);
        return None;
    }
    Some(name)
}

fn by_pattern(
    object: &Object,
    canary: &Canary,
    name: &str,
    lanes: &Lanes<'_>,
    reader: &mut Reader<'_>,
) -> Option<Rule> {
    let whole =
        expression::anywhere(&canary.pattern).and_then(|whole| known_expression(&whole).map(|()| whole));
    match whole {
        Ok(whole) => {
            let mut rule = rule("header-pattern", json!({"header": {name: {"regex": whole}}}), lanes.canary);
            rule.comment = format!("{} anywhere in it", Quoted(&canary.pattern));
            Some(rule)
        }
        Err(why) => {
            let what =
                format!("the policy language does not know this expression, so the rule is left out: {why}");
            reader.tell(object, Severity::Warning, "canary-by-header-pattern", &what);
            None
        }
    }
}

fn by_cookie(object: &Object, canary: &Canary, lanes: &Lanes<'_>, reader: &mut Reader<'_>) -> Vec<Rule> {
    let is_name = |char: char| char.is_ascii_graphic() && !"\"(),/:;<=>?@[\\]{}".contains(char);
    if !canary.cookie.chars().all(is_name) {
        let what = "no cookie has such a name; the rule is left out";
        reader.tell(object, Severity::Warning, "canary-by-cookie", what);
        return Vec::new();
    }
    let what =
        "nginx finds the cookie in whatever case its name is sent; here case counts, as clients keep it";
    reader.tell(object, Severity::Note, "canary-by-cookie", what);
    let rule = |(value, lane): (&str, &str)| {
        rule(&format!("cookie-{value}"), json!({"cookie": {&*canary.cookie: {"exact": value}}}), lane)
    };
    [(ALWAYS, lanes.canary), (NEVER, lanes.stable)].map(rule).into()
}
