//! What goes first, and that it is said before it goes.

use jiff::{Timestamp, ToSpan as _};
use leukoscope::config::StoreConfig;
use leukoscope::counting::session::snapshot::Snapshot;
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::domain::counts::ClassCount;
use leukoscope::domain::flag::Flag;
use leukoscope::store::records::{SessionId, SessionStart};
use leukoscope::store::{Matter, Notice, Store, Why};
use leukoscope::system::stop::Stop;

use crate::common::stored::{cell, put, result, settings, start};

fn now() -> Timestamp {
    "2029-11-01T12:00:00Z".parse().unwrap()
}

fn days_ago(days: i64) -> Timestamp {
    now().checked_sub((24 * days).hours()).unwrap()
}

/// A session that ended this many days ago, of 100 white cells with 6 kB each.
fn counted(store: &Store, days: i64, change: impl Fn(&mut Snapshot)) -> SessionId {
    let ended = days_ago(days);
    let id = store.begin(&SessionStart { started: ended, ..start(&format!("A-{days}")) }).unwrap();
    let cells: Vec<_> =
        (1..=100).map(|n| put(cell(n, Kind::Wbc, Some(CellClass::Ngs), 0.9), Some(&[7; 6000]))).collect();
    let mut result = Snapshot { time: ended, sample: format!("A-{days}"), ..result("A") };
    change(&mut result);
    store.finish(id, &cells, &result, &settings()).unwrap();
    id
}

fn rules(crops: u32, cells: u32, megabytes: u32) -> StoreConfig {
    StoreConfig { crops_days: crops, cells_days: cells, results_days: 0, megabytes, ..StoreConfig::default() }
}

/// Oldest first: with a blast, flagged, signed with a comment, signed without, not signed, named a blast by a person.
fn filled(folder: &std::path::Path) -> [SessionId; 6] {
    let store = Store::open(folder).unwrap();
    let blast = |result: &mut Snapshot| {
        result.classes.push(ClassCount { class: CellClass::Bla, count: 1, percent: 1.0, low: 0.1, high: 5.0 });
    };
    let ids = [
        counted(&store, 60, blast),
        counted(&store, 59, |result| result.flags.push(Flag::NucleatedRedCells)),
        counted(&store, 58, |_| {}),
        counted(&store, 57, |_| {}),
        counted(&store, 56, |_| {}),
        counted(&store, 55, |_| {}),
    ];
    store.sign(ids[0], "rita", now(), "").unwrap();
    store.sign(ids[1], "rita", now(), "").unwrap();
    store.sign(ids[2], "rita", now(), "repeat in a week").unwrap();
    store.sign(ids[3], "rita", now(), "  ").unwrap();
    store.reclassify(ids[5], 3, Some(CellClass::Myo), "rita", now()).unwrap();
    store.sign(ids[5], "rita", now(), "").unwrap();
    ids
}

fn pictures(store: &Store, id: SessionId) -> usize {
    store.cells(id, None, None).unwrap().iter().filter(|cell| cell.has_crop).count()
}

#[test]
fn pictures_of_blasts_flags_and_comments_go_last_when_room_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let ids = filled(folder.path());
    let store = Store::open(folder.path()).unwrap();
    let all = Notice { age: None, size: true };
    // 3.7 MB of pictures: two ordinary sessions are not enough for 2 MB.
    let done = store.retain(&rules(0, 0, 3), all, now(), &Stop::new()).unwrap();
    assert_eq!(ids.map(|id| pictures(&store, id) > 0), [true, true, true, false, false, true], "{done:?}");
    assert!(!done.too_large, "{done:?}");
    let done = store.retain(&rules(0, 0, 2), all, now(), &Stop::new()).unwrap();
    assert_eq!(pictures(&store, ids[0]), 0, "then the oldest of the notable ones: {done:?}");
    assert_eq!(pictures(&store, ids[5]), 100);
    assert!(
        store.cells(ids[3], None, None).unwrap().is_empty(),
        "cells of ordinary sessions before pictures of notable ones"
    );
    assert_eq!(store.cells(ids[0], None, None).unwrap().len(), 100);
    let words = done.words.join("\n");
    assert!(
        words.contains("pictures of 2 notable sessions (1 to 2): the store is larger than [store] megabytes, 2"),
        "{words}"
    );
}

#[test]
fn for_their_age_pictures_of_notable_sessions_go_with_their_cells() {
    let folder = tempfile::tempdir().unwrap();
    let ids = filled(folder.path());
    let store = Store::open(folder.path()).unwrap();
    let all = Notice { age: Some(now()), size: false };
    let done = store.retain(&rules(30, 90, 0), all, now(), &Stop::new()).unwrap();
    assert_eq!(ids.map(|id| pictures(&store, id) > 0), [true, true, true, false, false, true], "{done:?}");
    assert_eq!(done.words, ["pictures of 2 sessions (4 to 5): older than [store] crops_days, 30 days"]);
    let line = store.audit(Some(ids[3]), None, 1).unwrap().remove(0);
    let told = serde_json::json!({"pictures": 100, "sample": "A-57", "why": "age", "days": 30});
    assert_eq!((line.action.as_str(), line.detail), ("remove pictures", told));
    let later = now().checked_add((24 * 33).hours()).unwrap();
    let done = store.retain(&rules(30, 90, 0), Notice { age: Some(later), size: false }, later, &Stop::new()).unwrap();
    assert_eq!(done.cells, 3, "those that ended 58 to 60 days before: {done:?}");
}

#[test]
fn what_goes_next_is_said_before_it_goes_and_is_what_goes() {
    let folder = tempfile::tempdir().unwrap();
    let ids = filled(folder.path());
    let store = Store::open(folder.path()).unwrap();
    let rules = rules(90, 365, 100);
    let keeping = store.keeping(&rules).unwrap();
    assert!(!keeping.too_large && keeping.used < keeping.limit && keeping.free > 0, "{keeping:?}");
    let next = &keeping.by_age[0];
    assert_eq!((next.what, next.why, next.notable, next.sessions), (Matter::Pictures, Why::Age, false, 2));
    assert_eq!((next.from, next.to, next.first), (days_ago(57), days_ago(56), ids[3]));
    let at = days_ago(57).checked_add((24 * 90).hours()).unwrap();
    assert_eq!(next.at, Some(at));
    assert_eq!(keeping.by_age.len(), 3, "pictures, cells, and cells of notable ones: {keeping:?}");
    let order: Vec<_> = keeping.by_size.iter().map(|going| (going.what, going.notable, going.sessions)).collect();
    let expected = [
        (Matter::Pictures, false, 2),
        (Matter::Cells, false, 2),
        (Matter::Pictures, true, 4),
        (Matter::Cells, true, 4),
    ];
    assert_eq!(order, expected);
    // A little later it is due, and exactly that goes.
    let then = at.checked_add(1.hours()).unwrap();
    assert_eq!(store.due(&rules, Some(then)).unwrap().crops, 1);
    let done = store.retain(&rules, Notice { age: Some(then), size: false }, then, &Stop::new()).unwrap();
    assert_eq!((done.crops, done.cells, pictures(&store, ids[3])), (1, 0, 0));
    assert_eq!(store.keeping(&rules).unwrap().by_age[0].first, ids[4]);
}
