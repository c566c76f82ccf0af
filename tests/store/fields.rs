//! Whole fields kept beside the crops: found by their cells, and gone before any crop when room is short.

use crate::common::stored::{at, cell, put, result, settings, start};
use jiff::{Timestamp, ToSpan as _};
use leukoscope::config::StoreConfig;
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::store::records::{CellChange, FieldCell, FieldRecord, SessionId, SessionStart};
use leukoscope::store::{Notice, Store};
use leukoscope::system::stop::Stop;

fn field(cells: &[i64]) -> FieldRecord {
    let placed = |number: &i64| FieldCell { number: *number, x: 10.0, y: 20.0, w: 30.0, h: 31.0 };
    FieldRecord {
        taken: at(5),
        width: 640,
        height: 480,
        um_per_px: Some(0.14),
        cells: cells.iter().map(placed).collect(),
    }
}

/// A session that ended at `ended`: cell 1 is in two fields, cell 3 in none, cell 4 was withdrawn.
fn session(store: &Store, ended: Timestamp, bytes: usize) -> SessionId {
    let id = store.begin(&SessionStart { started: ended, ..start("A") }).unwrap();
    let white = |number| put(cell(number, Kind::Wbc, Some(CellClass::Myo), 0.9), Some(&[0xff, 0xd8, 0]));
    let changes = vec![
        white(1),
        white(2),
        white(3),
        white(4),
        CellChange::Field { field: field(&[1, 2, 4]), jpeg: vec![1; bytes] },
        CellChange::Field { field: field(&[1]), jpeg: vec![2; bytes] },
        CellChange::Withdrawn(4),
    ];
    let result = leukoscope::counting::session::snapshot::Snapshot { time: ended, ..result("A") };
    store.finish(id, &changes, &result, &settings()).unwrap();
    id
}

#[test]
fn a_cell_leads_to_its_first_field_with_the_cells_that_still_count() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let id = session(&store, at(9), 100);
    let shown = store.field_of(id, 1).unwrap().unwrap();
    assert_eq!((shown.number, &shown.field), (1, &field(&[1, 2])));
    assert_eq!(store.field_picture(id, 1).unwrap(), Some(vec![1; 100]));
    assert_eq!(store.field_picture(id, 2).unwrap(), Some(vec![2; 100]));
    assert_eq!(store.field_of(id, 3).unwrap(), None);
    assert_eq!((store.field_of(id + 1, 1).unwrap(), store.field_picture(id, 3).unwrap()), (None, None));
}

#[test]
fn fields_go_before_crops_where_room_is_short_and_with_them_when_they_are_old() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let now: Timestamp = "2029-11-01T12:00:00Z".parse().unwrap();
    let days = |days: i64| now.checked_sub((24 * days).hours()).unwrap();
    let (old, young) = (session(&store, days(9), 400_000), session(&store, days(1), 400_000));
    let rules = |crops_days, megabytes| StoreConfig {
        crops_days,
        cells_days: 0,
        results_days: 0,
        megabytes,
        ..StoreConfig::default()
    };
    let all = Notice { age: Some(now), size: true };
    let pictures = |id| {
        let crops = store.cells(id, None, None).unwrap().iter().filter(|cell| cell.has_crop).count();
        (store.field_of(id, 1).unwrap().is_some(), crops)
    };
    store.retain(&rules(0, 1), all, now, &Stop::new()).unwrap();
    assert_eq!((pictures(old), pictures(young)), ((false, 3), (true, 3)), "the oldest field was enough");
    let again = Store::open(folder.path());
    drop(again);
    assert!(store.audit(None, None, 10).unwrap().iter().any(|line| line.action == "remove fields"));
    assert!(matches!(store.verify_audit().unwrap(), leukoscope::store::AuditVerdict::Whole { .. }));
}
