//! Any bytes are a picture of a sensible size or are refused, as a file and as a frame of a camera.
//!
//! `cargo +nightly fuzz run picture`

#![no_main]

use std::io::Write as _;

use leukoscope::camera::picture::{list_pictures, read_picture};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::Builder::new().suffix(".tif").tempfile().expect("the temporary folder takes files");
    file.write_all(bytes).expect("and bytes");
    for path in list_pictures(file.path()).expect("a file that is named is listed").iter().take(3) {
        if let Ok(picture) = read_picture(path) {
            assert!(picture.width().min(picture.height()) >= 16);
        }
    }
});
