//! `graylane status`: what etcd holds, and what each proxy has of it.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result, bail};
use clap::Args;
use graylane_cli::document::{self, Form};
use graylane_cli::proxies::{Proxy, Standing, Watch, ask};
use graylane_cli::published::{Held, Ledger};
use graylane_cli::words::shown;
use serde::Serialize;
use serde_json::Value;

use super::etcd::{Etcd, block_on};
use super::keyring;
use crate::{
    Outcome, input,
    output::{self, Output},
};

const BOLD: Style = Style::new().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();

const HELP: &str = "\
Every key below the prefix is checked as a proxy does that starts now, by the same code: what the watch in Envoy would log of it is told
here, with its path. A proxy that has had a later version of a document refuses the one that is here; that shows in the counts of that
proxy. Give --signers as the proxies have it, or no signature is verified.

Of each proxy it is told whether it is at the newest revision of the prefix, from its metrics: graylane.watch_revision, watch_releases,
watch_faulty, watch_silent_ms, watch_stale and watch_refused. That a key was deleted does not count as a revision here: etcd does not tell when that
was. ADMIN-URL is Envoy's admin interface (http://127.0.0.1:9901), or with a path of its own a page of metrics, plain or as Prometheus
has it (http://127.0.0.1:15090/stats/prometheus).

Exit codes: 0 all is in force; 1 something is not, or a proxy is behind; 2 etcd, a proxy or a file could not be read.

Examples:
  graylane status --etcd http://127.0.0.1:2379 --signers signers.yaml
  graylane status --etcd http://127.0.0.1:2379 --envoy http://10.0.0.7:9901 --envoy http://10.0.0.8:9901
  graylane status --etcd http://127.0.0.1:2379 -o json | jq '.etcd.documents[] | select(.state == \"refused\")'
  graylane status --file /etc/envoy/ecds.yaml";

/// Say what etcd holds, what is wrong with it, and what proxies have of it
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// A proxy's admin interface; may be given more than once
    #[arg(long, value_name = "ADMIN-URL")]
    envoy: Vec<String>,
    /// A policy as the configuration of a plugin, as graylane render envoy writes it; may be given more than once
    #[arg(long, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// Who is believed (YAML or JSON); with it, what none of them signed is refused
    #[arg(long, value_name = "FILE")]
    signers: Option<PathBuf>,
    /// The form of what is written to standard output
    #[arg(short, long, value_name = "FORM", default_value = "table")]
    output: Output,
    #[command(flatten)]
    etcd: Etcd,
}

/// What is found, for programs.
#[derive(Debug, Default, Serialize)]
struct Found {
    etcd: Option<Ledger>,
    envoys: Vec<Envoy>,
    files: Vec<Configured>,
}

#[derive(Debug, Serialize)]
struct Envoy {
    url: String,
    /// Why it could not be asked.
    fault: Option<String>,
    watches: Vec<Told>,
}

#[derive(Debug, Serialize)]
struct Told {
    #[serde(flatten)]
    watch: Watch,
    /// `null` without etcd.
    standing: Option<Standing>,
}

#[derive(Debug, Serialize)]
struct Configured {
    file: String,
    version: u64,
    releases: usize,
}

/// Tells how it stands.
pub(crate) fn status(options: &Options) -> Result<Outcome> {
    let Options { envoy, file, signers, etcd, .. } = options;
    if !etcd.is_named() && envoy.is_empty() && file.is_empty() {
        bail!("say what is asked: --etcd URL, --envoy ADMIN-URL or --file FILE");
    }
    input::is_read_once(file.iter().chain(signers).map(PathBuf::as_path))?;
    let keyring = match keyring(signers.as_deref())? {
        Ok(keyring) => keyring,
        Err(outcome) => return Ok(outcome),
    };
    let mut found = Found::default();
    for path in file {
        found.files.push(configured(path)?);
    }
    // Proxies before etcd: what is written between the two makes nobody seem to be ahead of it.
    let asked: Vec<(&String, Result<Proxy>)> = envoy.iter().map(|url| (url, ask(url))).collect();
    if etcd.is_named() {
        let held = block_on(async { Ok(Held::read(&etcd.client().await?, &etcd.prefix).await?) })?;
        found.etcd = Some(Ledger::of(&held, &etcd.prefix, keyring.as_ref())?);
    }
    found.envoys = asked.into_iter().map(|(url, asked)| Envoy::of(url, asked, found.etcd.as_ref())).collect();
    match options.output {
        Output::Table => output::write_coloured(&found.text())?,
        Output::Json => output::write(&format!("{}\n", serde_json::to_string_pretty(&found)?))?,
        Output::Yaml => output::write(&serde_saphyr::to_string(&found).context("what is found as YAML")?)?,
    }
    Ok(found.outcome())
}

