//! Prevalence correction of the classifier's answers: what it must fix, and what it must not hide.

use std::collections::BTreeMap;

use crate::common::{models_folder, real};
use leukoscope::domain::class::CellClass::{self, *};
use leukoscope::domain::prevalence_mode::PrevalenceMode;
use leukoscope::vision::Vision;
use leukoscope::vision::models::Models;
use leukoscope::vision::prediction::{BLAST_KEPT, Prediction};
use leukoscope::vision::prevalence::{ENOUGH_FOR_A_SAMPLE, MOST_ODDS, PSEUDO_COUNT, PriorShift, SURE, TEMPER};
use proptest::prelude::*;

/// The classes of the shipped model, which has no answer of its own for blasts.
const CLASSES: [CellClass; 17] = [Bas, Ebo, Eos, Ksc, Lya, Lyt, Mmz, Mob, Mon, Myb, Myo, Ngb, Ngs, Pmb, Pmo, Plt, Unk];

/// All classes equally frequent.
const EVEN: [f64; 17] = [1.0 / 17.0; 17];

const UNKNOWN_BELOW: f64 = 0.67;

fn correction(form: impl Into<Option<PrevalenceMode>>) -> PriorShift {
    PriorShift::new(form.into(), &CLASSES, Some(&EVEN), UNKNOWN_BELOW)
}

/// A prediction with these probabilities, the rest spread over all classes.
fn opinion(probabilities: &[(CellClass, f64)]) -> Prediction {
    let rest = (1.0 - probabilities.iter().map(|(_, p)| p).sum::<f64>()) / 17.0;
    let of = |class: CellClass| probabilities.iter().find(|(other, _)| *other == class).map_or(0.0, |(_, p)| *p);
    let mut ranked: Vec<_> = CLASSES.iter().map(|class| (*class, of(*class) + rest)).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    Prediction::of(ranked, UNKNOWN_BELOW)
}

/// The classes a true class is taken for, roughly as a classifier of single cells confuses them: (answer, frequency).
fn taken_for(truth: CellClass) -> Vec<(CellClass, f64)> {
    match truth {
        Ngs => vec![(Ngs, 0.80), (Ngb, 0.14), (Mmz, 0.02), (Eos, 0.02), (Mon, 0.01), (Unk, 0.01)],
        Ngb => vec![(Ngb, 0.82), (Ngs, 0.08), (Mmz, 0.07), (Mon, 0.03)],
        Lyt => vec![(Lyt, 0.90), (Lya, 0.03), (Ebo, 0.02), (Mon, 0.02), (Myo, 0.02), (Ksc, 0.01)],
        Mon => vec![(Mon, 0.88), (Mob, 0.04), (Myb, 0.03), (Lya, 0.02), (Mmz, 0.03)],
        Eos => vec![(Eos, 0.95), (Ngs, 0.03), (Bas, 0.02)],
        Myo => vec![(Myo, 0.85), (Mob, 0.05), (Lyt, 0.04), (Pmo, 0.03), (Lya, 0.03)],
        Mob => vec![(Mob, 0.75), (Mon, 0.13), (Myo, 0.08), (Pmo, 0.04)],
        Pmb => vec![(Pmb, 0.78), (Pmo, 0.10), (Myo, 0.08), (Mon, 0.04)],
        Pmo => vec![(Pmo, 0.75), (Myb, 0.15), (Pmb, 0.04), (Myo, 0.03), (Mon, 0.03)],
        other => vec![(other, 0.97), (Unk, 0.03)],
    }
}

