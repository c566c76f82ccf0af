//! What an unfamiliar sample does to its answers.

use super::*;
use CellClass::{Lyt, Mon, Ngs, Unk};

const CARD: DistanceCard = DistanceCard { home: 1.0, from: 1.15, rate: 4.0, most: 4.0 };
const UNKNOWN_BELOW: f64 = 0.68;

fn cell(lyt: f64, distance: Option<f64>) -> Prediction {
    let mut ranked = vec![(Lyt, lyt), (Mon, 0.75 * (1.0 - lyt)), (Ngs, 0.25 * (1.0 - lyt))];
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    Prediction { distance, ..Prediction::of(ranked, UNKNOWN_BELOW) }
}

fn answers(form: PrevalenceMode, distance: Option<f64>) -> (Vec<Prediction>, PrevalenceReport) {
    let shift = PriorShift::new(Some(form), &[Lyt, Mon, Ngs], Some(&[0.4, 0.3, 0.3]), UNKNOWN_BELOW);
    let mut cells: Vec<Prediction> = (0..40).map(|k| cell(0.5 + 0.012 * f64::from(k), distance)).collect();
    let report = shift.tempered_by(Some(CARD)).correct_all(&mut cells).report();
    (cells, report)
}

#[test]
fn cells_of_an_unfamiliar_sample_are_less_sure_and_none_that_the_network_is_sure_of_gets_another_name() {
    for form in [PrevalenceMode::None, PrevalenceMode::Blood, PrevalenceMode::Sample] {
        let (cells, report) = answers(form, Some(1.5));
        let tempering = report.tempering.unwrap();
        assert!(tempering.unfamiliar && tempering.divisor > 2.0, "{tempering:?}");
        assert!(report.to_string().contains("times as far"), "{report}");
        for cell in &cells {
            let alone = cell.raw();
            assert!(alone.uncorrected.is_none() && alone.distance == Some(1.5));
            if alone.probability >= SURE {
                assert!([alone.class, Unk].contains(&cell.class), "{alone} became {cell}");
            }
        }
        let named = |cells: &[&Prediction]| cells.iter().filter(|cell| cell.class != Unk).count();
        let alone: Vec<&Prediction> = cells.iter().map(Prediction::raw).collect();
        assert!(named(&cells.iter().collect::<Vec<_>>()) < named(&alone), "{form}");
    }
}

#[test]
fn a_familiar_sample_and_one_of_a_model_without_distances_are_answered_alike() {
    for form in [PrevalenceMode::None, PrevalenceMode::Blood, PrevalenceMode::Sample] {
        let ((near, report), (unknown, without)) = (answers(form, Some(0.9)), answers(form, None));
        assert_eq!((report.tempering.unwrap().divisor, without.tempering), (1.0, None));
        for (near, unknown) in near.iter().zip(&unknown) {
            assert_eq!((near.class, &near.ranked, near.kept), (unknown.class, &unknown.ranked, unknown.kept));
        }
    }
}
