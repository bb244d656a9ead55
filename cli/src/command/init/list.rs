//! What a policy can be for, in the forms that people and programs read.

use std::path::Path;

use anyhow::{Context, Result, bail};
use graylane::time::Timestamp;
use graylane_cli::init::{Draft, Intent, Knob};
use serde::Serialize;

#[derive(Serialize)]
struct Row {
    intent: &'static str,
    what: &'static str,
    example: String,
    values: Vec<Value>,
}

#[derive(Serialize)]
struct Value {
    name: &'static str,
    what: &'static str,
    default: Vec<String>,
}

/// The list in this form.
pub(super) fn text(form: Option<&Path>, today: Timestamp) -> Result<String> {
    let form = form.map_or(Some("table"), Path::to_str);
    Ok(match form {
        Some("table") => table(),
        Some("json") => format!("{}\n", serde_json::to_string_pretty(&rows(today))?),
        Some("yaml") => serde_saphyr::to_string(&rows(today)).context("the list as YAML")?,
        _ => bail!("with --list, -o is table, json or yaml"),
    })
}

/// A line for each.
pub(super) fn table() -> String {
    let widest = Intent::ALL.iter().map(|intent| intent.name.len()).max().unwrap_or_default();
    let row = |Intent { name, .. }: &Intent, what| format!("{name:widest$}  {what}\n");
    let rows = Intent::ALL.iter().map(|intent| row(intent, intent.what()));
    rows.collect()
}

fn rows(today: Timestamp) -> Vec<Row> {
    let row = |intent: &'static Intent| {
        let draft = Draft::new(intent, today);
        let value = |Knob { flag, .. }: &Knob| Value {
            name: flag.name(),
            what: flag.help(),
            default: draft.values(*flag),
        };
        Row {
            intent: intent.name,
            what: intent.what(),
            example: format!("examples/{}.yaml", intent.name),
            values: intent.knobs.iter().map(value).collect(),
        }
    };
    Intent::ALL.iter().map(row).collect()
}
