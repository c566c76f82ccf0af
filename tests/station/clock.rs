//! A station whose clock is years off: nothing is deleted until somebody vouches for the clock.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use leukoscope::config::StoreConfig;
use leukoscope::counting::session::snapshot::Snapshot;
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::station::retention::{self, Pace};
use leukoscope::station::trouble::Troubles;
use leukoscope::store::Store;
use leukoscope::store::records::{SessionId, SessionStart};
use leukoscope::system::stop::Stop;

use crate::common::stored::{cell, put, result, settings, start};

/// A store whose session is older than its cells are kept, by a clock that is months ahead of all that is stored.
fn months_ago(folder: &Path) -> SessionId {
    let ended: Timestamp = "2026-01-05T12:00:00Z".parse().unwrap();
    let store = Store::open(folder).unwrap();
    store.clock(ended, false).unwrap();
    let id = store.begin(&SessionStart { started: ended, ..start("A") }).unwrap();
    let cells: Vec<_> = (1..=4).map(|n| put(cell(n, Kind::Wbc, Some(CellClass::Ngs), 0.9), Some(&[7; 90]))).collect();
    store.finish(id, &cells, &Snapshot { time: ended, ..result("A") }, &settings()).unwrap();
    id
}

/// Pictures left of a session.
fn pictures(folder: &Path, id: SessionId) -> usize {
    let store = Store::open_to_read(folder).unwrap().unwrap();
    store.cells(id, None, None).unwrap().iter().filter(|cell| cell.has_crop).count()
}

fn leukoscope(state: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_leukoscope"))
        .args(arguments)
        .env("LEUKOSCOPE_MODELS", crate::common::models_folder())
        .env("LEUKOSCOPE_STATION_STATE", state)
        .env("LEUKOSCOPE_WEB_LISTEN", "none")
        .env("LEUKOSCOPE_SESSION_AUTOSTART", "false")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn a_start_months_after_all_that_is_stored_deletes_nothing_and_says_why() {
    let state = tempfile::tempdir().unwrap();
    let id = months_ago(state.path());
    for _ in 0..2 {
        let run = leukoscope(state.path(), &["run", "--display", "terminal", "--serial", "none", "--for", "4"]);
        let (said, shown) = (String::from_utf8(run.stderr).unwrap(), String::from_utf8(run.stdout).unwrap());
        assert!(run.status.success(), "{said}");
        assert!(said.contains("nothing is deleted for its age"), "{said}");
        assert!(shown.contains("trouble: the clock says"), "{shown}");
        assert_eq!(pictures(state.path(), id), 4);
    }
    let doubted = leukoscope(state.path(), &["clock"]);
    let said = String::from_utf8(doubted.stderr).unwrap();
    assert_eq!(doubted.status.code(), Some(1), "{said}");
    assert!(said.contains("2026-01-05") && said.contains("--confirm"), "{said}");
    assert!(leukoscope(state.path(), &["clock", "--confirm"]).status.success());
    let believed = leukoscope(state.path(), &["clock"]);
    assert!(believed.status.success(), "{believed:?}");
}

#[test]
fn what_is_too_old_is_announced_before_it_goes() {
    let state = tempfile::tempdir().unwrap();
    let id = months_ago(state.path());
    let store = Store::open(state.path()).unwrap();
    store.confirm_clock("console", Timestamp::now()).unwrap();
    let run = |notice| {
        let (stop, troubles) = (Stop::new(), Troubles::default());
        let pace = Pace { rounds: Duration::from_hours(1), notice };
        let thread = retention::start(store.clone(), StoreConfig::default(), pace, stop.clone(), &troubles).unwrap();
        (stop, thread)
    };
    let (stop, thread) = run(Duration::from_hours(1));
    std::thread::sleep(Duration::from_secs(1));
    stop.request();
    thread.join().unwrap();
    assert_eq!(pictures(state.path(), id), 4, "the first round only says what will go");
    let (stop, thread) = run(Duration::from_millis(50));
    let began = Instant::now();
    while pictures(state.path(), id) > 0 {
        assert!(began.elapsed() < Duration::from_secs(30), "they stay");
        std::thread::sleep(Duration::from_millis(50));
    }
    stop.request();
    thread.join().unwrap();
}
