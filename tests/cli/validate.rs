//! Validation figures on cases small enough to work out by hand.

use std::path::PathBuf;

use leukoscope::cli::validate::class_scores::{ClassOutcome, ClassScores};
use leukoscope::cli::validate::field_scores::{FieldOutcome, FieldScores};
use leukoscope::cli::validate::{BoxName, BoxNames, Estimate};
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::domain::geometry::Rect;
use leukoscope::domain::label::Label;
use leukoscope::vision::Cell;
use leukoscope::vision::detect::Detection;
use leukoscope::vision::prediction::Prediction;
use proptest::prelude::*;

use CellClass::{Bas, Eos, Mmz, Ngb, Ngs, Unk};

const CLASSES: [CellClass; 6] = [Bas, Eos, Mmz, Ngb, Ngs, Unk];
const THRESHOLD: f64 = 0.5;

fn label(code: &str) -> Label {
    code.parse().unwrap()
}

fn outcome(code: &str, top: CellClass, probability: f64) -> ClassOutcome {
    let answer = if probability >= THRESHOLD { top } else { Unk };
    ClassOutcome { label: label(code), top, probability, answer }
}

fn scores(outcomes: &[ClassOutcome]) -> ClassScores {
    ClassScores::of(outcomes, &CLASSES, THRESHOLD).unwrap()
}

fn near(estimate: Estimate, value: f64) -> bool {
    (estimate.value - value).abs() < 1e-9 && estimate.low <= value + 1e-9 && value <= estimate.high + 1e-9
}

#[test]
fn accuracy_counts_cells_and_balanced_accuracy_counts_labels() {
    // EOS: 3 of 4 right. BAS: 1 of 2.
    let scores = scores(&[
        outcome("EOS", Eos, 0.9),
        outcome("EOS", Eos, 0.9),
        outcome("EOS", Eos, 0.4),
        outcome("EOS", Bas, 0.9),
        outcome("BAS", Bas, 0.9),
        outcome("BAS", Eos, 0.3),
    ]);
    assert!(near(scores.means.accuracy, 4.0 / 6.0));
    assert!(near(scores.means.balanced_accuracy, f64::midpoint(0.75, 0.5)));
    // EOS: precision 3/4, recall 3/4, F1 3/4. BAS: precision 1/2, recall 1/2, F1 1/2.
    assert!(near(scores.means.macro_f1, 0.625));
    let [bas, eos] = &scores.labels[..] else { panic!("two labels") };
    assert!(near(eos.recall, 0.75) && near(eos.precision.unwrap(), 0.75) && eos.withheld == 1);
    assert!(near(bas.recall, 0.5) && near(bas.precision.unwrap(), 0.5) && bas.withheld == 1);
}

#[test]
fn the_matrix_shows_names_withheld_and_the_forced_one_does_not() {
    let scores = scores(&[outcome("EOS", Eos, 0.9), outcome("EOS", Bas, 0.4), outcome("EOS", Unk, 0.8)]);
    assert_eq!(scores.confusion.columns, CLASSES);
    assert_eq!(scores.confusion.counts, [[0, 1, 0, 0, 0, 2]]);
    assert_eq!(scores.confusion_forced.counts, [[1, 1, 0, 0, 0, 1]]);
    assert!(near(scores.coverage.answered, 1.0 / 3.0));
    assert!(near(scores.coverage.accuracy.unwrap(), 1.0));
    assert!(near(scores.means.accuracy, 1.0 / 3.0), "taking a cell for no cell is a wrong answer");
}

#[test]
fn a_group_label_counts_in_the_mean_only_where_its_classes_have_no_cells() {
    let grouped_only = scores(&[outcome("NEU", Ngb, 0.9), outcome("NEU", Eos, 0.9), outcome("EOS", Eos, 0.9)]);
    assert!(near(grouped_only.means.balanced_accuracy, f64::midpoint(0.5, 1.0)));
    assert!(grouped_only.labels.iter().all(|score| score.in_means));

    let both = scores(&[
        outcome("NEU", Ngb, 0.9),
        outcome("NEU", Eos, 0.9),
        outcome("NGS", Ngb, 0.9),
        outcome("EOS", Eos, 0.9),
    ]);
    assert!(near(both.means.balanced_accuracy, f64::midpoint(0.0, 1.0)), "NGS 0 and EOS 1; NEU is left out");
    assert!(near(both.means.accuracy, 0.5), "every cell counts in the accuracy");
    let left_out: Vec<_> = both.labels.iter().filter(|score| !score.in_means).map(|score| score.label).collect();
    assert_eq!(left_out, [label("NEU")]);
}

