//! Motion JPEG of another program, in pieces of any size.
#![no_main]

use leukoscope::camera::mjpeg::Splitter;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|chunks: Vec<Vec<u8>>| {
    let mut splitter = Splitter::default();
    for chunk in chunks {
        splitter.push(&chunk);
        while splitter.next_piece().is_some() {}
    }
});
