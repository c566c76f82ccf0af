//! A damaged, lost, full or read-only store is reported, and never silently replaced by a new one.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::common::stored::{at, cell, kept, put, result, settings, start};
use leukoscope::config::StoreConfig;
use leukoscope::counting::session::snapshot::Snapshot;
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::station::retention;
use leukoscope::station::trouble::Troubles;
use leukoscope::store::records::Status;
use leukoscope::store::{AuditVerdict, FILE, Store, StoreError};
use leukoscope::system::stop::Stop;

/// A closed store with some sessions; a few hundred kilobytes.
fn filled(folder: &Path) {
    let store = Store::open(folder).unwrap();
    for n in 0..20 {
        let id = store.begin(&start(&format!("A-{n}"))).unwrap();
        let cells: Vec<_> =
            (1..=10).map(|n| put(cell(n, Kind::Wbc, Some(CellClass::Ngs), 0.9), Some(&[9; 3000]))).collect();
        store.finish(id, &cells, &result("A"), &settings()).unwrap();
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_damaged_file_is_refused_and_stays_as_it_is() {
    type Damage = fn(&mut fs::File);
    let damages: [(&str, Damage); 4] = [
        ("the first page", |file| {
            file.write_all(&[0xA5; 100]).unwrap();
        }),
        ("pages in the middle", |file| {
            let length = file.metadata().unwrap().len();
            for page in (1..length / 4096).step_by(3) {
                file.seek(SeekFrom::Start(page * 4096)).unwrap();
                file.write_all(&[0x5A; 64]).unwrap();
            }
        }),
        ("cut short", |file| {
            let length = file.metadata().unwrap().len();
            file.set_len(length / 2).unwrap();
        }),
        ("another file", |file| {
            file.set_len(0).unwrap();
            file.write_all(b"these are no results, but some text that somebody put here").unwrap();
        }),
    ];
    for (what, damage) in damages {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path());
        let path = folder.path().join(FILE);
        damage(&mut fs::File::options().read(true).write(true).open(&path).unwrap());
        let (before, beside) = (fs::read(&path).unwrap(), names(folder.path()));
        for _ in 0..2 {
            let error = Store::open(folder.path()).unwrap_err();
            assert!(matches!(error, StoreError::Damaged { .. }), "{what}: {error}");
            assert!(error.to_string().contains("nothing of it was changed"), "{error}");
        }
        assert!(fs::read(&path).unwrap() == before, "{what}: the file was changed");
        assert_eq!(names(folder.path()), beside, "{what}");
    }
}

#[test]
fn a_file_of_another_program_or_of_a_later_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute_batch("CREATE TABLE recipes (name TEXT)").unwrap();
    drop(file);
    assert!(Store::open(folder.path()).unwrap_err().to_string().contains("no file of this program"));

    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let file = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
    file.pragma_update(None, "user_version", 900).unwrap();
    drop(file);
    let error = Store::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("later version of leukoscope (form 900"), "{error}");
    let error = Store::open_to_read(folder.path()).unwrap_err().to_string();
    assert!(error.contains("install that version"), "{error}");
}

#[test]
fn a_file_that_is_gone_or_emptied_is_told_of_and_none_is_made_in_its_place() {
    for emptied in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path());
        let path = folder.path().join(FILE);
        if emptied {
            fs::File::create(&path).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
        let error = Store::open(folder.path()).unwrap_err();
        assert!(matches!(error, StoreError::Lost { .. }), "{error}");
        assert_eq!(fs::metadata(&path).map_or(0, |found| found.len()), 0);
        // Following the advice in the message must help.
        fs::remove_file(folder.path().join("leukoscope.lock")).unwrap();
        assert_eq!(Store::open(folder.path()).unwrap().last(), 0);
    }
}

#[test]
fn a_first_start_that_was_cut_off_before_there_was_a_store_is_a_first_start_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::File::create(folder.path().join("leukoscope.lock")).unwrap();
    fs::File::create(folder.path().join(FILE)).unwrap();
    assert_eq!(Store::open(folder.path()).unwrap().last(), 0);
}

