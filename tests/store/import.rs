//! Results of versions that kept them as lines of `results.jsonl` are taken over, each once.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::common::stored::{kept, result};
use leukoscope::store::records::Status;
use leukoscope::store::{AuditVerdict, Store, StoredResult};

/// A line as those versions wrote it: they knew no sessions and no signatures.
fn line(sequence: u64, sample: &str) -> String {
    let result =
        StoredResult { sequence, session: 0, station: "bench".to_owned(), snapshot: result(sample), signature: None };
    let mut line = serde_json::to_value(result).unwrap();
    line.as_object_mut().unwrap().remove("session");
    line.to_string()
}

fn put(folder: &Path, lines: &[String]) {
    fs::write(folder.join("results.jsonl"), lines.join("\n") + "\n").unwrap();
}

/// A command that opens the store to write: what it says is what the log holds.
fn start(folder: &Path) -> Output {
    let started = Command::new(env!("CARGO_BIN_EXE_leukoscope"))
        .args(["token", "add", "lis", "--role", "operator"])
        .env("LEUKOSCOPE_STATION_STATE", folder)
        .output()
        .unwrap();
    assert!(started.status.success(), "{started:?}");
    started
}

#[test]
fn results_of_the_earlier_version_keep_their_numbers_and_have_a_line_in_the_trail() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), &[line(3, "A-3"), line(7, "A-7")]);
    let store = Store::open(folder.path()).unwrap();
    assert_eq!((store.after(0), store.after(3), store.last()), (Some(3), Some(7), 7));
    let found = store.find(7).unwrap().unwrap();
    assert_eq!((found.snapshot, found.station.as_str()), (result("A-7"), "bench"));
    let detail = store.session(found.session).unwrap().unwrap();
    assert_eq!((detail.summary.status, detail.settings), (Status::Preliminary, None));
    assert!(matches!(store.verify_audit().unwrap(), AuditVerdict::Whole { entries: 2, .. }));
    assert_eq!(kept(&store, &result("A-8")), 8);
    assert!(!folder.path().join("results.jsonl").exists());
    assert!(folder.path().join("results.jsonl.imported").exists());
}

#[test]
fn a_start_that_was_cut_off_before_the_file_was_put_aside_takes_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), &[line(1, "A-1")]);
    drop(Store::open(folder.path()).unwrap());
    put(folder.path(), &[line(1, "A-1")]);
    let said = crate::common::complained(&start(folder.path()));
    assert!(!said.contains("another result"), "{said}");
    assert_eq!(Store::open(folder.path()).unwrap().all().unwrap().len(), 1);
}

#[test]
fn a_number_that_another_result_has_is_told_of_and_the_line_stays_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    kept(&Store::open(folder.path()).unwrap(), &result("B-1"));
    put(folder.path(), &[line(1, "A-1"), "no result".to_owned(), line(2, "A-2")]);
    let said = crate::common::complained(&start(folder.path()));
    assert!(said.contains("the store has another result 1; this one stays in"), "{said}");
    assert!(said.contains("1 lines cannot be read"), "{said}");
    let store = Store::open(folder.path()).unwrap();
    let samples: Vec<String> = store.all().unwrap().into_iter().map(|result| result.snapshot.sample).collect();
    assert_eq!(samples, ["B-1", "A-2"]);
    let aside = fs::read_to_string(folder.path().join("results.jsonl.imported")).unwrap();
    assert!(aside.contains("A-1") && aside.contains("no result"), "{aside}");
}

#[test]
fn a_file_that_was_put_aside_before_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let aside = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    for sequence in 1..=3 {
        put(folder.path(), &[line(sequence, "A")]);
        drop(Store::open(folder.path()).unwrap());
    }
    assert_eq!(aside("results.jsonl.imported"), line(1, "A") + "\n");
    assert_eq!(aside("results.jsonl.imported-2"), line(2, "A") + "\n");
    assert_eq!(aside("results.jsonl.imported-3"), line(3, "A") + "\n");
}
