//! Two published methods of simultaneous intervals for multinomial shares, for comparison with the program's own.

use leukoscope::domain::interval::Figure;
use statrs::distribution::{ChiSquared, ContinuousCDF, Discrete, Poisson};

/// Goodman 1965 (Technometrics 7, 247): score intervals with a Bonferroni quantile.
pub fn goodman(counts: &[u32]) -> Vec<Figure> {
    let n = f64::from(counts.iter().sum::<u32>());
    let quantile = ChiSquared::new(1.0).unwrap().inverse_cdf(1.0 - 0.05 / counts.len() as f64);
    let figure = |count: &u32| {
        let x = f64::from(*count);
        let half = (quantile * (quantile + 4.0 * x * (n - x) / n)).sqrt();
        let end = |sign: f64| (quantile + 2.0 * x + sign * half) / (2.0 * (n + quantile));
        Figure { value: x / n, low: end(-1.0), high: end(1.0) }
    };
    counts.iter().map(figure).collect()
}

/// Sison and Glaz 1995 (JASA 90, 366), by truncated Poisson variables and an Edgeworth expansion of their sum.
pub fn sison_glaz(counts: &[u32]) -> Vec<Figure> {
    let n = counts.iter().sum::<u32>();
    let (mut c, mut before) = (1, 0.0);
    let mut reached = within(counts, n, c);
    while reached < 0.95 && c < n {
        (c, before) = (c + 1, reached);
        reached = within(counts, n, c);
    }
    let (c, n) = (f64::from(c.saturating_sub(1)), f64::from(n));
    let gamma = ((0.95 - before) / (reached - before)).clamp(0.0, 1.0);
    let figure = |count: &u32| {
        let share = f64::from(*count) / n;
        Figure { value: share, low: (share - c / n).max(0.0), high: (share + (c + 2.0 * gamma) / n).min(1.0) }
    };
    counts.iter().map(figure).collect()
}

/// The probability that every count of a multinomial sample with the observed shares is within `c` of the observed
/// count.
fn within(counts: &[u32], n: u32, c: u32) -> f64 {
    let (mut ln_all, mut mean, mut variance, mut third, mut fourth) = (0.0_f64, 0.0, 0.0_f64, 0.0, 0.0);
    for count in counts {
        let poisson = (*count > 0).then(|| Poisson::new(f64::from(*count)).unwrap());
        let of = |k: u32| poisson.map_or(f64::from(u8::from(k == 0)), |poisson| poisson.pmf(u64::from(k)));
        let range: Vec<(f64, f64)> = (count.saturating_sub(c)..=count + c).map(|k| (f64::from(k), of(k))).collect();
        let all: f64 = range.iter().map(|(_, q)| q).sum();
        let centre = range.iter().map(|(k, q)| k * q).sum::<f64>() / all;
        let moment = |power| range.iter().map(|(k, q)| (k - centre).powi(power) * q).sum::<f64>() / all;
        let second = moment(2);
        ln_all += all.ln();
        mean += centre;
        variance += second;
        third += moment(3);
        fourth += moment(4) - 3.0 * second * second;
    }
    if variance <= 0.0 {
        return 0.0;
    }
    let n = f64::from(n);
    let z = (n - mean) / variance.sqrt();
    let (skew, excess) = (third / variance.powf(1.5), fourth / variance.powi(2));
    let normal = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let edgeworth = normal
        * (1.0
            + skew / 6.0 * (z.powi(3) - 3.0 * z)
            + excess / 24.0 * (z.powi(4) - 6.0 * z * z + 3.0)
            + skew * skew / 72.0 * (z.powi(6) - 15.0 * z.powi(4) + 45.0 * z * z - 15.0));
    let sum_is_n = Poisson::new(n).unwrap().pmf(n as u64);
    (ln_all.exp() / sum_is_n * edgeworth / variance.sqrt()).clamp(0.0, 1.0)
}
