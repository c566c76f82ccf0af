//! Readers such as `head` that exit before the program has printed everything.

use std::process::{Command, Output};

/// Runs the program with its standard output closed at the reading end.
fn unread(arguments: &[&str]) -> Output {
    let state = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    Command::new(env!("CARGO_BIN_EXE_leukoscope"))
        .args(arguments)
        .env("LEUKOSCOPE_STATION_STATE", state.path())
        .env("LEUKOSCOPE_WEB_LISTEN", "none")
        .stdout(writer)
        .output()
        .unwrap()
}

#[test]
fn a_command_that_nobody_reads_any_more_ends_well_and_without_a_word() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/leukoscope.toml");
    for arguments in [&["devices"][..], &["devices", "--json"], &["check-config", shipped]] {
        let ended = unread(arguments);
        assert_eq!(ended.status.code(), Some(0), "{arguments:?}: {ended:?}");
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{arguments:?}");
    }
}

#[test]
fn the_daemon_goes_on_without_a_reader() {
    let ended = unread(&["run", "--display", "none", "--serial", "pty", "--for", "0.5"]);
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && !said.contains("panicked"), "{ended:?}");
}
