//! JSON report.

use serde::Serialize;

use super::letterhead::Letterhead;
use super::ranges::RangeLine;
use super::{Pictured, ReportError};
use crate::outputs::words::Words;
use crate::store::records::{CellRecord, SessionDetail};

#[derive(Serialize)]
struct JsonReport<'a> {
    notice: &'a str,
    laboratory: &'a str,
    /// Reference ranges that hold for this result.
    ranges: Vec<RangeLine>,
    #[serde(flatten)]
    session: &'a SessionDetail,
    cells: Vec<&'a CellRecord>,
}

/// Everything stored about a session, with the notice of its limits of use.
pub(super) fn json(
    session: &SessionDetail,
    cells: &[Pictured],
    words: &Words,
    letterhead: &Letterhead,
) -> Result<Vec<u8>, ReportError> {
    let ranges = session.reviewed_result.as_ref().map(|result| letterhead.ranges.beside(result));
    let cells = cells.iter().map(|(cell, _)| cell).collect();
    let report = JsonReport {
        notice: words.say("notice"),
        laboratory: &letterhead.name,
        ranges: ranges.unwrap_or_default(),
        session,
        cells,
    };
    let mut bytes = serde_json::to_vec_pretty(&report).map_err(|problem| ReportError::Text(problem.to_string()))?;
    bytes.push(b'\n');
    Ok(bytes)
}
