//! Any bytes from a serial host, in any pieces: never a panic, and the next whole request is understood.
//!
//! `cargo +nightly fuzz run incoming`

#![no_main]

use leukoscope::outputs::serial::incoming::{Incoming, Request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|pieces: Vec<Vec<u8>>| {
    let mut incoming = Incoming::default();
    for piece in &pieces {
        let _ = incoming.push(piece);
    }
    let _ = incoming.push(b"\n");
    assert_eq!(incoming.push(b"resend 7\n"), [Ok(Request::Resend(7))]);
});
