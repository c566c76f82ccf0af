//! Takes bytes from the host apart into requests. No input or output here, and no bytes that can upset it.

use serde::Deserialize;

use crate::counting::session::sample::{NoSampleId, sample_id};
use crate::counting::session::snapshot::Command;
use crate::counting::statistics::per_red_cell::NoRedCount;

/// The longest line a host may send, in bytes.
pub const LONGEST_LINE: usize = 512;

/// What the host asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Something the session does.
    Session(Command),
    /// A status line now.
    Status,
    /// The result of this number once more, as it stands.
    Resend(u64),
}

/// Why a line from the host is no request. The words go back to the host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IncomingError {
    /// More bytes than any request has.
    #[error("line longer than {LONGEST_LINE} bytes; send one request a line")]
    TooLong,
    /// Bytes that are no text: usually the wrong baud rate.
    #[error("bytes that are no text; check the baud rate at both ends")]
    NotText,
    /// A word that is no request.
    #[error("{0:?} is no request; send start, stop, status, new [ID], red COUNT or resend NUMBER")]
    Unknown(String),
    /// `resend` without a number.
    #[error("resend needs the number of a result, such as: resend 12")]
    NoNumber,
    /// A sample id that cannot be one.
    #[error(transparent)]
    BadSample(#[from] NoSampleId),
    /// `red` without a number that is one.
    #[error("{0}; send such as: red 4.5")]
    NoRedCount(NoRedCount),
    /// A word after a request that takes none.
    #[error("{0} takes nothing after it")]
    Extra(&'static str),
    /// JSON that is no request.
    #[error("this JSON is no request; send such as {{\"command\":\"new\",\"sample\":\"A-17\"}}")]
    BadJson,
}

/// The bytes of a line that is not whole yet.
#[derive(Debug, Default)]
pub struct Incoming {
    line: Vec<u8>,
    /// The line is too long already; what still comes of it is skipped.
    overlong: bool,
}

impl Incoming {
    /// Takes bytes as they come and gives the requests and errors of every line that they end. LF, CR and CRLF end lines;
    /// empty lines are nothing. No more than [`LONGEST_LINE`] bytes are kept.
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

    /// Forgets a line that is not whole: the port it came from was closed.
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

/// Whether a line is one of ours come back: a host whose terminal echoes sends all it gets. Answering it with an error,
/// which comes back too, would never end.
fn is_echo(line: &[u8]) -> bool {
    const OURS: [&[u8]; 8] =
        [b"{\"type\":", b"type,sequence,", b"hello,", b"update,", b"status,", b"preliminary,", b"final,", b"error,"];
    OURS.iter().any(|start| line.trim_ascii_start().starts_with(start))
}

/// Understands one line, plain words or JSON.
///
/// # Errors
/// When it is no request.
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
}

fn parse_json(line: &str) -> Result<Request, IncomingError> {
    let JsonRequest { command, sample, result, red_count } =
        serde_json::from_str(line).map_err(|_| IncomingError::BadJson)?;
    match (command.as_str(), sample, result, red_count) {
        ("new", sample, None, None) => request("new", sample.as_deref()),
        ("resend", None, Some(result), None) => Ok(Request::Resend(result)),
        ("red", None, None, Some(count)) => request("red", Some(&count.to_string())),
        (word, None, None, None) => request(word, None),
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
            let count = argument.unwrap_or_default().parse().map_err(IncomingError::NoRedCount)?;
            Ok(Request::Session(Command::RedCount(count)))
        }
        "resend" => argument.and_then(|number| number.parse().ok()).map(Request::Resend).ok_or(IncomingError::NoNumber),
        _ => Err(IncomingError::Unknown(word.chars().filter(|c| !c.is_control()).take(32).collect())),
    }
}
