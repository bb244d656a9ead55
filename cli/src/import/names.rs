//! Names of others -> names that a policy may have.

use std::collections::HashSet;

/// Names that were given already.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<String>);

/// How long a name of a policy is at most, with room for a number.
const LENGTH: usize = 56;

impl Names {
    /// A name that is like `wanted`, and that nothing else has.
    pub(super) fn give(&mut self, wanted: &str) -> String {
        let name = valid(wanted);
        let mut given = name.clone();
        let mut number = 1_usize;
        while !self.0.insert(given.clone()) {
            number = number.saturating_add(1);
            given = format!("{name}-{number}");
        }
        given
    }
}

/// A text as a name: letters, digits, `-`, `_` and `.`, a letter first.
pub(super) fn valid(text: &str) -> String {
    let allowed = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.');
    let plain: String = text.chars().map(|char| if allowed(char) { char } else { '-' }).collect();
    let plain = plain.trim_matches('-');
    let is_letter_first = plain.starts_with(|char: char| char.is_ascii_alphabetic());
    let name = match (plain.is_empty(), is_letter_first) {
        (true, _) => "imported".to_owned(),
        (_, true) => plain.to_owned(),
        (_, false) => format!("v{plain}"),
    };
    name.chars().take(LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_valid_and_stand_once() {
        let mut names = Names::default();
        let given: Vec<String> =
            ["shop", "shop", "1.2", "*.a", "", "shop"].map(|name| names.give(name)).into();
        assert_eq!(given, ["shop", "shop-2", "v1.2", "v.a", "imported", "shop-3"]);
    }
}