/// The policy in the configuration of a plugin.
fn configured(path: &Path) -> Result<Configured> {
    let name = input::name(path);
    let text = input::read(path)?;
    let node = document::parse(&text, Form::of(path)).map_err(|fault| {
        anyhow::anyhow!("{name}:{}:{}: {}", fault.position.line, fault.position.column, fault.message)
    })?;
    let policy = policy(&document::json(&node))
        .with_context(|| format!("{name} holds no policy as graylane render envoy writes it"))?;
    Ok(Configured {
        file: name,
        version: policy.get("version").and_then(Value::as_u64).unwrap_or_default(),
        releases: policy.get("releases").and_then(Value::as_array).map_or(0, Vec::len),
    })
}

/// The policy in a tree: as a value, or in the text of a `StringValue`.
fn policy(value: &Value) -> Option<Value> {
    match value {
        Value::Object(map) => match map.get("policy") {
            Some(policy @ Value::Object(_)) => Some(policy.clone()),
            _ => map.values().find_map(policy),
        },
        Value::Array(list) => list.iter().find_map(policy),
        Value::String(text) if text.trim_start().starts_with('{') => {
            policy(&serde_json::from_str(text).ok()?)
        }
        _ => None,
    }
}

impl Envoy {
    fn of(url: &str, asked: Result<Proxy>, ledger: Option<&Ledger>) -> Self {
        let standing =
            |watch: &Watch| ledger.map(|ledger| watch.standing(ledger.last_written, ledger.revision));
        let told = |watch: Watch| Told { standing: standing(&watch), watch };
        let url = url.to_owned();
        match asked {
            Ok(proxy) => Envoy { url, fault: None, watches: proxy.watches.into_iter().map(told).collect() },
            Err(fault) => Envoy { url, fault: Some(format!("{fault:#}")), watches: Vec::new() },
        }
    }

    fn write(&self, out: &mut String) {
        let _ = match &self.fault {
            Some(fault) => {
                writeln!(out, "\n{BOLD}{}{BOLD:#}: {BAD}not reached{BAD:#}: {}", self.url, shown(fault))
            }
            None if self.watches.is_empty() => {
                writeln!(out, "\n{BOLD}{}{BOLD:#}: {BAD}no watch is in it{BAD:#}", self.url)
            }
            None => writeln!(out, "\n{BOLD}{}{BOLD:#}", self.url),
        };
        for told in &self.watches {
            told.write(out);
        }
    }
}

impl Told {
    fn is_good(&self) -> bool {
        self.watch.faulty == 0
            && !self.watch.is_silent()
            && !self.watch.stale
            && self.standing.is_none_or(|it| it == Standing::Newest)
    }

    fn write(&self, out: &mut String) {
        let Watch { name, revision, releases, faulty, silent_ms, stale, refused } = &self.watch;
        let _ = write!(out, "  {}: revision {revision}", shown(name));
        let _ = match self.standing {
            None => Ok(()),
            Some(Standing::Newest) => write!(out, ", the newest"),
            Some(Standing::Nothing) => write!(out, ", {BAD}etcd was not heard yet{BAD:#}"),
            Some(Standing::Behind) => write!(out, ", {BAD}behind{BAD:#}"),
            Some(Standing::OfAnotherHistory) => {
                write!(
                    out,
                    ", {BAD}which etcd does not have{BAD:#}: it is another one, or an older backup of it"
                )
            }
        };
        let _ = write!(out, "; releases in force: {releases}");
        if *faulty > 0 {
            let _ = write!(out, "; {BAD}documents that are not: {faulty}{BAD:#}");
        }
        if self.watch.is_silent() {
            let _ = write!(out, "; {BAD}etcd not heard for {} s{BAD:#}", silent_ms / 1000);
        }
        if *stale {
            let _ = write!(out, "; {BAD}stale: longer than its settings allow{BAD:#}");
        }
        out.push('\n');
        if !refused.is_empty() {
            let counts: Vec<String> =
                refused.iter().map(|(reason, count)| format!("{} {count}", shown(reason))).collect();
            let _ = writeln!(out, "    refused since it started: {}", counts.join(", "));
        }
    }
}

impl Found {
    fn text(&self) -> String {
        let mut out = self.etcd.as_ref().map(Ledger::text).unwrap_or_default();
        for envoy in &self.envoys {
            envoy.write(&mut out);
        }
        for Configured { file, version, releases } in &self.files {
            let _ = writeln!(out, "\n{BOLD}{}{BOLD:#}: version {version}, releases: {releases}", shown(file));
        }
        out.trim_start_matches('\n').to_owned()
    }

    fn outcome(&self) -> Outcome {
        let is_reached = self.envoys.iter().all(|envoy| envoy.fault.is_none());
        let is_good = self.etcd.as_ref().is_none_or(Ledger::is_good)
            && self
                .envoys
                .iter()
                .all(|envoy| !envoy.watches.is_empty() && envoy.watches.iter().all(Told::is_good));
        match (is_reached, is_good) {
            (false, _) => Outcome::Undone,
            (true, false) => Outcome::Bad,
            (true, true) => Outcome::Good,
        }
    }
}
