//! MLLP (HL7 transport specification, release 1): a message between 0x0B and 0x1C 0x0D. Does no I/O.

/// Begins a message.
const START: u8 = 0x0b;
/// Ends it, followed by a carriage return.
const END: u8 = 0x1c;

/// Longest message taken, bytes.
pub const LONGEST: usize = 1 << 20;

/// Bytes that are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Something else than a message came.
    #[error("bytes outside of a message; MLLP begins one with 0x0B")]
    Noise,
    /// Another message began before this one ended.
    #[error("half a message: another one began before its end")]
    Half,
    /// It had no end within the limit.
    #[error("a message of more than {LONGEST} bytes; it is passed over")]
    TooLong,
}

/// The frame of a message.
#[must_use]
pub fn framed(message: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(message.len() + 3);
    frame.push(START);
    frame.extend(message);
    frame.extend([END, b'\r']);
    frame
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before a message; whether noise was told of already.
    Outside {
        told: bool,
    },
    Inside,
    /// In one that is too long.
    PassingOver,
}

/// Takes bytes in any pieces, gives whole messages. Keeps at most [`LONGEST`] bytes.
#[derive(Debug)]
pub struct Frames {
    place: Place,
    buffer: Vec<u8>,
}

impl Default for Frames {
    fn default() -> Self {
        Self { place: Place::Outside { told: false }, buffer: Vec::new() }
    }
}

impl Frames {
    /// The messages that end in these bytes, and what was wrong with others, in order.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Result<Vec<u8>, FrameError>> {
        let mut found = Vec::new();
        for &byte in bytes {
            self.place = match (self.place, byte) {
                (Place::Inside, END) => {
                    found.push(Ok(std::mem::take(&mut self.buffer)));
                    Place::Outside { told: false }
                }
                (Place::PassingOver, END) => Place::Outside { told: false },
                (place, START) => {
                    if place == Place::Inside {
                        found.push(Err(FrameError::Half));
                        self.buffer.clear();
                    }
                    Place::Inside
                }
                (Place::Inside, _) if self.buffer.len() >= LONGEST => {
                    found.push(Err(FrameError::TooLong));
                    self.buffer = Vec::new();
                    Place::PassingOver
                }
                (Place::Inside, _) => {
                    self.buffer.push(byte);
                    Place::Inside
                }
                (Place::PassingOver, _) => Place::PassingOver,
                (outside @ Place::Outside { .. }, b'\r' | b'\n') | (outside @ Place::Outside { told: true }, _) => {
                    outside
                }
                (Place::Outside { told: false }, _) => {
                    found.push(Err(FrameError::Noise));
                    Place::Outside { told: true }
                }
            };
        }
        found
    }

    /// Whether bytes came, of a message or not, that no end of a message followed.
    #[must_use]
    pub fn unfinished(&self) -> bool {
        self.place != Place::Outside { told: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_message_too_long_is_passed_over_and_the_next_is_read() {
        let mut frames = Frames::default();
        assert!(frames.push(&[START]).is_empty());
        let mut found = Vec::new();
        for _ in 0..40 {
            found.extend(frames.push(&vec![b'x'; LONGEST / 4]));
        }
        assert_eq!(found, [Err(FrameError::TooLong)]);
        assert!(frames.buffer.capacity() == 0 && frames.unfinished());
        found = frames.push(&[&[END, b'\r'][..], &framed(b"MSH")].concat());
        assert_eq!(found, [Ok(b"MSH".to_vec())]);
    }

    #[test]
    fn noise_and_half_messages_are_told_once_each() {
        let mut frames = Frames::default();
        let found = frames.push(b"GET / HTTP/1.1\r\n\r\n\x0bMSH|half\x0bMSH|whole\x1c\r\n\x0bMSH|next\x1c");
        let expected =
            [Err(FrameError::Noise), Err(FrameError::Half), Ok(b"MSH|whole".to_vec()), Ok(b"MSH|next".to_vec())];
        assert_eq!(found, expected);
        assert!(!frames.unfinished());
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same(
            bytes in prop::collection::vec(prop_oneof![Just(START), Just(END), Just(b'\r'), any::<u8>()], 0..300),
            cuts in prop::collection::vec(0_usize..300, 0..20),
        ) {
            let whole = Frames::default().push(&bytes);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            let mut frames = Frames::default();
            let pieces: Vec<_> = cuts.windows(2).flat_map(|cut| frames.push(&bytes[cut[0]..cut[1]])).collect();
            prop_assert_eq!(pieces, whole);
        }
    }
}