#[test]
fn a_cell_that_may_be_of_a_class_does_not_spoil_its_precision() {
    let scores = scores(&[
        outcome("NGS", Ngs, 0.9),
        outcome("NEU", Ngs, 0.9), // may be segmented or not
        outcome("EOS", Ngs, 0.9),
    ]);
    let precision = |code: &str| scores.labels.iter().find(|s| s.label == label(code)).unwrap().precision.unwrap();
    assert!(near(precision("NGS"), 0.5), "NGS right, EOS wrong, NEU left out");
    assert!(near(precision("NEU"), 2.0 / 3.0), "a segmented one is a neutrophil");
}

#[test]
fn in_groups_a_band_taken_for_a_segmented_one_is_right() {
    let outcomes =
        [outcome("NGB", Ngs, 0.9), outcome("NEU", Ngs, 0.9), outcome("IG", Eos, 0.9), outcome("MMZ", Mmz, 0.9)];
    let scores = scores(&outcomes);
    assert!(near(scores.means.accuracy, 0.5));
    assert!(near(scores.group_accuracy.unwrap(), 0.75));
    assert!(near(scores.group_balanced_accuracy.unwrap(), f64::midpoint(1.0, 0.5)));
    let groups: Vec<_> = scores.groups.unwrap().iter().map(|score| (score.label.code(), score.n)).collect();
    assert_eq!(groups, [("NEU", 2), ("IG", 2)]);
}

#[test]
fn a_blast_of_any_line_that_is_answered_as_a_blast_is_right() {
    let blast = |code: &str| outcome(code, CellClass::Bla, 0.9);
    let outcomes =
        [blast("MYO"), blast("MOB"), blast("BLA"), outcome("MYO", Eos, 0.9), outcome("EOS", CellClass::Bla, 0.9)];
    let classes = [Eos, CellClass::Mob, CellClass::Myo, Unk];
    let scores = ClassScores::of(&outcomes, &classes, THRESHOLD).unwrap();
    assert_eq!(scores.confusion.columns, [Eos, CellClass::Bla, Unk]);
    assert!(near(scores.means.accuracy, 3.0 / 5.0));
    let of = |code: &str| scores.labels.iter().find(|score| score.label == label(code)).unwrap();
    assert!(near(of("MYO").recall, 0.5) && near(of("MOB").recall, 1.0) && near(of("BLA").recall, 1.0));
    assert!(near(of("MOB").precision.unwrap(), 0.5), "other blasts do not spoil it, the eosinophil does");
    assert!(near(of("BLA").precision.unwrap(), 0.75), "a myeloblast is a blast");
    let groups: Vec<_> = scores.groups.unwrap().iter().map(|score| (score.label.code(), score.n)).collect();
    assert_eq!(groups, [("BLA", 4), ("EOS", 1)]);
}

#[test]
fn where_nothing_is_grouped_there_are_no_groups() {
    let scores = scores(&[outcome("EOS", Eos, 0.9), outcome("BAS", Bas, 0.9)]);
    assert_eq!(scores.group_accuracy, None);
}

#[test]
fn without_cells_there_are_no_scores() {
    assert_eq!(ClassScores::of(&[], &CLASSES, THRESHOLD), None);
}

#[test]
fn the_json_has_the_keys_that_tools_read() {
    let json = serde_json::to_value(scores(&[outcome("EOS", Eos, 0.9), outcome("NEU", Bas, 0.7)])).unwrap();
    for key in ["accuracy", "balanced_accuracy", "macro_f1", "group_accuracy"] {
        let figures = json[key].as_array().unwrap_or_else(|| panic!("{key}"));
        assert!(figures.len() == 3 && figures.iter().all(serde_json::Value::is_f64), "{key}");
    }
    assert!(json["expected_calibration_error"].is_f64());
    assert_eq!(json["confusion"]["rows"], serde_json::json!(["EOS", "NEU"]));
    assert_eq!(json["confusion"]["columns"], serde_json::json!(["BAS", "EOS", "MMZ", "NGB", "NGS", "UNK"]));
    assert_eq!(json["confusion"]["counts"][0], serde_json::json!([0, 1, 0, 0, 0, 0]));
    assert_eq!(json["coverage"]["threshold"], 0.5);
    assert_eq!(json["labels"][0]["recall"].as_array().unwrap().len(), 3);
}

