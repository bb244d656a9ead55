//! The path of a location -> how a policy says it.

use crate::import::draft::PathMatch;

/// The test of a path. With `is_regex` nginx takes it for a regular expression from the start of the path, whose case does not count;
/// then only those are known that mean whole segments, as most do.
pub(super) fn test(path: &str, is_exact: bool, is_regex: bool) -> Option<PathMatch> {
    let path = if is_regex { literal(path)? } else { path };
    let path = if path.is_empty() { "/" } else { path };
    if !path.starts_with('/') || path.contains(['?', '#']) {
        return None;
    }
    let is_exact = is_exact && !is_regex;
    Some(if is_exact { PathMatch::Exact(path.to_owned()) } else { PathMatch::Prefix(path.to_owned()) })
}

/// The ends of expressions that mean whole segments: `/shop(/|$)(.*)`.
const REST: [&str; 6] = ["(/|$)(.*)", "(/|$)", "(/.*)?", "/(.*)", "/.*", "/?(.*)"];

/// The text before the rest of an expression, where nothing in it is special.
fn literal(pattern: &str) -> Option<&str> {
    let pattern = pattern.strip_prefix('^').unwrap_or(pattern);
    let rest = REST.into_iter().find_map(|rest| Some((pattern.strip_suffix(rest)?, rest)));
    let path = match rest {
        // `/shop/?(.*)` holds of `/shopping` too.
        Some((path, "/?(.*)")) if !path.is_empty() => return None,
        Some((path, _)) => path,
        None => pattern,
    };
    let is_plain =
        |char: char| char.is_ascii_alphanumeric() || matches!(char, '/' | '-' | '_' | '~' | '%' | '.');
    path.chars().all(is_plain).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_of_whole_segments_are_known() {
        let prefix = |path: &str| Some(PathMatch::Prefix(path.to_owned()));
        for (pattern, expected) in [
            ("/shop(/|$)(.*)", prefix("/shop")),
            ("/(.*)", prefix("/")),
            ("/", prefix("/")),
            ("^/shop/(.*)", prefix("/shop")),
            ("/shop", prefix("/shop")),
            ("/?(.*)", prefix("/")),
            ("/shop/?(.*)", None),
            ("/shop/[0-9]+", None),
            ("/shop/\\d", None),
        ] {
            assert_eq!(test(pattern, true, true), expected, "{pattern}");
        }
    }

    #[test]
    fn a_plain_path_is_itself() {
        assert_eq!(test("/a", true, false), Some(PathMatch::Exact("/a".into())));
        assert_eq!(test("/a(", false, false), Some(PathMatch::Prefix("/a(".into())));
    }
}
