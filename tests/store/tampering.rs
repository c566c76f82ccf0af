//! Whoever changes the file behind the program's back is found by `leukoscope audit verify`: one test a kind, by SQL on
//! a copy of a store.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::stored::{at, cell, put, result, session, settings, start};
use leukoscope::config::StoreConfig;
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::store::records::Role;
use leukoscope::store::{AuditVerdict, FILE, Notice, Store, Verified};
use leukoscope::system::stop::Stop;

/// Session 1 is reviewed and signed, session 2 is not; a reviewer and a token.
fn filled(folder: &Path) {
    let store = Store::open(folder).unwrap();
    let id = session(&store, "A-1");
    store.add_user("rita", Role::Reviewer, "correct horse battery", "console", at(65)).unwrap();
    store.add_token("lis", Role::Operator, "console", at(66)).unwrap();
    store.reclassify(id, 2, Some(CellClass::Ngb), "rita", at(70)).unwrap();
    store.sign(id, "rita", at(90), "seen").unwrap();
    session(&store, "A-2");
}

/// Exit code and everything that `audit verify` says of the store in a folder.
fn verify(folder: &Path) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_leukoscope"))
        .args(["audit", "verify"])
        .env("LEUKOSCOPE_STATION_STATE", folder)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code(), said)
}

/// Files of a store that is not open, or of one that is without what is only in `-wal`.
fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for name in [FILE, "leukoscope.witness", "leukoscope.lock"] {
        fs::copy(from.join(name), to.path().join(name)).unwrap();
    }
    to
}

