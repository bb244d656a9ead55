//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use graylane::policy;

/// Check policies and render them for Envoy. A FILE of - is standard input.
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
    /// Write what a proxy reads
    #[command(subcommand)]
    Render(Render),
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
