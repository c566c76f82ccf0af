//! What goes with the figures of a result as sentences, for receivers whose standards have fields for free text.

use crate::counting::session::snapshot::{CameraCheck, LookedAt};
use crate::domain::interval::Figure;
use crate::outputs::words::Catalogues;
use crate::store::StoredResult;

/// What every result says of itself.
pub const DISCLAIMER: &str = "Research and screening support, not a diagnosis.";

/// Sentences of a result, in English: the signer's comment first, then flags and how far it was checked.
#[must_use]
pub fn notes(result: &StoredResult) -> Vec<String> {
    let snapshot = &result.snapshot;
    let words = Catalogues::new(None).words("en");
    let mut notes = Vec::new();
    if let Some(signature) = &result.signature {
        notes.extend(signature.comment.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
    } else {
        notes.push("Preliminary: nobody has signed this result.".to_owned());
    }
    for flag in &snapshot.flags {
        let (name, means) = (format!("flag.{}", flag.code()), format!("flagMeans.{}", flag.code()));
        notes.push(format!("Flag: {}. {}", words.say(&name), words.say(&means)));
    }
    if let Some(LookedAt { cells, of }) = snapshot.looked_at {
        notes.push(format!("A person looked at {cells} of {of} white cells."));
    }
    notes.push(format!("Camera: {}.", camera_checked(snapshot.camera_check.as_ref())));
    if !snapshot.experimental.is_empty() {
        let codes: Vec<_> = snapshot.experimental.iter().map(|class| class.code()).collect();
        notes.push(format!("Experimental, learned from too few images: {}.", codes.join(", ")));
    }
    if let Some(profile) = &snapshot.profile {
        notes.push(format!("Cells named with the laboratory's profile {profile}."));
    }
    notes.push(DISCLAIMER.to_owned());
    notes
}

/// Whether a camera was checked, in words.
#[must_use]
pub fn camera_checked(check: Option<&CameraCheck>) -> String {
    let Some(CameraCheck { cells, agree, percent, .. }) = check else { return "camera not known".to_owned() };
    let Some(Figure { value, low, high }) = percent else { return "not checked with this camera".to_owned() };
    format!("{agree} of {cells} cells of this camera agree with a person ({value:.1} %, {low:.1} to {high:.1} %)")
}
