//! `graylane render envoy`: a policy as Envoy reads it.

use std::iter;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use graylane_cli::document::Telemetry;
use graylane_cli::keys;
use graylane_cli::place::{Existing, place};
use graylane_cli::render::envoy::Filter;

use super::is_another_file;
use crate::command::request::Trust;
use crate::input::WithKeys;
use crate::{Outcome, input, output};

const HELP: &str = "\
With keys the file holds secrets, so its owner and group alone may read it: mode 640, else 644. Where Envoy runs as another user,
put it into the group that the file gets, or say another --mode. What standard output is sent to has the mode that you gave it.

Exit codes: 0 it is rendered; 1 one of the files has mistakes, which are told on standard error, and nothing is written;
2 a file could not be read or written.

Examples:
  graylane render envoy policy.yaml --trust edge -o ecds.yaml
  graylane render envoy policy.yaml --trust edge --keys keys.yaml -o ecds.yaml      keys.yaml: {k1: 00112233…}
  graylane render envoy policy.yaml --trust edge --module target/graylane-telemetry.wasm --shadow next.yaml -o ecds.yaml
  graylane render envoy policy.yaml --trust edge --module target/graylane-telemetry.wasm --metrics metrics.yaml -o ecds.yaml
  graylane render envoy policy.yaml --trust mesh --module /etc/envoy/graylane.wasm > ecds.json";

/// The filter and its policy as a file for Envoy's extension config discovery
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// The policy (YAML or JSON); - is standard input
    #[arg(value_name = "FILE")]
    policy: PathBuf,
    #[command(flatten)]
    filter: FilterOptions,
    /// Write to this file by one rename, which Envoy takes for a change; without it to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Who may read and write that file, as for chmod: 644, or 640 where keys are in it
    #[arg(long, value_name = "OCTAL", requires = "output", value_parser = mode)]
    mode: Option<u32>,
}

/// What of the filter is not the policy.
#[derive(Args, Debug)]
pub(crate) struct FilterOptions {
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
    pub(crate) keys: Option<PathBuf>,
    /// What graylane-telemetry.wasm counts by release and lane (YAML or JSON): `{lanes: 200, grpcStatus: true}`
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    /// The policy that may come next: graylane-telemetry.wasm decides by it too, and counts who would move
    #[arg(long, value_name = "FILE")]
    shadow: Option<PathBuf>,
    /// Leave each decision for the access log
    #[arg(long)]
    access_log: bool,
    /// The watch in Envoy's bootstrap whose policy is in force as soon as it has one; this one is until then
    #[arg(long, value_name = "NAME")]
    watch: Option<String>,
}

impl FilterOptions {
    /// The files that it is made of.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.keys, &self.metrics, &self.shadow].into_iter().flatten()
    }

    /// The filter; none where its metrics or its shadow have mistakes, which are told. A shadow is not good without good keys.
    pub(crate) fn filter(&self, keys: Option<&keys::Checked>) -> Result<Option<Filter>> {
        let FilterOptions { trust, module, name, access_log, watch, .. } = self;
        let metrics = input::metrics(self.metrics.as_deref())?;
        let shadow = match &self.shadow {
            None => Some(None),
            Some(path) => input::policy_with(path, keys)?.map(|shadow| Some(shadow.json)),
        };
        Ok(metrics.zip(shadow).map(|(metrics, shadow)| Filter {
            name: name.clone(),
            module: module.clone(),
            trust: (*trust).into(),
            telemetry: Telemetry { access_log: *access_log, metrics },
            watch: watch.clone(),
            shadow,
        }))
    }
}

/// Reads a mode of a file.
pub(crate) fn mode(digits: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(digits, 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| "octal digits, 0 to 777".to_owned())
}

/// Renders a policy for Envoy.
pub(crate) fn render(options: &Options) -> Result<Outcome> {
    let output = options.output.as_deref().filter(|path| !input::is_standard(path));
    let sources = || iter::once(&options.policy).chain(options.filter.files());
    if let Some(path) = output {
        is_another_file(path, sources())?;
    }
    input::is_read_once(sources().map(PathBuf::as_path))?;
    let keys = input::keys(options.filter.keys.as_deref())?;
    let filter = options.filter.filter(keys.as_ref())?;
    let policy = input::policy_with(&options.policy, keys.as_ref())?;
    let (Some(filter), Some(WithKeys { json, keys, .. })) = (filter, policy) else {
        return Ok(Outcome::Bad);
    };
    output::tell_size(&input::name(&options.policy), &json);
    let text = format!("{:#}\n", filter.discovery_response(&keys, &json));
    match output {
        Some(path) => {
            place(path, &text, Existing::Replaced, Some(options.mode.unwrap_or(Filter::mode(&keys))))?;
        }
        None => output::write(&text)?,
    }
    Ok(Outcome::Good)
}
