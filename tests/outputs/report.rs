//! Reports of sessions.

use crate::common::stored::{at, cell, jpeg, put, result, six_pictured, start};
use crate::report_bench::{Bench, Pdf, words};
use leukoscope::counting::statistics::Evidence;
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::domain::counts::ClassCount;
use leukoscope::domain::flag::{Flag, Share};
use leukoscope::domain::interval::Figure;
use leukoscope::outputs::report::letterhead::Letterhead;
use leukoscope::outputs::report::{ReportFormat, make};
use leukoscope::outputs::words::Catalogues;
use leukoscope::store::Store;
use leukoscope::store::records::CellChange;
use proptest::prelude::*;

/// The CSV report as records.
fn table(bench: &Bench) -> Vec<csv::StringRecord> {
    let csv = bench.text(ReportFormat::Csv, "en");
    csv::ReaderBuilder::new().from_reader(csv.as_bytes()).records().collect::<Result<_, _>>().unwrap()
}

#[test]
fn every_page_of_an_unsigned_report_says_so_and_none_of_a_signed_one_does() {
    let many: Vec<CellChange> = (1..)
        .zip(CellClass::ALL)
        .map(|(n, class)| put(cell(n, Kind::Wbc, Some(*class), 0.9), Some(&jpeg(n as u8))))
        .collect();
    let bench = Bench::with("A-1", &many);
    // A review makes the table list every class, one line each.
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
    let bench = Bench::with("A-1", &six_pictured(jpeg));
    bench.store.reclassify(1, 2, Some(CellClass::Mon), "rita", at(80)).unwrap();
    let pdf = bench.pdf("en");
    assert_eq!(pdf.count("DCTDecode"), 4);
    assert_eq!((pdf.count("(99 %)"), pdf.count("(rita, was NGS)")), (1, 1));
    let french = bench.pdf("fr");
    assert_eq!((french.says("LIMINAIRE"), french.says("PRELIMINARY")), (french.pages(), 0));
}

#[test]
fn a_broken_picture_is_left_out_and_an_empty_session_is_a_report_too() {
    let mut cells = six_pictured(jpeg);
    let half = &jpeg(9)[..200];
    cells.push(put(cell(7, Kind::Wbc, Some(CellClass::Eos), 0.9), Some(half)));
    cells.push(put(cell(8, Kind::Wbc, Some(CellClass::Eos), 0.9), Some(b"no picture")));
    let bench = Bench::with("A-1", &cells);
    let pdf = bench.pdf("en");
    // Both eosinophils are left out; neither is a line of the result, which this test does not recompute.
    assert_eq!(pdf.count("DCTDecode"), 4);
    bench.store.reclassify(1, 1, Some(CellClass::Mon), "rita", at(80)).unwrap();
    let pdf = bench.pdf("en");
    assert_eq!((pdf.count("DCTDecode"), pdf.says("Damaged and left out: 2 pictures.")), (4, 1));
    let empty = Bench::with("A-2", &[]).pdf("es");
    assert_eq!((empty.pages(), empty.count("DCTDecode")), (1, 0));
}

#[test]
fn a_spreadsheet_gets_every_figure_and_no_formula() {
    let bench = Bench::with("=cmd|' /C calc'!A0", &six_pictured(jpeg));
    bench.store.sign(1, "rita", at(90), "@SUM(1)").unwrap();
    let lines = table(&bench);
    let value = |section: &str, name: &str| {
        let line = lines.iter().find(|line| &line[0] == section && &line[1] == name);
        line.unwrap_or_else(|| panic!("no {section} {name} in {lines:?}"))[3].to_owned()
    };
    assert_eq!(value("session", "sample"), "'=cmd|' /C calc'!A0");
    assert_eq!((value("session", "comment"), value("session", "reviewer")), ("'@SUM(1)".into(), "rita".into()));
    assert_eq!(value("session", "status"), "final, signed");
    assert_eq!((value("count", "WBC"), value("cells", "Neutrophil (segmented)")), ("4".into(), "3".into()));
    assert!(lines.iter().all(|line| line.iter().all(|field| !field.starts_with(['=', '+', '@']))));
}

