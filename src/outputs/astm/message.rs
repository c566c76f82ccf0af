//! Messages of CLSI LIS2-A2 (ASTM E1394): a result as records, and what a host's records ask for. Does no I/O.

use jiff::Timestamp;

use super::record::{Delimiters, Record, decoded, encoded, escaped};
use crate::config::{AstmCharset, CodesConfig};
use crate::outputs::delivery::codes::{self, CELLS, Code, Defined, ResultStatus};
use crate::outputs::delivery::notes::notes;
use crate::outputs::delivery::processing::processing_id;
use crate::store::StoredResult;
use crate::store::records::SessionDetail;
use crate::system::zone;

/// Records of a host's message, at most; more is noise.
const MOST_RECORDS: usize = 10_000;

/// Who sends, and how.
#[derive(Clone, Debug)]
pub struct Sender {
    /// Name of the station.
    pub station: String,
    /// Name of the laboratory system, if it wants one.
    pub receiver: Option<String>,
    pub charset: AstmCharset,
    pub codes: CodesConfig,
}

/// A picture of a white cell that goes with a result.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Number of the cell in its session.
    pub number: i64,
    /// Code of the class in force.
    pub class: &'static str,
    /// JPEG in base64.
    pub jpeg: String,
}

/// How a message ends (LIS2-A2, 13.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Normal,
    /// The last thing that was asked for is answered.
    QueryDone,
    /// Nothing is known of what was asked for.
    NothingKnown,
}

impl Sender {
    /// A result as a message, one record each: unasked, or as the answer to a query.
    ///
    /// H-3 is the same whenever the same result in the same state is sent again: its number, its signature's day and second, and the
    /// identity of the store that numbered it.
    /// `detail` is its session, for the settings in force and what the program had counted before the review.
    #[must_use]
    pub fn result(
        &self,
        result: &StoredResult,
        detail: Option<&SessionDetail>,
        asked: bool,
        pictures: &[Picture],
        now: Timestamp,
    ) -> Vec<Vec<u8>> {
        let snapshot = &result.snapshot;
        let status = ResultStatus::of(result);
        let signed = result.signature.as_ref();
        let at = signed.map_or(snapshot.time, |signature| signature.at);
        let store = result.store.as_deref().unwrap_or_default();
        let id = format!("{}-{}-{store}", result.sequence, zone::compact(at));
        let counted = detail.and_then(|detail| detail.counted_result.as_ref());
        let mut rows = codes::rows(result, &self.codes);
        rows.extend(codes::emptied(result, counted, &self.codes));
        let notes = notes(result, detail.and_then(|detail| detail.settings.as_ref()), counted);
        // A comment of several lines is one record a line.
        let notes = notes.iter().flat_map(|note| note.lines()).map(str::trim).filter(|line| !line.is_empty());
        let kind = if asked { "Q" } else { status.letter() };
        let mut records = vec![self.header(&id, processing_id(snapshot), now), "P|1".to_owned()];
        records.push(fields(&[
            (1, "O".into()),
            (2, "1".into()),
            (3, escaped(&snapshot.sample)),
            (4, format!("{}^{store}", result.sequence)),
            (5, universal(Some(&codes::panel(&self.codes)), "DIFF")),
            (6, "R".into()),
            (8, snapshot.started.map(zone::compact).unwrap_or_default()),
            (23, zone::compact(at)),
            (26, kind.into()),
        ]));
        records.extend(notes.enumerate().map(|(index, note)| comment(index + 1, note)));
        let signer = signed.map(|signature| escaped(&signature.by)).unwrap_or_default();
        let mut number = 0;
        let mut figure = |test: String, value: String, unit: &str, abnormal: bool| {
            number += 1;
            fields(&[
                (1, "R".into()),
                (2, number.to_string()),
                (3, test),
                (4, value),
                (5, escaped(unit)),
                (7, if abnormal { "A".into() } else { String::new() }),
                (9, status.letter().into()),
                (11, signer.clone()),
                (13, zone::compact(snapshot.time)),
                (14, escaped(&self.station)),
            ])
        };
        for row in &rows {
            let flagged = row.is_flagged(&snapshot.flags);
            let share = format!("{:.1}", row.share.value);
            records.push(figure(universal(row.code.as_ref(), row.own()), share, row.unit, flagged));
            records.push(figure(universal(None, &row.own_cells()), row.cells.to_string(), CELLS, false));
        }
        records.push(figure(universal(None, "CELLS"), snapshot.counted.to_string(), CELLS, false));
        records.extend(pictures.iter().enumerate().map(|(index, picture)| {
            fields(&[
                (1, "M".into()),
                (2, (index + 1).to_string()),
                (3, format!("JPEG^{}^{}", picture.number, picture.class)),
                (4, picture.jpeg.clone()),
            ])
        }));
        records.push(terminator(if asked { Ending::QueryDone } else { Ending::Normal }));
        self.encoded(&records)
    }

    /// The answer to a query for a sample that has no result to give (O-26: `Z`, no record of it).
    #[must_use]
    pub fn unknown_sample(&self, sample: &str, now: Timestamp) -> Vec<Vec<u8>> {
        let order = fields(&[(1, "O".into()), (2, "1".into()), (3, escaped(sample)), (26, "Z".into())]);
        let id = format!("0-{}", zone::compact(now));
        self.encoded(&[self.header(&id, "P", now), "P|1".to_owned(), order, terminator(Ending::NothingKnown)])
    }

