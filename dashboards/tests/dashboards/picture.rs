//! Dashboards drawn as SVG, from what a Prometheus answers: lines and numbers, in the places that they have in Grafana.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use graylane_dashboards::panels::{Dashboard, Kind, Panel};
use serde_json::Value;

/// How wide one of 24 columns is, and how high a line of the grid, in pixels.
const COLUMN: f64 = 50.0;
const LINE: f64 = 30.0;
/// What a panel needs beside its lines: left of them, above, and below for the legend.
const LEFT: f64 = 60.0;
const ABOVE: f64 = 34.0;
const BELOW: f64 = 40.0;
/// After how many seconds without a value a line ends.
const GAP: f64 = 5.0;
const COLOURS: [&str; 8] =
    ["#3274d9", "#e0752d", "#56a64b", "#a352cc", "#e02f44", "#0f9d92", "#b7912b", "#6b7280"];

/// A line: what it is called, and its values over time.
pub(crate) struct Line {
    name: String,
    points: Vec<(f64, f64)>,
}

/// The lines in an answer to a query, named as the panel names them; a number is a line of one point.
pub(crate) fn lines(answer: &Value, legend: &str) -> Vec<Line> {
    let series = answer["result"].as_array().into_iter().flatten();
    let point = |pair: &Value| Some((pair[0].as_f64()?, pair[1].as_str()?.parse().ok()?));
    let line = |series: &Value| {
        let labels = series["metric"].as_object().into_iter().flatten();
        let name = labels.fold(legend.to_owned(), |name, (label, value)| {
            name.replace(&format!("{{{{{label}}}}}"), value.as_str().unwrap_or_default())
        });
        let pairs = series["values"].as_array().cloned().unwrap_or_else(|| vec![series["value"].clone()]);
        let points = pairs.iter().filter_map(point).filter(|(_, value): &(f64, f64)| value.is_finite());
        Line { name, points: points.collect() }
    };
    series.map(line).collect()
}

/// The dashboard, from what each of its panels has found, in their order.
pub(crate) fn draw(dashboard: &Dashboard, mut found: impl Iterator<Item = Vec<Line>>) -> String {
    let (mut body, mut y) = (String::new(), 0.0);
    for row in &dashboard.rows {
        text(&mut body, (4.0, y + 20.0), "font-weight='bold' font-size='15'", &row.row);
        y += LINE;
        let (mut column, mut highest) = (0, 0);
        for panel in &row.panels {
            if column + panel.width > 24 {
                y += f64::from(highest) * LINE;
                (column, highest) = (0, 0);
            }
            let size = (f64::from(panel.width) * COLUMN, f64::from(panel.height) * LINE);
            writeln!(body, "<g transform='translate({:.0} {y:.0})'>", f64::from(column) * COLUMN).unwrap();
            draw_panel(&mut body, panel, &found.next().unwrap_or_default(), size);
            body.push_str("</g>\n");
            (column, highest) = (column + panel.width, highest.max(panel.height));
        }
        y += f64::from(highest) * LINE;
    }
    let width = 24.0 * COLUMN;
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width:.0} {y:.0}' font-family='sans-serif' font-size='11' fill='#24292f'>\n\
         <rect width='100%' height='100%' fill='white'/>\n{body}</svg>\n"
    )
}

fn draw_panel(body: &mut String, panel: &Panel, found: &[Line], (width, height): (f64, f64)) {
    let (w, h) = (width - 6.0, height - 6.0);
    writeln!(body, "<rect x='3' y='3' width='{w:.0}' height='{h:.0}' fill='none' stroke='#d0d7de'/>")
        .unwrap();
    text(body, (12.0, 20.0), "font-size='12.5'", &panel.title);
    match panel.kind {
        Kind::Lines => draw_lines(body, panel, found, (width, height)),
        Kind::Numbers => draw_numbers(body, panel, found),
        Kind::Table => text(body, (12.0, 50.0), "fill='#57606a'", "a table, not drawn here"),
        Kind::Text => text(body, (12.0, 50.0), "fill='#57606a'", "words, not written here"),
    }
}

fn draw_numbers(body: &mut String, panel: &Panel, found: &[Line]) {
    let mut y = 50.0;
    for (line, (_, value)) in found.iter().filter_map(|line| Some((line, line.points.last()?))) {
        let value = written(*value, panel.unit.as_deref());
        text(body, (12.0, y), "font-size='22'", &value);
        #[expect(clippy::cast_precision_loss, reason = "a number is short")]
        let beside = 24.0 + 13.0 * value.chars().count() as f64;
        text(body, (beside, y), "fill='#57606a'", &line.name);
        y += 30.0;
    }
}

