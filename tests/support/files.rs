//! Cases as data: the YAML files of a folder.

use std::path::Path;

use graylane_testbed::{Context, Result, ensure};
use serde::de::DeserializeOwned;

/// Every YAML file of a folder with its name, without the ending; in the order of the names.
pub(crate) fn all<T: DeserializeOwned>(folder: &Path) -> Result<Vec<(String, T)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "yaml") {
            let text = std::fs::read_to_string(&path)?;
            let content = serde_saphyr::from_str(&text)
                .with_context(|| format!("{} is not of the form that tests read", path.display()))?;
            files.push((path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), content));
        }
    }
    files.sort_by(|(one, _), (other, _)| one.cmp(other));
    ensure!(!files.is_empty(), "{} holds no case", folder.display());
    Ok(files)
}
