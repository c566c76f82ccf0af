//! Amendments: a new version beside the signed result, which never changes.

use std::fs;

use crate::common::stored::{at, result, session, settings, six_cells, start};
use jiff::{Timestamp, ToSpan as _};
use leukoscope::config::StoreConfig;
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::store::records::{SessionId, SessionQuery, Status};
use leukoscope::store::{AuditVerdict, FILE, Notice, ReviewError, Store, StoreError};
use leukoscope::system::stop::Stop;

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

/// A signed session in which rita gave cell 2 another class.
fn signed(store: &Store, sample: &str) -> SessionId {
    let id = session(store, sample);
    store.reclassify(id, 2, Some(CellClass::Ngb), "rita", at(70)).unwrap();
    store.sign(id, "rita", at(90), "seen").unwrap();
    id
}

fn whole(store: &Store) {
    assert!(matches!(store.verify_audit().unwrap(), AuditVerdict::Whole { .. }), "{:?}", store.verify_audit().unwrap());
}

/// Every row of a session and its signature, as bytes would show a change.
fn rows(store: &Store, id: SessionId) -> String {
    let detail = store.session(id).unwrap().unwrap();
    let cells = store.cells(id, None, None).unwrap();
    let pictures: Vec<_> = cells.iter().map(|cell| store.crop(id, cell.number).unwrap()).collect();
    format!("{:?} {:?} {:?} {cells:?} {pictures:?}", detail.counted_result, detail.reviewed_result, detail.signature)
}

fn listed(store: &Store, replaced: bool) -> Vec<SessionId> {
    let query = SessionQuery { replaced, ..SessionQuery::default() };
    store.sessions(&query).unwrap().iter().map(|session| session.id).collect()
}

fn days_before(now: Timestamp, days: i64) -> Timestamp {
    now.checked_sub((24 * days).hours()).unwrap()
}

fn refusal<T: std::fmt::Debug>(done: Result<T, StoreError>) -> String {
    done.unwrap_err().to_string()
}

#[test]
fn an_amendment_is_a_new_version_and_the_signed_one_stays_to_the_last_byte() {
    let (_folder, store) = store();
    let first = signed(&store, "A-1");
    let before = rows(&store, first);
    let second = store.amend(first, "  cell 4 was\na reactive one ", "otto", at(200)).unwrap();

    let detail = store.session(second).unwrap().unwrap();
    let amends = detail.reviewed_result.clone().unwrap().amends.unwrap();
    assert_eq!((amends.version, amends.session, amends.result, amends.first), (2, first, 1, 1));
    assert_eq!((amends.by.as_str(), amends.at, amends.reason.as_str()), ("rita", at(90), "cell 4 was a reactive one"));
    assert_eq!((amends.amended_by.as_str(), amends.since), ("otto", at(200)));
    assert_eq!((detail.summary.status, detail.summary.version, detail.signature), (Status::Preliminary, 2, None));
    let looked_at = detail.looked_at.unwrap();
    assert_eq!((looked_at.cells, looked_at.of), (1, 4), "what rita looked at was looked at");
    assert_eq!(store.cells(second, None, None).unwrap(), store.cells(first, None, None).unwrap());
    assert_eq!(store.crop(second, 3).unwrap(), store.crop(first, 3).unwrap());

    // While it is made, the version before is in force and says so.
    let old = store.session(first).unwrap().unwrap();
    let later = old.summary.amended_by.clone().unwrap();
    assert_eq!((later.session, later.version, later.by.as_str(), later.signed_by), (second, 2, "otto", None));
    assert_eq!((old.summary.status, old.summary.is_replaced()), (Status::Final, false));
    assert_eq!(store.signed_before("A-1").unwrap().unwrap().session, first);
    assert_eq!(
        store.latest_result("A-1", false).unwrap().unwrap().session,
        first,
        "an open amendment is no result yet"
    );
    assert_eq!((store.find(2).unwrap(), store.last(), store.unsigned_after(0)), (None, 1, None), "nor has it a number");

    store.reclassify(second, 4, Some(CellClass::Lya), "otto", at(210)).unwrap();
    assert_eq!(rows(&store, first), before);
    store.sign(second, "otto", at(220), "").unwrap();
    assert_eq!(rows(&store, first), before, "the same after the amendment is signed");
    let in_force = store.latest_result("A-1", true).unwrap().unwrap();
    assert_eq!((in_force.session, in_force.sequence, in_force.replaced_by), (second, 2, None));
    let lines: Vec<_> = in_force.snapshot.classes.iter().map(|line| (line.class, line.count)).collect();
    assert!(lines.contains(&(CellClass::Lya, 1)) && lines.contains(&(CellClass::Ngb, 1)), "{lines:?}");
    assert_eq!((store.last(), store.find(1).unwrap().unwrap().replaced_by), (2, Some(2)));
    assert_eq!(store.signed_before("A-1").unwrap().unwrap().session, second);
    assert!(store.session(first).unwrap().unwrap().summary.is_replaced());
    assert_eq!((listed(&store, false), listed(&store, true)), (vec![second], vec![second, first]));
    whole(&store);
}