/// Predictions of a calibrated network for the cells of `slide`, each with its truth: answers are as frequent as in the
/// confusion matrix, with the probabilities that equally frequent classes imply.
fn slide(slide: &[(CellClass, usize)], dice: &mut fastrand::Rng) -> Vec<(CellClass, Prediction)> {
    let chance = |truth: CellClass, taken: CellClass| {
        taken_for(truth).iter().find(|(class, _)| *class == taken).map_or(0.002, |(_, p)| *p)
    };
    let mut cells = Vec::new();
    for (truth, count) in slide {
        for _ in 0..*count {
            let mut left = dice.f64();
            let answers = taken_for(*truth);
            let taken = answers.iter().find(|(_, p)| {
                left -= p;
                left <= 0.0
            });
            let taken = taken.map_or(*truth, |(class, _)| *class);
            // Sharper or flatter than the matrix from cell to cell, as real answers are; correct on average.
            let sharpness = 0.7 + 0.6 * dice.f64();
            let weights: Vec<f64> = CLASSES.iter().map(|class| chance(*class, taken).powf(sharpness)).collect();
            let sum: f64 = weights.iter().sum();
            let mut ranked: Vec<_> = CLASSES.iter().copied().zip(weights.iter().map(|weight| weight / sum)).collect();
            ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
            cells.push((*truth, Prediction::of(ranked, UNKNOWN_BELOW)));
        }
    }
    cells
}

/// Number of cells of `truth` whose forced answer is one of `answers`, uncorrected and corrected.
fn named(cells: &[(CellClass, Prediction)], truth: CellClass, answers: &[CellClass]) -> (usize, usize) {
    let of = |opinion: &dyn Fn(&Prediction) -> CellClass| {
        cells.iter().filter(|(own, said)| *own == truth && answers.contains(&opinion(said))).count()
    };
    (of(&|said| said.raw().forced()), of(&Prediction::forced))
}

fn corrected(
    cells: Vec<(CellClass, Prediction)>,
    form: PrevalenceMode,
) -> (Vec<(CellClass, Prediction)>, BTreeMap<CellClass, f64>) {
    corrected_by(&correction(form), cells)
}

fn corrected_by(
    correction: &PriorShift,
    mut cells: Vec<(CellClass, Prediction)>,
) -> (Vec<(CellClass, Prediction)>, BTreeMap<CellClass, f64>) {
    let prevalence = correction.correct_all(cells.iter_mut().map(|(_, opinion)| opinion));
    (cells, prevalence.report().percent)
}

const IMMATURE: [CellClass; 4] = [Bla, Pmo, Myb, Mmz];

#[test]
fn blasts_of_a_slide_that_has_them_are_kept() {
    let blasts = [Myo, Mob, Pmb, Pmo];
    for (percent, least) in [(5, 0.9), (20, 0.95)] {
        for blast in blasts {
            let (mut before, mut after, mut estimated) = (0, 0, 0.0);
            for seed in 0..20 {
                let rest = 200 - 2 * percent;
                let (ngs, lyt) = (rest * 58 / 100, rest * 30 / 100);
                let mix = [(blast, 2 * percent), (Ngs, ngs), (Lyt, lyt), (Mon, rest / 15), (Eos, rest / 33), (Ngb, 4)];
                let (cells, shares) =
                    corrected(slide(&mix, &mut fastrand::Rng::with_seed(seed)), PrevalenceMode::Sample);
                let (alone, with) = named(&cells, blast, &[Bla, Pmo]);
                before += alone;
                after += with;
                estimated += shares[&blast.answered_as()] / 20.0;
            }
            let all = 20 * 2 * percent;
            println!("{percent} % {blast}: {before} of {all} alone, {after} corrected, estimated {estimated:.1} %");
            assert!(after as f64 >= least * before as f64, "{percent} % {blast}: {before} of {all} became {after}");
            // Of promyelocytes the network names 15 % myelocytes, and what it is sure of counts as that.
            let off = if blast == Pmo { 0.5 } else { 0.35 };
            assert!((estimated - percent as f64).abs() < off * percent as f64, "{percent} % {blast}: {estimated}");
        }
    }
}

