//! A dashboard as `panels/` writes it.

use serde::Deserialize;

/// A dashboard.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dashboard {
    /// What links name it by. It never changes.
    pub uid: String,
    /// Its title.
    pub title: String,
    /// What it answers, in a sentence.
    pub description: String,
    /// What its reader chooses.
    pub variables: Vec<Variable>,
    /// What it shows, row by row.
    pub rows: Vec<Row>,
}

/// Something that the reader chooses; queries name it as `$name`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What the reader sees.
    pub label: String,
    /// Which series have it.
    pub of: String,
    /// Which label of them.
    pub values: String,
    /// Whether several can be chosen, and all.
    #[serde(default)]
    pub several: bool,
}

/// Panels under a heading.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The heading.
    pub row: String,
    /// What stands under it.
    pub panels: Vec<Panel>,
}

/// One panel.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    /// Its title.
    pub title: String,
    /// How it shows what it shows.
    #[serde(default)]
    pub kind: Kind,
    /// What it means, and what to make of it. For a text it is what it says, as Markdown.
    pub says: String,
    /// In what its values are, by Grafana's names.
    #[serde(default)]
    pub unit: Option<String>,
    /// How many of 24 columns it takes.
    #[serde(default = "half")]
    pub width: u32,
    /// How many lines of the grid it takes.
    #[serde(default = "eight")]
    pub height: u32,
    /// Whether lines are areas on top of each other.
    #[serde(default)]
    pub stacked: bool,
    /// From which value on it is red; what is good is below.
    #[serde(default)]
    pub red_from: Option<f64>,
    /// What it asks.
    #[serde(default)]
    pub queries: Vec<Query>,
}

/// How a panel shows what it shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Lines over time.
    #[default]
    Lines,
    /// The last values as numbers.
    Numbers,
    /// The last values as rows of a table, with the labels as columns.
    Table,
    /// Words.
    Text,
}

/// One question to Prometheus.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// The question, in `PromQL`.
    pub expr: String,
    /// What a line is called, with `{{label}}` for what differs.
    #[serde(default)]
    pub legend: String,
}

const fn half() -> u32 {
    12
}

const fn eight() -> u32 {
    8
}
