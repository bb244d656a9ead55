//! `graylane render`: a policy as a proxy reads it.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use graylane::policy;
use graylane_cli::document;
use serde_json::{Value, json};

use crate::{Outcome, input, output};

const HELP: &str = "\
Exit codes: 0 it is rendered; 1 the policy has mistakes, which are told on standard error, and nothing is written;
2 a file could not be read or written.

Examples:
  graylane render envoy policy.yaml --trust edge -o ecds.yaml
  graylane render envoy policy.yaml --trust mesh --module /etc/envoy/graylane.wasm > ecds.json";

#[derive(Debug, Subcommand)]
pub(crate) enum Render {
    Envoy(EnvoyOptions),
}

/// The filter and its policy as a file for Envoy's extension config discovery
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct EnvoyOptions {
    /// The policy (YAML or JSON)
    #[arg(value_name = "FILE")]
    policy: PathBuf,
    /// Whom the listener believes: clients are outside (edge), or the hop before is one of ours (mesh)
    #[arg(long)]
    trust: Trust,
    /// The module, as Envoy finds it
    #[arg(long, value_name = "PATH", default_value = "target/graylane.wasm")]
    module: String,
    /// The name of the plugin; each plugin of a process needs one of its own
    #[arg(long, default_value = "graylane")]
    name: String,
    /// Leave each decision for the access log
    #[arg(long)]
    access_log: bool,
    /// Write to this file by one rename, which Envoy takes for a change; without it to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Trust {
    Edge,
    Mesh,
}

impl From<Trust> for policy::Trust {
    fn from(trust: Trust) -> Self {
        match trust {
            Trust::Edge => policy::Trust::Edge,
            Trust::Mesh => policy::Trust::Mesh,
        }
    }
}

/// Renders a policy for Envoy.
pub(crate) fn envoy(options: &EnvoyOptions) -> Result<Outcome> {
    let Some(policy) = input::policy(&options.policy)? else { return Ok(Outcome::Bad) };
    let configuration = document::plugin_configuration(options.trust.into(), options.access_log, &policy);
    let text = format!("{:#}\n", discovery_response(options, &configuration));
    match &options.output {
        Some(path) => swap_in(path, &text)?,
        None => output::write(&text)?,
    }
    Ok(Outcome::Good)
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
