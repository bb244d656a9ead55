//! `graylane sync`: what a folder or a `ZooKeeper` says, kept live where proxies read it.

use std::fmt;
use std::iter;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use graylane_cli::facts::{self, Needs};
use graylane_cli::sync::source::{self, Address, Folder, Source, ZooKeeper};
use graylane_cli::sync::target::{Ecds, Etcd, Istio, Target};
use graylane_cli::sync::{self, Passed, Rules, Status, Webhook};
use graylane_cli::words::counted;
use graylane_document::Secret;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::etcd;
use super::keyring;
use super::render::envoy::{FilterOptions, mode};
use super::render::mesh::PluginOptions;
use super::sign::{check_id, secret};
use crate::{Outcome, input, output};

const HELP: &str = "\
The source is a folder, of which every .yaml, .yml and .json below it is read, names that begin with a dot left out; or the nodes
settings, releases/NAME and dials/NAME below one of ZooKeeper; or, where it is not the target, the documents in an etcd. In each stands
what graylane publish takes: a release, a dial, settings, a document of one of them, a signed envelope; in a file, or in the node of the
prefix itself, also a whole policy.

The source is the truth. What differs from it is checked as by graylane publish, and written: also what somebody else has put in its
place. What is wrong is refused with its place and told once, and what was live before stays; so it does where a release would move its
users though its revision was not raised. What is gone from the source is taken away, if it came from here, and if all of the source
could be read; an empty source takes nothing away.

--listen serves /healthz, /readyz and /metrics (Prometheus). SIGTERM and Ctrl-C end it after the pass that is under way.

With --signers, signatures are verified as proxies do; files and plugins are for proxies that do not, so what is not signed is refused
for them.

Exit codes: 0 it was stopped, or with --once all of it is live; 1 a file of an option has mistakes, or with --once
something is refused; 2 it could not be carried out.";

const ETCD_EXAMPLES: &str = "\n\nExamples:
  graylane sync etcd --from zookeeper://zk-0:2181,zk-1:2181/policies --author zk --etcd http://127.0.0.1:2379 --key sync.pem --id sync
  graylane sync etcd --from policies/ --author git --etcd http://127.0.0.1:2379 --listen 127.0.0.1:9420 --webhook http://127.0.0.1:8080/applied
  graylane sync etcd --from policies/ --author git --etcd http://127.0.0.1:2379 --once";

const ENVOY_EXAMPLES: &str = "\n\nExamples:
  graylane sync envoy --from policies/ --trust edge -o ecds.json
  graylane sync envoy --from zookeeper://127.0.0.1:2181/policies --trust edge --keys keys.yaml -o ecds.json
  graylane sync envoy --from policies/ --trust edge --module graylane-telemetry.wasm --metrics metrics.yaml --shadow next.yaml -o ecds.json
  graylane sync envoy --from etcd --etcd http://127.0.0.1:2379 --trust edge --watch policies -o ecds.json";

const ISTIO_EXAMPLES: &str = "\n\nThe facts are those of graylane render istio or gateway-api, which render routes and subsets too. Of each release its service says where
it is called: at the gateway if it has `hosts`, and from the sidecars of its own namespace and of its `clients`. Only there is it in the
plugin. What removes the headers of clients early at the gateway is kept with the plugins. Objects are read and applied by kubectl (or
what the variable KUBECTL names), as the field manager graylane.

Examples:
  graylane sync istio --from policies/ --facts facts.yaml --listen 127.0.0.1:9420
  graylane sync istio --from etcd --etcd http://127.0.0.1:2379 --facts facts.yaml --keys keys.yaml
  graylane sync istio --from policies/ --facts facts.yaml --once";

#[derive(Debug, Subcommand)]
pub(crate) enum Sync {
    Etcd(EtcdOptions),
    Envoy(EnvoyOptions),
    Istio(IstioOptions),
}

/// What all of them are given.
#[derive(Args, Debug)]
struct Common {
    /// A folder, zookeeper://HOST:PORT,HOST:PORT/policies, or etcd
    #[arg(long, value_name = "SOURCE", value_parser = Where::parse)]
    from: Where,
    /// The file of a name and a password with a colon between, for ZooKeeper's scheme digest
    #[arg(long, value_name = "FILE")]
    zookeeper_user_file: Option<PathBuf>,
    /// Who is believed (YAML or JSON), as the proxies have it: what they would refuse is refused
    #[arg(long, value_name = "FILE")]
    signers: Option<PathBuf>,
    /// Serve health and metrics there
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Send each change that was written there, by POST with JSON
    #[arg(long, value_name = "URL", value_parser = Webhook::address)]
    webhook: Option<String>,
    /// Make one pass, and end
    #[arg(long)]
    once: bool,
}