#[test]
fn normal_blood_loses_most_of_the_false_immature_cells_that_the_network_doubts_and_none_that_it_is_sure_of() {
    let mix = [(Ngs, 120), (Ngb, 6), (Lyt, 56), (Mon, 12), (Eos, 6)];
    let [mut sure, mut doubted] = [(0, 0); 2];
    for seed in 0..20 {
        let (cells, _) = corrected(slide(&mix, &mut fastrand::Rng::with_seed(seed)), PrevalenceMode::Sample);
        let (of_sure, of_doubted): (Vec<_>, Vec<_>) =
            cells.into_iter().partition(|(_, said)| said.raw().probability >= SURE);
        for (cells, (before, after)) in [(of_sure, &mut sure), (of_doubted, &mut doubted)] {
            for truth in [Ngs, Ngb, Lyt, Mon, Eos] {
                let (alone, with) = named(&cells, truth, &IMMATURE);
                *before += alone;
                *after += with;
            }
        }
    }
    println!("false immature cells, alone and corrected: sure {sure:?}, doubted {doubted:?}");
    assert_eq!(sure.0, sure.1);
    assert!(doubted.1 * 2 < doubted.0, "{doubted:?}");
}

#[test]
fn a_blast_the_network_is_sure_of_stays_one_and_is_shown_as_such() {
    // Among two hundred lymphocytes the composition alone would turn it into a lymphocyte.
    let mut opinions = vec![opinion(&[(Lyt, 0.98)]); 200];
    opinions.push(opinion(&[(Myo, 0.69), (Lyt, 0.30)]));
    correction(PrevalenceMode::Sample).correct_all(&mut opinions);
    let kept = &opinions[200];
    assert_eq!((kept.class, kept.kept, kept.ranked[0].0), (Bla, true, Lyt));
    assert_eq!((kept.forced(), kept.other_answer().unwrap().class), (Bla, Bla));
    assert!(kept.probability < 0.3, "the probability is the corrected one: {}", kept.probability);
    assert_eq!(kept.to_string(), format!("BLA {:.0} % (uncorrected 69 %)", kept.probability * 100.0));
    assert!(BLAST_KEPT.contains("uncorrected"));
    // A blast that the network itself would not have named is not kept.
    let doubtful = opinion(&[(Myo, 0.6), (Lyt, 0.38)]);
    assert_eq!(doubtful.class, Unk);
    let mut opinions = vec![opinion(&[(Lyt, 0.98)]); 200];
    opinions.push(doubtful);
    correction(PrevalenceMode::Sample).correct_all(&mut opinions);
    assert_eq!((opinions[200].class, opinions[200].kept), (Lyt, false));
}

#[test]
fn blasts_lead_together_whether_or_not_the_model_has_an_answer_of_its_own_for_them() {
    let today = vec![(Lyt, 0.3), (Myo, 0.28), (Mob, 0.22), (Pmb, 0.2)];
    let coming = vec![(Bla, 0.35), (Lyt, 0.3), (Myo, 0.2), (Mob, 0.15)];
    for ranked in [today, coming] {
        let said = Prediction::of(ranked.clone(), UNKNOWN_BELOW);
        assert_eq!((said.class, said.forced(), &said.ranked), (Bla, Bla, &ranked));
        assert!((said.probability - 0.7).abs() < 1e-9);
        assert_eq!(said.to_string(), "BLA 70 %");
    }
    let unsure = Prediction::of(vec![(Lyt, 0.4), (Myo, 0.3), (Mob, 0.3)], UNKNOWN_BELOW);
    assert_eq!((unsure.class, unsure.forced(), unsure.to_string()), (Unk, Bla, "UNK (BLA 60 %)".to_owned()));
    let other = Prediction::of(vec![(Lyt, 0.7), (Myo, 0.15), (Mob, 0.15)], UNKNOWN_BELOW);
    assert_eq!(other.class, Lyt);
}

#[test]
fn a_basophil_the_network_is_sure_of_stays_one_among_blasts_and_a_single_doubtful_cell_does_not() {
    let mut opinions = vec![opinion(&[(Myo, 0.97)]); 100];
    opinions.push(opinion(&[(Bas, 0.91), (Myo, 0.08)]));
    opinions.push(opinion(&[(Bas, 0.5), (Mob, 0.45)]));
    correction(PrevalenceMode::Sample).correct_all(&mut opinions);
    let [.., sure, doubtful] = &opinions[..] else { panic!("two cells") };
    assert_eq!((sure.class, sure.kept), (Bas, true));
    assert!((sure.probability - sure.raw().probability).abs() < 1e-12, "its probability is the network's");
    assert_eq!((doubtful.class, doubtful.raw().class), (Bla, Unk));
}

