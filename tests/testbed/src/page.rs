//! Tables and figures in the project's pages that come from what ran.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// When this variable is 1, [`hold`] writes what ran into the page instead of comparing.
const UPDATE: &str = "UPDATE_TABLES";

/// Holds a part of a page, between `<!-- <name> -->` and `<!-- /<name> -->`, against what ran.
///
/// # Errors
/// When they differ (unless `UPDATE_TABLES` is 1: then the page is rewritten), or when the page does not have each mark
/// exactly once, at the start of a line.
pub fn hold(page: &Path, name: &str, ran: &str) -> Result<()> {
    let text = std::fs::read_to_string(page).with_context(|| format!("cannot read {}", page.display()))?;
    let Part { before, stands, after } =
        part(&text, name).with_context(|| format!("{}, part {name}", page.display()))?;
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

/// A page, cut at the marks of a part: they stay in `before` and `after`.
#[derive(Debug, PartialEq)]
struct Part<'a> {
    before: &'a str,
    stands: &'a str,
    after: &'a str,
}

fn part<'a>(text: &'a str, name: &str) -> Result<Part<'a>> {
    let (open, close) = (format!("<!-- {name} -->"), format!("<!-- /{name} -->"));
    let start = only(text, &open)? + open.len();
    let end = only(text, &close)?;
    let (before, rest) = text.split_at_checked(start).context("a mark ends within the page")?;
    let cut = end.checked_sub(start).and_then(|length| rest.split_at_checked(length));
    let (stands, after) = cut.with_context(|| format!("{close} stands before {open}"))?;
    Ok(Part { before, stands, after })
}

/// Where a mark stands. With a second one about, nobody could say which part the page shows and the test holds.
fn only(text: &str, mark: &str) -> Result<usize> {
    let places: Vec<usize> = text.match_indices(mark).map(|(place, _)| place).collect();
    let [place] = *places else {
        bail!("{mark} has to stand there once, and stands there {} times", places.len())
    };
    let before = text.get(..place).unwrap_or_default();
    ensure!(before.is_empty() || before.ends_with('\n'), "{mark} has to start its line");
    Ok(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(text: &str, ran: &str) -> Result<(), String> {
        let page = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(page.path(), text).unwrap();
        let held = hold(page.path(), "t", ran).map_err(|error| format!("{error:#}"));
        assert_eq!(std::fs::read_to_string(page.path()).unwrap(), text);
        held
    }

    #[test]
    fn a_part_that_differs_from_what_ran_is_an_error() {
        let text = "a\n<!-- t -->\nold\n<!-- /t -->\nb\n";
        held(text, "old\n").unwrap();
        let error = held(text, "new").unwrap_err();
        assert!(error.contains("What ran:\n\nnew") && error.contains("UPDATE_TABLES=1"), "{error}");
    }

    #[test]
    fn a_mark_stands_once_and_starts_its_line() {
        let part = "<!-- t -->\nold\n<!-- /t -->\n";
        for (text, says) in [
            ("", "part t: <!-- t --> has to stand there once, and stands there 0 times"),
            ("<!-- t -->\nold\n", "<!-- /t --> has to stand there once, and stands there 0 times"),
            (&format!("{part}{part}"), "<!-- t --> has to stand there once, and stands there 2 times"),
            (
                &format!("`X_{part}S=1`\n{part}"),
                "<!-- t --> has to stand there once, and stands there 2 times",
            ),
            (
                &format!("{part}<!-- /t -->\n"),
                "<!-- /t --> has to stand there once, and stands there 2 times",
            ),
            (&format!("`X_{part}S=1`\n"), "<!-- t --> has to start its line"),
            ("<!-- t -->\nold <!-- /t -->\n", "<!-- /t --> has to start its line"),
            ("<!-- /t -->\n<!-- t -->\n", "<!-- /t --> stands before <!-- t -->"),
        ] {
            let error = held(text, "old").unwrap_err();
            assert!(error.contains(says), "{text:?}: {error}");
        }
    }

    #[test]
    fn marks_stay_outside() {
        let found = part("a\n<!-- t -->\nx\n<!-- /t --> b", "t").unwrap();
        assert_eq!(found, Part { before: "a\n<!-- t -->", stands: "\nx\n", after: "<!-- /t --> b" });
    }
}
