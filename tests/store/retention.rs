//! Retention: pictures go first, then cells, then results; signed results are never deleted.

use crate::common::stored::{cell, put, result, settings, start};
use jiff::{Timestamp, ToSpan as _};
use leukoscope::config::StoreConfig;
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::store::records::{SessionId, SessionStart, Status};
use leukoscope::store::{AuditVerdict, ClockVerdict, Due, Notice, Retained, Store};
use leukoscope::system::stop::Stop;

const PICTURE: usize = 6000;

struct Bench {
    store: Store,
    folder: tempfile::TempDir,
    now: Timestamp,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        Self { store, folder, now: "2029-11-01T12:00:00Z".parse().unwrap() }
    }

    /// The same store after a restart.
    fn started_again(self) -> Self {
        let Self { store, folder, now } = self;
        drop(store);
        Self { store: Store::open(folder.path()).unwrap(), folder, now }
    }

    fn retain(&self, rules: &StoreConfig) -> Retained {
        self.store.retain(rules, self.all(), self.now, &Stop::new()).unwrap()
    }

    /// The notice that lets everything go.
    fn all(&self) -> Notice {
        Notice { age: Some(self.now), size: true }
    }

    /// A session that ended this many days ago, with this many white cells.
    fn session(&self, days: i64, cells: i64) -> SessionId {
        let ended = self.now.checked_sub((24 * days).hours()).unwrap();
        let id = self.store.begin(&SessionStart { started: ended, ..start("A") }).unwrap();
        let picture = vec![7; PICTURE];
        let changes: Vec<_> =
            (1..=cells).map(|n| put(cell(n, Kind::Wbc, Some(CellClass::Ngs), 0.9), Some(&picture))).collect();
        let result = leukoscope::counting::session::snapshot::Snapshot { time: ended, ..result("A") };
        self.store.finish(id, &changes, &result, &settings()).unwrap();
        id
    }

    /// Remaining pictures and cells, and whether the result remains.
    fn left(&self, id: SessionId) -> (usize, usize, bool) {
        let cells = self.store.cells(id, None, None).unwrap();
        let pictures = cells.iter().filter(|cell| cell.has_crop).count();
        (pictures, cells.len(), self.store.result_of(id).unwrap().is_some())
    }

    fn trail(&self) -> usize {
        let AuditVerdict::Whole { entries, .. } = self.store.verify_audit().unwrap() else { panic!("broken") };
        usize::try_from(entries).unwrap()
    }
}

fn rules(crops: u32, cells: u32, results: u32, megabytes: u32) -> StoreConfig {
    StoreConfig { crops_days: crops, cells_days: cells, results_days: results, megabytes, ..StoreConfig::default() }
}

#[test]
fn by_age_pictures_go_first_then_cells_and_results_last() {
    let bench = Bench::new();
    let [oldest, older, old] = [800, 100, 40].map(|days| bench.session(days, 3));
    let young = bench.session(5, 3);
    let bench = bench.started_again();
    let done = bench.retain(&rules(30, 90, 700, 0));
    assert_eq!((done.crops, done.cells, done.results, done.too_large), (3, 2, 1, false));
    assert_eq!((bench.left(young), bench.left(old)), ((3, 3, true), (0, 3, true)));
    assert_eq!(bench.left(older), (0, 0, true));
    assert_eq!(bench.store.session(oldest).unwrap(), None);
    assert_eq!(bench.store.unsigned_after(0), Some(2), "results keep their numbers");
    assert_eq!(bench.store.find(1).unwrap(), None);
    let again = bench.retain(&rules(30, 90, 700, 0));
    assert_eq!((again.crops, again.cells, again.results), (0, 0, 0));
    assert_eq!(bench.trail(), 4 * 2 + 6);
}

#[test]
fn a_signed_result_stays_when_its_cells_go_and_reads_as_it_was_signed() {
    let bench = Bench::new();
    let id = bench.session(900, 4);
    bench.store.reclassify(id, 2, Some(CellClass::Myo), "rita", bench.now).unwrap();
    bench.store.sign(id, "rita", bench.now, "blast").unwrap();
    let before = bench.store.session(id).unwrap().unwrap();
    let bench = bench.started_again();
    bench.retain(&rules(1, 1, 1, 0));
    assert_eq!(bench.left(id), (0, 0, true));
    let after = bench.store.session(id).unwrap().unwrap();
    assert_eq!((after.summary.status, &after.reviewed_result), (Status::Final, &before.reviewed_result));
    assert_eq!((after.signature, after.summary.flags), (before.signature, before.summary.flags));
    assert_eq!((after.reclassified, before.reclassified), (1, 1));
    bench.trail();
}

