//! Whatever an ASTM host sends, in whatever portions: messages are read or refused, memory stays bounded, and what was read can be
//! written and read again.

#![no_main]

use std::time::Instant;

use leukoscope::config::AstmCharset;
use leukoscope::outputs::astm::link::{Happened, Link};
use leukoscope::outputs::astm::message::read;
use leukoscope::outputs::astm::record::{Delimiters, escaped, unescaped};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (bool, usize, &[u8])| {
    let (utf8, portion, bytes) = input;
    let charset = if utf8 { AstmCharset::Utf8 } else { AstmCharset::Latin1 };
    let now = Instant::now();
    let mut link = Link::default();
    // ENQ, so that the bytes are taken for frames.
    link.take(&[5], now);
    for part in bytes.chunks(portion % 64 + 1) {
        for happened in link.take(part, now) {
            if let Happened::Received(text) = happened {
                let _ = read(&text, charset);
            }
        }
        assert!(link.output().len() <= bytes.len() + 1);
    }
    let _ = read(bytes, charset);
    if let Ok(text) = std::str::from_utf8(bytes)
        && !text.contains(char::is_control)
    {
        assert_eq!(unescaped(&escaped(text), Delimiters::OURS), text);
    }
});
