//! `graylane import`: what another system is told of a gray release, as a policy.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use graylane_cli::check::Severity;
use graylane_cli::import::{Imported, ingress_nginx, istio, written};
use graylane_cli::manifests::Manifests;
use graylane_cli::place::{Existing, place};

use crate::{Outcome, input, output};

const NGINX_HELP: &str = "\
Give all Ingresses of the hosts, the canaries and the others: a canary counts only beside another Ingress with the same host, path
and pathType, and which one counts depends on all of them. Backends become the lanes stable and canary. Rules are asked in the order
of ingress-nginx: header, cookie, weight. The weight becomes a share of users, each of whom stays in one lane.

What differs is told on standard error, each with its line: a note where the policy says it in another way, a warning where
something is left out, or does not hold for clients.

Rules that ask for a header that an edge listener removes from what clients send, such as x-canary, do not hold for them unless the
policy trusts where they are. It trusts nobody until you name networks in its trustedSources. With --trust-anybody it trusts every
client with such headers, as ingress-nginx does, and so with traffic labels: at an edge each can choose its lane.

Exit codes: 0 all of it is in the policy; 3 the policy is written, and something is left out of it or does not hold for clients; 1 a
manifest has mistakes, and nothing is written; 2 a file could not be read or written.

Examples:
  graylane import ingress-nginx shop.yaml shop-canary.yaml -o policy.yaml
  kubectl get ingress -n shop -o yaml | graylane import ingress-nginx - > policy.yaml
  graylane import ingress-nginx shop.yaml --facts facts.yaml -o policy.yaml     and what graylane render has to know
  graylane import ingress-nginx shop.yaml --cluster '{service}.{namespace}:{port}'
  graylane import ingress-nginx shop.yaml | graylane explain - shop.example.com -H 'x-next: always'";

const ISTIO_HELP: &str = "\
Give the VirtualServices, and the DestinationRules for the labels of their subsets. Destinations become lanes, routes with a match
become rules in their order, and the weights of the route without a match become shares of users, each of whom stays in one lane.
The lane with the largest share is the one of everybody else. Timeouts, retries, rewrites and the like stay where they are.

What differs is told on standard error, each with its line: a note where the policy says it in another way, a warning where
something is left out, or does not hold for clients.

Rules that ask for a header that an edge listener removes from what clients send, such as x-canary, do not hold for them unless the
policy trusts where they are. It trusts nobody until you name networks in its trustedSources. With --trust-anybody it trusts every
client with such headers, as Istio does, and so with traffic labels: at an edge each can choose its lane.

Exit codes: 0 all of it is in the policy; 3 the policy is written, and something is left out of it or does not hold for clients; 1 a
manifest has mistakes, and nothing is written; 2 a file could not be read or written.

Examples:
  graylane import istio virtual-service.yaml destination-rule.yaml -o policy.yaml
  kubectl get virtualservices,destinationrules -n shop -o yaml | graylane import istio - > policy.yaml
  graylane import istio shop.yaml --facts facts.yaml -o policy.yaml     and what graylane render has to know
  graylane import istio shop.yaml --cluster 'outbound|{port}|{subset}|{service}.{namespace}.svc.cluster.local'";

#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    IngressNginx(NginxOptions),
    Istio(IstioOptions),
}

/// Canary annotations of ingress-nginx
#[derive(Args, Debug)]
#[command(after_help = NGINX_HELP)]
pub(crate) struct NginxOptions {
    #[command(flatten)]
    files: Files,
    /// Take the Ingresses of this class alone; needed where there are several
    #[arg(long, value_name = "NAME")]
    class: Option<String>,
    /// The prefix of the annotations, where the controller was started with another
    #[arg(long, value_name = "PREFIX", default_value = ingress_nginx::PREFIX)]
    annotations_prefix: String,
    /// Name the Envoy cluster of each lane: {service}, {namespace}, {port} and {lane} are filled in
    #[arg(long, value_name = "TEMPLATE")]
    cluster: Option<String>,
}

/// Weights and matches of Istio's VirtualServices
#[derive(Args, Debug)]
#[command(after_help = ISTIO_HELP)]
pub(crate) struct IstioOptions {
    #[command(flatten)]
    files: Files,
    /// Name the Envoy cluster of each lane: {service}, {namespace}, {port}, {subset} and {lane} are filled in
    #[arg(long, value_name = "TEMPLATE")]
    cluster: Option<String>,
}

