//! `graylane`: what people do with a policy outside of Envoy.
//!
//! Exit code 0: done. 1: a policy has mistakes, or a published value differs. 2: the command could not be carried out.

mod args;
mod check;
mod input;
mod judge;
mod render;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command, Render};

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Check { files } => check::check(&files),
        Command::Parity(options) => judge::parity(&options),
        Command::Render(Render::Envoy(options)) => render::envoy(&options),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(fault) => {
            eprintln!("graylane: {fault:#}");
            ExitCode::from(2)
        }
    }
}
