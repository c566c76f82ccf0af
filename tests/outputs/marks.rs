//! Marks, critical values and blasts wherever a result goes: lines, laboratory systems, reports.

use crate::common::stored::{at, cell, jpeg, put, result, settings, start};
use crate::report_bench::{Pdf, words};
use leukoscope::config::{AstmCharset, CodesConfig, Hl7Config, LineFormat};
use leukoscope::counting::session::snapshot::Snapshot;
use leukoscope::counting::statistics::Evidence;
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::domain::counts::ClassCount;
use leukoscope::domain::critical::{CriticalOf, CriticalValue};
use leukoscope::domain::flag::{Flag, Share};
use leukoscope::domain::interval::Figure;
use leukoscope::domain::source::Source;
use leukoscope::outputs::astm::message::Sender;
use leukoscope::outputs::delivery::notes::About;
use leukoscope::outputs::fhir::bundle::bundle;
use leukoscope::outputs::hl7::observation;
use leukoscope::outputs::report::{ReportFormat, make};
use leukoscope::outputs::serial::line::{SerialLine, SerialMessage, csv_header, render};
use leukoscope::store::records::{SessionStart, Settings};
use leukoscope::store::told::Told;
use leukoscope::store::{Store, StoredResult};
use serde_json::{Value, json};

/// One blast among 100 cells, which is critical; from this source, on this kind of station.
struct Bench {
    store: Store,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new(source: Source, training: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let settings = Settings { source: Some(source), training, ..settings() };
        let line = |class, count, percent| ClassCount { class, count, percent, low: 0.0, high: 5.4 };
        let mut counted = Snapshot {
            source: Some(source),
            training,
            counted: 100,
            target: 100,
            classes: vec![line(CellClass::Ngs, 99, 99.0), line(CellClass::Bla, 1, 1.0)],
            critical: vec![CriticalValue { of: CriticalOf::BlastCells, value: 1.0, limit: 1.0 }],
            flags: vec![Flag::Blasts],
            ..result("A-1")
        };
        counted.statistics.evidence = vec![Evidence {
            flag: Flag::Blasts,
            of: Share::Blasts,
            figure: Figure { value: 1.0, low: 0.0, high: 5.4 },
            limit: 1.0,
            beyond_chance: false,
            network_alone: false,
        }];
        let id = store.begin(&SessionStart { settings: settings.clone(), ..start("A-1") }).unwrap();
        let white = |number, class| put(cell(number, Kind::Wbc, Some(class), 0.9), Some(&jpeg(number as u8)));
        let cells = [white(1, CellClass::Ngs), white(2, CellClass::Bla)];
        store.finish(id, &cells, &counted, &settings).unwrap();
        Self { store, _folder: folder }
    }

    fn stored(&self) -> StoredResult {
        self.store.result_of(1).unwrap().unwrap()
    }

    fn report(&self, form: ReportFormat, language: &str) -> Vec<u8> {
        let detail = self.store.session(1).unwrap().unwrap();
        let cells = self.store.cells(1, None, None).unwrap().into_iter();
        let cells: Vec<_> = cells.map(|cell| (cell.clone(), self.store.crop(1, cell.number).unwrap())).collect();
        make(form, &detail, &cells, &words(language), &leukoscope::outputs::report::letterhead::Letterhead::default())
            .unwrap()
    }

    fn line(&self, format: LineFormat) -> String {
        let stored = self.stored();
        let message = SerialMessage::Result(&stored);
        render(&SerialLine { sequence: 1, time: at(90), station: "bench", protocol: 1, message }, format)
    }

    fn hl7(&self) -> String {
        observation::render(&self.stored(), &About::default(), &Hl7Config::default(), &CodesConfig::default(), at(100))
    }

    fn astm(&self) -> String {
        let sender = Sender {
            station: "bench".into(),
            receiver: None,
            charset: AstmCharset::Utf8,
            codes: CodesConfig::default(),
        };
        let records = sender.result(&self.stored(), None, false, &[], at(100));
        String::from_utf8(records.concat()).unwrap()
    }
}

const KINDS: [(Source, bool, &str, &[&str]); 4] = [
    (Source::Camera, false, "P", &["unchecked"]),
    (Source::Simulated, false, "D", &["simulated"]),
    (Source::Replayed, false, "D", &["replayed"]),
    (Source::Simulated, true, "T", &["training", "simulated"]),
];

