//! A worklist from a table: a file or what a person pasted. Every line is checked before any is taken.

use std::collections::BTreeMap;

use csv::{ReaderBuilder, StringRecord};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::config::SampleConfig;
use crate::counting::session::sample::{check_rules, sample_id};
use crate::domain::letters::unfit_in_line;
use crate::store::records::{Order, OrderTaken};
use crate::store::{Store, StoreError};
use crate::system::printable::printable;

/// Lines of a table, at most: more than the worklist holds.
const MOST_LINES: usize = 2000;

/// Longest number of an order, in characters.
const LONGEST_ORDER: usize = 64;

/// Characters of a bad line that are repeated.
const TOLD: usize = 80;

/// Names of columns, in lower case, as laboratory systems and spreadsheets write them.
const SAMPLE: &[&str] = &[
    "sample",
    "sample id",
    "sample_id",
    "sampleid",
    "id",
    "barcode",
    "specimen",
    "specimen id",
    "muestra",
    "échantillon",
    "echantillon",
];
const ORDER: &[&str] = &["order", "order id", "order_id", "order number", "pedido", "demande"];
const URGENT: &[&str] = &["urgent", "stat", "priority", "urgente", "prioridad", "priorité"];

/// Why a text is no table of samples.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTable {
    #[error("there is no sample in it: write one id a line, or a header row with a column `sample`")]
    Empty,
    #[error(
        "the first line has {0} columns, and none is called `sample`: add a header row that names the column of the ids, \
         or leave only that column"
    )]
    NoColumn(usize),
    #[error("it has more than {MOST_LINES} lines; split it")]
    TooLong,
}

/// A line that can be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct GoodLine {
    /// Its number in the table, from 1.
    pub line: u64,
    pub sample: String,
    /// The number of the order, if the table has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    pub urgent: bool,
}

/// A line that is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct BadLine {
    /// Its number in the table, from 1.
    pub line: u64,
    /// How it begins.
    pub text: String,
    /// What is wrong, and what to do.
    pub reason: String,
}

/// A table as read, every line in one of the two lists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Table {
    pub good: Vec<GoodLine>,
    pub bad: Vec<BadLine>,
}

/// Where the columns are.
struct Columns {
    sample: usize,
    order: Option<usize>,
    urgent: Option<usize>,
}

/// Reads a table: one id a line, or a header row that names the columns `sample`, and if there are any `order` and
/// `urgent`. Columns are apart by commas, semicolons or tabs. Empty lines are passed over.
///
/// # Errors
/// If there is no column of ids in it, or it is too long.
pub fn read(text: &str, rules: &SampleConfig) -> Result<Table, NoTable> {
    let text = text.trim_start_matches('\u{feff}');
    let first = text.lines().find(|line| !line.trim().is_empty()).ok_or(NoTable::Empty)?;
    let most = |delimiter: &u8| first.bytes().filter(|byte| byte == delimiter).count();
    let delimiter = [b',', b';', b'\t'].into_iter().max_by_key(most).filter(|d| most(d) > 0).unwrap_or(b';');
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let mut table = Table::default();
    let mut columns = None;
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    for row in reader.records() {
        // Text is never refused by this reader, whose rows may have any length.
        let Ok(row) = row else { continue };
        if row.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if table.good.len() + table.bad.len() >= MOST_LINES {
            return Err(NoTable::TooLong);
        }
        if columns.is_none() {
            columns = match header(&row) {
                Some(found) => {
                    columns = Some(found);
                    continue;
                }
                None if row.len() > 1 => return Err(NoTable::NoColumn(row.len())),
                None => Some(Columns { sample: 0, order: None, urgent: None }),
            };
        }
        let Some(columns) = &columns else { continue };
        let line = row.position().map_or(0, csv::Position::line);
        match checked(&row, columns, rules, line, &seen) {
            Ok(good) => {
                seen.insert(good.sample.clone(), line);
                table.good.push(good);
            }
            Err(reason) => {
                let text: String = row.iter().collect::<Vec<_>>().join(" ").chars().take(TOLD).collect();
                table.bad.push(BadLine { line, text: printable(&text).into_owned(), reason });
            }
        }
    }
    if table.good.is_empty() && table.bad.is_empty() { Err(NoTable::Empty) } else { Ok(table) }
}

fn header(row: &StringRecord) -> Option<Columns> {
    let named = |names: &[&str]| row.iter().position(|cell| names.contains(&cell.trim().to_lowercase().as_str()));
    Some(Columns { sample: named(SAMPLE)?, order: named(ORDER), urgent: named(URGENT) })
}

