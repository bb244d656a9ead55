//! `graylane render istio`, `gateway-api` and `kubernetes`: a policy and facts of the cluster as the objects of its control plane.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use graylane::plan::Plan;
use graylane_cli::check::Severity;
use graylane_cli::document::Telemetry;
use graylane_cli::facts::{self, Mesh, Needs};
use graylane_cli::keys::Keys;
use graylane_cli::manifests::Object;
use graylane_cli::place::{Existing, place};
use graylane_cli::render::{self, Extension, Rendered, Source, gateway_api, istio, kubernetes};
use graylane_cli::words::shown;
use serde_json::Value;

use super::is_another_file;
use crate::input::WithKeys;
use crate::{Outcome, input, output};

mod diff;

const HELP: &str = "\
The facts say what a policy does not: which Service a release is about, its port, and the labels of each lane's pods. A lane gets a
route once it is said to be `serving: true`; before that its requests go to its first fallback that is, or to the default lane.

  module: {url: 'oci://registry.example.com/graylane@sha256:…'}        # without it no plugin is rendered
  gateway: {name: ingress, namespace: istio-ingress, labels: {istio: ingress}}
  services:
  - release: user-svc
    name: user-svc
    namespace: shop
    port: 8080
    hosts: [user-svc.example.com]                                      # at the gateway
    lanes:
      stable: {labels: {version: v1}, serving: true}
      v2: {labels: {version: v2}, serving: true}

Objects come in the order in which they are applied, so that nothing refers to what is not there; --remove names them in reverse. While
requests flow, delete them one by one, each once the proxies have heard of the one before.

Exit codes: 0 it is rendered, and nothing differs; 1 the policy, the facts or what is there have mistakes, which are told on standard
error, or something differs; 2 a file could not be read or written, or kubectl could not be run.";

const ISTIO_EXAMPLES: &str = "\n\nExamples:
  graylane render istio policy.yaml --facts facts.yaml | kubectl apply --server-side --field-manager=graylane -f -
  kubectl get virtualservices,destinationrules -n shop -o yaml > there.yaml
  graylane render istio policy.yaml --facts facts.yaml --existing there.yaml --diff cluster
  graylane render istio policy.yaml --facts facts.yaml --existing there.yaml |
    kubectl apply --server-side --force-conflicts --field-manager=graylane -f -
  graylane render istio policy.yaml --facts facts.yaml --remove | kubectl delete -f -";

const OTHER_EXAMPLES: &str = "\n\nExamples:
  graylane render gateway-api policy.yaml --facts facts.yaml | kubectl apply --server-side --field-manager=graylane -f -
  graylane render kubernetes policy.yaml --facts facts.yaml --diff manifests/";

fn istio_help() -> String {
    format!("{HELP}{ISTIO_EXAMPLES}")
}

fn other_help() -> String {
    format!("{HELP}{OTHER_EXAMPLES}")
}

