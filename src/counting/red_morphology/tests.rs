use proptest::prelude::*;

use super::*;

fn cell(class: RedClass) -> RedCell {
    RedCell { class, graded: true, diameter_um: 7.2, pallor: Some(0.25) }
}

fn film(cells: &[(RedClass, u32)]) -> RedFilm {
    let mut film = RedFilm::default();
    for (class, count) in cells {
        (0..*count).for_each(|_| film.add(cell(*class)));
    }
    film
}

fn grade_of(film: &RedFilm, class: RedClass) -> Option<&'static str> {
    film.report(true)?.line(class)?.share.grade.map(RedGrade::code)
}

#[test]
fn a_film_without_cells_says_nothing() {
    assert_eq!(RedFilm::default().report(true), None);
}

#[test]
fn target_cells_are_graded_from_a_hundred_cells_on() {
    let few = film(&[(RedClass::Normal, 69), (RedClass::Target, 30)]);
    assert_eq!(grade_of(&few, RedClass::Target), None);
    assert!(!few.report(true).unwrap().enough);
    let enough = film(&[(RedClass::Normal, 70), (RedClass::Target, 30)]);
    assert_eq!(grade_of(&enough, RedClass::Target), Some("3+"));
    assert_eq!(grade_of(&enough, RedClass::Normal), None);
    let line = *enough.report(true).unwrap().line(RedClass::Target).unwrap();
    assert_eq!((line.share.count, line.share.of), (30, 100));
    assert!(line.share.low > 21.0 && line.share.high < 40.0, "{line:?}");
}

#[test]
fn schistocytes_are_graded_from_a_thousand_cells_on() {
    let few = film(&[(RedClass::Normal, 979), (RedClass::Schistocyte, 20)]);
    let report = few.report(true).unwrap();
    assert!(report.enough && !report.enough_for_schistocytes);
    assert_eq!(grade_of(&few, RedClass::Schistocyte), None);
    assert_eq!(
        grade_of(&film(&[(RedClass::Normal, 975), (RedClass::Schistocyte, 25)]), RedClass::Schistocyte),
        Some("3+")
    );
}

#[test]
fn cells_that_overlap_count_for_no_share() {
    let mut film = film(&[(RedClass::Normal, 10)]);
    film.add(RedCell { graded: false, diameter_um: 30.0, ..cell(RedClass::Target) });
    let report = film.report(true).unwrap();
    assert_eq!((report.graded, report.not_graded), (10, 1));
    assert_eq!(report.line(RedClass::Target).unwrap().share.count, 0);
    assert_eq!(report.size.median_um, Some(7.2));
}

#[test]
fn without_a_scale_no_cell_is_large_or_small_but_sizes_may_differ() {
    let mut film = film(&[(RedClass::Normal, 80), (RedClass::Macrocyte, 3), (RedClass::Unk, 2)]);
    (0..30).for_each(|_| film.add(RedCell { diameter_um: 9.0, ..cell(RedClass::Normal) }));
    let report = film.report(false).unwrap();
    assert_eq!((report.size.macrocytes, report.size.microcytes, report.line(RedClass::Macrocyte)), (None, None, None));
    assert_eq!((report.size.held_back, report.not_categorised), (3, 5));
    assert_eq!(report.size.anisocytosis.count, 30);
    assert_eq!(report.size.anisocytosis.grade, Some(RedGrade::Many));
    let known = film.report(true).unwrap();
    assert_eq!((known.size.macrocytes.unwrap().count, known.size.held_back, known.not_categorised), (30, 0, 2));
    assert_eq!(known.size.macrocytes.unwrap().grade, Some(RedGrade::Many));
    assert_eq!(known.line(RedClass::Macrocyte).unwrap().share.grade, None, "the grade goes by the measured size");
}

#[test]
fn hypochromia_goes_by_the_width_of_the_pale_middle_where_it_was_measured() {
    let mut film = RedFilm::default();
    for n in 0..150 {
        let pallor = (n < 120).then_some(if n < 18 { 0.5 } else { 0.2 });
        film.add(RedCell { pallor, ..cell(RedClass::Normal) });
    }
    let share = film.report(false).unwrap().hypochromia;
    assert_eq!((share.count, share.of, share.grade), (18, 120, Some(RedGrade::Moderate)));
}

#[test]
fn the_report_is_read_back_as_it_was_written() {
    let report = film(&[(RedClass::Normal, 90), (RedClass::Burr, 30)]).report(true).unwrap();
    let text = serde_json::to_string(&report).unwrap();
    assert!(text.contains(r#""class":"BURR","count":30"#) && text.contains(r#""grade":"3+""#), "{text}");
    assert_eq!(serde_json::from_str::<RedMorphology>(&text).unwrap(), report);
}

fn any_cell() -> impl Strategy<Value = RedCell> {
    let number = prop_oneof![4.0..11.0_f64, Just(f64::NAN), Just(0.0), Just(f64::INFINITY)];
    let class = (0..RedClass::ALL.len()).prop_map(|at| RedClass::ALL[at]);
    (class, any::<bool>(), number, prop::option::of(0.0..1.0_f64))
        .prop_map(|(class, graded, diameter_um, pallor)| RedCell { class, graded, diameter_um, pallor })
}

proptest! {
    #[test]
    fn a_cell_taken_out_again_leaves_no_trace(
        kept in prop::collection::vec(any_cell(), 0..60),
        gone in prop::collection::vec(any_cell(), 0..60),
    ) {
        let mut film = RedFilm::default();
        for cell in &gone {
film.add(*cell);
}
        for cell in &kept {
film.add(*cell);
}
        gone.iter().rev().for_each(|cell| film.remove(*cell));
        let mut only = RedFilm::default();
        for cell in &kept {
only.add(*cell);
}
        prop_assert_eq!(&film, &only);
        prop_assert_eq!(film.report(true), only.report(true));
    }

    #[test]
    fn every_graded_cell_is_in_one_line_or_not_categorised(
        cells in prop::collection::vec(any_cell(), 1..200),
        scale_known in any::<bool>(),
    ) {
        let mut film = RedFilm::default();
        for cell in &cells {
film.add(*cell);
}
        let report = film.report(scale_known).unwrap();
        let named: u32 = report.classes.iter().map(|line| line.share.count).sum();
        prop_assert_eq!(named + report.not_categorised, report.graded);
        prop_assert_eq!(report.graded + report.not_graded, u32::try_from(cells.len()).unwrap());
        for share in report.classes.iter().map(|line| line.share).chain([report.size.anisocytosis, report.hypochromia]) {
            prop_assert!(share.low <= share.percent && share.percent <= share.high && share.high <= 100.0);
            prop_assert!(report.enough || share.grade.is_none());
        }
        let json = serde_json::to_value(&report).unwrap();
        prop_assert!(json["size"]["median_um"].is_null() || json["size"]["median_um"].is_number());
    }
}
