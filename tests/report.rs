//! Reports of sessions, and cells to train by.

mod common;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use common::stored::{at, cell, put, result, start};
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use leukoscope::class::{CellClass, Kind};
use leukoscope::export::{ExportError, Exported, export};
use leukoscope::report::{Pictured, ReportForm, make};
use leukoscope::store::Store;
use leukoscope::store::records::{CellChange, SessionDetail};
use leukoscope::words::{Catalogues, Words};
use proptest::prelude::*;

fn words(language: &str) -> Words {
    Catalogues::new(PathBuf::new()).words(language)
}

fn jpeg(shade: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let picture = RgbImage::from_pixel(48, 40, image::Rgb([shade, 120, 180]));
    JpegEncoder::new_with_quality(&mut bytes, 90).encode_image(&picture).unwrap();
    bytes
}

/// Four white cells with pictures, and two red ones.
fn six() -> Vec<CellChange> {
    let white = |number, class, sure| put(cell(number, Kind::Wbc, Some(class), sure), Some(&jpeg(number as u8)));
    vec![
        white(1, CellClass::Ngs, 0.99),
        white(2, CellClass::Ngs, 0.7),
        white(3, CellClass::Ngs, 0.8),
        white(4, CellClass::Lyt, 0.95),
        put(cell(5, Kind::Rbc, None, 0.0), None),
        put(cell(6, Kind::Rbc, None, 0.0), None),
    ]
}

struct Bench {
    store: Store,
    folder: tempfile::TempDir,
}

impl Bench {
    fn with(sample: &str, cells: &[CellChange]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let id = store.begin(&start(sample)).unwrap();
        store.finish(id, cells, &result(sample), &start(sample).settings).unwrap();
        Self { store, folder }
    }

    fn all(&self) -> (SessionDetail, Vec<Pictured>) {
        let detail = self.store.session(1).unwrap().unwrap();
        let cells = self.store.cells(1, None, None).unwrap();
        let pictured = cells.into_iter().map(|cell| {
            let picture = self.store.crop(1, cell.number).unwrap();
            (cell, picture)
        });
        (detail, pictured.collect())
    }

    fn text(&self, form: ReportForm, language: &str) -> String {
        let (detail, cells) = self.all();
        String::from_utf8(make(form, &detail, &cells, &words(language)).unwrap()).unwrap()
    }

    fn pdf(&self, language: &str) -> Pdf {
        let (detail, cells) = self.all();
        Pdf(make(ReportForm::Pdf, &detail, &cells, &words(language)).unwrap())
    }
}

/// A report for people, taken apart as far as a test needs.
struct Pdf(Vec<u8>);

impl Pdf {
    fn count(&self, what: &str) -> usize {
        self.0.windows(what.len()).filter(|window| *window == what.as_bytes()).count()
    }

    /// How often a text is printed; letters beyond ASCII make the writer put all of it down as digits.
    fn says(&self, text: &str) -> usize {
        let mut digits = String::new();
        for byte in text.bytes() {
            write!(digits, "{byte:02X}").unwrap();
        }
        self.count(text) + self.count(&digits)
    }

    fn pages(&self) -> usize {
        self.count("/Type /Page\n")
    }
}

#[test]
fn every_page_of_an_unsigned_report_says_so_and_none_of_a_signed_one_does() {
    let many: Vec<CellChange> = (1..)
        .zip(CellClass::ALL)
        .map(|(n, class)| put(cell(n, Kind::Wbc, Some(*class), 0.9), Some(&jpeg(n as u8))))
        .collect();
    let bench = Bench::with("A-1", &many);
    // One line of the table for each class, as the reviewer's answer makes them.
    bench.store.reclassify(1, 1, Some(CellClass::Myo), "rita", at(80)).unwrap();
    let unsigned = bench.pdf("en");
    assert!(unsigned.pages() > 1, "{} pages", unsigned.pages());
    assert_eq!(unsigned.says("PRELIMINARY"), unsigned.pages());
    assert_eq!(unsigned.count("(Screening support, not a diagnosis.)"), unsigned.pages());
    assert_eq!(unsigned.says("FINAL"), 0);
    assert!(unsigned.count("DCTDecode") >= 15);

    let signed = bench.store.sign(1, "rita", at(90), "blasts seen").unwrap();
    let pdf = bench.pdf("en");
    assert_eq!(pdf.says("PRELIMINARY"), 0);
    assert_eq!(pdf.says("signed by rita, 2026-09-21"), pdf.pages(), "who and when on every page");
    assert_eq!((pdf.count("(blasts seen)"), pdf.count(&signed.sha256)), (1, 1));
    assert_eq!(pdf.0, bench.pdf("en").0, "the same session makes the same bytes");
}

