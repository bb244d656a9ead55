//! `graylane`: what people do with a policy outside of Envoy.
//!
//! Exit code 0: done. 1: a policy or a document is not as it should be, or a published value differs. 2: the command could not be carried out.
//! 3: a part of it is done, and the rest cannot be.

mod args;
mod command;
mod input;
mod output;
mod progress;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use args::{Arguments, Command};
use command::{
    check, completion, explain, fmt, history, import, init, keygen, parity, publish, render, report,
    rollback, schema, sign, simulate, status, sync, verify,
};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// All is well.
    Good,
    /// A policy or a document is not as it should be, or a published value differs.
    Bad,
    /// Some of it could not be carried out. Why has been told.
    Undone,
    /// It is done for a part, and what is left out has been told.
    Part,
}

fn main() -> ExitCode {
    // Tests end it where it hurts: $FAILPOINTS. What people build has no such points.
    let _points = fail::has_failpoints().then(fail::FailScenario::setup);
    let done: Result<Outcome> = match Arguments::parse().command {
        Command::Init(options) => init::init(&options),
        Command::History(options) => history::history(&options),
        Command::Import(from) => import::import(&from),
        Command::Check(options) => check::check(&options),
        Command::Explain(options) => explain::explain(&options),
        Command::Fmt(options) => Ok(fmt::fmt(&options)),
        Command::Keygen(options) => keygen::keygen(&options),
        Command::Parity(options) => parity::parity(&options),
        Command::Publish(options) => publish::publish(&options),
        Command::Rollback(options) => rollback::rollback(&options),
        Command::Report(options) => report::report(&options),
        Command::Schema(options) => schema::schema(&options),
        Command::Sign(options) => sign::sign(&options),
        Command::Verify(options) => verify::verify(&options),
        Command::Render(render) => render::render(&render),
        Command::Simulate(options) => simulate::simulate(&options),
        Command::Status(options) => status::status(&options),
        Command::Sync(sync) => sync::sync(&sync),
        Command::Completion(options) => completion::completion(&options),
    };
    match done {
        Ok(Outcome::Good) => ExitCode::SUCCESS,
        Ok(Outcome::Bad) => ExitCode::from(1),
        Ok(Outcome::Undone) => ExitCode::from(2),
        Ok(Outcome::Part) => ExitCode::from(3),
        Err(fault) => {
            output::tell_fault(&fault);
            ExitCode::from(2)
        }
    }
}
