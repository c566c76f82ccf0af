//! Reports with a laboratory's own classes.

use crate::common::stored::{at, jpeg, six_pictured};
use crate::report_bench::Bench;
use leukoscope::domain::class::CellClass;
use leukoscope::domain::own_class::{GivenClass, OwnName};
use leukoscope::outputs::report::ReportFormat;

fn bench() -> Bench {
    let bench = Bench::with("A-1", &six_pictured(jpeg));
    let give = |cells: &[i64], class, code: &str, name: &str, second| {
        let own = Some(OwnName { code: code.to_owned(), name: name.to_owned() });
        let given = Some(GivenClass { class, own });
        bench.store.reclassify_seen(1, cells, given.as_ref(), "rita", at(second), |_| false).unwrap();
    };
    give(&[1, 2], CellClass::Lya, "HCL", "hairy cell", 70);
    give(&[3], CellClass::Plt, "GPL", "giant platelet", 71);
    bench
}

#[test]
fn the_paper_tells_own_classes_below_the_class_that_they_count_as() {
    for (language, within, apart) in [
        ("en", "of these: hairy cell (HCL)", "Platelet, of these: giant platelet (GPL)"),
        ("es", "de ellas: hairy cell (HCL)", "giant platelet (GPL)"),
        ("fr", "dont : hairy cell (HCL)", "giant platelet (GPL)"),
    ] {
        let pdf = bench().pdf(language);
        let printed: String = pdf.printed().concat();
        let plain = |text: &str| text.replace(char::is_whitespace, "");
        assert!(printed.contains(&plain(within)) && printed.contains(&plain(apart)), "{language}: {printed}");
        // The caption below the picture of each of its cells.
        assert!(printed.contains("HCL,"), "{language}: {printed}");
    }
}

#[test]
fn a_table_names_the_own_class_its_cells_and_what_they_count_as() {
    let table = bench().text(ReportFormat::Csv, "en");
    for line in ["own class cells,hairy cell,HCL,2,,,", "own class counts as,giant platelet,GPL,PLT,,,"] {
        assert!(table.contains(line), "{table}");
    }
    let without = Bench::with("A-2", &six_pictured(jpeg)).text(ReportFormat::Csv, "en");
    assert!(!without.contains("own class"), "{without}");
}
