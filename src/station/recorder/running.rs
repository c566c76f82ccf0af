//! The session being recorded: its cells as the counting thread reports them, and the changes not yet written.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;

use super::{Recorder, RecorderMessage};
use crate::counting::track::{CellId, OnSlide};
use crate::domain::class::Kind;
use crate::domain::red_class::RedClass;
use crate::store::records::{CellChange, CellRecord, FieldRecord, RedRecord, SessionId, SessionStart};
use crate::store::{Store, StoreError};
use crate::vision::prediction::Prediction;
use crate::vision::red_cells::RedOpinion;

/// JPEG quality of crops and fields, 1..=100: keeps the texture of nuclei at about 6 kB per crop.
const QUALITY: u8 = 90;

/// Pictures of graded red cells kept of each class and session, at most: the first ones. A film has thousands of red cells.
const MOST_RED_PICTURES: u32 = 60;

/// The same of normal ones, of which there is less to see.
const MOST_NORMAL_PICTURES: u32 = 30;

/// A whole field as the counting thread reports it.
pub(crate) struct SeenField {
    pub(crate) pixels: Arc<RgbImage>,
    pub(crate) field: FieldRecord,
}

/// A cell as the counting thread reports it.
pub(super) struct SeenCell {
    pub(super) id: CellId,
    pub(super) kind: Kind,
    pub(super) at: Option<OnSlide>,
    pub(super) opinion: Option<Prediction>,
    pub(super) red: Option<RedOpinion>,
    pub(super) picture: Option<Arc<RgbImage>>,
}

pub(super) struct RunningSession {
    pub(super) start: SessionStart,
    pub(super) id: Option<SessionId>,
    /// Latest record of each white cell, so that a better view changes only what it shows.
    pub(super) white: HashMap<CellId, CellRecord>,
    /// Pictures of red cells so far, by the program's class.
    red_pictures: HashMap<RedClass, u32>,
    pub(super) waiting: Vec<CellChange>,
}

impl RunningSession {
    pub(super) fn new(start: SessionStart) -> Self {
        Self { start, id: None, white: HashMap::new(), red_pictures: HashMap::new(), waiting: Vec::new() }
    }

    /// A session that broke off, with the cells it has.
    pub(super) fn again(id: SessionId, start: SessionStart, cells: &[CellRecord]) -> Self {
        let white = cells.iter().filter(|cell| cell.class.is_some());
        let white = white.filter_map(|cell| Some((CellId(u32::try_from(cell.number).ok()?), cell.clone())));
        let mut red_pictures: HashMap<RedClass, u32> = HashMap::new();
        for red in cells.iter().filter(|cell| cell.has_crop).filter_map(|cell| cell.red.as_ref()) {
            *red_pictures.entry(red.class).or_default() += 1;
        }
        Self { id: Some(id), white: white.collect(), red_pictures, ..Self::new(start) }
    }

    /// The session id; assigned now if the store could not do so before.
    pub(super) fn begun(&mut self, store: &Store, session: &AtomicI64) -> Result<SessionId, StoreError> {
        if let Some(id) = self.id {
            return Ok(id);
        }
        let id = store.begin(&self.start)?;
        self.id = Some(id);
        session.store(id, Ordering::Relaxed);
        Ok(id)
    }

    pub(super) fn saw(&mut self, seen: SeenCell) {
        let SeenCell { id, kind, at, opinion, red, picture } = seen;
        let known = self.white.get(&id).cloned();
        let Some(mut cell) = known.or_else(|| at.map(|at| record(id, kind, at))) else { return };
        if let Some(at) = at {
            cell.set_place(at);
        }
        if let Some(opinion) = opinion {
            cell.name(&opinion);
            self.white.insert(id, cell.clone());
        }
        let picture = match &red {
            Some(red) => picture.filter(|_| self.keeps_picture(red)),
            None => picture,
        };
        cell.red = red.map(looks);
        let crop = picture.and_then(|picture| jpeg(&picture));
        self.waiting.push(CellChange::Put { cell, crop });
    }

    /// Whether one more picture of a red cell like this is kept; counts it.
    fn keeps_picture(&mut self, red: &RedOpinion) -> bool {
        let most = if red.class == RedClass::Normal { MOST_NORMAL_PICTURES } else { MOST_RED_PICTURES };
        let kept = self.red_pictures.entry(red.class).or_default();
        let room = red.graded && *kept < most;
        *kept += u32::from(room);
        room
    }

    /// Keeps a whole field.
    pub(super) fn keep(&mut self, kept: SeenField) {
        if let Some(jpeg) = jpeg(&kept.pixels) {
            self.waiting.push(CellChange::Field { field: kept.field, jpeg });
        }
    }

    /// Whole fields that are not written yet.
    pub(super) fn fields_waiting(&self) -> usize {
        self.waiting.iter().filter(|change| matches!(change, CellChange::Field { .. })).count()
    }