#[test]
fn versions_form_a_chain_and_only_the_last_is_in_force() {
    let (folder, store) = store();
    let first = signed(&store, "A-1");
    let other = signed(&store, "A-1");
    let mut last = first;
    for version in 2..5 {
        let next = store.amend(last, &format!("reason {version}"), "otto", at(200)).unwrap();
        store.sign(next, "otto", at(220), "").unwrap();
        last = next;
    }
    let amends = store.session(last).unwrap().unwrap().reviewed_result.unwrap().amends.unwrap();
    assert_eq!((amends.version, amends.first, amends.result, amends.by.as_str()), (4, 1, 4, "otto"));
    assert_eq!(listed(&store, false), [last, other]);
    // The sample was counted again after the count that was amended: that one is the latest.
    assert_eq!(store.signed_before("A-1").unwrap().unwrap().session, other);
    assert_eq!(store.latest_result("A-1", true).unwrap().unwrap().session, other);
    whole(&store);
    // The same after a restart, which reads the numbers anew.
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    assert_eq!((listed(&store, false), store.last(), store.unsigned_after(0)), (vec![last, other], 5, None));
}

#[test]
fn an_amendment_needs_a_signed_result_a_reason_and_cells() {
    let (_folder, store) = store();
    let id = session(&store, "A-1");
    assert!(refusal(store.amend(id, "why", "rita", at(100))).contains("is not signed"));
    assert!(matches!(store.amend(99, "why", "rita", at(100)), Err(StoreError::Review(ReviewError::NoSession(99)))));
    store.sign(id, "rita", at(110), "").unwrap();
    for (reason, words) in [
        ("", "write why"),
        (" \n\t", "write why"),
        (&"x".repeat(501), "longer than 500"),
        ("cell \u{1F9EC}", "cannot print"),
    ] {
        assert!(refusal(store.amend(id, reason, "rita", at(120))).contains(words), "{reason:?}");
    }
    assert_eq!(listed(&store, true), [id], "nothing was made");
    let rules = StoreConfig { cells_days: 1, ..StoreConfig::default() };
    let later = "2029-11-01T12:00:00Z".parse().unwrap();
    let notice = Notice { age: Some(later), size: false };
    // A session is old enough only if it was there when the store was opened.
    let folder = store.path().parent().unwrap().to_owned();
    drop(store);
    let store = Store::open(&folder).unwrap();
    assert_eq!(store.retain(&rules, notice, later, &Stop::new()).unwrap().cells, 1);
    assert!(refusal(store.amend(id, "why", "rita", at(130))).contains("were removed to make room"));
    whole(&store);
}