#[test]
fn laboratory_systems_are_told_how_to_process_what_is_no_patients_result() {
    for (source, training, letter, marks) in KINDS {
        let bench = Bench::new(source, training);
        let (hl7, astm) = (bench.hl7(), bench.astm());
        assert_eq!(hl7.split('|').nth(10), Some(letter), "MSH-11: {hl7}");
        assert_eq!(astm.split('\r').next().unwrap().split('|').nth(11), Some(letter), "H-12: {astm}");
        let bundle = bundle(&bench.stored(), &About::default(), &CodesConfig::default());
        for entry in bundle["entry"].as_array().unwrap() {
            let tag = &entry["resource"]["meta"]["security"][0]["code"];
            let expected = if letter == "P" { Value::Null } else { json!("HTEST") };
            assert_eq!(*tag, expected, "{}", entry["resource"]["resourceType"]);
        }
        for mark in marks {
            for text in [&hl7, &astm, &bundle.to_string()] {
                assert!(text.contains(&format!("{}:", mark.to_uppercase())), "{mark} in {text}");
            }
        }
    }
}

#[test]
fn lines_carry_marks_and_critical_values_in_fields_of_their_own() {
    for (source, training, _, marks) in KINDS {
        let bench = Bench::new(source, training);
        let line: Value = serde_json::from_str(&bench.line(LineFormat::Json)).unwrap();
        assert_eq!(line["marks"], json!(marks));
        assert_eq!(line["critical"], json!([{"of": "blast-cells", "value": 1.0, "limit": 1.0}]));
        let (header, row) = (csv_header(1), bench.line(LineFormat::Csv));
        let record = |text: &str| {
            let mut reader =
                csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes().to_vec().leak() as &[u8]);
            reader.records().next().unwrap().unwrap()
        };
        let (header, row) = (record(&header), record(&row));
        assert_eq!(header.len(), row.len());
        let field = |name: &str| &row[header.iter().position(|column| column == name).unwrap()];
        assert_eq!((field("marks"), field("critical")), (marks.join(" ").as_str(), "blast-cells=1.0"));
    }
}

#[test]
fn a_critical_result_is_abnormal_as_far_as_each_standard_can_say() {
    let bench = Bench::new(Source::Camera, false);
    let hl7 = bench.hl7();
    let blasts = hl7.split('\r').find(|segment| segment.starts_with("OBX") && segment.contains("BLA^")).unwrap();
    assert_eq!(blasts.split('|').nth(8), Some("AA"), "{blasts}");
    let bundle = bundle(&bench.stored(), &About::default(), &CodesConfig::default()).to_string();
    assert!(bundle.contains("Critical abnormal"), "{bundle}");
    for text in [hl7, bundle, bench.astm()] {
        assert!(text.contains("CRITICAL VALUE: 1 blast (limit 1)."), "{text}");
        assert!(text.contains("1 blast in 100 cells: an experienced person must look"), "{text}");
        assert!(!text.contains("chance alone"), "{text}");
    }
}

#[test]
fn the_first_page_shows_blasts_in_red_with_their_pictures_and_speaks_of_no_chance() {
    for (language, one, chance) in [
        ("en", "1blastin100cells", "chancealone"),
        ("es", "1blastoen100c", "debersealazar"),
        ("fr", "1blastesur100cellules", "hasardpeut"),
    ] {
        let bench = Bench::new(Source::Camera, false);
        let pdf = Pdf(bench.report(ReportFormat::Pdf, language));
        let pages = pdf.printed();
        assert!(pages[0].contains(one), "{}", pages[0]);
        assert!(!pages.concat().contains(chance), "{language}: {}", pages.concat());
        // The blast in the box, and both cells among the leading ones.
        assert_eq!(pdf.count("DCTDecode"), 3);
        let csv = String::from_utf8(bench.report(ReportFormat::Csv, language)).unwrap();
        assert!(csv.contains("critical,") && csv.contains("blast-cells"), "{csv}");
    }
}

#[test]
fn a_report_says_who_was_told_and_that_it_is_for_training_on_every_page() {
    let bench = Bench::new(Source::Simulated, true);
    let first = |bench: &Bench| Pdf(bench.report(ReportFormat::Pdf, "en")).printed()[0].clone();
    assert!(first(&bench).contains("Nobodyhaswrittendownyetwhowastold"));
    let said =
        Told { told: "Ward 3, Kim".into(), told_by: None, told_at: None, read_back: true, note: "called twice".into() };
    bench.store.acknowledge(1, "otto", at(200), &said).unwrap();
    bench.store.of_training_station(true);
    bench.store.sign(1, "rita", at(300), "").unwrap();
    let page = first(&bench);
    assert!(page.contains("Ward3,Kimwastoldbyotto") && page.contains("calledtwice"), "{page}");
    let pdf = Pdf(bench.report(ReportFormat::Pdf, "en"));
    for page in pdf.printed() {
        assert!(page.contains("SIMULATED") && page.matches("TRAINING").count() == 2, "{page}");
    }
    let json: Value = serde_json::from_slice(&bench.report(ReportFormat::Json, "en")).unwrap();
    assert_eq!(json["marks"], json!(["training", "simulated"]));
    assert_eq!(json["acknowledged"][0]["told"], "Ward 3, Kim");
    let real = Pdf(Bench::new(Source::Camera, false).report(ReportFormat::Pdf, "en"));
    assert!(!real.printed().concat().contains("TRAINING"));
}