#[test]
fn bands_among_segmented_neutrophils_are_still_there_after_the_correction() {
    let mut opinions = vec![opinion(&[(Ngs, 0.78), (Ngb, 0.2)]); 23];
    opinions.extend(vec![opinion(&[(Ngb, 0.70), (Ngs, 0.28)]); 7]);
    opinions.extend(vec![opinion(&[(Lyt, 0.95)]); 20]);
    correction(PrevalenceMode::Sample).correct_all(&mut opinions);
    let bands = opinions.iter().filter(|opinion| opinion.class == Ngb).count();
    assert_eq!(bands, 7);
}

/// Distance of the named cells' shares from the truth, 0..=1 (total variation), by the network alone and corrected.
fn distances(cells: &[(CellClass, Prediction)]) -> (f64, f64) {
    let share = |of: &dyn Fn(&(CellClass, Prediction)) -> CellClass, class: CellClass| {
        let named: Vec<CellClass> = cells.iter().map(of).filter(|class| class.in_differential()).collect();
        named.iter().filter(|named| **named == class).count() as f64 / named.len().max(1) as f64
    };
    let from_truth = |of: &dyn Fn(&(CellClass, Prediction)) -> CellClass| {
        let off = |class: &CellClass| (share(&|cell| cell.0.answered_as(), *class) - share(of, *class)).abs();
        CellClass::ALL.iter().map(off).sum::<f64>() / 2.0
    };
    (from_truth(&|(_, said)| said.raw().class), from_truth(&|(_, said)| said.class))
}

/// What two readings of 100 cells may differ in without meaning anything: half an exact 95 % interval at 1 %.
const EQUAL: f64 = 0.027;

#[test]
fn samples_of_one_kind_and_usual_blood_are_counted_no_further_from_the_truth_than_by_the_network_alone() {
    let usual = [(Ngs, 58), (Ngb, 3), (Lyt, 29), (Mon, 6), (Eos, 4)];
    let shift = [(Ngs, 45), (Ngb, 20), (Lyt, 20), (Mon, 5), (Mmz, 5), (Myb, 3), (Eos, 2)];
    let samples: [(&str, &[(CellClass, usize)]); 8] = [
        ("myeloblasts", &[(Myo, 100)]),
        ("monoblasts", &[(Mob, 100)]),
        ("half blasts", &[(Myo, 30), (Mob, 20), (Lyt, 30), (Ngs, 20)]),
        ("eosinophils", &[(Eos, 100)]),
        ("bands", &[(Ngb, 100)]),
        ("left shift", &shift),
        ("usual blood", &usual),
        ("usual blood, 20 cells", &[(Ngs, 12), (Lyt, 6), (Mon, 1), (Eos, 1)]),
    ];
    for (name, mix) in samples {
        let (mut alone, mut with) = (0.0, 0.0);
        for seed in 0..20 {
            let cells = slide(mix, &mut fastrand::Rng::with_seed(seed));
            let (by_network, corrected) = distances(&corrected(cells, PrevalenceMode::Sample).0);
            alone += by_network / 20.0;
            with += corrected / 20.0;
        }
        println!("{name}: {alone:.3} from the truth by the network alone, {with:.3} corrected");
        assert!(with <= alone + EQUAL, "{name}: {alone:.3} became {with:.3}");
    }
}