#[derive(Args, Debug)]
struct Files {
    /// The manifests (YAML or JSON, several documents and lists); - is standard input
    #[arg(required = true, value_name = "FILE")]
    manifests: Vec<PathBuf>,
    /// Write the policy to this file, whole or not at all; without it to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write the services behind the lanes to this file, for graylane render
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
    /// Trust every client with headers that an edge listener removes from what others send, where a rule asks for one
    #[arg(long)]
    trust_anybody: bool,
    /// Replace files that are there already
    #[arg(long)]
    force: bool,
}

/// Imports canaries of ingress-nginx, or routes of Istio.
pub(crate) fn import(from: &Import) -> Result<Outcome> {
    match from {
        Import::IngressNginx(options) => {
            let NginxOptions { files, class, annotations_prefix, cluster } = options;
            let manifests = files.read()?;
            is_there(&manifests, "Ingress", "networking.k8s.io/v1")?;
            let prefix = annotations_prefix.trim_end_matches('/').to_owned();
            let options = ingress_nginx::Options {
                prefix,
                class: class.clone(),
                cluster: cluster.clone(),
                trusts_anybody: files.trust_anybody,
            };
            files.write(&ingress_nginx::import(manifests, &options))
        }
        Import::Istio(IstioOptions { files, cluster }) => {
            let manifests = files.read()?;
            is_there(&manifests, "VirtualService", "networking.istio.io/v1")?;
            let options = istio::Options { cluster: cluster.clone(), trusts_anybody: files.trust_anybody };
            files.write(&istio::import(manifests, &options))
        }
    }
}

/// Makes sure that there is something to import, where nothing else is wrong.
fn is_there(manifests: &Manifests, kind: &str, version: &str) -> Result<()> {
    let has = manifests.objects.iter().any(|object| object.kind() == kind);
    if !has && manifests.count(Severity::Error) == 0 {
        bail!("there is no {kind} ({version}) in the files");
    }
    Ok(())
}

impl Files {
    fn read(&self) -> Result<Manifests> {
        input::is_read_once(self.manifests.iter().map(PathBuf::as_path))?;
        for file in self.outputs() {
            self.may_be_written(file)?;
        }
        input::manifests(&self.manifests)
    }

    fn outputs(&self) -> impl Iterator<Item = &Path> {
        let outputs = [&self.output, &self.facts].into_iter().flatten().map(PathBuf::as_path);
        outputs.filter(|path| !input::is_standard(path))
    }

    /// Refuses a file before anything is done: one that is read, and one that is there already.
    fn may_be_written(&self, file: &Path) -> Result<()> {
        let is_json = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
        if is_json {
            bail!("{}: it is YAML with comments; give it another ending than .json", file.display());
        }
        let is_same =
            |path: &PathBuf| path.canonicalize().ok().is_some_and(|it| file.canonicalize().ok() == Some(it));
        if self.manifests.iter().any(is_same) {
            bail!("{} would be replaced by what is imported from it; write to another file", file.display());
        }
        if !self.force && file.symlink_metadata().is_ok() {
            bail!("{} is there already; --force replaces it", file.display());
        }
        Ok(())
    }

    fn write(&self, imported: &Imported) -> Result<Outcome> {
        output::tell(&imported.manifests.text());
        let Some(draft) = &imported.policy else { return Ok(Outcome::Bad) };
        let policy =
            written(draft).map_err(|fault| anyhow::anyhow!(fault)).context("the policy that came of it")?;
        let existing = if self.force { Existing::Replaced } else { Existing::Kept };
        if let Some(facts) = &self.facts {
            put(Some(facts), &draft.facts(), existing)?;
        }
        put(self.output.as_deref(), &policy, existing)?;
        Ok(if imported.is_whole() { Outcome::Good } else { Outcome::Part })
    }
}

/// Writes a text to a file, or to standard output.
fn put(file: Option<&Path>, text: &str, existing: Existing) -> Result<()> {
    match file.filter(|path| !input::is_standard(path)) {
        Some(file) => place(file, text, existing, None),
        None => output::write(text),
    }
}
