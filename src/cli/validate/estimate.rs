//! Figures with their 95 % intervals: exact ones for shares, bootstrap ones for everything else. Pure.

use serde::{Serialize, Serializer};

use crate::counting::tally;
use crate::domain::interval::Figure;

/// A figure and its 95 % interval; serialised as `[value, low, high]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

impl Serialize for Estimate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [self.value, self.low, self.high].serialize(serializer)
    }
}

impl Estimate {
    /// `count` of `total` as a share 0..=1 with its exact interval (Clopper and Pearson); for a total of 0: 0, 0 to
    /// 1.
    #[must_use]
    pub fn exact(count: u32, total: u32) -> Self {
        let Figure { value, low, high } = tally::share(count, total);
        Self { value: value / 100.0, low: low / 100.0, high: high / 100.0 }
    }

    /// `value` with the percentile interval of its bootstrap `resamples` (Efron 1979); without any, the value alone.
    #[must_use]
    pub(crate) fn bootstrapped(value: f64, mut resamples: Vec<f64>) -> Self {
        resamples.retain(|figure| figure.is_finite());
        resamples.sort_by(f64::total_cmp);
        Self { value, low: percentile(&resamples, 0.025, value), high: percentile(&resamples, 0.975, value) }
    }
}

/// The `part` (0..=1) percentile of sorted values, linear between neighbours.
fn percentile(sorted: &[f64], part: f64, or: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return or;
    };
    let place = part * last as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * place.fract()
}

/// Bootstrap resamples.
pub(crate) const RESAMPLES: usize = 1000;

/// Random numbers for every bootstrap, with a fixed seed so that a report can be reproduced.
#[must_use]
pub fn dice() -> fastrand::Rng {
    fastrand::Rng::with_seed(20_190_538)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_bootstrap_leaves_a_fortieth_on_each_side() {
        let estimate = Estimate::bootstrapped(0.5, (0..=1000).rev().map(|n| f64::from(n) / 1000.0).collect());
        assert!((estimate.low - 0.025).abs() < 1e-12 && (estimate.high - 0.975).abs() < 1e-12, "{estimate:?}");
    }

    #[test]
    fn without_resamples_the_value_stands_alone() {
        assert_eq!(Estimate::bootstrapped(0.5, vec![f64::NAN]), Estimate { value: 0.5, low: 0.5, high: 0.5 });
    }

    #[test]
    fn a_figure_is_written_as_three_numbers() {
        assert_eq!(serde_json::to_string(&Estimate { value: 0.5, low: 0.25, high: 1.0 }).unwrap(), "[0.5,0.25,1.0]");
    }
}