#[test]
fn a_program_gets_the_session_its_cells_and_the_notice() {
    let bench = Bench::with("A-1", &six_pictured(jpeg));
    let json: serde_json::Value = serde_json::from_str(&bench.text(ReportFormat::Json, "en")).unwrap();
    assert_eq!(json["notice"], "Screening support, not a diagnosis.");
    assert_eq!((&json["status"], &json["signature"]), (&"preliminary".into(), &serde_json::Value::Null));
    assert_eq!(json["cells"].as_array().unwrap().len(), 6);
    assert_eq!(json["settings"]["models"]["classifier"], "ab12");
}

#[test]
fn an_id_of_digits_keeps_its_zeros_and_times_have_no_fractions_in_a_spreadsheet() {
    let bench = Bench::with("0012345678901", &six_pictured(jpeg));
    bench.store.sign(1, "rita", at(90), "12-03").unwrap();
    let csv = bench.text(ReportFormat::Csv, "es");
    assert!(csv.starts_with("\u{feff}section,"), "{}", &csv[..20]);
    assert!(csv.contains("\nsession,sample,,'0012345678901,"), "{csv}");
    assert!(csv.contains("\nsession,comment,,'12-03,"), "{csv}");
    for name in ["started", "ended", "signed"] {
        let line = csv.lines().find(|line| line.starts_with(&format!("session,{name},"))).unwrap();
        let time = line.split(',').nth(3).unwrap();
        assert_eq!(time.len(), "2026-11-29T10:12:03+01:00".len(), "{line}");
        assert!(!time.contains('.'), "{line}");
    }
}

#[test]
fn a_report_says_how_many_cells_were_looked_at() {
    let bench = Bench::with("A-1", &six_pictured(jpeg));
    assert!(bench.pdf("en").printed().concat().contains("0of4cellslookedatbyaperson."));
    bench.store.reclassify(1, 2, Some(CellClass::Ngs), "rita", at(80)).unwrap();
    bench.store.sign(1, "rita", at(90), "").unwrap();
    assert!(bench.pdf("en").printed().concat().contains("1of4cellslookedatbyaperson."));
    assert!(table(&bench).iter().any(|line| line.iter().take(4).eq(["session", "looked at", "", "1"])));
    let json: serde_json::Value = serde_json::from_str(&bench.text(ReportFormat::Json, "en")).unwrap();
    assert_eq!(json["looked_at"]["cells"], 1);
}

#[test]
fn a_report_says_whether_its_camera_was_checked_and_a_signed_one_as_it_was_then() {
    let bench = Bench::with("A-1", &six_pictured(jpeg));
    let says = |words: &str, language: &str| {
        let printed = bench.pdf(language).printed().concat();
        assert!(printed.contains(&words.replace(' ', "")), "{printed}");
        let table = table(&bench);
        let line = table.iter().find(|line| line.iter().take(2).eq(["session", "camera checked"])).unwrap();
        line[3].to_owned()
    };
    assert!(says("Not checked with this camera:", "en").starts_with("Not checked with this camera"));
    says("No comprobado con esta cámara:", "es");
    bench.store.reclassify(1, 2, Some(CellClass::Ngs), "rita", at(80)).unwrap();
    bench.store.reclassify(1, 3, Some(CellClass::Ngb), "rita", at(81)).unwrap();
    bench.store.sign(1, "rita", at(90), "").unwrap();
    let other = bench.store.begin(&start("A-2")).unwrap();
    bench.store.finish(other, &six_pictured(jpeg), &result("A-2"), &start("A-2").settings).unwrap();
    bench.store.reclassify(other, 2, Some(CellClass::Bas), "rita", at(95)).unwrap();
    let words = "1 of 2 cells of this camera that a person looked at agree with the program: 50.0 % (95 % interval 1.3";
    assert_eq!(says(words, "en"), format!("{words} – 98.7)."));
    let json: serde_json::Value = serde_json::from_str(&bench.text(ReportFormat::Json, "en")).unwrap();
    assert_eq!((&json["camera_check"]["agree"], &json["camera_check"]["cells"]), (&1.into(), &2.into()));
}

#[test]
fn a_report_of_a_sample_counted_again_names_the_signed_result_before() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let first = store.begin(&start("A-1")).unwrap();
    store.finish(first, &six_pictured(jpeg), &result("A-1"), &start("A-1").settings).unwrap();
    store.sign(first, "rita", at(90), "").unwrap();
    let mut again = result("A-1");
    again.earlier = store.signed_before("A-1").unwrap();
    let id = store.begin(&start("A-1")).unwrap();
    store.finish(id, &[], &again, &start("A-1").settings).unwrap();
    let detail = store.session(id).unwrap().unwrap();
    let pdf = Pdf(make(ReportFormat::Pdf, &detail, &[], &words("en"), &Letterhead::default()).unwrap());
    assert!(pdf.printed().concat().contains("A-1hasasignedresultalready:session1of2026-09-21"));
}

