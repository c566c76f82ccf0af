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
    found(&[
        (
            "UPDATE session SET sample = 'A-9' WHERE id = 2",
            "line 8: session 2, sample A-2: its sample id is A-9, and was A-2; changed after line 8 (2026-09-21 ",
        ),
        (
            "UPDATE session SET sample = 'A-9' WHERE id = 1",
            "line 6: session 1, sample A-1: its sample id is A-9, and was A-1; changed after line 6",
        ),
        ("UPDATE session SET ended = started WHERE id = 1", "session 1, sample A-1: its end is 2026-09-21T"),
        ("UPDATE session SET station = 'ward' WHERE id = 1", "its station or its settings are not what was written"),
    ]);
}

#[test]
fn a_cell_that_was_changed_removed_or_added() {
    found(&[
        (
            "UPDATE cell SET x = x + 1 WHERE session = 2 AND number = 1",
            "session 2, sample A-2: cell 1 was changed; changed after line 8",
        ),
        (
            "UPDATE cell SET x = x + 1 WHERE session = 1 AND number IN (1, 3)",
            "session 1, sample A-1: cells 1, 3 were changed",
        ),
        ("UPDATE cell SET kind = 'PLT' WHERE session = 1 AND number = 5", "session 1, sample A-1: cell 5 was changed"),
        ("UPDATE cell SET withdrawn = 1 WHERE session = 1 AND number = 5", "session 1, sample A-1: cell 5 was changed"),
        ("DELETE FROM cell WHERE session = 1 AND number = 6", "session 1, sample A-1: cell 6 was removed"),
        (
            "INSERT INTO cell (session, number, kind, patch, x, y, w, h) VALUES (2, 7, 'RBC', 1, 0, 0, 9, 9)",
            "session 2, sample A-2: cell 7 was added",
        ),
        (
            "UPDATE cell SET x = 0 WHERE session = 2 AND number = 1; UPDATE cell_hash SET marks = x'00'",
            "session 2, sample A-2: a cell was changed, removed or added, and it is not known which",
        ),
    ]);
}

#[test]
fn another_class() {
    found(&[
        ("UPDATE cell SET class = 'MYO' WHERE session = 2 AND number = 1", "session 2, sample A-2: cell 1 was changed"),
        ("UPDATE cell SET class = 'MYO' WHERE session = 1 AND number = 1", "session 1, sample A-1: cell 1 was changed"),
        (
            "UPDATE cell SET person_class = 'EOS' WHERE person_class = 'NGB'",
            "session 1, sample A-1: the class from a person of cell 2 is EOS, and was NGB; changed after line 6",
        ),
        (
            "UPDATE cell SET person_class = 'EOS', person = 'rita', person_at = (SELECT at FROM audit LIMIT 1) \
             WHERE session = 2 AND number = 4",
            "session 2, sample A-2: the class from a person of cell 4 is EOS, and was none",
        ),
        (
            "UPDATE cell SET person = 'ada' WHERE person_class = 'NGB'",
            "who gave a cell its class, or when, is not what was written",
        ),
        (
            "UPDATE reclassification SET class = 'EOS'",
            "the record of its review says EOS for cell 2, and the trail NGB for cell 2",
        ),
        ("DELETE FROM reclassification", "the record of its review has 0 entries, and the trail tells of 1"),
    ]);
}

#[test]
fn another_result_or_flag() {
    let fewer = |id| {
        format!("UPDATE result SET snapshot = replace(snapshot, '\"counted\":4', '\"counted\":5') WHERE session = {id}")
    };
    let flag =
        "UPDATE result SET snapshot = replace(snapshot, '\"flags\":[]', '\"flags\":[\"blasts\"]') WHERE session = 2";
    found(&[
        (&fewer(1), "session 1, sample A-1: its result is of 5 cells, and was of 4"),
        (&fewer(2), "session 2, sample A-2: its result is of 5 cells, and was of 4"),
        (flag, "session 2, sample A-2: the flags of its result are blasts, and were none"),
        (
            "UPDATE result SET snapshot = replace(snapshot, 'A-2', 'A-9')",
            "the sample id in its result is \"A-9\", and was \"A-2\"",
        ),
        ("UPDATE result SET sequence = 9 WHERE session = 2", "its result has the number 9, and had 2"),
        ("DELETE FROM result WHERE session = 2", "session 2, sample A-2: its result 2 is gone"),
    ]);
}

