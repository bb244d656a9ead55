//! Lists in files: one entry a line, `#` starts a remark.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// The entries of a file; one without any is a mistake.
pub(crate) fn read(path: &Path) -> Result<Vec<String>> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read the list {}", path.display()))?;
    let entries = entries(&text);
    if entries.is_empty() {
        bail!("the list {} has no entry", path.display());
    }
    Ok(entries)
}

fn entries(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| line.split_once('#').map_or(line, |(before, _)| before).trim())
        .filter(|entry| !entry.is_empty())
        .map(String::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_and_empty_lines_are_no_entries() {
        assert_eq!(entries("# all\n\nmemory\n  run  # why\n#\n"), ["memory", "run"]);
    }
}
