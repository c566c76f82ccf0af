//! Retention: pictures go first, then cells, then results; signed results are never deleted.

use crate::common::stored::{cell, put, result, settings, start};
use jiff::{Timestamp, ToSpan as _};
use leukoscope::config::StoreConfig;
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::store::records::{SessionId, SessionStart, Status};
use leukoscope::store::{AuditVerdict, Retained, Store};
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
        Self { store, folder, now: "2026-11-01T12:00:00Z".parse().unwrap() }
    }

    /// The same store after a restart.
    fn started_again(self) -> Self {
        let Self { store, folder, now } = self;
        drop(store);
        Self { store: Store::open(folder.path()).unwrap(), folder, now }
    }

    fn retain(&self, rules: &StoreConfig) -> Retained {
        self.store.retain(rules, self.now, &Stop::new()).unwrap()
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
    StoreConfig { crops_days: crops, cells_days: cells, results_days: results, megabytes }
}

#[test]
fn by_age_pictures_go_first_then_cells_and_results_last() {
    let bench = Bench::new();
    let [old, older, oldest] = [40, 100, 800].map(|days| bench.session(days, 3));
    let young = bench.session(5, 3);
    let bench = bench.started_again();
    let done = bench.retain(&rules(30, 90, 700, 0));
    assert_eq!((done.crops, done.cells, done.results, done.too_large), (3, 2, 1, false));
    assert_eq!((bench.left(young), bench.left(old)), ((3, 3, true), (0, 3, true)));
    assert_eq!(bench.left(older), (0, 0, true));
    assert_eq!(bench.store.session(oldest).unwrap(), None);
    assert_eq!(bench.store.after(0), Some(1), "results keep their numbers");
    assert_eq!(bench.store.find(3).unwrap(), None);
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
    bench.store.reclassify(reviewed, 2, Some(CellClass::Myo), "rita", bench.now).unwrap();
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
    assert_eq!(bench.started_again().retain(&rules(1, 0, 0, 0)).crops, 1);
}

#[test]
fn nothing_more_is_taken_away_once_the_program_is_to_end() {
    let bench = Bench::new();
    let id = bench.session(900, 3);
    let bench = bench.started_again();
    let stop = Stop::new();
    stop.request();
    let done = bench.store.retain(&rules(1, 1, 1, 1), bench.now, &stop).unwrap();
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
    let bench = Bench { store, folder, now: "2026-11-01T12:00:00Z".parse().unwrap() };
    bench.session(900, 100);
    let bench = bench.started_again();
    assert_eq!(bench.retain(&rules(30, 0, 0, 0)).crops, 2);
}
