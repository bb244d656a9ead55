//! Tables and figures in the project's pages that come from what ran.

use std::path::Path;

use anyhow::{Context, Result, bail};

/// When this variable is 1, [`hold`] writes what ran into the page instead of comparing.
const UPDATE: &str = "UPDATE_TABLES";

/// Holds a part of a page, between `<!-- <name> -->` and `<!-- /<name> -->`, against what ran.
///
/// # Errors
/// When they differ (unless `UPDATE_TABLES` is 1: then the page is rewritten), or the page has no such part.
pub fn hold(page: &Path, name: &str, ran: &str) -> Result<()> {
    let text = std::fs::read_to_string(page).with_context(|| format!("cannot read {}", page.display()))?;
    let (before, stands, after) =
        part(&text, name).with_context(|| format!("{} has no part {name}", page.display()))?;
    let (stands, ran) = (stands.trim(), ran.trim());
    if stands == ran {
        return Ok(());
    }
    if std::env::var_os(UPDATE).is_some_and(|value| value == "1") {
        return Ok(std::fs::write(page, format!("{before}\n{ran}\n{after}"))?);
    }
    bail!(
        "{} is out of date in its part {name}. What ran:\n\n{ran}\n\nWhat stands there:\n\n{stands}\n\n\
         If what ran is right, run the test once with {UPDATE}=1.",
        page.display()
    )
}

/// What stands before, between and after the marks of a part; the marks stay outside.
fn part<'a>(text: &'a str, name: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let (open, close) = (format!("<!-- {name} -->"), format!("<!-- /{name} -->"));
    let start = text.find(&open)? + open.len();
    let (before, rest) = text.split_at_checked(start)?;
    let (stands, after) = rest.split_at_checked(rest.find(&close)?)?;
    Some((before, stands, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_differs_from_what_ran_is_an_error() {
        let page = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(page.path(), "a\n<!-- t -->\nold\n<!-- /t -->\nb\n").unwrap();
        hold(page.path(), "t", "old\n").unwrap();
        let error = hold(page.path(), "t", "new").unwrap_err().to_string();
        assert!(error.contains("What ran:\n\nnew") && error.contains("UPDATE_TABLES=1"), "{error}");
        assert!(hold(page.path(), "u", "").unwrap_err().to_string().ends_with("has no part u"));
    }

    #[test]
    fn marks_stay_outside() {
        let text = "a <!-- t --> x <!-- /t --> b";
        assert_eq!(part(text, "t"), Some(("a <!-- t -->", " x ", "<!-- /t --> b")));
    }
}
