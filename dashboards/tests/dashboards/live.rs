//! Every query of every panel and every rule, asked of a real Prometheus that scrapes real Envoys under load.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use graylane_dashboards::panels::{Dashboard, Kind, Query};
use graylane_dashboards::{DASHBOARDS, read};
use graylane_testbed::{Prometheus, Result, root};
use serde_json::Value;

use crate::{picture, rules};

/// How far back panels look.
const RANGE: f64 = 150.0;
/// Steps short enough for states that last no longer than between two scrapes.
const SHORT: &str = "0.25";
/// Steps that the eye tells apart in a picture.
const VISIBLE: &str = "2";

/// A query of a dashboard for what its reader chooses: the release that [`Stage`](crate::stage::Stage) has for it.
fn filled(dashboard: &Dashboard, query: &str) -> String {
    filled_for(if dashboard.uid == "graylane-experiment" { "button" } else { "shop" }, query)
}

/// A query for this release, and for all of everything else.
pub(crate) fn filled_for(release: &str, query: &str) -> String {
    // In the order in which it is replaced.
    let values = [
        ("$__rate_interval", "5s"),
        ("$__interval", "1s"),
        ("$__range", "5m"),
        // As Grafana fills in a variable of which all is chosen.
        ("=~\"$release\"", "=~\".*\""),
        ("$release", release),
        ("$lane", ".*"),
        ("$instance", ".*"),
    ];
    values.iter().fold(query.trim().to_owned(), |query, (name, value)| query.replace(name, value))
}

/// The values that are numbers, of all series that an answer has.
pub(crate) fn numbers(answer: &Value) -> Vec<f64> {
    let series = answer["result"].as_array().into_iter().flatten();
    let pairs = series.flat_map(|series| match series["values"].as_array() {
        Some(pairs) => pairs.clone(),
        None => vec![series["value"].clone()],
    });
    pairs
        .filter_map(|pair| pair[1].as_str()?.parse::<f64>().ok())
        .filter(|number| number.is_finite())
        .collect()
}

/// The answer to a query as a panel asks it.
async fn answer(prometheus: &Prometheus, kind: Kind, query: &str) -> Result<Value> {
    match kind {
        Kind::Lines => over_time(prometheus, query, SHORT).await,
        _ => prometheus.ask("query", &[("query", query)]).await,
    }
}

async fn over_time(prometheus: &Prometheus, query: &str, step: &str) -> Result<Value> {
    let now = prometheus.ask("query", &[("query", "time()")]).await?;
    let to = now["result"][0].as_f64().unwrap_or_default();
    let (from, to) = ((to - RANGE).to_string(), to.to_string());
    prometheus.ask("query_range", &[("query", query), ("start", &from), ("end", &to), ("step", step)]).await
}

/// Draws every dashboard into a folder.
async fn draw(prometheus: &Prometheus, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    for name in DASHBOARDS {
        let dashboard = read(name)?;
        let mut found = Vec::new();
        for panel in dashboard.rows.iter().flat_map(|row| &row.panels) {
            let mut lines = Vec::new();
            for Query { expr, legend } in &panel.queries {
                let query = filled(&dashboard, expr);
                let answer = match panel.kind {
                    Kind::Lines => over_time(prometheus, &query, VISIBLE).await?,
                    kind => answer(prometheus, kind, &query).await?,
                };
                lines.extend(picture::lines(&answer, legend));
            }
            found.push(lines);
        }
        std::fs::write(folder.join(format!("{name}.svg")), picture::draw(&dashboard, found.into_iter()))?;
    }
    Ok(())
}

/// Where pictures go, and how long each state of the load lasts for them. `GRAYLANE_WRITE_PICTURES=1` makes those of the
/// documents (`make pictures`); else they show what the test was about.
fn pictures() -> (PathBuf, Duration) {
    match std::env::var_os("GRAYLANE_WRITE_PICTURES") {
        Some(_) => (root().join("docs/pictures"), Duration::from_secs(25)),
        None => (root().join("target/pictures"), Duration::ZERO),
    }
}

/// Series that are 0 in this load, and why that is well.
const ZERO: [(&str, &str); 1] = [(
    "watch:graylane_watch_takeover_failed",
    "a plan that cannot be taken over is a fault of the module, which nothing makes here",
)];

