//! Any answer of a FHIR server: never a panic, short printable words, and delivered only where the server says so.
//!
//! `cargo +nightly fuzz run fhir`

#![no_main]

use leukoscope::outputs::delivery::courier::Verdict;
use leukoscope::outputs::fhir::judged;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|answer: (u16, String)| {
    let (status, text) = answer;
    match judged(status, &text, "https://fhir/r4") {
        Verdict::Taken => assert!(matches!(status, 200 | 201)),
        Verdict::Refused(words) | Verdict::Unreachable(words) => {
            assert!(words.len() < 8192 && !words.chars().any(char::is_control));
        }
    }
});
