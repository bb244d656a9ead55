//! `graylane render envoy`: a policy as Envoy reads it.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use graylane_cli::place::{Existing, place};
use graylane_cli::render::envoy::Filter;

use super::is_another_file;
use crate::command::request::Trust;
use crate::input::WithKeys;
use crate::{Outcome, input, output};

const HELP: &str = "\
With keys the file holds secrets, so its owner and group alone may read it: mode 640, else 644. Where Envoy runs as another user,
put it into the group that the file gets, or say another --mode. What standard output is sent to has the mode that you gave it.

Exit codes: 0 it is rendered; 1 the policy or the keys have mistakes, which are told on standard error, and nothing is written;
2 a file could not be read or written.

Examples:
  graylane render envoy policy.yaml --trust edge -o ecds.yaml
  graylane render envoy policy.yaml --trust edge --keys keys.yaml -o ecds.yaml      keys.yaml: {k1: 00112233…}
  graylane render envoy policy.yaml --trust edge --module target/graylane-telemetry.wasm --shadow next.yaml -o ecds.yaml
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
    /// The policy that may come next: graylane-telemetry.wasm decides by it too, and counts who would move
    #[arg(long, value_name = "FILE")]
    shadow: Option<PathBuf>,
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
    /// Leave each decision for the access log
    #[arg(long)]
    access_log: bool,
    /// The watch in Envoy's bootstrap whose policy is in force as soon as it has one; this one is until then
    #[arg(long, value_name = "NAME")]
    watch: Option<String>,
}

impl FilterOptions {
    /// The filter.
    pub(crate) fn filter(&self) -> Filter {
        let FilterOptions { trust, module, name, access_log, watch, .. } = self;
        Filter {
            name: name.clone(),
            module: module.clone(),
            trust: (*trust).into(),
            access_log: *access_log,
            watch: watch.clone(),
        }
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
    let keys_file = options.filter.keys.as_ref();
    let sources = [Some(&options.policy), keys_file, options.shadow.as_ref()];
    if let Some(path) = output {
        is_another_file(path, sources.into_iter().flatten())?;
    }
    input::is_read_once(sources.into_iter().flatten().map(PathBuf::as_path))?;
    let keys = input::keys(keys_file.map(PathBuf::as_path))?;
    let shadow = match &options.shadow {
        None => None,
        Some(path) => match input::policy_with(path, keys.as_ref())? {
            None => return Ok(Outcome::Bad),
            Some(WithKeys { json, .. }) => Some(json),
        },
    };
    let Some(WithKeys { json, keys, .. }) = input::policy_with(&options.policy, keys.as_ref())? else {
        return Ok(Outcome::Bad);
    };
    output::tell_size(&input::name(&options.policy), &json);
    let text = format!("{:#}\n", options.filter.filter().discovery_response(&keys, &json, shadow.as_ref()));
    match output {
        Some(path) => {
            place(path, &text, Existing::Replaced, Some(options.mode.unwrap_or(Filter::mode(&keys))))?;
        }
        None => output::write(&text)?,
    }
    Ok(Outcome::Good)
}
