//! What two rates say of each other: intervals, tests, and what could be found with so many users.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};

use crate::chance::float;

/// The users of a group, and those of them who converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arm {
    /// The users.
    pub users: u64,
    /// Those who converted.
    pub conversions: u64,
}

impl Arm {
    fn n(self) -> f64 {
        float(self.users)
    }

    /// The part that converted; nothing of nobody.
    pub fn rate(self) -> f64 {
        if self.users == 0 { 0.0 } else { float(self.conversions) / self.n() }
    }

    fn variance_of_rate(self) -> f64 {
        let rate = self.rate();
        if self.users == 0 { 0.0 } else { rate * (1.0 - rate) / self.n() }
    }
}

/// From the one to the other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The rate of a group with its interval of confidence `1 - alpha`.
///
/// Source: the score interval of Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927.
pub fn wilson(arm: Arm, alpha: f64) -> Interval {
    if arm.users == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let (n, rate, z) = (arm.n(), arm.rate(), quantile(1.0 - alpha / 2.0));
    let whole = 1.0 + z * z / n;
    let middle = (rate + z * z / (2.0 * n)) / whole;
    let half = z / whole * (rate * (1.0 - rate) / n + z * z / (4.0 * n * n)).sqrt();
    // Where nobody or everybody converted, an end is exact.
    let low = if arm.conversions == 0 { 0.0 } else { middle - half };
    let high = if arm.conversions == arm.users { 1.0 } else { middle + half };
    Interval { low, high }
}

/// The difference of the rate of a group from that of the control, with its interval of confidence `1 - alpha`.
///
/// Source: Newcombe, "Interval estimation for the difference between independent proportions", Statistics in Medicine 1998,
/// method 10: the hybrid of two score intervals, without a correction for continuity.
pub fn newcombe(control: Arm, arm: Arm, alpha: f64) -> Interval {
    let (own, other) = (wilson(arm, alpha), wilson(control, alpha));
    let (rate, base) = (arm.rate(), control.rate());
    let difference = rate - base;
    Interval {
        low: difference - (rate - own.low).hypot(other.high - base),
        high: difference + (own.high - rate).hypot(base - other.low),
    }
}

/// How much higher the rate of a group is than that of the control, as a part of the latter, with its interval of confidence
/// `1 - alpha`; `None` where nobody of one of them converted.
///
/// Source: Katz, Baptista, Azen and Pike, "Obtaining confidence intervals for the risk ratio in cohort studies", Biometrics
/// 1978: the logarithm of the ratio is taken for normal.
pub fn lift(control: Arm, arm: Arm, alpha: f64) -> Option<(f64, Interval)> {
    if control.conversions == 0 || arm.conversions == 0 {
        return None;
    }
    let ratio = arm.rate() / control.rate();
    let part = |arm: Arm| (1.0 - arm.rate()) / float(arm.conversions);
    let half = quantile(1.0 - alpha / 2.0) * (part(control) + part(arm)).sqrt();
    let interval = Interval { low: ratio * (-half).exp() - 1.0, high: ratio * half.exp() - 1.0 };
    Some((ratio - 1.0, interval))
}

/// The p-value of the two-sided z test of equal rates, with the pooled variance. It holds for one look at a number of users that was
/// fixed before. `None` where nobody or everybody converted.
pub fn z_test(control: Arm, arm: Arm) -> Option<f64> {
    let error = pooled_error(control, arm)?;
    Some(two_sided((arm.rate() - control.rate()) / error))
}

fn pooled_error(control: Arm, arm: Arm) -> Option<f64> {
    let rate = pooled(control, arm)?;
    let error = (rate * (1.0 - rate) * (1.0 / control.n() + 1.0 / arm.n())).sqrt();
    (error > 0.0).then_some(error)
}

fn pooled(control: Arm, arm: Arm) -> Option<f64> {
    let users = control.n() + arm.n();
    let is_there = control.users > 0 && arm.users > 0;
    is_there.then(|| float(control.conversions + arm.conversions) / users)
}

/// What may be looked at any number of times.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlwaysValid {
    /// The p-value of this look.
    pub p: f64,
    /// The interval of the difference at this look. With a probability of `1 - alpha` the true difference is in it at all looks.
    pub difference: Interval,
}

/// How many conversions, and how many users without one, each group has to expect before an always-valid p-value is given: it is
/// valid in the limit, and rests on the variance as it is estimated.
pub const FLOOR: f64 = 20.0;

