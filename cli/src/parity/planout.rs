//! The random operations of `PlanOut`.

use graylane::hash::systems::planout;
use serde_json::Value;

use super::choose::chosen;
use super::expected::{Answer, DOUBLE};
use super::hash::some_text;
use super::row::{Row, number};
use super::system::System;
use super::{Known, Unknown, list};

fn choices(row: Row<'_>) -> Known<&Vec<Value>> {
    row.list(&["choices", "values"]).ok_or_else(|| Unknown::missing("choices"))
}

pub(super) fn uniform_choice(row: Row<'_>, system: System) -> Known<Answer> {
    let choices = choices(row)?.clone();
    let index = planout::uniform_choice(&text(row, system)?, choices.len());
    Ok(Answer::Choice(chosen(choices, index)))
}

pub(super) fn weighted_choice(row: Row<'_>, system: System) -> Known<Answer> {
    let (names, weights): (Vec<Value>, Vec<f64>) = list::weights(row, false)?.into_iter().unzip();
    Ok(Answer::Choice(chosen(names, planout::weighted_choice(&text(row, system)?, &weights))))
}

pub(super) fn bernoulli_trial(row: Row<'_>, system: System) -> Known<Answer> {
    let p = row.number(&["p", "probability"])?.ok_or_else(|| Unknown::missing("p"))?;
    Ok(Answer::Gate(planout::bernoulli_trial(&text(row, system)?, p)))
}

pub(super) fn random_integer(row: Row<'_>, system: System) -> Known<Answer> {
    let bound = |name| row.get(&[name]).and_then(Value::as_i64).ok_or_else(|| Unknown::missing(name));
    let number = planout::random_integer(&text(row, system)?, bound("min")?, bound("max")?);
    number.map(Answer::Whole).ok_or_else(|| Unknown::unreadable("max", "more than min"))
}

pub(super) fn random_float(row: Row<'_>, system: System) -> Known<Answer> {
    let bound = |name| row.number(&[name])?.ok_or_else(|| Unknown::missing(name));
    let number = planout::random_float(&text(row, system)?, bound("min")?, bound("max")?);
    Ok(Answer::Real { number, precision: DOUBLE })
}

/// The product of several choices. Each has a text to hash, or a parameter under the row's experiment and
/// unit, and choices: in a list of pairs, in a list of maps, or in two lists side by side.
pub(super) fn product_of_uniform_choices(row: Row<'_>, system: System) -> Known<Answer> {
    only_planout(system)?;
    let factors = factors(row).ok_or_else(|| Unknown::missing("inputs and their choices"))?;
    let factor = |(text, choices): &(String, Vec<Value>)| {
        let text = match row.text(&["experiment_salt", "experiment"]) {
            Some(experiment) if !text.contains('.') => {
                let unit = row.text(super::row::ID).ok_or_else(|| Unknown::missing("unit"))?;
                format!("{experiment}.{text}.{unit}")
            }
            _ => text.clone(),
        };
        let choice =
            planout::uniform_choice(text.as_bytes(), choices.len()).and_then(|index| choices.get(index));
        choice.and_then(number).ok_or_else(|| Unknown::unreadable("choices", "numbers"))
    };
    let product = factors.iter().map(factor).product::<Known<f64>>()?;
    Ok(Answer::Real { number: product, precision: DOUBLE })
}

fn factors(row: Row<'_>) -> Option<Vec<(String, Vec<Value>)>> {
    const TEXTS: [&str; 6] = ["inputs", "input", "texts", "params", "parameters", "salts"];
    let of_pair = |factor: &Value| match factor {
        Value::Array(pair) => match pair.as_slice() {
            [Value::String(text), Value::Array(choices)] => Some((text.clone(), choices.clone())),
            _ => None,
        },
        Value::Object(fields) => {
            let text = ["input", "salt", "param_salt", "param", "parameter", "name"]
                .iter()
                .find_map(|name| fields.get(*name)?.as_str());
            Some((text?.to_owned(), fields.get("choices")?.as_array()?.clone()))
        }
        _ => None,
    };
    let lists = ["factors", "choices", "terms", "parts", "ops", "operations"].into_iter().chain(TEXTS);
    let pairs =
        lists.filter_map(|name| row.list(&[name])).find_map(|list| list.iter().map(of_pair).collect());
    pairs
        .or_else(|| {
            let (texts, choices) = (row.texts(&TEXTS)?, row.list(&["choices"])?);
            let choices: Option<Vec<Vec<Value>>> =
                choices.iter().map(|list| list.as_array().cloned()).collect();
            let choices = choices.filter(|choices| choices.len() == texts.len())?;
            Some(texts.into_iter().zip(choices).collect())
        })
        .filter(|factors: &Vec<_>| !factors.is_empty())
}

fn text(row: Row<'_>, system: System) -> Known<Vec<u8>> {
    only_planout(system)?;
    some_text(row, system)
}

fn only_planout(system: System) -> Known<()> {
    if system == System::PlanOut { Ok(()) } else { Err(Unknown::new("only PlanOut has such choices")) }
}