    /// The answer to an order that is not taken (O-26: `X`, it cannot be done), with the reason as a comment.
    #[must_use]
    pub fn refused_order(&self, sample: &str, why: &str, now: Timestamp) -> Vec<Vec<u8>> {
        let order = fields(&[(1, "O".into()), (2, "1".into()), (3, escaped(sample)), (26, "X".into())]);
        let id = format!("0-{}", zone::compact(now));
        let records =
            [self.header(&id, "P", now), "P|1".to_owned(), order, comment(1, why), terminator(Ending::Normal)];
        self.encoded(&records)
    }

    fn header(&self, id: &str, processing: &str, now: Timestamp) -> String {
        fields(&[
            (1, "H".into()),
            (2, "\\^&".into()),
            (3, id.into()),
            (5, format!("leukoscope^{}^{}", escaped(&self.station), env!("CARGO_PKG_VERSION"))),
            (10, self.receiver.as_deref().map(escaped).unwrap_or_default()),
            (12, processing.into()),
            (13, "LIS2-A2".into()),
            (14, zone::compact(now)),
        ])
    }

    fn encoded(&self, records: &[String]) -> Vec<Vec<u8>> {
        records.iter().map(|record| encoded(record, self.charset)).collect()
    }
}

/// A record of numbered fields, those between them empty.
fn fields(values: &[(usize, String)]) -> String {
    let mut record = String::new();
    let mut at = 1;
    for (number, value) in values {
        while at < *number {
            record.push('|');
            at += 1;
        }
        record.push_str(value);
    }
    record.trim_end_matches('|').to_owned()
}

/// Universal test id (LIS2-A2, 6.6.1): published code, its name, its kind, the program's own code.
fn universal(code: Option<&Code>, own: &str) -> String {
    match code {
        Some(Code { code, name, defined: Defined::Loinc }) => format!("{}^{}^LN^{own}", escaped(code), escaped(name)),
        // A code of the site stands where local codes stand.
        Some(Code { code, .. }) => format!("^^^{}", escaped(code)),
        None => format!("^^^{own}"),
    }
}

fn comment(number: usize, text: &str) -> String {
    fields(&[(1, "C".into()), (2, number.to_string()), (3, "I".into()), (4, escaped(text)), (5, "G".into())])
}

fn terminator(ending: Ending) -> String {
    let code = match ending {
        Ending::Normal => 'N',
        Ending::QueryDone => 'F',
        Ending::NothingKnown => 'I',
    };
    format!("L|1|{code}")
}

/// What a host asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Count this sample.
    Order { sample: String, order_id: Option<String>, urgent: bool },
    /// Count it no more.
    Cancel { sample: String, order_id: Option<String> },
    /// Send the result of this sample.
    Query { sample: String },
}

/// Why a host's message is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotUnderstood {
    #[error("it does not begin with a header record (H) that names four delimiters")]
    NoHeader,
    #[error("it does not end with a terminator record (L), so a part of it may be missing")]
    NoTerminator,
    #[error("it has more than {MOST_RECORDS} records")]
    TooLong,
    #[error("its header says that it is for training, debugging or quality control (H-12), not for patients' samples")]
    NotProduction,
}

/// Reads a message: orders, cancellations and queries, in their order. Results and comments of a host are passed over.
///
/// # Errors
/// If it is not whole, or not for production.
pub fn read(bytes: &[u8], charset: AstmCharset) -> Result<Vec<Asked>, NotUnderstood> {
    let text = decoded(bytes, charset);
    let lines: Vec<&str> = text.split(['\r', '\n']).filter(|line| !line.is_empty()).take(MOST_RECORDS + 1).collect();
    if lines.len() > MOST_RECORDS {
        return Err(NotUnderstood::TooLong);
    }
    let header = lines.first().ok_or(NotUnderstood::NoHeader)?;
    let delimiters = Delimiters::of_header(header).ok_or(NotUnderstood::NoHeader)?;
    if !lines.last().is_some_and(|line| line.starts_with(['L', 'l'])) {
        return Err(NotUnderstood::NoTerminator);
    }
    if !matches!(Record::new(header, delimiters).field(12).trim(), "" | "P" | "p") {
        return Err(NotUnderstood::NotProduction);
    }
    let records = lines.into_iter().map(|line| Record::new(line, delimiters));
    Ok(records.flat_map(|record| asked(&record)).collect())
}

fn asked(record: &Record<'_>) -> Vec<Asked> {
    match record.kind() {
        'O' => order(record).into_iter().collect(),
        // Starting range: patient id, then specimen id. Q-13 `A` takes an earlier query back.
        'Q' if record.field(13).trim() != "A" => record
            .repeats(3)
            .map(|one| record.component_of(one, 2))
            .filter(|sample| !sample.is_empty())
            .map(|sample| Asked::Query { sample })
            .collect(),
        _ => Vec::new(),
    }
}

/// O-3 specimen id, O-4 the host's number of the order, O-6 priority, O-12 action, O-26 kind of report.
fn order(record: &Record<'_>) -> Option<Asked> {
    let sample = record.component(3, 1);
    if sample.is_empty() {
        return None;
    }
    let order_id = Some(record.component(4, 1)).filter(|id| !id.is_empty());
    let (action, kind) = (record.field(12).trim(), record.field(26).trim());
    match (action, kind) {
        // Results that the host passes on are no orders, and a control sample (action Q) is no patient's.
        (_, "F" | "P" | "C" | "I" | "X" | "Y" | "Z") | ("Q", _) => None,
        ("C", _) => Some(Asked::Cancel { sample, order_id }),
        _ => Some(Asked::Order { sample, order_id, urgent: record.repeats(6).any(|one| one.trim() == "S") }),
    }
}
