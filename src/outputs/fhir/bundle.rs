//! Renders a result as a FHIR R4 (4.0.1) transaction: `DiagnosticReport`, `Observation`s, `Specimen`, `Device`. Does no I/O.
//!
//! Every resource has an identifier that is the same each time, and is created only where the server has none with it
//! (`ifNoneExist`): a result that is sent again does not become a second one.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::config::CodesConfig;
use crate::counting::session::snapshot::Amends;
use crate::domain::source::Mark;
use crate::outputs::delivery::codes::{self, CELLS, Code, CodedRow, Defined, Method, ResultStatus};
use crate::outputs::delivery::notes::{About, notes};
use crate::store::{StoredResult, hexadecimal};
use crate::system::zone::rfc3339;

/// System of the program's own codes and identifiers; no address, nothing is there.
const OWN_CODES: &str = "urn:leukoscope:code";
const OWN_IDS: &str = "urn:leukoscope:id";
const LOINC: &str = "http://loinc.org";
/// Extension of FHIR R4 for the report that a report replaces.
const REPLACES: &str = "http://hl7.org/fhir/StructureDefinition/diagnosticReport-replaces";
const UCUM: &str = "http://unitsofmeasure.org";

/// Identifier of a result for ever: store, number and, once it is signed, the signature.
#[must_use]
pub fn identifier(result: &StoredResult) -> String {
    let signature = result.signature.as_ref().map_or("preliminary", |signature| signature.sha256.as_str());
    format!("{}-{signature}", numbered(result))
}

/// The same for all that is said of one result: preliminary and final.
fn numbered(result: &StoredResult) -> String {
    format!("{}-{}", result.store.as_deref().unwrap_or("0"), result.sequence)
}

/// The transaction of a result.
#[must_use]
pub fn bundle(result: &StoredResult, about: &About, codes: &CodesConfig) -> Value {
    let report = Report::new(result, about, codes);
    let mut entries = vec![report.specimen(), report.device()];
    let rows = codes::rows(result, codes).into_iter().chain(codes::emptied(result, about.counted.as_ref(), codes));
    let mut results = Vec::new();
    for row in rows {
        results.push(report.reference(row.own()));
        entries.push(report.class(&row));
    }
    let snapshot = &result.snapshot;
    for (code, name, cells) in [
        ("DIFF-CELLS", "cells of the differential", snapshot.counted),
        ("WBC-CELLS", "white cells found", snapshot.kinds.wbc),
        ("RBC-CELLS", "red cells found", snapshot.kinds.rbc),
        ("PLT-CELLS", "platelets found", snapshot.kinds.plt),
    ] {
        results.push(report.reference(code));
        let of = json!({ "code": concept(None, code, name), "valueQuantity": quantity(f64::from(cells), CELLS) });
        entries.push(report.observation(code, of));
    }
    entries.push(report.report(&results));
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries })
}

/// What every resource of a result shares.
struct Report<'a> {
    result: &'a StoredResult,
    about: &'a About,
    codes: &'a CodesConfig,
    id: String,
    status: &'static str,
    counted: String,
    reported: String,
}

impl<'a> Report<'a> {
    fn new(result: &'a StoredResult, about: &'a About, codes: &'a CodesConfig) -> Self {
        let status = match ResultStatus::of(result) {
            ResultStatus::Preliminary => "preliminary",
            ResultStatus::Final => "final",
            ResultStatus::Amended => "amended",
        };
        let reported = result.signature.as_ref().map_or(result.snapshot.time, |signature| signature.at);
        let counted = result.snapshot.started.unwrap_or(result.snapshot.time);
        let (counted, reported) = (rfc3339(counted), rfc3339(reported));
        Self { result, about, codes, id: identifier(result), status, counted, reported }
    }

