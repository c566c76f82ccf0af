//! The function whose minimum is the new last layer: minus the logarithm of its posterior probability, with gradient.

use crate::vision::adapt::solver::{add, dot, minimum};
use crate::vision::net::LastLayer;

/// Pull of a sample on a class below which it is left out.
const NO_PULL: f64 = 1e-9;

/// One view of a cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample<'a> {
    /// Pooled features.
    pub features: &'a [f64],
    /// Whether each class is right.
    pub right: &'a [bool],
    /// How many cells it counts as.
    pub weight: f64,
}

/// Minus the log posterior of the weights' distance from the shipped ones.
///
/// A point holds, for each class, one number for each feature (in parts of the features' root mean square, and of the
/// temperature) and one for the bias.
pub(super) struct Objective<'a> {
    base: &'a LastLayer,
    temperature: f64,
    prior: f64,
    /// Root mean square of the laboratory's own features.
    scale: f64,
    samples: Vec<Sample<'a>>,
    /// Features of each sample in parts of the scale, with a 1 for the bias at the end.
    inputs: Vec<f64>,
    /// Logits of each sample by the shipped weights, divided by the temperature.
    shipped: Vec<f64>,
}

impl<'a> Objective<'a> {
    /// From samples of the laboratory and from others, which do not count in the features' scale.
    pub(super) fn new(
        base: &'a LastLayer,
        temperature: f64,
        prior: f64,
        own: Vec<Sample<'a>>,
        others: Vec<Sample<'a>>,
    ) -> Self {
        let squares: f64 = own.iter().map(|sample| dot(sample.features, sample.features)).sum();
        let count = (own.len() * base.features).max(1);
        let scale = (squares / count as f64).sqrt();
        // Features of nothing but zeros teach only the bias.
        let scale = if scale > 1e-9 && scale.is_finite() { scale } else { 1.0 };
        let mut samples = own;
        samples.extend(others);
        let mut inputs = Vec::with_capacity(samples.len() * (base.features + 1));
        let mut shipped = Vec::with_capacity(samples.len() * base.bias.len());
        let rows: Vec<Vec<f64>> = base
            .weights
            .chunks_exact(base.features.max(1))
            .map(|row| row.iter().map(|weight| f64::from(*weight)).collect())
            .collect();
        for sample in &samples {
            inputs.extend(sample.features.iter().map(|feature| feature / scale));
            inputs.push(1.0);
            let logit = |(row, bias): (&Vec<f64>, &f32)| (dot(row, sample.features) + f64::from(*bias)) / temperature;
            shipped.extend(rows.iter().zip(&base.bias).map(logit));
        }
        Self { base, temperature, prior, scale, samples, inputs, shipped }
    }

    /// Its value at a point; writes the gradient.
    pub(super) fn value(&self, point: &[f64], gradient: &mut [f64]) -> f64 {
        let (classes, width) = (self.base.bias.len(), self.base.features + 1);
        for (slope, number) in gradient.iter_mut().zip(point) {
            *slope = self.prior * number;
        }
        let mut value = 0.5 * self.prior * dot(point, point);
        let mut logits = vec![0.0; classes];
        let inputs = self.inputs.chunks_exact(width).zip(self.shipped.chunks_exact(classes));
        for (sample, (input, shipped)) in self.samples.iter().zip(inputs) {
            for ((logit, shipped), row) in logits.iter_mut().zip(shipped).zip(point.chunks_exact(width)) {
                *logit = shipped + dot(row, input) / self.temperature;
            }
            let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let right = logits.iter().zip(sample.right).filter(|(_, right)| **right).map(|(logit, _)| *logit);
            let highest_right = right.clone().fold(f64::NEG_INFINITY, f64::max);
            let all: f64 = logits.iter().map(|logit| (logit - highest).exp()).sum();
            let some: f64 = right.map(|logit| (logit - highest_right).exp()).sum();
            value += sample.weight * (highest + all.ln() - highest_right - some.ln());
            let rows = gradient.chunks_exact_mut(width).zip(&logits).zip(sample.right);
            for ((row, logit), right) in rows {
                let share = (logit - highest).exp() / all;
                let wanted = if *right { (logit - highest_right).exp() / some } else { 0.0 };
                let pull = sample.weight * (share - wanted) / self.temperature;
                // Most classes are out of the question for most cells.
                if pull.abs() > NO_PULL {
                    add(row, pull, input);
                }
            }
        }
        value
    }