#[test]
fn a_report_shows_the_surest_cells_and_whom_a_person_overruled() {
    let bench = Bench::with("A-1", &six());
    bench.store.reclassify(1, 2, Some(CellClass::Mon), "rita", at(80)).unwrap();
    let pdf = bench.pdf("en");
    assert_eq!(pdf.count("DCTDecode"), 4);
    assert_eq!((pdf.count("(99 %)"), pdf.count("(rita, was NGS)")), (1, 1));
    let french = bench.pdf("fr");
    assert_eq!((french.says("LIMINAIRE"), french.says("PRELIMINARY")), (french.pages(), 0));
}

#[test]
fn a_broken_picture_is_left_out_and_an_empty_session_is_a_report_too() {
    let mut cells = six();
    let half = &jpeg(9)[..200];
    cells.push(put(cell(7, Kind::Wbc, Some(CellClass::Eos), 0.9), Some(half)));
    cells.push(put(cell(8, Kind::Wbc, Some(CellClass::Eos), 0.9), Some(b"no picture")));
    let bench = Bench::with("A-1", &cells);
    let pdf = bench.pdf("en");
    // Both eosinophils; none of them is a line of the result, which this test does not count anew.
    assert_eq!(pdf.count("DCTDecode"), 4);
    bench.store.reclassify(1, 1, Some(CellClass::Mon), "rita", at(80)).unwrap();
    let pdf = bench.pdf("en");
    assert_eq!((pdf.count("DCTDecode"), pdf.says("Damaged and left out: 2 pictures.")), (4, 1));
    bench.store.sign(1, "rita", at(90), "").unwrap();
    let done = export(&bench.store, &[], None, &bench.folder.path().join("export")).unwrap();
    assert_eq!((done.cells, done.damaged), (4, 2));
    let empty = Bench::with("A-2", &[]).pdf("es");
    assert_eq!((empty.pages(), empty.count("DCTDecode")), (1, 0));
}

#[test]
fn a_spreadsheet_gets_every_figure_and_no_formula() {
    let bench = Bench::with("=cmd|' /C calc'!A0", &six());
    bench.store.sign(1, "rita", at(90), "@SUM(1)").unwrap();
    let csv = bench.text(ReportForm::Csv, "en");
    let lines: Vec<csv::StringRecord> =
        csv::ReaderBuilder::new().from_reader(csv.as_bytes()).records().collect::<Result<_, _>>().unwrap();
    let value = |section: &str, name: &str| {
        let line = lines.iter().find(|line| &line[0] == section && &line[1] == name);
        line.unwrap_or_else(|| panic!("no {section} {name} in {csv}"))[3].to_owned()
    };
    assert_eq!(value("session", "sample"), "'=cmd|' /C calc'!A0");
    assert_eq!((value("session", "comment"), value("session", "reviewer")), ("'@SUM(1)".into(), "rita".into()));
    assert_eq!(value("session", "status"), "final");
    assert_eq!((value("count", "WBC"), value("cells", "Neutrophil (segmented)")), ("4".into(), "3".into()));
    assert!(lines.iter().all(|line| line.iter().all(|field| !field.starts_with(['=', '+', '@']))));
}

#[test]
fn a_program_gets_the_session_its_cells_and_the_notice() {
    let bench = Bench::with("A-1", &six());
    let json: serde_json::Value = serde_json::from_str(&bench.text(ReportForm::Json, "en")).unwrap();
    assert_eq!(json["notice"], "Screening support, not a diagnosis.");
    assert_eq!((&json["status"], &json["signature"]), (&"preliminary".into(), &serde_json::Value::Null));
    assert_eq!(json["cells"].as_array().unwrap().len(), 6);
    assert_eq!(json["settings"]["models"]["classifier"], "ab12");
}

