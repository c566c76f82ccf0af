//! Payloads: the JSON objects of the serial line, one a message. `docs/interfaces.md` shows each.

use jiff::Timestamp;
use serde::Serialize;

use crate::config::LineFormat;
use crate::counting::session::snapshot::Snapshot;
use crate::domain::critical::CriticalValue;
use crate::domain::flag::Flag;
use crate::domain::source::Mark;
use crate::outputs::serial::incoming::{Incoming, IncomingError, LONGEST_LINE, Request};
use crate::outputs::serial::line::{SerialLine, SerialMessage, render};
use crate::station::requests::{Asked, Commands};
use crate::store::StoredResult;

/// Name of whoever publishes commands, in the audit trail.
const BY: &str = "device:mqtt";

/// Numbers the messages of one station and makes their payloads.
#[derive(Debug)]
pub(super) struct Messages {
    station: String,
    sequence: u64,
}

#[derive(Serialize)]
struct StateFlags<'a> {
    time: Timestamp,
    station: &'a str,
    sample: &'a str,
    flags: &'a [Flag],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    marks: Vec<Mark>,
    #[serde(skip_serializing_if = "<[CriticalValue]>::is_empty")]
    critical: &'a [CriticalValue],
}

impl Messages {
    pub(super) fn new(station: String) -> Self {
        Self { station, sequence: 0 }
    }

    /// A state of the count; its `type` is `update`.
    pub(super) fn state(&mut self, state: &Snapshot) -> String {
        self.line(SerialMessage::Update(state))
    }

    /// A result; its `type` is `final` once signed.
    pub(super) fn result(&mut self, result: &StoredResult) -> String {
        self.line(SerialMessage::Result(result))
    }

    /// Why a command was refused.
    pub(super) fn error(&mut self, problem: &str) -> String {
        self.line(SerialMessage::Error(problem))
    }

    /// The flags of a state alone.
    pub(super) fn flags(&self, state: &Snapshot) -> String {
        let Snapshot { time, sample, flags, critical, .. } = state;
        let marks = state.marks();
        // Only text and times, so serialization cannot fail.
        serde_json::to_string(&StateFlags { time: *time, station: &self.station, sample, flags, marks, critical })
            .unwrap_or_default()
    }

    /// A number is skipped for an update that was dropped.
    pub(super) fn skip(&mut self) {
        self.sequence += 1;
    }

    fn line(&mut self, message: SerialMessage<'_>) -> String {
        self.sequence += 1;
        let line = SerialLine {
            sequence: self.sequence,
            time: Timestamp::now(),
            station: &self.station,
            protocol: 1,
            message,
        };
        let mut text = render(&line, LineFormat::Json);
        text.truncate(text.trim_end().len());
        text
    }
}

/// Requests in a message: the lines that a serial host may send, by the same grammar.
pub(super) fn requests(payload: &[u8]) -> Vec<Result<Request, IncomingError>> {
    if payload.len() > LONGEST_LINE {
        return vec![Err(IncomingError::TooLong)];
    }
    let mut incoming = Incoming::default();
    let mut found = incoming.push(payload);
    found.extend(incoming.push(b"\n"));
    found
}

/// Carries out a request.
///
/// # Errors
/// Why it is refused, in words for whoever sent it.
pub(super) fn carry_out(request: Result<Request, IncomingError>, commands: &Commands) -> Result<Done, String> {
    match request {
        Ok(Request::Session(command)) => {
            commands.ask(Asked::by(BY, command)).map_err(|problem| problem.to_string())?;
            Ok(Done::Asked)
        }
        Ok(Request::Status) => Ok(Done::ShowState),
        Ok(Request::Resend(_)) => {
            Err("resend is for the serial line; the web API gives a past result again".to_owned())
        }
        Err(problem) => Err(problem.to_string()),
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    Asked,
    /// The state is to be published now.
    ShowState,
}