    /// Where a resource of this bundle lies in it: the same each time.
    fn full_url(&self, part: &str) -> String {
        let digest: [u8; 32] = Sha256::digest(format!("{}|{part}", self.id)).into();
        let hex = hexadecimal(&digest[..16]);
        // Version 8: a UUID of a form of one's own (RFC 9562).
        format!("urn:uuid:{}-{}-8{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
    }

    /// An identifier in this store for something that people name, in letters that every server can search for.
    fn hashed(&self, parts: &[&str]) -> String {
        let store = self.result.store.as_deref().unwrap_or("0");
        let digest: [u8; 32] = Sha256::digest(parts.join("\0")).into();
        let hex = hexadecimal(&digest[..16]);
        format!("{store}-{hex}")
    }

    fn reference(&self, part: &str) -> Value {
        json!({ "reference": self.full_url(part) })
    }

    fn entry(&self, part: &str, resource: &Value) -> Value {
        let mut resource = resource.clone();
        if self.result.snapshot.marks().into_iter().any(Mark::no_patient) {
            let system = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
            let test = json!({ "system": system, "code": "HTEST", "display": "test health data" });
            resource["meta"] = json!({ "security": [test] });
        }
        let kind = resource["resourceType"].as_str().unwrap_or_default().to_owned();
        let value = resource["identifier"][0]["value"].as_str().unwrap_or_default();
        // System and value as one token; neither holds a letter that would have to be escaped in it.
        let condition = format!("identifier={OWN_IDS}|{value}");
        json!({
            "fullUrl": self.full_url(part),
            "resource": resource,
            "request": { "method": "POST", "url": kind, "ifNoneExist": condition },
        })
    }

    fn specimen(&self) -> Value {
        let sample = &self.result.snapshot.sample;
        // Of this sample id in this store.
        let id = self.hashed(&["sample", sample]);
        let blood = json!({ "system": "http://terminology.hl7.org/CodeSystem/v2-0487", "code": "BLD", "display": "Whole blood" });
        let resource = json!({
            "resourceType": "Specimen",
            "identifier": [own_id(&id)],
            "accessionIdentifier": { "value": sample },
            "type": { "coding": [blood], "text": "stained blood smear" },
        });
        self.entry("specimen", &resource)
    }

    fn device(&self) -> Value {
        let version =
            self.about.settings.as_ref().map_or(env!("CARGO_PKG_VERSION"), |settings| settings.version.as_str());
        let model = self.about.settings.as_ref().and_then(|settings| settings.models.get("classifier"));
        let station = &self.result.station;
        let id = self.hashed(&["device", station, version, model.map_or("", String::as_str)]);
        let mut versions = vec![json!({ "type": { "text": "program" }, "value": version })];
        versions.extend(model.map(|sum| json!({ "type": { "text": "classifier, SHA-256" }, "value": sum })));
        let resource = json!({
            "resourceType": "Device",
            "identifier": [own_id(&id)],
            "deviceName": [{ "name": station, "type": "user-friendly-name" }, { "name": "leukoscope", "type": "model-name" }],
            "type": { "text": "microscope with automated recognition of blood cells" },
            "version": versions,
        });
        self.entry("device", &resource)
    }

    fn class(&self, row: &CodedRow) -> Value {
        let name = row.class.name();
        let cells = concept(None, &row.own_cells(), &format!("{name}, cells"));
        let mut of = json!({
            "code": concept(row.code.as_ref(), row.own(), name),
            "valueQuantity": quantity((row.share.value * 10.0).round() / 10.0, row.unit),
            "component": [{ "code": cells, "valueQuantity": quantity(f64::from(row.cells), CELLS) }],
        });
        if row.cells > 0 {
            let interval = format!("95 % interval {:.1} to {:.1}", row.share.low, row.share.high);
            of["note"] = json!([{ "text": interval }]);
        }
        let abnormal = match (row.is_critical(&self.result.snapshot), row.is_flagged(&self.result.snapshot.flags)) {
            (true, _) => Some(("AA", "Critical abnormal")),
            (false, true) => Some(("A", "Abnormal")),
            (false, false) => None,
        };
        if let Some((code, display)) = abnormal {
            let system = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";
            of["interpretation"] = json!([{ "coding": [{ "system": system, "code": code, "display": display }] }]);
        }
        self.observation(row.own(), of)
    }

    /// An observation with what all of them have.
    fn observation(&self, part: &str, mut of: Value) -> Value {
        let method = match Method::of(self.result) {
            Method::Manual => "every cell looked at by a person",
            Method::Automated => "named by the program",
        };
        of["resourceType"] = json!("Observation");
        of["identifier"] = json!([own_id(&format!("{}-{part}", self.id))]);
        of["status"] = json!(self.status);
        of["category"] =
            json!([category("http://terminology.hl7.org/CodeSystem/observation-category", "laboratory", "Laboratory")]);
        of["effectiveDateTime"] = json!(self.counted);
        of["issued"] = json!(self.reported);
        of["method"] = json!({ "text": method });
        of["specimen"] = self.reference("specimen");
        of["device"] = self.reference("device");
        self.entry(part, &of)
    }

    fn report(&self, results: &[Value]) -> Value {
        let panel = codes::panel(self.codes);
        let mut resource = json!({
            "resourceType": "DiagnosticReport",
            "identifier": [own_id(&self.id), own_id(&numbered(self.result))],
            "status": self.status,
            "category": [category("http://terminology.hl7.org/CodeSystem/v2-0074", "HM", "Hematology")],
            "code": concept(Some(&panel), "DIFF", "white cell differential"),
            "effectiveDateTime": self.counted,
            "issued": self.reported,
            "specimen": [self.reference("specimen")],
            "result": results,
            "conclusion": notes(self.result, self.about.settings.as_ref(), self.about.counted.as_ref()).join("\n"),
        });
        if let Some(signature) = &self.result.signature {
            resource["resultsInterpreter"] = json!([{ "display": signature.by }]);
        }
        if let Some(Amends { result, .. }) = &self.result.snapshot.amends {
            let store = self.result.store.as_deref().unwrap_or("0");
            // By the identifier that the replaced report has beside its own.
            let replaced = json!({ "type": "DiagnosticReport", "identifier": own_id(&format!("{store}-{result}")) });
            resource["extension"] = json!([{ "url": REPLACES, "valueReference": replaced }]);
        }
        if let Some(order) = &self.about.order {
            resource["basedOn"] = json!([{ "type": "ServiceRequest", "identifier": { "value": order } }]);
        }
        self.entry("report", &resource)
    }
}

fn own_id(value: &str) -> Value {
    json!({ "system": OWN_IDS, "value": value })
}

fn category(system: &str, code: &str, display: &str) -> Value {
    json!({ "coding": [{ "system": system, "code": code, "display": display }] })
}

/// A code of the table or the site, with the program's own beside it.
fn concept(code: Option<&Code>, own: &str, name: &str) -> Value {
    let mut coding = Vec::new();
    if let Some(Code { code, name, defined }) = code {
        coding.push(match defined {
            Defined::Loinc => json!({ "system": LOINC, "code": code, "display": name }),
            // Whose system it is, the site knows.
            Defined::Site => json!({ "code": code, "display": name }),
        });
    }
    coding.push(json!({ "system": OWN_CODES, "code": own, "display": name }));
    json!({ "coding": coding, "text": name })
}

fn quantity(value: f64, unit: &str) -> Value {
    let value = if value.fract() == 0.0 { json!(value as i64) } else { json!(value) };
    json!({ "value": value, "unit": unit, "system": UCUM, "code": unit })
}