    /// Gives the white cells their final names.
    pub(super) fn settle(&mut self, named: Vec<(CellId, Prediction)>) {
        for (id, opinion) in named {
            let Some(cell) = self.white.get_mut(&id) else { continue };
            let before = cell.clone();
            cell.name(&opinion);
            if *cell != before {
                self.waiting.push(CellChange::Put { cell: cell.clone(), crop: None });
            }
        }
    }
}

impl Recorder {
    /// Records on in a session that broke off and that the store has opened again. `cells` are those it has.
    pub(crate) fn go_on(&self, session: SessionId, start: SessionStart, cells: &[CellRecord]) {
        self.session.store(session, Ordering::Relaxed);
        self.send(RecorderMessage::Begin(Box::new(RunningSession::again(session, start, cells))));
    }
}

/// A record with only its position filled in.
fn record(id: CellId, kind: Kind, at: OnSlide) -> CellRecord {
    let mut cell = CellRecord {
        number: id.0.into(),
        kind,
        patch: 0,
        x: 0.0,
        y: 0.0,
        w: 0.0,
        h: 0.0,
        class: None,
        probability: None,
        ranked: Vec::new(),
        red: None,
        by_person: None,
        has_crop: false,
    };
    cell.set_place(at);
    cell
}

fn looks(red: RedOpinion) -> RedRecord {
    let RedOpinion { class, probability, ranked, graded, diameter_um, pallor } = red;
    RedRecord { class, probability, ranked, graded, diameter_um, pallor, by_person: None }
}

impl CellRecord {
    /// The same with this class.
    pub(crate) fn named(mut self, opinion: &Prediction) -> Self {
        self.name(opinion);
        self
    }

    fn set_place(&mut self, at: OnSlide) {
        let OnSlide { patch, area } = at;
        (self.patch, self.x, self.y, self.w, self.h) = (patch, area.x, area.y, area.w, area.h);
    }

    fn name(&mut self, opinion: &Prediction) {
        self.class = Some(opinion.class);
        self.probability = Some(opinion.probability);
        self.ranked.clone_from(&opinion.raw().ranked);
    }
}

fn jpeg(picture: &RgbImage) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    match JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(picture) {
        Ok(()) => Some(bytes),
        Err(error) => {
            log::warn!("a picture is not kept: {error}");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::class::CellClass;

    fn seen(id: u32, class: RedClass) -> SeenCell {
        let (ranked, diameter_um) = (vec![(class, 0.9)], 7.2);
        let red = Some(RedOpinion { class, probability: 0.9, ranked, graded: true, diameter_um, pallor: None });
        let picture = Some(Arc::new(RgbImage::new(4, 4)));
        SeenCell { id: CellId(id), kind: Kind::Rbc, at: Some(OnSlide::default()), opinion: None, red, picture }
    }

    fn pictures(session: &RunningSession) -> usize {
        session.waiting.iter().filter(|change| matches!(change, CellChange::Put { crop: Some(_), .. })).count()
    }

    #[test]
    fn a_session_that_goes_on_keeps_no_more_pictures_of_red_cells_than_one_that_did_not_break_off() {
        let start = || SessionStart {
            sample: "A-1".into(),
            station: "bench".into(),
            started: jiff::Timestamp::UNIX_EPOCH,
            settings: settings(),
            by: "device".into(),
            control: None,
        };
        let mut first = RunningSession::new(start());
        (0..50).for_each(|id| first.saw(seen(id, RedClass::Target)));
        assert_eq!(pictures(&first), 50);
        let kept = |change: &CellChange| match change {
            CellChange::Put { cell, crop } => Some(CellRecord { has_crop: crop.is_some(), ..cell.clone() }),
            _ => None,
        };
        let cells: Vec<CellRecord> = first.waiting.iter().filter_map(kept).collect();
        let mut again = RunningSession::again(1, start(), &cells);
        (50..90).for_each(|id| again.saw(seen(id, RedClass::Target)));
        (90..95).for_each(|id| again.saw(seen(id, RedClass::Burr)));
        assert_eq!(pictures(&again), 10 + 5, "60 target cells in all");
        assert_eq!(again.waiting.len(), 45, "all of them are counted");
        let CellChange::Put { cell, .. } = &again.waiting[0] else { panic!("no cell") };
        assert_eq!((cell.class, cell.red.as_ref().map(|red| red.class)), (None::<CellClass>, Some(RedClass::Target)));
    }

    fn settings() -> crate::store::records::Settings {
        crate::store::records::Settings {
            version: "0".into(),
            camera: "simulated".into(),
            source: None,
            training: false,
            taken_with: None,
            session: crate::config::SessionConfig::default(),
            sample: crate::config::SampleConfig::default(),
            flags: crate::config::Flags::default(),
            red_cells: crate::config::RedCellsConfig::default(),
            critical: crate::config::CriticalConfig::default(),
            models: std::collections::BTreeMap::new(),
            calibration: None,
            um_per_px: None,
            unknown_below: None,
            profile: None,
        }
    }
}
