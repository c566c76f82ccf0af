//! How the daemon ends: with its terminal, on SIGTERM whatever hangs, and what the next start says of one that runs.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use leukoscope::store::{FILE, Store};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Action, tcflow};

/// The program promises 5 s; the rest is for a machine that is busy with other tests.
const IN_TIME: Duration = Duration::from_secs(8);

/// A running daemon; dropping it ends the process.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Daemon {
    fn signal(&self, signal: &str) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits for the end.
    fn ends_in_time(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < IN_TIME, "it is still there");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn complaint(&mut self) -> String {
        let mut said = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        said
    }
}

fn command(program: &str, state: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env("LEUKOSCOPE_MODELS", crate::common::models_folder())
        .env("LEUKOSCOPE_STATION_STATE", state)
        .env("LEUKOSCOPE_WEB_LISTEN", "none")
        .env("LEUKOSCOPE_SESSION_TARGET", "100000")
        .env_remove("NOTIFY_SOCKET");
    command
}

/// Starts the program so that a hangup reaches it, also where the tests run under nohup.
const HEARS_HANGUPS: [&str; 3] = ["env", "--default-signal=HUP", env!("CARGO_BIN_EXE_leukoscope")];

/// A daemon that counts, once it has said on which port its serial lines are.
fn counting(state: &Path, arguments: &[&str]) -> Daemon {
    let mut child = command(HEARS_HANGUPS[0], state)
        .args(&HEARS_HANGUPS[1..])
        .args(["run", "--display", "none", "--serial", "pty"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with("serial on "), "{first}");
    Daemon(child)
}

/// A new terminal: this side, and the program's.
fn terminal() -> (OwnedFd, OwnedFd) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let path = ptsname(&ours, Vec::new()).unwrap();
    let theirs = rustix::fs::open(path.as_c_str(), OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty());
    (ours, theirs.unwrap())
}

/// A daemon whose controlling terminal this is, with its picture on it and its log elsewhere.
fn in_terminal(state: &Path, theirs: &OwnedFd) -> Daemon {
    let child = command("setsid", state)
        .arg("--ctty")
        .args(HEARS_HANGUPS)
        .args(["run", "--display", "terminal", "--serial", "none", "--camera", "simulated"])
        .stdin(theirs.try_clone().unwrap())
        .stdout(theirs.try_clone().unwrap())
        .stderr(Stdio::piped())
        .spawn();
    Daemon(child.unwrap())
}

