//! Random numbers from the distributions that intervals need.

use fastrand::Rng;

/// Gamma-distributed number of integer shape and scale 1; 0 for shape 0 (Marsaglia and Tsang 2000, ACM TOMS 26, 363).
pub(super) fn gamma(shape: u32, dice: &mut Rng) -> f64 {
    if shape == 0 {
        return 0.0;
    }
    let d = f64::from(shape) - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal(dice);
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && positive(dice).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

/// Uniform number above 0, up to 1.
fn positive(dice: &mut Rng) -> f64 {
    1.0 - dice.f64()
}

/// Standard normal number (Marsaglia's polar method).
fn normal(dice: &mut Rng) -> f64 {
    loop {
        let (x, y) = (2.0 * dice.f64() - 1.0, 2.0 * dice.f64() - 1.0);
        let s = x * x + y * y;
        if s > 0.0 && s < 1.0 {
            return x * (-2.0 * s.ln() / s).sqrt();
        }
    }
}

/// Number of successes in `n` trials, each with probability `p`.
pub(super) fn binomial(n: u32, p: f64, dice: &mut Rng) -> u32 {
    (0..n).map(|_| u32::from(dice.f64() < p)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gamma_numbers_have_their_shape_as_mean_and_variance() {
        let mut dice = Rng::with_seed(1);
        for shape in [1_u32, 2, 30] {
            let drawn: Vec<f64> = (0..20_000).map(|_| gamma(shape, &mut dice)).collect();
            let mean = drawn.iter().sum::<f64>() / 20_000.0;
            let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
            let shape = f64::from(shape);
            assert!((mean / shape - 1.0).abs() < 0.05 && (variance / shape - 1.0).abs() < 0.1, "{mean} {variance}");
        }
        assert!(gamma(0, &mut dice).abs() < f64::EPSILON);
    }

    #[test]
    fn binomial_numbers_have_their_mean() {
        let mut dice = Rng::with_seed(2);
        let mean = (0..5000).map(|_| binomial(100, 0.03, &mut dice)).sum::<u32>();
        assert!((f64::from(mean) / 5000.0 - 3.0).abs() < 0.1);
    }
}
