//! Renders messages as lines of JSON or CSV. Does no I/O. `docs/serial-protocol.md` describes the lines for the
//! receiving end.

use std::collections::BTreeMap;
use std::fmt::Write;

use jiff::Timestamp;
use serde::Serialize;

use super::columns::{
    NEWER, corrected_columns, corrected_fields, count_columns, count_fields, first_classes, looked_at_fields,
    marks_and_critical, quoted, review_columns, review_fields, three,
};
use super::parts::{ClassCountFields, JsonQuality, JsonReading, Percents};
use super::red_cells::{self, JsonRedCells};
use super::version::{self, JsonVersion};
use crate::config::LineFormat;
use crate::counting::red_morphology::RedMorphology;
use crate::counting::session::snapshot::{CameraCheck, EarlierResult, Ending, LookedAt, Phase, Snapshot};
use crate::counting::statistics::correction::MisclassificationCorrection;
use crate::counting::statistics::per_red_cell::PerRedCell;
use crate::counting::statistics::precision::Precision;
use crate::counting::statistics::simultaneous::Simultaneous;
use crate::domain::class::Group;
use crate::domain::counts::KindCounts;
use crate::domain::critical::CriticalValue;
use crate::domain::flag::Flag;
use crate::domain::interval::Figure;
use crate::domain::red_cell_colour::RedCellColour;
use crate::domain::source::Mark;
use crate::outputs::delivery::notes::camera_checked;
use crate::store::StoredResult;
use crate::store::records::Signature;
use crate::vision::profile::ProfileMark;
use crate::vision::quality::Refusals;

/// Version of the protocol that tells what the red cells look like.
const RED_CELLS_FROM: u32 = 2;

/// Content of a line.
#[derive(Clone, Copy, Debug)]
pub enum SerialMessage<'a> {
    /// First line after the port is opened, with the number of the newest result (0: none yet).
    Hello {
        /// Number of the newest result.
        newest_result: u64,
    },
    /// A new state of the count.
    Update(&'a Snapshot),
    /// Answer to `status`.
    Status(&'a Snapshot),
    /// A result: final once signed, preliminary before.
    Result(&'a StoredResult),
    /// A request from the host failed.
    Error(&'a str),
}

/// One line to the host.
#[derive(Clone, Copy, Debug)]
pub struct SerialLine<'a> {
    /// Number of this line since the program started, from 1; a gap means that lines were dropped.
    pub sequence: u64,
    /// Time the line was made; lines about a session carry the time of its state instead.
    pub time: Timestamp,
    /// Name of the station.
    pub station: &'a str,
    /// Version of the protocol, 1 or 2: the second one adds the red cells.
    pub protocol: u32,
    /// Content of the line.
    pub message: SerialMessage<'a>,
}

impl<'a> SerialLine<'a> {
    fn kind(&self) -> &'static str {
        match self.message {
            SerialMessage::Hello { .. } => "hello",
            SerialMessage::Update(_) => "update",
            SerialMessage::Status(_) => "status",
            // An unsigned result is never sent as final.
            SerialMessage::Result(result) if result.signature.is_some() => "final",
            SerialMessage::Result(_) => "preliminary",
            SerialMessage::Error(_) => "error",
        }
    }

    fn snapshot(&self) -> Option<&'a Snapshot> {
        match self.message {
            SerialMessage::Update(snapshot) | SerialMessage::Status(snapshot) => Some(snapshot),
            SerialMessage::Result(result) => Some(&result.snapshot),
            SerialMessage::Hello { .. } | SerialMessage::Error(_) => None,
        }
    }

    fn result(&self) -> Option<u64> {
        match self.message {
            SerialMessage::Result(result) => Some(result.sequence),
            SerialMessage::Hello { newest_result } => Some(newest_result),
            _ => None,
        }
    }

    fn signature(&self) -> Option<&'a Signature> {
        if let SerialMessage::Result(result) = self.message { result.signature.as_ref() } else { None }
    }

    /// Whether the camera of a result was checked, in words.
    fn camera_checked(&self) -> Option<String> {
        let SerialMessage::Result(StoredResult { snapshot, .. }) = self.message else { return None };
        Some(camera_checked(snapshot.camera_check.as_ref()))
    }

    fn error(&self) -> Option<&'a str> {
        if let SerialMessage::Error(text) = self.message { Some(text) } else { None }
    }

    /// What the red cells look like, where this line tells it: in protocol 2, of results and in answers. In every update it would
    /// only make lines longer.
    fn red_cells(&self) -> Option<&'a RedMorphology> {
        let told = self.protocol >= RED_CELLS_FROM && !matches!(self.message, SerialMessage::Update(_));
        self.snapshot().filter(|_| told).and_then(|snapshot| snapshot.red_cells.as_ref())
    }

    fn time(&self) -> Timestamp {
        self.snapshot().map_or(self.time, |snapshot| snapshot.time)
    }
}

/// Renders one line, ending in a line break and containing no other.
#[must_use]
pub fn render(line: &SerialLine<'_>, format: LineFormat) -> String {
    match format {
        LineFormat::Json => json(line),
        LineFormat::Csv => csv(line),
    }
}

