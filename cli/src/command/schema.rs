//! `graylane schema`: the policy language, for editors and for people.

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
  graylane schema --markdown > docs/policy.md";

/// Write the JSON Schema of a policy, for editors and other validators
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// The schema of a plugin's whole configuration, which holds a policy
    #[arg(long)]
    plugin: bool,
    /// The reference of the policy language, in Markdown
    #[arg(long, conflicts_with = "plugin")]
    markdown: bool,
}

pub(crate) fn schema(options: &Options) -> Result<Outcome> {
    let text = if options.markdown {
        reference::markdown()
    } else {
        let schema = if options.plugin { schema::plugin() } else { schema::policy() };
        format!("{}\n", serde_json::to_string_pretty(&schema)?)
    };
    output::write(&text)?;
    Ok(Outcome::Good)
}
