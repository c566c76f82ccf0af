//! Simulated power cuts: a writer is killed at random moments, and nothing it acknowledged may be lost.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common::stored::{at, result, settings, six_cells, start};
use leukoscope::domain::class::CellClass;
use leukoscope::store::{AuditVerdict, Store};

/// How often the writer is killed.
const KILLS: usize = 100;

/// Environment variable that holds the folder of the writing process.
const FOLDER: &str = "LEUKOSCOPE_TEST_KILL_FOLDER";

/// Writes sessions for ever, and prints each number once it is stored.
fn write(folder: &Path) {
    let store = Store::open(folder).unwrap();
    loop {
        let id = store.begin(&start("K")).unwrap();
        store.change_cells(id, &six_cells()[..3]).unwrap();
        let number = store.finish(id, &six_cells()[3..], &result("K"), &settings()).unwrap();
        println!("result {number} {id}");
        store.reclassify(id, 2, Some(CellClass::Bas), "ana", at(70)).unwrap();
        println!("changed {id}");
        store.sign(id, "ana", at(80), "").unwrap();
        println!("signed {id}");
    }
}

#[test]
fn a_hundred_kills_lose_nothing_that_was_acknowledged() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        write(Path::new(&folder));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut chance = fastrand::Rng::with_seed(6);
    let mut said: Vec<String> = Vec::new();
    for _ in 0..KILLS {
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::a_hundred_kills_lose_nothing_that_was_acknowledged", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines().map_while(Result::ok);
        // Wait until it writes, then kill it at any moment of a session, which takes some milliseconds.
        said.extend(lines.by_ref().find(|line| line.starts_with("signed")));
        std::thread::sleep(Duration::from_micros(chance.u64(0..20_000)));
        writer.kill().unwrap();
        writer.wait().unwrap();
        said.extend(lines);
    }
    let store = Store::open(folder.path()).unwrap();
    let mut checked = 0;
    for line in &said {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["result", number, id] => {
                let id = id.parse().unwrap();
                assert_eq!(store.result_of(id).unwrap().unwrap().sequence.to_string(), *number);
                assert_eq!(store.cells(id, None, None).unwrap().len(), 6);
            }
            ["changed", id] => {
                let cell = store.cell(id.parse().unwrap(), 2).unwrap().unwrap();
                assert_eq!(cell.class_in_force(), Some(CellClass::Bas), "{line}");
            }
            ["signed", id] => {
                assert!(store.session(id.parse().unwrap()).unwrap().unwrap().signature.is_some(), "{line}");
            }
            // Output of the test harness, or a line cut off by the kill.
            _ => continue,
        }
        checked += 1;
    }
    eprintln!("{KILLS} kills, {checked} acknowledged, {} results", store.last());
    assert!(checked >= KILLS);
    assert!(matches!(store.verify_audit().unwrap(), AuditVerdict::Whole { .. }));
}
