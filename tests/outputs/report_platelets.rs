//! Reports on platelets that lie in clumps, before and after a review.

use crate::common::stored::{at, result, six_cells, start};
use crate::report_bench::Bench;
use leukoscope::counting::platelets::{PlateletFilm, PlateletReport, WholeField};
use leukoscope::counting::session::snapshot::Snapshot;
use leukoscope::counting::track::{CellId, OnSlide};
use leukoscope::domain::class::CellClass;
use leukoscope::domain::flag::Flag;
use leukoscope::domain::geometry::Rect;
use leukoscope::outputs::report::ReportFormat;
use leukoscope::outputs::report::letterhead::Letterhead;
use leukoscope::store::Store;

/// Twelve fields of 100 x 80 um with a clump of three platelets each, or with three that lie apart.
fn platelets(clumped: bool) -> PlateletReport {
    let mut film = PlateletFilm::default();
    let apart = if clumped { 30.0 } else { 200.0 };
    for patch in 0..12 {
        let area = Rect::new(0.0, 0.0, 1000.0, 800.0);
        film.see(WholeField { patch, area, um_per_px: 0.1, stated: true });
        for (nth, x) in (0..3).zip([200.0, 200.0 + apart, 200.0 + 2.0 * apart]) {
            let place = OnSlide { patch, area: Rect::around((x, 400.0), 28.0, 28.0) };
            film.add(CellId(3 * patch + nth), place, true);
        }
    }
    film.finish(true);
    film.report(36).unwrap()
}

fn bench(clumped: bool) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let id = store.begin(&start("A-1")).unwrap();
    let report = platelets(clumped);
    let mut counted = Snapshot { flags: report.flags().collect(), platelets: Some(report), ..result("A-1") };
    counted.kinds.plt = 36;
    store.finish(id, &six_cells(), &counted, &start("A-1").settings).unwrap();
    Bench { store, letterhead: Letterhead::default(), _folder: folder }
}

#[test]
fn paper_and_table_give_the_estimate_by_fields_or_say_that_clumps_forbid_it() {
    // 36 platelets on 12 times 95 x 75 um, in fields of 31,416 um².
    let plain = |text: &str| text.replace(char::is_whitespace, "");
    let printed = |clumped, language| bench(clumped).pdf(language).printed().concat();
    for (language, estimate, clumps) in [
        ("en", "estimate per µl by fields: 231", "Platelet clumps: 12, with 36 of 36 platelets"),
        ("es", "estimación por µl según los campos: 231", "Agregados plaquetarios: 12, con 36 de 36"),
        ("fr", "estimation par µl selon les champs : 231", "Amas plaquettaires : 12, avec 36 plaquettes sur 36"),
    ] {
        let (apart, clumped) = (printed(false, language), printed(true, language));
        assert!(apart.contains(&plain(estimate)) && !apart.contains(&plain(clumps)), "{language}: {apart}");
        assert!(clumped.contains(&plain(clumps)) && !clumped.contains(&plain(estimate)), "{language}: {clumped}");
    }
    let table = bench(false).text(ReportFormat::Csv, "en");
    assert!(table.contains("platelets,\"PLT per ul by fields, estimate\",,231"), "{table}");
    let table = bench(true).text(ReportFormat::Csv, "en");
    assert!(!table.contains("by fields, estimate") && table.contains("platelets,platelets in clumps,,36"), "{table}");
    assert!(table.contains("flag,Platelet clumps,platelet-clumps"), "{table}");
}

#[test]
fn a_review_of_a_white_cell_keeps_what_was_found_of_the_platelets() {
    let bench = bench(true);
    bench.store.reclassify(1, 3, Some(CellClass::Plt), "ana", at(70)).unwrap();
    let reviewed = bench.store.session(1).unwrap().unwrap().reviewed_result.unwrap();
    assert!(reviewed.flags.contains(&Flag::PlateletClumps), "{:?}", reviewed.flags);
    let platelets = reviewed.platelets.unwrap();
    assert_eq!((platelets.counted, platelets.clumps, platelets.in_clumps), (37, 12, 36));
}
