//! Any bytes in the files of the state folder and in a clinic's catalogue: read, or refused with words; never a panic.
//!
//! `cargo +nightly fuzz run state`

#![no_main]

use std::fs;

use leukoscope::config::limits::Limits;
use leukoscope::config::{Config, Sends};
use leukoscope::outputs::delivery::Outbox;
use leukoscope::outputs::words::Catalogues;
use leukoscope::store::Store;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (which, bytes) = input;
    let folder = std::env::temp_dir().join(format!("leukoscope-fuzz-state-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    let put = |name: &str| fs::write(folder.join(name), bytes).expect("a file");
    match which % 4 {
        0 => {
            put("limits.json");
            if let Ok(Some(limits)) = Limits::read(&folder, &Config::default())
                && limits.apply(&mut Config::default()).is_ok()
            {
                limits.keep(&folder).expect("what was read can be kept");
                assert_eq!(Limits::read(&folder, &Config::default()).expect("and read"), Some(limits));
            }
        }
        1 => {
            put("serial.sent");
            let store = Store::open(&folder).expect("a fresh store");
            let outbox = Outbox::open(&folder, "serial", Sends::All, &store).expect("nonsense counts as nothing sent");
            let (counted, signed) = outbox.marks();
            let told = str::from_utf8(bytes).ok().and_then(|text| text.split_whitespace().next()?.parse().ok());
            assert!(counted == 0 || Some(counted) == told);
            // Nothing was signed here, and a mark must not hold back what will be.
            assert!(signed <= store.last_signed());
        }
        2 => {
            put("de.json");
            let words = Catalogues::new(Some(folder.clone())).words("de");
            assert!(!words.say("notice").is_empty() || !bytes.is_empty());
            let _ = words.with("gallery.by", &[("by", &"rita")]);
        }
        _ => {
            put("leukoscope.sqlite");
            if let Ok(store) = Store::open(&folder) {
                let _ = store.verify_audit();
            }
        }
    }
});
