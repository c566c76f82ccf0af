//! `worklist`, and the sample id of `run`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::common::{complained, said};

fn leukoscope(state: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_leukoscope"))
        .args(arguments)
        .env("LEUKOSCOPE_STATION_STATE", state)
        .env("LEUKOSCOPE_SAMPLE_REFUSE_NAMES", "true")
        .env("LEUKOSCOPE_SAMPLE_PATTERN", "[A-Z]-[0-9]+")
        .env("LEUKOSCOPE_MODELS", crate::common::models_folder())
        .env("LEUKOSCOPE_WEB_LISTEN", "none")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn the_good_lines_of_a_table_are_taken_once_somebody_agrees_and_the_bad_ones_are_named() {
    let state = tempfile::tempdir().unwrap();
    let table = state.path().join("list.csv");
    fs::write(&table, "sample,order,urgent\nA-1,17,\nMaria Lopez,18,\nA-2,19,stat\n").unwrap();
    let table = table.to_str().unwrap();
    let asked = leukoscope(state.path(), &["worklist", "import", table]);
    assert_eq!(asked.status.code(), Some(2), "there is nobody to ask");
    assert!(complained(&asked).contains("--yes"), "{}", complained(&asked));
    assert_eq!(said(&leukoscope(state.path(), &["worklist", "list"])), "");
    let done = leukoscope(state.path(), &["worklist", "import", table, "--yes"]);
    assert!(done.status.success(), "{done:?}");
    assert_eq!(said(&done), "2 taken, 2 of them new on the worklist; 1 lines not taken\n");
    assert!(
        complained(&done).contains("line 3: Maria Lopez 18 : the sample id looks like a person's name"),
        "{}",
        complained(&done)
    );
    let listed = said(&leukoscope(state.path(), &["worklist", "list"]));
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines[0].ends_with("A-2  console  urgent") && lines[1].ends_with("A-1  console"), "{listed}");
}

#[test]
fn a_table_without_a_line_to_take_is_refused() {
    let state = tempfile::tempdir().unwrap();
    let table = state.path().join("list.csv");
    for (text, part) in [("", "no sample in it"), ("a,b\n", "2 columns"), ("Lopez\n", "no line can be taken")] {
        fs::write(&table, text).unwrap();
        let refused = leukoscope(state.path(), &["worklist", "import", table.to_str().unwrap(), "--yes"]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(complained(&refused).contains(part), "{}", complained(&refused));
    }
}

#[test]
fn the_sample_of_run_is_held_to_the_rules_too() {
    let state = tempfile::tempdir().unwrap();
    let refused =
        leukoscope(state.path(), &["run", "--display", "none", "--serial", "none", "--sample", "Maria Lopez"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        complained(&refused).contains("--sample: the sample id looks like a person's name"),
        "{}",
        complained(&refused)
    );
}
