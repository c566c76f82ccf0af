//! Any bytes as a bundle of networks: unpacked into its folder, or refused with words; never a panic, and nothing outside it.
//!
//! `cargo +nightly fuzz run bundle`

#![no_main]

use std::fs;
use std::path::Path;

use leukoscope::cli::model::bundle::unpack;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let outside = std::env::temp_dir().join(format!("leukoscope-fuzz-bundle-{}", std::process::id()));
    let _ = fs::remove_dir_all(&outside);
    let folder = outside.join("a/b");
    fs::create_dir_all(&folder).expect("a folder");
    if unpack(bytes, &folder).is_ok() {
        assert!(folder.join("model.toml").is_file() && folder.join("reference.toml").is_file());
    }
    let names = |folder: &Path| fs::read_dir(folder).expect("a folder").count();
    assert_eq!((names(&outside), names(&outside.join("a"))), (1, 1), "something was written outside the folder");
});
