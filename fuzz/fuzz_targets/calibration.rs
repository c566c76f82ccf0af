//! Any text is a calibration or is refused; what is taken is written and read again as the same.
//!
//! `cargo +nightly fuzz run calibration`

#![no_main]

use leukoscope::vision::optics::calibration::Calibration;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // The checksum alone would keep a fuzzer out, so it is made to fit.
    for text in [text.to_owned(), Calibration::sealed(text)] {
        if let Ok(calibration) = Calibration::parse(&text) {
            let again =
                Calibration::parse(&calibration.text().expect("what was read can be written")).expect("and read");
            assert_eq!(again, calibration);
        }
    }
});