proptest! {
    #[test]
    fn whatever_stands_in_a_sample_or_comment_there_is_a_report(sample in "\\PC{1,64}", comment in "(?s).{0,300}") {
        let bench = Bench::with(&sample, &six());
        bench.store.sign(1, "rita", at(90), &comment).unwrap();
        let pdf = bench.pdf("en");
        prop_assert!(pdf.0.starts_with(b"%PDF-") && pdf.pages() >= 1);
        bench.text(ReportForm::Csv, "en");
        bench.text(ReportForm::Json, "en");
    }
}

#[test]
fn reviewed_cells_are_exported_in_the_form_that_training_reads() {
    let bench = Bench::with("A-1", &six());
    let to = bench.folder.path().join("export");
    let all = |scale| export(&bench.store, &[], scale, &to);
    assert_eq!(all(None).unwrap(), Exported::default(), "nobody reviewed anything");
    std::fs::remove_dir_all(&to).unwrap();

    bench.store.reclassify(1, 2, Some(CellClass::Ngb), "rita", at(80)).unwrap();
    let one = all(Some(("ab12", 0.1848))).unwrap();
    assert_eq!((one.cells, one.sessions), (1, 1));
    let manifest = std::fs::read_to_string(to.join("manifest.csv")).unwrap();
    assert_eq!(
        manifest,
        "file,class,model_class,reviewer,session,um_per_px,date\nNGB/1-2.png,NGB,NGS,rita,bc4e7be982ab79ec,0.18480,2026-09-21T14:14:40Z\n"
    );
    assert_eq!(image::open(to.join("NGB/1-2.png")).unwrap().width(), 48);
    assert!(matches!(all(None), Err(ExportError::NotEmpty(_))));
    std::fs::remove_dir_all(&to).unwrap();

    bench.store.sign(1, "ada", at(90), "").unwrap();
    assert_eq!(all(Some(("another", 0.2))).unwrap().cells, 4);
    let manifest = std::fs::read_to_string(to.join("manifest.csv")).unwrap();
    assert!(manifest.contains("NGS/1-1.png,NGS,NGS,ada,bc4e7be982ab79ec,,"), "{manifest}");
    assert!(matches!(export(&bench.store, &[9], None, &to.join("new")), Err(ExportError::NoSession(9))));
}

#[test]
fn the_commands_write_what_is_asked_and_a_view_of_a_signed_result_is_in_the_trail() {
    let bench = Bench::with("A-1", &six());
    bench.store.sign(1, "rita", at(90), "").unwrap();
    let to = tempfile::tempdir().unwrap();
    let leukoscope = |arguments: &[&str]| {
        let command = Command::new(env!("CARGO_BIN_EXE_leukoscope"))
            .args(arguments)
            .env("LEUKOSCOPE_STATION_STATE", bench.folder.path())
            .env("LEUKOSCOPE_MODELS", common::models_folder())
            .current_dir(to.path())
            .output()
            .unwrap();
        (command.status.code(), String::from_utf8(command.stderr).unwrap())
    };
    assert_eq!(leukoscope(&["report", "1"]), (Some(0), String::new()));
    assert!(std::fs::read(to.path().join("leukoscope-1.pdf")).unwrap().starts_with(b"%PDF-"));
    assert_eq!(leukoscope(&["report", "1", "--output", "one.csv"]).0, Some(0));
    assert_eq!(leukoscope(&["export", "cells"]).0, Some(0));
    assert!(to.path().join("cells/LYT/1-4.png").exists());
    let views = bench.store.audit(Some(1), None, 10).unwrap();
    assert_eq!(views.iter().filter(|entry| entry.action == "view" && entry.by == "console").count(), 2);

    for (arguments, code, words) in [
        (vec!["report", "7"], 2, "there is no session 7"),
        (vec!["report", "1", "--output", "one.doc"], 2, "write pdf, csv or json"),
        (vec!["report", "1", "--output", "/nowhere/one.pdf"], 1, "choose another place"),
        (vec!["export", "cells"], 2, "is not empty"),
    ] {
        let (found, said) = leukoscope(&arguments);
        assert_eq!(found, Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
}
