//! Any text is a profile or is refused; what is taken is written and read again as the same.
//!
//! `cargo +nightly fuzz run profile`

#![no_main]

use leukoscope::vision::profile::Profile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // The seal alone would keep a fuzzer out, so it is made to fit.
    for text in [Some(text.to_owned()), Profile::sealed(text)].into_iter().flatten() {
        if let Ok(profile) = Profile::parse(&text) {
            let again = Profile::parse(&profile.to_toml()).expect("what was read can be written and read");
            assert_eq!(again.layer(), profile.layer());
        }
    }
});
