//! What a laboratory puts on its reports, and comments in any script. Text is read back with `pdftotext` (Debian's
//! poppler-utils) where it is installed.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::stored::{at, jpeg, result, six_pictured, start};
use crate::report_bench::{Bench, Pdf, words};
use image::{Rgba, RgbaImage};
use leukoscope::config::LaboratoryConfig;
use leukoscope::counting::statistics::absolute::{AbsoluteCounts, EnteredKind, Entry};
use leukoscope::domain::class::{CellClass, Group};
use leukoscope::domain::interval::Figure;
use leukoscope::domain::letters::unfit_in_comment;
use leukoscope::outputs::report::letterhead::Letterhead;
use leukoscope::outputs::report::ranges::Ranges;
use leukoscope::outputs::report::{ReportFormat, make};
use leukoscope::store::Store;
use proptest::prelude::*;

/// One sentence in each script that Debian's Noto is asked for.
const SENTENCES: [(&str, &str); 10] = [
    ("Greek", "Ανεύρεση βλαστών"),
    ("Russian", "Обнаружены бластные клетки"),
    ("Arabic", "شوهدت خلايا أرومية"),
    ("Hebrew", "נצפו תאי בלסט"),
    ("Hindi", "ब्लास्ट कोशिकाएँ दिखीं"),
    ("Thai", "พบเซลล์บลาสต์"),
    ("Chinese", "可见原始细胞"),
    ("Japanese", "芽球を認めます"),
    ("Korean", "모세포가 보임"),
    ("Vietnamese", "Có tế bào blast"),
];

/// The text of a PDF as `pdftotext` gives it; none where that is not installed.
fn extracted(pdf: &Pdf) -> Option<String> {
    let started = Command::new("pdftotext").args(["-", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = started else {
        eprintln!("skipped: pdftotext (poppler-utils) is not installed");
        return None;
    };
    let mut input = child.stdin.take().unwrap();
    let bytes = pdf.0.clone();
    let writing = std::thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Text without blanks and marks of direction.
fn letters(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_whitespace() && !('\u{200e}'..='\u{202e}').contains(letter)).collect()
}

/// Whether the letters stand in what was extracted; those that run from the right may come out in either order.
fn holds(extracted: &str, sentence: &str) -> bool {
    let (extracted, sentence) = (letters(extracted), letters(sentence));
    let turned: String = sentence.chars().rev().collect();
    extracted.contains(&sentence) || extracted.contains(&turned)
}

/// Whether Debian's Noto is installed; says so if it is not.
fn noto() -> bool {
    let there = SENTENCES.iter().all(|(_, sentence)| unfit_in_comment(sentence).is_none());
    if !there {
        eprintln!("skipped: fonts-noto-core and fonts-noto-cjk are not installed");
    }
    there
}

fn read(config: &LaboratoryConfig) -> Letterhead {
    Letterhead::read(config).unwrap()
}

fn logo(folder: &Path) -> std::path::PathBuf {
    let file = folder.join("logo.png");
    RgbaImage::from_fn(120, 40, |x, _| Rgba([30, 90, 160, if x < 60 { 255 } else { 0 }])).save(&file).unwrap();
    file
}

/// A session with a white count, and the group `adults` if asked.
fn entered(group: bool) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut result = result("A-17");
    let entry = |kind, value: &str| Entry { kind, value: value.to_owned(), by: "ada".to_owned(), at: at(30) };
    result.statistics.groups = [(Group::Neutrophils, Figure { value: 75.0, low: 19.4, high: 99.4 })].into();
    result.statistics.entered = vec![entry(EnteredKind::WhiteCount, "6.5")];
    if group {
        result.statistics.entered.push(entry(EnteredKind::Group, "adults"));
    }
    let statistics = &result.statistics;
    result.statistics.absolute = AbsoluteCounts::of(&statistics.entered, None, &result.classes, &statistics.groups);
    let id = store.begin(&start("A-17")).unwrap();
    store.finish(id, &six_pictured(jpeg), &result, &start("A-17").settings).unwrap();
    Bench { store, letterhead: Letterhead::default(), _folder: folder }
}

const RANGES: &str = r#"
    [[range]]
    of = "neutrophils"
    unit = "percent"
    group = "adults"
    low = 40.0
    high = 70.0
    source = "own, 120 adults, 2026"

    [[range]]
    of = "LYT"
    unit = "per-ul"
    group = "adults"
    low = 1800
    high = 4000
    source = "own, 120 adults, 2026"
"#;

#[test]
fn a_comment_in_any_script_is_printed_and_can_be_read_out_of_the_file() {
    if !noto() {
        return;
    }
    for (script, sentence) in SENTENCES {
        let bench = Bench::with("A-17", &six_pictured(jpeg));
        bench.store.sign(1, "rita", at(90), sentence).unwrap();
        let pdf = bench.pdf("en");
        assert_eq!(pdf.count("cannot print"), 0, "{script}");
        assert!(pdf.0.len() < 120_000, "only the glyphs in use are embedded, {script}: {} bytes", pdf.0.len());
        if let Some(text) = extracted(&pdf) {
            assert!(holds(&text, sentence), "{script}: {sentence} in {text}");
        }
        assert_eq!(pdf.0, bench.pdf("en").0, "the same session makes the same bytes");
    }
}

#[test]
fn a_western_report_embeds_no_typeface() {
    let bench = Bench::with("A-17", &six_pictured(jpeg));
    bench.store.sign(1, "rita", at(90), "Frottis épais – à refaire").unwrap();
    assert_eq!(bench.pdf("fr").count("FontFile"), 0);
}

#[test]
fn every_page_names_the_laboratory_and_shows_its_logo_once_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let many: Vec<_> = (0..9).flat_map(|_| six_pictured(jpeg)).collect();
    let mut bench = Bench::with("A-17", &many[..6]);
    let bare = bench.pdf("en");
    bench.letterhead = read(&LaboratoryConfig {
        name: "Laboratorio Ñandú".into(),
        address: "Calle Mayor 5, 28013 Madrid".into(),
        phone: "+34 910 000 000".into(),
        logo: Some(logo(folder.path())),
        ..LaboratoryConfig::default()
    });
    let pdf = bench.pdf("en");
    let pages = pdf.printed();
    assert_eq!(pages.len(), pdf.pages());
    for said in ["LaboratorioÑandú", "CalleMayor5", "+34910000000"] {
        assert!(pages.iter().all(|page| page.contains(said)), "{said} in {pages:?}");
    }
    assert_eq!(pdf.count("DCTDecode"), bare.count("DCTDecode") + 1);
    let csv = bench.text(ReportFormat::Csv, "en");
    assert!(csv.contains("\nsession,laboratory,,Laboratorio Ñandú,"), "{csv}");
    assert!(bench.text(ReportFormat::Json, "en").contains("\"laboratory\": \"Laboratorio Ñandú\""));
}

