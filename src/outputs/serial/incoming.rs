//! Parses bytes from the host into requests. Does no I/O and accepts any bytes without panicking.

use serde::Deserialize;

use crate::counting::session::sample::{NoSampleId, sample_id};
use crate::counting::session::snapshot::Command;
use crate::counting::statistics::absolute::{Entered, NoWhiteCount};
use crate::counting::statistics::per_red_cell::NoRedCount;

/// Longest line accepted from the host, in bytes.
pub const LONGEST_LINE: usize = 512;

/// A request from the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A command to the session.
    Session(Command),
    /// Send a status line now.
    Status,
    /// Send the result with this number again, as it stands now.
    Resend(u64),
}

/// Why a line from the host is not a valid request. The message goes back to the host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IncomingError {
    /// The line is longer than any request.
    #[error("line longer than {LONGEST_LINE} bytes; send one request a line")]
    TooLong,
    /// The bytes are not text: usually the wrong baud rate.
    #[error("bytes that are no text; check the baud rate at both ends")]
    NotText,
    /// An unknown request.
    #[error("{0:?} is no request; send start, stop, status, new [ID], red COUNT, white COUNT or resend NUMBER")]
    Unknown(String),
    /// `resend` without a number.
    #[error("resend needs the number of a result, such as: resend 12")]
    NoNumber,
    /// An invalid sample id.
    #[error(transparent)]
    BadSample(#[from] NoSampleId),
    /// `red` without a valid red count.
    #[error("{0}; send such as: red 4.5")]
    NoRedCount(NoRedCount),
    /// `white` without a valid white count.
    #[error("{0}; send such as: white 6.5")]
    NoWhiteCount(NoWhiteCount),
    /// An argument after a request that takes none.
    #[error("{0} takes nothing after it")]
    Extra(&'static str),
    /// JSON that is not a valid request.
    #[error("this JSON is no request; send such as {{\"command\":\"new\",\"sample\":\"A-17\"}}")]
    BadJson,
}

/// Buffers the bytes of an incomplete line.
#[derive(Debug, Default)]
pub struct Incoming {
    line: Vec<u8>,
    /// The line is already too long; the rest of it is skipped.
    overlong: bool,
}

impl Incoming {
    /// Takes bytes as they arrive and returns a request or an error for every line they complete. LF, CR and CRLF end a
    /// line; empty lines are ignored. At most [`LONGEST_LINE`] bytes are buffered.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Result<Request, IncomingError>> {
        let mut found = Vec::new();
        for &byte in bytes {
            match byte {
                b'\n' | b'\r' => found.extend(self.end_line()),
                _ if self.line.len() < LONGEST_LINE => self.line.push(byte),
                _ => self.overlong = true,
            }
        }
        found
    }

    /// Discards an incomplete line, because the port it came from was closed.
    pub fn clear(&mut self) {
        self.line.clear();
        self.overlong = false;
    }

    fn end_line(&mut self) -> Option<Result<Request, IncomingError>> {
        let line = std::mem::take(&mut self.line);
        let overlong = std::mem::take(&mut self.overlong);
        if is_echo(&line) {
            return None;
        }
        if overlong {
            return Some(Err(IncomingError::TooLong));
        }
        match std::str::from_utf8(&line) {
            Ok(text) if text.trim().is_empty() => None,
            Ok(text) if text.chars().any(|c| c.is_control() && c != '\t') => Some(Err(IncomingError::NotText)),
            Ok(text) => Some(parse(text.trim())),
            Err(_) => Some(Err(IncomingError::NotText)),
        }
    }
}

/// Whether a line is an echo of our own: a host whose terminal echoes returns everything it receives. Answering with an
/// error, which would be echoed too, would never end.
fn is_echo(line: &[u8]) -> bool {
    const OURS: [&[u8]; 8] =
        [b"{\"type\":", b"type,sequence,", b"hello,", b"update,", b"status,", b"preliminary,", b"final,", b"error,"];
    OURS.iter().any(|start| line.trim_ascii_start().starts_with(start))
}

/// Parses one line, plain words or JSON.
///
/// # Errors
/// If it is not a valid request.
pub fn parse(line: &str) -> Result<Request, IncomingError> {
    if line.starts_with('{') {
        return parse_json(line);
    }
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    request(word, Some(rest.trim()).filter(|rest| !rest.is_empty()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonRequest {
    command: String,
    sample: Option<String>,
    result: Option<u64>,
    red_count: Option<f64>,
    white_count: Option<f64>,
}

fn parse_json(line: &str) -> Result<Request, IncomingError> {
    let JsonRequest { command, sample, result, red_count, white_count } =
        serde_json::from_str(line).map_err(|_| IncomingError::BadJson)?;
    match (command.as_str(), sample, result, red_count, white_count) {
        ("new", sample, None, None, None) => request("new", sample.as_deref()),
        ("resend", None, Some(result), None, None) => Ok(Request::Resend(result)),
        ("red", sample, None, Some(count), None) | ("white", sample, None, None, Some(count)) => {
            request(&command, Some(&format!("{count} {}", sample.unwrap_or_default())))
        }
        (word, None, None, None, None) => request(word, None),
        _ => Err(IncomingError::BadJson),
    }
}

fn request(word: &str, argument: Option<&str>) -> Result<Request, IncomingError> {
    let alone = |name, request| if argument.is_some() { Err(IncomingError::Extra(name)) } else { Ok(request) };
    match word.to_ascii_lowercase().as_str() {
        "start" => alone("start", Request::Session(Command::Start)),
        "stop" => alone("stop", Request::Session(Command::Stop)),
        "status" => alone("status", Request::Status),
        "new" => Ok(Request::Session(Command::NewSample(argument.map(sample_id).transpose()?))),
        "red" => {
            let (count, sample) = of_sample(argument)?;
            Ok(entered(sample, Entered::Red(count.parse().map_err(IncomingError::NoRedCount)?)))
        }
        "white" => {
            let (count, sample) = of_sample(argument)?;
            Ok(entered(sample, Entered::White(count.parse().map_err(IncomingError::NoWhiteCount)?)))
        }
        "resend" => argument.and_then(|number| number.parse().ok()).map(Request::Resend).ok_or(IncomingError::NoNumber),
        _ => Err(IncomingError::Unknown(word.chars().filter(|c| !c.is_control()).take(32).collect())),
    }
}

/// A count, and the id of the sample that it belongs to, if one stands behind it.
fn of_sample(argument: Option<&str>) -> Result<(&str, Option<String>), IncomingError> {
    let argument = argument.unwrap_or_default().trim();
    let (count, sample) = argument.split_once(' ').unwrap_or((argument, ""));
    let sample = Some(sample.trim()).filter(|sample| !sample.is_empty());
    Ok((count, sample.map(sample_id).transpose()?))
}

fn entered(sample: Option<String>, entered: Entered) -> Request {
    Request::Session(match sample {
        None => Command::Enter(entered),
        Some(sample) => Command::EnterFor(sample, entered),
    })
}
