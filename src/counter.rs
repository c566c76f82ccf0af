//! From frames to cells counted once: vision, scale kept over time, and the stage followed. No clock, no threads.

mod white;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use image::{RgbImage, imageops};

use crate::class::Kind;
use crate::classify::Opinion;
use crate::detect::Detection;
use crate::optics::flat_field::learn::Learner;
use crate::optics::focus;
use crate::optics::scale::{self, Scale, ScaleSource};
use crate::quality::{Gate, Quality};
use crate::timing::{Stage, StageTime, Timings};
use crate::track::{self, CellId, Placed, Sight, Tracker, Verdict};
use crate::vision::{Lighting, SAME_PLATELET, Vision, VisionError};
use white::White;

/// A cell that counts from now on.
#[derive(Clone, Debug, PartialEq)]
pub struct CountedCell {
    /// Its name; no other cell of the slide has it.
    pub id: CellId,
    /// What it counts as, by the network's own answer.
    pub kind: Kind,
    /// What the classifier says of it; for cells that were found as white ones only.
    pub opinion: Option<Opinion>,
}

/// What later frames showed of a cell that counts.
#[derive(Clone, Debug, PartialEq)]
pub enum Revision {
    /// A white cell was seen better; this is said of it now.
    Named {
        /// Which cell.
        id: CellId,
        /// What is said of it.
        opinion: Opinion,
    },
    /// It was no cell after all.
    Withdrawn {
        /// Which cell.
        id: CellId,
        /// What it counted as, unless it has an opinion.
        kind: Kind,
    },
}

/// What one frame added.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counted {
    /// Cells that count from now on, those of a lone field before this one included.
    pub cells: Vec<CountedCell>,
    /// What changed of cells that counted before; to be done before `cells` are counted.
    pub revisions: Vec<Revision>,
    /// Every cell found in this frame.
    pub in_view: Vec<Detection>,
    /// Where the frame's top-left corner lies on its patch of the slide, px; none where it shows nothing that counts.
    pub origin: Option<(f64, f64)>,
    /// Its cells' names, in the order of `in_view`; none for cells that are not seen whole.
    pub names: Vec<Option<CellId>>,
    /// The stage moved in a way that could not be followed, or more was seen than can be remembered: cells may be counted
    /// a second time from here on.
    pub jumped: bool,
    /// Micrometres a pixel, if known.
    pub um_per_px: Option<f64>,
    /// How good the frame is; one that is refused adds no cells.
    pub quality: Quality,
}

/// Width of the picture whose sharpness tells blurred frames, px: small enough that pixel noise averages out.
const SHARPNESS_WIDTH: u32 = 320;

/// Frames after which the views of a white cell that does not count are forgotten.
const KEPT: u64 = 500;

/// White cells that are looked at once more in one frame, at most.
const LOOKS: usize = 4;

/// Frames whose red cells decide on the scale together.
const SCALE_FRAMES: usize = 25;

/// Red cells that a frame needs to have a say in the scale.
const SCALE_CELLS: usize = 5;

/// A frame's own scale that is off by this much (natural logarithm) means another objective or another source.
const OTHER_SCALE: f64 = 0.2;

/// Counts the cells of one slide.
#[derive(Debug)]
pub struct Counter {
    vision: Arc<Vision>,
    /// What the frames so far told of the light, where that is to be learned.
    light: Learner,
    gate: Gate,
    tracker: Tracker,
    scale: Option<Scale>,
    /// Scales told by the latest frames, um a pixel.
    told: VecDeque<f64>,
    size: (u32, u32),
    /// Frames taken.
    frame: u64,
    /// White cells that are in view or count.
    white: HashMap<CellId, White>,
    /// Cells cut by the border of a lone field.
    cut: Vec<Verdict>,
    timings: Timings,
}

impl Counter {
    /// A counter that has seen nothing yet and counts every frame that passes the quality gate.
    #[must_use]
    pub fn new(vision: Arc<Vision>) -> Self {
        Self::behind(vision, Gate::new(true))
    }

    /// The same behind a gate of one's own.
    #[must_use]
    pub fn behind(vision: Arc<Vision>, gate: Gate) -> Self {
        Self {
            vision,
            light: Learner::default(),
            gate,
            tracker: Tracker::new(),
            scale: None,
            told: VecDeque::with_capacity(SCALE_FRAMES),
            size: (0, 0),
            frame: 0,
            white: HashMap::new(),
            cut: Vec::new(),
            timings: Timings::default(),
        }
    }

    /// Begins another slide under the same microscope: what was learned of the light stays.
    pub fn begin(&mut self, gate: Gate) {
        let light = std::mem::take(&mut self.light);
        *self = Self { light, ..Self::behind(Arc::clone(&self.vision), gate) };
    }

