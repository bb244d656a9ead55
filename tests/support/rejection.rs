//! The form of a rejections file. `tests/rejections/README.md` explains it to whoever writes one.

use std::path::Path;

use graylane::compile::compile_node;
use graylane::error::PolicyErrors;
use graylane::node::Node;
use graylane_testbed::{Context, Result};
use serde::Deserialize;
use serde_saphyr::{DuplicateKeyPolicy, options};

use crate::files;

/// One file: bad policies, and what is said of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rejections {
    /// The name of the file, without folder and ending.
    #[serde(skip)]
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) cases: Vec<Case>,
}

/// One bad text and all that is said of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) what: String,
    /// A release, in YAML; the rest of the policy is good.
    release: Option<String>,
    /// A policy, in YAML.
    policy: Option<String>,
    /// The configuration of a plugin, in JSON.
    pub(crate) configuration: Option<String>,
    /// Whether a real Envoy is to refuse it too.
    #[serde(default)]
    pub(crate) envoy: bool,
    /// Every line, word for word.
    pub(crate) errors: Vec<String>,
}

impl Rejections {
    /// Every file of a folder, by name.
    pub(crate) fn all(folder: &Path) -> Result<Vec<Self>> {
        let files = files::all::<Self>(folder)?;
        Ok(files.into_iter().map(|(name, file)| Rejections { name, ..file }).collect())
    }
}

impl Case {
    /// What the engine says of it, line by line.
    pub(crate) fn said(&self) -> Result<Vec<String>> {
        let outcome = match (&self.release, &self.policy, &self.configuration) {
            (Some(release), None, None) => {
                let indented: Vec<String> = release.lines().map(|line| format!("  {line}\n")).collect();
                compile(&format!("language: 1\nreleases:\n-\n{}", indented.concat()))?
            }
            (None, Some(policy), None) => compile(policy)?,
            (None, None, Some(configuration)) => graylane::load(configuration.as_bytes()).plan.err(),
            _ => None,
        };
        Ok(outcome.iter().flatten().map(ToString::to_string).collect())
    }
}

/// Compiles a policy in YAML. A key that stands twice is the engine's to report.
fn compile(yaml: &str) -> Result<Option<PolicyErrors>> {
    let options = options! { duplicate_keys: DuplicateKeyPolicy::PassThrough };
    let node: Node<'_> =
        serde_saphyr::from_str_with_options(yaml, options).with_context(|| format!("no YAML:\n{yaml}"))?;
    Ok(compile_node(&node).err())
}
