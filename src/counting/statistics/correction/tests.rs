use super::*;
use crate::counting::statistics::interval;
use CellClass::{Ebo, Lyt, Myb, Myo, Ngs, Plt, Unk};
use proptest::prelude::*;

fn matrix(rows: &[(CellClass, [u32; 5])]) -> ConfusionSource {
    ConfusionSource::Matrix(ConfusionMatrix {
        measured_on: "test".into(),
        classifier_sha256: String::new(),
        unknown_below: 0.5,
        answers: vec![Lyt, Ngs, Myb, Plt, Unk],
        cells: rows.iter().map(|(class, counts)| (*class, counts.to_vec())).collect(),
    })
}

fn usual() -> ConfusionSource {
    matrix(&[(Lyt, [95, 2, 0, 1, 2]), (Ngs, [1, 90, 4, 0, 5]), (Myb, [0, 20, 60, 0, 20]), (Plt, [0, 0, 0, 99, 1])])
}

fn of(answers: &[(CellClass, u32)], source: &ConfusionSource) -> MisclassificationCorrection {
    MisclassificationCorrection::of(&answers.iter().copied().collect(), source).unwrap()
}

#[test]
fn answers_as_the_matrix_makes_them_give_the_composition_back() {
    // 30 % LYT, 60 % NGS, 10 % MYB of 1000 cells, named at the matrix's rates.
    let answers = [(Lyt, 291), (Ngs, 566), (Myb, 84), (Unk, 56)];
    let corrected = of(&answers, &usual());
    assert_eq!((corrected.cells, corrected.note.as_deref()), (941, None));
    for (class, truth) in [(Lyt, 30.0), (Ngs, 60.0), (Myb, 10.0)] {
        let figure = corrected.percent[&class];
        assert!((figure.value - truth).abs() < 0.7, "{class}: {figure:?}");
        assert!(figure.low < truth && truth < figure.high, "{class}: {figure:?}");
    }
}

#[test]
fn a_faultless_classifier_has_the_exact_intervals() {
    let source = matrix(&[(Lyt, [1_000_000, 0, 0, 0, 0]), (Ngs, [0, 1_000_000, 0, 0, 0])]);
    let corrected = of(&[(Lyt, 3), (Ngs, 197)], &source);
    let exact = interval::exact(3, 200, LEVEL).scaled(100.0);
    let figure = corrected.percent[&Lyt];
    assert!((figure.value - exact.value).abs() < 0.01, "{figure:?}");
    assert!((figure.low - exact.low).abs() < 0.1 && (figure.high - exact.high).abs() < 0.4, "{figure:?} {exact:?}");
}

#[test]
fn the_matrix_own_uncertainty_widens_the_intervals() {
    let answers = [(Lyt, 291), (Ngs, 566), (Myb, 84), (Unk, 56)];
    let large =
        matrix(&[(Lyt, [9500, 200, 0, 100, 200]), (Ngs, [100, 9000, 400, 0, 500]), (Myb, [0, 2000, 6000, 0, 2000])]);
    let (few, many) = (of(&answers, &usual()).percent[&Myb], of(&answers, &large).percent[&Myb]);
    assert!(few.width() > 1.5 * many.width(), "{few:?} {many:?}");
}

#[test]
fn it_says_why_nothing_can_be_corrected() {
    let reason = |answers: &[(CellClass, u32)], source: &ConfusionSource| {
        let corrected = of(answers, source);
        assert!(corrected.percent.is_empty());
        corrected.note.unwrap()
    };
    let good = [(Lyt, 60), (Ngs, 120), (Unk, 8)];
    assert!(reason(&[(Lyt, 40), (Ngs, 59)], &usual()).contains("99 cells have a name, and it takes 100"));
    assert!(reason(&[(Lyt, 60), (Ngs, 120), (Myo, 2)], &usual()).contains("2 named blasts"));
    assert!(reason(&[(Lyt, 60), (Ngs, 120), (Unk, 60)], &usual()).contains("60 cells of 240 have no name"));
    assert!(reason(&[(Lyt, 60), (Ngs, 120), (Ebo, 40)], &usual()).contains("40 cells of 220"));
    let poor = matrix(&[(Lyt, [95, 2, 0, 1, 2]), (Ngs, [45, 50, 0, 0, 5])]);
    assert!(reason(&good, &poor).contains("of the matrix's named NGS only 50 of 95"));
    let small = matrix(&[(Lyt, [95, 2, 0, 1, 2]), (Ngs, [0, 20, 0, 0, 5])]);
    assert!(reason(&good, &small).contains("fewer than two classes"));
    let stranger = ConfusionSource::Stranger { measured_on: "x".into(), why: "other weights".into() };
    assert_eq!(reason(&good, &stranger), "not corrected for the classifier's errors: other weights");
    assert_eq!(MisclassificationCorrection::of(&good.into_iter().collect(), &ConfusionSource::None), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn whatever_was_counted_the_figures_are_in_order_and_add_up(
        counts in prop::array::uniform4(0_u32..3000),
        rows in prop::collection::vec(prop::array::uniform5(0_u32..200), 3),
    ) {
        let source = matrix(&[(Lyt, rows[0]), (Ngs, rows[1]), (Myb, rows[2])]);
        let answers = [Lyt, Ngs, Myb, Unk].into_iter().zip(counts).collect();
        let corrected = MisclassificationCorrection::with_draws(&answers, &source, 40).unwrap();
        prop_assert_eq!(corrected.note.is_some(), corrected.percent.is_empty());
        let sum: f64 = corrected.percent.values().map(|figure| figure.value).sum();
        prop_assert!(corrected.percent.is_empty() || (sum - 100.0).abs() < 1e-6);
        for figure in corrected.percent.values() {
            prop_assert!(0.0 <= figure.low && figure.low <= figure.value && figure.value <= figure.high);
            prop_assert!(figure.high <= 10_000.0);
        }
    }
}