/// Runs `work` on a disk of 1 MB; prints a note and does nothing without the rights to mount one.
fn on_small_disk(work: impl FnOnce(&Path, &dyn Fn(&str))) {
    let place = tempfile::tempdir().unwrap();
    let mount = |options: &str| {
        let options = format!("size=1m,{options}");
        Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(place.path()).status()
    };
    if !mount("mode=755").is_ok_and(|status| status.success()) {
        eprintln!("NOT TESTED on a disk that is full or read-only: mounting one needs root");
        return;
    }
    let again = |options: &str| {
        let once = || Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(place.path()).status();
        // Briefly busy if another test is starting a program: the child holds our files open until it executes.
        let done = (0..50).any(|_| {
            let done = once().unwrap().success();
            if !done {
                thread::sleep(Duration::from_millis(20));
            }
            done
        });
        assert!(done, "remount,{options}");
    };
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(place.path(), &again)));
    let _ = Command::new("umount").arg("-l").arg(place.path()).status();
    if let Err(panic) = done {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn a_full_disk_is_told_of_nothing_acknowledged_is_lost_and_counting_goes_on_with_room() {
    on_small_disk(|disk, _| {
        let folder = disk.join("state");
        let store = Store::open(&folder).unwrap();
        let mut last = 0;
        let full = loop {
            let id = match store.begin(&start("A")) {
                Ok(id) => id,
                Err(full) => break full,
            };
            let cells = [put(cell(1, Kind::Wbc, Some(CellClass::Ngs), 0.9), Some(&vec![9; 20_000]))];
            match store.finish(id, &cells, &result("A"), &settings()) {
                Ok(number) => last = number,
                Err(full) => break full,
            }
            assert!(last < 1000, "the disk never gets full");
        };
        assert!(full.to_string().contains("the disk is full: free some space"), "{full}");
        assert!(last > 2, "only {last} results fit");
        assert_eq!(store.all().unwrap().len() as u64, last);
        drop(store);
        // Make room, here by enlarging the disk.
        let more = Command::new("mount").args(["-o", "remount,size=20m"]).arg(disk).status().unwrap();
        assert!(more.success());
        let store = Store::open(&folder).unwrap();
        assert_eq!((store.all().unwrap().len() as u64, store.last()), (last, last));
        assert_eq!(kept(&store, &result("B")), last + 1);
        assert!(matches!(store.verify_audit().unwrap(), AuditVerdict::Whole { .. }));
    });
}

/// Both eosinophils are left out; neither is a line of the result, which this test does not recompute.
fn fill(disk: &Path) {
    let mut file = fs::File::create(disk.join("filler")).unwrap();
    for size in [4096, 1] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
}

#[test]
fn what_is_kept_on_a_full_disk_can_be_read() {
    on_small_disk(|disk, _| {
        let folder = disk.join("state");
        kept(&Store::open(&folder).unwrap(), &result("A"));
        fill(disk);
        let reader = Store::open_to_read(&folder).unwrap().unwrap();
        let found = reader.find(1).unwrap().unwrap().snapshot;
        assert_eq!(Snapshot { camera_check: None, ..found }, result("A"));
        drop(reader);
        let error = Store::open(&folder).unwrap_err().to_string();
        assert!(error.contains("the disk is full: free some space"), "{error}");
        fs::remove_file(disk.join("filler")).unwrap();
        assert_eq!(kept(&Store::open(&folder).unwrap(), &result("B")), 2);
    });
}

#[test]
fn a_start_that_has_nothing_to_bring_in_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let path = folder.path().join(FILE);
    let before = fs::read(&path).unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(fs::metadata(path.with_extension("sqlite-wal")).unwrap().len(), 0);
    drop(store);
    assert!(fs::read(&path).unwrap() == before);
}

