//! Readers such as `head` that exit before the program has printed everything, and outputs that take nothing.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::common::{models_folder, stored};
use image::{Rgb, RgbImage};
use leukoscope::store::Store;

/// A command line and what is typed into it.
type Typed<'a> = (&'a [&'a str], &'a str);

/// Runs the program with this standard output.
fn run(arguments: &[&str], typed: &str, state: &Path, output: impl Into<Stdio>) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_leukoscope"))
        .args(arguments)
        .env("LEUKOSCOPE_MODELS", models_folder())
        .env("LEUKOSCOPE_STATION_STATE", state)
        .env("LEUKOSCOPE_WEB_LISTEN", "none")
        .stdin(Stdio::piped())
        .stdout(output)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads no input may have exited already.
    let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
    child.wait_with_output().unwrap()
}

/// A pipe whose reading end is closed.
fn unread() -> std::io::PipeWriter {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer
}

#[test]
fn a_command_that_nobody_reads_any_more_ends_well_and_without_a_word() {
    let state = tempfile::tempdir().unwrap();
    let store = Store::open(state.path()).unwrap();
    stored::session(&store, "A-1");
    drop(store);
    let pictures = tempfile::tempdir().unwrap();
    RgbImage::from_pixel(160, 120, Rgb([220, 200, 210])).save(pictures.path().join("empty.png")).unwrap();
    let pictures = pictures.path().to_str().unwrap();
    let there = |name: &str| state.path().join(name).to_str().unwrap().to_owned();
    let (report, export) = (there("r.csv"), there("export"));
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/leukoscope.toml");
    let commands: &[Typed<'_>] = &[
        (&["devices"], ""),
        (&["devices", "--json"], ""),
        (&["check-config", shipped], ""),
        (&["sessions"], ""),
        (&["sessions", "--json"], ""),
        (&["user", "add", "ada", "--role", "admin"], "correct horse battery\n"),
        (&["user", "set", "ada", "--role", "reviewer"], ""),
        (&["user", "list"], ""),
        (&["token", "list"], ""),
        (&["audit", "list"], ""),
        (&["audit", "list", "--json"], ""),
        (&["audit", "verify"], ""),
        (&["clock", "--confirm"], ""),
        (&["clock"], ""),
        (&["report", "1", "--output", &report], ""),
        (&["export", &export], ""),
        (&["analyze", pictures], ""),
        (&["classify", "--json", pictures], ""),
        (&["count", "--no-gate", pictures], ""),
        (&["count", "--json", pictures], ""),
        (&["--help"], ""),
    ];
    for (arguments, typed) in commands {
        let ended = run(arguments, typed, state.path(), unread());
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(0), "{arguments:?}: {ended:?}");
        assert!(!said.contains("panicked") && !said.contains("output"), "{arguments:?}: {said}");
    }
    let token = run(&["token", "add", "host", "--role", "operator"], "", state.path(), unread());
    assert_eq!(token.status.code(), Some(0), "{token:?}");
}

#[test]
fn a_command_whose_output_cannot_be_written_says_so_and_does_not_panic() {
    let state = tempfile::tempdir().unwrap();
    for arguments in [&["devices"][..], &["sessions"], &["--version"]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let ended = run(arguments, "", state.path(), full);
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        if arguments != ["--version"] {
            assert_eq!(ended.status.code(), Some(1), "{arguments:?}: {said}");
            assert!(said.contains("standard output: No space left"), "{arguments:?}: {said}");
        }
    }
}

#[test]
fn a_failure_that_nobody_reads_is_still_a_failure() {
    let state = tempfile::tempdir().unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_leukoscope"))
        .args(["check-config", "/nowhere/at/all.toml"])
        .env("LEUKOSCOPE_STATION_STATE", state.path())
        .stderr(unread())
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
}

#[test]
fn the_daemon_goes_on_without_a_reader() {
    let state = tempfile::tempdir().unwrap();
    let arguments = ["run", "--display", "none", "--serial", "pty", "--for", "0.5"];
    let ended = run(&arguments, "", state.path(), unread());
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && !said.contains("panicked"), "{ended:?}");
}
