//! What the daemon refuses at start, how it leaves the terminal then, and which settings it stores.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use leukoscope::store::Store;
use leukoscope::vision::box_margin::box_of_cell;
use leukoscope::vision::models::Models;
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// The daemon in this folder, running only briefly.
fn daemon(state: &Path, arguments: &[&str]) -> Command {
    set_up(Command::new(env!("CARGO_BIN_EXE_leukoscope")), state, arguments)
}

fn set_up(mut command: Command, state: &Path, arguments: &[&str]) -> Command {
    command
        .args(["run", "--serial", "none", "--for", "0.1"])
        .args(arguments)
        .env("LEUKOSCOPE_MODELS", crate::common::models_folder())
        .env("LEUKOSCOPE_STATION_STATE", state)
        .env("LEUKOSCOPE_WEB_LISTEN", "none")
        .stdin(Stdio::null());
    command
}

/// Its error message, which must be a refusal of its input.
fn refusal(Output { status, stderr, .. }: Output) -> String {
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(2), "{said}");
    said
}

#[test]
fn a_sample_id_of_the_command_line_obeys_the_rule_of_all_others() {
    let state = tempfile::tempdir().unwrap();
    for id in ["", " ", "A\u{7}1", "A-\u{200b}17", "\u{202e}A-17", &"x".repeat(65)] {
        let said = refusal(daemon(state.path(), &["--display", "none", "--sample", id]).output().unwrap());
        assert!(said.contains("--sample: a sample id has 1 to 64 characters"), "{said}");
    }
    let patterned = |pattern: &str, id: &str| {
        let mut daemon = daemon(state.path(), &["--display", "none", "--sample", id]);
        refusal(daemon.env("LEUKOSCOPE_SAMPLE_PATTERN", pattern).output().unwrap())
    };
    let said = patterned("[A-Z]-[0-9]+", "Maria Lopez 1961-03-05");
    assert!(said.contains("--sample: the sample id does not have the form") && said.contains("[A-Z]-[0-9]+"), "{said}");
    let said = patterned("[A-Z", "A-17");
    assert!(said.contains("is no regular expression"), "{said}");
}

#[test]
fn wrong_limits_of_the_page_are_named_with_their_file_and_what_to_do() {
    let state = tempfile::tempdir().unwrap();
    let file = state.path().join("limits.json");
    let flags = serde_json::to_value(leukoscope::config::Flags::default()).unwrap();
    std::fs::write(&file, serde_json::json!({"target": 0, "flags": flags}).to_string()).unwrap();
    let said = refusal(daemon(state.path(), &["--display", "none"]).output().unwrap());
    for words in [file.to_str().unwrap(), "target = 0 is outside", "delete it"] {
        assert!(said.contains(words), "{words} in {said}");
    }
}

#[test]
fn a_taken_port_of_the_page_leaves_the_terminal_its_echo() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let state = tempfile::tempdir().unwrap();
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let path = ptsname(&terminal, Vec::new()).unwrap();
    let ours = rustix::fs::open(path.as_c_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    // Keys are read only from the controlling terminal, whose settings are lost with the shell that owns it.
    let mut shell = Command::new("setsid");
    let script = r#""$0" "$@"; code=$?; stty -a >&2; exit $code"#;
    shell.args(["--ctty", "sh", "-c", script, env!("CARGO_BIN_EXE_leukoscope")]);
    let shell = set_up(shell, state.path(), &["--display", "terminal"])
        .env("LEUKOSCOPE_WEB_LISTEN", &address)
        .stdin(ours.try_clone().unwrap())
        .stdout(ours)
        .output();
    let said = refusal(shell.unwrap());
    assert!(said.contains(&address), "{said}");
    assert!(said.split_whitespace().any(|word| word == "echo"), "{said}");
}

#[test]
fn a_session_keeps_the_scale_of_its_pictures_and_the_limit_for_unknown() {
    let state = tempfile::tempdir().unwrap();
    let arguments = ["--display", "none", "--camera", "simulated", "--sample", " A-1 "];
    assert!(daemon(state.path(), &arguments).output().unwrap().status.success());
    let store = Store::open(state.path()).unwrap();
    let session = store.session(1).unwrap().unwrap();
    let settings = session.settings.unwrap();
    let classifier = Models::read(&crate::common::models_folder()).unwrap().card.classifier;
    assert_eq!(session.summary.sample, "A-1");
    assert!((settings.um_per_px.unwrap() - box_of_cell(classifier.um_per_px)).abs() < 1e-9);
    assert_eq!(settings.unknown_below, Some(classifier.unknown_below));
}
