//! Parts of one condition that add nothing to it.

use std::collections::HashMap;

use super::Steps;
use super::form::Form;
use crate::address::Network;
use crate::error::At;
use crate::policy::{Condition, Map, TextTest};

/// Warns of what adds nothing to the condition that stands at `at`.
pub(super) fn warn(written: &Condition, steps: &mut Steps, at: &mut At<'_>) {
    let named: [(_, &Map<TextTest>); 5] = [
        ("header", &written.header),
        ("cookie", &written.cookie),
        ("query", &written.query),
        ("label", &written.label),
        ("claim", &written.claim),
    ];
    for (key, tests) in named {
        let at = &mut at.key(key);
        for (name, test) in tests.iter() {
            twice(test, &mut at.key(name));
        }
    }
    let single =
        [("path", &written.path), ("method", &written.method), ("host", &written.host), ("id", &written.id)];
    for (key, test) in single {
        if let Some(test) = test {
            twice(test, &mut at.key(key));
        }
    }
    networks(&written.source, steps, &mut at.key("source"));
    branches(&written.any, steps, &mut at.key("any"));
    for (key, inner) in [("all", &*written.all), ("any", &*written.any)] {
        let at = &mut at.key(key);
        for (index, inner) in inner.iter().enumerate() {
            warn(inner, steps, &mut at.index(index));
        }
    }
    if let Some(inner) = &written.not {
        warn(inner, steps, &mut at.key("not"));
    }
}

/// A text that stands twice in a list, said once for the list.
fn twice(written: &TextTest, at: &mut At<'_>) {
    let Some(texts) = &written.one_of else { return };
    let mut firsts = HashMap::with_capacity(texts.len());
    let mut again = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let text = if written.ignore_case { text.to_ascii_lowercase() } else { text.clone() };
        let first = *firsts.entry(text).or_insert(index);
        if first != index {
            again.push((index, first));
        }
    }
    if let Some((index, first)) = again.first() {
        let more = more(again.len() - 1, "others do");
        at.key("in")
            .index(*index)
            .warning(format_args!("stands twice: it is in[{first}] as well{more}; once is enough"));
    }
}

/// Networks within others of the same list.
fn networks(written: &[String], steps: &mut Steps, at: &mut At<'_>) {
    if !steps.take(written.len().saturating_mul(written.len())) {
        return;
    }
    let networks: Vec<Option<Network>> = written.iter().map(|text| Network::parse(text)).collect();
    for (index, network) in networks.iter().enumerate() {
        let holds_it = |(other, around): &(usize, &Option<Network>)| {
            let both = network.zip(**around).filter(|_| *other != index);
            // Of two that are the same the first stays.
            both.is_some_and(|(one, around)| one.is_within(around) && (one != around || *other < index))
        };
        if let Some((other, _)) = networks.iter().enumerate().find(holds_it) {
            at.index(index)
                .warning(format_args!("adds nothing: source[{other}] holds these addresses; remove it"));
        }
    }
}

/// Branches of an `any` that hold only where another does.
fn branches(written: &[Condition], steps: &mut Steps, at: &mut At<'_>) {
    let forms: Vec<Form<'_>> = written.iter().map(Form::of).collect();
    // What is known has been said.
    let depends: Vec<(usize, &Form<'_>)> =
        forms.iter().enumerate().filter(|(_, form)| form.known().is_none()).collect();
    for (index, form) in &depends {
        let holds_too = depends.iter().find(|(other, around)| {
            *other != *index
                && form.implies(around, steps)
                // Of two that hold of the same the first stays.
                && (*other < *index || !around.implies(form, steps))
        });
        if let Some((other, _)) = holds_too {
            at.index(*index)
                .warning(format_args!("adds nothing: any[{other}] holds whenever this does; remove it"));
        }
    }
}

/// How many more there are, as the end of a sentence.
pub(super) fn more(count: usize, do_so: &str) -> String {
    if count == 0 { String::new() } else { format!(" (and so {do_so}: {count})") }
}