#[test]
fn another_picture() {
    found(&[
        (
            "UPDATE crop SET jpeg = x'ffd800' WHERE session = 1 AND number = 1",
            "session 1, sample A-1: the picture of cell 1 was changed",
        ),
        (
            "DELETE FROM crop WHERE session = 2 AND number = 1",
            "session 2, sample A-2: the picture of cell 1 was removed",
        ),
        (
            "DELETE FROM crop WHERE session = 2; UPDATE session SET crops_removed = ended WHERE id = 2",
            "session 2, sample A-2: what was taken away from it, or when, is not what the trail says",
        ),
        (
            "PRAGMA foreign_keys = OFF; INSERT INTO crop VALUES (77, 1, x'00')",
            "crop: a row belongs to session 77, which is not there: it was added",
        ),
    ]);
}

#[test]
fn another_comment_or_signature() {
    let words = "session 1, sample A-1: the signature is not what was signed: ";
    found(&[
        (
            "UPDATE signature SET comment = 'normal'",
            &format!("{words}its comment or a figure of the signed result was changed"),
        ),
        ("UPDATE signature SET person = 'ada'", &format!("{words}signed by ada, and the trail says rita")),
        (
            "UPDATE signature SET snapshot = replace(snapshot, '\"counted\":4', '\"counted\":5')",
            &format!("{words}of 5 cells, and the trail says 4"),
        ),
        ("UPDATE signature SET sha256 = 'ab'", &format!("{words}its SHA-256 was changed")),
        ("DELETE FROM signature", "session 1, sample A-1: the signature of rita that was made there is missing"),
    ]);
}

#[test]
fn another_user_or_token() {
    found(&[
        (
            "UPDATE user SET role = 'admin'",
            "the user rita has the role admin, and the trail says reviewer; changed after line 3",
        ),
        ("UPDATE user SET password = 'x'", "the user rita has another password, or other logins"),
        ("UPDATE user SET enabled = 0", "the user rita is shut out, and the trail says: may log in"),
        ("DELETE FROM user", "the user rita is gone; it was there at line 3"),
        (
            "INSERT INTO user (name, role, password) VALUES ('eve', 'admin', 'x')",
            "the user eve, with the role admin, is not in the trail",
        ),
        ("UPDATE token SET role = 'admin'", "the token lis has the role admin, and the trail says operator"),
        ("UPDATE token SET sha256 = 'x'", "the token lis has another secret"),
        ("INSERT INTO token VALUES ('eve', 'admin', 'x')", "the token eve, with the role admin, is not in the trail"),
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
        (&delete(2), "session 2, sample A-2: the session is gone, begun at line 7 (2026-09-21 "),
        (&delete(2), " by device, with result 2; it was there at line 8"),
        (
            "PRAGMA foreign_keys = OFF; DELETE FROM session WHERE id = 2",
            "cell: a row belongs to session 2, which is not there",
        ),
        (
            &format!("DELETE FROM signature; DELETE FROM reclassification; {}", delete(1)),
            "session 1, sample A-1: the signature of rita that was made there is missing",
        ),
    ]);
}

#[test]
fn a_guard_that_was_taken_out_of_the_file() {
    found(&[
        ("UPDATE user SET enabled = enabled", "the guard signature_stays was taken out of the file"),
        (
            "CREATE TRIGGER helper AFTER INSERT ON session BEGIN UPDATE session SET sample = 'x'; END; UPDATE user SET enabled = enabled",
            "helper was put into the file, which changes rows on its own",
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
            "line 6: session 1, sample A-1: a cell was changed between line 2 (",
        ),
        (
            "UPDATE cell SET person_class = 'EOS' WHERE session = 2 AND number = 1",
            "line 7: session 2, sample A-2: a class that a reviewer gave was changed between line 5 (",
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
    let rules = StoreConfig { crops_days: 1, cells_days: 30, results_days: 0, megabytes: 0, ..StoreConfig::default() };
    let all = |now| Notice { age: Some(now), size: false };
    let later = at(10 * 24 * 3600);
    assert_eq!(
        store.retain(&rules, all(later), later, &Stop::new()).unwrap().crops,
        1,
        "not of the session with a comment"
    );
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
    assert!(
        code == Some(1) && said.contains("session 1, sample A-1: the number of its changed cells was changed"),
        "{said}"
    );
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
