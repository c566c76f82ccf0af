//! Files that the program is told to write and that are no regular files: they get the bytes and stay what they are.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::common::{models_folder, stored};
use leukoscope::store::Store;
use rustix::fs::OFlags;

fn pipe(folder: &Path) -> PathBuf {
    let path = folder.join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

/// Reads a pipe to its end, on another thread.
fn reader(path: &Path) -> std::thread::JoinHandle<Vec<u8>> {
    let mut file: File =
        File::options().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path).unwrap();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let began = std::time::Instant::now();
        // The pipe gives no bytes until it has a writer, and ends when that closes it.
        while bytes.is_empty() && began.elapsed().as_secs() < 60 {
            std::thread::sleep(std::time::Duration::from_millis(20));
            match file.read_to_end(&mut bytes) {
                Ok(_) => {}
                Err(problem) if problem.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(problem) => panic!("{problem}"),
            }
        }
        bytes
    })
}

fn leukoscope(state: &Path, arguments: &[&str], metrics: Option<&Path>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_leukoscope"))
        .args(arguments)
        .envs(metrics.map(|file| ("LEUKOSCOPE_METRICS_FILE", file)))
        .env("LEUKOSCOPE_MODELS", models_folder())
        .env("LEUKOSCOPE_STATION_STATE", state)
        .env("LEUKOSCOPE_WEB_LISTEN", "none")
        .env("LEUKOSCOPE_METRICS_SECONDS", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn a_report_goes_into_a_pipe_and_through_a_link() {
    let state = tempfile::tempdir().unwrap();
    stored::session(&Store::open(state.path()).unwrap(), "A-1");
    let path = pipe(state.path());
    let link = state.path().join("report.csv");
    symlink("pipe", &link).unwrap();
    let read = reader(&path);
    let ended = leukoscope(state.path(), &["report", "1", "--output", link.to_str().unwrap()], None);
    assert!(ended.status.success(), "{ended:?}");
    assert!(String::from_utf8(read.join().unwrap()).unwrap().contains("A-1"));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::symlink_metadata(&path).unwrap().file_type().is_fifo());
    // And one that nobody reads is said, not waited for.
    let ended = leukoscope(state.path(), &["report", "1", "--output", link.to_str().unwrap()], None);
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("nobody reads this pipe"), "{said}");
}

#[test]
fn metrics_go_into_a_pipe_and_it_stays_one() {
    let state = tempfile::tempdir().unwrap();
    let path = pipe(state.path());
    let read = reader(&path);
    let ended = leukoscope(state.path(), &["run", "--display", "none", "--serial", "none", "--for", "2"], Some(&path));
    assert!(ended.status.success(), "{ended:?}");
    assert!(String::from_utf8(read.join().unwrap()).unwrap().contains("leukoscope_cells"));
    assert!(fs::symlink_metadata(&path).unwrap().file_type().is_fifo());
}
