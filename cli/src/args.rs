//! The command line. A command's own options stand beside it, in `command`.

use clap::{Parser, Subcommand};

use crate::command::{
    check, completion, explain, fmt, history, import, init, keygen, parity, publish, render, report,
    rollback, schema, sign, simulate, status, sync, verify,
};

/// What every command's help ends with.
const EXIT_CODES: &str = "Exit codes: 0 done; 1 a policy or a document is not as it should be, or a published value differs; 2 the command could not be carried out; 3 a part of it is done, and the rest cannot be.";

/// Start a policy, check it, explain what it does to a request, simulate what it does to users, format it, render it for Envoy, sign
/// the documents that it is made of, publish them in etcd, keep that as a folder or ZooKeeper says, and hold its hashing against that
/// of others. A FILE of - is standard input.
#[derive(Debug, Parser)]
#[command(name = "graylane", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    History(history::Options),
    Init(init::Options),
    /// Make a policy of what another system is told of a gray release
    #[command(subcommand)]
    Import(import::Import),
    Check(check::Options),
    Explain(explain::Options),
    Fmt(fmt::Options),
    Keygen(keygen::Options),
    Parity(parity::Options),
    Publish(publish::Options),
    Rollback(rollback::Options),
    Schema(schema::Options),
    Sign(sign::Options),
    /// Write what a proxy reads
    #[command(subcommand)]
    Render(render::Render),
    Report(report::Options),
    Simulate(simulate::Options),
    Status(status::Options),
    /// Keep what proxies read as a folder or a ZooKeeper says
    #[command(subcommand)]
    Sync(sync::Sync),
    Verify(verify::Options),
    Completion(completion::Options),
}