fn draw_lines(body: &mut String, panel: &Panel, found: &[Line], (width, height): (f64, f64)) {
    let lines =
        if panel.stacked { stacked(found) } else { found.iter().map(|line| line.points.clone()).collect() };
    let points = || lines.iter().flatten();
    let times = points().map(|(time, _)| *time);
    let (from, to) = (times.clone().fold(f64::INFINITY, f64::min), times.fold(f64::NEG_INFINITY, f64::max));
    let values = points().map(|(_, value)| *value);
    let (low, high) = (values.clone().fold(0.0, f64::min), values.fold(0.0, f64::max));
    let high = if high > low { high } else { low + 1.0 };
    let (right, bottom) = (width - 14.0, height - BELOW);
    let x = |time: f64| LEFT + (time - from) / (to - from).max(1.0) * (right - LEFT);
    let y = |value: f64| bottom - (value - low) / (high - low) * (bottom - ABOVE);
    for part in 0..=3 {
        let value = low + (high - low) * f64::from(part) / 3.0;
        let at = y(value);
        writeln!(body, "<path d='M{LEFT} {at:.1}H{right:.1}' stroke='#eaeef2'/>").unwrap();
        text(
            body,
            (LEFT - 5.0, at + 4.0),
            "text-anchor='end' fill='#57606a'",
            &written(value, panel.unit.as_deref()),
        );
    }
    text(body, (LEFT, bottom + 14.0), "fill='#57606a'", "0 s");
    text(body, (right, bottom + 14.0), "text-anchor='end' fill='#57606a'", &format!("{:.0} s", to - from));
    // Of areas the highest first, so that none hides another.
    for (number, line) in lines.iter().enumerate().rev() {
        let colour = COLOURS[number % COLOURS.len()];
        let mut path = String::new();
        let mut before = f64::NEG_INFINITY;
        for (time, value) in line {
            // What was not there for a while is no line.
            let step = if time - before > GAP { 'M' } else { 'L' };
            write!(path, "{step}{:.1} {:.1}", x(*time), y(*value)).unwrap();
            before = *time;
        }
        let fill = if panel.stacked
            && let (Some(first), Some(last)) = (line.first(), line.last())
        {
            write!(path, "L{:.1} {bottom:.1}L{:.1} {bottom:.1}Z", x(last.0), x(first.0)).unwrap();
            colour
        } else {
            "none"
        };
        writeln!(
            body,
            "<path d='{path}' fill='{fill}' fill-opacity='0.85' stroke='{colour}' stroke-width='1.5'/>"
        )
        .unwrap();
    }
    draw_legend(body, found, (width, height));
}

fn draw_legend(body: &mut String, found: &[Line], (width, height): (f64, f64)) {
    let mut at = 14.0;
    for (number, line) in found.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        // About what a character takes.
        #[expect(clippy::cast_precision_loss, reason = "a name is short")]
        let needs = 24.0 + 5.8 * line.name.len() as f64;
        let room = if number + 1 < found.len() { 80.0 } else { 10.0 };
        if at + needs > width - room {
            text(body, (at, height - 12.0), "", &format!("and {} more", found.len() - number));
            return;
        }
        writeln!(body, "<rect x='{at:.1}' y='{:.1}' width='9' height='9' fill='{colour}'/>", height - 20.0)
            .unwrap();
        text(body, (at + 13.0, height - 12.0), "", &line.name);
        at += needs;
    }
}

/// Each line on top of those before it, at all times of which one of them knows.
fn stacked(found: &[Line]) -> Vec<Vec<(f64, f64)>> {
    let times = found.iter().flat_map(|line| &line.points).map(|(time, _)| (time.to_bits(), 0.0));
    let mut sums: BTreeMap<u64, f64> = times.collect();
    let mut on_top = |line: &Line| {
        for (time, value) in &line.points {
            *sums.entry(time.to_bits()).or_default() += value;
        }
        sums.iter().map(|(time, sum)| (f64::from_bits(*time), *sum)).collect()
    };
    found.iter().map(&mut on_top).collect()
}

/// A value in its unit, as Grafana would shorten it.
fn written(value: f64, unit: Option<&str>) -> String {
    match unit {
        Some("µs") => format!("{:.1} ms", value / 1000.0),
        Some("ms") => format!("{:.1} s", value / 1000.0),
        Some("percentunit") => format!("{:.0} %", value * 100.0),
        Some("reqps") => format!("{value:.0}/s"),
        Some("s") => format!("{value:.0} s"),
        Some("bytes") => format!("{:.0} MiB", value / f64::from(1 << 20)),
        _ if value.abs() >= 10.0 || (value - value.round()).abs() < 0.05 => format!("{value:.0}"),
        _ => format!("{value:.1}"),
    }
}

fn text(body: &mut String, (x, y): (f64, f64), style: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    writeln!(body, "<text x='{x:.1}' y='{y:.1}' {style}>{text}</text>").unwrap();
}