#[test]
fn a_logo_that_is_missing_too_large_or_no_picture_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let half = fs::read(logo(folder.path())).unwrap();
    for (path, says) in [
        (folder.path().join("none.png"), "No such file"),
        (folder.path().to_owned(), "is no file"),
        (file("large.png", &vec![0; (1 << 20) + 1]), "at most 1048576"),
        (file("text.png", b"no picture"), "is no PNG or JPEG picture"),
        (file("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "is no PNG or JPEG picture"),
        (file("half.png", &half[..half.len() / 2]), "is damaged or too large"),
    ] {
        let config = LaboratoryConfig { logo: Some(path.clone()), ..LaboratoryConfig::default() };
        let problem = Letterhead::read(&config).unwrap_err();
        assert!(problem.to_string().contains(says) && problem.key() == "logo", "{problem}");
    }
}

#[test]
fn counts_per_microlitre_stand_with_who_entered_the_white_count_and_when() {
    let bench = entered(false);
    let printed = bench.pdf("en").printed().concat();
    for said in [
        "Whitecount:6.5thousandperµl,enteredbyada,2026-09-21",
        "Countspermicrolitre",
        "4875", // 75 % of 6500
        "1625",
        "Intervalslikethesehold",
    ] {
        assert!(printed.contains(said), "{said} in {printed}");
    }
    let csv = bench.text(ReportFormat::Csv, "en");
    for line in ["\nentered,white-count,,6.5,", "\nentered,white-count by,,ada,", "\nper ul,NGS,NGS,4875,325,6175,"] {
        assert!(csv.contains(line), "{line} in {csv}");
    }
    let json: serde_json::Value = serde_json::from_str(&bench.text(ReportFormat::Json, "en")).unwrap();
    assert_eq!(json["reviewed_result"]["statistics"]["absolute"]["classes"]["NGS"][0], 4875.0);
    // A class given by a person changes them.
    bench.store.reclassify(1, 4, Some(CellClass::Mon), "rita", at(80)).unwrap();
    let json: serde_json::Value = serde_json::from_str(&bench.text(ReportFormat::Json, "en")).unwrap();
    assert_eq!(json["reviewed_result"]["statistics"]["absolute"]["classes"]["MON"][0], 1625.0);
}

#[test]
fn a_range_marks_a_value_only_where_the_group_of_the_person_was_entered() {
    let marked = |group: bool| {
        let mut bench = entered(group);
        bench.letterhead.ranges = Ranges::parse(RANGES).unwrap();
        (bench.pdf("en").printed().concat(), bench.text(ReportFormat::Csv, "en"))
    };
    let (printed, csv) = marked(true);
    for said in ["40.0–70.0H", "1800–4000L", "Referencerangesforadults:own,120adults,2026."] {
        assert!(printed.contains(&said.replace('–', "\u{96}")), "{said} in {printed}");
    }
    assert!(csv.contains("neutrophils,H,40,70,adults") && csv.contains("LYT,L,1800,4000,adults"), "{csv}");
    let (printed, csv) = marked(false);
    assert!(printed.contains("itwasnotenteredtowhichgroup") && !printed.contains("70.0H"), "{printed}");
    assert!(!csv.contains(",H,40,70"), "{csv}");
}

#[test]
fn counts_before_the_correction_stand_where_they_differ() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut result = result("A-1");
    result.classes_uncorrected = [(CellClass::Ngs, 1), (CellClass::Ngb, 2), (CellClass::Lyt, 1)].into();
    let id = store.begin(&start("A-1")).unwrap();
    store.finish(id, &[], &result, &start("A-1").settings).unwrap();
    let printed = Bench { store, letterhead: Letterhead::default(), _folder: folder }.pdf("en").printed().concat();
    assert!(printed.contains("Beforethecorrection"), "{printed}");
    assert!(printed.contains("Neutrophil(band)2;Neutrophil(segmented)1."), "{printed}");
}