    /// How long the stages of the latest frames took.
    #[must_use]
    pub fn times(&self) -> Vec<StageTime> {
        self.timings.summary()
    }

    /// Takes the next frame.
    ///
    /// # Errors
    /// When a network fails on it; its cells are then not counted.
    pub fn frame(&mut self, image: &RgbImage) -> Result<Counted, VisionError> {
        let began = Instant::now();
        let counted = self.take(image, began);
        self.timings.note(Stage::Frame, began.elapsed());
        counted
    }

    fn take(&mut self, image: &RgbImage, began: Instant) -> Result<Counted, VisionError> {
        if self.size != image.dimensions() {
            self.size = image.dimensions();
            self.scale = None;
            self.told.clear();
        }
        if *self.vision.lighting() == Lighting::Learned {
            self.light.take(image);
        }
        let balanced = self.vision.balanced_by(image, self.light.flat_field());
        let lit = Instant::now();
        self.timings.note(Stage::Optics, lit - began);
        // ---- Quality gate: a refused frame says nothing of the scale, and none of its cells counts.
        let before = (self.scale, self.told.clone());
        let looked = self.look(&balanced)?;
        let (scale, cells) = looked.as_ref().map_or((None, &[][..]), |(scale, cells)| (Some(*scale), cells));
        let quality = self.gate.judge(image, &balanced, cells, scale);
        let found = Instant::now();
        self.timings.note(Stage::Detect, found - lit);
        if quality.refused() && !self.gate.is_open() {
            (self.scale, self.told) = before;
            let in_view = looked.map(|(_, cells)| cells).unwrap_or_default();
            let um_per_px = self.scale.map(|scale| scale.um_per_px);
            return Ok(Counted { in_view, um_per_px, quality, ..Counted::default() });
        }
        // ---- End of the gate.
        let Some((scale, detections)) = looked else {
            return Ok(Counted { quality, ..Counted::default() });
        };
        let (width, height) = (f64::from(image.width()), f64::from(image.height()));
        let (thumb_width, thumb_height) = track::thumb_size(width, height);
        let grey = imageops::grayscale(&imageops::thumbnail(&balanced, thumb_width, thumb_height));
        let sharpness = sharpness(&balanced);
        let placed = self.tracker.place(Sight { grey, cells: &detections, size: (width, height), sharpness });
        self.frame += 1;
        self.timings.note(Stage::Track, found.elapsed());
        let mut counted = Counted::default();
        // The verdicts on a patch that ended come before the look at this frame, whose cells are others.
        let placed_at = Instant::now();
        self.look_at_white(&balanced, scale, &detections, &placed, &mut counted)?;
        self.timings.note(Stage::Classify, placed_at.elapsed());
        if placed.new_patch && !placed.jumped {
            let cut = std::mem::take(&mut self.cut);
            counted.cells.extend(cut.into_iter().filter_map(|verdict| self.count(verdict)));
        }
        // A field that turned out to be part of a patch shows its cut cells whole in another frame, or never.
        for verdict in std::mem::take(&mut self.cut) {
            self.white.remove(&verdict.id);
        }
        self.cut = placed.cut.iter().map(|(index, id)| Verdict { id: *id, kind: detections[*index].kind }).collect();
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
        if placed.forgot {
            log::debug!("cells that were in view longest ago are forgotten");
        }
        counted.jumped = placed.jumped || placed.forgot;
        counted.origin = placed.origin;
        counted.names = placed.names;
        counted.in_view = detections;
        counted.um_per_px = Some(scale.um_per_px);
        counted.quality = quality;
        Ok(counted)
    }

    /// Ends the slide: gives the cells that had been seen and had not counted yet, the cut cells of a last lone field
    /// among them.
    pub fn finish(&mut self) -> Vec<CountedCell> {
        let cut = std::mem::take(&mut self.cut);
        let cut = if self.tracker.frames_in_patch() == 1 { cut } else { Vec::new() };
        let seen = self.tracker.finish();
        seen.into_iter().chain(cut).filter_map(|verdict| self.count(verdict)).collect()
    }