/// What is wrong with what a panel finds.
async fn complaint(prometheus: &Prometheus, kind: Kind, query: &str) -> Option<String> {
    match answer(prometheus, kind, query).await {
        Err(error) => Some(format!("{error:#}")),
        Ok(answer) => {
            let numbers = numbers(&answer);
            if numbers.is_empty() {
                Some("finds nothing".to_owned())
            } else if numbers.iter().all(|number| *number == 0.0)
                && !ZERO.iter().any(|(zero, _)| query.contains(zero))
            {
                Some("finds nothing but 0".to_owned())
            } else {
                None
            }
        }
    }
}

/// All panels that are empty, by dashboard, panel and query.
async fn empty_panels(prometheus: &Prometheus) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for name in DASHBOARDS {
        let dashboard = read(name)?;
        for panel in dashboard.rows.iter().flat_map(|row| &row.panels) {
            for Query { expr, .. } in &panel.queries {
                let query = filled(&dashboard, expr);
                if let Some(complaint) = complaint(prometheus, panel.kind, &query).await {
                    complaints.push(format!("{name}, {}: {complaint}: {query}", panel.title));
                }
            }
        }
    }
    Ok(complaints)
}

/// What readers may choose, where there is nothing to choose from.
async fn empty_variables(prometheus: &Prometheus) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for name in DASHBOARDS {
        let dashboard = read(name)?;
        for variable in &dashboard.variables {
            let series = filled(&dashboard, &variable.of);
            let what = format!("label/{}/values", variable.values);
            let values = prometheus.ask(&what, &[("match[]", &series)]).await?;
            if values.as_array().is_none_or(Vec::is_empty) {
                complaints.push(format!("{name}, ${}: no {} of {series}", variable.name, variable.values));
            }
        }
    }
    Ok(complaints)
}

/// Names of graylane's series in a query.
fn series_in(query: &str) -> BTreeSet<&str> {
    let is_part = |char: char| char.is_ascii_alphanumeric() || "_:".contains(char);
    let words = query.split(|char| !is_part(char));
    let is_label = |word: &str| {
        [
            "graylane_release",
            "graylane_lane",
            "graylane_reason",
            "graylane_plugin",
            "graylane_watch",
            "graylane_class",
            "graylane_change",
            "graylane_grpc_status",
        ]
        .contains(&word)
    };
    words.filter(|word| word.contains("graylane") && !word.ends_with('_') && !is_label(word)).collect()
}

/// Rules that Prometheus cannot evaluate, record nothing, or name series that nobody tells.
async fn idle_rules(prometheus: &Prometheus) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    let groups = prometheus.ask("rules", &[]).await?;
    for rule in groups["groups"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|group| group["rules"].as_array().into_iter().flatten())
    {
        if rule["health"] != "ok" {
            complaints.push(format!("rule {} is {}: {}", rule["name"], rule["health"], rule["lastError"]));
        }
    }
    for rule in rules::with("record") {
        let name = rule["record"].as_str().unwrap_or_default();
        if numbers(&answer(prometheus, Kind::Numbers, name).await?).is_empty() {
            complaints.push(format!("{name} is not recorded: {}", rule["expr"]));
        }
    }
    for rule in rules::with("alert") {
        for series in series_in(rule["expr"].as_str().unwrap_or_default()) {
            if numbers(&answer(prometheus, Kind::Numbers, series).await?).is_empty() {
                complaints.push(format!("{} asks for {series}, which nobody tells", rule["alert"]));
            }
        }
    }
    Ok(complaints)
}

mod real_prometheus {
    mod real_etcd {
        use graylane_testbed::{Result, block_on, eventually};

        use crate::live::{draw, empty_panels, empty_variables, idle_rules, pictures};
        use crate::stage::{SOON, Stage};

        #[test]
        fn every_panel_and_every_rule_finds_something_in_what_real_proxies_tell() -> Result<()> {
            block_on(async {
                let mut stage = Stage::start().await?;
                let (folder, pace) = pictures();
                stage.play(pace).await?;
                let mut complaints = Vec::new();
                let all = eventually("every panel to show something", SOON, async || {
                    complaints = idle_rules(&stage.prometheus).await?;
                    complaints.extend(empty_variables(&stage.prometheus).await?);
                    complaints.extend(empty_panels(&stage.prometheus).await?);
                    Ok(complaints.is_empty().then_some(()))
                });
                let all = stage.load_while(all).await;
                assert!(all.is_ok(), "{all:?}\n{}", complaints.join("\n"));
                draw(&stage.prometheus, &folder).await
            })
        }
    }
}