proptest! {
    #[test]
    fn whatever_stands_in_a_sample_or_comment_there_is_a_report_with_the_sample_on_every_page(
        sample in prop_oneof!["\\PC{1,64}", "[ -~\u{a1}-\u{ff}]{1,64}", "[A-Z]{30,64}"],
        comment in "(?s).{0,300}",
    ) {
        let bench = Bench::with(&sample, &six_pictured(jpeg));
        bench.store.sign(1, "rita", at(90), &comment).unwrap();
        let pdf = bench.pdf("en");
        prop_assert!(pdf.0.starts_with(b"%PDF-") && pdf.pages() >= 1);
        let letters: String = sample.chars().filter(|letter| !letter.is_whitespace()).collect();
        if letters.chars().all(|letter| matches!(letter, '!'..='~' | '\u{a1}'..='\u{ff}')) {
            let printed = pdf.printed();
            prop_assert_eq!(printed.len(), pdf.pages());
            prop_assert!(printed.iter().all(|page| page.contains(&letters)), "{} in {:?}", letters, printed);
        }
        bench.text(ReportFormat::Csv, "en");
        bench.text(ReportFormat::Json, "en");
    }
}

#[test]
fn a_sample_id_of_64_wide_letters_stands_whole_on_every_page_and_over_nothing_else() {
    let sample = "W".repeat(64);
    let pdf = Bench::with(&sample, &six_pictured(jpeg)).pdf("en");
    assert_eq!(pdf.printed().iter().filter(|page| page.contains(&sample)).count(), pdf.pages());
    // A line must fit the sheet: 499 pt hold 48 of these letters at 11 pt.
    assert_eq!(pdf.count(&"W".repeat(48)), pdf.pages());
    assert_eq!(pdf.count(&"W".repeat(49)), 0);
}

#[test]
fn every_share_behind_a_flag_is_named_with_its_own_limit() {
    let bench = Bench::warned();
    let pdf = bench.pdf("en").printed().concat();
    for words in ["Bands:12.0(", "limit10.0:chancealone", "Immaturegranulocytes:8.5(", "limit2.0."] {
        assert!(pdf.contains(words), "{words} in {pdf}");
    }
    let lines = table(&bench);
    let evidence: Vec<Vec<&str>> =
        lines.iter().filter(|line| line[0].starts_with("evidence")).map(|line| line.iter().take(4).collect()).collect();
    assert_eq!(
        evidence,
        [
            ["evidence", "Bands", "bands", "12.00"],
            ["evidence beyond chance", "Bands", "bands", "no"],
            ["evidence", "Immature granulocytes", "immature-granulocytes", "8.50"],
            ["evidence beyond chance", "Immature granulocytes", "immature-granulocytes", "yes"],
        ]
    );
}

#[test]
fn a_report_tells_both_readings_where_they_differ_by_more_than_chance() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut result = result("A-1");
    let percent = Figure { value: 12.0, low: 6.4, high: 20.0 };
    let bands = ClassCount { class: CellClass::Ngb, count: 12, percent: 12.0, low: 6.4, high: 20.0 };
    result.flags = vec![Flag::LeftShift];
    result.statistics.network_alone = vec![bands];
    result.statistics.evidence = vec![Evidence {
        flag: Flag::LeftShift,
        of: Share::Bands,
        figure: percent,
        limit: 10.0,
        beyond_chance: false,
        network_alone: true,
    }];
    let id = store.begin(&start("A-1")).unwrap();
    store.finish(id, &[], &result, &start("A-1").settings).unwrap();
    let bench = Bench { store, letterhead: Letterhead::default(), _folder: folder };
    let pdf = bench.pdf("en").printed().concat();
    for words in ["Thenetworkalone,", "Neutrophil(band)12(12.0%)", "(Bythenetworkalone,"] {
        assert!(pdf.contains(words), "{words} in {pdf}");
    }
    let lines = table(&bench);
    for line in [
        ["cells by the network alone", "Neutrophil (band)", "NGB", "12"],
        ["percent by the network alone", "Neutrophil (band)", "NGB", "12.00"],
        ["evidence by the network alone", "Bands", "bands", "yes"],
    ] {
        assert!(lines.iter().any(|found| found.iter().take(4).eq(line)), "{line:?} in {lines:?}");
    }
    assert!(bench.text(ReportFormat::Json, "en").contains("\"network_alone\""));
}

