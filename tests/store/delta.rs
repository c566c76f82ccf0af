//! The delta check: what changed since the latest signed result of the same patient, by more than chance.

use jiff::ToSpan as _;
use leukoscope::counting::delta::Delta;
use leukoscope::counting::session::snapshot::Snapshot;
use leukoscope::counting::tally::share;
use leukoscope::domain::class::{CellClass, Group};
use leukoscope::domain::counts::ClassCount;
use leukoscope::store::Store;
use leukoscope::store::records::{SessionId, SessionStart};
use regex::Regex;

use crate::common::stored::{at, result, settings, start};

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

/// A count of 100 cells, so many of them segmented neutrophils and the rest lymphocytes, begun on this day.
fn count(store: &Store, sample: &str, day: i64, neutrophils: u32) -> SessionId {
    let line = |class, count| {
        let figure = share(count, 100);
        ClassCount { class, count, percent: figure.value, low: figure.low, high: figure.high }
    };
    let others = 100 - neutrophils;
    let mut snapshot = Snapshot { counted: 100, ..result(sample) };
    let lines = [line(CellClass::Ngs, neutrophils), line(CellClass::Lyt, others)];
    snapshot.classes = lines.into_iter().filter(|line| line.count > 0).collect();
    let groups = [(Group::Neutrophils, share(neutrophils, 100)), (Group::Lymphocytes, share(others, 100))];
    snapshot.statistics.groups = groups.into_iter().filter(|(_, figure)| figure.value > 0.0).collect();
    let started = at(0).checked_add((24 * day).hours()).unwrap();
    let id = store.begin(&SessionStart { started, ..start(sample) }).unwrap();
    store.finish(id, &[], &snapshot, &settings()).unwrap();
    id
}

fn sign(store: &Store, id: SessionId) {
    store.sign(id, "rita", at(900), "").unwrap();
}

fn delta(store: &Store, id: SessionId) -> Option<Delta> {
    store.session(id).unwrap().unwrap().delta
}

#[test]
fn a_change_beyond_chance_is_told_with_both_figures_and_one_within_it_is_not() {
    let (_folder, store) = store();
    let first = count(&store, "A-1", 0, 62);
    assert_eq!(delta(&store, first), None);
    let second = count(&store, "A-1", 7, 55);
    assert_eq!(delta(&store, second), None, "the earlier one is not signed");
    sign(&store, first);
    let found = delta(&store, second).unwrap();
    assert_eq!((found.session, found.result, found.changes.len()), (first, 1, 0), "62 and 55 of 100 may be chance");
    sign(&store, second);
    let third = count(&store, "A-1", 14, 21);
    let found = delta(&store, third).unwrap();
    assert_eq!(found.session, second, "the latest");
    let told: Vec<_> =
        found.changes.iter().map(|change| (change.group, change.before.value, change.now.value)).collect();
    assert_eq!(told, [(Some(Group::Neutrophils), 55.0, 21.0), (Some(Group::Lymphocytes), 45.0, 79.0)]);
    let vanished = count(&store, "A-1", 15, 0);
    let found = delta(&store, vanished).unwrap();
    assert_eq!((found.changes[0].group, found.changes[0].now.value), (Some(Group::Neutrophils), 0.0));
    assert_eq!(delta(&store, count(&store, "B-1", 15, 0)), None, "another sample");
}

#[test]
fn a_limit_names_what_chance_may_explain_and_a_key_finds_the_patient() {
    let (_folder, store) = store();
    store.compare_by(Some(Regex::new("^(?:([0-9]{4})-[0-9]+)$").unwrap()), 5.0);
    let first = count(&store, "1234-1", 0, 62);
    sign(&store, first);
    sign(&store, count(&store, "9999-1", 1, 10));
    let second = count(&store, "1234-2", 7, 55);
    let found = delta(&store, second).unwrap();
    assert_eq!((found.session, found.sample.as_str(), found.changes.len()), (first, "1234-1", 2));
    assert_eq!(delta(&store, count(&store, "no number", 8, 10)), None, "an id without the form has no patient");
}

#[test]
fn the_version_in_force_is_compared_with_and_never_with_its_own_amendment() {
    let (_folder, store) = store();
    let first = count(&store, "A-1", 0, 62);
    sign(&store, first);
    let amended = store.amend(first, "why", "rita", at(910)).unwrap();
    assert_eq!(delta(&store, amended), None);
    sign(&store, amended);
    let later = count(&store, "A-1", 7, 21);
    assert_eq!(delta(&store, later).unwrap().session, amended);
}

#[test]
fn looking_at_an_earlier_result_leaves_the_reason_in_the_trail() {
    let (_folder, store) = store();
    let ids = [count(&store, "A-1", 0, 62), count(&store, "A-1", 1, 21)];
    for (sessions, reason) in [(ids, " "), ([ids[0], ids[0]], "why"), ([ids[0], 99], "why")] {
        assert!(store.note_comparison(sessions, "rita", at(10), reason).is_err(), "{sessions:?} {reason:?}");
    }
    store.note_comparison(ids, "rita", at(10), "the ward asks").unwrap();
    let line = store.audit(Some(ids[0]), None, 1).unwrap().remove(0);
    assert_eq!(
        (line.action.as_str(), line.detail),
        ("compare", serde_json::json!({"with": ids[1], "reason": "the ward asks"}))
    );
}
