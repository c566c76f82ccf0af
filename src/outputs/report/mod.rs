//! Report of one session: for people (PDF), for spreadsheets (CSV) and for programs (JSON). It names the sample and
//! no patient. [`make`] is pure: the same session gives the same bytes.

mod absolute;
mod alarm;
mod control;
mod differential;
mod embed;
mod head;
mod json;
mod label;
pub mod letterhead;
mod paper;
mod pdf;
mod pictures;
mod platelets;
pub mod ranges;
mod red_cells;
mod reference;
mod shape;
mod table;
mod typeface;
mod versions;

use std::str::FromStr;

pub use self::control::control_runs;
use self::letterhead::Letterhead;
pub(crate) use self::table::entered;

use crate::outputs::words::Words;
use crate::store::records::{CellRecord, SessionDetail, SessionId};
use crate::store::{Store, StoreError};

/// File format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportFormat {
    /// For people, with pictures of the leading cells of each class.
    Pdf,
    /// For spreadsheets.
    Csv,
    /// For people, to stick on: 57 x 32 mm with the sample id as a QR code.
    Label,
    /// For programs: everything stored, without pictures.
    Json,
}

/// File ending that matches no report format.
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
    /// File name ending.
    #[must_use]
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Label => "label.pdf",
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }
}

/// File name of a session's report: its number and the sample id, in characters safe in every file system.
#[must_use]
pub(crate) fn file_name(session: SessionId, sample: &str, form: ReportFormat) -> String {
    let safe = |letter: char| if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '_' };
    let sample: String = sample.chars().map(safe).collect();
    let sample = sample.trim_matches(['_', '.', '-']);
    let before = if sample.is_empty() { "" } else { "-" };
    format!("leukoscope-{session}{before}{sample}.{}", form.ending())
}

/// A cell and its picture (JPEG), if one is stored.
pub type Pictured = (CellRecord, Option<Vec<u8>>);

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A stored record cannot be serialised.
    #[error("the report cannot be written: {0}")]
    Text(String),
    /// An installed typeface is damaged.
    #[error("the report cannot be written: the typeface {0} is damaged; install its package again")]
    Typeface(String),
    /// The sample id is too long for a code.
    #[error("the label cannot be written: the sample id does not fit into a QR code")]
    Code,
}

/// Cells of a session as this format needs them: none for CSV, with pictures for PDF.
///
/// # Errors
/// If the store cannot be read.
pub fn cells(store: &Store, session: SessionId, form: ReportFormat) -> Result<Vec<Pictured>, StoreError> {
    if matches!(form, ReportFormat::Csv | ReportFormat::Label) {
        return Ok(Vec::new());
    }
    let pictured = |cell: CellRecord| {
        let shown = cell.has_crop && form == ReportFormat::Pdf;
        let picture = if shown { store.crop(session, cell.number)? } else { None };
        Ok((cell, picture))
    };
    store.cells(session, None, None)?.into_iter().map(pictured).collect()
}

/// Makes the report of a session from the [`cells`] its format needs.
///
/// # Errors
/// If a stored record cannot be serialised, or an installed typeface not be embedded.
pub fn make(
    form: ReportFormat,
    detail: &SessionDetail,
    cells: &[Pictured],
    words: &Words,
    letterhead: &Letterhead,
) -> Result<Vec<u8>, ReportError> {
    match form {
        ReportFormat::Pdf => pdf::pdf(detail, cells, words, letterhead),
        ReportFormat::Label => label::label(detail, letterhead, words),
        ReportFormat::Csv => table::csv(detail, words, letterhead),
        ReportFormat::Json => json::json(detail, cells, words, letterhead),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_filed_under_its_sample_wherever_it_is_saved() {
        for (sample, name) in [
            ("A-17", "leukoscope-12-A-17.pdf"),
            ("../../etc/passwd", "leukoscope-12-etc_passwd.pdf"),
            ("Ñ 7\"/\\;", "leukoscope-12-7.pdf"),
            ("..", "leukoscope-12.pdf"),
        ] {
            assert_eq!(file_name(12, sample, ReportFormat::Pdf), name);
        }
    }
}
