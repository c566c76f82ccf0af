//! A laboratory's own classes: a finer name within a fixed class, kept with the cell whatever happens to it, and watched like the
//! class itself.

use crate::common::stored::{at, result, session, settings, six_cells, start};
use leukoscope::counting::session::snapshot::Snapshot;
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::domain::flag::Flag;
use leukoscope::domain::own_class::{GivenClass, OwnCount, OwnName};
use leukoscope::store::records::{CellNumber, SessionId};
use leukoscope::store::{AuditVerdict, FILE, Store};
use rusqlite::Connection;

fn hairy() -> OwnName {
    OwnName { code: "HCL".to_owned(), name: "hairy cell".to_owned() }
}

fn named(code: &str, name: &str) -> GivenClass {
    GivenClass { class: CellClass::Lya, own: Some(OwnName { code: code.to_owned(), name: name.to_owned() }) }
}

fn give(store: &Store, session: SessionId, cells: &[CellNumber], given: &GivenClass, by: &str, second: i64) {
    let done = store.reclassify_seen(session, cells, Some(given), by, at(second), |_| false).unwrap();
    assert_eq!(done.len(), cells.len());
}

fn own(store: &Store, session: SessionId, cell: CellNumber) -> Option<OwnName> {
    store.cell(session, cell).unwrap().unwrap().own().cloned()
}

