//! Rounds -> a table, and whether the claim holds.

use std::fmt;
use std::time::Duration;

use crate::variant::{Answer, NOOP, Variant};

/// What the claim allows: CPU per request with graylane, over that with the filter that does nothing.
const ALLOWED: f64 = 1.35;
/// The same for requests that do more than to be sent to a lane: an AB test tells the client its group, a newcomer needs
/// an id drawn, several releases decide, or every request is to another of 10,000 services, which no cache holds.
const ALLOWED_FOR_MORE: f64 = 1.55;
const MORE: [&str; 4] = ["ab", "newcomer", "several", "all of 10,000"];

fn allowed(variant: Variant) -> f64 {
    if MORE.contains(&variant.name) { ALLOWED_FOR_MORE } else { ALLOWED }
}

/// The figures of one variant, microseconds of CPU per request.
#[derive(Debug)]
struct Line {
    variant: Variant,
    minimum: f64,
    median: f64,
    /// Half of the rounds lie within this of the median.
    spread: f64,
    /// The median over that of the no-op filter.
    ratio: Option<f64>,
}

/// The figures of all variants.
#[derive(Debug)]
pub(crate) struct Report {
    lines: Vec<Line>,
}

impl Report {
    /// From rounds, each with the time of every variant.
    pub(crate) fn of(variants: &[Variant], rounds: &[Vec<Duration>]) -> Self {
        let figures = |index: usize| {
            let times = rounds.iter().filter_map(|round| round.get(index));
            sorted(times.map(|time| time.as_secs_f64() * 1e6))
        };
        let mut lines: Vec<Line> = variants
            .iter()
            .enumerate()
            .map(|(index, variant)| {
                let times = figures(index);
                let median = middle(&times);
                let spread = middle(&sorted(times.iter().map(|time| (time - median).abs())));
                let minimum = times.first().copied().unwrap_or_default();
                Line { variant: *variant, minimum, median, spread, ratio: None }
            })
            .collect();
        for answer in [Answer::Direct, Answer::Upstream] {
            let of_answer = |line: &&mut Line| line.variant.answer == answer;
            let noop = lines.iter_mut().filter(of_answer).find(|line| line.variant.name == NOOP);
            if let Some(noop) = noop.map(|line| line.median) {
                lines.iter_mut().filter(of_answer).for_each(|line| line.ratio = Some(line.median / noop));
            }
        }
        Self { lines }
    }

    /// What the claim does not hold for: where Envoy answers by itself, since a service behind it only makes the
    /// filter's part smaller.
    pub(crate) fn beyond(&self) -> Vec<String> {
        let strict = self.lines.iter().filter(|line| line.variant.answer == Answer::Direct);
        let beyond = strict.filter(|line| line.ratio.is_some_and(|ratio| ratio > allowed(line.variant)));
        beyond.map(|line| format!("{} ({:.2})", line.variant.name, line.ratio.unwrap_or_default())).collect()
    }

    /// How many variants the claim was held against.
    pub(crate) fn judged(&self) -> usize {
        let judged = |line: &&Line| line.variant.answer == Answer::Direct && line.ratio.is_some();
        self.lines.iter().filter(judged).count()
    }

    /// The claim, in words.
    pub(crate) fn claim() -> String {
        let more = MORE.join(", ");
        format!(
            "a request with graylane costs Envoy at most {ALLOWED} times one with the no-op filter; \
             at most {ALLOWED_FOR_MORE} times for {more}"
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut answer = None;
        for line in &self.lines {
            let Line { variant, minimum, median, spread, ratio } = line;
            if answer.replace(variant.answer) != Some(variant.answer) {
                let title = match variant.answer {
                    Answer::Direct => "Envoy answers",
                    Answer::Upstream => "a service answers",
                };
                writeln!(
                    out,
                    "\n{title:<20} {:>8} {:>8} {:>7} {:>11}",
                    "median", "minimum", "spread", "x no-op"
                )?;
            }
            write!(out, "  {:<18} {median:>8.1} {minimum:>8.1} {spread:>7.1}", variant.name)?;
            match ratio {
                Some(ratio) => writeln!(out, " {ratio:>11.2}")?,
                None => writeln!(out)?,
            }
        }
        Ok(())
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn middle(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variant::VARIANTS;

    #[test]
    fn the_claim_is_held_against_the_medians() {
        let variants: Vec<_> = VARIANTS.iter().take(4).copied().collect();
        let micros = |list: [u64; 4]| list.map(Duration::from_micros).to_vec();
        let rounds = [micros([20, 40, 40, 64]), micros([20, 41, 41, 65]), micros([20, 10, 900, 66])];
        let report = Report::of(&variants, &rounds);
        assert_eq!(report.beyond(), ["ab (1.62)"]);
        let lines: Vec<_> =
            report.lines.iter().map(|line| (line.minimum, line.median, line.spread)).collect();
        assert_eq!(lines, [(20.0, 20.0, 0.0), (10.0, 40.0, 1.0), (40.0, 41.0, 1.0), (64.0, 65.0, 1.0)]);
    }
}
