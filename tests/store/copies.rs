//! Restored copies: a result's number is given once in a folder, and once for ever with the identity of its store.

use std::fs;
use std::path::Path;

use crate::common::stored::{at, kept, result};
use leukoscope::store::{AuditVerdict, FILE, Store};

const WITNESS: &str = "leukoscope.witness";

/// A store with this many results, closed.
fn filled(folder: &Path, results: u64) {
    let store = Store::open(folder).unwrap();
    while store.last() < results {
        kept(&store, &result("A"));
    }
}

fn store_of(store: &Store, number: u64) -> String {
    store.find(number).unwrap().unwrap().store.unwrap()
}

#[test]
fn an_older_copy_in_the_place_of_the_store_goes_on_after_the_highest_number_ever_given() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 2);
    let older = fs::read(folder.path().join(FILE)).unwrap();
    filled(folder.path(), 5);
    fs::write(folder.path().join(FILE), older).unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.last(), 2);
    assert_eq!(kept(&store, &result("B")), 6);
    assert_eq!(store_of(&store, 6), store_of(&store, 1), "it is the same store");
    let AuditVerdict::Broken { why, .. } = store.verify_audit().unwrap() else { panic!("lines are missing") };
    assert!(why.contains("an older copy was put in the place of the store"), "{why}");
    drop(store);
    assert_eq!(kept(&Store::open(folder.path()).unwrap(), &result("B")), 7);
}

#[test]
fn a_copy_elsewhere_numbers_its_results_as_a_store_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 2);
    let elsewhere = tempfile::tempdir().unwrap();
    fs::copy(folder.path().join(FILE), elsewhere.path().join(FILE)).unwrap();
    let (here, there) = (Store::open(folder.path()).unwrap(), Store::open(elsewhere.path()).unwrap());
    assert_eq!((kept(&here, &result("B")), kept(&there, &result("B"))), (3, 3));
    assert_eq!(store_of(&here, 2), store_of(&there, 2), "the results until then are the same ones");
    assert_eq!(store_of(&here, 3), store_of(&here, 2));
    assert_ne!(store_of(&here, 3), store_of(&there, 3));
    let AuditVerdict::Whole { notes, .. } = there.verify_audit().unwrap() else { panic!("nothing is missing") };
    assert!(notes.len() == 1 && notes[0].contains("says that the store is a copy"), "{notes:?}");
    let AuditVerdict::Whole { notes, .. } = here.verify_audit().unwrap() else { panic!("nothing is missing") };
    assert_eq!(notes, [""; 0]);
    // It is one store from then on, also after a restart.
    let identity = store_of(&there, 3);
    drop(there);
    let there = Store::open(elsewhere.path()).unwrap();
    kept(&there, &result("B"));
    assert_eq!(store_of(&there, 4), identity);
}

#[test]
fn a_copy_that_nobody_counts_into_is_verified_and_says_that_its_end_is_not_watched() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 2);
    fs::remove_file(folder.path().join(WITNESS)).unwrap();
    let reader = Store::open_to_read(folder.path()).unwrap().unwrap();
    let AuditVerdict::Whole { notes, .. } = reader.verify_audit().unwrap() else { panic!("nothing is missing") };
    assert!(notes.len() == 1 && notes[0].contains("leukoscope.witness is missing"), "{notes:?}");
}

#[test]
fn a_store_begun_anew_gives_no_number_of_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 3);
    for name in [FILE, "leukoscope.lock"] {
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    let store = Store::open(folder.path()).unwrap();
    assert_eq!((store.last(), kept(&store, &result("B"))), (0, 4));
    assert!(matches!(store.verify_audit().unwrap(), AuditVerdict::Whole { .. }));
}

#[test]
fn a_power_cut_between_the_store_and_its_witness_is_no_alarm() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 1);
    let before = fs::read(folder.path().join(WITNESS)).unwrap();
    let store = Store::open(folder.path()).unwrap();
    kept(&store, &result("B"));
    store.sign(2, "rita", at(90), "").unwrap();
    drop(store);
    fs::write(folder.path().join(WITNESS), &before).unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert!(matches!(store.verify_audit().unwrap(), AuditVerdict::Whole { entries: 5, .. }));
    assert_ne!(fs::read(folder.path().join(WITNESS)).unwrap(), before, "brought up to date before anything is sent");
    drop(store);
    // The very first start: the identity is on disk, the witness not yet.
    let first = tempfile::tempdir().unwrap();
    drop(Store::open(first.path()).unwrap());
    let file = rusqlite::Connection::open(first.path().join(FILE)).unwrap();
    file.execute("DELETE FROM meta WHERE name = 'witnessed'", []).unwrap();
    drop(file);
    fs::remove_file(first.path().join(WITNESS)).unwrap();
    let store = Store::open(first.path()).unwrap();
    assert!(matches!(store.verify_audit().unwrap(), AuditVerdict::Whole { entries: 0, .. }));
    assert!(first.path().join(WITNESS).exists());
}
