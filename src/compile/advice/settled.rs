//! Conditions that hold always or never, which no test says by itself but all of them together do.

use super::Steps;
use super::form::{Form, Test};
use crate::policy::Condition;

/// Whether it is certain of all requests of which `given` holds that a condition does, or that it does not; `None` where it may
/// depend on the request. `form` is that of the condition.
pub(super) fn settled(
    given: &Form<'_>,
    written: &Condition,
    form: &Form<'_>,
    steps: &mut Steps,
) -> Option<bool> {
    if is_impossible(&[given, form], steps) {
        Some(false)
    } else if is_impossible(&[given, &Form::of_opposite(written)], steps) {
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
    is_contradiction(&tests, steps)
        || choices.iter().any(|branches| {
            branches.iter().all(|branch| {
                let with_rest: Vec<&Form<'_>> = tests.iter().copied().chain([branch]).collect();
                is_impossible(&with_rest, steps)
            })
        })
}

/// Whether it is certain that two of these tests never come out so together.
fn is_contradiction(tests: &[&Form<'_>], steps: &mut Steps) -> bool {
    let of = |wanted: bool| -> Vec<&Test<'_>> {
        let each = tests.iter().filter_map(|form| match form {
            Form::Holds(test) if wanted => Some(test),
            Form::Fails(test) if !wanted => Some(test),
            _ => None,
        });
        each.collect()
    };
    let (holds, fails) = (of(true), of(false));
    steps.take(holds.len().saturating_mul(holds.len() + fails.len()))
        && holds.iter().enumerate().any(|(index, one)| {
            holds.iter().skip(index + 1).any(|other| one.excludes(other, steps))
                || fails.iter().any(|other| one.implies(other, steps))
        })
}