/// Changes a copy of the store, and expects the verdict to hold these words.
fn found(changes: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let (code, said) = verify(folder.path());
    assert!(
        code == Some(0) && said.starts_with("whole: 8 lines, the last with hash ") && said.lines().count() == 1,
        "{said}"
    );
    for (sql, words) in changes {
        let tampered = copy(folder.path());
        let file = rusqlite::Connection::open(tampered.path().join(FILE)).unwrap();
        let triggers: Vec<String> = {
            let mut select = file.prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'").unwrap();
            select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        for trigger in triggers {
            file.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap();
        }
        let before: i64 = file.query_row("SELECT total_changes()", [], |row| row.get(0)).unwrap();
        file.execute_batch(sql).unwrap();
        let after: i64 = file.query_row("SELECT total_changes()", [], |row| row.get(0)).unwrap();
        assert!(after > before, "{sql} changes nothing");
        drop(file);
        let (code, said) = verify(tampered.path());
        assert!(code == Some(1) && said.contains(words), "{sql}: {said}");
    }
}

#[test]
fn another_sample_id() {
    let words = "the sample, the times or the settings of session";
    found(&[
        ("UPDATE session SET sample = 'A-9' WHERE id = 2", words),
        ("UPDATE session SET sample = 'A-9' WHERE id = 1", words),
        ("UPDATE session SET ended = started WHERE id = 1", words),
    ]);
}

#[test]
fn a_cell_that_was_changed_removed_or_added() {
    let words = "a cell of session";
    found(&[
        ("UPDATE cell SET x = x + 1 WHERE session = 2 AND number = 1", words),
        ("UPDATE cell SET x = x + 1 WHERE session = 1 AND number = 1", words),
        ("UPDATE cell SET kind = 'PLT' WHERE session = 1 AND number = 5", words),
        ("DELETE FROM cell WHERE session = 1 AND number = 6", words),
        ("INSERT INTO cell (session, number, kind, patch, x, y, w, h) VALUES (2, 7, 'RBC', 1, 0, 0, 9, 9)", words),
    ]);
}

#[test]
fn another_class() {
    found(&[
        ("UPDATE cell SET class = 'MYO' WHERE session = 2 AND number = 1", "a cell of session 2"),
        ("UPDATE cell SET class = 'MYO' WHERE session = 1 AND number = 1", "a cell of session 1"),
        (
            "UPDATE cell SET person_class = 'EOS' WHERE person_class = 'NGB'",
            "a class that a reviewer gave of session 1",
        ),
        (
            "UPDATE cell SET person_class = 'EOS', person = 'rita', person_at = (SELECT at FROM audit LIMIT 1) \
             WHERE session = 2 AND number = 4",
            "a class that a reviewer gave of session 2",
        ),
        ("UPDATE reclassification SET class = 'EOS'", "the record of the review of session 1"),
    ]);
}

#[test]
fn another_result_or_flag() {
    let words = |id| format!("the result of session {id} was changed");
    let fewer = |id| {
        format!("UPDATE result SET snapshot = replace(snapshot, '\"counted\":4', '\"counted\":5') WHERE session = {id}")
    };
    let flag =
        "UPDATE result SET snapshot = replace(snapshot, '\"flags\":[]', '\"flags\":[\"blasts\"]') WHERE session = 2";
    found(&[
        (&fewer(1), &words(1)),
        (&fewer(2), &words(2)),
        (flag, &words(2)),
        ("UPDATE result SET sequence = 9 WHERE session = 2", "result 9 is not in the trail"),
    ]);
}

#[test]
fn another_picture() {
    let words = "a picture of session";
    found(&[
        ("UPDATE crop SET jpeg = x'ffd800' WHERE session = 1 AND number = 1", words),
        ("DELETE FROM crop WHERE session = 2 AND number = 1", words),
        (
            "DELETE FROM crop WHERE session = 2; UPDATE session SET crops_removed = ended WHERE id = 2",
            "what was taken away from session 2 is not what the trail says",
        ),
    ]);
}

#[test]
fn another_comment_or_signature() {
    let words = "the result that was signed there, or its signature, was changed";
    found(&[
        ("UPDATE signature SET comment = 'normal'", words),
        ("UPDATE signature SET person = 'ada'", words),
        ("UPDATE signature SET snapshot = replace(snapshot, '\"counted\":4', '\"counted\":5')", words),
        ("DELETE FROM signature", "the signature that was made there is missing"),
    ]);
}

#[test]
fn another_user_or_token() {
    found(&[
        ("UPDATE user SET role = 'admin'", "the user rita was changed since"),
        ("UPDATE user SET password = 'x'", "the user rita was changed since"),
        ("DELETE FROM user", "the user rita, of which the line speaks, is missing"),
        ("INSERT INTO user (name, role, password) VALUES ('eve', 'admin', 'x')", "the user eve is not in the trail"),
        ("UPDATE token SET role = 'admin'", "the token lis was changed since"),
        ("INSERT INTO token VALUES ('eve', 'admin', 'x')", "the token eve is not in the trail"),
    ]);
}

#[test]
fn a_session_that_was_deleted() {
    let delete = |id| {
        format!(
            "DELETE FROM crop WHERE session = {id}; DELETE FROM cell WHERE session = {id}; \
             DELETE FROM result WHERE session = {id}; DELETE FROM session WHERE id = {id}"
        )
    };
    found(&[
        (&delete(2), "session 2, of which the line speaks, is missing"),
        (
            &format!("DELETE FROM signature; DELETE FROM reclassification; {}", delete(1)),
            "the signature that was made there is missing",
        ),
    ]);
}

#[test]
fn a_trail_that_was_reordered_or_cut_short() {
    let head = "UPDATE meta SET value = (SELECT number || ' ' || hash FROM audit ORDER BY number DESC LIMIT 1) \
                WHERE name = 'audit_head'";
    let without = "DELETE FROM result WHERE session = 2; DELETE FROM session WHERE id = 2; DELETE FROM cell WHERE session = 2; \
                   DELETE FROM crop WHERE session = 2";
    found(&[
        (
            "UPDATE audit SET number = 99 WHERE number = 3; UPDATE audit SET number = 3 WHERE number = 4; \
             UPDATE audit SET number = 4 WHERE number = 99",
            "line 3: the line, or the one before it, was changed",
        ),
        ("DELETE FROM audit WHERE number = 8", "line 8: lines at the end are missing"),
        // Without a trace in the file: only the witness beside it knows.
        (&format!("DELETE FROM audit WHERE number > 6; {without}; {head}"), "lines up to 8 had been acknowledged"),
    ]);
}

#[test]
fn a_wal_that_was_deleted_with_signed_work_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let id = session(&store, "A-1");
    store.sign(id, "rita", at(90), "").unwrap();
    let cut = copy(folder.path());
    drop(store);
    assert_eq!(verify(folder.path()).0, Some(0));
    let words = "lines up to 3 had been acknowledged and are missing";
    let (code, said) = verify(cut.path());
    assert!(code == Some(1) && said.contains(words) && said.contains("`-wal` was deleted"), "{said}");
    // The program goes on counting, and the trail says what happened for ever.
    let store = Store::open(cut.path()).unwrap();
    session(&store, "A-2");
    assert_eq!(store.last(), 2, "number 1 was given to the lost result");
    drop(store);
    drop(Store::open(cut.path()).unwrap());
    let (code, said) = verify(cut.path());
    assert!(
        code == Some(1) && said.contains("line 1: when the program started there, the trail ended at line 0"),
        "{said}"
    );
}

