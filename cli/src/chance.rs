//! Whether counts differ from what is expected by more than chance: Pearson's chi-square.

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::words::{counted, grouped};

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const OPEN: Style = AnsiColor::Yellow.on_default();

/// Below this p-value a difference is taken for more than chance. `GrowthBook` and several libraries use the same; 0.01 would
/// raise a false alarm in every hundredth run.
pub const THRESHOLD: f64 = 0.001;
/// How many users every cell has to expect before anything is said. `GrowthBook` asks for as many.
pub const LEAST: f64 = 8.0;

/// A statistic and how likely it is by chance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChiSquare {
    /// The sum of `(observed - expected)^2 / expected` over all cells.
    pub statistic: f64,
    /// How many of the cells are free.
    pub degrees_of_freedom: u32,
    /// The probability of at least this statistic by chance alone.
    pub p: f64,
}

impl ChiSquare {
    fn new(statistic: f64, degrees_of_freedom: u32) -> Self {
        let distribution = ChiSquared::new(f64::from(degrees_of_freedom));
        let p = distribution.map_or(1.0, |chi| if statistic.is_finite() { chi.sf(statistic) } else { 0.0 });
        ChiSquare { statistic, degrees_of_freedom, p }
    }
}

/// What counts say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// They may well be chance; of two splits, that they are independent.
    AsExpected,
    /// They are hardly chance: p < 0.001.
    NotAsExpected,
    /// They are too small to say anything.
    TooFew,
    /// Nobody said what to expect.
    Unknown,
}

/// What counts say, and why.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Judgement {
    /// What they say.
    pub verdict: Verdict,
    /// The test; none where there is nothing to test, or too little.
    pub chi_square: Option<ChiSquare>,
    /// How many users have to be split before anything can be said; only where they are too few.
    pub needed: Option<u64>,
}

impl Judgement {
    /// Nobody said what to expect.
    pub const UNKNOWN: Judgement = Judgement::without_test(Verdict::Unknown);

    const fn without_test(verdict: Verdict) -> Self {
        Judgement { verdict, chi_square: None, needed: None }
    }

    fn too_few(least_share: f64) -> Self {
        let needed = (least_share > 0.0).then(|| whole((LEAST / least_share).ceil()));
        Judgement { needed, ..Judgement::without_test(Verdict::TooFew) }
    }

    fn tested(test: ChiSquare) -> Self {
        let verdict = if test.p < THRESHOLD { Verdict::NotAsExpected } else { Verdict::AsExpected };
        Judgement { chi_square: Some(test), ..Judgement::without_test(verdict) }
    }

    /// A judgement in a line, by these words for what is and what is not as it should be.
    pub(crate) fn told(&self, [good, bad]: [&str; 2]) -> Option<String> {
        let test = self.chi_square.map_or_else(String::new, |test| {
            let free = counted(u64::from(test.degrees_of_freedom), "degree");
            format!(": chi-square {:.2}, {free} of freedom, p = {}", test.statistic, probability(test.p))
        });
        match self.verdict {
            Verdict::AsExpected => Some(format!("{GOOD}{good}{GOOD:#}{test}")),
            Verdict::NotAsExpected => Some(format!("{BAD}{bad} (p < 0.001){BAD:#}{test}")),
            Verdict::TooFew => {
                let needed = self.needed.map_or_else(String::new, |needed| {
                    format!(": {} are needed for {LEAST} in each cell", grouped(needed))
                });
                Some(format!("{OPEN}too few users to judge{OPEN:#}{needed}"))
            }
            Verdict::Unknown => None,
        }
    }
}

/// A probability as people read it, never rounded to nothing.
pub(crate) fn probability(p: f64) -> String {
    match p {
        p if p >= 0.001 => format!("{p:.3}"),
        p if p > 0.0 => format!("{p:.1e}"),
        // Smaller than a number can be.
        _ => "0".to_owned(),
    }
}

/// Holds counts against the shares that they should have: pairs of a share, 0 to 1, and a count. Shares add up to 1.
///
/// Source: Pearson's test of goodness of fit, with one degree of freedom less than there are cells.
pub fn fit(cells: &[(f64, u64)]) -> Judgement {
    let users = float(cells.iter().map(|(_, count)| count).sum());
    let open = cells.iter().filter(|(share, _)| *share > 0.0);
    let least_share = open.clone().map(|(share, _)| *share).fold(1.0, f64::min);
    let free = degrees(open.clone().count());
    if cells.iter().any(|(share, count)| *share <= 0.0 && *count > 0) {
        return Judgement::tested(ChiSquare::new(f64::INFINITY, free.max(1)));
    }
    if free == 0 {
        return Judgement::without_test(Verdict::AsExpected);
    }
    if users * least_share < LEAST {
        return Judgement::too_few(least_share);
    }
    let parts = open.map(|(share, count)| (float(*count) - users * share).powi(2) / (users * share));
    Judgement::tested(ChiSquare::new(parts.sum(), free))
}

