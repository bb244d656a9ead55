//! `graylane completion`: what a shell needs to complete the command line.

use anyhow::{Context, Result};
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Arguments;
use crate::{Outcome, output};

const HELP: &str = "\
Exit codes: 0 it is written; 2 it could not be.

Examples:
  graylane completion bash > ~/.local/share/bash-completion/completions/graylane
  graylane completion zsh > \"${fpath[1]}/_graylane\"
  graylane completion fish > ~/.config/fish/completions/graylane.fish";

/// Write what a shell needs to complete this command line
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(crate) fn completion(options: &Options) -> Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Arguments::command(), "graylane", &mut script);
    output::write(std::str::from_utf8(&script).context("a script that is no text")?)?;
    Ok(Outcome::Good)
}