#[test]
fn a_spreadsheet_keeps_every_warning_and_a_report_every_limit() {
    let bench = Bench::warned();
    let lines = table(&bench);
    for line in [
        ["session", "status", "preliminary", "preliminary, not signed"],
        ["count", "ending", "target-reached", "target reached"],
        ["count", "frames used", "", "31"],
        ["count", "frames refused", "", "4"],
        ["count", "target", "", "4"],
        ["flag", "Left shift?", "left-shift", "Bands or immature granulocytes are at or above the limit."],
        ["limit", "Bands,\u{a0}%", "bands", "10"],
        ["limit", "Correct the white count from (nucleated red per 100)", "", "5"],
        ["per red cell", "WBC per ul without nucleated red cells, estimate", "", "7500.00"],
        ["experimental", "Lymphocyte (typical)", "LYT", "* Experimental: learned from too few images to be trusted."],
    ] {
        assert!(lines.iter().any(|found| found.iter().take(4).eq(line)), "{line:?} in {lines:?}");
    }
    let pdf = bench.pdf("en").printed().concat();
    for words in ["Cellstocount:4;", "(nucleatedredper100):5.0", "withoutnucleatedredcells,estimateper\u{b5}l:7500("] {
        assert!(pdf.contains(words), "{words} in {pdf}");
    }
}

#[test]
fn a_session_without_a_result_is_not_called_preliminary() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.begin(&start("A-1")).unwrap();
    let bench = Bench { store, letterhead: Letterhead::default(), _folder: folder };
    let lines = table(&bench);
    assert!(lines.iter().any(|line| line.iter().take(4).eq(["session", "status", "counting", "being counted"])));
}

#[test]
fn a_warning_that_cannot_be_printed_in_a_clinics_language_stands_in_english() {
    let folder = tempfile::tempdir().unwrap();
    let own = "{\"report.preliminary\":\"\u{378}\u{378}\",\"notice\":\"\u{378}.\",\"class.NGS\":\"\u{379}\",\"class.LYT\":\"Limfocyt\"}";
    std::fs::write(folder.path().join("ru.json"), own).unwrap();
    let words = Catalogues::new(Some(folder.path().to_owned())).words("ru");
    let (detail, cells) = Bench::with("A-1", &six_pictured(jpeg)).all();
    let pdf = Pdf(make(ReportFormat::Pdf, &detail, &cells, &words, &Letterhead::default()).unwrap());
    assert_eq!(
        (pdf.says("PRELIMINARY"), pdf.count("(Screening support, not a diagnosis.)")),
        (pdf.pages(), pdf.pages())
    );
    assert!(pdf.count("(Neutrophil \\(segmented\\))") + pdf.count("(Neutrophil (segmented))") > 0);
    assert!(pdf.count("(Limfocyt)") > 0 && pdf.count("??") == 0);
    assert_eq!(pdf.count("stand in English"), 1);
    let shipped = Catalogues::new(None).languages();
    assert!(shipped.len() > 1);
    for language in &shipped {
        let (detail, cells) = Bench::with("A-1", &[]).all();
        let pdf = Pdf(make(
            ReportFormat::Pdf,
            &detail,
            &cells,
            &crate::report_bench::words(language),
            &Letterhead::default(),
        )
        .unwrap());
        assert_eq!(pdf.says("stand in English"), 0, "{language}");
    }
}

#[test]
fn letters_of_a_camera_that_do_not_print_are_pointed_out() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut begun = start("A-1");
    begun.settings.camera = "replay:/\u{378}".to_owned();
    let id = store.begin(&begun).unwrap();
    store.finish(id, &[], &result("A-1"), &begun.settings).unwrap();
    assert_eq!(
        Bench { store, letterhead: Letterhead::default(), _folder: folder }
            .pdf("en")
            .printed()
            .concat()
            .matches("cannotprint")
            .count(),
        1
    );
}