/// Real cells (Acevedo et al. 2020, `test`; public data names no patients) through the shipped networks. There are no
/// blasts among them.
#[test]
fn real_samples_of_one_kind_and_usual_blood_are_counted_no_further_from_the_truth_than_by_the_network_alone() {
    let Some(folder) = real("cells/pbc/test") else { return };
    // The scale of these images, which spares the search for it.
    let models = Models::read(&models_folder()).unwrap();
    let vision = Vision::new(&models, Some(0.145), None).unwrap();
    let said = |class: CellClass, count: usize| -> Vec<(CellClass, Prediction)> {
        let mut paths: Vec<_> =
            std::fs::read_dir(folder.join(class.code())).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let crops = paths.iter().take(count).map(|path| {
            let balanced = vision.balanced(&image::open(path).unwrap().to_rgb8());
            let scale = vision.scale(&balanced).unwrap();
            vision.middle(&balanced, scale).unwrap()
        });
        vision.classify(&crops.collect::<Vec<_>>(), None).unwrap().into_iter().map(|opinion| (class, opinion)).collect()
    };
    let (ngs, ngb, lyt, mon, eos) = (said(Ngs, 58), said(Ngb, 60), said(Lyt, 29), said(Mon, 6), said(Eos, 60));
    let usual = [&ngs[..], &ngb[..3], &lyt[..], &mon[..], &eos[..4]].concat();
    let shift = [&ngs[..40], &ngb[..20], &lyt[..], &mon[..]].concat();
    for (name, cells) in [("eosinophils", eos), ("bands", ngb), ("usual blood", usual), ("left shift", shift)] {
        let (cells, _) = corrected_by(&vision.correction(Some(PrevalenceMode::Sample)), cells);
        let (alone, with) = distances(&cells);
        let bands = |of: &dyn Fn(&Prediction) -> CellClass| cells.iter().filter(|(_, said)| of(said) == Ngb).count();
        println!(
            "real {name}: {alone:.3} from the truth by the network alone, {with:.3} corrected; bands {} and {} of {}",
            bands(&|said| said.raw().class),
            bands(&|said| said.class),
            cells.len()
        );
        assert!(with <= alone + EQUAL, "{name}: {alone:.3} became {with:.3}");
    }
}

#[test]
fn a_single_image_is_only_nudged() {
    let mut one = [opinion(&[(Myb, 0.5), (Ngs, 0.4)])];
    let prevalence = correction(None).correct_all(&mut one);
    assert_eq!(prevalence.form(), PrevalenceMode::Blood);
    let odds = |opinion: &Prediction| {
        let of = |class| opinion.ranked.iter().find(|(other, _)| *other == class).unwrap().1;
        of(Ngs) / of(Myb)
    };
    let change = odds(&one[0]) / odds(one[0].raw());
    // Bands and segmented neutrophils move as one, and no odds by more than the bound.
    let neutrophils = f64::midpoint(Ngs.in_blood(), Ngb.in_blood());
    assert!((change - MOST_ODDS.min(neutrophils / Myb.in_blood()).powf(TEMPER)).abs() < 1e-9, "{change}");
}

#[test]
fn enough_white_cells_make_a_sample() {
    let form = |count: u32| {
        let mut opinions = vec![opinion(&[(Ngs, 0.9)]); count as usize];
        opinions.extend(vec![opinion(&[(Plt, 0.99)]); 50]);
        correction(None).correct_all(&mut opinions).form()
    };
    assert_eq!(
        (form(ENOUGH_FOR_A_SAMPLE - 1), form(ENOUGH_FOR_A_SAMPLE)),
        (PrevalenceMode::Blood, PrevalenceMode::Sample)
    );
}

#[test]
fn without_shares_of_training_nothing_changes_and_it_is_said() {
    let before = vec![opinion(&[(Myb, 0.5), (Ngs, 0.4)]); 30];
    let mut after = before.clone();
    let correction = PriorShift::new(Some(PrevalenceMode::Sample), &CLASSES, None, UNKNOWN_BELOW);
    let report = correction.correct_all(&mut after).report();
    assert_eq!(before, after);
    assert_eq!(report.form, PrevalenceMode::None);
    assert!(report.note.unwrap().contains("model.toml"));
}

