//! What a laboratory system is told about a result beside its figures, in sentences.

use crate::counting::quality_control::{ControlState, QualityControl};
use crate::counting::session::snapshot::{CameraCheck, LookedAt, Snapshot};
use crate::domain::class::Group;
use crate::domain::interval::Figure;
use crate::domain::source::Mark;
use crate::store::records::Settings;
use crate::store::{Store, StoreError, StoredResult};
use crate::system::zone::rfc3339;

/// What belongs to a result beside itself.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The result as the program counted it.
    pub counted: Option<Snapshot>,
    /// Settings in force when it was counted.
    pub settings: Option<Settings>,
    /// The host's number of the order.
    pub order: Option<String>,
}

impl About {
    /// What the store knows of a result. `host` is the one whose order's number it carries.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of(result: &StoredResult, store: &Store, host: &str) -> Result<Self, StoreError> {
        let detail = store.session(result.session)?;
        let order = store.order_of(result.session, host)?.and_then(|entry| entry.order.order_id);
        let (counted, settings) = detail.map_or((None, None), |detail| (detail.counted_result, detail.settings));
        Ok(Self { counted, settings, order })
    }
}

/// The limits of use, said with every result.
pub const LIMITS_OF_USE: &str = "Research and screening support, not a diagnosis.";

/// The sentences of a result, the most important first. `settings` are those in force when it was counted.
#[must_use]
pub fn notes(result: &StoredResult, settings: Option<&Settings>) -> Vec<String> {
    let snapshot = &result.snapshot;
    let (not_real, unchecked): (Vec<Mark>, Vec<Mark>) =
        snapshot.marks().into_iter().partition(|mark| mark.no_patient());
    let sentences = |marks: Vec<Mark>| marks.into_iter().map(|mark| mark.sentence().to_owned());
    // What is no patient's result says so before everything else.
    let mut notes: Vec<String> = sentences(not_real).collect();
    notes.extend(snapshot.critical.iter().map(|critical| format!("CRITICAL VALUE: {critical}.")));
    notes.extend(blasts(snapshot));
    notes.push(LIMITS_OF_USE.to_owned());
    match &result.signature {
        None => notes.push("Preliminary: counted by the program, and signed by nobody yet.".to_owned()),
        Some(signature) => notes.push(format!("Signed by {} at {}.", signature.by, rfc3339(signature.at))),
    }
    if let (Some(_), Some(earlier)) = (&result.signature, &snapshot.earlier) {
        notes.push(format!("It replaces result {} of the same sample, signed by {}.", earlier.result, earlier.by));
    }
    notes.push(format!("{} cells of the differential counted of {} wanted.", snapshot.counted, snapshot.target));
    if let Some(LookedAt { cells, of }) = snapshot.looked_at {
        notes.push(format!("A person looked at {cells} of {of} white cells."));
    }
    notes.push(format!("Camera: {}.", camera_checked(snapshot.camera_check.as_ref())));
    if let Some(QualityControl::Mark(mark)) = &snapshot.quality_control
        && mark.state != ControlState::Passed
    {
        let reason = mark.overridden.as_ref().map(|opened| format!(": {} (written by {})", opened.reason, opened.by));
        notes.push(format!("Quality control had not passed when it was signed{}.", reason.unwrap_or_default()));
    }
    notes.extend(sentences(unchecked));
    notes.extend(snapshot.flags.iter().map(|flag| format!("Flag: {}.", flag.code())));
    if let Some(comment) = result.signature.as_ref().map(|signature| &signature.comment).filter(|text| !text.is_empty())
    {
        notes.push(format!("Comment: {comment}"));
    }
    notes.extend(settings.map(|settings| {
        let model = settings.models.get("classifier").map(|sum| format!(", classifier SHA-256 {sum}"));
        let profile = settings.profile.as_ref().map(|profile| format!(", profile {}", profile.name));
        let of = |part: Option<String>| part.unwrap_or_default();
        format!("Counted by leukoscope {}{}{}.", settings.version, of(model), of(profile))
    }));
    notes
}

/// What blasts mean and who must look, where one was counted.
fn blasts(snapshot: &Snapshot) -> Option<String> {
    let cells: u32 =
        snapshot.classes.iter().filter(|line| line.class.group() == Group::Blasts).map(|line| line.count).sum();
    let (of, what) = (snapshot.counted, if cells == 1 { "blast" } else { "blasts" });
    (cells > 0).then(|| {
        format!(
            "{cells} {what} in {of} cells: an experienced person must look at each of these cells and at the slide; any true \
             blast in the blood of an adult is abnormal."
        )
    })
}

/// Whether the camera of a result was checked, in words for the host.
#[must_use]
pub fn camera_checked(check: Option<&CameraCheck>) -> String {
    let Some(CameraCheck { cells, agree, percent, .. }) = check else { return "camera not known".to_owned() };
    let Some(Figure { value, low, high }) = percent else { return "not checked with this camera".to_owned() };
    format!("{agree} of {cells} cells of this camera agree with a person ({value:.1} %, {low:.1} to {high:.1} %)")
}
