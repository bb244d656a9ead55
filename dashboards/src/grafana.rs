//! A dashboard as Grafana imports it.

use serde_json::{Value, json};

use crate::panels::{Dashboard, Kind, Panel, Query, Variable};

/// What all are found by, and what links among them go by.
const TAG: &str = "graylane";
/// The version of Grafana's schema that is written. Later versions of Grafana migrate it when they load it.
const SCHEMA: u32 = 39;
/// How many columns Grafana's grid has.
const COLUMNS: u32 = 24;

/// The dashboard as JSON.
pub fn dashboard(dashboard: &Dashboard) -> Value {
    let source = json!({
        "name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus",
        "hide": 0, "includeAll": false, "multi": false, "refresh": 1, "regex": "", "options": [],
    });
    let variables: Vec<_> = std::iter::once(source).chain(dashboard.variables.iter().map(variable)).collect();
    json!({
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": [TAG],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": true,
        "graphTooltip": 1,
        "timezone": "browser",
        "time": {"from": "now-1h", "to": "now"},
        "refresh": "30s",
        "annotations": {"list": []},
        "links": [{
            "title": TAG, "type": "dashboards", "tags": [TAG], "asDropdown": false, "includeVars": true, "keepTime": true,
            "targetBlank": false, "icon": "external link", "tooltip": "", "url": "",
        }],
        "templating": {"list": variables},
        "panels": panels(dashboard),
    })
}

fn source() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

fn variable(variable: &Variable) -> Value {
    let Variable { name, label, of, values, several } = variable;
    let query = format!("label_values({of}, {values})");
    json!({
        "name": name, "label": label, "type": "query", "datasource": source(),
        "query": {"query": query, "refId": "labels"},
        // Asked anew whenever the time range changes, in the order of the alphabet.
        "refresh": 2, "sort": 1, "regex": "", "hide": 0, "options": [],
        "multi": several, "includeAll": several, "allValue": ".*",
    })
}

/// All panels, laid out from left to right and from top to bottom.
fn panels(dashboard: &Dashboard) -> Vec<Value> {
    let (mut out, mut id, mut y) = (Vec::new(), 0, 0);
    for row in &dashboard.rows {
        id += 1;
        out.push(json!({
            "id": id, "type": "row", "title": row.row, "collapsed": false, "panels": [],
            "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
        }));
        y += 1;
        let (mut x, mut highest) = (0, 0);
        for one in &row.panels {
            if x + one.width > COLUMNS {
                (x, y, highest) = (0, y + highest, 0);
            }
            id += 1;
            out.push(panel(one, id, &json!({"x": x, "y": y, "w": one.width, "h": one.height})));
            (x, highest) = (x + one.width, highest.max(one.height));
        }
        y += highest;
    }
    out
}

fn panel(panel: &Panel, id: u32, place: &Value) -> Value {
    let Panel { title, says, kind, .. } = panel;
    if *kind == Kind::Text {
        return json!({
            "id": id, "type": "text", "title": title, "gridPos": place,
            "options": {"mode": "markdown", "content": says},
        });
    }
    let targets = panel.queries.iter().zip('A'..).map(|(query, letter)| target(*kind, query, letter));
    json!({
        "id": id, "type": form(*kind), "title": title, "description": says, "gridPos": place, "datasource": source(),
        "fieldConfig": {"defaults": defaults(panel), "overrides": []},
        "options": options(*kind),
        "targets": targets.collect::<Vec<_>>(),
        "transformations": transformations(*kind),
    })
}

/// What Grafana calls it.
fn form(kind: Kind) -> &'static str {
    match kind {
        Kind::Lines => "timeseries",
        Kind::Numbers => "stat",
        Kind::Table => "table",
        Kind::Text => "text",
    }
}

fn options(kind: Kind) -> Value {
    match kind {
        Kind::Lines => json!({
            "legend": {"displayMode": "table", "placement": "bottom", "showLegend": true, "calcs": ["lastNotNull", "max"]},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }),
        Kind::Numbers => json!({
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
            "colorMode": "value", "graphMode": "none", "textMode": "auto", "orientation": "auto", "justifyMode": "auto",
        }),
        Kind::Table => json!({"showHeader": true, "cellHeight": "sm", "frameIndex": 0}),
        Kind::Text => json!({}),
    }
}

/// Of a table: one row for each series, with its labels as columns.
fn transformations(kind: Kind) -> Value {
    if kind != Kind::Table {
        return json!([]);
    }
    json!([{"id": "organize", "options": {"excludeByName": {"Time": true, "__name__": true, "job": true}}}])
}

/// How values are written and drawn.
fn defaults(panel: &Panel) -> Value {
    let steps = match panel.red_from {
        Some(red) => json!([{"color": "green", "value": null}, {"color": "red", "value": red}]),
        None => json!([{"color": "text", "value": null}]),
    };
    let color = if panel.kind == Kind::Lines { "palette-classic" } else { "thresholds" };
    json!({
        "unit": panel.unit.as_deref().unwrap_or("short"),
        "color": {"mode": color},
        "thresholds": {"mode": "absolute", "steps": steps},
        "custom": if panel.kind == Kind::Lines { lines(panel) } else { json!({}) },
    })
}

/// How lines are drawn.
fn lines(panel: &Panel) -> Value {
    let (fill, stacking) = if panel.stacked { (60, "normal") } else { (0, "none") };
    let threshold = if panel.red_from.is_some() { "dashed" } else { "off" };
    json!({
        "drawStyle": "line", "lineWidth": 1, "fillOpacity": fill, "showPoints": "never", "spanNulls": false, "axisSoftMin": 0,
        "stacking": {"group": "A", "mode": stacking}, "thresholdsStyle": {"mode": threshold},
    })
}

fn target(kind: Kind, query: &Query, letter: char) -> Value {
    let is_line = kind == Kind::Lines;
    json!({
        "refId": letter.to_string(), "datasource": source(), "editorMode": "code",
        "expr": query.expr.trim(), "legendFormat": query.legend,
        "range": is_line, "instant": !is_line, "format": if kind == Kind::Table { "table" } else { "time_series" },
    })
}