/// What all of them are given.
#[derive(Args, Debug)]
pub(crate) struct Common {
    /// The policy (YAML or JSON); - is standard input
    #[arg(value_name = "FILE")]
    policy: PathBuf,
    /// What the policy does not say of the cluster (YAML or JSON), see below
    #[arg(long, value_name = "FILE")]
    facts: PathBuf,
    /// Name the objects, the last first, as `kubectl delete -f -` reads them
    #[arg(long, conflicts_with = "diff")]
    remove: bool,
    /// Show what would change in place of writing it: against a file or folder of manifests, or the `cluster` that kubectl talks to
    #[arg(long, value_name = "PATH|cluster", conflicts_with = "output")]
    diff: Option<PathBuf>,
    /// Write to this file; without it to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// How the plugin is written.
#[derive(Args, Debug)]
pub(crate) struct PluginOptions {
    /// The object that loads the module
    #[arg(long, value_enum, default_value = "wasm-plugin")]
    pub(crate) extension: ExtensionKind,
    /// The secrets that the policy names, by their ids (YAML or JSON); they stand in the plugin's object then
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,
    /// What graylane-telemetry.wasm counts by release and lane (YAML or JSON): `{lanes: 200, grpcStatus: true}`
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    /// Leave each decision for the access log
    #[arg(long)]
    access_log: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ExtensionKind {
    /// `WasmPlugin`, which every supported Istio has
    WasmPlugin,
    /// `TrafficExtension`, of Istio 1.30 and later
    TrafficExtension,
    /// `EnvoyFilter`, with the module as a file of the proxy's container
    EnvoyFilter,
}

impl From<ExtensionKind> for Extension {
    fn from(kind: ExtensionKind) -> Self {
        match kind {
            ExtensionKind::WasmPlugin => Extension::WasmPlugin,
            ExtensionKind::TrafficExtension => Extension::TrafficExtension,
            ExtensionKind::EnvoyFilter => Extension::EnvoyFilter,
        }
    }
}

/// Subsets, routes that follow the lane, and the plugin, for Istio
#[derive(Args, Debug)]
#[command(after_long_help = istio_help(), after_help = "See --help for the facts and examples.")]
pub(crate) struct IstioOptions {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    plugin: PluginOptions,
    /// Objects that are there (`kubectl get virtualservices,destinationrules -o yaml`): what of them is not about lanes is kept
    #[arg(long, value_name = "FILE", conflicts_with = "remove")]
    existing: Vec<PathBuf>,
}

/// Services of lanes, routes that follow the lane, and the plugin, for the Gateway API
#[derive(Args, Debug)]
#[command(after_long_help = other_help(), after_help = "See --help for the facts and examples.")]
pub(crate) struct GatewayApiOptions {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    plugin: PluginOptions,
}

/// A Service for each lane, whose endpoints carry the lane
#[derive(Args, Debug)]
#[command(after_long_help = other_help(), after_help = "See --help for the facts and examples.")]
pub(crate) struct KubernetesOptions {
    #[command(flatten)]
    common: Common,
}

impl PluginOptions {
    /// The files that it is made of.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.keys, &self.metrics].into_iter().flatten()
    }

    /// What the plugin tells of requests; none where its metrics have mistakes, which are told.
    pub(crate) fn telemetry(&self) -> Result<Option<Telemetry>> {
        let metrics = input::metrics(self.metrics.as_deref())?;
        Ok(metrics.map(|metrics| Telemetry { access_log: self.access_log, metrics }))
    }

    pub(crate) fn loads_a_file(&self) -> bool {
        matches!(self.extension, ExtensionKind::EnvoyFilter)
    }

    /// Tells which plugins get much to read, and what to do about it.
    fn tell_sizes(&self, common: &Common, rendered: &Result<Rendered, Vec<String>>) {
        let extension = Extension::from(self.extension);
        let objects = rendered.iter().filter(|_| !common.remove).flat_map(|rendered| &rendered.objects);
        for object in objects {
            if let Some(configuration) = extension.take_configuration(&mut object.clone()) {
                output::tell_size(&render::called(object), &configuration);
            }
        }
    }
}

impl IstioOptions {
    fn needs(&self) -> Needs {
        Needs {
            gateway: true,
            gateway_labels: true,
            keys: true,
            module_file: self.plugin.loads_a_file(),
            ..Needs::default()
        }
    }
}

impl GatewayApiOptions {
    fn needs(&self) -> Needs {
        Needs {
            gateway: true,
            selectors: true,
            keys: true,
            module_file: self.plugin.loads_a_file(),
            ..Needs::default()
        }
    }
}

/// Renders for Istio.
pub(crate) fn istio(options: &IstioOptions) -> Result<Outcome> {
    let plugin = Some(&options.plugin);
    let Some(read) = Read::of(&options.common, plugin, &options.existing, options.needs())? else {
        return Ok(Outcome::Bad);
    };
    let mut manifests = input::manifests(&options.existing)?;
    istio::check(&mut manifests);
    if manifests.count(Severity::Error) > 0 {
        output::tell(&manifests.text());
        return Ok(Outcome::Bad);
    }
    let rendered = istio::render(&read.source(&manifests.objects), options.plugin.extension.into());
    options.plugin.tell_sizes(&options.common, &rendered);
    finish(&options.common, rendered, &read, &options.existing)
}

/// Renders for the Gateway API.
pub(crate) fn gateway_api(options: &GatewayApiOptions) -> Result<Outcome> {
    let Some(read) = Read::of(&options.common, Some(&options.plugin), &[], options.needs())? else {
        return Ok(Outcome::Bad);
    };
    let rendered = gateway_api::render(&read.source(&[]), options.plugin.extension.into());
    options.plugin.tell_sizes(&options.common, &rendered);
    finish(&options.common, rendered, &read, &[])
}

/// Renders for Kubernetes alone.
pub(crate) fn kubernetes(options: &KubernetesOptions) -> Result<Outcome> {
    let Some(read) = Read::of(&options.common, None, &[], Needs { selectors: true, ..Needs::default() })?
    else {
        return Ok(Outcome::Bad);
    };
    finish(&options.common, Ok(kubernetes::render(&read.mesh)), &read, &[])
}

/// What was read, all of it good.
struct Read<'o> {
    mesh: Mesh,
    policy: Value,
    keys: Keys,
    telemetry: Telemetry,
    plan: Plan,
    files: Vec<&'o PathBuf>,
}