/// Into etcd, each document below its key
#[derive(Args, Debug)]
#[command(after_help = format!("{HELP}{ETCD_EXAMPLES}"))]
pub(crate) struct EtcdOptions {
    #[command(flatten)]
    common: Common,
    /// The author of what is written, one for each source: documents by that author are taken away when they are gone from the source
    #[arg(long, value_name = "NAME")]
    author: String,
    /// The file of the key that signs; without it documents are not signed
    #[arg(long, value_name = "FILE", requires = "id")]
    key: Option<PathBuf>,
    /// What the key is called where it is verified
    #[arg(long, value_name = "NAME", value_parser = check_id, requires = "key")]
    id: Option<String>,
    /// Do not read or keep documents of before: for users of etcd who may not write beside the prefix
    #[arg(long)]
    no_history: bool,
    #[command(flatten)]
    etcd: etcd::Etcd,
}

/// Into a file for Envoy's extension config discovery, as one policy
#[derive(Args, Debug)]
#[command(after_help = format!("{HELP}{ENVOY_EXAMPLES}"))]
pub(crate) struct EnvoyOptions {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    filter: FilterOptions,
    #[command(flatten)]
    etcd: etcd::Etcd,
    /// The file, which is replaced by one rename
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Who may read and write that file, as for chmod: 644, or 640 where keys are in it
    #[arg(long, value_name = "OCTAL", value_parser = mode)]
    mode: Option<u32>,
}

/// Into the plugin's objects of a mesh, each with the releases that are called there
#[derive(Args, Debug)]
#[command(after_help = format!("{HELP}{ISTIO_EXAMPLES}"))]
pub(crate) struct IstioOptions {
    #[command(flatten)]
    common: Common,
    /// The module, the gateway, and the services with who calls them (YAML or JSON)
    #[arg(long, value_name = "FILE")]
    facts: PathBuf,
    #[command(flatten)]
    plugin: PluginOptions,
    /// The gateway is one of the Gateway API
    #[arg(long)]
    gateway_api: bool,
    /// Take over what somebody else has written in the objects
    #[arg(long)]
    force_conflicts: bool,
    #[command(flatten)]
    etcd: etcd::Etcd,
}

/// Where documents come from.
#[derive(Clone, Debug)]
enum Where {
    Etcd,
    Folder(PathBuf),
    ZooKeeper(Address),
}

impl Where {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(match text {
            "etcd" => Where::Etcd,
            _ if text.starts_with(Address::SCHEME) => Where::ZooKeeper(Address::parse(text)?),
            _ if text.contains("://") => {
                return Err("a folder, zookeeper://HOST:PORT/policies, or etcd".to_owned());
            }
            _ => Where::Folder(text.into()),
        })
    }
}

impl fmt::Display for Where {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Where::Etcd => out.write_str("etcd"),
            Where::Folder(path) => path.display().fmt(out),
            Where::ZooKeeper(address) => address.fmt(out),
        }
    }
}

impl Common {
    /// Refuses standard input for two of its files and others that are given beside.
    fn is_read_once<'p>(&'p self, others: impl Iterator<Item = &'p PathBuf>) -> Result<()> {
        let own = [&self.zookeeper_user_file, &self.signers].into_iter().flatten();
        input::is_read_once(own.chain(others).map(PathBuf::as_path))
    }

    /// The source; an etcd is one where the target is another.
    fn source(&self, etcd: Option<&etcd::Etcd>) -> Result<Source> {
        let user = self.zookeeper_user_file.as_deref().map(input::read).transpose()?;
        if user.is_some() && !matches!(self.from, Where::ZooKeeper(_)) {
            bail!("--zookeeper-user-file is for a ZooKeeper, and the source is {}", self.from);
        }
        Ok(match (&self.from, etcd) {
            (Where::Etcd, None) => bail!("etcd is the target; a folder of that name is ./etcd"),
            (Where::Etcd, Some(etcd)) => {
                Source::Etcd(Box::new(source::Etcd::new(etcd.access()?, etcd.prefix.clone())))
            }
            (_, Some(etcd)) if etcd.is_told_of() => {
                bail!("--etcd, and how it is reached, are for --from etcd; the source is {}", self.from)
            }
            (Where::Folder(path), _) => Source::Folder(Folder::new(path.clone())),
            (Where::ZooKeeper(address), _) => {
                let user = user.map(|user| user.trim_end_matches(['\r', '\n']).to_owned());
                Source::ZooKeeper(Box::new(ZooKeeper::new(address.clone(), user)))
            }
        })
    }
}

/// Keeps something live.
pub(crate) fn sync(sync: &Sync) -> Result<Outcome> {
    match sync {
        Sync::Etcd(options) => into_etcd(options),
        Sync::Envoy(options) => into_file(options),
        Sync::Istio(options) => into_mesh(options),
    }
}