/// The difference of two rates as it may be looked at any number of times. `None` before each group expects [`FLOOR`].
///
/// With the difference `d`, its variance `V = a(1 - a)/n_a + b(1 - b)/n_b` as estimated, `t = n_a + n_b` users, and a width `r`,
/// `r^2 = (-2 ln alpha + ln(1 - 2 ln alpha)) / planned`, which makes the interval the tightest at `planned` users:
///
/// ```text
/// p        = min(1, sqrt(1 + t r^2) exp(-(d^2 / V) t r^2 / (2 (1 + t r^2))))
/// interval = d ± sqrt(V (1 + t r^2) / (t r^2) (2 ln(1 / alpha) + ln(1 + t r^2)))
/// ```
///
/// Source: Robbins' normal mixture: the mixture sequential probability ratio test of Johari, Koomen, Pekelis and Walsh, "Always Valid
/// Inference: Continuous Monitoring of A/B Tests", Operations Research 2022 (arXiv 1512.04922); with the variance estimated and the
/// mixture as wide as so many users ask for, the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas,
/// "Time-uniform central limit theory and asymptotic confidence sequences", Annals of Statistics 2024 (arXiv 2103.06476).
pub fn always_valid(control: Arm, arm: Arm, alpha: f64, planned: u64) -> Option<AlwaysValid> {
    let rate = pooled(control, arm)?;
    let fewest = control.n().min(arm.n());
    let variance = control.variance_of_rate() + arm.variance_of_rate();
    if fewest * rate.min(1.0 - rate) < FLOOR || variance <= 0.0 {
        return None;
    }
    let difference = arm.rate() - control.rate();
    let logarithm = -2.0 * alpha.ln();
    let width = (logarithm + (1.0 + logarithm).ln()) / float(planned.max(1));
    let seen = (control.n() + arm.n()) * width;
    let exponent = difference * difference / variance * seen / (2.0 * (1.0 + seen));
    let half = (variance * (1.0 + seen) / seen * (logarithm + seen.ln_1p())).sqrt();
    Some(AlwaysValid {
        p: ((1.0 + seen).sqrt() * (-exponent).exp()).min(1.0),
        difference: Interval { low: difference - half, high: difference + half },
    })
}

/// P-values of one family, each as high as it has to be to be held against the level of the whole family.
///
/// Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 1979.
pub fn holm(family: &[f64]) -> Vec<f64> {
    let mut order: Vec<(usize, f64)> = family.iter().copied().enumerate().collect();
    order.sort_by(|(_, one), (_, other)| one.total_cmp(other));
    let mut highest: f64 = 0.0;
    let mut adjusted = vec![1.0; family.len()];
    for (rank, (index, p)) in order.into_iter().enumerate() {
        let left = u32::try_from(family.len().saturating_sub(rank)).unwrap_or(u32::MAX);
        highest = highest.max((p * f64::from(left)).min(1.0));
        if let Some(place) = adjusted.get_mut(index) {
            *place = highest;
        }
    }
    adjusted
}

/// The power with which [`detectable`] wants a difference to be found.
pub const POWER: f64 = 0.8;

/// The smallest lift that a z test would find with a power of 80 % among so many users, as a part of the control's rate; `None` where
/// no lift would be found.
///
/// The power to find a difference `d` is `Φ((d - z s_0) / s_1) + Φ((-d - z s_0) / s_1)`, with the pooled error `s_0` of the test and the
/// error `s_1` of rates that differ by `d`.
pub fn detectable(control: Arm, users: u64, alpha: f64) -> Option<f64> {
    let base = control.rate();
    if base <= 0.0 || base >= 1.0 || users == 0 {
        return None;
    }
    let (n, m, z) = (control.n(), float(users), quantile(1.0 - alpha / 2.0));
    let is_found = |rate: f64| {
        let pooled = (base * n + rate * m) / (n + m);
        let null = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
        let own = (base * (1.0 - base) / n + rate * (1.0 - rate) / m).sqrt();
        let side = |difference: f64| Normal::standard().cdf((difference - z * null) / own);
        side(rate - base) + side(base - rate) >= POWER
    };
    if !is_found(1.0) {
        return None;
    }
    let (mut low, mut high) = (base, 1.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if is_found(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high / base - 1.0)
}

fn quantile(probability: f64) -> f64 {
    Normal::standard().inverse_cdf(probability)
}

fn two_sided(z: f64) -> f64 {
    2.0 * Normal::standard().sf(z.abs())
}
