//! The data link of CLSI LIS1-A (ASTM E1381): who may send, acknowledgements, repetitions and timers. Decides from bytes and
//! times; does no I/O and reads no clock.
//!
//! This end is the instrument: when both ends ask for the line at once, it asks again after 1 s and the host after 20 s
//! (LIS1-A, 8.2.7.1).

use std::time::{Duration, Instant};

use super::frame::{ACK, Cutter, ENQ, EOT, Frame, NAK, Token, frames};

/// How long the sender waits for an answer (8.6.1, 8.6.2).
const ANSWER: Duration = Duration::from_secs(15);
/// How long the receiver waits for a frame or the end (8.6.3).
const FRAME: Duration = Duration::from_secs(30);
/// Pause after a refused call (8.2.7.2).
const REFUSED: Duration = Duration::from_secs(10);
/// Pause of the instrument after both ends called at once.
const CONTENTION: Duration = Duration::from_secs(1);
/// How long a garbled answer may be followed by the right one.
const GARBLED: Duration = Duration::from_millis(300);
/// Times a frame is sent, after which the message is given up (8.3.6.2: six refusals).
const TRIES: u8 = 6;

/// Text of one received message, bytes at most; more is refused.
const LONGEST_MESSAGE: usize = 1 << 20;

/// What came of the bytes and the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// The host has acknowledged every frame of the message.
    Delivered,
    /// The message did not get through; it may be sent again after a pause.
    NotDelivered(Obstacle),
    /// A whole message of the host: its records, separated by `CR`.
    Received(Vec<u8>),
    /// What the host sent is too long, and is discarded.
    Discarded(&'static str),
}

/// Why a message did not get through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    #[error("the host does not answer")]
    NoAnswer,
    #[error("the host is busy")]
    Busy,
    #[error("the host refused a frame six times")]
    Refused,
    #[error("host and station called at once")]
    Contention,
}

#[derive(Debug)]
enum State {
    /// The line is free; no call before this time.
    Neutral {
        not_before: Option<Instant>,
    },
    /// `ENQ` is sent.
    Calling {
        until: Instant,
    },
    /// The frame with this index was sent so many times.
    Sending {
        at: usize,
        tries: u8,
        garbled: bool,
        until: Instant,
    },
    Receiving {
        received: Received,
        until: Instant,
    },
}

#[derive(Debug, Default)]
struct Received {
    text: Vec<u8>,
    /// Number of the last frame that was acknowledged; 0 before the first.
    last: u8,
    any: bool,
    /// It is longer than allowed.
    too_long: bool,
}

/// One end of a line.
#[derive(Debug)]
pub struct Link {
    state: State,
    cutter: Cutter,
    /// Frames of the message that is sent.
    frames: Vec<Frame>,
    output: Vec<u8>,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            state: State::Neutral { not_before: None },
            cutter: Cutter::default(),
            frames: Vec::new(),
            output: Vec::new(),
        }
    }
}

impl Link {
    /// Whether a message can be sent now.
    #[must_use]
    pub fn is_free(&self, now: Instant) -> bool {
        matches!(self.state, State::Neutral { not_before } if not_before.is_none_or(|time| now >= time))
    }

