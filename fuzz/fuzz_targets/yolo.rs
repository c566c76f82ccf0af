//! Any text beside a picture: never a panic, and a box that is read lies in the picture.
//!
//! `cargo +nightly fuzz run yolo`

#![no_main]

use leukoscope::cli::validate::yolo::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for found in parse(text).into_iter().flatten() {
        assert!(found.in_pixels(640.0, 480.0).inside(640.0, 480.0, -1e-6));
    }
});
