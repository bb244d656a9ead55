//! What differs between what was rendered and what is there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use graylane_cli::check::Severity;
use graylane_cli::{kubectl, render};
use serde_json::Value;
use similar::TextDiff;

use crate::{Outcome, input, output};

/// Shows what differs from a file, a folder, or the cluster. `takes_over`: fields that others have written may be ours, since the
/// objects were rendered from what is there.
pub(super) fn show(objects: &[Value], against: &Path, takes_over: bool) -> Result<Outcome> {
    if against == Path::new("cluster") { cluster(objects, takes_over) } else { files(objects, against) }
}

/// The server itself says what would change, defaults and admission included; nothing is changed.
fn cluster(objects: &[Value], takes_over: bool) -> Result<Outcome> {
    let mut arguments = vec!["diff", "--server-side", "--field-manager=graylane", "-f", "-"];
    if takes_over {
        arguments.push("--force-conflicts");
    }
    let ended = kubectl::run(&arguments, &render::yaml(objects)?, Stdio::inherit(), None)?;
    output::tell(&ended.told);
    match ended.status.code() {
        Some(0) => Ok(Outcome::Good),
        Some(1) => Ok(Outcome::Bad),
        _ if ended.is_conflict() => bail!(
            "somebody else has written fields that would be written: `graylane render istio` keeps what is theirs where it is given what is there (--existing)"
        ),
        _ => bail!("kubectl diff could not be carried out ({})", ended.status),
    }
}

/// Each object as it is in manifests and as it was rendered.
fn files(objects: &[Value], against: &Path) -> Result<Outcome> {
    let manifests = input::manifests(&paths(against)?)?;
    if manifests.count(Severity::Error) > 0 {
        output::tell(&manifests.text());
        return Ok(Outcome::Bad);
    }
    let mut outcome = Outcome::Good;
    for object in objects {
        let there = manifests.objects.iter().map(|object| &object.value).find(|other| is_same(object, other));
        if there.is_some_and(|there| there == object) {
            continue;
        }
        let old =
            there.map(|there| render::yaml(std::slice::from_ref(there))).transpose()?.unwrap_or_default();
        let new = render::yaml(std::slice::from_ref(object))?;
        let (name, there) = (render::called(object), if there.is_some() { "there" } else { "not there" });
        let diff = TextDiff::from_lines(&old, &new);
        let mut diff = diff.unified_diff();
        output::write(&diff.header(&format!("{name} ({there})"), &format!("{name} (rendered)")).to_string())?;
        outcome = Outcome::Bad;
    }
    Ok(outcome)
}

/// A file, or the manifests in a folder and the folders in it.
fn paths(against: &Path) -> Result<Vec<PathBuf>> {
    if !against.is_dir() {
        return Ok(vec![against.to_owned()]);
    }
    let mut paths = Vec::new();
    let mut folders = vec![against.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
            let is_manifest =
                ["yaml", "yml", "json"].map(Some).contains(&path.extension().and_then(|end| end.to_str()));
            // A link may lead back to where it stands.
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else if is_manifest && path.file_name().is_none_or(|name| name != "kustomization.yaml") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    Ok(paths)
}

/// Whether two are the same object: group, kind, namespace and name; its version may change.
fn is_same(one: &Value, other: &Value) -> bool {
    let group = |object: &Value| {
        let version = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
        version.split_once('/').map_or("", |(group, _)| group).to_owned()
    };
    let same = |pointer: &str| one.pointer(pointer) == other.pointer(pointer);
    group(one) == group(other) && ["/kind", "/metadata/namespace", "/metadata/name"].into_iter().all(same)
}