    /// The last layer where it is least.
    pub(super) fn solved(&self) -> LastLayer {
        let (classes, width) = (self.base.bias.len(), self.base.features + 1);
        let point = minimum(vec![0.0; classes * width], |point, gradient| self.value(point, gradient));
        let mut layer = self.base.clone();
        let rows = layer.weights.chunks_exact_mut(self.base.features.max(1)).zip(&mut layer.bias);
        for ((row, bias), moved) in rows.zip(point.chunks_exact(width)) {
            for (weight, moved) in row.iter_mut().zip(moved) {
                *weight = (f64::from(*weight) + moved / self.scale) as f32;
            }
            *bias = (f64::from(*bias) + moved[width - 1]) as f32;
        }
        layer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CLASSES: usize = 3;
    const FEATURES: usize = 4;

    fn layer(numbers: &[f64]) -> LastLayer {
        let numbers: Vec<f32> = numbers.iter().map(|number| *number as f32).collect();
        LastLayer { features: FEATURES, weights: numbers[..12].to_vec(), bias: numbers[12..].to_vec() }
    }

    prop_compose! {
        fn cells()(rows in prop::collection::vec(prop::collection::vec(0.0..2.0_f64, FEATURES), 1..9), by in 0_usize..3)
            -> Vec<(Vec<f64>, Vec<bool>)> {
            let right = |at: usize| (0..CLASSES).map(|class| class == (at + by) % CLASSES || class == by).collect();
            rows.into_iter().enumerate().map(|(at, row)| (row, right(at))).collect()
        }
    }

    fn samples(cells: &[(Vec<f64>, Vec<bool>)]) -> Vec<Sample<'_>> {
        cells.iter().map(|(features, right)| Sample { features, right, weight: 0.5 }).collect()
    }

    proptest! {
        #[test]
        fn the_gradient_is_the_slope_of_the_value(
            base in prop::collection::vec(-2.0..2.0_f64, 15), point in prop::collection::vec(-2.0..2.0_f64, 15), cells in cells(),
        ) {
            let base = layer(&base);
            let objective = Objective::new(&base, 0.8, 0.7, samples(&cells), Vec::new());
            let (mut gradient, mut unused) = (vec![0.0; 15], vec![0.0; 15]);
            objective.value(&point, &mut gradient);
            for at in 0..point.len() {
                let mut moved = |by: f64| {
                    let mut point = point.clone();
                    point[at] += by;
                    objective.value(&point, &mut unused)
                };
                let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                prop_assert!((slope - gradient[at]).abs() < 1e-5 * (1.0 + slope.abs()), "{slope} is not {}", gradient[at]);
            }
        }

        #[test]
        fn without_cells_the_shipped_weights_stay_and_a_strong_prior_holds_them(
            base in prop::collection::vec(-2.0..2.0_f64, 15), cells in cells(),
        ) {
            let base = layer(&base);
            prop_assert_eq!(&Objective::new(&base, 0.8, 1.0, Vec::new(), Vec::new()).solved(), &base);
            let held = Objective::new(&base, 0.8, 1e7, samples(&cells), Vec::new()).solved();
            for (held, base) in held.weights.iter().zip(&base.weights) {
                prop_assert!((held - base).abs() < 1e-3);
            }
        }

        #[test]
        fn cells_are_named_better_by_the_weights_they_teach(
            base in prop::collection::vec(-2.0..2.0_f64, 15), cells in cells(),
        ) {
            let base = layer(&base);
            let objective = Objective::new(&base, 0.8, 0.1, samples(&cells), Vec::new());
            let taught = objective.solved();
            let loss = |layer: &LastLayer| {
                Objective::new(layer, 0.8, 0.0, samples(&cells), Vec::new()).value(&[0.0; 15], &mut [0.0; 15])
            };
            prop_assert!(loss(&taught) <= loss(&base) + 1e-4);
        }
    }
}
