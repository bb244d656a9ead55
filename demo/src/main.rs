//! graylane on a real Envoy: `demo` tells four stories and checks every claim in them, `run` leaves everything up to
//! try. Envoy, the module and the services behind it are the real ones; only the policy file changes.

mod args;
mod ask;
mod crowd;
mod demo;
mod ending;
mod policy;
mod run;
mod screen;
mod service;
mod show;
mod stage;
mod story;
mod watch;
mod witness;

use std::process::ExitCode;

use clap::Parser;
use graylane_testbed::Result;

use crate::args::{Arguments, Command};

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Demo { fast, ports } => block_on(demo::demo(fast, ports.into())),
        Command::Run { policy, ports } => block_on(run::run(policy, ports.into())),
        Command::Service { name } => block_on(service::serve(&name)).map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    graylane_testbed::block_on(work)
}