#[test]
fn a_store_that_was_in_the_lost_file_beside_it_alone_is_told_of() {
    // The state left by earlier versions during the first thousand pages: one empty page, everything else in `-wal`.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let file = rusqlite::Connection::open(&path).unwrap();
    file.pragma_update(None, "journal_mode", "WAL").unwrap();
    drop(file);
    assert!(fs::metadata(&path).unwrap().len() > 0);
    fs::write(folder.path().join("leukoscope.lock"), "a store was made here\n").unwrap();
    let before = fs::read(&path).unwrap();
    for error in [
        Store::open(folder.path()).unwrap_err(),
        Store::open_beside(folder.path()).unwrap_err(),
        Store::open_to_read(folder.path()).unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Lost { .. }), "{error}");
    }
    assert!(fs::read(&path).unwrap() == before);
}

#[test]
fn a_new_store_is_in_its_own_file_before_it_is_said_that_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    // What remains when the power fails and `-wal` is lost.
    let copy = tempfile::tempdir().unwrap();
    for name in [FILE, "leukoscope.lock"] {
        fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
    }
    assert_eq!(kept(&Store::open(copy.path()).unwrap(), &result("A")), 1);
    drop(store);
}

#[test]
fn damage_among_the_cells_does_not_keep_the_station_from_counting_and_is_told_of_while_it_counts() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let path = folder.path().join(FILE);
    let root: u64 = {
        let file = rusqlite::Connection::open(&path).unwrap();
        file.query_row("SELECT rootpage FROM sqlite_master WHERE name = 'crop'", [], |row| row.get::<_, i64>(0))
            .unwrap()
            .cast_unsigned()
    };
    let store = Store::open(folder.path()).unwrap();
    store.check_whole(&Stop::new()).unwrap();
    drop(store);
    let mut file = fs::File::options().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start((root - 1) * 4096)).unwrap();
    file.write_all(&[0x5A; 64]).unwrap();
    drop(file);

    let store = Store::open(folder.path()).unwrap();
    let troubles = Troubles::default();
    let stop = Stop::new();
    let (rules, pace) = (StoreConfig::default(), retention::Pace::default());
    let looking = retention::start(store.clone(), rules, pace, stop.clone(), &troubles).unwrap();
    looking.join().unwrap();
    let told = troubles.worst().unwrap();
    assert!(told.contains("is damaged") && told.contains("take the last good copy"), "{told}");
    assert_eq!(store.last(), 20);
    stop.request();
    store.check_whole(&stop).unwrap();
}

#[test]
fn a_read_only_disk_is_told_of_and_can_still_be_read() {
    on_small_disk(|disk, remount| {
        let folder = disk.join("state");
        let store = Store::open(&folder).unwrap();
        kept(&store, &result("A"));
        drop(store);
        remount("ro");
        let error = Store::open(&folder).unwrap_err().to_string();
        assert!(error.contains("read-only"), "{error}");
        let reader = Store::open_to_read(&folder).unwrap().unwrap();
        let found = reader.find(1).unwrap().unwrap().snapshot;
        assert_eq!((reader.last(), Snapshot { camera_check: None, ..found }), (1, result("A")));
        assert!(matches!(reader.verify_audit().unwrap(), AuditVerdict::Whole { .. }));
        drop(reader);
        remount("rw");
        assert_eq!(Store::open(&folder).unwrap().last(), 1);
    });
}

