//! The plugin file: what Envoy reads the filter and its policy from.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::bootstrap::{read_yaml, set};
use crate::locate;

/// The document that `envoy/policy.yaml` is: one discovery response with the filter's whole configuration.
#[derive(Clone, Debug)]
pub struct PluginFile {
    document: Value,
}

const TYPED: &str = "/resources/0/typed_config";

impl PluginFile {
    /// The checked-in `envoy/policy.yaml`, as it is except that the module's path is absolute.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn checked_in() -> Result<Self> {
        let file = Self { document: read_yaml(&locate::root().join("envoy/policy.yaml"))? };
        let module = file
            .document
            .pointer(&format!("{TYPED}/config/vm_config/code/local/filename"))
            .and_then(Value::as_str)
            .context("envoy/policy.yaml names no module")?;
        let module = locate::root().join(module);
        file.module(&module)
    }

    /// A discovery response without the filter: Envoy keeps its default for it.
    pub fn none() -> Self {
        Self { document: serde_json::json!({"resources": []}) }
    }

    /// Any document.
    pub fn of(document: Value) -> Self {
        Self { document }
    }

    /// Names another module.
    ///
    /// # Errors
    /// When the document has no place for it.
    pub fn module(mut self, module: &Path) -> Result<Self> {
        let path = module.to_str().context("the module's path is not UTF-8")?;
        set(&mut self.document, &format!("{TYPED}/config/vm_config/code/local/filename"), path.into())?;
        Ok(self)
    }

    /// Sets the plugin configuration, word for word: `{"trust": ..., "policy": ...}`, or what a test wants refused.
    ///
    /// # Errors
    /// When the document has no place for it.
    pub fn configuration(mut self, text: &str) -> Result<Self> {
        set(&mut self.document, &format!("{TYPED}/config/configuration/value"), text.into())?;
        Ok(self)
    }

    /// The document, to read.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The document, to change.
    pub fn document_mut(&mut self) -> &mut Value {
        &mut self.document
    }

    /// What Envoy tells one configuration from another by.
    pub(crate) fn identity(&self) -> Option<&Value> {
        self.document.pointer(TYPED)
    }

    /// Puts the document in place of `path` by one rename, as Envoy wants it; says when, just before it.
    pub(crate) fn swap_into(&self, path: &Path) -> Result<Instant> {
        let mut beside: PathBuf = path.to_owned();
        beside.set_extension("next");
        let swap = || {
            std::fs::write(&beside, serde_json::to_vec(&self.document)?)?;
            let now = Instant::now();
            std::fs::rename(&beside, path)?;
            Ok::<_, std::io::Error>(now)
        };
        swap().with_context(|| format!("cannot write {}", path.display()))
    }
}
