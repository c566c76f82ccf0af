//! Queue of outgoing lines: numbered, whole, and never glued together. The only thing it asks of a port is to write as
//! much as fits.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::line::{self, SerialLine, SerialMessage};
use super::port::Port;
use crate::config::{LineFormat, SerialConfig};
use crate::outputs::delivery::Due;
use crate::store::StoredResult;

/// Most lines queued at once; a host that asks faster than it reads loses the rest.
const MOST_WAITING: usize = 16;

/// Lines that are queued, partly written, or written but still in the port.
#[derive(Debug)]
pub(super) struct LineQueue {
    station: String,
    format: LineFormat,
    protocol: u32,
    /// Number of the last line, whether sent or skipped.
    sequence: u64,
    queue: VecDeque<Queued>,
    /// Bytes of the first queued line already written.
    written: usize,
    /// A result that is fully written but still in the port's buffer.
    leaving: Option<Due>,
    greeted: bool,
}

#[derive(Debug)]
struct Queued {
    bytes: Vec<u8>,
    /// The result in this line, to be marked as sent.
    result: Option<Due>,
}

impl LineQueue {
    pub(super) fn new(station: String, config: &SerialConfig) -> Self {
        Self {
            station,
            format: config.format,
            protocol: config.protocol,
            sequence: 0,
            queue: VecDeque::new(),
            written: 0,
            leaving: None,
            greeted: false,
        }
    }

    /// Starts over on a newly opened port: discards pending lines (results are sent again), queues a line end to
    /// terminate a cut line, then the greeting.
    pub(super) fn connected(&mut self, may_have_half_a_line: bool, newest_result: u64, now: Timestamp) {
        self.queue.clear();
        self.written = 0;
        self.leaving = None;
        let mut greeting = String::new();
        if may_have_half_a_line {
            greeting.push('\n');
        }
        if self.format == LineFormat::Csv {
            greeting.push_str(&line::csv_header(self.protocol));
        }
        greeting.push_str(&self.render(SerialMessage::Hello { newest_result }, now));
        self.queue.push_back(Queued { bytes: greeting.into_bytes(), result: None });
        self.greeted = false;
    }

    /// Queues a line unless the queue is full; returns whether it did. A line that is not queued leaves a gap in the
    /// numbers.
    pub(super) fn push(&mut self, message: SerialMessage<'_>, now: Timestamp) -> bool {
        let bytes = self.render(message, now).into_bytes();
        let fits = self.queue.len() < MOST_WAITING;
        if fits {
            self.queue.push_back(Queued { bytes, result: None });
        }
        fits
    }

    /// Queues a result that is marked as sent once it has left. The queue limit does not apply to results.
    pub(super) fn push_result(&mut self, result: &StoredResult, due: Due, now: Timestamp) {
        let bytes = self.render(SerialMessage::Result(result), now).into_bytes();
        self.queue.push_back(Queued { bytes, result: Some(due) });
    }

    /// Skips a line number, because a line was dropped.
    pub(super) fn skip(&mut self) {
        self.sequence += 1;
    }

    /// Whether a result can be queued: no other is queued or leaving.
    pub(super) fn may_take_result(&self) -> bool {
        self.leaving.is_none() && self.queue.iter().all(|queued| queued.result.is_none())
    }

    /// Whether the greeting has been written.
    pub(super) fn greeted(&self) -> bool {
        self.greeted
    }

    /// Whether any bytes are still to be written.
    pub(super) fn has_bytes(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether there are bytes to write now: nothing is written behind a result that is leaving.
    pub(super) fn wants_to_write(&self) -> bool {
        self.has_bytes() && self.leaving.is_none()
    }

    /// Whether nothing is queued or leaving.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.leaving.is_none()
    }

    /// The result that has left, given the number of bytes still waiting in the port. Returned once per result.
    pub(super) fn result_left(&mut self, waiting: u64) -> Option<Due> {
        if waiting == 0 { self.leaving.take() } else { None }
    }

    /// Writes as much as the port takes; returns the number of lines completed.
    ///
    /// Stops after a result until it has left, so that an empty port means that this result has gone.
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
        let Self { sequence, protocol, ref station, format, .. } = *self;
        line::render(&SerialLine { sequence, time: now, station, protocol, message }, format)
    }
}
