//! What the red cells look like, in reports.

use crate::common::stored::{result, start};
use crate::report_bench::{Bench, Pdf, words};
use leukoscope::config::RedCellsConfig;
use leukoscope::counting::red_morphology::{RedCell, RedFilm, RedMorphology};
use leukoscope::counting::session::snapshot::Snapshot;
use leukoscope::domain::flag::Flag;
use leukoscope::domain::red_class::RedClass;
use leukoscope::outputs::report::letterhead::Letterhead;
use leukoscope::outputs::report::{ReportFormat, make};
use leukoscope::store::Store;

/// Normal cells and target cells, as wide as usual.
fn film(normal: u32, target: u32, scale_known: bool) -> RedMorphology {
    let mut film = RedFilm::default();
    for (class, count) in [(RedClass::Normal, normal), (RedClass::Target, target)] {
        for n in 0..count {
            let diameter_um = 7.2 + f64::from(n % 5) / 10.0;
            film.add(RedCell { class, graded: true, diameter_um, pallor: Some(0.3) });
        }
    }
    film.add(RedCell { class: RedClass::Unk, graded: false, diameter_um: 9.0, pallor: None });
    film.report(scale_known).unwrap().judged(&RedCellsConfig::default())
}

/// A store with a result of these red cells, and no stored cells.
fn bench(red: Option<RedMorphology>) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let flags = red.iter().flat_map(|red| &red.evidence).map(|_| Flag::RedCellMorphology).take(1).collect();
    let result = Snapshot { flags, red_cells: red, ..result("A-1") };
    let id = store.begin(&start("A-1")).unwrap();
    store.finish(id, &[], &result, &start("A-1").settings).unwrap();
    Bench { store, letterhead: Letterhead::default(), _folder: folder }
}

fn made(bench: &Bench, form: ReportFormat, language: &str) -> Vec<u8> {
    let (detail, cells) = bench.all();
    make(form, &detail, &cells, &words(language), &bench.letterhead).unwrap()
}

#[test]
fn a_report_names_the_classes_with_their_grades_and_what_raised_the_flag() {
    let bench = bench(Some(film(90, 30, false)));
    let pdf = Pdf(made(&bench, ReportFormat::Pdf, "en"));
    for words in ["Target cell", "3+ many", "120 red cells graded; 1 not graded", "Red cell shapes?", "um_per_px"] {
        assert!(pdf.says(words) > 0, "{words}");
    }
    assert!(pdf.says("fewer than 1000 graded") > 0, "schistocytes have no grade yet");
    assert_eq!(pdf.says("Median diameter"), 0, "red cells are the ruler");
    let known = Pdf(made(&self::bench(Some(film(90, 30, true))), ReportFormat::Pdf, "en"));
    assert!(known.says("Median diameter 7.4") > 0 && known.says("Macrocytes: wider than 7.8") > 0);
    assert!(Pdf(made(&bench, ReportFormat::Pdf, "fr")).says("Cellule cible") > 0);
}

#[test]
fn a_report_of_few_red_cells_grades_nothing_and_one_without_has_no_section() {
    let few = Pdf(made(&bench(Some(film(40, 30, false))), ReportFormat::Pdf, "en"));
    assert!(few.says("Fewer than 100 red cells were graded") > 0);
    assert_eq!((few.says("3+ many"), few.says("Red cell shapes?")), (0, 0));
    let none = Pdf(made(&bench(None), ReportFormat::Pdf, "en"));
    assert_eq!(none.says("red cells graded"), 0);
}

#[test]
fn the_table_and_the_json_hold_the_same_figures() {
    let bench = bench(Some(film(90, 30, false)));
    let csv = String::from_utf8(made(&bench, ReportFormat::Csv, "en")).unwrap();
    let lines = [
        "red cells,graded,,120,,,",
        "red cells,Target cell,TARGET,30,,,",
        "red cells percent,Target cell,TARGET,25.00,17.55,33.73,",
        "red cells grade,3+ many,TARGET,3+,,,",
        "evidence,Target cell,TARGET,25.00,17.55,33.73,",
        "evidence beyond chance,Target cell,TARGET,yes,,,",
        "red cells,scale known,,no,,,",
    ];
    for line in lines {
        assert!(csv.lines().any(|found| found == line), "{line} in\n{csv}");
    }
    let json: serde_json::Value = serde_json::from_slice(&made(&bench, ReportFormat::Json, "en")).unwrap();
    let red = &json["reviewed_result"]["red_cells"];
    assert_eq!((&red["graded"], &red["evidence"][0]["class"]), (&120.into(), &"TARGET".into()));
}
