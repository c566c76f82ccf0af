//! How often intervals hold the truth, by simulation and, where it can be summed up, exactly.
//!
//! The tests draw few samples, so that they end soon. The figures of `docs/statistics.md` are from
//! `cargo test --release --test coverage -- --ignored --nocapture`.

use std::collections::BTreeMap;

use leukoscope::class::CellClass::{self, Bas, Ebo, Eos, Lya, Lyt, Mmz, Mon, Myb, Myo, Ngb, Ngs, Pmo};
use leukoscope::statistics::interval::{LEVEL, exact};

type Differential = &'static [(CellClass, f64)];

/// Shares of the differential. Middles of reference ranges, a left shift, and an acute leukaemia, each with rare classes.
const NORMAL: Differential =
    &[(Ngs, 0.575), (Lyt, 0.30), (Mon, 0.06), (Ngb, 0.03), (Eos, 0.025), (Bas, 0.005), (Lya, 0.005)];
const LEFT_SHIFT: Differential = &[
    (Ngs, 0.50),
    (Ngb, 0.22),
    (Lyt, 0.12),
    (Mon, 0.06),
    (Mmz, 0.05),
    (Myb, 0.03),
    (Pmo, 0.005),
    (Eos, 0.01),
    (Bas, 0.005),
];
const LEUKAEMIA: Differential =
    &[(Myo, 0.45), (Lyt, 0.30), (Ngs, 0.15), (Mon, 0.05), (Pmo, 0.02), (Myb, 0.015), (Eos, 0.01), (Bas, 0.005)];
const SAMPLES: [(&str, Differential); 3] = [("normal", NORMAL), ("left shift", LEFT_SHIFT), ("leukaemia", LEUKAEMIA)];
const TARGETS: [u32; 3] = [100, 200, 500];

fn draw(shares: &[f64], n: u32, dice: &mut fastrand::Rng) -> Vec<u32> {
    let mut counts = vec![0; shares.len()];
    for _ in 0..n {
        let mut left = dice.f64() * shares.iter().sum::<f64>();
        let last = shares.len() - 1;
        let at = shares
            .iter()
            .position(|share| {
                left -= share;
                left < 0.0
            })
            .unwrap_or(last);
        counts[at] += 1;
    }
    counts
}

/// ln of n choose k, for all k.
fn ln_choose(n: u32) -> Vec<f64> {
    let mut row = vec![0.0];
    for k in 1..=n {
        row.push(row[k as usize - 1] + f64::from(n - k + 1).ln() - f64::from(k).ln());
    }
    row
}

fn binomial_probabilities(n: u32, p: f64) -> Vec<f64> {
    if p <= 0.0 || p >= 1.0 {
        return (0..=n).map(|k| f64::from(u8::from((k == 0) == (p <= 0.0) && (k == 0 || k == n)))).collect();
    }
    ln_choose(n)
        .iter()
        .enumerate()
        .map(|(k, c)| (c + k as f64 * p.ln() + (f64::from(n) - k as f64) * (1.0 - p).ln()).exp())
        .collect()
}

/// The exact probability with which the exact interval of n cells holds p.
fn binomial_coverage(n: u32, p: f64, level: f64) -> f64 {
    let holds = |k: usize| {
        let f = exact(k as u32, n, level);
        f.low <= p && p <= f.high
    };
    binomial_probabilities(n, p)
        .iter()
        .enumerate()
        .filter(|(_, q)| **q > 1e-14)
        .filter(|(k, _)| holds(*k))
        .map(|(_, q)| q)
        .sum()
}

/// Coverage when counting goes on until the interval is no wider than `width`, looked at every `step` cells from `from` on,
/// at most `most` cells; and the mean number of cells. Summed up exactly. Intervals are judged at `level`, the rule at 95 %.
fn stopping(p: f64, width: f64, from: u32, step: u32, most: u32, level: f64) -> (f64, f64) {
    let mut state = vec![0.0; most as usize + 1];
    state[0] = 1.0;
    let (mut n, mut covered, mut cells) = (0, 0.0, 0.0);
    while n < most {
        let add = if n == 0 { from } else { step.min(most - n) };
        let more = binomial_probabilities(add, p);
        let mut next = vec![0.0; most as usize + 1];
        for (k, q) in state.iter().enumerate().filter(|(_, q)| **q > 1e-12) {
            for (m, r) in more.iter().enumerate().filter(|(_, r)| **r > 1e-12) {
                next[k + m] += q * r;
            }
        }
        n += add;
        state = next;
        for k in 0..=n {
            let q = state[k as usize];
            if q > 1e-12 && (n == most || exact(k, n, level).width() <= width) {
                let f = exact(k, n, level);
                if f.low <= p && p <= f.high {
                    covered += q;
                }
                cells += q * f64::from(n);
                state[k as usize] = 0.0;
            }
        }
    }
    (covered, cells)
}

#[test]
#[ignore = "explore"]
fn explore() {
    for level in [0.95, 0.96, 0.97] {
        for (width, from, most) in [(0.02, 100, 1000), (0.05, 100, 1000), (0.10, 100, 500)] {
            for step in [10, 50, 100] {
                let mut worst: (f64, f64) = (1.0, 0.0);
                let mut at = 0.001;
                while at < 0.5 {
                    let (c, _) = stopping(at, width, from, step, most, level);
                    if c < worst.0 {
                        worst = (c, at);
                    }
                    at *= 1.13;
                }
                eprintln!("level {level} width {width} step {step}: worst {:.4} at {:.4}", worst.0, worst.1);
            }
        }
    }
}
