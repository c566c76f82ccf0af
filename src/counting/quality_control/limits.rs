//! How far a count lies from its target, in standard deviations, and where the limits lie. Pure.

use statrs::distribution::{Binomial, ContinuousCDF, Discrete, Normal};
use statrs::function::beta::ln_beta;
use statrs::function::factorial::ln_binomial;

/// Beyond 2 SD on one side lies 2.275 % of a normal distribution: limits of 95.45 % for both.
const BEYOND_TWO: f64 = 0.022_750_131_948_179_2;

/// Beyond 3 SD: limits of 99.73 %.
const BEYOND_THREE: f64 = 0.001_349_898_031_630_1;

/// Farther than this nothing is told apart; keeps every deviation finite.
const FARTHEST: f64 = 20.0;

/// Runs that a laboratory must have before it takes mean and SD from them (CLSI C24: at least 20).
pub const ENOUGH_RUNS: usize = 20;

/// Limits of a chart, percent: -3, -2, +2 and +3 SD.
pub type Limits = [f64; 4];

/// Deviation of a percentage from mean and SD, in SD.
#[must_use]
pub fn from_mean(percent: f64, mean: f64, sd: f64) -> f64 {
    let z = (percent - mean) / sd;
    if z.is_finite() { z.clamp(-FARTHEST, FARTHEST) } else { 0.0 }
}

/// Limits by mean and SD, kept within 0 to 100 %.
#[must_use]
pub fn of_mean(mean: f64, sd: f64) -> Limits {
    [-3.0, -2.0, 2.0, 3.0].map(|times| (mean + times * sd).clamp(0.0, 100.0))
}

/// How likely each count from 0 to `of` is by chance alone, where a class has this share (0..=1): binomial. A share that was itself
/// counted, on `reference` cells, leaves open what it is; then each share is taken as likely as such a count makes it (by Jeffreys'
/// prior), which gives a beta-binomial.
fn chances(of: u32, share: f64, reference: Option<u32>) -> Vec<f64> {
    let n = u64::from(of);
    if let Some(cells) = reference {
        let (a, b) = (share * f64::from(cells) + 0.5, (1.0 - share) * f64::from(cells) + 0.5);
        let of_count = |count: u64| {
            let (in_it, out) = (count as f64 + a, (n - count) as f64 + b);
            (ln_binomial(n, count) + ln_beta(in_it, out) - ln_beta(a, b)).exp()
        };
        return (0..=n).map(of_count).collect();
    }
    Binomial::new(share, n).map_or_else(|_| Vec::new(), |binomial| (0..=n).map(|count| binomial.pmf(count)).collect())
}

/// For every count, the probability of so few or fewer, and of so many or more.
fn tails(of: u32, share: f64, reference: Option<u32>) -> Vec<(f64, f64)> {
    let chances = chances(of, share.clamp(0.0, 1.0), reference);
    let mut few = 0.0;
    let mut tails: Vec<(f64, f64)> = chances
        .iter()
        .map(|chance| {
            few += chance;
            (few, 0.0)
        })
        .collect();
    // From the far end, so that small tails are not differences of large numbers.
    let mut many = 0.0;
    for (tail, chance) in tails.iter_mut().zip(&chances).rev() {
        many += chance;
        tail.1 = many;
    }
    tails
}

/// Deviation of `count` of `of` cells from what chance alone would give, where a class has this share (0..=1), or a share that was
/// itself found on `reference` cells: the normal deviate of the probability of so many cells or more (so few or fewer). It
/// exceeds 2 (3) SD where the count lies outside the exact limits of 95.45 % (99.73 %).
#[must_use]
pub fn from_chance(count: u32, of: u32, share: f64, reference: Option<u32>) -> f64 {
    let Ok(normal) = Normal::new(0.0, 1.0) else { return 0.0 };
    let Some((as_few, as_many)) = tails(of, share, reference).get(count.min(of) as usize).copied() else { return 0.0 };
    let z = if as_many < 0.5 {
        -normal.inverse_cdf(as_many)
    } else if as_few < 0.5 {
        normal.inverse_cdf(as_few)
    } else {
        0.0
    };
    z.clamp(-FARTHEST, FARTHEST)
}

/// The exact limits for `of` cells, percent: the outermost counts that are still within 3 and 2 SD.
#[must_use]
pub fn of_chance(of: u32, share: f64, reference: Option<u32>) -> Limits {
    let tails = tails(of, share, reference);
    let percent = |count: usize| 100.0 * count as f64 / f64::from(of.max(1));
    let low = |tail: f64| percent(tails.iter().position(|(few, _)| *few >= tail).unwrap_or(0));
    let high = |tail: f64| percent(tails.iter().rposition(|(_, many)| *many >= tail).unwrap_or(0));
    [low(BEYOND_THREE), low(BEYOND_TWO), high(BEYOND_TWO), high(BEYOND_THREE)]
}

