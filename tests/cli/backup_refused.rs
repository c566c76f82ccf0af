//! Where a backup cannot be made, and what is no backup that can be restored.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::backup::{backup, everything, names, refusal, restore, said, station};
use leukoscope::store::FILE;
use proptest::prelude::*;

#[test]
fn what_cannot_take_a_backup_is_refused_in_a_sentence_and_nothing_is_left_behind() {
    let (state, stick) = (station(), tempfile::tempdir().unwrap());
    let pipe = stick.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let plain = stick.path().join("notes.txt");
    fs::write(&plain, "shopping").unwrap();
    let before = names(state.path());
    for (to, more, words) in [
        (PathBuf::from("/dev/full"), vec![], "this is a device"),
        (pipe.clone(), vec![], "this is a pipe or socket"),
        (stick.path().join("gone/b.tar"), vec![], "is the disk plugged in and mounted?"),
        (stick.path().join("gone/"), vec![], "is the disk plugged in and mounted?"),
        (stick.path().join("gone"), vec!["--keep", "3"], "is the disk plugged in and mounted?"),
        (plain.clone(), vec!["--keep", "3"], "--keep needs a folder"),
        (plain.join("b.tar"), vec![], "Not a directory"),
        (state.path().join("b.tar"), vec![], "belongs on another disk"),
        (state.path().join(FILE), vec![], "belongs on another disk"),
        (state.path().join("profiles"), vec![], "belongs on another disk"),
        (stick.path().to_owned(), vec!["--keep", "0"], "--keep"),
    ] {
        let said = refusal(&backup(state.path(), &to, &more), 2);
        assert!(said.contains(words), "{}: {said}", to.display());
    }
    let from_pipe = refusal(&restore(state.path(), &pipe, &[]), 2);
    assert!(from_pipe.contains("a device or a pipe"), "{from_pipe}");
    assert!(refusal(&restore(state.path(), stick.path(), &[]), 2).contains("name one of the backups in it"));
    assert!(refusal(&restore(state.path(), &stick.path().join("gone"), &[]), 2).contains("there is no such file"));
    assert_eq!((names(state.path()), names(stick.path())), (before, vec!["notes.txt".to_owned(), "pipe".to_owned()]));
    assert_eq!(fs::read_to_string(plain).unwrap(), "shopping");
    let empty = tempfile::tempdir().unwrap();
    assert!(refusal(&backup(empty.path(), &stick.path().join("b.tar"), &[]), 1).contains("nothing is kept"));
    assert_eq!(names(empty.path()), [""; 0]);
}

