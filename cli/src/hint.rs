//! Which word was meant: the nearest of those that are allowed.

use graylane::error::{FieldError, Problem};

use crate::position::{last_key, unquoted};

/// The allowed word that is nearly what was written, if one is.
pub fn meant(error: &FieldError) -> Option<&str> {
    let written = match error.problem {
        Problem::UnknownField => last_key(&error.path)?,
        // A value that is shown in part has no end, and is like nothing.
        _ => unquoted(&error.value)?.0,
    };
    nearest(&written, error.words())
}

/// The word that is nearly what was written, if one is; the first of those that are equally near.
pub fn nearest<'w>(written: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let plain = plain(written);
    let near = words.filter_map(|word| {
        let distance = strsim::osa_distance(&plain, &self::plain(word));
        // A third of the letters may be wrong: `v3` is no mistake for `v2`.
        let letters = plain.chars().count().max(word.chars().count());
        (word != written && distance.saturating_mul(3) <= letters).then_some((distance, word))
    });
    near.min_by_key(|(distance, _)| *distance).map(|(_, word)| word)
}

/// A word without what people mix up: `max_age` is like `maxAge`.
fn plain(word: &str) -> String {
    word.chars().filter(|char| !matches!(char, '_' | '-')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use graylane::error::{OneOf, Path, Quoted};

    use super::*;

    fn meant_by(problem: Problem, written: &str, words: &[&str]) -> Option<String> {
        let (path, value) = match problem {
            Problem::UnknownField => (Path::Root.key(written).to_string(), String::new()),
            _ => ("x".to_owned(), Quoted(written).to_string()),
        };
        let error = FieldError { path, problem, value, allowed: OneOf(words).to_string() };
        meant(&error).map(str::to_owned)
    }

    #[test]
    fn a_word_with_a_typing_mistake_is_known() {
        let keys = ["lane", "percent", "slot", "maxAge", "blueGreen", "off"];
        for (written, word) in [
            ("percnt", "percent"),
            ("precent", "percent"),
            ("percentage", "percent"),
            ("max_age", "maxAge"),
            ("Percent", "percent"),
            ("blue-green", "blueGreen"),
            ("slots", "slot"),
            ("of", "off"),
        ] {
            assert_eq!(meant_by(Problem::UnknownField, written, &keys).as_deref(), Some(word), "{written}");
        }
        assert_eq!(meant_by(Problem::Unsupported, "chian", &["chain", "own"]).as_deref(), Some("chain"));
        assert_eq!(meant_by(Problem::NotFound, "stabel", &["stable", "v2"]).as_deref(), Some("stable"));
    }

    #[test]
    fn another_word_is_no_typing_mistake() {
        for (written, words) in [("v3", ["v2", "v1"]), ("B", ["A", "C"]), ("targetRef", ["trust", "lane"])] {
            assert_eq!(meant_by(Problem::NotFound, written, &words), None, "{written}");
        }
        assert_eq!(meant_by(Problem::UnknownField, "", &["lane"]), None);
    }

    #[test]
    fn the_nearest_word_is_taken_and_the_first_of_two() {
        let lanes = ["stable-a", "stable-b", "stable-bb"];
        assert_eq!(meant_by(Problem::NotFound, "stable-bbb", &lanes).as_deref(), Some("stable-bb"));
        assert_eq!(meant_by(Problem::NotFound, "stable-c", &lanes).as_deref(), Some("stable-a"));
    }
}
