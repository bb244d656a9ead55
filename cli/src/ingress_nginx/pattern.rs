//! A test of a text -> a pattern that nginx looks for somewhere in it.

use graylane::policy::TextTest;

use crate::import::expression::has_alternatives;

/// The pattern of a test; none where there is none.
pub(super) fn of(test: &TextTest) -> Option<String> {
    let fold = if test.ignore_case { "(?i)" } else { "" };
    if let Some(prefix) = &test.prefix {
        return Some(format!("{fold}^{}", escaped(prefix)));
    }
    if let Some(suffix) = &test.suffix {
        return Some(format!("{fold}{}$", escaped(suffix)));
    }
    if let Some(contained) = &test.contains {
        return Some(format!("{fold}{}", escaped(contained)));
    }
    if let Some(exact) = &test.exact {
        return Some(format!("{fold}^{}$", escaped(exact)));
    }
    if let Some(words) = &test.one_of {
        let words: Vec<String> = words.iter().map(|word| escaped(word)).collect();
        return Some(format!("{fold}^(?:{})$", words.join("|")));
    }
    test.regex.as_deref().map(somewhere)
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for char in text.chars() {
        if char.is_ascii_punctuation()
            && !matches!(char, '-' | '_' | ',' | '/' | ':' | '=' | ';' | '@' | '%' | '~' | '"' | '\'')
        {
            out.push('\\');
        }
        out.push(char);
    }
    out
}

/// The expression of a whole text as one that is found somewhere in it: without what only fills up its ends.
fn somewhere(whole: &str) -> String {
    let (fold, whole) = match whole.strip_prefix("(?i)") {
        Some(rest) => ("(?i)", rest),
        None => ("", whole),
    };
    let whole = whole.strip_prefix('^').unwrap_or(whole);
    let whole = if whole.ends_with("\\$") { whole } else { whole.strip_suffix('$').unwrap_or(whole) };
    if has_alternatives(whole) {
        return format!("{fold}^(?:{whole})$");
    }
    let (start, rest) = match whole.strip_prefix(".*") {
        Some(rest) if !rest.starts_with('?') => ("", rest),
        _ => ("^", whole),
    };
    match rest.strip_suffix(".*") {
        Some(inner) if !inner.ends_with('\\') => format!("{fold}{start}{inner}"),
        _ => format!("{fold}{start}{rest}$"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_of_the_whole_text_is_found_in_it() {
        for (whole, pattern) in [
            (".*beta.*", "beta"),
            ("beta.*", "^beta"),
            (".*beta", "beta$"),
            ("beta", "^beta$"),
            ("^beta$", "^beta$"),
            ("(?i)beta.*", "(?i)^beta"),
            (".*a|b.*", "^(?:.*a|b.*)$"),
            ("a\\.*", "^a\\.*$"),
            ("a\\$", "^a\\$$"),
            (".*", "$"),
            ("(de|at).*", "^(de|at)"),
        ] {
            assert_eq!(somewhere(whole), pattern, "{whole}");
        }
    }

    #[test]
    fn texts_are_taken_as_they_are() {
        let test = TextTest { prefix: Some("a.b-c".into()), ignore_case: true, ..TextTest::default() };
        assert_eq!(of(&test).as_deref(), Some("(?i)^a\\.b-c"));
        let test = TextTest { one_of: Some(vec!["a".into(), "(b)".into()]), ..TextTest::default() };
        assert_eq!(of(&test).as_deref(), Some("^(?:a|\\(b\\))$"));
        let test = TextTest { present: Some(true), ..TextTest::default() };
        assert_eq!(of(&test), None);
    }
}