fn checked(
    row: &StringRecord,
    columns: &Columns,
    rules: &SampleConfig,
    line: u64,
    seen: &BTreeMap<String, u64>,
) -> Result<GoodLine, String> {
    let cell = |at: Option<usize>| at.and_then(|at| row.get(at)).map(str::trim).unwrap_or_default();
    let typed = cell(Some(columns.sample));
    if typed.is_empty() {
        return Err("the line has no sample id".to_owned());
    }
    if is_rounded(typed) {
        return Err("a spreadsheet turned this id into a number and lost digits of it; set its column to text, and write the id again".to_owned());
    }
    let sample = sample_id(typed).map_err(|problem| problem.to_string())?;
    check_rules(&sample, rules).map_err(|problem| problem.to_string())?;
    if let Some(earlier) = seen.get(&sample) {
        return Err(format!("the same id stands on line {earlier}"));
    }
    let order = cell(columns.order);
    if order.chars().count() > LONGEST_ORDER || unfit_in_line(order).is_some() {
        return Err(format!("an order's number has at most {LONGEST_ORDER} characters that show; this one does not"));
    }
    let urgent = match cell(columns.urgent).to_lowercase().as_str() {
        "" | "0" | "no" | "n" | "false" | "r" | "routine" | "non" => false,
        "1" | "yes" | "y" | "true" | "x" | "s" | "stat" | "urgent" | "sí" | "si" | "oui" => true,
        other => {
            let other = printable(&other.chars().take(TOLD).collect::<String>()).into_owned();
            return Err(format!("`{other}` does not say whether it is urgent; write yes or no"));
        }
    };
    Ok(GoodLine { line, sample, order_id: (!order.is_empty()).then(|| order.to_owned()), urgent })
}

/// Whether a spreadsheet wrote a long number as `1.23457E+11`.
fn is_rounded(text: &str) -> bool {
    let Some((number, power)) = text.split_once("E+").or_else(|| text.split_once("e+")) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(power) && digits(&number.replacen(['.', ','], "", 1))
}

/// Takes the good lines as orders of `host`. Lines for which there is no room join the bad ones. Returns how many of the
/// others are new.
///
/// # Errors
/// If the store cannot be written.
pub fn take(store: &Store, host: &str, table: &mut Table) -> Result<usize, StoreError> {
    let mut new = 0;
    let mut taken = Vec::new();
    for line in std::mem::take(&mut table.good) {
        let GoodLine { sample, order_id, urgent, .. } = line.clone();
        let order = Order { sample, host: host.to_owned(), order_id, urgent };
        match store.order(&order, Timestamp::now()) {
            Ok(OrderTaken::New) => new += 1,
            Ok(OrderTaken::Changed | OrderTaken::Known) => {}
            Err(StoreError::Refused(reason)) => {
                table.bad.push(BadLine { line: line.line, text: line.sample, reason });
                continue;
            }
            Err(problem) => return Err(problem),
        }
        taken.push(line);
    }
    table.good = taken;
    Ok(new)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules() -> SampleConfig {
        SampleConfig { pattern: "[A-Z]-[0-9]+".to_owned(), refuse_names: true, ..SampleConfig::default() }
    }

    fn samples(table: &Table) -> Vec<(u64, &str, bool)> {
        table.good.iter().map(|good| (good.line, good.sample.as_str(), good.urgent)).collect()
    }

    #[test]
    fn one_id_a_line_or_a_header_row_in_any_usual_form() {
        for text in ["A-1\nA-2\n", "\u{feff}A-1\r\n\r\n  A-2  ", "sample\nA-1\nA-2", "Barcode;Name\nA-1;x\nA-2;y"] {
            let table = read(text, &rules()).unwrap();
            assert_eq!(table.bad, [], "{text}");
            assert_eq!(samples(&table).iter().map(|(_, id, _)| *id).collect::<Vec<_>>(), ["A-1", "A-2"], "{text}");
        }
        let table = read("order\tSample ID\turgent\n\"17\"\tA-1\tyes\n\tA-2\t\n", &rules()).unwrap();
        assert_eq!(samples(&table), [(2, "A-1", true), (3, "A-2", false)]);
        assert_eq!(table.good[0].order_id.as_deref(), Some("17"));
    }

    #[test]
    fn bad_lines_are_named_by_their_number_with_the_reason() {
        let text = "sample,urgent\nA-1,\nMaria Lopez,\nA-1,\n,yes\nB17,\n1.23E+11,\nA-9,perhaps\nA-2,no\n";
        let table = read(text, &rules()).unwrap();
        assert_eq!(samples(&table), [(2, "A-1", false), (9, "A-2", false)]);
        let told: Vec<(u64, &str)> = table.bad.iter().map(|bad| (bad.line, bad.reason.as_str())).collect();
        for ((line, reason), (wanted, part)) in told.iter().zip([
            (3, "person's name"),
            (4, "stands on line 2"),
            (5, "no sample id"),
            (6, "[A-Z]-[0-9]+"),
            (7, "spreadsheet"),
            (8, "yes or no"),
        ]) {
            assert!(*line == wanted && reason.contains(part), "{line}: {reason}");
        }
        assert_eq!(told.len(), 6);
    }

    #[test]
    fn what_is_no_table_of_samples_is_refused() {
        assert_eq!(read(" \n\n", &rules()), Err(NoTable::Empty));
        assert_eq!(read("sample\n", &rules()), Err(NoTable::Empty));
        assert_eq!(read("A-1,Lopez,1961\n", &rules()), Err(NoTable::NoColumn(3)));
        assert_eq!(read(&"x\n".repeat(3000), &rules()), Err(NoTable::TooLong));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic_and_no_line_is_lost(text in "\\PC*(\n\\PC{0,20}){0,6}") {
            if let Ok(table) = read(&text, &SampleConfig::default()) {
                prop_assert!(table.good.iter().all(|good| sample_id(&good.sample).is_ok()));
                prop_assert!(!table.good.is_empty() || !table.bad.is_empty());
            }
        }
    }
}
