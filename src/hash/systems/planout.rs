//! `PlanOut`. Source: facebookarchive/planout, `python/planout/ops/random.py`. The text is
//! `experimentSalt.paramSalt.unit`.

use super::sha1_ratio;
use crate::hash::Algorithm;

/// The choice among `choices` equal ones; `None` among none.
pub fn uniform_choice(text: &[u8], choices: usize) -> Option<usize> {
    let index = Algorithm::Sha1Be60.hash(0, &[text]).checked_rem(choices as u64)?;
    usize::try_from(index).ok()
}

/// The outcome of a trial with the probability `p`: with `<=`.
pub fn bernoulli_trial(text: &[u8], p: f64) -> bool {
    sha1_ratio(text) <= p
}

/// The choice by weights: with `<=`.
pub fn weighted_choice(text: &[u8], weights: &[f64]) -> Option<usize> {
    let stop = sha1_ratio(text) * weights.iter().sum::<f64>();
    let mut end = 0.0;
    weights.iter().position(|weight| {
        end += weight;
        stop <= end
    })
}

/// A whole number from `min` to `max`, both included; `None` where there is none.
pub fn random_integer(text: &[u8], min: i64, max: i64) -> Option<i64> {
    let count = u64::try_from(max.checked_sub(min)?.checked_add(1)?).ok()?;
    let offset = Algorithm::Sha1Be60.hash(0, &[text]).checked_rem(count)?;
    min.checked_add_unsigned(offset)
}

/// A number from `min` to `max`.
pub fn random_float(text: &[u8], min: f64, max: f64) -> f64 {
    min + (max - min) * sha1_ratio(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// planout, `python/planout/test/test_assignment.py` and `test_interpreter.py`
    #[test]
    fn agrees_with_published_choices() {
        let side = |parameter: &str| uniform_choice(format!("test_salt.{parameter}.4").as_bytes(), 2);
        assert_eq!(["foo", "bar", "baz"].map(side), [Some(1), Some(0), Some(0)]);
        assert_eq!(uniform_choice(b"test_salt.foo.4", 8), Some(7));
        let group_size = uniform_choice(b"foo.group_size.123454", 2).map(|choice| [1, 10][choice]);
        let per_user =
            uniform_choice(b"foo.ratings_per_user_goal.123454", 4).map(|choice| [8, 16, 32, 64][choice]);
        assert_eq!(group_size.zip(per_user).map(|(size, goal)| size * goal), Some(320));
        assert!(bernoulli_trial(b"foo.specific_goal.123454", 0.8));
    }

    #[test]
    fn weights_of_0_are_never_chosen_but_at_the_very_start() {
        for unit in 0..1_000 {
            let text = format!("salt.x.{unit}");
            assert_eq!(weighted_choice(text.as_bytes(), &[0.0, 2.0, 0.0]), Some(1), "{text}");
            assert!(random_integer(text.as_bytes(), -1, 1).is_some_and(|number| (-1..=1).contains(&number)));
            assert!((2.0..=3.0).contains(&random_float(text.as_bytes(), 2.0, 3.0)));
        }
        assert_eq!(random_integer(b"", 1, 0), None);
        assert_eq!(uniform_choice(b"", 0), None);
    }
}