/// Mean and SD of a chart from its runs, each (cells of the class, cells in all); `None` with fewer than
/// [`ENOUGH_RUNS`]. The SD is never less than chance gives for so many cells: runs that happen to agree must not make limits
/// that no later run can keep.
#[must_use]
pub fn learned(runs: &[(u32, u32)]) -> Option<(f64, f64)> {
    let runs: Vec<(f64, f64)> =
        runs.iter().filter(|(_, of)| *of > 0).map(|(count, of)| (f64::from(*count), f64::from(*of))).collect();
    if runs.len() < ENOUGH_RUNS {
        return None;
    }
    let n = runs.len() as f64;
    let percents: Vec<f64> = runs.iter().map(|(count, of)| 100.0 * count / of).collect();
    let mean = percents.iter().sum::<f64>() / n;
    let sd = (percents.iter().map(|percent| (percent - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    let cells = runs.iter().map(|(_, of)| of).sum::<f64>();
    // A class that no run showed is not impossible: half a cell in all of them.
    let share = ((runs.iter().map(|(count, _)| count).sum::<f64>() + 0.5) / (cells + 1.0)).clamp(0.0, 1.0);
    let chance = 100.0 * (share * (1.0 - share) / (cells / n)).sqrt();
    Some((mean, sd.max(chance)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_limits_of_a_share_are_the_exact_ones() {
        // 50 % of 100 cells. R: qbinom(c(0.00135, 0.02275), 100, 0.5) is 35 and 40.
        let limits = of_chance(100, 0.5, None);
        assert_eq!(limits.map(|limit| limit.round() as i64), [35, 40, 60, 65]);
        assert!(from_chance(40, 100, 0.5, None) >= -2.0 && from_chance(39, 100, 0.5, None) < -2.0);
        assert!(from_chance(60, 100, 0.5, None) <= 2.0 && from_chance(61, 100, 0.5, None) > 2.0);
        assert!(from_chance(65, 100, 0.5, None) <= 3.0 && from_chance(66, 100, 0.5, None) > 3.0);
        // A rare class has no lower limit: 2 % of 100 cells may well be none.
        assert!(of_chance(100, 0.02, None)[..2].iter().all(|limit| limit.abs() < 1e-9));
    }

    #[test]
    fn a_share_counted_on_few_cells_has_wider_limits() {
        let [exact, of_many, of_few] = [None, Some(100_000), Some(400)].map(|cells| of_chance(200, 0.3, cells));
        assert!(exact.iter().zip(of_many).all(|(exact, many)| (exact - many).abs() < 1e-9));
        assert!(of_few[0] < exact[0] && of_few[1] < exact[1] && of_few[2] > exact[2] && of_few[3] > exact[3]);
        // None of 400 does not mean that there are none: a few of 200 are no wonder.
        assert!(from_chance(1, 200, 0.0, Some(400)) < 2.0 && from_chance(8, 200, 0.0, Some(400)) > 3.0);
        let all: f64 = chances(200, 0.3, Some(400)).iter().sum();
        assert!((all - 1.0).abs() < 1e-9, "{all}");
    }

    #[test]
    fn nothing_counted_deviates_from_nothing() {
        assert!(from_chance(0, 0, 0.3, None).abs() < 1e-9);
        assert!(from_mean(50.0, 50.0, 0.0).abs() < 1e-9);
        assert!(from_chance(5, 100, 0.0, None) > 3.0 && from_chance(5, 100, 0.0, None).is_finite());
        assert!(from_chance(95, 100, 1.0, None) < -3.0);
    }

    #[test]
    fn twenty_runs_teach_mean_and_sd_and_fewer_do_not() {
        let runs: Vec<(u32, u32)> = (0..20).map(|run| (if run % 2 == 0 { 40 } else { 60 }, 100)).collect();
        assert_eq!(learned(&runs[..19]), None);
        let (mean, sd) = learned(&runs).unwrap();
        assert!((mean - 50.0).abs() < 1e-9 && (sd - 10.260).abs() < 1e-3, "{mean} {sd}");
        let (mean, sd) = learned(&[(50, 100); 20]).unwrap();
        assert!((mean - 50.0).abs() < 1e-9 && (sd - 5.0).abs() < 0.01, "what chance gives: {sd}");
        let (mean, sd) = learned(&[(0, 100); 20]).unwrap();
        assert!(mean.abs() < 1e-9 && sd > 0.0 && from_mean(1.0, mean, sd) > 3.0);
    }

    proptest! {
        #[test]
        fn a_count_is_within_the_drawn_limits_just_where_its_deviation_is(
            of in 1_u32..600, share in 0.001..0.999_f64, part in 0.0..=1.0_f64,
            reference in proptest::option::of(20_u32..3000),
        ) {
            let count = (f64::from(of) * part).round() as u32;
            let percent = 100.0 * f64::from(count) / f64::from(of);
            let [low3, low2, high2, high3] = of_chance(of, share, reference);
            let z = from_chance(count, of, share, reference);
            prop_assert!(low3 <= low2 && low2 <= high2 && high2 <= high3);
            prop_assert_eq!(percent + 1e-9 < low2 || percent - 1e-9 > high2, z.abs() > 2.0 + 1e-9, "z {}", z);
            prop_assert_eq!(percent + 1e-9 < low3 || percent - 1e-9 > high3, z.abs() > 3.0 + 1e-9, "z {}", z);
        }

        #[test]
        fn chance_alone_exceeds_the_limits_no_more_often_than_they_say(of in 1_u32..300, share in 0.01..0.99_f64) {
            let binomial = Binomial::new(share, u64::from(of)).unwrap();
            let mass = |beyond: f64| -> f64 {
                (0..=of).filter(|count| from_chance(*count, of, share, None).abs() > beyond + 1e-9)
                    .map(|count| binomial.pmf(u64::from(count))).sum()
            };
            prop_assert!(mass(2.0) <= 2.0 * BEYOND_TWO + 1e-9);
            prop_assert!(mass(3.0) <= 2.0 * BEYOND_THREE + 1e-9);
        }
    }
}
