//! How often the corrected intervals hold the truth, in simulated samples and matrices; see [`super::coverage`].

use fastrand::Rng;
use leukoscope::counting::statistics::confusion::{ConfusionMatrix, ConfusionSource};
use leukoscope::counting::statistics::correction::MisclassificationCorrection;
use leukoscope::counting::statistics::interval::{LEVEL, exact};
use leukoscope::domain::class::CellClass::{self, Bas, Ebo, Eos, Lyt, Mmz, Mon, Myb, Ngb, Ngs, Pmo, Unk};
use std::collections::BTreeMap;

use crate::coverage::{Differential, LEFT_SHIFT, TARGETS, at_least, draw, holds};

/// The error pattern of the shipped classifier: neighbours in maturation, and unclassified cells.
fn rates() -> BTreeMap<CellClass, Vec<(CellClass, f64)>> {
    BTreeMap::from([
        (Bas, vec![(Bas, 0.93), (Ngs, 0.01), (Unk, 0.06)]),
        (Ebo, vec![(Ebo, 0.94), (Lyt, 0.02), (Unk, 0.04)]),
        (Eos, vec![(Eos, 0.97), (Ngs, 0.01), (Unk, 0.02)]),
        (Lyt, vec![(Lyt, 0.93), (Ebo, 0.01), (Mon, 0.01), (Unk, 0.05)]),
        (Mmz, vec![(Mmz, 0.72), (Myb, 0.08), (Ngb, 0.06), (Unk, 0.14)]),
        (Mon, vec![(Mon, 0.91), (Lyt, 0.01), (Mmz, 0.02), (Unk, 0.06)]),
        (Myb, vec![(Myb, 0.74), (Mmz, 0.08), (Pmo, 0.06), (Unk, 0.12)]),
        (Ngb, vec![(Ngb, 0.80), (Ngs, 0.08), (Mmz, 0.03), (Unk, 0.09)]),
        (Ngs, vec![(Ngs, 0.88), (Ngb, 0.06), (Unk, 0.06)]),
        (Pmo, vec![(Pmo, 0.80), (Myb, 0.08), (Unk, 0.12)]),
    ])
}

/// A matrix measured on `cells` cells of each class.
fn measured(rates: &BTreeMap<CellClass, Vec<(CellClass, f64)>>, cells: u32, dice: &mut Rng) -> ConfusionSource {
    let answers: Vec<CellClass> = rates.keys().copied().chain([Unk]).collect();
    let row = |rates: &Vec<(CellClass, f64)>, dice: &mut Rng| {
        let counts = draw(rates, cells, dice);
        answers.iter().map(|class| counts.get(class).copied().unwrap_or(0)).collect()
    };
    ConfusionSource::Matrix(ConfusionMatrix {
        measured_on: String::new(),
        classifier_sha256: String::new(),
        unknown_below: 0.5,
        cells: rates.iter().map(|(class, rates)| (*class, row(rates, dice))).collect(),
        answers,
    })
}

/// For one class: samples whose interval holds the truth, counted and corrected; sums of both figures and both widths.
#[derive(Clone, Copy, Default)]
struct Held {
    counted: u32,
    corrected: u32,
    figures: [f64; 2],
    widths: [f64; 2],
}

/// Counted and corrected percentages against the truth, by class; and how many samples were corrected at all.
fn correction(
    differential: Differential,
    [n, tested, samples]: [u32; 3],
    draws: usize,
    dice: &mut Rng,
) -> (BTreeMap<CellClass, Held>, u32) {
    let rates = rates();
    let (mut held, mut corrected_samples) = (BTreeMap::<CellClass, Held>::new(), 0);
    for _ in 0..samples {
        let matrix = measured(&rates, tested, dice);
        let mut answers = BTreeMap::new();
        // The target counts only named cells.
        while answers.iter().filter(|(class, _)| **class != Unk).map(|(_, count)| count).sum::<u32>() < n {
            let truth = *draw(differential, 1, dice).keys().next().unwrap();
            let answer = *draw(&rates[&truth], 1, dice).keys().next().unwrap();
            *answers.entry(answer).or_insert(0) += 1;
        }
        let corrected = MisclassificationCorrection::with_draws(&answers, &matrix, draws).unwrap();
        if corrected.note.is_some() {
            continue;
        }
        corrected_samples += 1;
        for (class, share) in differential {
            let truth = 100.0 * share;
            let counted = exact(answers.get(class).copied().unwrap_or(0), n, LEVEL).scaled(100.0);
            let corrected = corrected.percent[class];
            let of = held.entry(*class).or_default();
            of.counted += u32::from(holds(counted, truth));
            of.corrected += u32::from(holds(corrected, truth));
            of.figures = [of.figures[0] + counted.value, of.figures[1] + corrected.value];
            of.widths = [of.widths[0] + counted.width(), of.widths[1] + corrected.width()];
        }
    }
    (held, corrected_samples)
}

fn corrections(samples: u32, draws: usize, tested: &[u32]) {
    let mut dice = Rng::with_seed(3);
    let normal: Differential = &[(Ngs, 0.58), (Lyt, 0.30), (Mon, 0.06), (Ngb, 0.03), (Eos, 0.025), (Bas, 0.005)];
    for (sample, differential) in [("normal", normal), ("left shift", LEFT_SHIFT)] {
        for n in TARGETS {
            for tested in tested {
                let (held, of) = correction(differential, [n, *tested, samples], draws, &mut dice);
                println!("{sample}, {n} cells, matrix of {tested} cells a class: {of} of {samples} corrected");
                assert!(f64::from(of) > 0.9 * f64::from(samples), "{of} of {samples} corrected");
                for (class, share) in differential {
                    let (class_held, of) = (held[class], f64::from(of));
                    let percent = |count: u32| 100.0 * f64::from(count) / of;
                    println!(
                        "  {class} {:.1} %: counted {:.1} %, holds {:.1} %, width {:.1}; corrected {:.1} %, holds {:.1} %, width {:.1}",
                        share * 100.0,
                        class_held.figures[0] / of,
                        percent(class_held.counted),
                        class_held.widths[0] / of,
                        class_held.figures[1] / of,
                        percent(class_held.corrected),
                        class_held.widths[1] / of
                    );
                    let coverage = f64::from(class_held.corrected) / of;
                    assert!(coverage >= at_least(samples), "{sample}, {n} cells, {class}: {coverage}");
                }
            }
        }
    }
}

#[test]
fn corrected_intervals_hold_the_truth_in_95_of_100_samples_and_matrices() {
    corrections(100, 200, &[110]);
}

#[test]
#[ignore = "a figure of docs/statistics.md"]
fn figures_of_the_correction() {
    corrections(1000, 400, &[50, 110, 500]);
}
