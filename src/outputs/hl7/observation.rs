//! Renders a result as ORU^R01 (HL7 v2.5.1, chapter 7). Does no I/O. Writing to a `String` cannot fail.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};

use super::message::escaped;
use crate::config::{CodesConfig, Hl7Config};
use crate::outputs::delivery::codes::{self, CELLS, Code, CodedRow, Defined, Method, ResultStatus};
use crate::outputs::delivery::notes::{About, notes};
use crate::outputs::delivery::processing::processing_id;
use crate::store::{StoredResult, hexadecimal};

/// The program's own codes.
const OWN: &str = "99LEU";

/// Number of the message for a result (MSH-10): the same each time it is sent, so that a host knows a repetition.
#[must_use]
pub fn control_id(result: &StoredResult) -> String {
    let store = result.store.as_deref().unwrap_or_default();
    let signature = result.signature.as_ref().map(|signature| signature.sha256.as_str()).unwrap_or_default();
    let digest: [u8; 32] = Sha256::digest(format!("{store}|{}|{signature}", result.sequence)).into();
    // MSH-10 has 20 characters.
    hexadecimal(&digest[..10]).to_uppercase()
}

/// The header of a message that is sent now: its type, such as `ORU^R01^ORU_R01`, its number, and how it is to be processed.
#[must_use]
pub fn header(config: &Hl7Config, kind: &str, id: &str, processing: &str, now: Timestamp) -> String {
    let name = |name: &Option<String>| escaped(name.as_deref().unwrap_or_default());
    format!(
        "MSH|^~\\&|{}|{}|{}|{}|{}||{kind}|{}|{processing}|2.5.1||||||{}\r",
        escaped(&config.sending_application),
        name(&config.sending_facility),
        name(&config.receiving_application),
        name(&config.receiving_facility),
        time(now),
        escaped(id),
        config.charset.name(),
    )
}

/// The message of a result.
#[must_use]
pub fn render(result: &StoredResult, about: &About, config: &Hl7Config, codes: &CodesConfig, now: Timestamp) -> String {
    let status = ResultStatus::of(result);
    let mut message = {
        let processing = processing_id(&result.snapshot);
        header(config, "ORU^R01^ORU_R01", &control_id(result), processing, now)
    };
    if config.empty_pid {
        message.push_str("PID|1\r");
    }
    let placer = escaped(about.order.as_deref().unwrap_or_default());
    let filler = filler(result);
    let done = if status == ResultStatus::Preliminary { "IP" } else { "CM" };
    let _ = write!(message, "ORC|RE|{placer}|{filler}||{done}\r");
    let snapshot = &result.snapshot;
    let began = time(snapshot.started.unwrap_or(snapshot.time));
    let reported = time(result.signature.as_ref().map_or(snapshot.time, |signature| signature.at));
    let signer = result.signature.as_ref().map(|signature| escaped(&signature.by)).unwrap_or_default();
    // OBR-7 and 8 when it was counted, 22 when it was reported, 24 haematology, 25 the status, 32 who signed.
    let _ = write!(
        message,
        "OBR|1|{placer}|{filler}|{}|||{began}|{}||||||||||||||{reported}||HM|{}|||||||{signer}\r",
        coded(Some(&codes::panel(codes)), "DIFF", "white cell differential"),
        time(snapshot.time),
        status.letter(),
    );
    for (place, note) in notes(result, about.settings.as_ref(), about.counted.as_ref()).iter().enumerate() {
        let _ = write!(message, "NTE|{}|L|{}\r", place + 1, escaped(note));
    }
    let mut lines = Lines { result, status, signer: &signer, message: &mut message, number: 0 };
    for row in codes::rows(result, codes).iter().chain(&codes::emptied(result, about.counted.as_ref(), codes)) {
        lines.class(row);
    }
    lines.totals();
    let _ = write!(message, "SPM|1|{}||BLD^Whole blood^HL70487\r", escaped(&snapshot.sample));
    message
}