/// Waits until the store has a session.
fn until_a_session_runs(state: &Path) {
    let began = Instant::now();
    while !Store::open_to_read(state).is_ok_and(|store| store.is_some_and(|store| store.session(1).unwrap().is_some()))
    {
        assert!(began.elapsed() < Duration::from_mins(2), "no session begins");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_hangup_ends_the_count_with_its_result_kept_even_if_it_comes_twice() {
    let state = tempfile::tempdir().unwrap();
    let mut daemon = counting(state.path(), &["--camera", "simulated"]);
    until_a_session_runs(state.path());
    daemon.signal("-HUP");
    daemon.signal("-HUP");
    let status = daemon.ends_in_time();
    assert_eq!(status.code(), Some(0), "{}", daemon.complaint());
    let store = Store::open(state.path()).unwrap();
    assert!(store.session(1).unwrap().unwrap().summary.result.is_some());
}

#[test]
fn nohup_outlives_a_hangup() {
    let state = tempfile::tempdir().unwrap();
    let child = command("nohup", state.path())
        .args([env!("CARGO_BIN_EXE_leukoscope"), "run", "--display", "none", "--serial", "none"])
        .args(["--camera", "simulated"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut daemon = Daemon(child.unwrap());
    until_a_session_runs(state.path());
    daemon.signal("-HUP");
    std::thread::sleep(Duration::from_millis(1500));
    assert!(daemon.0.try_wait().unwrap().is_none(), "it was started to go on");
    daemon.signal("-TERM");
    assert_eq!(daemon.ends_in_time().code(), Some(0), "{}", daemon.complaint());
}

#[test]
fn a_terminal_that_is_gone_takes_the_program_with_it() {
    let state = tempfile::tempdir().unwrap();
    let (ours, theirs) = terminal();
    let mut daemon = in_terminal(state.path(), &theirs);
    drop(theirs);
    until_a_session_runs(state.path());
    // The kernel sends SIGHUP to the session of a terminal whose other side is closed.
    drop(ours);
    let status = daemon.ends_in_time();
    assert_eq!(status.code(), Some(0), "{}", daemon.complaint());
    assert!(Store::open(state.path()).is_ok(), "nobody counts on");
}

#[test]
fn sigterm_ends_the_program_while_its_terminal_takes_nothing() {
    let state = tempfile::tempdir().unwrap();
    let (_ours, theirs) = terminal();
    let mut daemon = in_terminal(state.path(), &theirs);
    until_a_session_runs(state.path());
    // As Ctrl-S does.
    tcflow(&theirs, Action::OOff).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    daemon.signal("-TERM");
    let status = daemon.ends_in_time();
    let complaint = daemon.complaint();
    assert_eq!(status.code(), Some(1), "{complaint}");
    assert!(complaint.contains("still busy: display"), "{complaint}");
    let store = Store::open(state.path()).unwrap();
    assert!(store.session(1).unwrap().unwrap().summary.result.is_some(), "its result is kept all the same");
}

#[test]
fn sigterm_ends_a_camera_program_that_gives_nothing_and_does_not_end() {
    let state = tempfile::tempdir().unwrap();
    // Found again by its odd time.
    let seconds = format!("{}", 700_000 + std::process::id());
    let mut daemon = counting(state.path(), &["--camera", &format!("command:trap '' TERM; sleep {seconds}; true")]);
    let runs = || {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        processes
            .filter_map(|process| fs::read(process.path().join("cmdline")).ok())
            .any(|words| words.starts_with(format!("sleep\0{seconds}\0").as_bytes()))
    };
    let began = Instant::now();
    while !runs() {
        assert!(began.elapsed() < Duration::from_mins(1), "the camera's program does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    daemon.signal("-TERM");
    assert_eq!(daemon.ends_in_time().code(), Some(0));
    let began = Instant::now();
    while runs() {
        assert!(began.elapsed() < Duration::from_secs(2), "the camera's program runs on and holds the camera");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn sigterm_ends_the_program_while_another_one_writes_to_the_store() {
    let state = tempfile::tempdir().unwrap();
    let mut daemon = counting(state.path(), &["--camera", "simulated"]);
    until_a_session_runs(state.path());
    let file = rusqlite::Connection::open(state.path().join(FILE)).unwrap();
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    std::thread::sleep(Duration::from_secs(1));
    daemon.signal("-TERM");
    daemon.ends_in_time();
    file.execute_batch("ROLLBACK").unwrap();
    drop(file);
    let store = Store::open(state.path()).unwrap();
    assert!(store.session(1).unwrap().is_some());
}

#[test]
fn sigterm_ends_the_program_while_a_reload_waits_for_its_file() {
    let state = tempfile::tempdir().unwrap();
    let config = state.path().join("station.toml");
    fs::write(&config, "[session]\ntarget = 100000\n").unwrap();
    let arguments = ["--camera", "simulated", "--reload-on-hangup", "--config", config.to_str().unwrap()];
    let mut daemon = counting(state.path(), &arguments);
    // Before that the program may not listen for signals yet.
    until_a_session_runs(state.path());
    fs::remove_file(&config).unwrap();
    assert!(Command::new("mkfifo").arg(&config).status().unwrap().success());
    daemon.signal("-HUP");
    std::thread::sleep(Duration::from_millis(500));
    assert!(daemon.0.try_wait().unwrap().is_none(), "a reload was asked for");
    daemon.signal("-TERM");
    assert_eq!(daemon.ends_in_time().code(), Some(0), "{}", daemon.complaint());
}

#[test]
fn a_second_start_names_the_process_that_counts() {
    let state = tempfile::tempdir().unwrap();
    let daemon = counting(state.path(), &["--camera", "simulated"]);
    let second = command(env!("CARGO_BIN_EXE_leukoscope"), state.path())
        .args(["run", "--display", "none", "--serial", "none", "--for", "1"])
        .output()
        .unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(2), "{said}");
    assert!(said.contains(&format!("leukoscope (process {})", daemon.0.id())), "{said}");
}
