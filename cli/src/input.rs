//! Where a policy is read from.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use graylane::compile;
use graylane::plan::Plan;
use graylane::policy::{Metrics, Policy, Trust};
use graylane_cli::check::{Checked, Good, Report, check};
use graylane_cli::document::{self, Form, Telemetry};
use graylane_cli::findings::File;
use graylane_cli::keys::{self, Keys};
use graylane_cli::manifests::Manifests;
use graylane_cli::metrics;
use serde_json::Value;

use crate::output;

/// The text of a file, or of standard input for `-`.
pub(crate) fn read(path: &Path) -> Result<String> {
    String::from_utf8(read_bytes(path)?).map_err(|fault| {
        let before = fault.as_bytes().iter().take(fault.utf8_error().valid_up_to());
        let line = before.filter(|byte| **byte == b'\n').count().saturating_add(1);
        anyhow!("cannot read {}: line {line} is not UTF-8", name(path))
    })
}

/// What is in a file, or comes from standard input for `-`, text or not.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    if is_standard(path) {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
        return Ok(bytes);
    }
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Whether a path stands for standard input.
pub(crate) fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}

/// Makes sure that standard input is read once.
pub(crate) fn is_read_once<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Result<()> {
    if paths.into_iter().filter(|path| is_standard(path)).count() > 1 {
        bail!("standard input can only be one of the files");
    }
    Ok(())
}

/// How a file is called in messages.
pub(crate) fn name(path: &Path) -> String {
    if is_standard(path) { "<stdin>".to_owned() } else { path.display().to_string() }
}

/// A policy with the keys that it names.
pub(crate) struct WithKeys {
    /// As it is written.
    pub(crate) json: Value,
    pub(crate) policy: Policy,
    /// As it decides where no key is at hand.
    pub(crate) plan: Plan,
    pub(crate) keys: Keys,
}

/// Reads a file and checks it; none where it has mistakes, which are told.
pub(crate) fn checked<T>(
    path: &Path,
    check: impl FnOnce(&str, Form) -> Result<T, Report>,
) -> Result<Option<T>> {
    let text = read(path)?;
    let checked = check(&text, Form::of(path));
    if let Err(report) = &checked {
        output::tell(&File { name: &name(path), text: &text, report }.findings());
    }
    Ok(checked.ok())
}

/// Reads what plugins count by release and lane, all defaults without a file; none where it has mistakes, which are told.
pub(crate) fn metrics(path: Option<&Path>) -> Result<Option<Metrics>> {
    path.map_or(Ok(Some(Metrics::default())), |path| checked(path, metrics::check))
}

/// Reads keys, and tells what is wrong with them; none without a file.
pub(crate) fn keys(path: Option<&Path>) -> Result<Option<keys::Checked>> {
    let Some(path) = path else { return Ok(None) };
    let checked = keys::check(&read(path)?, Form::of(path));
    output::tell(&checked.text(&name(path)));
    Ok(Some(checked))
}

/// Reads a policy and the keys that it names, both of which have to be good. Where they are not, the mistakes of both are told and
/// there is neither.
pub(crate) fn policy_with_keys(path: &Path, keys: Option<&Path>) -> Result<Option<WithKeys>> {
    policy_with(path, self::keys(keys)?.as_ref())
}

/// The same with keys that have been read, of which the mistakes are told already.
pub(crate) fn policy_with(path: &Path, keys: Option<&keys::Checked>) -> Result<Option<WithKeys>> {
    let text = read(path)?;
    let Checked { mut report, good } = check(&text, Form::of(path));
    let faulty = match &good {
        Some(_) => None,
        None => document::parse(&text, Form::of(path)).ok().map(|node| compile::check_node(&node).0),
    };
    if let Some(policy) = good.as_ref().map(|good| &good.policy).or(faulty.as_ref()) {
        keys::add_missing(&mut report, policy, &text, keys.map(|checked| &checked.keys));
    }
    if !report.is_good(false) {
        output::tell(&File { name: &name(path), text: &text, report: &report }.text());
        return Ok(None);
    }
    let keys = keys.cloned().unwrap_or_default().good();
    Ok(good.zip(keys).map(|(Good { node, policy, plan }, keys)| WithKeys {
        json: document::json(&node),
        policy,
        plan,
        keys,
    }))
}

/// Reads manifests. What is wrong with them is kept in them.
pub(crate) fn manifests(paths: &[PathBuf]) -> Result<Manifests> {
    let mut manifests = Manifests::default();
    for path in paths {
        manifests.add(&name(path), read(path)?, Form::of(path));
    }
    Ok(manifests)
}

/// Reads a policy that has to be good; its secrets are not asked for.
pub(crate) fn policy_without_keys(path: &Path) -> Result<Option<WithKeys>> {
    good(path, |Good { node, policy, plan }| WithKeys {
        json: document::json(&node),
        policy,
        plan,
        keys: Keys::default(),
    })
}

/// Reads a policy and the keys of the plugin, both of which have to be good, as the policy is written and as it decides. Where they
/// are not, their mistakes are told and there is none.
pub(crate) fn compiled_with_keys(path: &Path, keys: &Path) -> Result<Option<(Policy, Plan)>> {
    let Some(WithKeys { json, policy, keys, .. }) = policy_with_keys(path, Some(keys))? else {
        return Ok(None);
    };
    // Whom the listener believes, and what it tells, is no part of the plan.
    let configuration =
        document::plugin_configuration(Trust::Edge, Telemetry::default(), &keys, &json).to_string();
    Ok(Some((policy, graylane::load(configuration.as_bytes()).plan?)))
}

/// Reads a policy that has to be good, as it is written and as it decides. Where it is not, its mistakes are told and there is
/// none.
pub(crate) fn compiled(path: &Path) -> Result<Option<(Policy, Plan)>> {
    good(path, |good| (good.policy, good.plan))
}

fn good<T>(path: &Path, make: impl FnOnce(Good<'_>) -> T) -> Result<Option<T>> {
    let text = read(path)?;
    let Checked { report, good } = check(&text, Form::of(path));
    if good.is_none() {
        output::tell(&File { name: &name(path), text: &text, report: &report }.text());
    }
    Ok(good.map(make))
}
