//! Any text is a configuration or is refused; what is taken passes its own check.
//!
//! `cargo +nightly fuzz run config -- -dict=fuzz/config.dict`

#![no_main]

use std::path::Path;

use leukoscope::config::load::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match parse(text, Path::new("fuzz.toml")) {
        Ok(config) => config.check().expect("what the file may say, the check takes"),
        Err(error) => assert!(!error.to_string().is_empty() && !error.problems().is_empty()),
    }
});