    /// Whether nothing is being sent or received.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Neutral { .. })
    }

    /// Calls the host to send this message, one record each. Call it only while the line [is free](Self::is_free).
    pub fn send(&mut self, records: &[Vec<u8>], now: Instant) {
        self.frames = frames(records);
        if self.frames.is_empty() {
            return;
        }
        self.output.push(ENQ);
        self.state = State::Calling { until: now + ANSWER };
    }

    /// Bytes to write.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Takes bytes of the line, in any portions.
    pub fn take(&mut self, bytes: &[u8], now: Instant) -> Vec<Happened> {
        let mut happened = Vec::new();
        for byte in bytes {
            if let Some(token) = self.cutter.push(*byte) {
                happened.extend(self.token(token, now));
            }
        }
        happened
    }

    /// Ends what has waited too long.
    pub fn tick(&mut self, now: Instant) -> Option<Happened> {
        match self.state {
            // Repeated once where an answer is missing: the host, which waits for 30 s, tells a repeated frame by its number, and
            // a whole message sent again would be a second result.
            State::Sending { at, tries, garbled, until }
                if now >= until && (garbled && tries < TRIES || tries == 1) =>
            {
                self.show(at, tries + 1, now);
                None
            }
            State::Calling { until } | State::Sending { until, .. } if now >= until => {
                Some(self.give_up(Obstacle::NoAnswer, REFUSED, now))
            }
            State::Receiving { ref mut received, until } if now >= until => {
                let received = std::mem::take(received);
                self.free(None);
                self.cutter.clear();
                received.ended()
            }
            _ => None,
        }
    }

    fn token(&mut self, token: Token, now: Instant) -> Option<Happened> {
        match &mut self.state {
            State::Neutral { .. } => {
                if token == Token::Byte(ENQ) {
                    self.begin_to_receive(now);
                }
                None
            }
            State::Calling { .. } => match token {
                Token::Byte(ACK) => {
                    self.show(0, 1, now);
                    None
                }
                Token::Byte(NAK) => {
                    // No end of transmission: none has begun.
                    self.free(Some(now + REFUSED));
                    Some(Happened::NotDelivered(Obstacle::Busy))
                }
                Token::Byte(ENQ) => {
                    self.free(Some(now + CONTENTION));
                    Some(Happened::NotDelivered(Obstacle::Contention))
                }
                _ => None,
            },
            State::Sending { at, tries, garbled, until } => {
                let (at, tries) = (*at, *tries);
                let soon = if *garbled { *until } else { now + GARBLED };
                match token {
                    // A host that wants the line ends our message with EOT in place of ACK, which acknowledges, too.
                    Token::Byte(ACK | EOT) if at + 1 == self.frames.len() => {
                        self.output.push(EOT);
                        self.free(None);
                        Some(Happened::Delivered)
                    }
                    Token::Byte(ACK | EOT) => {
                        self.show(at + 1, 1, now);
                        None
                    }
                    Token::Byte(NAK) if tries < TRIES => {
                        self.show(at, tries + 1, now);
                        None
                    }
                    Token::Byte(NAK) => Some(self.give_up(Obstacle::Refused, REFUSED, now)),
                    // A damaged answer counts as a refusal (8.3.4.2), unless a right one follows at once.
                    Token::Byte(_) | Token::Damaged | Token::Frame(_) => {
                        self.state = State::Sending { at, tries, garbled: true, until: soon };
                        None
                    }
                }
            }
            State::Receiving { received, until } => match token {
                Token::Byte(EOT) => {
                    let received = std::mem::take(received);
                    self.free(None);
                    received.ended()
                }
                Token::Byte(ENQ) => {
                    let received = std::mem::take(received);
                    self.begin_to_receive(now);
                    received.ended()
                }
                Token::Byte(_) => None,
                Token::Damaged => {
                    *until = now + FRAME;
                    self.output.push(NAK);
                    None
                }
                Token::Frame(frame) => {
                    *until = now + FRAME;
                    let answer = received.take(&frame);
                    self.output.push(answer);
                    None
                }
            },
        }
    }

    fn begin_to_receive(&mut self, now: Instant) {
        self.output.push(ACK);
        self.state = State::Receiving { received: Received::default(), until: now + FRAME };
    }

    fn show(&mut self, at: usize, tries: u8, now: Instant) {
        let Some(frame) = self.frames.get(at) else { return };
        self.output.extend(frame.bytes());
        self.state = State::Sending { at, tries, garbled: false, until: now + ANSWER };
    }

    fn give_up(&mut self, why: Obstacle, pause: Duration, now: Instant) -> Happened {
        self.output.push(EOT);
        self.free(Some(now + pause));
        Happened::NotDelivered(why)
    }

    fn free(&mut self, not_before: Option<Instant>) {
        self.frames.clear();
        self.state = State::Neutral { not_before };
    }
}

impl Received {
    /// What was received when the sender ends it, calls anew, or falls silent: every frame was acknowledged, so that a message
    /// whose end of transmission was lost is whole. Whoever reads it tells by its terminator record.
    fn ended(self) -> Option<Happened> {
        match self {
            Self { too_long: true, .. } => Some(Happened::Discarded("the message is too long")),
            Self { text, any: true, .. } => Some(Happened::Received(text)),
            _ => None,
        }
    }

    /// Takes a frame and gives the byte that answers it.
    fn take(&mut self, frame: &Frame) -> u8 {
        if self.too_long {
            return NAK;
        }
        let next = (self.last + 1) % 8;
        // Our acknowledgement was lost, so that the sender repeats the frame.
        if self.any && frame.number == self.last {
            return ACK;
        }
        if frame.number != next {
            return NAK;
        }
        if self.text.len() + frame.text.len() > LONGEST_MESSAGE {
            self.too_long = true;
            self.text.clear();
            return NAK;
        }
        self.text.extend_from_slice(&frame.text);
        self.last = frame.number;
        self.any = true;
        ACK
    }
}
