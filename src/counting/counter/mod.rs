//! From frames to cells counted once: analyses each frame, then follows the stage and classifies white cells.

mod ahead;
mod analyzer;
mod counted;
mod passed;
mod red;
mod white;
mod whole;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use image::RgbImage;

use crate::counting::track::{self, CellId, CellUpdate, Observation, OnSlide, Registration, Tracker};
use crate::domain::class::Kind;
use crate::domain::geometry::Rect;
use crate::domain::red_cell_colour::RedCellColour;
use crate::system::timing::{Stage, StageTime, Timings};
use crate::vision::detect::Detection;
use crate::vision::detect::scale::Scale;
use crate::vision::optics::field_of_view::BalancedPicture;
use crate::vision::optics::focus;
use crate::vision::optics::resample::grey;
use crate::vision::quality::Gate;
use crate::vision::{SAME_PLATELET, Vision, VisionError};
use ahead::Ahead;
pub use analyzer::{DetectedFrame, FrameAnalyzer, LookedAt};
pub use counted::{Counted, CountedCell, Revision};
use passed::Shown;
use red::RedLooks;
use white::White;

/// Frames after which the views of a white cell that does not count are forgotten.
const KEPT: u64 = 500;

/// White cells classified once more per frame, at most.
const LOOKS: usize = 4;

/// Counts the cells of one slide.
#[derive(Debug)]
pub struct Counter {
    vision: Arc<Vision>,
    analyzer: FrameAnalyzer,
    ahead: Ahead,
    tracker: Tracker,
    /// Frames placed.
    frame: u64,
    /// White cells that are in view or count.
    white: HashMap<CellId, White>,
    /// Red cells that were looked at and do not count yet.
    red: RedLooks,
    /// Cells cut by the border of a lone field.
    cut: Vec<CellUpdate>,
    /// What the frame looked at last showed.
    shown: Shown,
    timings: Timings,
}

impl Counter {
    /// A counter for a new slide that counts every frame that passes the quality gate.
    #[must_use]
    pub fn new(vision: Arc<Vision>) -> Self {
        Self::behind(vision, Gate::new(true))
    }

    /// Same, with a given gate.
    #[must_use]
    pub fn behind(vision: Arc<Vision>, gate: Gate) -> Self {
        Self {
            analyzer: FrameAnalyzer::behind(Arc::clone(&vision), gate),
            vision,
            ahead: Ahead::default(),
            tracker: Tracker::new(),
            frame: 0,
            white: HashMap::new(),
            red: RedLooks::default(),
            cut: Vec::new(),
            shown: Shown::default(),
            timings: Timings::default(),
        }
    }

    /// Begins another slide under the same microscope and keeps what was learned about the light.
    pub fn begin(&mut self, gate: Gate) {
        self.analyzer.begin(gate);
        let analyzer =
            std::mem::replace(&mut self.analyzer, FrameAnalyzer::behind(Arc::clone(&self.vision), Gate::new(true)));
        let ahead = std::mem::take(&mut self.ahead);
        *self = Self { analyzer, ahead, ..Self::new(Arc::clone(&self.vision)) };
    }

    /// The same for the rest of a slide that was counted before, of which ids and patches below these are known. The place
    /// on it is not: the stage is followed anew.
    pub fn go_on(&mut self, gate: Gate, next_id: u32, patches: usize) {
        self.begin(gate);
        self.tracker = Tracker::after(next_id, patches);
    }

    /// Looks at the next frames with this. The light and scale that were learned stay, so it must take out light in the same
    /// way.
    pub fn look_with(&mut self, vision: Arc<Vision>) {
        self.analyzer.look_with(Arc::clone(&vision));
        self.vision = vision;
    }

    /// Time taken by each stage for the latest frames.
    #[must_use]
    pub fn times(&self) -> Vec<StageTime> {
        self.timings.summary()
    }

    /// Time taken by each stage for the newest frame counted.
    #[must_use]
    pub fn newest_times(&self) -> &[(Stage, Duration)] {
        self.timings.newest()
    }

    /// Counts the next frame.
    ///
    /// # Errors
    /// If detection fails on it; its cells are then not counted.
    pub fn frame(&mut self, image: &RgbImage) -> Result<Counted, VisionError> {
        let detected = self.analyzer.analyze(image)?;
        Ok(self.take(detected))
    }

    /// Counts an analysed frame while analysing the next one: on two cores, throughput is that of the slower half.
    /// The analysis may fail.
    pub fn frame_while(
        &mut self,
        detected: DetectedFrame,
        next: &Arc<RgbImage>,
    ) -> (Counted, Result<DetectedFrame, VisionError>) {
        // Taken out, so that each half owns its part of the counter.
        let idle = FrameAnalyzer::behind(Arc::clone(&self.vision), Gate::new(true));
        let analyzer = std::mem::replace(&mut self.analyzer, idle);
        let mut ahead = std::mem::take(&mut self.ahead);
        let (counted, (analyzer, detected)) = ahead.analyze(analyzer, next, || self.take(detected));
        (self.analyzer, self.ahead) = (analyzer, ahead);
        (counted, detected)
    }

