//! The store ends up holding what the result says, even if the disk fails in between.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::stored::{at, result, start};
use leukoscope::counting::counter::CountedCell;
use leukoscope::counting::session::snapshot::Snapshot;
use leukoscope::counting::track::{CellId, OnSlide};
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::domain::flag::Flag;
use leukoscope::station::drops::{Dropped, Drops};
use leukoscope::station::recorder::Recorder;
use leukoscope::station::trouble::Troubles;
use leukoscope::store::records::Settings;
use leukoscope::store::{FILE, Store};
use leukoscope::vision::prediction::Prediction;

fn opinion(class: CellClass) -> Prediction {
    Prediction::of(vec![(class, 0.9)], 0.5)
}

fn white(id: u32, class: CellClass) -> CountedCell {
    let opinion = Some(opinion(class));
    CountedCell { id: CellId(id), kind: Kind::Wbc, opinion, at: OnSlide::default(), red: None, picture: None }
}

/// The four white cells of [`result`].
fn four() -> Vec<CountedCell> {
    vec![white(1, CellClass::Ngs), white(2, CellClass::Ngs), white(3, CellClass::Ngs), white(4, CellClass::Lyt)]
}

/// Makes every result fail, or stops doing so.
fn results_fail(folder: &Path, fail: bool) {
    let file = rusqlite::Connection::open(folder.join(FILE)).unwrap();
    let sql = if fail {
        "CREATE TRIGGER no_room BEFORE INSERT ON result BEGIN SELECT RAISE(ABORT, 'no room'); END"
    } else {
        "DROP TRIGGER no_room"
    };
    file.execute_batch(sql).unwrap();
}

#[test]
fn a_result_that_is_kept_at_the_second_try_has_the_names_that_its_cells_were_settled_to() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let recorder = Recorder::start(store.clone(), Troubles::default(), Drops::default()).unwrap();
    recorder.begin(start("A-1"));
    // One was called a band until the composition of the whole sample was known.
    let mut cells = four();
    cells[1] = white(2, CellClass::Ngb);
    recorder.counted(&cells, &[]);
    results_fail(folder.path(), true);
    let named = || vec![(CellId(2), opinion(CellClass::Ngs))];
    let failed = recorder.finish(named(), result("A-1"), start("").settings).unwrap_err();
    assert!(failed.to_string().contains("no room"), "{failed}");
    results_fail(folder.path(), false);
    assert_eq!(recorder.finish(named(), result("A-1"), start("").settings).unwrap(), 1);

    let id = recorder.session().unwrap();
    assert_eq!(store.cells(id, None, Some(CellClass::Ngs)).unwrap().len(), 3);
    // A review of one cell must not change the others.
    store.reclassify(id, 4, Some(CellClass::Lya), "ana", at(70)).unwrap();
    let reviewed = store.session(id).unwrap().unwrap().reviewed_result.unwrap();
    let counts: Vec<_> = reviewed.classes.iter().map(|line| (line.class, line.count)).collect();
    assert_eq!(counts, [(CellClass::Ngs, 3), (CellClass::Lya, 1)]);
}

#[test]
fn limits_that_were_changed_while_it_counted_hold_for_the_review_too() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let recorder = Recorder::start(store.clone(), Troubles::default(), Drops::default()).unwrap();
    let reviewed = |change: fn(&mut Settings)| {
        recorder.begin(start("A-1"));
        recorder.counted(&four(), &[]);
        let mut settings = start("").settings;
        change(&mut settings);
        let result = Snapshot { target: settings.session.target, ..result("A-1") };
        recorder.finish(Vec::new(), result, settings.clone()).unwrap();
        let id = recorder.session().unwrap();
        store.reclassify(id, 4, Some(CellClass::Myo), "ana", at(70)).unwrap();
        let detail = store.session(id).unwrap().unwrap();
        assert_eq!(detail.settings, Some(settings));
        detail.reviewed_result.unwrap().flags
    };
    assert_eq!(reviewed(|_| {}), [Flag::Blasts]);
    assert_eq!(reviewed(|settings| settings.session.target = 5), [Flag::Blasts, Flag::FewCells]);
    assert_eq!(reviewed(|settings| settings.flags.blasts_percent = 30.0), []);
}

#[test]
fn a_store_that_stands_still_holds_up_no_count_and_costs_pictures_first_then_red_cells_never_white_ones() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let drops = Drops::default();
    let recorder = Recorder::start(store.clone(), Troubles::default(), drops.clone()).unwrap();
    recorder.begin(start("A-1"));
    while recorder.session().is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    // Another program holds a write transaction.
    let file = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    let red = |id| CountedCell {
        id: CellId(id),
        kind: Kind::Rbc,
        opinion: None,
        at: OnSlide::default(),
        red: None,
        picture: None,
    };
    let pictured = |id| {
        let picture = Some(Arc::new(image::RgbImage::new(8, 8)));
        CountedCell { picture, ..white(id, CellClass::Ngs) }
    };
    let began = Instant::now();
    recorder.counted(&[pictured(1)], &[]);
    recorder.counted(&(100..11_000).map(red).collect::<Vec<_>>(), &[]);
    assert_eq!((drops.of(Dropped::Picture), drops.of(Dropped::Cell)), (0, 0));
    recorder.counted(&[pictured(2), pictured(3)], &[]);
    recorder.counted(&(11_000..60_000).map(red).collect::<Vec<_>>(), &[]);
    recorder.counted(&[pictured(4)], &[]);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!(drops.of(Dropped::Picture), 3);
    let red_cells_lost = drops.of(Dropped::Cell);
    assert!((9_000..12_000).contains(&red_cells_lost), "{red_cells_lost}");

    file.execute_batch("ROLLBACK").unwrap();
    recorder.finish(Vec::new(), result("A-1"), start("").settings).unwrap();
    let id = recorder.session().unwrap();
    assert_eq!(store.cells(id, Some(Kind::Wbc), None).unwrap().len(), 4);
    let pictures = (1..=4).filter(|number| store.crop(id, *number).unwrap().is_some());
    assert_eq!(pictures.collect::<Vec<_>>(), [1]);
    let kept = store.cells(id, Some(Kind::Rbc), None).unwrap().len() as u64;
    assert_eq!(kept + red_cells_lost, 59_900);
}
