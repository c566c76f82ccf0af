//! Results are never lost: not by a torn line, not by a restart, not by a damaged neighbour.

use std::fs;
use std::path::Path;

use leukoscope::class::CellClass;
use leukoscope::session::results::{FILE, Results, ResultsError, SENT_FILE, SentMark, TORN_FILE, read};
use leukoscope::session::snapshot::{ClassCount, Ending, Flag, FrameCounts, KindCounts, Phase, Snapshot};

fn snapshot(sample: &str) -> Snapshot {
    let time = "2026-03-01T10:00:00Z".parse().unwrap();
    Snapshot {
        sample: sample.to_owned(),
        phase: Phase::Done,
        ending: Some(Ending::TargetReached),
        trouble: None,
        time,
        started: Some(time),
        target: 100,
        counted: 100,
        kinds: KindCounts { wbc: 100, rbc: 2000, plt: 130 },
        classes: vec![ClassCount { class: CellClass::Ngs, count: 60, percent: 60.0, low: 49.7, high: 69.7 }],
        classes_uncorrected: std::collections::BTreeMap::new(),
        prevalence: None,
        blasts_kept: 0,
        experimental: Vec::new(),
        flags: vec![Flag::LeftShift],
        statistics: leukoscope::statistics::Statistics::default(),
        frames: FrameCounts { used: 10, skipped: 1, damaged: 0, ..FrameCounts::default() },
        frame_rate: Some(9.5),
        stages: Vec::new(),
        um_per_px: Some(0.1),
        quality: None,
    }
}

/// A folder in memory where there is one: the tests force hundreds of files to the disk.
fn fast_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// A folder with so many results in it, closed again.
fn folder_with(count: u64) -> tempfile::TempDir {
    let folder = fast_folder();
    let results = Results::open(folder.path()).unwrap();
    for number in 1..=count {
        assert_eq!(results.append("bench", &snapshot(&format!("S-{number}"))).unwrap(), number);
    }
    folder
}

fn samples(folder: &Path) -> Vec<String> {
    read(folder).unwrap().into_iter().map(|result| result.snapshot.sample).collect()
}

#[test]
fn a_result_comes_back_as_it_was_kept_and_numbers_go_on_after_a_restart() {
    let folder = folder_with(2);
    let results = Results::open(folder.path()).unwrap();
    assert_eq!(results.last(), 2);
    let found = results.find(2).unwrap().unwrap();
    assert_eq!((found.sequence, found.station.as_str(), found.snapshot), (2, "bench", snapshot("S-2")));
    assert_eq!(results.find(3).unwrap(), None);
    assert_eq!(results.append("bench", &snapshot("S-3")).unwrap(), 3);
    assert_eq!(results.all().unwrap().len(), 3);
    assert_eq!((results.after(0), results.after(2), results.after(3)), (Some(1), Some(3), None));
}

#[test]
fn a_number_that_is_none_does_not_take_the_counts_with_it() {
    let folder = folder_with(0);
    let mut odd = snapshot("S-1");
    odd.frame_rate = Some(f64::NAN);
    odd.classes[0].high = f64::INFINITY;
    Results::open(folder.path()).unwrap().append("bench", &odd).unwrap();
    let kept = &read(folder.path()).unwrap()[0].snapshot;
    assert_eq!((kept.frame_rate, kept.classes[0].count), (None, 60));
}

#[test]
fn a_line_torn_at_any_byte_hides_no_earlier_result_and_is_kept_aside() {
    let folder = folder_with(3);
    let whole = fs::read(folder.path().join(FILE)).unwrap();
    let ends: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] == b'\n').map(|at| at + 1).collect();
    for cut in 0..=whole.len() {
        let torn_folder = fast_folder();
        let path = torn_folder.path().join(FILE);
        fs::write(&path, &whole[..cut]).unwrap();
        let results = Results::open(torn_folder.path()).unwrap();
        // A result whose line lacks only its end is whole.
        let kept = ends.iter().filter(|end| **end <= cut + 1).count();
        assert_eq!(results.last(), kept as u64, "cut at byte {cut}");
        let start = ends.iter().copied().filter(|end| *end <= cut).max().unwrap_or(0);
        let aside = fs::read(torn_folder.path().join(TORN_FILE)).unwrap_or_default();
        if kept == ends.iter().filter(|end| **end <= cut).count() && cut > start {
            assert_eq!(aside, [&whole[start..cut], b"\n"].concat(), "cut at byte {cut}");
        } else {
            assert!(aside.is_empty(), "cut at byte {cut}");
        }
        assert_eq!(results.append("bench", &snapshot("next")).unwrap(), kept as u64 + 1);
        let mut expected: Vec<String> = (1..=kept).map(|number| format!("S-{number}")).collect();
        expected.push("next".into());
        assert_eq!(samples(torn_folder.path()), expected, "cut at byte {cut}");
    }
}

#[test]
fn a_damaged_line_hides_no_other_and_its_number_is_not_given_again() {
    let folder = folder_with(3);
    let path = folder.path().join(FILE);
    let text = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines[1] = "\0\0\0\0";
    lines[2] = "{\"sequence\":3,\"stat";
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    let results = Results::open(folder.path()).unwrap();
    assert_eq!((results.last(), results.find(2).unwrap()), (1, None));
    assert_eq!(results.append("bench", &snapshot("S-4")).unwrap(), 4);
    assert_eq!(samples(folder.path()), ["S-1", "S-4"]);
}

#[test]
fn a_folder_is_written_by_one_program_only_but_read_by_any() {
    let folder = folder_with(1);
    let _first = Results::open(folder.path()).unwrap();
    let second = Results::open(folder.path()).unwrap_err();
    assert!(matches!(second, ResultsError::InUse(_)));
    assert!(second.to_string().contains("are being written by another leukoscope"), "{second}");
    assert_eq!(samples(folder.path()), ["S-1"]);
}

#[test]
fn a_folder_that_cannot_be_one_is_refused_with_what_to_do() {
    let folder = fast_folder();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let said = Results::open(&file.join("state")).unwrap_err().to_string();
    assert!(
        said.contains("results cannot be kept in") && said.contains("set `state` in [station] to a folder"),
        "{said}"
    );
}

#[test]
fn a_full_disk_is_told_in_words() {
    let full = ResultsError::Unusable { path: "/r".into(), problem: std::io::ErrorKind::StorageFull.into() };
    assert!(full.to_string().ends_with("the disk is full: free some space"), "{full}");
}

#[test]
fn the_mark_of_sent_results_outlives_a_restart_and_begins_at_the_newest() {
    let folder = folder_with(2);
    let results = Results::open(folder.path()).unwrap();
    assert_eq!(SentMark::open(folder.path(), &results).unwrap().sequence(), 2);
    results.append("bench", &snapshot("S-3")).unwrap();
    let mut mark = SentMark::open(folder.path(), &results).unwrap();
    assert_eq!(mark.sequence(), 2, "the new result was not sent");
    mark.advance(3).unwrap();
    assert_eq!(SentMark::open(folder.path(), &results).unwrap().sequence(), 3);
    fs::write(folder.path().join(SENT_FILE), "\0\0").unwrap();
    assert_eq!(SentMark::open(folder.path(), &results).unwrap().sequence(), 0, "better twice than lost");
}
