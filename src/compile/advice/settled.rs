//! Conditions that hold always or never, which no test says by itself but all of them together do.

use super::Steps;
use super::form::Form;
use crate::policy::Condition;

/// Whether it is certain that a condition always holds, or never does; `None` where it may depend on the request.
pub(super) fn settled(written: &Condition, steps: &mut Steps) -> Option<bool> {
    if is_impossible(&[&Form::of(written)], steps) {
        Some(false)
    } else if is_impossible(&[&Form::of_opposite(written)], steps) {
        Some(true)
    } else {
        None
    }
}

/// Whether it is certain that no request passes all of these: two of their tests exclude each other, or each branch that one of
/// them leaves does with the rest.
fn is_impossible(forms: &[&Form<'_>], steps: &mut Steps) -> bool {
    let (mut tests, mut choices) = (Vec::new(), Vec::new());
    let mut left = forms.to_vec();
    while let Some(form) = left.pop() {
        match form {
            Form::Known(true) => {}
            Form::Known(false) => return true,
            Form::All(forms) => left.extend(forms),
            Form::Any(branches) if branches.len() == 1 => left.extend(branches),
            Form::Any(branches) => choices.push(branches),
            Form::Holds(_) | Form::Fails(_) => tests.push(form),
        }
    }
    if !steps.take(tests.len().saturating_mul(tests.len())) {
        return false;
    }
    let mut pairs = tests.iter().enumerate().flat_map(|(index, test)| {
        let others = tests.iter().skip(index + 1);
        others.map(move |other| (*test, *other))
    });
    pairs.any(|(one, other)| exclude(one, other, steps))
        || choices.iter().any(|branches| {
            branches.iter().all(|branch| {
                let with_rest: Vec<&Form<'_>> = tests.iter().copied().chain([branch]).collect();
                is_impossible(&with_rest, steps)
            })
        })
}

fn exclude(one: &Form<'_>, other: &Form<'_>, steps: &mut Steps) -> bool {
    match (one, other) {
        (Form::Holds(one), Form::Holds(other)) => one.excludes(other, steps),
        (Form::Holds(holds), Form::Fails(fails)) | (Form::Fails(fails), Form::Holds(holds)) => {
            holds.implies(fails, steps)
        }
        _ => false,
    }
}