#[test]
fn the_estimate_of_a_sure_sample_is_its_counts_and_the_pseudo_count() {
    let mut opinions = vec![Prediction::of(vec![(Ngs, 1.0), (Lyt, 0.0)], 0.5); 30];
    opinions.extend(vec![Prediction::of(vec![(Lyt, 1.0), (Ngs, 0.0)], 0.5); 10]);
    let correction = PriorShift::new(Some(PrevalenceMode::Sample), &[Ngs, Lyt], Some(&[0.7, 0.3]), 0.5);
    let report = correction.correct_all(&mut opinions).report();
    let blood = Ngs.in_blood() / (Ngs.in_blood() + Lyt.in_blood());
    let expected = 100.0 * (30.0 + PSEUDO_COUNT * blood) / (40.0 + PSEUDO_COUNT);
    assert!((report.percent[&Ngs] - expected).abs() < 0.01, "{report}");
    assert_eq!(report.cells, 40);
}

fn any_opinion() -> impl Strategy<Value = Prediction> {
    prop::collection::vec(0.0..1.0_f64, 17).prop_map(|weights| {
        let weights: Vec<f64> = weights.into_iter().map(|weight| weight.powi(4) + 1e-9).collect();
        let sum: f64 = weights.iter().sum();
        let mut ranked: Vec<_> = CLASSES.iter().copied().zip(weights.into_iter().map(|weight| weight / sum)).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        Prediction::of(ranked, UNKNOWN_BELOW)
    })
}

proptest! {
    #[test]
    fn corrected_probabilities_add_up_and_leave_platelets_and_unknown_alone(
        opinions in prop::collection::vec(any_opinion(), 1..40), form in 0..3_usize,
    ) {
        let form = [PrevalenceMode::None, PrevalenceMode::Blood, PrevalenceMode::Sample][form];
        let mut corrected = opinions.clone();
        let report = correction(form).correct_all(&mut corrected).report();
        for (before, after) in opinions.iter().zip(&corrected) {
            prop_assert_eq!(after.raw(), before);
            prop_assert!((after.ranked.iter().map(|(_, p)| p).sum::<f64>() - 1.0).abs() < 1e-9);
            prop_assert!(after.ranked.windows(2).all(|pair| pair[0].1 >= pair[1].1));
            let of = |opinion: &Prediction, class| opinion.ranked.iter().find(|(other, _)| *other == class).unwrap().1;
            for class in [Plt, Unk] {
                prop_assert!((of(before, class) - of(after, class)).abs() < 1e-12);
            }
            prop_assert!(before.class != Bla || after.class == Bla);
            // What the network is sure of stands, and bands are told from segmented neutrophils by the network alone.
            prop_assert!(before.ranked[0].1 < SURE || after.class == before.class);
            let blasts: f64 = [Myo, Mob, Pmb].map(|class| of(before, class)).iter().sum();
            prop_assert!(blasts < SURE || after.class == Bla);
            let bands = |opinion: &Prediction| of(opinion, Ngb) / (of(opinion, Ngb) + of(opinion, Ngs));
            prop_assert!((bands(before) - bands(after)).abs() < 1e-9);
        }
        let sum: f64 = report.percent.values().sum();
        prop_assert!(form == PrevalenceMode::None || (sum - 100.0).abs() < 0.05, "{}", sum);
    }

    #[test]
    fn correcting_twice_is_correcting_once(opinions in prop::collection::vec(any_opinion(), 25)) {
        let mut once = opinions;
        correction(PrevalenceMode::Sample).correct_all(&mut once);
        let mut twice = once.clone();
        correction(PrevalenceMode::Sample).correct_all(&mut twice);
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn a_network_that_answers_nonsense_harms_nothing(bad in prop::sample::select(vec![f64::NAN, f64::INFINITY, 0.0])) {
        let mut opinions = vec![opinion(&[(Ngs, 0.9)]); 25];
        opinions.push(Prediction::of(CLASSES.iter().map(|class| (*class, bad)).collect(), UNKNOWN_BELOW));
        let report = correction(PrevalenceMode::Sample).correct_all(&mut opinions).report();
        prop_assert!(report.percent.values().all(|share| share.is_finite()));
        prop_assert!(opinions[..25].iter().all(|opinion| opinion.class == Ngs));
    }
}
