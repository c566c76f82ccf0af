//! Any bytes from an HL7 host, in any pieces: never a panic, no more memory than one message, every message is answered in
//! a form that can be read, and the next whole order is taken.
//!
//! `cargo +nightly fuzz run hl7`

#![no_main]

use std::collections::BTreeMap;
use std::sync::OnceLock;

use jiff::Timestamp;
use leukoscope::config::{CriticalConfig, Flags, Hl7Config, RedCellsConfig, SampleConfig, SessionConfig};
use leukoscope::outputs::hl7::message::Message;
use leukoscope::outputs::hl7::mllp::{Frames, framed};
use leukoscope::outputs::hl7::order::answer;
use leukoscope::outputs::hl7::sender::judged;
use leukoscope::station::in_force::InForce;
use leukoscope::station::worklist::Worklist;
use leukoscope::store::Store;
use leukoscope::store::records::Settings;
use libfuzzer_sys::fuzz_target;

const ORDER: &[u8] = b"MSH|^~\\&|||||||OML^O21^OML_O21|7|P|2.5.1\rORC|NW|1\rSPM|1|A-1\r";

fn worklist() -> &'static Worklist {
    static WORKLIST: OnceLock<(Worklist, tempfile::TempDir)> = OnceLock::new();
    let made = || {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(folder.path()).expect("a new store");
        let settings = Settings {
            version: String::new(),
            camera: String::new(),
            taken_with: None,
            session: SessionConfig::default(),
            sample: SampleConfig::default(),
            source: None,
            training: false,
            flags: Flags::default(),
            red_cells: RedCellsConfig::default(),
            critical: CriticalConfig::default(),
            models: BTreeMap::new(),
            calibration: None,
            um_per_px: None,
            unknown_below: None,
            profile: None,
        };
        (Worklist::new(store, InForce::new(settings, None)), folder)
    };
    &WORKLIST.get_or_init(made).0
}

fuzz_target!(|pieces: Vec<Vec<u8>>| {
    let config = Hl7Config::default();
    let mut frames = Frames::default();
    for piece in &pieces {
        for message in frames.push(piece).into_iter().flatten() {
            // The same bytes as an acknowledgement.
            let _ = judged(&message, "7");
            let answer = answer(&message, worklist(), &config, Timestamp::UNIX_EPOCH);
            let read = Message::read(answer.text.as_bytes()).expect("an answer is a message");
            assert_eq!(read.segment("MSA").map(|msa| msa.component(1, 1)).as_deref(), Some(answer.acknowledgement));
        }
    }
    // Out of whatever it is in.
    let _ = frames.push(b"\x1c\r");
    let found = frames.push(&framed(ORDER));
    let order = found.last().expect("the order").as_ref().expect("whole");
    assert_eq!(answer(order, worklist(), &config, Timestamp::UNIX_EPOCH).acknowledgement, "AA");
});
