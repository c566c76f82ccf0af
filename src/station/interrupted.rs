//! Counts that the power cut off: whether one can go on, and closing one with the cells it has.

use jiff::Timestamp;

use crate::counting::counter::CountedCell;
use crate::counting::session::Session;
use crate::counting::session::broken_off::BrokenOffCount;
use crate::counting::session::snapshot::{Ending, Snapshot};
use crate::counting::track::{CellId, OnSlide};
use crate::domain::geometry::Rect;
use crate::domain::prevalence_mode::PrevalenceMode;
use crate::store::records::{CellChange, CellRecord, RedRecord, SessionDetail, SessionId, Settings, Status};
use crate::store::{Kept, Reopened, Store, StoreError};
use crate::vision::Vision;
use crate::vision::prediction::Prediction;
use crate::vision::prevalence::PriorShift;
use crate::vision::red_cells::RedOpinion;

/// Why an interrupted count cannot be taken up again.
#[derive(Debug, thiserror::Error)]
pub enum NotTakenUp {
    #[error("there is no session {0}")]
    NoSession(SessionId),
    #[error("session {0} is no interrupted one, or somebody else was quicker")]
    NotInterrupted(SessionId),
    #[error("session {0} is a control; count the control anew")]
    Control(SessionId),
    /// Two parts of one count would be named in different ways.
    #[error(
        "session {0} was counted with other networks or another profile than now, which would name the rest of its cells \
         differently; close it as partial"
    )]
    OtherNetworks(SessionId),
    /// Two parts of one count would come from different cameras.
    #[error("session {0} was counted with the camera {1}, which is not the one now; close it as partial")]
    OtherCamera(SessionId, String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Checks that a session can go on under these settings.
///
/// # Errors
/// If it is not interrupted, or was counted with other networks or another camera.
pub(crate) fn goes_on(store: &Store, session: SessionId, now: &Settings) -> Result<SessionDetail, NotTakenUp> {
    let detail = store.session(session)?.ok_or(NotTakenUp::NoSession(session))?;
    if detail.summary.status != Status::Interrupted {
        return Err(NotTakenUp::NotInterrupted(session));
    }
    if detail.summary.control.is_some() {
        return Err(NotTakenUp::Control(session));
    }
    if let Some(then) = &detail.settings {
        if !named_alike(then, now) {
            return Err(NotTakenUp::OtherNetworks(session));
        }
        if then.camera != now.camera {
            return Err(NotTakenUp::OtherCamera(session, then.camera.clone()));
        }
    }
    Ok(detail)
}

fn named_alike(then: &Settings, now: &Settings) -> bool {
    then.models == now.models && then.profile == now.profile
}

/// What the count goes on from.
pub(crate) fn broken_off(kept: &Kept) -> BrokenOffCount {
    let unknown_below = kept.detail.settings.as_ref().and_then(|settings| settings.unknown_below).unwrap_or(0.0);
    BrokenOffCount {
        sample: kept.detail.summary.sample.clone(),
        started: kept.detail.summary.started,
        cells: kept.cells.iter().filter_map(|cell| counted(cell, unknown_below)).collect(),
        interruptions: kept.interruptions.clone(),
        entered: kept.entered.clone(),
    }
}

/// A stored cell as it was counted. How far it lay from what the networks learned is not stored.
fn counted(cell: &CellRecord, unknown_below: f64) -> Option<CountedCell> {
    let area = Rect::new(cell.x, cell.y, cell.w, cell.h);
    Some(CountedCell {
        id: CellId(u32::try_from(cell.number).ok()?),
        kind: cell.kind,
        opinion: cell.class.map(|class| {
            // Versions that stored no ranking kept at least the class.
            let only = || vec![(class, cell.probability.unwrap_or(1.0))];
            Prediction::of(if cell.ranked.is_empty() { only() } else { cell.ranked.clone() }, unknown_below)
        }),
        at: OnSlide { patch: cell.patch, area },
        red: cell.red.as_ref().map(opinion),
        picture: None,
    })
}

fn opinion(red: &RedRecord) -> RedOpinion {
    let RedRecord { class, probability, ranked, graded, diameter_um, pallor, .. } = red.clone();
    RedOpinion { class, probability, ranked, graded, diameter_um, pallor }
}

/// Closes an interrupted session with the cells it has, in the name of `by`. The result is the one that the count would
/// have had if it had been stopped there, by the settings it began with. Cells named by other networks than those of
/// `vision` keep the names that the network alone gave.
///
/// # Errors
/// If it is not interrupted, or cannot be written.
pub(crate) fn close(
    store: &Store,
    session: SessionId,
    by: &str,
    vision: Option<&Vision>,
    (prevalence, now): (PrevalenceMode, &Settings),
) -> Result<Snapshot, NotTakenUp> {
    let found = store.session(session)?.ok_or(NotTakenUp::NoSession(session))?;
    if found.summary.status != Status::Interrupted {
        return Err(NotTakenUp::NotInterrupted(session));
    }
    if found.summary.control.is_some() {
        return Err(NotTakenUp::Control(session));
    }
    let time = Timestamp::now();
    let kept = store.reopen(session, by, time, Reopened::Close)?;
    let settings = kept.detail.settings.clone().unwrap_or_else(|| now.clone());
    let alike = vision.filter(|_| named_alike(&settings, now));
    let correction = alike.map_or_else(PriorShift::off, |vision| vision.correction(Some(prevalence)));
    let mut count = Session::new(settings.session.clone(), settings.flags.clone(), correction)
        .grading_red_cells(settings.red_cells.clone(), vision.is_some_and(Vision::scale_is_stated));
    count.alarm_at(&settings.critical);
    count.go_on(broken_off(&kept));
    count.finish(Ending::PowerCut);
    let earlier = store.signed_before(&kept.detail.summary.sample)?;
    let mut result = Snapshot { profile: settings.profile.clone(), earlier, ..count.snapshot(time) };
    result.mark_experimental(alike.map_or(&[][..], Vision::experimental));
    let mut changes = Vec::new();
    for (id, opinion) in count.named() {
        let Some(cell) = kept.cells.iter().find(|cell| cell.number == i64::from(id.0)) else { continue };
        let named = cell.clone().named(&opinion);
        if named != *cell {
            changes.push(CellChange::Put { cell: named, crop: None });
        }
    }
    let number = store.finish(session, &changes, &result, &settings)?;
    log::info!("session {session} is closed as partial with {} cells: result {number}", result.counted);
    Ok(result)
}
