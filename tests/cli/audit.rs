//! The audit trail and what goes next, on the command line.

use std::fs;

use crate::common::stored::{at, session};
use crate::common::{at_state as leukoscope, succeeded as said};
use leukoscope::store::Store;

#[test]
fn the_trail_is_listed_in_sentences_and_searched() {
    let state = tempfile::tempdir().unwrap();
    let store = Store::open(state.path()).unwrap();
    let id = session(&store, "A-1");
    store.sign(id, "rita", at(90), "").unwrap();
    session(&store, "B-2");
    let list = |more: &[&str]| said(&leukoscope(state.path(), &[&["audit", "list"], more].concat()));
    let all = list(&[]);
    assert_eq!(all.lines().count(), 5, "{all}");
    assert!(
        all.lines().next().unwrap().ends_with("device  begin  session 1  The station began to count sample A-1."),
        "{all}"
    );
    assert_eq!(list(&["--sample", "b-2"]).lines().count(), 2);
    assert!(list(&["--person", "rita", "--language", "es"]).contains("rita firmó el resultado de 4 células"));
    assert_eq!(list(&["--action", "sign", "--from", "2026-09-20", "--to", "2026-09-22"]).lines().count(), 1);
    assert_eq!(list(&["--to", "2026-09-19"]), "");
    let wrong = leukoscope(state.path(), &["audit", "list", "--language", "xx"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("choose one of en, es, fr"), "{wrong:?}");
}

#[test]
fn the_trail_is_exported_to_a_new_file_and_that_is_a_line() {
    let state = tempfile::tempdir().unwrap();
    let store = Store::open(state.path()).unwrap();
    session(&store, "0017");
    let to = tempfile::tempdir().unwrap();
    let file = |name: &str| to.path().join(name).display().to_string();
    let export = |name: &str| leukoscope(state.path(), &["audit", "export", &file(name)]);
    assert!(said(&export("trail.csv")).starts_with("2 lines in "));
    let text = fs::read_to_string(file("trail.csv")).unwrap();
    assert!(text.contains(",begin,1,'0017,The station began to count sample 0017."), "{text}");
    assert!(said(&export("trail.jsonl")).starts_with("3 lines in "));
    assert_eq!(fs::read_to_string(file("trail.jsonl")).unwrap().lines().count(), 3);
    assert_eq!(store.audit(None, None, 1).unwrap()[0].action, "export");
    let again = export("trail.csv");
    assert_eq!(again.status.code(), Some(1), "no file is overwritten");
    assert!(String::from_utf8_lossy(&again.stderr).contains("choose a new file"), "{again:?}");
    assert_eq!(export("trail.txt").status.code(), Some(2));
    assert!(said(&leukoscope(state.path(), &["audit", "verify"])).starts_with("whole: 4 lines"));
}

#[test]
fn what_goes_next_is_told_before_it_goes() {
    let state = tempfile::tempdir().unwrap();
    assert_eq!(said(&leukoscope(state.path(), &["store"])), "nothing is kept yet\n");
    session(&Store::open(state.path()).unwrap(), "A-1");
    let told = said(&leukoscope(state.path(), &["store"]));
    assert!(told.contains("1 of 2000 MB in use"), "{told}");
    assert!(told.contains("within the limits: nothing goes for its size before the store reaches 2000 MB"), "{told}");
    assert!(told.contains("the pictures of 1 session begun 2026-09-21 "), "{told}");
    assert!(told.contains("by size, 1: the pictures of 1 session"), "{told}");
    let told: serde_json::Value = serde_json::from_str(&said(&leukoscope(state.path(), &["store", "--json"]))).unwrap();
    assert_eq!(told["by_age"][0]["what"], "pictures");
}