// Fields. Boxes are 20 px wide and 40 px apart, so that only identical places overlap.

fn place(n: u32) -> Rect {
    Rect::new(f64::from(n) * 40.0, 0.0, 20.0, 20.0)
}

fn found(kind: Kind, at: u32, score: f64) -> Detection {
    Detection { kind, area: place(at), score }
}

fn field(truth: &[(u32, BoxName)], candidates: Vec<Detection>) -> FieldOutcome {
    let cells = candidates.iter().filter(|cell| cell.score >= 0.5);
    FieldOutcome {
        image: PathBuf::from("field.png"),
        truth: truth.iter().map(|(at, name)| (place(*at), *name)).collect(),
        cells: cells.map(|detection| Cell { detection: *detection, opinion: None, red: None }).collect(),
        candidates,
    }
}

const RED: BoxName = BoxName::Kind(Kind::Rbc);

fn red(at: u32, score: f64) -> Detection {
    found(Kind::Rbc, at, score)
}

#[test]
fn average_precision_ranks_the_boxes_of_all_fields_together() {
    // By score: hit 0.9, extra 0.8, hit 0.7, extra 0.3, hit 0.2; 4 marked. Precision 1, 2/3, 3/5 at recall 1/4, 1/2, 3/4.
    let fields = [
        field(&[(0, RED), (1, RED)], vec![red(0, 0.9), red(5, 0.8), red(1, 0.2)]),
        field(&[(0, RED), (1, RED)], vec![red(0, 0.7), red(5, 0.3)]),
    ];
    let scores = FieldScores::of(&fields, &BoxNames::default(), &CLASSES, THRESHOLD);
    let red = &scores.kinds[&Kind::Rbc];
    assert!(near(red.ap50.unwrap(), (1.0 + 2.0 / 3.0 + 0.6) / 4.0), "{:?}", red.ap50);
    assert_eq!((red.truth, red.found), (4, 3));
    assert!(near(red.precision.unwrap(), 2.0 / 3.0));
    assert!(near(red.recall.unwrap(), 0.5));
    assert!(near(red.f1.unwrap(), 2.0 * 2.0 / (3.0 + 4.0)));
    assert!(near(red.count_error.unwrap(), 0.25), "2 of 2 and 1 of 2");
}

#[test]
fn errors_of_the_count_do_not_cancel_between_fields() {
    let fields = [
        field(&[(0, RED)], vec![red(0, 0.9), red(1, 0.9), red(2, 0.9)]),
        field(&[(0, RED), (1, RED), (2, RED)], vec![red(0, 0.9)]),
    ];
    let scores = FieldScores::of(&fields, &BoxNames::default(), &CLASSES, THRESHOLD);
    assert!(near(scores.kinds[&Kind::Rbc].count_error.unwrap(), 1.0), "(2 + 2) / 4");
}

#[test]
fn kinds_that_are_not_marked_are_not_held_against_the_program() {
    let fields = [field(&[(0, RED)], vec![red(0, 0.9), found(Kind::Plt, 3, 0.9)])];
    let red_only: BoxNames = "-,RBC".parse().unwrap();
    for (names, said) in [(red_only, "do not mark platelets"), (BoxNames::default(), "no platelets are marked")] {
        let scores = FieldScores::of(&fields, &names, &CLASSES, THRESHOLD);
        let platelets = &scores.kinds[&Kind::Plt];
        assert_eq!((platelets.precision, platelets.count_error, platelets.found), (None, None, 1));
        assert!(platelets.reason.as_ref().unwrap().contains(said), "{:?}", platelets.reason);
    }
}

#[test]
fn a_cell_in_an_ignored_box_counts_neither_way() {
    let fields = [field(&[(0, RED), (1, BoxName::Ignored)], vec![red(0, 0.9), red(1, 0.9)])];
    let scores = FieldScores::of(&fields, &BoxNames::default(), &CLASSES, THRESHOLD);
    let red = &scores.kinds[&Kind::Rbc];
    assert!(near(red.precision.unwrap(), 1.0) && near(red.count_error.unwrap(), 0.0) && red.found == 1);
}

