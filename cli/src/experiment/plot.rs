//! Plots of a report as inline SVG: its colours and letters are those of the page.

use std::fmt::Write;

use super::html::escaped;
use super::statistics::Interval;
use super::summary::{Comparison, Goal};

const WIDTH: f64 = 680.0;
/// What labels stand in, to the left.
const LEFT: f64 = 140.0;
const RIGHT: f64 = 16.0;
/// What the numbers of an axis stand in, below.
const BELOW: f64 = 26.0;
const ABOVE: f64 = 10.0;

/// A range of numbers on a line of points.
struct Scale {
    from: f64,
    to: f64,
    start: f64,
    end: f64,
}

impl Scale {
    /// A range with some air around it.
    fn around(low: f64, high: f64, [start, end]: [f64; 2]) -> Self {
        let air = ((high - low) * 0.06).max(1e-6);
        Scale { from: low - air, to: high + air, start, end }
    }

    fn at(&self, value: f64) -> f64 {
        self.start + (value - self.from) / (self.to - self.from) * (self.end - self.start)
    }

    /// Round numbers in the range, about so many of them, and how many decimals they have.
    fn ticks(&self, about: f64) -> (Vec<f64>, usize) {
        let raw = (self.to - self.from) / about;
        let power = 10_f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|part| part * power).into_iter().find(|step| *step >= raw);
        let step = step.unwrap_or(raw);
        let mut ticks = Vec::new();
        let mut tick = (self.from / step).ceil() * step;
        while tick <= self.to && ticks.len() < 50 {
            // What calculating leaves of zero would be shown as -0.
            ticks.push(if tick.abs() < step / 2.0 { 0.0 } else { tick });
            tick += step;
        }
        let decimals = (0..6_u8).find(|digits| step * 10_f64.powi(i32::from(*digits)) >= 0.999);
        (ticks, usize::from(decimals.unwrap_or(6)))
    }
}

fn begin(height: f64, title: &str, out: &mut String) {
    let title = escaped(title);
    let _ = write!(
        out,
        "<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{title}\"><title>{title}</title>"
    );
}

/// The rate of each group with its interval.
pub(super) fn rates(goal: &Goal, control: &str, out: &mut String) {
    const ROW: f64 = 34.0;
    let low = goal.rates.iter().map(|rate| rate.interval.low * 100.0).fold(f64::INFINITY, f64::min);
    let high = goal.rates.iter().map(|rate| rate.interval.high * 100.0).fold(f64::NEG_INFINITY, f64::max);
    let scale = Scale::around(low, high, [LEFT, WIDTH - RIGHT]);
    let rows = f64::from(u32::try_from(goal.rates.len()).unwrap_or(u32::MAX));
    let bottom = ABOVE + ROW * rows;
    begin(bottom + BELOW, &format!("rate of each group for {}", goal.name), out);
    let (ticks, decimals) = scale.ticks(9.0);
    for tick in ticks {
        let x = scale.at(tick);
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{ABOVE}\" y2=\"{bottom:.1}\"/>"
        );
        let y = bottom + 17.0;
        let _ = write!(
            out,
            "<text class=\"tick\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{tick:.decimals$} %</text>"
        );
    }
    let mut y = ABOVE + ROW / 2.0;
    for rate in &goal.rates {
        let class = if rate.group == control { "control" } else { "other" };
        let [low, at, high] =
            [rate.interval.low, rate.rate, rate.interval.high].map(|part| scale.at(part * 100.0));
        let _ = write!(
            out,
            "<text class=\"label\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <g class=\"{class}\"><line class=\"whisker\" x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <circle cx=\"{at:.1}\" cy=\"{y:.1}\" r=\"5\"/></g>",
            LEFT - 14.0,
            y + 4.5,
            escaped(&cut(&rate.group)),
        );
        y += ROW;
    }
    out.push_str("</svg>");
}