#[test]
fn a_label_holds_the_sample_the_figures_and_whether_it_is_signed() {
    let bench = entered(false);
    let label = || {
        let (detail, cells) = bench.all();
        Pdf(make(ReportFormat::Label, &detail, &cells, &words("en"), &Letterhead::default()).unwrap())
    };
    let unsigned = label();
    assert_eq!((unsigned.pages(), unsigned.count("[0 0 161.6 90.7]")), (1, 1));
    let printed = unsigned.printed().concat();
    for said in ["A-17", "NGS75.0%", "LYT25.0%", "preliminary"] {
        assert!(printed.contains(said), "{said} in {printed}");
    }
    bench.store.sign(1, "rita", at(90), "seen").unwrap();
    assert!(label().printed().concat().contains("final,signed"));
    let long = Bench::with(&"W".repeat(64), &six_pictured(jpeg));
    let (detail, cells) = long.all();
    let printed =
        Pdf(make(ReportFormat::Label, &detail, &cells, &words("es"), &Letterhead::default()).unwrap()).printed();
    assert_eq!((printed.len(), printed[0].contains(&"W".repeat(64))), (1, true), "{printed:?}");
}

#[test]
fn phrases_are_one_a_line_and_a_line_that_cannot_be_printed_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("phrases.txt");
    let read = |text: &str| {
        fs::write(&file, text).unwrap();
        Letterhead::read(&LaboratoryConfig { phrases: Some(file.clone()), ..LaboratoryConfig::default() })
    };
    assert_eq!(
        read("# ours\n\nSmear repeated.\n  Réticulocytes ? \n").unwrap().phrases,
        ["Smear repeated.", "Réticulocytes ?"]
    );
    assert!(read("good\nx\u{378}\n").unwrap_err().to_string().contains("line 2 holds"));
    assert!(read(&"x".repeat(301)).unwrap_err().to_string().contains("line 1 has more than 300"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_comment_is_accepted_is_printed_without_a_missing_glyph(
        comment in prop_oneof!["\\PC{1,80}", "[а-яΑ-ωا-ي๐-๙ก-ฮअ-ह一-丏가-각 ()0-9a-z]{1,200}"],
    ) {
        if unfit_in_comment(&comment).is_none() {
            let bench = Bench::with("A-17", &six_pictured(jpeg));
            bench.store.sign(1, "rita", at(90), &comment).unwrap();
            let pdf = bench.pdf("en");
            prop_assert_eq!(pdf.says("cannot print"), 0);
            // Glyph 0 stands for a missing one.
            prop_assert_eq!(pdf.count("<0000> Tj"), 0, "{}", comment);
        }
    }
}