#[derive(Serialize)]
struct JsonLine<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    sequence: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<u64>,
    time: Timestamp,
    station: &'a str,
    /// In `hello` from protocol 2 on; without it, it is 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<u32>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    session: Option<JsonSession<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<&'a Signature>,
    #[serde(flatten)]
    version: JsonVersion<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonSession<'a> {
    sample: &'a str,
    phase: Phase,
    ending: Option<Ending>,
    started: Option<Timestamp>,
    target: u32,
    counted: u32,
    #[serde(flatten)]
    kinds: KindCounts,
    classes: ClassCountFields<'a>,
    percent: Percents<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_alone: Option<JsonReading<'a>>,
    flags: &'a [Flag],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    marks: Vec<Mark>,
    #[serde(skip_serializing_if = "<[CriticalValue]>::is_empty")]
    critical: &'a [CriticalValue],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    groups: &'a BTreeMap<Group, Figure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_red_cell: Option<&'a PerRedCell>,
    #[serde(skip_serializing_if = "Option::is_none")]
    precision: Option<&'a Precision>,
    #[serde(skip_serializing_if = "Option::is_none")]
    simultaneous: Option<&'a Simultaneous>,
    #[serde(skip_serializing_if = "Option::is_none")]
    corrected: Option<&'a MisclassificationCorrection>,
    trouble: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<JsonQuality>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<Refusals>,
    #[serde(skip_serializing_if = "Option::is_none")]
    looked_at: Option<&'a LookedAt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unseen: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    camera_check: Option<&'a CameraCheck>,
    #[serde(skip_serializing_if = "Option::is_none")]
    camera_checked: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    earlier: Option<&'a EarlierResult>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'a ProfileMark>,
    #[serde(skip_serializing_if = "Option::is_none")]
    red_cell_density: Option<RedCellColour>,
    #[serde(skip_serializing_if = "Option::is_none")]
    red_cells: Option<JsonRedCells>,
}

fn json(line: &SerialLine<'_>) -> String {
    let session = line.snapshot().map(|snapshot| JsonSession {
        sample: &snapshot.sample,
        phase: snapshot.phase,
        ending: snapshot.ending,
        started: snapshot.started,
        target: snapshot.target,
        counted: snapshot.counted,
        kinds: snapshot.kinds,
        classes: ClassCountFields(&snapshot.classes),
        percent: Percents(&snapshot.classes),
        network_alone: JsonReading::of(&snapshot.statistics.network_alone),
        flags: &snapshot.flags,
        marks: snapshot.marks(),
        critical: &snapshot.critical,
        groups: &snapshot.statistics.groups,
        per_red_cell: snapshot.statistics.per_red_cell.as_ref(),
        precision: snapshot.statistics.precision.as_ref(),
        simultaneous: snapshot.statistics.simultaneous.as_ref(),
        corrected: snapshot.statistics.corrected.as_ref(),
        trouble: snapshot.trouble.as_deref(),
        quality: snapshot.quality.map(JsonQuality::of),
        refused: Some(snapshot.frames.refused).filter(|refused| refused.total() > 0),
        looked_at: snapshot.looked_at.as_ref(),
        unseen: snapshot.looked_at.as_ref().and_then(LookedAt::signed_unseen),
        camera_check: line.result().and(snapshot.camera_check.as_ref()),
        camera_checked: line.camera_checked(),
        earlier: snapshot.earlier.as_ref(),
        profile: snapshot.profile.as_ref(),
        // Of a whole sample it tells of the stain; while it is counted it only makes lines longer.
        red_cell_density: line.result().and(snapshot.red_cell_density),
        red_cells: line.red_cells().map(JsonRedCells::from),
    });
    let hello = matches!(line.message, SerialMessage::Hello { .. });
    let line = JsonLine {
        kind: line.kind(),
        sequence: line.sequence,
        result: line.result(),
        time: line.time(),
        station: line.station,
        protocol: Some(line.protocol).filter(|protocol| hello && *protocol >= RED_CELLS_FROM),
        session,
        signature: line.signature(),
        version: JsonVersion::of(line.message),
        message: line.error(),
    };
    // Only text, numbers and maps with text keys, so serialization cannot fail.
    let mut text = serde_json::to_string(&line).unwrap_or_default();
    text.push('\n');
    text
}

const COLUMNS: [&str; 16] = [
    "type", "sequence", "result", "time", "station", "sample", "phase", "ending", "started", "target", "counted",
    "WBC", "RBC", "PLT", "flags", "trouble",
];

