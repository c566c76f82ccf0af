//! What a laboratory system is told about a result beside its figures, in sentences.

use crate::counting::quality_control::{ControlState, QualityControl};
use crate::counting::session::broken_off::BrokenOff;
use crate::counting::session::snapshot::{Amends, CameraCheck, FirstReviewer, LookedAt, Snapshot};
use crate::domain::class::{CellClass, Group};
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

/// The sentences of a result, the most important first. `settings` are those in force when it was counted, `counted` is the
/// result as the program counted it.
#[must_use]
pub fn notes(result: &StoredResult, settings: Option<&Settings>, counted: Option<&Snapshot>) -> Vec<String> {
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
    notes.extend(snapshot.amends.as_ref().map(corrected));
    notes.extend(snapshot.first_reviewer.as_ref().map(|first| two_reviewers(first, result.signature.is_some())));
    if let Some(number) = result.replaced_by {
        notes.push(format!("Replaced by the corrected report with result {number}."));
    }
    if let (Some(_), Some(earlier)) = (&result.signature, &snapshot.earlier) {
        notes.push(format!("It replaces result {} of the same sample, signed by {}.", earlier.result, earlier.by));
    }
    notes.push(format!("{} cells of the differential counted of {} wanted.", snapshot.counted, snapshot.target));
    notes.extend(broken_off(snapshot));
    if let Some(looked_at @ LookedAt { cells, of, .. }) = &snapshot.looked_at {
        notes.push(format!("A person looked at {cells} of {of} white cells."));
        if let (Some(_), Some(words)) = (&result.signature, looked_at.signed_unseen()) {
            notes.push(format!("It was {words}."));
        }
    }
    notes.extend(uncorrected(counted.unwrap_or(snapshot)));
    let taken_out = |class| snapshot.classes.iter().find(|line| line.class == class).map(|line| line.count);
    if let Some(count) = taken_out(CellClass::Art) {
        notes.push(format!("Taken out of the count by a person, as no cells: {count}."));
    }
    if let Some(count) = taken_out(CellClass::Two) {
        notes.push(format!("Boxes with two cells, each counted as one white cell outside the differential: {count}."));
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

/// What power cuts mean for the figures, if there were any.
fn broken_off(snapshot: &Snapshot) -> Option<String> {
    let BrokenOff { partial, resumed } = BrokenOff::of(&snapshot.interruptions, snapshot.ending);
    match (partial, resumed) {
        (false, false) => None,
        (true, false) => {
            Some("Partial: a power cut ended the count, and it was closed with the cells it had.".to_owned())
        }
        (false, true) => Some("The count went on after a power cut: cells may be counted twice.".to_owned()),
        (true, true) => {
            let words = "Partial: the count went on after a power cut, so that cells may be counted twice, and another one ended it.";
            Some(words.to_owned())
        }
    }
}

/// Counts before the correction to the composition of the sample, of the classes where they differ.
fn uncorrected(counted: &Snapshot) -> Option<String> {
    let lines: Vec<String> =
        counted.uncorrected().into_iter().map(|(class, count)| format!("{class} {count}")).collect();
    (!lines.is_empty())
        .then(|| format!("Counted before the correction to the composition of the sample: {}.", lines.join(", ")))
}

/// What a corrected report replaces, in words for the host.
#[must_use]
pub fn corrected(amends: &Amends) -> String {
    let Amends { version, result, by, at, reason, sample, .. } = amends;
    let other = sample
        .as_ref()
        .map(|was| format!("The sample id is corrected: it was {was}, and result {result} is not of that sample. "));
    let other = other.unwrap_or_default();
    let (before, at) = (version.saturating_sub(1), rfc3339(*at));
    format!(
        "{other}Corrected report, version {version}, replaces version {before} (result {result}) signed by {by} at {at}. Reason: {reason}"
    )
}

/// What two reviewers said, in words for the host.
fn two_reviewers(first: &FirstReviewer, signed: bool) -> String {
    let FirstReviewer { by, at, differs, .. } = first;
    let at = rfc3339(*at);
    if !signed {
        return format!("Signed first by {by} at {at}; a second reviewer must sign before it is final.");
    }
    let cells: Vec<String> =
        differs.iter().map(|one| format!("{} {} to {}", one.cell, one.first_coded(), one.second_coded())).collect();
    match cells.as_slice() {
        [] => format!("Signed first by {by} at {at}; the second reviewer agrees on every cell."),
        cells => format!("Signed first by {by} at {at}; the second reviewer changed cells: {}.", cells.join(", ")),
    }
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