fn counts(store: &Store, session: SessionId) -> Vec<(String, CellClass, u32)> {
    let result = store.session(session).unwrap().unwrap().reviewed_result.unwrap();
    result.own_classes.into_iter().map(|OwnCount { own, class, count }| (own.to_string(), class, count)).collect()
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

fn whole(store: &Store) {
    let verdict = store.verify_audit().unwrap();
    assert!(matches!(&verdict, AuditVerdict::Whole { notes, .. } if notes.is_empty()), "{verdict:?}");
}

#[test]
fn cells_of_an_own_class_count_as_its_fixed_class_and_are_told_beside_it() {
    let (_folder, store) = store();
    let id = session(&store, "A-1");
    give(&store, id, &[1, 2], &named("HCL", "hairy cell"), "rita", 70);
    give(&store, id, &[4], &named("SEZ", "Sezary cell"), "rita", 71);
    let cell = store.cell(id, 1).unwrap().unwrap();
    assert_eq!((cell.class_in_force(), cell.own()), (Some(CellClass::Lya), Some(&hairy())));
    let result = store.session(id).unwrap().unwrap().reviewed_result.unwrap();
    let line = |class| result.classes.iter().find(|line| line.class == class).map_or(0, |line| line.count);
    assert_eq!((line(CellClass::Lya), line(CellClass::Ngs), line(CellClass::Lyt)), (3, 1, 0));
    let told = [("HCL hairy cell".to_owned(), CellClass::Lya, 2), ("SEZ Sezary cell".to_owned(), CellClass::Lya, 1)];
    assert_eq!(counts(&store, id), told);
    assert_eq!(store.cells(id, None, Some(CellClass::Lya)).unwrap().len(), 3, "found by the fixed class");

    let signature = store.sign(id, "rita", at(90), "").unwrap();
    assert_eq!(counts(&store, id), told, "signed with it");
    assert_eq!(store.session(id).unwrap().unwrap().signature.unwrap().sha256, signature.sha256);
    whole(&store);
}

#[test]
fn a_confirmation_that_only_adds_the_own_name_is_told_too() {
    let (_folder, store) = store();
    let id = session(&store, "A-1");
    let before = store.session(id).unwrap().unwrap().fingerprint;
    let given =
        GivenClass { class: CellClass::Ngs, own: Some(OwnName { code: "HYP".into(), name: "hypersegmented".into() }) };
    give(&store, id, &[2], &given, "rita", 70);
    let detail = store.session(id).unwrap().unwrap();
    assert_eq!((detail.reclassified, counts(&store, id).len()), (0, 1), "no other class, and a line all the same");
    assert_ne!(detail.fingerprint, before, "nobody signs what he has not seen");
    // The fixed class alone takes the own name off again.
    store.reclassify(id, 2, Some(CellClass::Ngs), "rita", at(71)).unwrap();
    assert_eq!((own(&store, id, 2), counts(&store, id)), (None, vec![]));
    whole(&store);
}

#[test]
fn undo_brings_the_own_class_before_back_and_an_earlier_name_stays_beside_a_later_one() {
    let (_folder, store) = store();
    let id = session(&store, "A-1");
    give(&store, id, &[1], &named("HCL", "hairy cell"), "rita", 70);
    // Renamed in the configuration since.
    give(&store, id, &[2], &named("HCL", "hairy lymphocyte"), "rita", 71);
    assert_eq!(counts(&store, id).len(), 2, "each under the name that it was given by");
    store.reclassify(id, 1, Some(CellClass::Mon), "rita", at(72)).unwrap();
    assert_eq!(own(&store, id, 1), None);
    store.undo(id, "rita", at(73)).unwrap();
    assert_eq!(own(&store, id, 1), Some(hairy()));
    store.undo(id, "rita", at(74)).unwrap();
    store.undo(id, "rita", at(75)).unwrap();
    assert_eq!((own(&store, id, 1), own(&store, id, 2)), (None, None));
    let trail = store.audit(Some(id), None, 100).unwrap();
    let undone =
        trail.iter().filter(|entry| entry.action == "undo").map(|entry| &entry.detail["cells"][0]["own"]["code"]);
    assert_eq!(undone.filter(|code| **code == "HCL").count(), 1);
    whole(&store);
}

#[test]
fn a_quick_key_that_says_the_same_again_changes_nothing_and_another_own_class_does() {
    let (_folder, store) = store();
    let id = session(&store, "A-1");
    give(&store, id, &[1], &named("HCL", "hairy cell"), "rita", 70);
    let quick = |given: GivenClass| store.reclassify_seen(id, &[1], Some(&given), "rita", at(71), |_| true).unwrap();
    assert!(quick(named("HCL", "hairy cell"))[0].is_looked_at());
    let other = &quick(named("SEZ", "Sezary cell"))[0];
    assert_eq!((other.is_looked_at(), other.own().unwrap().code.as_str()), (false, "SEZ"));
}

#[test]
fn two_reviewers_differ_by_the_own_class_too() {
    let (_folder, store) = store();
    store.ask_two_for(&[Flag::Blasts]);
    let id = store.begin(&start("A-1")).unwrap();
    let flagged = Snapshot { flags: vec![Flag::Blasts], ..result("A-1") };
    store.finish(id, &six_cells(), &flagged, &settings()).unwrap();
    give(&store, id, &[1], &named("HCL", "hairy cell"), "rita", 70);
    give(&store, id, &[2], &named("HCL", "hairy cell"), "rita", 71);
    store.sign(id, "rita", at(80), "first").unwrap_err();
    let differs = || store.session(id).unwrap().unwrap().reviewed_result.unwrap().first_reviewer.unwrap().differs;
    assert_eq!(differs(), []);
    give(&store, id, &[1], &named("SEZ", "Sezary cell"), "otto", 90);
    store.reclassify(id, 2, Some(CellClass::Lya), "otto", at(91)).unwrap();
    // Another name of the same code is no other opinion.
    let both: Vec<(String, String)> = differs().iter().map(|one| (one.first_coded(), one.second_coded())).collect();
    assert_eq!(both, [("LYA (HCL)".into(), "LYA (SEZ)".into()), ("LYA (HCL)".into(), "LYA".to_owned())]);
    assert!(store.sign(id, "otto", at(95), "").is_err(), "they differ, so a comment is asked for");
    store.sign(id, "otto", at(96), "I see it otherwise").unwrap();
    whole(&store);
}

#[test]
fn an_amendment_keeps_the_own_classes_of_what_it_amends() {
    let (_folder, store) = store();
    let id = session(&store, "A-1");
    give(&store, id, &[1], &named("HCL", "hairy cell"), "rita", 70);
    store.sign(id, "rita", at(90), "").unwrap();
    let second = store.amend(id, "cell 2 too", "otto", at(100)).unwrap();
    assert_eq!((own(&store, second, 1), counts(&store, second).len()), (Some(hairy()), 1));
    give(&store, second, &[2], &named("HCL", "hairy cell"), "otto", 101);
    assert_eq!((counts(&store, second)[0].2, counts(&store, id)[0].2), (2, 1));
    whole(&store);
}

#[test]
fn an_own_class_changed_by_hand_is_found_wherever_it_stands() {
    for (sql, words) in [
        ("UPDATE cell SET person_own = 'SEZ Sezary cell' WHERE session = 1 AND number = 1", "own class of a cell"),
        ("UPDATE cell SET person_own = 'HCL other name' WHERE session = 1 AND number = 1", "own class of a cell"),
        ("UPDATE cell SET person_own = NULL WHERE session = 1 AND number = 1", "own class of a cell"),
        ("UPDATE cell SET person_own = 'HCL hairy cell' WHERE session = 1 AND number = 3", "an own class but no class"),
        ("UPDATE cell SET person_own = 'HCL hairy cell' WHERE session = 2 AND number = 1", "own class of a cell"),
        ("UPDATE reclassification SET before_own = 'HCL hairy cell' WHERE session = 2", "record of the review"),
        ("UPDATE reclassification SET own = NULL WHERE session = 1", "record of the review"),
    ] {
        let (folder, store) = store();
        let id = session(&store, "A-1");
        give(&store, id, &[1], &named("HCL", "hairy cell"), "rita", 70);
        let plain = session(&store, "A-2");
        store.reclassify(plain, 1, Some(CellClass::Lya), "rita", at(71)).unwrap();
        whole(&store);
        let file = Connection::open(folder.path().join(FILE)).unwrap();
        file.execute_batch(sql).unwrap();
        drop(file);
        let AuditVerdict::Broken { why, .. } = store.verify_audit().unwrap() else { panic!("{sql}: whole") };
        assert!(why.contains(words), "{sql}: {why}");
    }
}

#[test]
fn the_cells_of_a_signed_result_take_no_own_class() {
    let (folder, store) = store();
    let id = session(&store, "A-1");
    store.sign(id, "rita", at(90), "").unwrap();
    assert!(store.reclassify_seen(id, &[1], Some(&named("HCL", "hairy cell")), "rita", at(91), |_| false).is_err());
    let file = Connection::open(folder.path().join(FILE)).unwrap();
    assert!(file.execute_batch("UPDATE cell SET person_own = 'HCL hairy cell' WHERE number = 1").is_err());
}

#[test]
fn cells_are_exported_under_the_fixed_class_with_the_own_one_in_a_column() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("state")).unwrap();
    let id = store.begin(&start("A-1")).unwrap();
    let cells = crate::common::stored::six_pictured(crate::common::stored::jpeg);
    store.finish(id, &cells, &result("A-1"), &settings()).unwrap();
    give(&store, id, &[2], &named("HCL", "hairy cell"), "rita", 70);
    let to = folder.path().join("export");
    let sessions = leukoscope::store::export::look_up(&store, &[], &to).unwrap();
    leukoscope::store::export::export(&store, &sessions, None, false, &to).unwrap();
    let manifest = std::fs::read_to_string(to.join("manifest.csv")).unwrap();
    let lines: Vec<&str> = manifest.lines().collect();
    assert!(lines[0].ends_with(",seen,own_class"), "{manifest}");
    assert!(lines[1].starts_with("LYA/1-2.png,LYA,NGS,") && lines[1].ends_with(",yes,HCL hairy cell"), "{manifest}");
    assert_eq!(store.cells(id, Some(Kind::Wbc), None).unwrap().len(), 4);
}
