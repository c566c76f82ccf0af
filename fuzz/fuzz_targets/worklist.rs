//! Any text as a table of samples: no panic, and every sample that comes out of it is an id.

#![no_main]

use leukoscope::config::SampleConfig;
use leukoscope::station::import::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(table) = read(text, &SampleConfig::default()) {
        assert!(table.good.iter().all(|good| !good.sample.is_empty() && good.sample.chars().count() <= 64));
    }
});
