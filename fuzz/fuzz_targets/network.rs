//! Any bytes are a network or are refused, and what is read computes something or says why it does not.
//!
//! `cargo +nightly fuzz run network -- -rss_limit_mb=4096`, best with the shipped files and those of the tests as a corpus.

#![no_main]

use leukoscope::vision::net::{Array, Net};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(net) = Net::read(bytes) {
        let _ = net.run::<4>(&Array { shape: [1, 3, 8, 8], values: vec![0.5; 3 * 8 * 8] });
    }
});
