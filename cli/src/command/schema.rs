//! `graylane schema`: the files that people write, for editors and for the people themselves.

use anyhow::Result;
use clap::Args;
use graylane_cli::{reference, schema};

use crate::{Outcome, output};

const HELP: &str = "\
An editor with a YAML language server checks and completes a policy whose first line is
  # yaml-language-server: $schema=policy.schema.json

The schema refuses every mistake of form (an unknown key or word, a wrong type, a required key that is absent) and
accepts every good policy; what names refer to and what numbers add up to is for `graylane check` to say.

Exit codes: 0 it is written; 2 it could not be.

Examples:
  graylane schema > policy.schema.json
  graylane schema --plugin > plugin.schema.json
  graylane schema --facts > facts.schema.json
  graylane schema --markdown > policy.md";

/// Write the JSON Schema of a policy, for editors and other validators
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// The schema of a plugin's whole configuration, which holds a policy
    #[arg(long)]
    plugin: bool,
    /// The schema of the facts that `render istio`, `gateway-api` and `kubernetes` read
    #[arg(long, conflicts_with = "plugin")]
    facts: bool,
    /// The reference of the policy language, or of facts, in Markdown
    #[arg(long, conflicts_with = "plugin")]
    markdown: bool,
}

pub(crate) fn schema(options: &Options) -> Result<Outcome> {
    let schema = match options {
        Options { markdown: true, facts: true, .. } => return written(&reference::facts()),
        Options { markdown: true, .. } => return written(&reference::policy()),
        Options { facts: true, .. } => schema::facts(),
        Options { plugin: true, .. } => schema::plugin(),
        Options { .. } => schema::policy(),
    };
    written(&format!("{}\n", serde_json::to_string_pretty(&schema)?))
}

fn written(text: &str) -> Result<Outcome> {
    output::write(text)?;
    Ok(Outcome::Good)
}
