//! The audit trail for people: a sentence for each line, and its export.

mod export;
mod sentence;

pub(crate) use export::{CsvLines, json_line};
pub(crate) use sentence::{ACTIONS, sentence};
