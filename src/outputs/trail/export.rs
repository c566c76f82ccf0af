//! Lines of the audit trail for spreadsheets and programs.

use std::io::{self, Write};

use serde::Serialize;

use super::sentence::{person, sentence};
use crate::outputs::report::entered;
use crate::outputs::words::Words;
use crate::store::records::AuditEntry;
use crate::system::zone;

/// Without it, spreadsheets read letters with accents in the encoding of their system.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

const COLUMNS: [&str; 9] = ["line", "time", "who", "action", "session", "sample", "sentence", "detail", "hash"];

/// Writes lines as a table; text that a spreadsheet would run or change is guarded as in reports.
pub(crate) struct CsvLines<W: Write>(csv::Writer<W>);

impl<W: Write> CsvLines<W> {
    /// Begins the table.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn new(mut to: W) -> io::Result<Self> {
        to.write_all(BYTE_ORDER_MARK)?;
        let mut lines = csv::Writer::from_writer(to);
        lines.write_record(COLUMNS)?;
        Ok(Self(lines))
    }

    /// # Errors
    /// If it cannot be written.
    pub(crate) fn line(&mut self, entry: &AuditEntry, words: &Words) -> io::Result<()> {
        let fields = [
            entry.number.to_string(),
            zone::rfc3339(entry.at),
            entered(&person(&entry.by, words)),
            entry.action.clone(),
            entry.session.map(|session| session.to_string()).unwrap_or_default(),
            entered(entry.detail["sample"].as_str().unwrap_or_default()),
            entered(&sentence(entry, words)),
            entered(&entry.detail.to_string()),
            entry.hash.clone(),
        ];
        Ok(self.0.write_record(fields)?)
    }

    /// # Errors
    /// If it cannot be written.
    pub(crate) fn end(self) -> io::Result<W> {
        self.0.into_inner().map_err(|problem| io::Error::other(problem.to_string()))
    }
}

#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    entry: &'a AuditEntry,
    said: String,
}

/// A line for programs, with its sentence: one JSON object.
///
/// # Errors
/// Never for what the store gives.
pub(crate) fn json_line(entry: &AuditEntry, words: &Words) -> serde_json::Result<String> {
    serde_json::to_string(&Told { entry, said: sentence(entry, words) })
}