/// How the difference of a group from the control came about, with what could be known of it at each time.
pub(super) fn series(comparison: &Comparison, number: usize, out: &mut String) {
    const HEIGHT: f64 = 240.0;
    let points: Vec<(f64, &super::summary::Point)> =
        (0..).map(|index: u32| f64::from(index)).zip(&comparison.series).collect();
    let (Some((_, first)), Some((end, last))) = (points.first(), points.last()) else { return };
    let [low, high] = extent(comparison);
    let y = Scale::around(low, high, [ABOVE + HEIGHT, ABOVE]);
    let x = Scale { from: 0.0, to: end.max(1.0), start: LEFT, end: WIDTH - RIGHT };
    begin(
        ABOVE + HEIGHT + BELOW,
        &format!("difference of {} from the control over time", comparison.group),
        out,
    );
    let (ticks, decimals) = y.ticks(7.0);
    for tick in ticks {
        let at = y.at(tick);
        let class = if tick == 0.0 { "zero" } else { "grid" };
        let (start, end, label) = (x.start, x.end, LEFT - 10.0);
        let _ = write!(
            out,
            "<line class=\"{class}\" x1=\"{start}\" x2=\"{end}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>"
        );
        let value = if tick == 0.0 { "0".to_owned() } else { format!("{tick:+.decimals$}") };
        let below = at + 4.0;
        let _ = write!(
            out,
            "<text class=\"tick\" x=\"{label}\" y=\"{below:.1}\" text-anchor=\"end\">{value} pp</text>"
        );
    }
    let (width, start) = (x.end - x.start, x.start);
    let _ = write!(
        out,
        "<clipPath id=\"clip{number}\"><rect x=\"{start}\" y=\"{ABOVE}\" width=\"{width}\" height=\"{HEIGHT}\"/></clipPath>\
         <g clip-path=\"url(#clip{number})\">"
    );
    let place = |index: f64, value: f64| format!("{:.1},{:.1}", x.at(index), y.at(value * 100.0));
    let known = || points.iter().filter_map(|(index, point)| Some((*index, point.interval?)));
    let upper = known().map(|(index, interval)| place(index, interval.high));
    let lower: Vec<String> = known().map(|(index, interval)| place(index, interval.low)).collect();
    let band: Vec<String> = upper.chain(lower.into_iter().rev()).collect();
    let line: Vec<String> = points.iter().map(|(index, point)| place(*index, point.difference)).collect();
    let _ = write!(out, "<polygon class=\"band\" points=\"{}\"/>", band.join(" "));
    let _ = write!(out, "<polyline class=\"line\" points=\"{}\"/></g>", line.join(" "));
    let below = ABOVE + HEIGHT + 18.0;
    for (at, anchor, point) in [(x.start, "start", first), (x.end, "end", last)] {
        let when = escaped(&point.at.replace('T', " ").replace('Z', " UTC"));
        let _ = write!(
            out,
            "<text class=\"tick\" x=\"{at}\" y=\"{below}\" text-anchor=\"{anchor}\">{when}</text>"
        );
    }
    out.push_str("</svg>");
}

/// What of the differences is shown, in points: intervals were wide when there were few users, and would leave no room.
fn extent(comparison: &Comparison) -> [f64; 2] {
    let ends = |interval: Interval| [interval.low, interval.high];
    let last = comparison.series.last().and_then(|point| point.interval).unwrap_or(comparison.interval);
    let half = (last.high - last.low) / 2.0;
    let bound =
        |value: f64| value.clamp(comparison.difference - 4.0 * half, comparison.difference + 4.0 * half);
    let intervals = comparison.series.iter().filter_map(|point| point.interval).flat_map(ends);
    let all = intervals.chain(ends(last)).map(bound).chain([0.0]);
    let (low, high) = all.fold((0.0, 0.0), |(low, high), value: f64| (value.min(low), value.max(high)));
    [low * 100.0, high * 100.0]
}

/// A name that is not too long for its place.
fn cut(name: &str) -> String {
    const SHOWN: usize = 13;
    match name.char_indices().nth(SHOWN).and_then(|(end, _)| name.get(..end)) {
        Some(start) => format!("{start}…"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers_of_the_range() {
        for (from, to, ticks, decimals) in [
            (0.0, 10.0, vec![0.0, 2.0, 4.0, 6.0, 8.0, 10.0], 0),
            (-0.31, 0.42, vec![-0.2, 0.0, 0.2, 0.4], 1),
            (9.93, 11.07, vec![10.0, 10.5, 11.0], 1),
        ] {
            let (own, digits) = Scale { from, to, start: 0.0, end: 1.0 }.ticks(5.0);
            assert_eq!(digits, decimals, "{from} to {to}");
            assert!(
                own.len() == ticks.len()
                    && own.iter().zip(&ticks).all(|(own, tick)| (own - tick).abs() < 1e-9),
                "{own:?}"
            );
        }
    }
}