fn into_etcd(options: &EtcdOptions) -> Result<Outcome> {
    let EtcdOptions { common, author, key, id, no_history, etcd } = options;
    common.is_read_once(key.iter())?;
    let secret = key.as_deref().map(secret).transpose()?.zip(id.clone());
    let target = Etcd::new(etcd.access()?, etcd.prefix.clone(), !no_history);
    run(common, common.source(None)?, Target::Etcd(Box::new(target)), secret, author)
}

fn into_file(options: &EnvoyOptions) -> Result<Outcome> {
    let EnvoyOptions { common, filter, etcd, output, mode } = options;
    common.is_read_once(filter.files())?;
    super::render::is_another_file(output, filter.files())?;
    let keys = input::keys(filter.keys.as_deref())?;
    let filter = filter.filter(keys.as_ref())?;
    let (Some(filter), Some(keys)) = (filter, keys.unwrap_or_default().good()) else {
        return Ok(Outcome::Bad);
    };
    let target = Ecds::new(output.clone(), *mode, filter, keys, OF_ALL.to_owned());
    run(common, common.source(Some(etcd))?, Target::Ecds(Box::new(target)), None, OF_ALL)
}

fn into_mesh(options: &IstioOptions) -> Result<Outcome> {
    let IstioOptions { common, facts, plugin, gateway_api, force_conflicts, etcd } = options;
    let needs =
        Needs { module_file: plugin.loads_a_file(), gateway_labels: !gateway_api, ..Needs::default() };
    common.is_read_once(iter::once(facts).chain(plugin.files()))?;
    let mesh = input::checked(facts, |text, form| facts::check_plugins(text, form, needs))?;
    let keys = input::keys(plugin.keys.as_deref())?.unwrap_or_default().good();
    let telemetry = plugin.telemetry()?;
    let (Some(mut mesh), Some(keys), Some(telemetry)) = (mesh, keys, telemetry) else {
        return Ok(Outcome::Bad);
    };
    if let Some(gateway) = mesh.gateway.as_mut().filter(|_| *gateway_api) {
        gateway.labels.clear();
    }
    let target =
        Istio::new(mesh, plugin.extension.into(), keys, telemetry, *force_conflicts, OF_ALL.to_owned());
    run(common, common.source(Some(etcd))?, Target::Istio(Box::new(target)), None, OF_ALL)
}

/// The author of all that stands in a target which is of one source.
const OF_ALL: &str = "graylane sync";

fn run(
    common: &Common,
    source: Source,
    target: Target,
    secret: Option<(Secret, String)>,
    author: &str,
) -> Result<Outcome> {
    let keyring = match keyring(common.signers.as_deref())? {
        Ok(keyring) => keyring,
        Err(outcome) => return Ok(outcome),
    };
    let rules = Rules { secret, keyring, author: author.to_owned() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.context("cannot wait for anything")?.block_on(follow(common, source, target, rules))
}

async fn follow(common: &Common, source: Source, target: Target, rules: Rules) -> Result<Outcome> {
    let status = Arc::new(Status::new(source.contact()));
    if let Some(address) = common.listen {
        let address = sync::serve(address, Arc::clone(&status)).await?;
        output::tell(&format!("graylane sync: health and metrics at http://{address}\n"));
    }
    let webhook = common
        .webhook
        .clone()
        .map(|url| Webhook::new(url, common.from.to_string(), Arc::clone(&status), output::tell));
    let name = target.name();
    let sync = sync::Sync::new(target, rules, status, webhook, output::tell);
    if common.once {
        let Passed { written, refused } = sync.once(source).await?;
        output::tell(&format!("graylane sync: {} written\n", counted(written.len() as u64, "document")));
        return Ok(if refused == 0 { Outcome::Good } else { Outcome::Bad });
    }
    output::tell(&format!("graylane sync: {} is kept as {} says\n", name, common.from));
    sync.run(source, stopped()?).await?;
    Ok(Outcome::Good)
}

/// Waits for a signal that ends programs. The next one ends this one at once, whatever it does.
fn stopped() -> Result<impl Future<Output = ()>> {
    let mut terminated = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("cannot wait for signals")?;
    let (stops, stopped) = oneshot::channel();
    tokio::spawn(async move {
        let mut stops = Some(stops);
        loop {
            tokio::select! {
                _signal = terminated.recv() => {}
                _signal = interrupted.recv() => {}
            }
            let Some(stops) = stops.take() else { std::process::exit(2) };
            output::tell("graylane sync: stops after what is under way\n");
            // Nobody waits where it has ended by itself.
            let _ended = stops.send(());
        }
    });
    Ok(async move {
        // The task lives as long as the runtime.
        let _stopped = stopped.await;
    })
}