impl<'o> Read<'o> {
    /// Reads policy, facts and what else the plugin is made of; none where one of them has mistakes, which are told.
    fn of(
        common: &'o Common,
        plugin: Option<&'o PluginOptions>,
        existing: &'o [PathBuf],
        needs: Needs,
    ) -> Result<Option<Self>> {
        let Common { policy, facts, .. } = common;
        let of_plugin = plugin.into_iter().flat_map(PluginOptions::files);
        let files: Vec<_> = [policy, facts].into_iter().chain(of_plugin).chain(existing).collect();
        input::is_read_once(files.iter().map(|path| path.as_path()))?;
        let telemetry = plugin.map_or(Ok(Some(Telemetry::default())), PluginOptions::telemetry)?;
        let read = if common.remove || !needs.keys {
            input::policy_without_keys(policy)?
        } else {
            input::policy_with_keys(policy, plugin.and_then(|plugin| plugin.keys.as_deref()))?
        };
        let Some(WithKeys { json, policy, plan, keys }) = read else {
            return Ok(None);
        };
        let mesh = input::checked(facts, |text, form| facts::check(text, form, &policy, &plan, needs))?;
        let good = mesh.zip(telemetry);
        Ok(good.map(|(mesh, telemetry)| Read { mesh, policy: json, keys, telemetry, plan, files }))
    }

    fn source<'s>(&'s self, existing: &'s [Object]) -> Source<'s> {
        let Read { mesh, policy, keys, telemetry, plan, .. } = self;
        Source { existing, telemetry: *telemetry, ..Source::of(mesh, policy, plan, keys) }
    }
}

/// Writes what was rendered, or shows what would change.
fn finish(
    common: &Common,
    rendered: Result<Rendered, Vec<String>>,
    read: &Read<'_>,
    existing: &[PathBuf],
) -> Result<Outcome> {
    let Rendered { objects, notes } = match rendered {
        Ok(rendered) => rendered,
        Err(faults) => {
            for fault in faults {
                output::tell(&format!("error: {}\n", shown(&fault)));
            }
            return Ok(Outcome::Bad);
        }
    };
    let output = common.output.as_deref().filter(|path| !input::is_standard(path));
    if let Some(path) = output {
        is_another_file(path, read.files.iter().copied())?;
    }
    for note in &notes {
        output::tell(&format!("note: {}\n", shown(note)));
    }
    if let Some(against) = &common.diff {
        return diff::show(&objects, against, !existing.is_empty());
    }
    let objects = if common.remove { render::removal(&objects) } else { objects };
    let text = render::yaml(&objects)?;
    match output {
        // A secret is not for all.
        Some(path) => place(path, &text, Existing::Replaced, (!read.keys.is_empty()).then_some(0o640))?,
        None => output::write(&text)?,
    }
    Ok(Outcome::Good)
}
