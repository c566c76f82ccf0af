//! Anyone who can write the file can remove lines from the trail: every tampering that leaves traces must be found.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::common::stored::{at, kept, result, session};
use leukoscope::store::{AuditVerdict, FILE, Store, StoreError};

/// A signed and an unsigned session: begin, result, sign, begin, result.
fn filled(folder: &Path) {
    let store = Store::open(folder).unwrap();
    let id = session(&store, "A-1");
    store.sign(id, "rita", at(90), "").unwrap();
    kept(&store, &result("A-2"));
    assert!(matches!(store.verify_audit().unwrap(), AuditVerdict::Whole { entries: 5, .. }));
}

/// The first problem reported after this tampering with the file.
fn found(tampering: &str) -> String {
    found_all(tampering).remove(0)
}

fn found_all(tampering: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let file = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
    file.execute_batch(&format!("DROP TRIGGER audit_is_kept; DROP TRIGGER signature_is_kept; {tampering}")).unwrap();
    drop(file);
    match Store::open_to_read(folder.path()).unwrap().unwrap().verify_audit().unwrap() {
        AuditVerdict::Broken { number, why, more } => {
            let first = format!("{number}: {why}");
            [first]
                .into_iter()
                .chain(more.into_iter().map(|found| format!("{}: {}", found.number, found.why)))
                .collect()
        }
        AuditVerdict::Whole { .. } => vec!["whole".to_owned()],
    }
}

#[test]
fn lines_that_were_taken_out_are_missed_wherever_they_stood() {
    assert_eq!(found("DELETE FROM audit WHERE number = 1"), "1: the line is missing");
    assert_eq!(found("DELETE FROM audit WHERE number = 2"), "2: the line is missing");
    let last = found("DELETE FROM audit WHERE number = 5");
    assert!(last.starts_with("5: lines at the end are missing"), "{last}");
    let all = found("DELETE FROM audit");
    assert!(all.starts_with("1: lines at the end are missing"), "{all}");
}

#[test]
fn a_trail_that_is_gone_as_a_whole_is_missed_by_what_it_told_of() {
    let all = found_all("DELETE FROM audit; DELETE FROM meta WHERE name = 'audit_head'; DELETE FROM signature");
    assert!(all[0].starts_with("1: lines up to 5 had been acknowledged and are missing"), "{all:?}");
    let told =
        "1: the begin of session 1, sample A-1, is not in the trail: lines are missing, or it was added".to_owned();
    assert!(all.contains(&told), "also without the witness: {all:?}");
    // The last line was removed, and the stored head set to the line before.
    let last = found_all(
        "DELETE FROM audit WHERE number = 5; \
         UPDATE meta SET value = (SELECT number || ' ' || hash FROM audit WHERE number = 4) WHERE name = 'audit_head'",
    );
    assert!(last[0].starts_with("5: lines up to 5 had been acknowledged and are missing"), "{last:?}");
}

#[test]
fn a_signature_that_was_taken_away_is_missed() {
    let words = "3: session 1, sample A-1: the signature of rita that was made there is missing";
    assert_eq!(found("DELETE FROM signature"), words);
}

fn verify(folder: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_leukoscope"))
        .args(["audit", "verify"])
        .args(more)
        .env("LEUKOSCOPE_STATION_STATE", folder)
        .output()
        .unwrap()
}

#[test]
fn a_store_that_is_gone_is_no_whole_trail() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = verify(folder.path(), &[]);
    assert!(nothing.status.success(), "{nothing:?}");
    assert_eq!(verify(folder.path(), &["--known", "ab12"]).status.code(), Some(1));
    filled(folder.path());
    fs::remove_file(folder.path().join(FILE)).unwrap();
    assert!(matches!(Store::open_to_read(folder.path()), Err(StoreError::Lost { .. })));
    let gone = verify(folder.path(), &[]);
    assert_eq!(gone.status.code(), Some(1), "{gone:?}");
    assert!(crate::common::complained(&gone).contains("is gone, although results were kept there"), "{gone:?}");
}
