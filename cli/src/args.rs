//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use graylane::policy;

/// Check policies, render them for Envoy, and hold their hashing against that of others. A FILE of - is
/// standard input.
#[derive(Debug, Parser)]
#[command(name = "graylane", version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say everything that is wrong with policies (YAML or JSON); exit code 1 if anything is
    Check {
        /// The policies
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Hold published bucketing values of other systems against the engine; exit code 1 if any differs
    ///
    /// A FILE is a JSON array of rows. A row names its `system` (unleash, optimizely, flagd, split, vwo,
    /// featurehub, growthbook, eppo, launchdarkly, statsig, flagsmith, planout, go-feature-flag, devcycle,
    /// amplitude, envoy, nginx, or a hash function) and its `kind` (hash, bucket, rollout, variant, …), has
    /// the inputs of that step, and the published answer under `expected`. Rows that cannot be evaluated are
    /// counted apart, each with the reason, and fail nothing.
    Parity(ParityOptions),
    /// Write what a proxy reads
    #[command(subcommand)]
    Render(Render),
}

/// What is held against the engine.
#[derive(Args, Debug)]
pub(crate) struct ParityOptions {
    /// The published values
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The form of what is written to standard output
    #[arg(short, long, value_name = "FORM", default_value = "table")]
    pub(crate) output: Output,
}

/// The form of a result.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Table,
    /// For programs
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Render {
    /// The filter and its policy as a file for Envoy's extension config discovery
    Envoy(EnvoyOptions),
}

/// How a policy is rendered for Envoy.
#[derive(Args, Debug)]
pub(crate) struct EnvoyOptions {
    /// The policy (YAML or JSON)
    #[arg(value_name = "FILE")]
    pub(crate) policy: PathBuf,
    /// Whom the listener believes: clients are outside (edge), or the hop before is one of ours (mesh)
    #[arg(long)]
    pub(crate) trust: Trust,
    /// The module, as Envoy finds it
    #[arg(long, value_name = "PATH", default_value = "target/graylane.wasm")]
    pub(crate) module: String,
    /// The name of the plugin; each plugin of a process needs one of its own
    #[arg(long, default_value = "graylane")]
    pub(crate) name: String,
    /// Leave each decision for the access log
    #[arg(long)]
    pub(crate) access_log: bool,
    /// Write to this file by one rename, which Envoy takes for a change; without it to standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
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
