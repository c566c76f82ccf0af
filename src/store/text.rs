//! Stored text form of values.

use std::str::FromStr;

use jiff::Timestamp;

use super::StoreProblem;
use crate::domain::class::{CellClass, Kind};
use crate::domain::own_class::OwnName;
use crate::domain::red_class::RedClass;

/// A time as text that sorts.
pub(super) fn time(at: Timestamp) -> String {
    format!("{at:.9}")
}

pub(super) fn read_time(text: &str) -> Result<Timestamp, StoreProblem> {
    Ok(text.parse()?)
}

pub(super) fn read_class(text: &str) -> Result<CellClass, StoreProblem> {
    CellClass::from_str(text).map_err(|_| StoreProblem::Content(format!("`{text}` is no class of cells")))
}

pub(super) fn read_red_class(text: &str) -> Result<RedClass, StoreProblem> {
    RedClass::from_str(text).map_err(|_| StoreProblem::Content(format!("`{text}` is no class of red cells")))
}

pub(super) fn read_kind(text: &str) -> Result<Kind, StoreProblem> {
    let kind = Kind::ALL.into_iter().find(|kind| kind.code() == text);
    kind.ok_or_else(|| StoreProblem::Content(format!("`{text}` is no kind of cells")))
}

pub(super) fn read_own(text: &str) -> Result<OwnName, StoreProblem> {
    text.parse::<OwnName>().map_err(|problem| StoreProblem::Content(problem.to_string()))
}

/// A number of things in words: `1 line`, `2 lines`.
pub(crate) fn several(number: i64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}
