//! JSON report.

use serde::Serialize;

use super::letterhead::Letterhead;
use super::ranges::{Mark, Range, RangeOf, RangeUnit};
use super::reference::Reference;
use super::{Pictured, ReportError};
use crate::counting::session::snapshot::Snapshot;
use crate::outputs::words::Words;
use crate::store::records::{CellRecord, SessionDetail};

#[derive(Serialize)]
struct JsonReport<'a> {
    notice: &'a str,
    laboratory: &'a str,
    /// Reference ranges that hold for this result.
    ranges: Vec<RangeLine<'a>>,
    #[serde(flatten)]
    session: &'a SessionDetail,
    cells: Vec<&'a CellRecord>,
}

/// A reference range, and where the value lies.
#[derive(Serialize)]
struct RangeLine<'a> {
    #[serde(flatten)]
    range: &'a Range,
    /// `L` or `H`; null within, or without a value.
    mark: Option<Mark>,
}

/// Value that a range is for; 0 of a class that was not met.
pub(super) fn value(result: &Snapshot, of: RangeOf, unit: RangeUnit) -> Option<f64> {
    match (unit, of) {
        (RangeUnit::Percent, RangeOf::Class(class)) => {
            let line = result.classes.iter().find(|line| line.class == class);
            Some(line.map_or(0.0, |line| line.percent)).filter(|_| result.counted > 0)
        }
        (RangeUnit::Percent, RangeOf::Group(group)) => result.statistics.groups.get(&group).map(|figure| figure.value),
        (RangeUnit::PerUl, RangeOf::Class(class)) => result
            .statistics
            .absolute
            .as_ref()
            .map(|counts| counts.classes.get(&class).map_or(0.0, |figure| figure.value)),
        (RangeUnit::PerUl, RangeOf::Group(group)) => result
            .statistics
            .absolute
            .as_ref()
            .map(|counts| counts.groups.get(&group).map_or(0.0, |figure| figure.value)),
    }
}

/// Everything stored about a session, with the notice of its limits of use.
pub(super) fn json(
    session: &SessionDetail,
    cells: &[Pictured],
    words: &Words,
    letterhead: &Letterhead,
) -> Result<Vec<u8>, ReportError> {
    let ranges = session.reviewed_result.as_ref().map(|result| {
        let line =
            |range| RangeLine { range, mark: value(result, range.of, range.unit).and_then(|value| range.mark(value)) };
        Reference::of(result, &letterhead.ranges).held().map(line).collect()
    });
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