#[test]
fn what_was_changed_before_a_signature_or_a_review_is_found_after_it_too() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let (signed, reviewed) = (session(&store, "A-1"), session(&store, "A-2"));
    store.reclassify(reviewed, 1, Some(CellClass::Ngb), "rita", at(70)).unwrap();
    drop(store);
    for (sql, words) in [
        (
            "UPDATE cell SET class = 'MYO' WHERE session = 1 AND number = 1",
            "line 6: a cell of session 1 was changed after line 2",
        ),
        (
            "UPDATE cell SET person_class = 'EOS' WHERE session = 2 AND number = 1",
            "line 7: a class that a reviewer gave of session 2 was changed after line 5",
        ),
    ] {
        let tampered = copy(folder.path());
        rusqlite::Connection::open(tampered.path().join(FILE)).unwrap().execute_batch(sql).unwrap();
        let store = Store::open(tampered.path()).unwrap();
        store.sign(signed, "rita", at(90), "").unwrap();
        store.reclassify(reviewed, 2, Some(CellClass::Ngb), "rita", at(91)).unwrap();
        drop(store);
        let (code, said) = verify(tampered.path());
        assert!(code == Some(1) && said.contains(words), "{sql}: {said}");
    }
}

#[test]
fn what_retention_takes_away_is_no_tampering_but_what_is_changed_beside_it_is() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let store = Store::open(folder.path()).unwrap();
    let rules = StoreConfig { crops_days: 1, cells_days: 30, results_days: 0, megabytes: 0 };
    let all = |now| Notice { age: Some(now), size: false };
    let later = at(10 * 24 * 3600);
    assert_eq!(store.retain(&rules, all(later), later, &Stop::new()).unwrap().crops, 2);
    drop(store);
    assert_eq!(verify(folder.path()).0, Some(0));
    let store = Store::open(folder.path()).unwrap();
    let later = at(100 * 24 * 3600);
    assert_eq!(store.retain(&rules, all(later), later, &Stop::new()).unwrap().cells, 2);
    drop(store);
    assert_eq!(verify(folder.path()).0, Some(0));
    let file = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
    file.execute_batch("UPDATE session SET reclassified = 0 WHERE id = 1").unwrap();
    drop(file);
    let (code, said) = verify(folder.path());
    assert!(code == Some(1) && said.contains("the number of changed cells of session 1"), "{said}");
}

/// Prints times for `docs/store.md`: `cargo test --test store -- --ignored --nocapture takes_seconds`.
#[test]
#[ignore = "measures; writes 350 MB"]
fn verifying_a_large_store_takes_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut chance = fastrand::Rng::with_seed(7);
    let mut slowest = Duration::ZERO;
    for _ in 0..250 {
        let id = store.begin(&start("A")).unwrap();
        let picture: Vec<u8> = std::iter::repeat_with(|| chance.u8(..)).take(5600).collect();
        let white = |n| put(cell(n, Kind::Wbc, Some(CellClass::Ngs), 0.9), Some(&picture));
        let red = |n| put(cell(n, Kind::Rbc, None, 0.0), None);
        store.change_cells(id, &(1..=165).map(white).chain((166..=2940).map(red)).collect::<Vec<_>>()).unwrap();
        let began = Instant::now();
        store.finish(id, &[], &result("A"), &settings()).unwrap();
        slowest = slowest.max(began.elapsed());
    }
    for depth in [Verified::WithoutCells, Verified::Everything] {
        let began = Instant::now();
        assert!(matches!(store.verify(depth).unwrap(), AuditVerdict::Whole { entries: 500, .. }));
        eprintln!("{depth:?}: {:.1?}", began.elapsed());
    }
    eprintln!("storing a result with its hashes: {slowest:.1?} at most");
}
