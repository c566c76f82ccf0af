//! JSON report.

use serde::Serialize;

use super::{Pictured, ReportError};
use crate::outputs::words::Words;
use crate::store::records::{CellRecord, SessionDetail};

#[derive(Serialize)]
struct JsonReport<'a> {
    notice: &'a str,
    #[serde(flatten)]
    session: &'a SessionDetail,
    cells: Vec<&'a CellRecord>,
}

/// Everything stored about a session, with the notice of its limits of use.
pub(super) fn json(session: &SessionDetail, cells: &[Pictured], words: &Words) -> Result<Vec<u8>, ReportError> {
    let cells = cells.iter().map(|(cell, _)| cell).collect();
    let report = JsonReport { notice: words.say("notice"), session, cells };
    let mut bytes = serde_json::to_vec_pretty(&report).map_err(|problem| ReportError::Text(problem.to_string()))?;
    bytes.push(b'\n');
    Ok(bytes)
}