#[test]
fn of_two_who_amend_at_once_one_is_refused_and_a_withdrawn_amendment_makes_room() {
    let (_folder, store) = store();
    let id = signed(&store, "A-1");
    let done: Vec<_> = std::thread::scope(|scope| {
        let begin = |by| {
            let store = store.clone();
            scope.spawn(move || store.amend(id, "why", by, at(200)))
        };
        let threads = ["rita", "otto"].map(begin);
        threads.map(|thread| thread.join().unwrap()).into_iter().collect()
    });
    let made: Vec<SessionId> = done.iter().filter_map(|done| done.as_ref().ok().copied()).collect();
    let [made] = made[..] else { panic!("{done:?}") };
    let refused = done.into_iter().find_map(Result::err).unwrap();
    assert!(matches!(refused, StoreError::Review(ReviewError::Amended(old, new)) if (old, new) == (id, made)));

    store.reclassify(made, 1, Some(CellClass::Bas), "rita", at(210)).unwrap();
    assert!(refusal(store.withdraw_amendment(id, "a mistake", "rita", at(220))).contains("is no amendment"));
    assert!(
        refusal(store.withdraw_amendment(made, " ", "rita", at(220))).contains("write why the amendment is withdrawn")
    );
    assert_eq!(store.withdraw_amendment(made, "a mistake", "rita", at(220)).unwrap(), id);
    assert_eq!(store.session(made).unwrap(), None);
    let detail = store.session(id).unwrap().unwrap();
    assert_eq!((detail.summary.amended_by, detail.summary.status), (None, Status::Final));
    whole(&store);
    let trail = store.audit(None, None, 100).unwrap();
    let actions: Vec<_> = trail.iter().map(|line| (line.action.as_str(), line.session)).take(3).collect();
    assert_eq!(actions, [("remove result", Some(made)), ("withdraw amendment", Some(id)), ("reclassify", Some(made))]);
    assert_eq!(trail[1].detail, serde_json::json!({"session": made, "reason": "a mistake"}));

    // Its numbers are never given again.
    let again = store.amend(id, "another reason", "otto", at(300)).unwrap();
    assert_eq!((again, store.session(again).unwrap().unwrap().summary.result), (made + 1, Some(3)));
    store.sign(again, "otto", at(310), "").unwrap();
    assert!(matches!(
        store.withdraw_amendment(again, "why", "otto", at(320)),
        Err(StoreError::Review(ReviewError::Signed(_)))
    ));
    assert!(matches!(store.amend(id, "too late", "otto", at(330)), Err(StoreError::Review(ReviewError::Amended(..)))));
    whole(&store);
}

#[test]
fn retention_leaves_both_versions_whole_while_an_amendment_is_made() {
    let (folder, store) = store();
    let id = signed(&store, "A-1");
    // Nobody looked at a cell of this one, which alone would keep it.
    let plain = session(&store, "A-2");
    store.sign(plain, "rita", at(95), "").unwrap();
    let now: Timestamp = "2029-11-01T12:00:00Z".parse().unwrap();
    let made = store.amend(plain, "why", "rita", days_before(now, 29)).unwrap();
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    let rules = StoreConfig { crops_days: 1, cells_days: 1, results_days: 1, ..StoreConfig::default() };
    let notice = Notice { age: Some(now), size: true };
    assert_eq!(store.due(&rules, Some(now)).unwrap().cells, 1);
    store.retain(&rules, notice, now, &Stop::new()).unwrap();
    let cells = |id| store.cells(id, Some(Kind::Wbc), None).unwrap().iter().filter(|cell| cell.has_crop).count();
    assert_eq!((cells(id), cells(plain), cells(made)), (0, 4, 4));
    store.sign(made, "rita", at(110), "").unwrap();
    store.retain(&rules, notice, now, &Stop::new()).unwrap();
    assert_eq!((cells(plain), cells(made)), (0, 0));
    assert_eq!(store.latest_result("A-2", true).unwrap().unwrap().session, made, "signed results are kept for ever");
    whole(&store);
}

