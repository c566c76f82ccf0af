//! Any bytes as a backup: unpacked whole into its folder, or refused with words; never a panic, and nothing outside it.
//!
//! `cargo +nightly fuzz run backup`

#![no_main]

use std::fs;
use std::path::Path;

use leukoscope::store::backup::unpack;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let outside = std::env::temp_dir().join(format!("leukoscope-fuzz-backup-{}", std::process::id()));
    let _ = fs::remove_dir_all(&outside);
    let folder = outside.join("a/b");
    fs::create_dir_all(&folder).expect("a folder");
    if let Ok(manifest) = unpack(bytes, Path::new("backup.tar"), &folder) {
        for entry in manifest.files {
            let found = fs::metadata(folder.join(&entry.name)).expect("what was described is there");
            assert_eq!(found.len(), entry.bytes);
        }
    }
    let names = |folder: &Path| fs::read_dir(folder).expect("a folder").count();
    assert_eq!((names(&outside), names(&outside.join("a"))), (1, 1), "something was written outside the folder");
});