#[test]
fn white_cells_marked_by_class_are_judged_by_class_and_not_by_precision() {
    let names: BoxNames = "NEU,EOS".parse().unwrap();
    let white = |at, top: CellClass| Cell {
        detection: found(Kind::Wbc, at, 0.9),
        opinion: Some(Prediction::of(vec![(top, 0.9), (Unk, 0.1)], THRESHOLD)),
        red: None,
    };
    let mut field = field(&[(0, names.of(0)), (1, names.of(1)), (2, names.of(1))], Vec::new());
    field.cells = vec![white(0, Ngb), white(1, Bas), white(7, Bas)];
    let scores = FieldScores::of(&[field], &names, &CLASSES, THRESHOLD);
    let kind = &scores.kinds[&Kind::Wbc];
    assert!(near(kind.recall.unwrap(), 2.0 / 3.0));
    assert_eq!((kind.precision, kind.ap50, kind.f1, kind.count_error), (None, None, None, None));
    assert!(kind.reason.as_ref().unwrap().contains("only some of the white cells are marked"));
    let classes = scores.classes.unwrap();
    assert_eq!(classes.marked, 3);
    assert!(near(classes.recall_iou30, 2.0 / 3.0) && near(classes.recall_by_label["EOS"], 0.5));
    let named = classes.of_found.unwrap();
    assert!(near(named.means.accuracy, 0.5), "NGB is a neutrophil, BAS no eosinophil");
}

#[test]
fn a_field_without_marks_still_counts_what_is_found_in_it() {
    let fields = [field(&[(0, RED)], vec![red(0, 0.9)]), field(&[], vec![red(0, 0.9)])];
    let scores = FieldScores::of(&fields, &BoxNames::default(), &CLASSES, THRESHOLD);
    assert!(near(scores.kinds[&Kind::Rbc].precision.unwrap(), 0.5));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn all_figures_are_shares_within_their_intervals(
        cells in prop::collection::vec((0_usize..6, 0_usize..6, 0.0..=1.0_f64), 1..60),
    ) {
        let codes = ["NEU", "NGS", "NGB", "EOS", "IG", "MMZ"];
        let outcomes: Vec<_> = cells.iter().map(|(l, c, p)| outcome(codes[*l], CLASSES[*c], *p)).collect();
        let scores = scores(&outcomes);
        let means = scores.means;
        for figure in [means.accuracy, means.balanced_accuracy, means.macro_f1, scores.coverage.answered] {
            prop_assert!(0.0 <= figure.low && figure.high <= 1.0 && figure.low <= figure.high, "{figure:?}");
        }
        prop_assert!((0.0..=1.0).contains(&scores.expected_calibration_error));
        let counted: u32 = scores.confusion.counts.iter().flatten().sum();
        prop_assert_eq!(counted as usize, outcomes.len());
        prop_assert!(scores.group_accuracy.is_none_or(|grouped| grouped.value >= means.accuracy.value));
    }

    #[test]
    fn figures_of_fields_are_finite_whatever_is_found(
        fields in prop::collection::vec((prop::collection::vec(0_u32..6, 0..6), prop::collection::vec((0_u32..6, 0.0..1.0_f64), 0..8)), 1..6),
    ) {
        let fields: Vec<_> = fields.into_iter().map(|(mut truth, found)| {
            truth.sort_unstable();
            truth.dedup();
            let truth: Vec<_> = truth.into_iter().map(|at| (at, RED)).collect();
            let mut found: Vec<_> = found.into_iter().map(|(at, score)| red(at, score)).collect();
            found.sort_by(|a, b| b.score.total_cmp(&a.score));
            field(&truth, found)
        }).collect();
        let scores = FieldScores::of(&fields, &BoxNames::default(), &CLASSES, THRESHOLD);
        let red = &scores.kinds[&Kind::Rbc];
        for figure in [red.ap50, red.precision, red.recall, red.f1].into_iter().flatten() {
            prop_assert!((0.0..=1.0 + 1e-9).contains(&figure.value) && figure.low <= figure.high);
        }
        prop_assert!(red.count_error.is_none_or(|off| off.value.is_finite() && off.value >= 0.0));
    }
}