/// Holds two ways to split the same users against each other: `table[a][b]` users are in cell `a` of the one and cell `b` of
/// the other.
///
/// Source: Pearson's test of independence, with `(rows - 1) * (columns - 1)` degrees of freedom. Rows and columns without users
/// do not count.
pub fn independence(table: &[Vec<u64>]) -> Judgement {
    let columns = table.iter().map(Vec::len).max().unwrap_or_default();
    let by_row: Vec<f64> = table.iter().map(|row| float(row.iter().sum())).collect();
    let cell = |row: &[u64], column: usize| row.get(column).copied().unwrap_or_default();
    let by_column: Vec<f64> =
        (0..columns).map(|column| float(table.iter().map(|row| cell(row, column)).sum())).collect();
    let users: f64 = by_row.iter().sum();
    let used = |sums: &[f64]| degrees(sums.iter().filter(|sum| **sum > 0.0).count());
    let free = used(&by_row).saturating_mul(used(&by_column));
    let least = |sums: &[f64]| sums.iter().copied().filter(|sum| *sum > 0.0).fold(users, f64::min);
    let least_share = if users > 0.0 { least(&by_row) * least(&by_column) / users.powi(2) } else { 0.0 };
    if users == 0.0 || free > 0 && users * least_share < LEAST {
        return Judgement::too_few(least_share);
    }
    if free == 0 {
        return Judgement::without_test(Verdict::AsExpected);
    }
    let mut statistic = 0.0;
    for (row, row_sum) in table.iter().zip(&by_row) {
        for (column, column_sum) in by_column.iter().enumerate() {
            let expected = row_sum * column_sum / users;
            if expected > 0.0 {
                statistic += (float(cell(row, column)) - expected).powi(2) / expected;
            }
        }
    }
    Judgement::tested(ChiSquare::new(statistic, free))
}

/// One less than there are cells.
fn degrees(cells: usize) -> u32 {
    u32::try_from(cells).unwrap_or(u32::MAX).saturating_sub(1)
}

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "counts of users are far below 2^53")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of users, and `as` saturates"
)]
fn whole(users: f64) -> u64 {
    users as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(cells: &[(f64, u64)]) -> Verdict {
        fit(cells).verdict
    }

    #[test]
    fn p_is_what_tables_say_at_their_critical_values() {
        // Degrees of freedom, and the values beyond which p is below these.
        let levels = [0.01, 0.001, 0.0005, 0.0001];
        for (free, criticals) in [
            (1, [6.635, 10.828, 12.116, 15.137]),
            (2, [9.210, 13.816, 15.202, 18.421]),
            (3, [11.345, 16.266, 17.730, 21.108]),
            (4, [13.277, 18.467, 19.997, 23.513]),
            (9, [21.666, 27.877, 29.666, 33.720]),
            (99, [134.642, 148.230, 151.934, 160.056]),
        ] {
            for (critical, level) in criticals.into_iter().zip(levels) {
                // The tables have three decimals.
                let (before, after) =
                    (ChiSquare::new(critical - 0.0006, free).p, ChiSquare::new(critical + 0.0006, free).p);
                assert!(before > level && level > after, "{free}: {before} > {level} > {after}");
            }
        }
    }

    #[test]
    fn a_split_of_50_2_to_49_8_is_a_clear_failure_among_many() {
        let Judgement { verdict, chi_square: Some(test), .. } = fit(&[(0.5, 821_588), (0.5, 815_482)]) else {
            panic!("it is tested")
        };
        assert_eq!((verdict, test.degrees_of_freedom), (Verdict::NotAsExpected, 1));
        assert!((test.statistic - 22.8).abs() < 0.05, "{test:?}");
        assert!((test.p - 1.8e-6).abs() < 0.05e-6, "{test:?}");
        assert_eq!(verdict_of_tenth(), Verdict::AsExpected);
    }

    fn verdict_of_tenth() -> Verdict {
        verdict(&[(0.5, 82_159), (0.5, 81_548)])
    }

    #[test]
    fn nothing_is_said_before_each_lane_expects_eight_users() {
        for (users, expected) in [(159, Verdict::TooFew), (160, Verdict::AsExpected)] {
            let judged = fit(&[(0.95, users - 8), (0.05, 8)]);
            assert_eq!(judged.verdict, expected, "{users}");
            assert_eq!(judged.needed, (users == 159).then_some(160));
        }
        assert_eq!(verdict(&[(0.5, 0), (0.5, 0)]), Verdict::TooFew);
    }

    #[test]
    fn a_lane_without_a_share_has_nobody() {
        assert_eq!(verdict(&[(1.0, 10), (0.0, 0)]), Verdict::AsExpected);
        assert_eq!(verdict(&[(1.0, 10_000), (0.0, 1)]), Verdict::NotAsExpected);
        assert_eq!(verdict(&[(0.5, 500), (0.5, 499), (0.0, 1)]), Verdict::NotAsExpected);
    }

    #[test]
    fn a_table_is_tested_with_the_degrees_of_its_used_rows_and_columns() {
        // By hand: expected 40, 60, 40, 60; four times 10^2 / expected.
        let judged = independence(&[vec![50, 50, 0], vec![0, 0, 0], vec![30, 70, 0]]);
        let test = judged.chi_square.expect("it is tested");
        assert_eq!((judged.verdict, test.degrees_of_freedom), (Verdict::AsExpected, 1));
        assert!((test.statistic - (200.0 / 40.0 + 200.0 / 60.0)).abs() < 1e-9, "{test:?}");
        assert_eq!(independence(&[vec![500, 0], vec![0, 500]]).verdict, Verdict::NotAsExpected);
        assert_eq!(
            independence(&[vec![500, 500]]).verdict,
            Verdict::AsExpected,
            "one row depends on nothing"
        );
        assert_eq!(independence(&[vec![4, 4], vec![4, 4]]).verdict, Verdict::TooFew);
        assert_eq!(independence(&[]).verdict, Verdict::TooFew);
    }

    #[test]
    fn a_probability_is_never_rounded_to_nothing() {
        for (p, shown) in [(1.0, "1.000"), (0.0014, "0.001"), (0.000_99, "9.9e-4"), (1.8e-300, "1.8e-300")] {
            assert_eq!(probability(p), shown);
        }
    }
}
