//! Frames of CLSI LIS1-A (ASTM E1381): bytes to frames and back. Does no I/O.
//!
//! A frame is `STX`, its number (one digit, 0..=7), text, `ETB` or `ETX`, two hexadecimal digits of a checksum, `CR`, `LF`. The
//! checksum is the sum of all bytes from the number up to and with `ETB` or `ETX`, modulo 256 (LIS1-A, 8.3.3).

pub(super) const STX: u8 = 0x02;
pub(super) const ETX: u8 = 0x03;
pub(super) const EOT: u8 = 0x04;
pub(super) const ENQ: u8 = 0x05;
pub(super) const ACK: u8 = 0x06;
pub(super) const LF: u8 = 0x0A;
pub(super) const CR: u8 = 0x0D;
pub(super) const NAK: u8 = 0x15;
pub(super) const ETB: u8 = 0x17;

/// Text of a frame that is sent, bytes at most (LIS1-A, 8.3.1.1: 247 with the seven around it).
const LONGEST_TEXT: usize = 240;

/// Text of a frame that is taken, bytes at most: later editions allow so many.
pub(super) const LONGEST_TAKEN: usize = 63_993;

/// A whole frame with the right checksum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its number, 0..=7.
    pub number: u8,
    /// Its text.
    pub text: Vec<u8>,
    /// Whether it ends a record (`ETX`), or the record goes on in the next frame (`ETB`).
    pub last: bool,
}

impl Frame {
    /// The frame as bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.text.len() + 7);
        bytes.push(STX);
        bytes.push(b'0' + self.number % 8);
        bytes.extend_from_slice(&self.text);
        bytes.push(if self.last { ETX } else { ETB });
        let sum = checksum(&bytes[1..]);
        bytes.extend_from_slice(format!("{sum:02X}").as_bytes());
        bytes.extend_from_slice(&[CR, LF]);
        bytes
    }

    /// Reads a frame from its bytes, `STX` first and `LF` last; none if it is damaged.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let [STX, body @ .., high, low, CR, LF] = bytes else { return None };
        let [number @ b'0'..=b'7', text @ .., end @ (ETX | ETB)] = body else { return None };
        let stated = std::str::from_utf8(&[*high, *low]).ok().and_then(|text| u8::from_str_radix(text, 16).ok())?;
        if stated != checksum(body) || text.iter().any(|byte| matches!(*byte, STX | ETX | EOT | ENQ | ETB)) {
            return None;
        }
        Some(Self { number: number - b'0', text: text.to_owned(), last: *end == ETX })
    }
}

fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte))
}

/// The frames of a message: each record begins a frame of its own, and numbers run from 1 through 7, 0 and 1.
#[must_use]
pub fn frames(records: &[Vec<u8>]) -> Vec<Frame> {
    let mut frames = Vec::new();
    for record in records {
        let mut parts = record.chunks(LONGEST_TEXT).peekable();
        while let Some(part) = parts.next() {
            let number = u8::try_from((frames.len() + 1) % 8).unwrap_or_default();
            frames.push(Frame { number, text: part.to_owned(), last: parts.peek().is_none() });
        }
    }
    frames
}

/// What the bytes of the line are cut into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A single byte outside of a frame: `ENQ`, `ACK`, `NAK`, `EOT`, or noise.
    Byte(u8),
    Frame(Frame),
    /// A frame that is damaged or too long.
    Damaged,
}

/// Cuts the bytes of a line into control bytes and frames, however they arrive.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    /// The frame so far, from its `STX`.
    frame: Vec<u8>,
    /// The frame is too long: its bytes are passed over up to its end.
    too_long: bool,
}

impl Cutter {
    pub(super) fn push(&mut self, byte: u8) -> Option<Token> {
        if self.frame.is_empty() {
            if byte == STX {
                self.frame.push(byte);
                return None;
            }
            return Some(Token::Byte(byte));
        }
        // A sender that lost its thread begins anew. Other control bytes within a frame are damage: taken for what they say, they
        // would acknowledge what did not arrive.
        if byte == STX {
            self.clear();
            self.frame.push(byte);
            return None;
        }
        if self.frame.len() < LONGEST_TAKEN + 7 {
            self.frame.push(byte);
        } else {
            self.too_long = true;
        }
        if byte != LF {
            return None;
        }
        let read = if self.too_long { None } else { Frame::read(&self.frame) };
        self.clear();
        Some(read.map_or(Token::Damaged, Token::Frame))
    }

    pub(super) fn clear(&mut self) {
        self.frame.clear();
        self.too_long = false;
    }
}
