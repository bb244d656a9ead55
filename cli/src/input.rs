//! Where a policy is read from.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use graylane::compile;
use graylane::node::Node;
use graylane::plan::Plan;
use graylane::policy::Policy;
use graylane_cli::check::{Checked, check};
use graylane_cli::document::{self, Form};
use graylane_cli::report::File;
use serde_json::Value;

use crate::output;

/// The text of a file, or of standard input for `-`.
pub(crate) fn read(path: &Path) -> Result<String> {
    if is_standard(path) {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Whether a path stands for standard input.
pub(crate) fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}

/// How a file is called in messages.
pub(crate) fn name(path: &Path) -> String {
    if is_standard(path) { "<stdin>".to_owned() } else { path.display().to_string() }
}

/// Reads a policy that has to be good, as JSON. Where it is not, its mistakes are told and there is none.
pub(crate) fn policy(path: &Path) -> Result<Option<Value>> {
    good(path, |node, _| document::json(&node))
}

/// Reads a policy that has to be good, as it is written and as it decides. Where it is not, its mistakes are told and there is
/// none.
pub(crate) fn compiled(path: &Path) -> Result<Option<(Policy, Plan)>> {
    good(path, |node, plan| (compile::check_node(&node).0, plan))
}

fn good<T>(path: &Path, make: impl FnOnce(Node<'_>, Plan) -> T) -> Result<Option<T>> {
    let text = read(path)?;
    let Checked { report, good } = check(&text, Form::of(path));
    if good.is_none() {
        output::tell(&File { name: &name(path), text: &text, report: &report }.text());
    }
    Ok(good.map(|(node, plan)| make(node, plan)))
}