#[test]
fn whoever_changes_a_version_behind_the_programs_back_is_found() {
    let (folder, store) = store();
    let id = signed(&store, "A-1");
    let made = store.amend(id, "why", "rita", at(100)).unwrap();
    store.sign(made, "otto", at(110), "").unwrap();
    whole(&store);
    drop(store);
    for sql in [
        // Another version would seem to be replaced, or none, or for another reason.
        "UPDATE result SET snapshot = json_set(snapshot, '$.amends.session', 77) WHERE session = 2",
        "UPDATE result SET snapshot = json_remove(snapshot, '$.amends') WHERE session = 2",
        "UPDATE signature SET snapshot = json_set(snapshot, '$.amends.reason', 'none') WHERE session = 2",
        "UPDATE cell SET person_class = 'BAS' WHERE session = 2 AND number = 2",
        "UPDATE cell SET person_class = 'BAS' WHERE session = 1 AND number = 2",
        "DELETE FROM signature WHERE session = 2",
        "DELETE FROM crop WHERE session = 1 AND number = 1",
    ] {
        let copy = tempfile::tempdir().unwrap();
        for name in [FILE, "leukoscope.witness", "leukoscope.lock"] {
            fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
        }
        let file = rusqlite::Connection::open(copy.path().join(FILE)).unwrap();
        if !sql.contains("crop") {
            assert!(file.execute(sql, []).is_err(), "a trigger refuses {sql}");
        }
        for trigger in ["signature_stays", "signature_is_kept", "result_stays", "signed_cells_stay"] {
            file.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap();
        }
        assert_eq!(file.execute(sql, []).unwrap(), 1, "{sql}");
        drop(file);
        let store = Store::open_to_read(copy.path()).unwrap().unwrap();
        assert!(matches!(store.verify_audit().unwrap(), AuditVerdict::Broken { .. }), "{sql}");
    }
}

#[test]
fn cells_of_two_versions_count_once_for_their_camera_and_as_the_newer_has_them() {
    let (_folder, store) = store();
    let id = signed(&store, "A-1");
    let check = |id| store.session(id).unwrap().unwrap().camera_check.unwrap();
    let of = settings().taken_with.unwrap();
    let seen = || {
        let check = store.camera_check(&of).unwrap();
        (check.cells, check.agree)
    };
    assert_eq!(seen(), (1, 0));
    let made = store.amend(id, "why", "rita", at(100)).unwrap();
    assert_eq!((seen(), check(made).cells), ((1, 0), 1));
    store.reclassify(made, 2, Some(CellClass::Ngs), "rita", at(110)).unwrap();
    store.reclassify(made, 1, Some(CellClass::Ngs), "rita", at(111)).unwrap();
    assert_eq!(seen(), (2, 2), "as the amendment has them");
    assert_eq!(store.looked_at_with(&of).unwrap().len(), 2);
    store.withdraw_amendment(made, "why", "rita", at(120)).unwrap();
    assert_eq!((seen(), store.looked_at_with(&of).unwrap()), ((1, 0), vec![(id, CellClass::Ngb)]));
}

#[test]
fn a_store_of_the_version_before_learns_amendments_and_is_read_without_them() {
    let (folder, store) = store();
    let id = signed(&store, "A-1");
    drop(store);
    let path = folder.path().join(FILE);
    let file = rusqlite::Connection::open(&path).unwrap();
    // As form 9 was.
    file.execute_batch(
        "ALTER TABLE cell DROP COLUMN graded; ALTER TABLE cell DROP COLUMN diameter_um; ALTER TABLE cell DROP COLUMN pallor; \
         ALTER TABLE cell DROP COLUMN person_own; ALTER TABLE reclassification DROP COLUMN own; \
         ALTER TABLE reclassification DROP COLUMN before_own; ALTER TABLE cell_hash DROP COLUMN fields; DROP TABLE practice; DROP INDEX audit_of_station; DROP INDEX result_by_amended; ALTER TABLE result DROP COLUMN amends; \
         PRAGMA user_version = 9",
    )
    .unwrap();
    drop(file);
    let read = Store::open_to_read(folder.path()).unwrap().unwrap();
    assert_eq!((listed(&read, false), read.last()), (vec![id], 1));
    assert_eq!(read.latest_result("A-1", true).unwrap().unwrap().session, id);
    drop(read);
    let store = Store::open(folder.path()).unwrap();
    store.amend(id, "why", "rita", at(100)).unwrap();
    whole(&store);
    // A count goes on beside an open amendment.
    let next = store.begin(&start("A-2")).unwrap();
    store.finish(next, &six_cells(), &result("A-2"), &settings()).unwrap();
    assert_eq!(store.unsigned_after(0), Some(3));
}
