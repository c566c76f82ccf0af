//! Users, tokens and the audit trail on the command line, while a daemon has the store open.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::common::stored::{at, kept, result};
use leukoscope::store::Store;
use leukoscope::store::records::Role;

const PASSWORD: &str = "correct horse battery";

fn leukoscope(state: &Path, arguments: &[&str], typed: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_leukoscope"))
        .args(arguments)
        .env("LEUKOSCOPE_STATION_STATE", state)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads no input may have exited already.
    let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
    child.wait_with_output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The error message of a command, which must end with this exit code.
fn refusal(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn the_first_user_is_made_before_the_station_ever_ran() {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().join("new");
    said(&leukoscope(&folder, &["user", "add", "ada", "--role", "admin"], &format!("{PASSWORD}\n")));
    assert_eq!(said(&leukoscope(&folder, &["user", "list"], "")), "ada  admin\n");
    let store = Store::open(&folder).unwrap();
    assert_eq!(store.check_password("ada", PASSWORD).unwrap().unwrap().role, Role::Admin);
    assert!(store.check_password("ada", "correct horse batteri").unwrap().is_none());
}

#[test]
fn users_and_tokens_change_while_a_daemon_holds_the_store() {
    let state = tempfile::tempdir().unwrap();
    let daemon = Store::open(state.path()).unwrap();
    let folder = state.path();
    said(&leukoscope(folder, &["user", "add", "rita", "--role", "reviewer"], &format!("{PASSWORD}\r\n")));
    assert_eq!(daemon.user("rita").unwrap().unwrap().role, Role::Reviewer);
    kept(&daemon, &result("A-1"));
    said(&leukoscope(folder, &["user", "set", "rita", "--disable", "--role", "operator"], ""));
    assert!(daemon.check_password("rita", PASSWORD).unwrap().is_none());
    said(&leukoscope(folder, &["user", "set", "rita", "--enable", "--password"], "another good long one\n"));
    assert!(daemon.check_password("rita", "another good long one").unwrap().is_some());
    assert_eq!(said(&leukoscope(folder, &["user", "list"], "")), "rita  operator\n");

    let secret = said(&leukoscope(folder, &["token", "add", "lis", "--role", "operator"], ""));
    assert_eq!(daemon.token(secret.trim()).unwrap().unwrap().name, "lis");
    assert_eq!(said(&leukoscope(folder, &["token", "list"], "")), "lis  operator\n");
    said(&leukoscope(folder, &["token", "remove", "lis"], ""));
    assert!(daemon.token(secret.trim()).unwrap().is_none());

    let whole = said(&leukoscope(folder, &["audit", "verify"], ""));
    assert!(whole.starts_with("whole: 7 lines"), "{whole}");
    let lines = said(&leukoscope(folder, &["audit", "list", "--json"], ""));
    let actions: Vec<String> = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["action"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(actions, ["add user", "begin", "result", "change user", "change user", "add token", "remove token"]);
    let of_one = said(&leukoscope(folder, &["audit", "list", "--session", "1"], ""));
    assert_eq!(of_one.lines().count(), 2, "{of_one}");
}

#[test]
fn what_cannot_be_is_refused_in_a_sentence_and_changes_nothing() {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path();
    let add = |name: &str, role: &str, typed: &str| leukoscope(folder, &["user", "add", name, "--role", role], typed);
    assert!(refusal(&add("ada", "admin", "short\n"), 2).contains("at least 12 characters"));
    assert!(refusal(&add("ada", "admin", ""), 2).contains("at least 12 characters"));
    assert!(refusal(&add("ada", "chief", PASSWORD), 2).contains("write operator, reviewer or admin"));
    assert!(refusal(&add("a da", "admin", PASSWORD), 2).contains("1 to 32 letters"));
    assert!(refusal(&add("console", "admin", PASSWORD), 2).contains("is not `device` or `console`"));
    said(&add("ada", "admin", PASSWORD));
    assert!(refusal(&add("ada", "operator", PASSWORD), 2).contains("there is a user ada already"));
    let of = |arguments: &[&str]| leukoscope(folder, arguments, PASSWORD);
    assert!(refusal(&of(&["user", "set", "ada"]), 2).contains("say what to change"));
    assert!(refusal(&of(&["user", "set", "eve", "--disable"]), 2).contains("there is no user eve"));
    assert!(refusal(&of(&["token", "remove", "lis"]), 2).contains("there is no token lis"));
    assert_eq!(said(&of(&["user", "list"])), "ada  admin\n");
}

#[test]
fn a_changed_line_and_a_replaced_trail_are_found() {
    let state = tempfile::tempdir().unwrap();
    let store = Store::open(state.path()).unwrap();
    kept(&store, &result("A-1"));
    store.sign(1, "rita", at(90), "").unwrap();
    let path = store.path().to_owned();
    drop(store);
    let verify = |more: &[&str]| leukoscope(state.path(), &[&["audit", "verify"], more].concat(), "");
    let whole = said(&verify(&[]));
    let hash = whole.trim().rsplit(' ').next().unwrap().to_owned();
    said(&verify(&["--known", &hash]));
    assert!(refusal(&verify(&["--known", "00"]), 1).contains("the trail was replaced"));

    let file = rusqlite::Connection::open(path).unwrap();
    let signed: String = file.query_row("SELECT snapshot FROM signature", [], |row| row.get(0)).unwrap();
    let change = |snapshot: &str| {
        file.execute_batch("DROP TRIGGER IF EXISTS signature_stays").unwrap();
        file.execute("UPDATE signature SET snapshot = ?1", [snapshot]).unwrap();
    };
    change(&signed.replace("\"counted\":4", "\"counted\":5"));
    assert!(refusal(&verify(&[]), 1).contains("session 1, sample A-1: the signature is not what was signed"));
    change(&signed);
    assert!(refusal(&verify(&[]), 1).contains("the guard signature_stays was taken out of the file"));
    file.execute_batch("DROP TRIGGER audit_stays; UPDATE audit SET person = 'eve' WHERE number = 2").unwrap();
    assert!(refusal(&verify(&[]), 1).contains("line 2: the line, or the one before it, was changed"));
}
