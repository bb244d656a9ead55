//! `graylane render`: a policy as a proxy reads it.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use graylane_cli::document;
use serde_json::{Value, json};

use crate::args::EnvoyOptions;
use crate::{check, input};

/// Renders a policy for Envoy; `false` when it has mistakes, which are told.
pub(crate) fn envoy(options: &EnvoyOptions) -> Result<bool> {
    let policy = match document::read(&input::read(&options.policy)?) {
        Ok(policy) => policy,
        Err(errors) => {
            check::report(&options.policy, &errors);
            return Ok(false);
        }
    };
    let configuration = document::plugin_configuration(options.trust.into(), options.access_log, &policy);
    let text = format!("{:#}\n", discovery_response(options, &configuration));
    match &options.output {
        Some(path) => swap_in(path, &text)?,
        None => print!("{text}"),
    }
    Ok(true)
}

/// One resource of Envoy's extension config discovery (ECDS): the filter with its whole configuration.
fn discovery_response(options: &EnvoyOptions, configuration: &Value) -> Value {
    json!({"resources": [{
        "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
        "name": options.name,
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": options.name,
                "failure_policy": "FAIL_RELOAD",
                "vm_config": {
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": {"local": {"filename": options.module}},
                },
                // A Struct would arrive as binary; text arrives as it is.
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": configuration.to_string(),
                },
            },
        },
    }]})
}

/// Puts a text in place of a file by one rename: Envoy does not see a file that is written in place.
fn swap_in(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> Result<()> {
        // Envoy may run as another user.
        let readable = std::fs::Permissions::from_mode(0o644);
        let mut file = tempfile::Builder::new().permissions(readable).tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
