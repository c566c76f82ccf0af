//! Any bytes as a list of named red cells: never a panic, and a cell that is read has a place.
//!
//! `cargo +nightly fuzz run red_labels`

#![no_main]

use leukoscope::cli::validate::red_labels::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    for found in parse(text).into_iter().flatten() {
        assert!(found.at.0 >= 0.0 && found.at.1 >= 0.0 && found.at.0.is_finite() && found.at.1.is_finite());
    }
});
