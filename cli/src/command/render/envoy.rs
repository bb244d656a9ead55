//! `graylane render envoy`: a policy as Envoy reads it.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use graylane_cli::document;
use serde_json::{Value, json};

use super::is_another_file;
use crate::command::request::Trust;
use crate::input::WithKeys;
use crate::place::{Existing, place};
use crate::{Outcome, input, output};

const HELP: &str = "\
With keys the file holds secrets, so its owner and group alone may read it: mode 640, else 644. Where Envoy runs as another user,
put it into the group that the file gets, or say another --mode. What standard output is sent to has the mode that you gave it.

Exit codes: 0 it is rendered; 1 the policy or the keys have mistakes, which are told on standard error, and nothing is written;
2 a file could not be read or written.

Examples:
  graylane render envoy policy.yaml --trust edge -o ecds.yaml
  graylane render envoy policy.yaml --trust edge --keys keys.yaml -o ecds.yaml      keys.yaml: {k1: 00112233…}
  graylane render envoy policy.yaml --trust mesh --module /etc/envoy/graylane.wasm > ecds.json";

/// The filter and its policy as a file for Envoy's extension config discovery
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// The policy (YAML or JSON); - is standard input
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
    /// The secrets that the policy names, by their ids (YAML or JSON): `k1: 00112233…`, 32 to 128 hexadecimal digits
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Leave each decision for the access log
    #[arg(long)]
    access_log: bool,
    /// Write to this file by one rename, which Envoy takes for a change; without it to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Who may read and write that file, as for chmod: 644, or 640 where keys are in it
    #[arg(long, value_name = "OCTAL", requires = "output", value_parser = mode)]
    mode: Option<u32>,
}

fn mode(digits: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(digits, 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| "octal digits, 0 to 777".to_owned())
}

/// Renders a policy for Envoy.
pub(crate) fn render(options: &Options) -> Result<Outcome> {
    let output = options.output.as_deref().filter(|path| !input::is_standard(path));
    if let Some(path) = output {
        is_another_file(path, [Some(&options.policy), options.keys.as_ref()].into_iter().flatten())?;
    }
    let Some(WithKeys { json, keys, .. }) =
        input::policy_with_keys(&options.policy, options.keys.as_deref())?
    else {
        return Ok(Outcome::Bad);
    };
    let configuration =
        document::plugin_configuration(options.trust.into(), options.access_log, &keys, &json);
    let text = format!("{:#}\n", discovery_response(options, &configuration));
    match output {
        Some(path) => {
            // Envoy may run as another user. A secret is not for all of them.
            let mode = options.mode.unwrap_or(if keys.is_empty() { 0o644 } else { 0o640 });
            place(path, &text, Existing::Replaced, Some(mode))?;
        }
        None => output::write(&text)?,
    }
    Ok(Outcome::Good)
}

/// One resource of Envoy's extension config discovery (ECDS): the filter with its whole configuration.
fn discovery_response(options: &Options, configuration: &Value) -> Value {
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
