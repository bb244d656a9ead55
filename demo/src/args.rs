//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// graylane on a real Envoy: the whole story told and checked, or left up to try.
#[derive(Debug, Parser)]
#[command(name = "graylane-demo", version)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Tell four stories (AB test, canary, testers, blue-green) and check every claim; about half a minute
    Demo {
        /// Fewer rounds and switches, the same claims
        #[arg(long)]
        fast: bool,
        /// Where Envoy listens
        #[command(flatten)]
        ports: DemoPorts,
    },
    /// Start Envoy, the module and the services, and leave them up; a policy that you edit is taken when you save it
    Run {
        /// The policy to watch; without it target/run/policy.yaml, begun as a copy of examples/demo/run.yaml
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
        /// Where Envoy listens
        #[command(flatten)]
        ports: RunPorts,
    },
    /// One of the services behind Envoy; ends when its standard input does
    #[command(hide = true)]
    Service {
        /// Its name
        name: String,
    },
}

/// Where Envoy listens in `demo`.
#[derive(Args, Debug)]
pub(crate) struct DemoPorts {
    /// Envoy's port; 0 is a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    /// The port of Envoy's admin interface; 0 is a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    admin_port: u16,
}

/// Where Envoy listens in `run`.
#[derive(Args, Debug)]
pub(crate) struct RunPorts {
    /// Envoy's port; 0 is a free one
    #[arg(long, value_name = "PORT", default_value_t = 10000)]
    port: u16,
    /// The port of Envoy's admin interface; 0 is a free one
    #[arg(long, value_name = "PORT", default_value_t = 9901)]
    admin_port: u16,
}

/// Where Envoy listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    /// For requests.
    pub(crate) listener: u16,
    /// For its admin interface.
    pub(crate) admin: u16,
}

impl From<DemoPorts> for Ports {
    fn from(ports: DemoPorts) -> Self {
        Self { listener: ports.port, admin: ports.admin_port }
    }
}

impl From<RunPorts> for Ports {
    fn from(ports: RunPorts) -> Self {
        Self { listener: ports.port, admin: ports.admin_port }
    }
}
