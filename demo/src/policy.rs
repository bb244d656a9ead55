//! Policies as the demo handles them: the YAML of `examples/demo`, an edit here and there, and what the engine makes
//! of it.

use std::path::Path;

use graylane::error::PolicyErrors;
use graylane::plan::Plan;
use graylane::policy::Trust;
use graylane_cli::document::{self, Telemetry};
use graylane_cli::keys::Keys;
use graylane_testbed::{Context, Error, PluginFile, Result, bail, module, root};
use serde_json::Value;

/// Whom the demo's listener believes: its clients are outside.
pub(crate) const TRUST: Trust = Trust::Edge;

/// A policy as it is written, on its way to become another revision of itself.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    value: Value,
}

impl Document {
    /// `examples/demo/<name>.yaml`.
    ///
    /// # Errors
    /// When the file cannot be read, or is no right policy.
    pub(crate) fn example(name: &str) -> Result<Self> {
        let path = example(name);
        let text = read_text(&root().join(&path))?;
        Self::of(&text).with_context(|| format!("{path} is no right policy"))
    }

    /// The policy that `yaml` says.
    ///
    /// # Errors
    /// Every mistake in it.
    pub(crate) fn of(yaml: &str) -> Result<Self, PolicyErrors> {
        Ok(Self { value: document::read(yaml)? })
    }

    /// Changes the value at a JSON pointer, as a person changes a line of the file.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn set(&mut self, pointer: &str, value: impl Into<Value>) -> Result<()> {
        let Some(place) = self.value.pointer_mut(pointer) else { bail!("the policy has no {pointer}") };
        *place = value.into();
        Ok(())
    }

    /// The policy as Envoy is to be given it, and as the engine understands the very same bytes.
    ///
    /// # Errors
    /// Every mistake in it.
    pub(crate) fn revision(&self) -> Result<Revision> {
        let telemetry = Telemetry { access_log: true, ..Telemetry::default() };
        let configuration =
            document::plugin_configuration(TRUST, telemetry, &Keys::default(), &self.value).to_string();
        let plan = graylane::load(configuration.as_bytes()).plan.map_err(Error::new)?;
        let plugin = PluginFile::checked_in()?.module(&module()?)?.configuration(&configuration)?;
        Ok(Revision { plan, plugin })
    }
}

/// One state of a policy.
#[derive(Debug)]
pub(crate) struct Revision {
    /// What the engine makes of it.
    pub(crate) plan: Plan,
    /// What Envoy is given.
    pub(crate) plugin: PluginFile,
}

/// Where an example of the demo stands, from the top of the repository.
pub(crate) fn example(name: &str) -> String {
    format!("examples/demo/{name}.yaml")
}

/// The text of a file; the error names it.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
