//! Values as the file holds them.

use std::str::FromStr;

use jiff::Timestamp;

use super::Problem;
use crate::domain::class::{CellClass, Kind};

/// A time as text that sorts.
pub(super) fn time(at: Timestamp) -> String {
    format!("{at:.9}")
}

pub(super) fn read_time(text: &str) -> Result<Timestamp, Problem> {
    Ok(text.parse()?)
}

pub(super) fn read_class(text: &str) -> Result<CellClass, Problem> {
    CellClass::from_str(text).map_err(|_| Problem::Content(format!("`{text}` is no class of cells")))
}

pub(super) fn read_kind(text: &str) -> Result<Kind, Problem> {
    let kind = Kind::ALL.into_iter().find(|kind| kind.code() == text);
    kind.ok_or_else(|| Problem::Content(format!("`{text}` is no kind of cells")))
}