    /// First half of [`Counter::frame`]: detects the cells of a frame. Call it with the frames in order.
    ///
    /// # Errors
    /// If a network fails on it.
    pub fn detect(&mut self, image: &RgbImage) -> Result<DetectedFrame, VisionError> {
        self.analyzer.analyze(image)
    }

    /// Second half: which of the cells are new, and their classes. Call it with frames in the order they were
    /// analysed.
    pub fn take(&mut self, detected: DetectedFrame) -> Counted {
        let began = Instant::now();
        self.timings.begin();
        let (counted, before) = match detected {
            DetectedFrame::Same { moved, quality, took } => {
                self.timings.note(Stage::Glance, took);
                self.frame += 1;
                self.tracker.pass();
                (self.shown.after(moved, quality), took)
            }
            DetectedFrame::Looked(frame) => {
                let (glance, optics, detect) = frame.took;
                self.timings.note(Stage::Glance, glance);
                self.timings.note(Stage::Optics, optics);
                self.timings.note(Stage::Detect, detect);
                let size = frame.balanced.dimensions();
                let counted = self.place(*frame);
                self.shown = Shown::of(&counted, size);
                (counted, glance + optics + detect)
            }
        };
        self.timings.note(Stage::Frame, before + began.elapsed());
        counted
    }

    fn place(&mut self, detected: LookedAt) -> Counted {
        let began = Instant::now();
        let LookedAt { balanced, cells: detections, quality, counts, um_per_px, red_cells, moved, .. } = detected;
        let Some(scale) = counts else {
            return Counted { in_view: detections, looked_at: true, um_per_px, quality, ..Counted::default() };
        };
        let (width, height) = (f64::from(balanced.width()), f64::from(balanced.height()));
        let (thumb_width, thumb_height) = track::thumb_size(width, height);
        let grey = grey(&balanced.shrunk(thumb_width, thumb_height));
        let sharpness = sharpness(&balanced);
        let placed =
            self.tracker.place(Observation { grey, cells: &detections, view: &balanced.view, sharpness, moved });
        self.frame += 1;
        let placed_at = Instant::now();
        self.timings.note(Stage::Track, placed_at - began);
        let mut counted = Counted { looked_at: true, ..Counted::default() };
        // Verdicts on a finished patch come first, because this frame has other cells.
        // The tracker has counted the frame, so its other cells must not be lost if that fails.
        let looked = self.look_at_white((&balanced, scale, red_cells), &detections, &placed, &mut counted);
        counted.unnamed = looked.err().map(|error| format!("the white cells of a frame were not classified: {error}"));
        if let Err(error) = self.red.look(&self.vision, (&balanced, scale), &detections, &placed, self.frame) {
            counted.unnamed.get_or_insert_with(|| format!("the red cells of a frame were not graded: {error}"));
        }
        self.timings.note(Stage::Classify, placed_at.elapsed());
        if placed.new_patch && !placed.jumped {
            let cut = std::mem::take(&mut self.cut);
            counted.cells.extend(cut.into_iter().filter_map(|verdict| self.count(verdict)));
        }
        // If a field turns out to be part of a patch, its cut cells appear whole in another frame, or never.
        for verdict in std::mem::take(&mut self.cut) {
            self.white.remove(&verdict.id);
        }
        self.cut = placed.cut.iter().map(|(index, id)| lone(&detections[*index], *id, &placed)).collect();
        counted.cells.extend(placed.counted.iter().filter_map(|verdict| self.count(*verdict)));
        for verdict in &placed.withdrawn {
            if let Some(at) = counted.cells.iter().position(|cell| cell.id == verdict.id) {
                counted.cells.remove(at);
            } else {
                counted.revisions.extend(self.withdraw(*verdict));
            }
        }
        let now = self.frame;
        self.white.retain(|_, white| white.told || white.latest + KEPT > now);
        self.red.forget_before(now.saturating_sub(KEPT));
        if placed.forgot {
            log::debug!("cells that were in view longest ago are forgotten");
        }
        counted.jumped = placed.jumped || placed.forgot;
        counted.whole = whole::field(&placed, &balanced.view, scale, quality);
        counted.origin = placed.origin;
        counted.names = placed.names;
        counted.in_view = detections;
        counted.um_per_px = um_per_px;
        counted.red_cells = red_cells;
        counted.quality = quality;
        counted
    }

    /// Ends the slide: looks at what the last frames showed and no look did, and adds the cells seen but not yet counted, including
    /// the cut cells of a last lone field.
    pub fn finish(&mut self) -> Counted {
        let mut counted = match self.analyzer.look_at_the_rest() {
            Ok(frame) => frame.map(|frame| self.take(frame)).unwrap_or_default(),
            Err(error) => {
                Counted { unnamed: Some(format!("the last frame was not looked at: {error}")), ..Counted::default() }
            }
        };
        let cut = std::mem::take(&mut self.cut);
        let cut = if self.tracker.frames_in_patch() == 1 { cut } else { Vec::new() };
        let seen = self.tracker.finish();
        let rest: Vec<CountedCell> = seen.into_iter().chain(cut).filter_map(|verdict| self.count(verdict)).collect();
        counted.cells.extend(rest);
        counted
    }

