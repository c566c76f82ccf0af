//! The report of one session: for people (PDF), for spreadsheets (CSV) and for programs (JSON). It names the sample and no
//! patient. [`make`] is pure: the same session makes the same bytes.

mod differential;
mod json;
mod paper;
mod pdf;
mod pictures;
mod table;
mod typeface;

use std::str::FromStr;

use crate::outputs::words::Words;
use crate::store::records::{CellRecord, SessionDetail, SessionId};
use crate::store::{Store, StoreError};

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportFormat {
    /// For people, with the picture of the leading cells of each class.
    Pdf,
    /// For spreadsheets.
    Csv,
    /// For programs: all that is kept, without pictures.
    Json,
}

/// An ending that names no form.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no form of a report; write pdf, csv or json")]
pub struct UnknownReportFormat(String);

impl FromStr for ReportFormat {
    type Err = UnknownReportFormat;

    fn from_str(ending: &str) -> Result<Self, Self::Err> {
        match ending {
            "pdf" => Ok(Self::Pdf),
            "csv" => Ok(Self::Csv),
            "json" => Ok(Self::Json),
            _ => Err(UnknownReportFormat(ending.to_owned())),
        }
    }
}

impl ReportFormat {
    /// How the name of its file ends.
    #[must_use]
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }
}

/// A cell and, where one is kept, its picture (JPEG).
pub type Pictured = (CellRecord, Option<Vec<u8>>);

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// What is kept cannot be written as text.
    #[error("the report cannot be written: {0}")]
    Text(String),
}

/// The cells of a session as a report of this form takes them: none for CSV, with their pictures for PDF.
///
/// # Errors
/// When they cannot be read.
pub fn cells(store: &Store, session: SessionId, form: ReportFormat) -> Result<Vec<Pictured>, StoreError> {
    if form == ReportFormat::Csv {
        return Ok(Vec::new());
    }
    let pictured = |cell: CellRecord| {
        let shown = cell.has_crop && form == ReportFormat::Pdf;
        let picture = if shown { store.crop(session, cell.number)? } else { None };
        Ok((cell, picture))
    };
    store.cells(session, None, None)?.into_iter().map(pictured).collect()
}

/// Makes the report of a session, of the [`cells`] that its form takes.
///
/// # Errors
/// When what is kept cannot be written as text.
pub fn make(
    form: ReportFormat,
    detail: &SessionDetail,
    cells: &[Pictured],
    words: &Words,
) -> Result<Vec<u8>, ReportError> {
    match form {
        ReportFormat::Pdf => Ok(pdf::pdf(detail, cells, words)),
        ReportFormat::Csv => table::csv(detail, words),
        ReportFormat::Json => json::json(detail, cells, words),
    }
}
