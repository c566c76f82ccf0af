//! Least value of a smooth convex function: limited-memory BFGS (Liu and Nocedal 1989, Mathematical Programming 45, 503)
//! with a backtracking line search.

use std::collections::VecDeque;

/// Steps remembered.
const MEMORY: usize = 10;

/// Most steps.
const MOST_STEPS: usize = 200;

/// Most halvings of one step.
const MOST_HALVINGS: usize = 30;

/// Decrease that a step must reach, in parts of what the slope promises (Armijo).
const ENOUGH: f64 = 1e-4;

/// Gradient, in parts of that at the start, from which the minimum is found.
const FOUND: f64 = 1e-3;

/// A step and the change of the gradient along it.
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    curvature: f64,
}

/// Where `value` is least, from `start`. `value` returns the value at a point and writes its gradient.
///
/// Where a value or a gradient is no number, it returns the best point before that.
#[must_use]
pub fn minimum(start: Vec<f64>, mut value: impl FnMut(&[f64], &mut [f64]) -> f64) -> Vec<f64> {
    let mut at = start;
    let mut gradient = vec![0.0; at.len()];
    let mut height = value(&at, &mut gradient);
    let found = FOUND * norm(&gradient).max(f64::MIN_POSITIVE);
    let mut pairs: VecDeque<Pair> = VecDeque::with_capacity(MEMORY);
    let (mut next, mut next_gradient) = (at.clone(), gradient.clone());
    for _ in 0..MOST_STEPS {
        if norm(&gradient) <= found {
            break;
        }
        let direction = direction(&gradient, &pairs);
        let slope = dot(&gradient, &direction);
        if slope.is_nan() || slope >= 0.0 {
            break;
        }
        // Without a memory the direction has the length of the gradient, which says nothing of the distance.
        let mut length = if pairs.is_empty() { 1.0 / norm(&gradient).max(1.0) } else { 1.0 };
        let mut lower = None;
        for _ in 0..MOST_HALVINGS {
            for ((next, at), along) in next.iter_mut().zip(&at).zip(&direction) {
                *next = length.mul_add(*along, *at);
            }
            let there = value(&next, &mut next_gradient);
            if there <= height + ENOUGH * length * slope {
                lower = Some(there);
                break;
            }
            length *= 0.5;
        }
        let Some(there) = lower else { break };
        let step: Vec<f64> = next.iter().zip(&at).map(|(next, at)| next - at).collect();
        let change: Vec<f64> = next_gradient.iter().zip(&gradient).map(|(next, now)| next - now).collect();
        let curvature = dot(&step, &change);
        if curvature > 0.0 {
            if pairs.len() == MEMORY {
                pairs.pop_front();
            }
            pairs.push_back(Pair { step, change, curvature });
        }
        std::mem::swap(&mut at, &mut next);
        std::mem::swap(&mut gradient, &mut next_gradient);
        height = there;
    }
    at
}

/// Downhill, by the curvature that the pairs show.
fn direction(gradient: &[f64], pairs: &VecDeque<Pair>) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|slope| -slope).collect();
    let mut shares = Vec::with_capacity(pairs.len());
    for pair in pairs.iter().rev() {
        let share = dot(&pair.step, &direction) / pair.curvature;
        add(&mut direction, -share, &pair.change);
        shares.push(share);
    }
    if let Some(newest) = pairs.back() {
        let scale = newest.curvature / dot(&newest.change, &newest.change);
        for value in &mut direction {
            *value *= scale;
        }
    }
    for (pair, share) in pairs.iter().zip(shares.into_iter().rev()) {
        let again = dot(&pair.change, &direction) / pair.curvature;
        add(&mut direction, share - again, &pair.step);
    }
    direction
}

/// Scalar product. Eight sums side by side, so that the compiler can use vector instructions.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

/// `to` += `times` x `what`.
pub(super) fn add(to: &mut [f64], times: f64, what: &[f64]) {
    for (to, what) in to.iter_mut().zip(what) {
        *to += times * what;
    }
}

fn norm(values: &[f64]) -> f64 {
    dot(values, values).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_number_ends_the_search_where_it_began() {
        assert_eq!(minimum(vec![1.0, 2.0], |_, _| f64::NAN), [1.0, 2.0]);
        assert!(minimum(Vec::new(), |_, _| 0.0).is_empty());
    }

    proptest! {
        #[test]
        fn the_minimum_of_a_bowl_is_its_bottom(
            bottom in prop::collection::vec(-5.0..5.0_f64, 1..30), stretch in 1.0..300.0_f64,
        ) {
            let steep = |at: usize| if at.is_multiple_of(2) { 1.0 } else { stretch };
            let found = minimum(vec![0.0; bottom.len()], |point, gradient| {
                for (at, slope) in gradient.iter_mut().enumerate() {
                    *slope = steep(at) * (point[at] - bottom[at]);
                }
                point.iter().enumerate().map(|(at, x)| 0.5 * steep(at) * (x - bottom[at]).powi(2)).sum()
            });
            // No slope is left but a small part of the first; in the flattest direction that is the distance.
            let first: Vec<f64> = bottom.iter().enumerate().map(|(at, bottom)| steep(at) * bottom).collect();
            for (at, (found, bottom)) in found.iter().zip(&bottom).enumerate() {
                let left = FOUND * norm(&first) / steep(at);
                prop_assert!((found - bottom).abs() <= left + 1e-9, "{found} is not {bottom}");
            }
        }
    }
}
