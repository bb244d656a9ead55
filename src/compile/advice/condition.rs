//! Parts of one condition that add nothing to it, and conditions that hold always or never.

use std::collections::HashMap;

use super::form::Form;
use super::settled::settled;
use super::{Steps, more, network, value};
use crate::error::At;
use crate::policy::{Condition, Map, Policy, TextTest};

/// Warns of what is hardly meant in the condition that stands at `at`. Says whether it, or a condition inside it, holds always or never.
pub(super) fn warn(written: &Condition, policy: &Policy, steps: &mut Steps, at: &mut At<'_>) -> bool {
    let named: [(_, &Map<TextTest>); 5] = [
        ("header", &written.header),
        ("cookie", &written.cookie),
        ("query", &written.query),
        ("label", &written.label),
        ("claim", &written.claim),
    ];
    let mut is_settled = false;
    let mut test = |key: &str, name: &str, test: &TextTest, at: &mut At<'_>| {
        twice(test, at);
        is_settled |= value::warn(key, name, test, policy, at);
    };
    for (key, tests) in named {
        let at = &mut at.key(key);
        for (name, written) in tests.iter() {
            test(key, name, written, &mut at.key(name));
        }
    }
    let single =
        [("path", &written.path), ("method", &written.method), ("host", &written.host), ("id", &written.id)];
    for (key, written) in single {
        if let Some(written) = written {
            test(key, "", written, &mut at.key(key));
        }
    }
    network::warn(&written.source, "source", steps, at);
    let mut each = |key: &str, conditions: &[Condition]| -> Vec<bool> {
        let mut at = at.key(key);
        let each = conditions.iter().enumerate();
        each.map(|(index, condition)| warn(condition, policy, steps, &mut at.index(index))).collect()
    };
    let (all, any) = (each("all", &written.all), each("any", &written.any));
    branches(&written.any, &any, steps, &mut at.key("any"));
    is_settled |= all.contains(&true) || any.contains(&true);
    if let Some(condition) = &written.not {
        is_settled |= warn(condition, policy, steps, &mut at.key("not"));
    }
    // What a single test says has been said.
    let form = Form::of(written);
    is_settled |= form.known().is_some();
    if !is_settled && let Some(holds) = settled(&Form::Known(true), written, &form, steps) {
        is_settled = true;
        at.warning(if holds {
            "this always holds: whatever is sent, one of its branches does"
        } else {
            "this can never hold: its tests exclude one another"
        });
    }
    is_settled
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

/// Branches of an `any` that hold only where another does; `settled` says of which of them more has been said.
fn branches(written: &[Condition], settled: &[bool], steps: &mut Steps, at: &mut At<'_>) {
    let unsettled = written.iter().zip(settled).enumerate().filter(|(_, (_, is_settled))| !**is_settled);
    let depends: Vec<(usize, Form<'_>)> =
        unsettled.map(|(index, (branch, _))| (index, Form::of(branch))).collect();
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