/// A store as the first version with one wrote it: one signed session of six cells, one unsigned, a user.
#[test]
fn a_store_of_every_earlier_form_opens_and_says_the_same() {
    let forms = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/stores");
    // Forms that no released version wrote have no file.
    let number = |name: String| name.strip_prefix("form-")?.strip_suffix(".sql")?.parse::<i64>().ok();
    let names = fs::read_dir(&forms).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let newest = names.filter_map(number).max().unwrap();
    let mut found = 0;
    for entry in fs::read_dir(forms).unwrap() {
        let path = entry.unwrap().path();
        let mut text = String::new();
        fs::File::open(&path).unwrap().read_to_string(&mut text).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
        file.execute_batch(&text).unwrap();
        let form: i64 = file.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(path.file_name().unwrap().to_str().unwrap(), format!("form-{form}.sql"));
        drop(file);
        found += 1;
        // The commands that only read do so before the program brought the file to its own form.
        let reader = Store::open_to_read(folder.path()).unwrap().unwrap();
        assert_eq!(reader.find(1).unwrap().unwrap().signature.unwrap().by, "rita");
        assert!(matches!(reader.verify_audit().unwrap(), AuditVerdict::Whole { entries: 7, .. }), "form {form}");
        drop(reader);

        let store = Store::open(folder.path()).unwrap();
        let signed = store.session(1).unwrap().unwrap();
        assert_eq!((signed.summary.status, signed.summary.sample.as_str()), (Status::Final, "A-1"));
        // The sessions of these files name their camera from form 4 on.
        let checks = [signed.camera_check, store.session(2).unwrap().unwrap().camera_check];
        assert!(checks.iter().all(|check| check.is_some() == (form >= 4)), "form {form}: {checks:?}");
        assert_eq!((signed.signature.unwrap().by.as_str(), signed.reclassified), ("rita", 1));
        let cells = store.cells(1, Some(Kind::Wbc), None).unwrap();
        assert_eq!((cells.len(), cells[0].by_person.as_ref().unwrap().class), (4, CellClass::Ngb));
        assert_eq!(store.crop(1, 1).unwrap().unwrap()[..2], [0xff, 0xd8]);
        assert_eq!(store.session(2).unwrap().unwrap().summary.status, Status::Preliminary);
        assert!(store.check_password("rita", "correct horse battery").unwrap().is_some());
        // A copy of a store that had an identity says so in a line of its own.
        let identified = i64::from(form >= 3);
        let AuditVerdict::Whole { entries, unhashed, .. } = store.verify_audit().unwrap() else {
            panic!("form {form}")
        };
        assert_eq!((entries, unhashed > 0), (7 + identified, form < 3), "form {form}");
        store.take_in_earlier(&Stop::new()).unwrap();
        let AuditVerdict::Whole { unhashed, .. } = store.verify_audit().unwrap() else { panic!("form {form}") };
        assert_eq!(unhashed, 0, "form {form}: sessions of earlier versions are hashed from now on");
        let id = store.begin(&start("A-3")).unwrap();
        store.finish(id, &crate::common::stored::six_cells(), &result("A-3"), &settings()).unwrap();
        store.sign(id, "rita", at(200), "").unwrap();
        assert!(matches!(store.verify_audit().unwrap(), AuditVerdict::Whole { .. }), "form {form}");
        drop(store);
        let file = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
        let brought: i64 = file.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        let index = "SELECT count(*) FROM sqlite_master WHERE name = 'cell_by_person'";
        let indexes: i64 = file.query_row(index, [], |row| row.get(0)).unwrap();
        assert_eq!((brought, indexes), (newest, 1));
    }
    assert!(found > 0);
}

/// Writes `tests/store/stores/form-N.sql` for a new form: `cargo test --test store -- --ignored writes`.
#[test]
#[ignore = "writes a file of the tests, once for each form"]
fn writes_a_store_of_the_present_form() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let id = store.begin(&start("A-1")).unwrap();
    store.finish(id, &crate::common::stored::six_cells(), &result("A-1"), &settings()).unwrap();
    let role = leukoscope::store::records::Role::Reviewer;
    store.add_user("rita", role, "correct horse battery", "console", at(65)).unwrap();
    store.reclassify(id, 2, Some(CellClass::Ngb), "rita", at(70)).unwrap();
    store.sign(id, "rita", at(90), "seen").unwrap();
    kept(&store, &result("A-2"));
    drop(store);
    let path = folder.path().join(FILE);
    let dumped = Command::new("sqlite3").arg(&path).arg(".dump").output().expect("needs Debian's sqlite3");
    let file = rusqlite::Connection::open(&path).unwrap();
    let of = |name: &str| file.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    let (form, application) = (of("user_version"), of("application_id"));
    let text = String::from_utf8(dumped.stdout).unwrap();
    let text = format!("{text}PRAGMA application_id = {application};\nPRAGMA user_version = {form};\n");
    let to = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/store/stores/form-{form}.sql"));
    fs::write(to, text).unwrap();
}