#[test]
fn a_review_that_nobody_signed_yet_is_not_lost_and_a_count_that_runs_is_not_touched() {
    let bench = Bench::new();
    let reviewed = bench.session(900, 4);
    bench.store.reclassify(reviewed, 2, Some(CellClass::Ngb), "rita", bench.now).unwrap();
    let bench = bench.started_again();
    let long_ago = bench.now.checked_sub(48_000.hours()).unwrap();
    let running = bench.store.begin(&SessionStart { started: long_ago, ..start("B") }).unwrap();
    let one = put(cell(1, Kind::Wbc, Some(CellClass::Ngs), 0.9), Some(&[1; 10]));
    bench.store.change_cells(running, &[one]).unwrap();
    let done = bench.retain(&rules(1, 1, 1, 0));
    assert_eq!((bench.left(reviewed), done.cells, done.results), ((0, 4, true), 0, 0));
    assert_eq!(bench.left(running), (1, 1, false));
    bench.store.sign(reviewed, "rita", bench.now, "").unwrap();
}

#[test]
fn by_size_the_oldest_lose_pictures_before_any_loses_cells_and_the_file_shrinks() {
    let bench = Bench::new();
    let sessions: Vec<SessionId> = (0..8).map(|n| bench.session(8 - n, 100)).collect();
    let size = || std::fs::metadata(bench.store.path()).unwrap().len();
    let nothing = bench.retain(&rules(0, 0, 0, 100));
    assert_eq!((nothing.crops, nothing.cells), (0, 0));
    let before = size();
    let done = bench.retain(&rules(0, 0, 0, 2));
    assert!(done.bytes <= 2_000_000 && !done.too_large, "{done:?}");
    assert!((4..8).contains(&done.crops) && done.cells == 0, "{done:?}");
    assert_eq!((bench.left(sessions[0]).0, bench.left(sessions[7]).0), (0, 100));
    assert!(size() < before - 2_000_000 && size() <= 2_500_000, "{before} bytes before, {} after", size());
    bench.trail();
    drop(bench.store);
    assert!(Store::open(bench.folder.path()).is_ok());
}

#[test]
fn results_never_go_by_size_and_a_store_that_stays_too_large_says_so() {
    let bench = Bench::new();
    let sessions: Vec<SessionId> = (0..700).map(|_| bench.session(3, 1)).collect();
    let done = bench.retain(&rules(0, 0, 0, 1));
    assert!(done.too_large, "{done:?}");
    assert!(sessions.iter().all(|id| bench.left(*id) == (0, 0, true)));
}

#[test]
fn a_session_of_this_run_is_not_old_whatever_the_clock_said_when_it_ended() {
    let bench = Bench::new();
    // The board's clock started in 1970 and was set only after the count.
    let id = bench.session(20_000, 3);
    let done = bench.retain(&rules(1, 1, 1, 0));
    assert_eq!((done.crops, done.cells, done.results), (0, 0, 0));
    assert_eq!(bench.left(id), (3, 3, true));
    let bench = bench.started_again();
    assert_eq!(bench.retain(&rules(1, 1, 1, 0)).crops, 0, "a time before 2026 shows no age");
    // Ten years behind, after a session of today.
    let today = bench.session(0, 3);
    let behind = bench.session(800, 3);
    let bench = bench.started_again();
    assert_eq!(bench.retain(&rules(1, 1, 1, 0)).crops, 0);
    assert_eq!([today, behind].map(|id| bench.left(id)), [(3, 3, true); 2]);
}

#[test]
fn only_what_was_announced_is_deleted() {
    let bench = Bench::new();
    let [old, young] = [100, 5].map(|days| bench.session(days, 3));
    let bench = bench.started_again();
    let rules = rules(30, 90, 0, 0);
    assert_eq!(bench.store.due(&rules, None).unwrap(), Due::default());
    assert_eq!(
        bench.store.due(&rules, Some(bench.now)).unwrap(),
        Due { crops: 1, cells: 1, results: 0, amendments: 0, size: false }
    );
    let nothing = bench.store.retain(&rules, Notice::default(), bench.now, &Stop::new()).unwrap();
    assert_eq!((nothing.crops, nothing.cells), (0, 0));
    let announced = Notice { age: Some(bench.now.checked_sub((24 * 20).hours()).unwrap()), size: true };
    let done = bench.store.retain(&rules, announced, bench.now, &Stop::new()).unwrap();
    assert_eq!((done.crops, done.cells), (1, 0), "its cells were not too old then");
    assert_eq!((bench.left(old), bench.left(young)), ((0, 3, true), (3, 3, true)));
}