/// The observations of a message, numbered.
struct Lines<'a> {
    result: &'a StoredResult,
    status: ResultStatus,
    signer: &'a str,
    message: &'a mut String,
    number: usize,
}

impl Lines<'_> {
    /// Share and number of cells of a class.
    fn class(&mut self, row: &CodedRow) {
        let name = row.class.name();
        let flagged = row.is_flagged(&self.result.snapshot.flags);
        let share = format!("{:.1}", row.share.value);
        let abnormal = match (row.is_critical(&self.result.snapshot), flagged) {
            (true, _) => "AA",
            (false, true) => "A",
            (false, false) => "",
        };
        self.line(&coded(row.code.as_ref(), row.own(), name), &share, row.unit, abnormal);
        if row.cells > 0 {
            let interval = format!("95 % interval {:.1} to {:.1}", row.share.low, row.share.high);
            let _ = write!(self.message, "NTE|1|L|{interval}\r");
        }
        self.line(&coded(None, &row.own_cells(), &format!("{name}, cells")), &row.cells.to_string(), CELLS, "");
    }

    /// Cells of the differential, and of each kind found.
    fn totals(&mut self) {
        let snapshot = &self.result.snapshot;
        for (code, name, cells) in [
            ("DIFF-CELLS", "cells of the differential", snapshot.counted),
            ("WBC-CELLS", "white cells found", snapshot.kinds.wbc),
            ("RBC-CELLS", "red cells found", snapshot.kinds.rbc),
            ("PLT-CELLS", "platelets found", snapshot.kinds.plt),
        ] {
            self.line(&coded(None, code, name), &cells.to_string(), CELLS, "");
        }
    }

    fn line(&mut self, code: &str, value: &str, unit: &str, abnormal: &str) {
        self.number += 1;
        let method = match Method::of(self.result) {
            Method::Manual => "MANUAL^every cell looked at by a person^99LEU",
            Method::Automated => "AUTO^named by the program^99LEU",
        };
        // OBX-8 abnormal flags (AA: critical, table 0078), 11 status, 14 when it was observed, 16 by whom, 17 how, 18 on which device.
        let _ = write!(
            self.message,
            "OBX|{}|NM|{code}||{value}|{unit}^^UCUM||{}|||{}|||{}||{}|{method}|{}\r",
            self.number,
            abnormal,
            self.status.letter(),
            time(self.result.snapshot.time),
            self.signer,
            escaped(&self.result.station),
        );
    }
}

/// A code of the table, with the program's own as the alternate; that alone where there is none.
fn coded(code: Option<&Code>, own: &str, name: &str) -> String {
    let own = format!("{}^{}^{OWN}", escaped(own), escaped(name));
    let Some(Code { code, name, defined }) = code else { return own };
    let system = match defined {
        Defined::Loinc => "LN",
        Defined::Site => "L",
    };
    format!("{}^{}^{system}^{own}", escaped(code), escaped(name))
}

/// The filler's number of the order: the result's number in its store, which together are unique for ever. An amendment
/// keeps that of the first version: by it the host finds what the amendment corrects.
fn filler(result: &StoredResult) -> String {
    let number = result.snapshot.amends.as_ref().map_or(result.sequence, |amends| amends.first);
    match &result.store {
        Some(store) => format!("{number}^{}^{}^UUID", escaped(&result.station), uuid(store)),
        None => format!("{number}^{}", escaped(&result.station)),
    }
}

/// 32 hexadecimal digits as a UUID is written.
fn uuid(digits: &str) -> String {
    let digits: Vec<char> = digits.chars().collect();
    if digits.len() != 32 || !digits.iter().all(char::is_ascii_hexdigit) {
        return escaped(&digits.into_iter().collect::<String>());
    }
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    parts.map(|part| digits[part].iter().collect::<String>()).join("-")
}

/// A time to the second in the station's zone.
pub(super) fn time(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%Y%m%d%H%M%S%z").to_string()
}
