//! Backups: written while the store is in use, checked, encrypted; and restored, or refused with nothing changed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::common::stored::{at, kept, result, session};
use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use leukoscope::store::records::Role;
use leukoscope::store::{FILE, Store};

const PASSWORD: &str = "correct horse battery";

fn leukoscope(state: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_leukoscope"))
        .args(arguments)
        .env("LEUKOSCOPE_STATION_STATE", state)
        .env("TMPDIR", state)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub(super) fn backup(state: &Path, to: &Path, more: &[&str]) -> Output {
    leukoscope(state, &[&["backup", text(to)], more].concat())
}

pub(super) fn restore(state: &Path, from: &Path, more: &[&str]) -> Output {
    leukoscope(state, &[&["restore", text(from)], more].concat())
}

pub(super) fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The error message of a command, which must end with this exit code.
pub(super) fn refusal(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Results in the store, and the actions in its trail.
fn content(state: &Path) -> (Vec<u64>, Vec<String>) {
    let store = Store::open_to_read(state).unwrap().unwrap();
    let mut actions: Vec<String> = store.audit(None, None, 1000).unwrap().into_iter().map(|line| line.action).collect();
    actions.reverse();
    (store.all().unwrap().iter().map(|result| result.sequence).collect(), actions)
}

fn last_line(state: &Path) -> leukoscope::store::records::AuditEntry {
    Store::open_to_read(state).unwrap().unwrap().audit(None, None, 1).unwrap().remove(0)
}

pub(super) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Every file below a folder with its content.
pub(super) fn everything(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for name in names(folder) {
        let path = folder.join(name);
        if path.is_dir() {
            found.extend(everything(&path));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    found
}

/// A station with a user, three results, cells, and what else is kept beside the store; closed.
pub(super) fn station() -> tempfile::TempDir {
    let state = tempfile::tempdir().unwrap();
    let store = Store::open(state.path()).unwrap();
    store.add_user("rita", Role::Reviewer, PASSWORD, "console", at(0)).unwrap();
    session(&store, "26-004711");
    kept(&store, &result("A-2"));
    let third = session(&store, "A-3");
    store.sign(third, "rita", at(90), "").unwrap();
    drop(store);
    for (name, words) in [
        ("limits.json", "{}"),
        ("profile.json", "{\"chosen\":1}"),
        ("serial.sent", "3 0\n"),
        ("profiles/ours.toml", "learned"),
        ("calibrations/camera-100x.toml", "light"),
        ("web.pem", "a private key"),
        ("models/installed/model.toml", "networks"),
        (".bash_history", "of the service's user"),
    ] {
        let path = state.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, words).unwrap();
    }
    state
}

#[test]
fn a_backup_made_while_the_store_is_in_use_brings_everything_back_and_the_trail_says_what_it_lost() {
    let (state, stick) = (station(), tempfile::tempdir().unwrap());
    let file = stick.path().join("monday.tar");
    let daemon = Store::open(state.path()).unwrap();
    let told = said(&backup(state.path(), &file, &[]));
    assert!(told.contains("whole, up to result 3 and line 8 of the trail"), "{told}");
    assert_eq!(names(stick.path()), ["monday.tar"]);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let sum = Command::new("sha256sum").arg(&file).output().unwrap();
    assert!(told.contains(&said(&sum)[..64]), "{told}");
    let noted = last_line(state.path());
    assert_eq!((noted.action.as_str(), noted.by.as_str()), ("backup", "console"));
    assert!(told.contains(noted.detail["sha256"].as_str().unwrap()));

    // What happens after it: two results, another user, other limits, a profile, and the host gets the results.
    kept(&daemon, &result("B-4"));
    kept(&daemon, &result("B-5"));
    daemon.add_user("eve", Role::Admin, PASSWORD, "console", at(100)).unwrap();
    fs::write(state.path().join("limits.json"), "{\"later\":1}").unwrap();
    fs::write(state.path().join("profiles/later.toml"), "later").unwrap();
    fs::write(state.path().join("serial.sent"), "5 0\n").unwrap();
    let in_use = refusal(&restore(state.path(), &file, &[]), 2);
    assert!(in_use.contains("is in use") && in_use.contains("systemctl stop leukoscope"), "{in_use}");
    drop(daemon);
    assert_eq!(content(state.path()).0, [1, 2, 3, 4, 5]);

    let told = said(&restore(state.path(), &file, &[]));
    assert!(told.contains("up to result 3 and line 8 of its trail"), "{told}");
    assert!(told.contains("2 results and 6 lines of the trail"), "{told}");
    let (results, actions) = content(state.path());
    assert_eq!(results, [1, 2, 3]);
    assert_eq!(actions.last().unwrap(), "restore");
    let line = last_line(state.path());
    assert_eq!((line.number, line.by.as_str()), (9, "console"));
    assert_eq!(line.detail["backup"]["line"], 8);
    assert_eq!(line.detail["backup"]["file"], "monday.tar");
    assert_eq!(line.detail["lost"], serde_json::json!({"lines": 6, "results": 2}));
    let read = |name: &str| fs::read_to_string(state.path().join(name)).unwrap();
    assert_eq!(read("limits.json"), "{}");
    assert_eq!(read("profiles/ours.toml"), "learned");
    assert_eq!(read("calibrations/camera-100x.toml"), "light");
    assert_eq!(read("serial.sent"), "5 0\n", "the host has five results, whatever the store has");
    assert_eq!(read("web.pem"), "a private key", "the key is in no backup and stays");
    assert_eq!(read("models/installed/model.toml"), "networks");
    assert!(!state.path().join("profiles/later.toml").exists());

    // The trail is whole, and says that it was restored.
    let verified = said(&leukoscope(state.path(), &["audit", "verify"]));
    assert!(verified.starts_with("whole: 9 lines"), "{verified}");
    assert!(verified.contains("line 9 says that console restored the store from a backup of"), "{verified}");
    assert!(verified.contains("6 lines and 2 results (numbers 4 to 5)"), "{verified}");
    // Numbers that were given are given to no other result.
    let store = Store::open(state.path()).unwrap();
    assert_eq!(kept(&store, &result("C")), 6);
    assert!(store.user("eve").unwrap().is_none() && store.user("rita").unwrap().is_some());
    drop(store);

    // The store before is beside it, whole.
    let former = fs::read_dir(state.path()).unwrap().map(|entry| entry.unwrap().path());
    let former: Vec<PathBuf> = former.filter(|path| text(path).contains("before-restore-")).collect();
    assert_eq!(former.len(), 1, "{former:?}");
    assert_eq!(line.detail["former"], former[0].file_name().unwrap().to_str().unwrap());
    assert_eq!(content(&former[0]).0, [1, 2, 3, 4, 5]);
    assert!(said(&leukoscope(&former[0], &["audit", "verify"])).starts_with("whole: 14 lines"));
    assert!(former[0].join("profiles/later.toml").exists());
    // And put back by hand it does not hide that another was there since.
    for (name, words) in
        ["leukoscope.sqlite", "leukoscope.sqlite-wal"].map(|name| (name, fs::read(former[0].join(name))))
    {
        match words {
            Ok(words) => fs::write(state.path().join(name), words).unwrap(),
            Err(_) => drop(fs::remove_file(state.path().join(name))),
        }
    }
    drop(fs::remove_file(state.path().join("leukoscope.sqlite-shm")));
    assert!(refusal(&leukoscope(state.path(), &["audit", "verify"]), 1).contains("are others now"));
}

#[test]
fn where_nothing_was_counted_since_only_the_line_that_notes_the_backup_or_the_restore_before_is_lost() {
    let (state, stick) = (station(), tempfile::tempdir().unwrap());
    let file = stick.path().join("b.tar");
    said(&backup(state.path(), &file, &[]));
    for round in 0..2 {
        said(&restore(state.path(), &file, &[]));
        let verified = said(&leukoscope(state.path(), &["audit", "verify"]));
        // The line that noted the backup, or the restore before, is not in it.
        assert!(verified.starts_with("whole: 9 lines"), "{round} {verified}");
        assert!(verified.contains("1 line and 0 results of the time after it"), "{verified}");
    }
    let kept_aside = names(state.path()).iter().filter(|name| name.starts_with("before-restore-")).count();
    assert_eq!(kept_aside, 2, "{:?}", names(state.path()));
}

#[test]
fn on_a_new_card_the_store_numbers_its_results_as_one_of_its_own() {
    let (state, stick, card) = (station(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = stick.path().join("b.tar");
    said(&backup(state.path(), &file, &[]));
    let folder = card.path().join("leukoscope");
    said(&restore(&folder, &file, &[]));
    assert_eq!(fs::read_to_string(folder.join("serial.sent")).unwrap(), "3 0\n");
    assert!(!folder.join("web.pem").exists() && !folder.join(".bash_history").exists());
    assert!(names(&folder).iter().all(|name| !name.starts_with("before-restore-")), "{:?}", names(&folder));
    let verified = said(&leukoscope(&folder, &["audit", "verify"]));
    assert!(verified.contains("it was not known what had been kept after it"), "{verified}");
    let store = Store::open(&folder).unwrap();
    assert_eq!(kept(&store, &result("C")), 4);
    let store_of = |number| store.find(number).unwrap().unwrap().store.unwrap();
    assert_ne!(store_of(4), store_of(3), "the old card may still count somewhere");
    assert_eq!(store.check_password("rita", PASSWORD).unwrap().unwrap().role, Role::Reviewer);
}

#[test]
fn an_encrypted_backup_shows_nothing_and_opens_with_its_key_alone() {
    let (state, stick) = (station(), tempfile::tempdir().unwrap());
    let (ours, other) = (Identity::generate(), Identity::generate());
    let key = |name: &str, identity: &Identity| {
        let path = stick.path().join(name);
        let words = format!(
            "# created: today\n# public key: {}\n{}\n",
            identity.to_public(),
            identity.to_string().expose_secret()
        );
        fs::write(&path, words).unwrap();
        path
    };
    let (right, wrong) = (key("key.txt", &ours), key("other.txt", &other));
    let file = stick.path().join("b.tar.age");
    let both = ["--recipient", &other.to_public().to_string(), "--recipient", &ours.to_public().to_string()];
    assert!(said(&backup(state.path(), &file, &both[2..])).contains("encrypted, whole"));
    let bytes = fs::read(&file).unwrap();
    assert!(bytes.starts_with(b"age-encryption.org/v1"));
    // No word is so short that random bytes hold it now and then.
    for word in [&b"SQLite format 3"[..], b"26-004711", b"backup.json"] {
        assert!(!bytes.windows(word.len()).any(|window| window == word));
    }
    let before = everything(state.path());
    assert!(refusal(&restore(state.path(), &file, &[]), 2).contains("--identity FILE"));
    let other_key = refusal(&restore(state.path(), &file, &["--identity", text(&wrong)]), 2);
    assert!(other_key.contains("encrypted to another key"), "{other_key}");
    assert!(refusal(&restore(state.path(), &file, &["--identity", text(&file)]), 2).contains("--identity"));
    // Changed or cut short anywhere, it is refused.
    for (at, cut) in [(bytes.len() / 2, false), (bytes.len() - 1, false), (bytes.len() - 20, true), (300, true)] {
        let mut bytes = bytes.clone();
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] ^= 1;
        }
        let damaged = stick.path().join("damaged");
        fs::write(&damaged, bytes).unwrap();
        let words = refusal(&restore(state.path(), &damaged, &["--identity", text(&right)]), 1);
        assert!(words.contains("is no whole backup"), "{words}");
    }
    assert!(everything(state.path()) == before, "a refusal changed something");
    said(&restore(state.path(), &file, &["--identity", text(&right)]));
    // To two keys: either opens it.
    said(&backup(state.path(), &file, &both));
    for key in [&right, &wrong] {
        said(&restore(state.path(), &file, &["--identity", text(key)]));
    }
    // A secret key on the command line is refused without being shown.
    let secret = ours.to_string().expose_secret().to_owned();
    let words = refusal(&backup(state.path(), &file, &["--recipient", &secret]), 2);
    assert!(words.contains("secret key") && !words.contains(&secret), "{words}");
    assert!(refusal(&backup(state.path(), &file, &["--recipient", "age1wrong"]), 2).contains("age-keygen"));
}

#[test]
fn a_restore_that_is_killed_at_any_moment_leaves_the_old_store_or_the_new_one() {
    let (state, stick) = (station(), tempfile::tempdir().unwrap());
    let file = stick.path().join("b.tar");
    said(&backup(state.path(), &file, &[]));
    let store = Store::open(state.path()).unwrap();
    while store.last() < 5 {
        kept(&store, &result("B"));
    }
    drop(store);
    let (other, begun) = (tempfile::tempdir().unwrap(), Instant::now());
    said(&restore(other.path(), &file, &[]));
    let longest = u64::try_from(begun.elapsed().as_micros()).unwrap() * 5 / 4;
    let mut chance = fastrand::Rng::with_seed(9);
    let mut restored = 0;
    for round in 0..40 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_leukoscope"))
            .args(["restore", text(&file)])
            .env("LEUKOSCOPE_STATION_STATE", state.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // At any moment, or in the midst of the exchange: when the new store is ready, when the old one has moved, when the
        // new one moves.
        let (begun, moment) = (Instant::now(), Duration::from_micros(chance.u64(0..longest)));
        let is_there = |start: &str| names(state.path()).iter().any(|name| name.starts_with(start));
        while child.try_wait().unwrap().is_none() {
            let now = match round % 4 {
                0 => begun.elapsed() > moment,
                1 => is_there("restore-ready-"),
                2 => !state.path().join(FILE).exists(),
                _ => is_there("restore-placing-"),
            };
            if now {
                child.kill().unwrap();
            }
        }
        let store = Store::open(state.path()).unwrap();
        let results = store.all().unwrap().len();
        assert!(matches!(store.verify_audit().unwrap(), leukoscope::store::AuditVerdict::Whole { .. }), "{round}");
        assert!(state.path().join("profiles/ours.toml").exists(), "{round}: {:?}", names(state.path()));
        match results {
            3 => restored += 1,
            5 => {}
            other => panic!("{round}: {other} results"),
        }
        while store.all().unwrap().len() < 5 {
            kept(&store, &result("B"));
        }
    }
    assert!(restored > 0 && restored < 40, "{restored} of 40 restores were complete, or ready, when they were killed");
    said(&restore(state.path(), &file, &[]));
    let cut_off = |name: &&String| name.starts_with(".leukoscope-") || name.starts_with("restore-");
    assert_eq!(names(state.path()).iter().filter(cut_off).count(), 0, "{:?}", names(state.path()));
}

#[test]
fn the_unit_of_the_nightly_backup_calls_the_program_as_it_wants_to_be_called() {
    let unit =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/leukoscope-backup.service")).unwrap();
    let line = |start: &str| unit.lines().find_map(|line| line.strip_prefix(start)).unwrap();
    let (folder, options) = line("Environment=BACKUP_FOLDER=").split_once(" \"BACKUP_OPTIONS=").unwrap();
    let options = options.trim_end_matches('"');
    let (state, stick) = (station(), tempfile::tempdir().unwrap());
    let config = stick.path().join("leukoscope.toml");
    fs::write(&config, "").unwrap();
    assert_eq!(folder, "/var/lib/leukoscope-backups");
    assert!(
        line("StateDirectory=").split(' ').eq(["leukoscope", "leukoscope-backups"]),
        "the folder is made, and writable"
    );
    let called = line("ExecStart=/usr/bin/leukoscope ")
        .replace("/etc/leukoscope/leukoscope.toml", text(&config))
        .replace("$BACKUP_OPTIONS", options)
        .replace("${BACKUP_FOLDER}", text(stick.path()));
    let arguments: Vec<&str> = called.split(' ').collect();
    assert!(said(&leukoscope(state.path(), &arguments)).contains("whole, up to result 3"), "{called}");
}