/// The CSV header line of a version of the protocol, sent each time the port is opened.
#[must_use]
pub fn csv_header(protocol: u32) -> String {
    let mut header = COLUMNS.join(",");
    header.push_str(",message");
    for class in first_classes() {
        header.push_str(&count_columns(class));
    }
    // Newer columns go at the end, so that readers that go by position keep working.
    header.push_str(",red_count");
    for kind in ["WBC", "PLT"] {
        // Writing to a String cannot fail.
        let _ = write!(header, ",{kind}_per_ul,{kind}_per_ul_low,{kind}_per_ul_high");
    }
    for class in first_classes() {
        header.push_str(&corrected_columns(class));
    }
    header.push_str(",verdict,focus,refused,signed_by,signed_at,comment,store");
    header.push_str(",looked_at,looked_at_of,earlier_result,network_alone");
    for class in NEWER {
        header.push_str(&count_columns(class));
        header.push_str(&corrected_columns(class));
    }
    header.push_str(",camera_agree,camera_cells,camera_percent,camera_low,camera_high,camera_checked");
    let _ = write!(header, ",profile,profile_sha256,marks,critical{}{}", review_columns(), version::COLUMNS);
    if protocol >= RED_CELLS_FROM {
        let _ = write!(header, ",protocol{}", red_cells::columns());
    }
    header.push_str("\r\n");
    header
}

/// Fields for the estimates per microlitre and the corrected percentages.
fn csv_statistics(snapshot: Option<&Snapshot>) -> Vec<String> {
    let red = snapshot.and_then(|snapshot| snapshot.statistics.per_red_cell.as_ref());
    let estimates = red.and_then(|red| red.estimates);
    let mut fields = vec![red.and_then(|red| red.red_count).map(|count| count.to_string()).unwrap_or_default()];
    fields.extend(three(estimates.map(|estimates| estimates.white), 0));
    fields.extend(three(estimates.map(|estimates| estimates.platelets), 0));
    for class in first_classes() {
        fields.extend(corrected_fields(snapshot, class));
    }
    fields
}

fn csv(line: &SerialLine<'_>) -> String {
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let snapshot = line.snapshot();
    let of = |field: fn(&Snapshot) -> String| snapshot.map(field).unwrap_or_default();
    let mut fields = vec![
        line.kind().to_owned(),
        line.sequence.to_string(),
        number(line.result()),
        line.time().to_string(),
        line.station.to_owned(),
        of(|s| s.sample.clone()),
        of(|s| word(s.phase)),
        of(|s| s.ending.map(word).unwrap_or_default()),
        of(|s| s.started.map(|time| time.to_string()).unwrap_or_default()),
        of(|s| s.target.to_string()),
        of(|s| s.counted.to_string()),
        of(|s| s.kinds.wbc.to_string()),
        of(|s| s.kinds.rbc.to_string()),
        of(|s| s.kinds.plt.to_string()),
        of(|s| s.flags.iter().copied().map(word).collect::<Vec<_>>().join(" ")),
        of(|s| s.trouble.clone().unwrap_or_default()),
        line.error().unwrap_or_default().to_owned(),
    ];
    for class in first_classes() {
        fields.extend(count_fields(snapshot, class));
    }
    fields.extend(csv_statistics(snapshot));
    let quality = snapshot.and_then(|s| s.quality).map(JsonQuality::of);
    fields.push(quality.as_ref().map(|quality| quality.verdict.code().to_owned()).unwrap_or_default());
    fields.push(quality.map(|quality| format!("{:.2}", quality.focus)).unwrap_or_default());
    fields.push(of(|s| s.frames.refused.total().to_string()));
    let signed = |field: fn(&Signature) -> String| line.signature().map(field).unwrap_or_default();
    fields.extend([signed(|s| s.by.clone()), signed(|s| s.at.to_string()), signed(|s| s.comment.clone())]);
    let version = JsonVersion::of(line.message);
    fields.push(version.store.unwrap_or_default().to_owned());
    fields.extend(looked_at_fields(snapshot));
    fields.push(of(|s| s.earlier.as_ref().map(|earlier| earlier.result.to_string()).unwrap_or_default()));
    let alone = snapshot.map(|s| s.statistics.network_alone.as_slice()).unwrap_or_default();
    fields.push(alone.iter().map(|line| format!("{}={}", line.class, line.count)).collect::<Vec<_>>().join(" "));
    for class in NEWER {
        fields.extend(count_fields(snapshot, class));
        fields.extend(corrected_fields(snapshot, class));
    }
    let check = line.result().and(snapshot).and_then(|s| s.camera_check.as_ref());
    fields.push(check.map(|check| check.agree.to_string()).unwrap_or_default());
    fields.push(check.map(|check| check.cells.to_string()).unwrap_or_default());
    fields.extend(three(check.and_then(|check| check.percent), 1));
    fields.push(line.camera_checked().unwrap_or_default());
    fields.push(of(|s| s.profile.as_ref().map(|profile| profile.name.clone()).unwrap_or_default()));
    fields.push(of(|s| s.profile.as_ref().map(|profile| profile.sha256.clone()).unwrap_or_default()));
    fields.extend(marks_and_critical(snapshot).into_iter().chain(review_fields(snapshot)));
    fields.extend(version.fields());
    if line.protocol >= RED_CELLS_FROM {
        fields.push(line.protocol.to_string());
        fields.extend(red_cells::fields(line.red_cells()));
    }
    let mut text = fields.iter().map(|field| quoted(field)).collect::<Vec<_>>().join(",");
    text.push_str("\r\n");
    text
}

/// The serde name of a value without fields.
fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