#[test]
fn a_full_stick_keeps_the_backup_before() {
    let (state, stick) = (station(), tempfile::tempdir().unwrap());
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(stick.path()).output();
    if !mounted.is_ok_and(|mounted| mounted.status.success()) {
        eprintln!("NOT TESTED on a full stick: mounting one needs root");
        return;
    }
    let done = std::panic::catch_unwind(|| {
        let file = stick.path().join("b.tar");
        fs::write(&file, "the backup of yesterday").unwrap();
        let words = refusal(&backup(state.path(), &file, &[]), 1);
        assert!(words.contains("the disk is full: free some space, or take another"), "{words}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "the backup of yesterday");
        let words = refusal(&backup(state.path(), stick.path(), &["--keep", "1"]), 1);
        assert!(words.contains("the disk is full"), "{words}");
        assert_eq!(names(stick.path()), ["b.tar"]);
        let remounted = Command::new("mount").args(["-o", "remount,ro"]).arg(stick.path()).status().unwrap();
        assert!(remounted.success());
        let words = refusal(&backup(state.path(), &file, &[]), 1);
        assert!(words.contains("the disk is read-only"), "{words}");
    });
    let _ = Command::new("umount").arg("-l").arg(stick.path()).status();
    done.unwrap();
}

#[test]
fn in_a_folder_backups_are_named_after_the_time_and_the_oldest_of_this_station_go() {
    let (state, stick) = (station(), tempfile::tempdir().unwrap());
    let old = ["2026-01-01T03-00-00Z", "2026-01-02T03-00-00Z", "2026-01-03T03-00-00Z", "2099-01-01T00-00-00Z"];
    for time in old {
        fs::write(stick.path().join(format!("backup-leukoscope-{time}.tar")), "old").unwrap();
    }
    let others = ["backup-lab-2-2026-01-01T03-00-00Z.tar", "backup-leukoscope-2026-01-01.tar", "holidays.jpg"];
    for name in others {
        fs::write(stick.path().join(name), "not ours").unwrap();
    }
    let told = said(&backup(state.path(), stick.path(), &["--keep", "3"]));
    let left = names(stick.path());
    assert_eq!(left.len(), 6, "{left:?}");
    assert!(others.iter().all(|other| left.iter().any(|name| name == other)), "{left:?}");
    let new = left.iter().find(|name| told.contains(name.as_str())).expect("the new one is there");
    assert!(new.starts_with("backup-leukoscope-2"), "{new}");
    for time in [old[3], old[2]] {
        assert!(left.contains(&format!("backup-leukoscope-{time}.tar")), "{left:?}");
    }
    // The store is damaged: no new backup, and none of the old ones goes.
    let path = state.path().join(FILE);
    let mut bytes = fs::read(&path).unwrap();
    let pages = bytes.len() / 4096;
    for page in pages / 2..pages {
        bytes[page * 4096..page * 4096 + 64].fill(0x5A);
    }
    fs::write(&path, bytes).unwrap();
    let words = refusal(&backup(state.path(), stick.path(), &["--keep", "1"]), 1);
    assert!(words.contains("is damaged"), "{words}");
    assert_eq!(names(stick.path()), left);
}

#[test]
fn a_damaged_foreign_or_later_backup_is_refused_and_changes_nothing() {
    let (state, stick) = (station(), tempfile::tempdir().unwrap());
    let file = stick.path().join("b.tar");
    said(&backup(state.path(), &file, &[]));
    let whole = fs::read(&file).unwrap();
    let before = everything(state.path());
    let refused = |bytes: &[u8], wanted: &str| {
        let damaged = stick.path().join("damaged.tar");
        fs::write(&damaged, bytes).unwrap();
        let words = refusal(&restore(state.path(), &damaged, &[]), 1);
        assert!(words.contains(wanted), "{wanted}: {words}");
        assert!(everything(state.path()) == before, "{words}: something was changed");
    };
    // Any byte of the database, and any length.
    let database = whole.windows(15).position(|window| window == b"SQLite format 3").unwrap()..whole.len() - 10_240;
    let mut chance = fastrand::Rng::with_seed(8);
    for _ in 0..12 {
        let mut bytes = whole.clone();
        bytes[chance.usize(database.clone())] ^= 1 << chance.u8(0..8);
        refused(&bytes, "was changed since");
        refused(&whole[..chance.usize(1..database.end)], "is no whole backup");
    }
    refused(b"", "it is empty");
    refused(b"these are no results, but some text that somebody put here", "is no whole backup");
    refused(&fs::read(state.path().join(FILE)).unwrap(), "is no whole backup");
    let replaced = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let at = whole.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
        let mut bytes = whole.clone();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        bytes
    };
    refused(&replaced("\"form\": 1", "\"form\": 7"), "later version of leukoscope");
    refused(&replaced("\"limits.json\"", "\"../its.json\""), "does not belong in a backup");
    refused(&replaced("\"limits.json\"", "\"/imits.json\""), "does not belong in a backup");
    refused(&replaced("\"limits.json\"", "\"web.pem\"    "), "does not belong in a backup");
    refused(&replaced("\"result\": 3", "\"result\": 9"), "not the one that it describes");
}

/// A change of an archive: bytes written over others, anywhere, or its end cut off.
fn damages() -> impl Strategy<Value = Vec<(usize, Vec<u8>)>> {
    prop::collection::vec((any::<usize>(), prop::collection::vec(any::<u8>(), 1..40)), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_is_in_an_archive_nothing_is_written_outside_its_folder(changes in damages(), cut in any::<usize>(), whole in any::<bool>()) {
        let mut archive = tar::Builder::new(Vec::new());
        let files = r#"[{"name": "leukoscope.sqlite", "bytes": 3, "sha256": "x"}, {"name": "profiles/a.toml", "bytes": 2, "sha256": "y"}]"#;
        let manifest = format!(
            r#"{{"form": 1, "made": "2026-11-29T00:00:00Z", "version": "0", "station": "s", "store_form": 3, "store": null, "line": 1, "hash": "", "result": 0, "files": {files}}}"#
        );
        for (name, content) in [("backup.json", manifest.as_str()), ("leukoscope.sqlite", "abc"), ("profiles/a.toml", "de")] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, name, content.as_bytes()).unwrap();
        }
        let mut bytes = archive.into_inner().unwrap();
        for (at, with) in changes {
            let at = at % bytes.len();
            let end = (at + with.len()).min(bytes.len());
            bytes[at..end].copy_from_slice(&with[..end - at]);
            // With a sum that is right again, so that the change is looked at.
            let header = &mut bytes[at / 512 * 512..][..512];
            let mut again = tar::Header::new_old();
            again.as_mut_bytes().copy_from_slice(header);
            again.set_cksum();
            header.copy_from_slice(again.as_bytes());
        }
        if !whole {
            bytes.truncate(cut % (bytes.len() + 1));
        }
        let outside = tempfile::tempdir().unwrap();
        for (name, unpack) in [("backup", true), ("bundle", false)] {
            let folder = outside.path().join(name).join("within");
            fs::create_dir_all(&folder).unwrap();
            let refused = if unpack {
                leukoscope::store::backup::unpack(&bytes[..], Path::new("b.tar"), &folder).is_err()
            } else {
                leukoscope::cli::model::bundle::unpack(&bytes[..], &folder).is_err()
            };
            prop_assert!(refused, "the sums in it are wrong, and a bundle has a card");
            prop_assert_eq!(names(&outside.path().join(name)), ["within"]);
        }
        prop_assert_eq!(names(outside.path()), ["backup", "bundle"]);
    }
}
