//! Dashboards and rules: they are what they are written from, every alert fires when it should, and every query of a panel finds
//! something in a real Prometheus that scrapes real Envoys.
#![cfg(test)]

mod clusters;
mod live;
mod picture;
mod rules;
mod stage;

use std::collections::BTreeSet;

use graylane_dashboards::panels::{Kind, Panel};
use graylane_dashboards::{DASHBOARDS, files, read};

#[test]
fn the_files_say_what_they_are_written_from() {
    for (path, text) in files().unwrap() {
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == text, "{} is not what is written today: make dashboards", path.display());
    }
}

/// Panels that a reader understands, and links that stay good.
#[test]
fn every_panel_says_what_it_means_and_has_a_name_and_a_place_of_its_own() {
    let mut uids = BTreeSet::new();
    for name in DASHBOARDS {
        let dashboard = read(name).unwrap();
        assert_eq!(dashboard.uid, format!("graylane-{name}"), "links go by it");
        assert!(uids.insert(dashboard.uid));
        let mut titles = BTreeSet::new();
        for row in &dashboard.rows {
            for panel in &row.panels {
                let Panel { title, says, kind, queries, width, .. } = panel;
                assert!(titles.insert(title), "{name} has two panels {title}");
                assert!(says.trim().ends_with(['.', '`']), "{name}, {title}: {says}");
                assert_eq!(queries.is_empty(), *kind == Kind::Text, "{name}, {title}: what it asks");
                assert!(*width <= 24, "{name}, {title}: {width} of 24 columns");
            }
        }
    }
}