    /// Names white cells that are new, and some of those that this frame shows better than the frames before.
    fn look_at_white(
        &mut self,
        balanced: &RgbImage,
        scale: Scale,
        detections: &[Detection],
        placed: &Placed,
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
            // Two boxes of one frame may be one cell.
            let twice = chosen.iter().any(|(_, other, ..)| *other == id);
            if twice || !white.wants(sharpness, self.frame) || (again && looks == 0) {
                continue;
            }
            looks -= usize::from(again);
            chosen.push((index, id, sharpness, crop));
        }
        let crops: Vec<RgbImage> = chosen.iter_mut().map(|(.., crop)| std::mem::take(crop)).collect();
        let opinions = self.vision.classify(&crops)?;
        for ((index, id, sharpness, _), opinion) in chosen.into_iter().zip(opinions) {
            let cell = &detections[index];
            let twin =
                detections.iter().any(|other| other.kind == Kind::Plt && other.area.iou(&cell.area) > SAME_PLATELET);
            let white = self.white.entry(id).or_default();
            white.look(sharpness, opinion, cell.score, twin, self.frame);
            let white = &*white;
            if !white.wanted {
                continue;
            }
            let Some(opinion) = white.opinion(self.vision.unknown_below()) else { continue };
            match (white.kind(&opinion), white.told) {
                (Some(_), true) => counted.revisions.push(Revision::Named { id, opinion }),
                (Some(_), false) => counted.cells.extend(self.count(Verdict { id, kind: Kind::Wbc })),
                (None, _) => counted.revisions.extend(self.hide(id)),
            }
        }
        Ok(())
    }

    /// Gives a cell that the tracker counts, unless both networks doubt it.
    fn count(&mut self, verdict: Verdict) -> Option<CountedCell> {
        let Verdict { id, kind } = verdict;
        if kind != Kind::Wbc {
            return Some(CountedCell { id, kind, opinion: None });
        }
        let white = self.white.entry(id).or_default();
        white.wanted = true;
        let opinion = white.opinion(self.vision.unknown_below())?;
        let kind = white.kind(&opinion)?;
        white.told = true;
        Some(CountedCell { id, kind, opinion: Some(opinion) })
    }

    /// Takes back a cell that the tracker does not count any more.
    fn withdraw(&mut self, verdict: Verdict) -> Option<Revision> {
        if verdict.kind != Kind::Wbc {
            return Some(Revision::Withdrawn { id: verdict.id, kind: verdict.kind });
        }
        if let Some(white) = self.white.get_mut(&verdict.id) {
            white.wanted = false;
        }
        self.hide(verdict.id)
    }

    /// Takes back a white cell if it was told.
    fn hide(&mut self, id: CellId) -> Option<Revision> {
        let white = self.white.get_mut(&id)?;
        std::mem::take(&mut white.told).then_some(Revision::Withdrawn { id, kind: Kind::Wbc })
    }

    /// Detects at the scale kept so far, or at a new one where that no longer fits.
    fn look(&mut self, balanced: &RgbImage) -> Result<Option<(Scale, Vec<Detection>)>, VisionError> {
        if let Some(scale) = self.scale {
            let detections = self.vision.detect(balanced, scale)?;
            if scale.source == ScaleSource::Stated || self.agrees(scale, &detections, balanced.dimensions()) {
                return Ok(Some((scale, detections)));
            }
            self.told.clear();
        }
        let found = self.vision.scale(balanced)?;
        // A guess from white cells is used for this frame and not kept: the next one may show red cells.
        let keep = |scale: &Scale| !scale.source.is_guess();
        let scale = match (found, self.scale) {
            (Some(found), _) if keep(&found) => found,
            (_, Some(before)) => before,
            (Some(guess), None) => guess,
            (None, None) => return Ok(None),
        };
        self.scale = Some(scale).filter(keep);
        Ok(Some((scale, self.vision.detect(balanced, scale)?)))
    }

    /// Whether the red cells of a frame fit the scale; if so they have their say in it.
    fn agrees(&mut self, scale: Scale, detections: &[Detection], size: (u32, u32)) -> bool {
        let red = detections.iter().filter(|cell| cell.kind == Kind::Rbc).count();
        let (width, height) = (f64::from(size.0), f64::from(size.1));
        let Some(told) = scale::from_red_cells(detections, width, height).filter(|_| red >= SCALE_CELLS) else {
            return true;
        };
        if (told / scale.um_per_px).ln().abs() > OTHER_SCALE {
            return false;
        }
        if self.told.len() == SCALE_FRAMES {
            self.told.pop_front();
        }
        self.told.push_back(told);
        let mut sorted: Vec<f64> = self.told.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        self.scale = Some(Scale { um_per_px: sorted[sorted.len() / 2], source: scale.source });
        true
    }
}

/// How sharp a white-balanced frame is as a whole.
fn sharpness(balanced: &RgbImage) -> f64 {
    let factor = (f64::from(SHARPNESS_WIDTH) / f64::from(balanced.width())).min(1.0);
    let side = |length: u32| ((f64::from(length) * factor).round() as u32).max(1);
    focus::sharpness(&imageops::thumbnail(balanced, side(balanced.width()), side(balanced.height())))
}
