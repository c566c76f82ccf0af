//! Lines on their way out: numbered, whole, and never glued. Knows nothing of ports but "write as much as goes".

use std::collections::VecDeque;

use jiff::Timestamp;

use super::line::{self, SerialLine, SerialMessage};
use super::port::Port;
use crate::config::LineFormat;
use crate::store::StoredResult;

/// Answers that wait at most; a host that asks faster than it reads loses the rest.
const MOST_WAITING: usize = 16;

/// Lines that are queued, half written, or written and not gone.
#[derive(Debug)]
pub(super) struct Outbox {
    station: String,
    format: LineFormat,
    /// Lines so far, given out or skipped.
    sequence: u64,
    queue: VecDeque<Queued>,
    /// Bytes of the first line of the queue that the port took.
    written: usize,
    /// A result that the port took whole and that has not left yet.
    leaving: Option<Due>,
    greeted: bool,
}

#[derive(Debug)]
struct Queued {
    bytes: Vec<u8>,
    /// The result in it that waits to be marked as sent.
    result: Option<Due>,
}

/// Why a result goes out without being asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// It was counted: its number.
    Counted(u64),
    /// It was signed: the number of the signature.
    Signed(i64),
}

impl Outbox {
    pub(super) fn new(station: String, format: LineFormat) -> Self {
        Self { station, format, sequence: 0, queue: VecDeque::new(), written: 0, leaving: None, greeted: false }
    }

    /// Begins anew on a port just opened: what was under way is forgotten (results come again), a line end separates
    /// what was cut, and the greeting is queued.
    pub(super) fn connected(&mut self, may_have_half_a_line: bool, newest_result: u64, now: Timestamp) {
        self.queue.clear();
        self.written = 0;
        self.leaving = None;
        let mut greeting = String::new();
        if may_have_half_a_line {
            greeting.push('\n');
        }
        if self.format == LineFormat::Csv {
            greeting.push_str(&line::csv_header());
        }
        greeting.push_str(&self.render(SerialMessage::Hello { newest_result }, now));
        self.queue.push_back(Queued { bytes: greeting.into_bytes(), result: None });
        self.greeted = false;
    }

    /// Queues a line, unless too many wait; says whether it did. A line that is not queued leaves a gap in the numbers.
    pub(super) fn push(&mut self, message: SerialMessage<'_>, now: Timestamp) -> bool {
        let bytes = self.render(message, now).into_bytes();
        let fits = self.queue.len() < MOST_WAITING;
        if fits {
            self.queue.push_back(Queued { bytes, result: None });
        }
        fits
    }

    /// Queues a result that is to be marked as sent once it left. Results never fall to the limit.
    pub(super) fn push_result(&mut self, result: &StoredResult, due: Due, now: Timestamp) {
        let bytes = self.render(SerialMessage::Result(result), now).into_bytes();
        self.queue.push_back(Queued { bytes, result: Some(due) });
    }

    /// Leaves a number out: a line was dropped.
    pub(super) fn skip(&mut self) {
        self.sequence += 1;
    }

    /// Whether no other result is queued or leaving.
    pub(super) fn may_take_result(&self) -> bool {
        self.leaving.is_none() && self.queue.iter().all(|queued| queued.result.is_none())
    }

    /// Whether the greeting was taken by the port.
    pub(super) fn greeted(&self) -> bool {
        self.greeted
    }

    /// Whether bytes wait to be written.
    pub(super) fn has_bytes(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether bytes may be written now: nothing follows a result that is leaving.
    pub(super) fn wants_to_write(&self) -> bool {
        self.has_bytes() && self.leaving.is_none()
    }

    /// Whether nothing is queued or leaving.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.leaving.is_none()
    }

    /// The result that has left, given that so many bytes still wait in the port; each is given once.
    pub(super) fn result_left(&mut self, waiting: u64) -> Option<Due> {
        if waiting == 0 { self.leaving.take() } else { None }
    }

    /// Writes what the port takes; gives the number of lines that became whole.
    ///
    /// Stops behind a result until it left, so that "the port is empty" speaks of that result.
    pub(super) fn write(&mut self, port: &mut Port) -> std::io::Result<u64> {
        let mut lines = 0;
        while self.leaving.is_none()
            && let Some(first) = self.queue.front()
        {
            let taken = port.write(&first.bytes[self.written..])?;
            self.written += taken;
            if self.written < first.bytes.len() {
                break;
            }
            self.leaving = first.result;
            self.queue.pop_front();
            self.written = 0;
            self.greeted = true;
            lines += 1;
        }
        Ok(lines)
    }

    fn render(&mut self, message: SerialMessage<'_>, now: Timestamp) -> String {
        self.sequence += 1;
        line::render(&SerialLine { sequence: self.sequence, time: now, station: &self.station, message }, self.format)
    }
}
