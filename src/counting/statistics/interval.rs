//! Exact intervals for shares and for ratios of two counts.

use statrs::distribution::{Beta, ContinuousCDF};

use crate::domain::interval::Figure;

/// Confidence level of every interval, unless stated otherwise.
pub const LEVEL: f64 = 0.95;

/// `count` of `total` as a share 0..=1 with its exact interval at `level` (Clopper and Pearson 1934, Biometrika 26,
/// 404).
///
/// If `total` is 0, the share is 0 with the interval 0 to 1.
#[must_use]
pub fn exact(count: u32, total: u32, level: f64) -> Figure {
    if total == 0 {
        return Figure { value: 0.0, low: 0.0, high: 1.0 };
    }
    let tail = (1.0 - level) / 2.0;
    let count = count.min(total);
    let (k, n) = (f64::from(count), f64::from(total));
    // Both shape parameters are at least 1 wherever a quantile is taken, so the distribution exists.
    let quantile = |p, a, b| Beta::new(a, b).map_or(p, |beta| beta.inverse_cdf(p));
    let low = if count == 0 { 0.0 } else { quantile(tail, k, n - k + 1.0) };
    let high = if count == total { 1.0 } else { quantile(1.0 - tail, k + 1.0, n - k) };
    Figure { value: k / n, low, high }
}

/// Ratio `count` / `others` of two independent counts with its exact 95 % interval.
///
/// Given the sum of two Poisson counts, the first is binomial (Przyborowski and Wilenski 1940, Biometrika 31, 313),
/// so the exact interval of that share gives the ratio's as odds. It also holds if fields differ in density, as long
/// as both kinds thin out together. The high end is infinite if `others` is 0.
#[must_use]
pub(crate) fn ratio(count: u32, others: u32) -> Figure {
    let odds = |share: f64| if share < 1.0 { share / (1.0 - share) } else { f64::INFINITY };
    let share = exact(count, count.saturating_add(others), LEVEL);
    Figure { value: f64::from(count) / f64::from(others), low: odds(share.low), high: odds(share.high) }
}

/// `figure` times a factor with the coefficient of variation `cv` (0.02 for 2 %), taken as log-normal.
///
/// The distances of the ends add up as squares of logarithms (the method of variance estimates recovery: Zou and
/// Donner 2008, Statistics in Medicine 27, 1693), so a factor without error leaves the exact interval as it is.
#[must_use]
pub(crate) fn times_uncertain(figure: Figure, factor: f64, cv: f64) -> Figure {
    const Z: f64 = 1.959_963_984_540_054;
    let own = Z * cv;
    let away = |end: f64| {
        // A value of 0 has no logarithmic distance to its end, so only the factor's own error widens it.
        let distance = if figure.value > 0.0 { (end / figure.value).ln() } else { 0.0 };
        (distance.hypot(own) - distance.abs()).exp()
    };
    let low = if figure.low > 0.0 { figure.low / away(figure.low) } else { 0.0 };
    Figure { value: figure.value * factor, low: low * factor, high: figure.high * away(figure.high) * factor }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use statrs::distribution::{Binomial, DiscreteCDF};

    #[test]
    fn the_exact_interval_is_the_published_one() {
        // 5 of 100: 1.64 to 11.28 (Clopper and Pearson's table; R's binom.test gives the same).
        let figure = exact(5, 100, LEVEL);
        assert!((figure.value - 0.05).abs() < 1e-12);
        assert!((figure.low - 0.016_43).abs() < 1e-5 && (figure.high - 0.112_83).abs() < 1e-5, "{figure:?}");
    }

    #[test]
    fn a_ratio_lies_within_an_interval_that_narrows_with_counts() {
        let (few, many) = (ratio(5, 1000), ratio(500, 100_000));
        for figure in [few, many] {
            assert!(figure.low < 0.005 && 0.005 < figure.high, "{figure:?}");
        }
        assert!(many.width() < few.width() / 5.0);
        assert!(ratio(0, 1000).low.abs() < f64::EPSILON);
        assert!(ratio(3, 0).high.is_infinite());
    }

    #[test]
    fn a_number_without_error_only_scales_and_one_with_error_widens() {
        let figure = ratio(100, 50_000);
        let plain = times_uncertain(figure, 4_500_000.0, 0.0);
        assert!((plain.value - 9000.0).abs() < 1e-6);
        assert!((plain.low - figure.low * 4_500_000.0).abs() < 1e-6);
        let widened = times_uncertain(figure, 4_500_000.0, 0.05);
        assert!(widened.low < plain.low && widened.high > plain.high);
        let none = times_uncertain(ratio(0, 50_000), 4_500_000.0, 0.05);
        assert!(none.low.abs() + none.value.abs() < f64::EPSILON && none.high > 0.0 && none.high.is_finite());
    }

    proptest! {
        #[test]
        fn the_exact_interval_leaves_half_of_what_the_level_allows_on_each_side(
            total in 1_u32..400, part in 0.0..=1.0_f64, level in 0.8..0.999_f64,
        ) {
            let count = (f64::from(total) * part).round() as u32;
            let figure = exact(count, total, level);
            prop_assert!(0.0 <= figure.low && figure.low <= figure.value);
            prop_assert!(figure.value <= figure.high && figure.high <= 1.0);
            let at = |p: f64| Binomial::new(p, u64::from(total)).unwrap();
            let tail = (1.0 - level) / 2.0;
            if count > 0 {
                prop_assert!((1.0 - at(figure.low).cdf(u64::from(count) - 1) - tail).abs() < 1e-5);
            }
            if count < total {
                prop_assert!((at(figure.high).cdf(u64::from(count)) - tail).abs() < 1e-5);
            }
        }
    }
}