#[test]
fn a_store_that_is_too_large_is_announced_before_anything_goes() {
    let bench = Bench::new();
    for days in [3, 2, 1] {
        bench.session(days, 100);
    }
    assert!(!bench.store.due(&rules(0, 0, 0, 100), None).unwrap().size);
    let tight = rules(0, 0, 0, 1);
    assert!(bench.store.due(&tight, None).unwrap().size);
    let done = bench.store.retain(&tight, Notice::default(), bench.now, &Stop::new()).unwrap();
    assert_eq!((done.crops, done.too_large), (0, false), "there is something to delete, but not yet");
}

#[test]
fn a_clock_years_ahead_is_doubted_until_a_person_or_a_time_service_vouches_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let now: Timestamp = "2026-11-29T12:00:00Z".parse().unwrap();
    let ahead: Timestamp = "2036-02-07T06:28:16Z".parse().unwrap();
    let later = |days: i64| now.checked_add((24 * days).hours()).unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(
        store.clock("1970-01-01T00:00:00Z".parse().unwrap(), false).unwrap(),
        ClockVerdict::Doubted { latest: None }
    );
    assert_eq!(store.clock(now, false).unwrap(), ClockVerdict::Believed);
    drop(store);
    // What a run under the wrong clock writes does not make it a believed one.
    for _ in 0..2 {
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.clock(ahead, false).unwrap(), ClockVerdict::Doubted { latest: Some(now) });
        store.begin(&SessionStart { started: ahead, ..start("A") }).unwrap();
    }
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.clock(later(30), false).unwrap(), ClockVerdict::Believed);
    assert_eq!(store.clock(later(60), false).unwrap(), ClockVerdict::Believed, "a month after the last time");
    let behind = "2026-01-02T00:00:00Z".parse().unwrap();
    assert_eq!(store.clock(behind, false).unwrap(), ClockVerdict::Doubted { latest: Some(later(60)) });
    assert_eq!(store.clock(later(160), true).unwrap(), ClockVerdict::Believed, "a time service says so");
    store.confirm_clock("console", later(400)).unwrap();
    assert_eq!(store.clock(later(401), false).unwrap(), ClockVerdict::Believed);
    assert!(store.confirm_clock("console", Timestamp::UNIX_EPOCH).unwrap_err().is_refusal());
    assert_eq!(store.audit(None, None, 1).unwrap()[0].action, "confirm clock");
}

#[test]
fn a_store_of_an_earlier_version_is_judged_by_its_last_session() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.begin(&start("A")).unwrap();
    let ahead = "2036-02-07T06:28:16Z".parse().unwrap();
    store.note("console", ahead, "view", None, &serde_json::json!({})).unwrap();
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(
        store.clock(ahead, false).unwrap(),
        ClockVerdict::Doubted { latest: Some(crate::common::stored::at(0)) }
    );
}

#[test]
fn nothing_more_is_taken_away_once_the_program_is_to_end() {
    let bench = Bench::new();
    let id = bench.session(900, 3);
    let bench = bench.started_again();
    let stop = Stop::new();
    stop.request();
    let done = bench.store.retain(&rules(1, 1, 1, 1), bench.all(), bench.now, &stop).unwrap();
    assert_eq!((done.crops, done.cells, done.results, done.too_large), (0, 0, 0, false));
    assert_eq!(bench.left(id), (3, 3, true));
}

#[test]
fn a_file_that_never_shrinks_holds_up_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let made = rusqlite::Connection::open(folder.path().join(leukoscope::store::FILE)).unwrap();
    // A copy rebuilt by hand can look like this.
    made.execute_batch(include_str!("stores/form-1.sql")).unwrap();
    drop(made);
    let store = Store::open(folder.path()).unwrap();
    let bench = Bench { store, folder, now: "2029-11-01T12:00:00Z".parse().unwrap() };
    bench.session(900, 100);
    let bench = bench.started_again();
    assert_eq!(bench.retain(&rules(30, 0, 0, 0)).crops, 1, "not of the session with a comment");
}