    /// Classifies new white cells, and some of those that this frame shows better than earlier ones.
    fn look_at_white(
        &mut self,
        (balanced, scale, red_cells): (&BalancedPicture, Scale, Option<RedCellColour>),
        detections: &[Detection],
        placed: &Registration,
        counted: &mut Counted,
    ) -> Result<(), VisionError> {
        let whole = placed.names.iter().enumerate().filter_map(|(index, id)| Some((index, (*id)?)));
        let shown: Vec<(usize, CellId)> =
            whole.chain(placed.cut.iter().copied()).filter(|(index, _)| detections[*index].kind == Kind::Wbc).collect();
        let crops = self.vision.crops(balanced, scale, shown.iter().map(|(at, _)| detections[*at].area.centre()))?;
        let mut looks = LOOKS;
        let mut chosen: Vec<(usize, CellId, f64, RgbImage)> = Vec::new();
        for ((index, id), crop) in shown.into_iter().zip(crops) {
            let sharpness = focus::sharpness(&crop);
            let white = self.white.entry(id).or_default();
            let again = !white.is_unseen();
            // Two boxes of one frame may be the same cell.
            let twice = chosen.iter().any(|(_, other, ..)| *other == id);
            if twice || !white.wants(sharpness, self.frame) || (again && looks == 0) {
                continue;
            }
            looks -= usize::from(again);
            chosen.push((index, id, sharpness, crop));
        }
        let crops: Vec<RgbImage> = chosen.iter_mut().map(|(.., crop)| std::mem::take(crop)).collect();
        let opinions = self.vision.classify(&crops, red_cells)?;
        for (((index, id, sharpness, _), opinion), crop) in chosen.into_iter().zip(opinions).zip(crops) {
            let cell = &detections[index];
            let twin =
                detections.iter().any(|other| other.kind == Kind::Plt && other.area.iou(&cell.area) > SAME_PLATELET);
            let white = self.white.entry(id).or_default();
            white.observe(sharpness, opinion, cell.score, twin, self.frame, crop);
            if !white.wanted {
                continue;
            }
            let Some(opinion) = white.opinion(self.vision.unknown_below()) else { continue };
            match (white.kind(&opinion), white.told) {
                (Some(_), true) => {
                    let picture = white.picture.take();
                    counted.revisions.push(Revision::Named { id, opinion, picture });
                }
                (Some(_), false) => counted.cells.extend(self.count(lone(cell, id, placed))),
                (None, _) => counted.revisions.extend(self.hide(id)),
            }
        }
        Ok(())
    }

    /// Passes on a cell that the tracker counts, unless both networks doubt it.
    fn count(&mut self, verdict: CellUpdate) -> Option<CountedCell> {
        let CellUpdate { id, kind, at } = verdict;
        if kind != Kind::Wbc {
            let (red, picture) = self.red.take(id);
            return Some(CountedCell { id, kind, opinion: None, at, red, picture });
        }
        let white = self.white.entry(id).or_default();
        white.wanted = true;
        let opinion = white.opinion(self.vision.unknown_below())?;
        let kind = white.kind(&opinion)?;
        white.told = true;
        Some(CountedCell { id, kind, opinion: Some(opinion), at, red: None, picture: white.picture.take() })
    }

    /// Withdraws a cell that the tracker no longer counts.
    fn withdraw(&mut self, verdict: CellUpdate) -> Option<Revision> {
        if verdict.kind != Kind::Wbc {
            return Some(Revision::Withdrawn { id: verdict.id, kind: verdict.kind });
        }
        if let Some(white) = self.white.get_mut(&verdict.id) {
            white.wanted = false;
        }
        self.hide(verdict.id)
    }

    /// Withdraws a white cell if it was passed on.
    fn hide(&mut self, id: CellId) -> Option<Revision> {
        let white = self.white.get_mut(&id)?;
        std::mem::take(&mut white.told).then_some(Revision::Withdrawn { id, kind: Kind::Wbc })
    }
}

/// A cell of a single frame.
fn lone(cell: &Detection, id: CellId, placed: &Registration) -> CellUpdate {
    let (x, y) = placed.origin.unwrap_or_default();
    let area = Rect { x: cell.area.x + x, y: cell.area.y + y, ..cell.area };
    CellUpdate { id, kind: cell.kind, at: OnSlide { patch: placed.patch, area } }
}

/// Overall sharpness of a white-balanced frame, in the middle of its field of view.
fn sharpness(balanced: &BalancedPicture) -> f64 {
    let factor = (f64::from(focus::SHARPNESS_WIDTH) / f64::from(balanced.width())).min(1.0);
    let side = |length: u32| ((f64::from(length) * factor).round() as u32).max(1);
    let small = balanced.shrunk(side(balanced.width()), side(balanced.height()));
    let Rect { x, y, w, h } = balanced.view.resized(small.dimensions()).inner();
    let (x, y) = (x as usize, y as usize);
    focus::sharpness_within(&small, (x..x + w as usize, y..y + h as usize))
}
