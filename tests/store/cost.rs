//! What recording a count and verifying the trail cost, for `docs/store.md`: `cargo test --test store -- --ignored --nocapture what_recording_costs`.

use std::time::{Duration, Instant};

use crate::common::stored::{cell, put, result, settings, start};
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::store::records::CellChange;
use leukoscope::store::{AuditVerdict, Store, Verified};

/// A second of counting: white cells with pictures of 5.6 kB, and red ones.
fn batch(first: i64, white: i64, red: i64) -> Vec<CellChange> {
    let mut chance = fastrand::Rng::with_seed(7);
    let picture: Vec<u8> = std::iter::repeat_with(|| chance.u8(..)).take(5600).collect();
    let seen = |n| put(cell(n, Kind::Wbc, Some(CellClass::Ngs), 0.9), Some(&picture));
    let red_cells = first + white..first + white + red;
    (first..first + white).map(seen).chain(red_cells.map(|n| put(cell(n, Kind::Rbc, None, 0.0), None))).collect()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn timed(mut work: impl FnMut(i64)) -> Duration {
    median(
        (0..40)
            .map(|turn| {
                let began = Instant::now();
                work(turn);
                began.elapsed()
            })
            .collect(),
    )
}

#[test]
#[ignore = "measures"]
fn what_recording_costs() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let id = store.begin(&start("A")).unwrap();
    let new = timed(|turn| store.change_cells(id, &batch(1 + turn * 1200, 50, 1150)).unwrap());
    let again = timed(|turn| store.change_cells(id, &batch(1 + turn * 1200, 50, 1150)).unwrap());
    let one = timed(|turn| store.change_cells(id, &batch(100_000 + turn, 1, 0)).unwrap());
    let whole = timed(|_| {
        let id = store.begin(&start("B")).unwrap();
        store.change_cells(id, &batch(1, 165, 2775)).unwrap();
        store.finish(id, &[], &result("B"), &settings()).unwrap();
    });
    eprintln!("50 white cells with pictures, 1150 red: {new:.2?}; seen again: {again:.2?}; one white cell: {one:.2?}");
    eprintln!("a session of 165 white and 2775 red cells begun, written and ended: {whole:.2?}");
}

/// A figure of this process, kB.
fn memory(of: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(of)).unwrap();
    line.trim_matches([':', ' ', '\t']).trim_end_matches(" kB").parse().unwrap()
}

#[test]
#[ignore = "measures; needs 3 GB of disk"]
fn what_verifying_two_thousand_sessions_costs() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    for sample in 0..2000 {
        let id = store.begin(&start(&format!("A-{sample}"))).unwrap();
        store.change_cells(id, &batch(1, 200, 0)).unwrap();
        store.finish(id, &[], &result(&format!("A-{sample}")), &settings()).unwrap();
    }
    drop(store);
    let store = Store::open_to_read(folder.path()).unwrap().unwrap();
    for depth in [Verified::WithoutCells, Verified::Everything] {
        // The peak is that of the process from here on.
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        let (before, began) = (memory("VmRSS"), Instant::now());
        assert!(matches!(store.verify(depth).unwrap(), AuditVerdict::Whole { .. }));
        let (took, peak) = (began.elapsed(), memory("VmHWM"));
        eprintln!("{depth:?}: {took:.1?}, {before} kB before, {peak} kB at most");
    }
    let size = std::fs::metadata(store.path()).unwrap().len() / 1_000_000;
    eprintln!("the store is {size} MB");
}
