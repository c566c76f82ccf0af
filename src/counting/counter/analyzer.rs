//! First half of counting: whether a frame shows anything new, flat-field correction, detection at the current scale, quality
//! gate. It has no memory of cells, so the second half can count one frame while the next is analysed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use image::RgbImage;

use crate::counting::track::glance::{Glance, Glances};
use crate::domain::class::Kind;
use crate::domain::red_cell_colour::RedCellColour;
use crate::domain::scale::MicrometresPerPixel;
use crate::vision::detect::Detection;
use crate::vision::detect::scale::{self, Scale, ScaleSource};
use crate::vision::optics::field_of_view::{BalancedPicture, FieldOfView};
use crate::vision::optics::flat_field::learn::Learner;
use crate::vision::quality::{Gate, Quality};
use crate::vision::{Lighting, Vision, VisionError};

/// Frames whose red cells together set scale and colour.
const SCALE_FRAMES: usize = 25;

/// Red cells a frame needs to contribute to the scale.
const SCALE_CELLS: usize = 5;

/// A frame's own scale that is off by this much (natural logarithm) means another objective or another source.
const OTHER_SCALE: f64 = 0.2;

/// An analysed frame.
#[derive(Clone, Debug)]
pub enum DetectedFrame {
    /// The detector looked at it.
    Looked(Box<LookedAt>),
    /// It shows again what the frame looked at last showed.
    Same {
        /// Motion of the field since that frame, px.
        moved: (f64, f64),
        /// Its quality: that frame's, at its own focus.
        quality: Quality,
        /// Time taken to find that out.
        took: Duration,
    },
}

/// A frame that the detector looked at.
#[derive(Clone, Debug)]
pub struct LookedAt {
    /// The frame after flat-field correction and white balance.
    pub(super) balanced: BalancedPicture,
    /// Every cell detected.
    pub(super) cells: Vec<Detection>,
    pub(super) quality: Quality,
    /// Scale to count at; `None` for a frame that does not count.
    pub(super) counts: Option<Scale>,
    /// Micrometres per pixel, if known.
    pub(super) um_per_px: Option<MicrometresPerPixel>,
    /// Colour of the red cells of this frame and the latest ones before it.
    pub(super) red_cells: Option<RedCellColour>,
    /// Motion of the field since the frame looked at before it, px, if known.
    pub(super) moved: Option<(f64, f64)>,
    /// Time taken to find out what is new, by the flat-field correction, and by detection and gate.
    pub(super) took: (Duration, Duration, Duration),
}

/// Analyses the frames of one slide in order.
#[derive(Debug)]
pub struct FrameAnalyzer {
    vision: Arc<Vision>,
    /// Light learned from the frames so far, if it is to be learned.
    light: Learner,
    gate: Gate,
    glances: Glances,
    /// Quality of the frame looked at last.
    quality: Quality,
    /// The latest sharp frame that was not looked at, if it shows more than the one looked at last.
    passed: Option<RgbImage>,
    scales: ScaleHistory,
    /// Colours of the red cells of the latest frames that counted.
    colours: VecDeque<RedCellColour>,
}

/// What the frames of one size told of their scale.
#[derive(Clone, Debug, Default)]
struct ScaleHistory {
    size: (u32, u32),
    scale: Option<Scale>,
    /// Scales told by the latest frames, um a pixel.
    told: VecDeque<MicrometresPerPixel>,
}

/// Whether the red cells of a frame fit the scale it was analysed at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    Fits,
    /// Too few red cells to tell.
    Unknown,
    Differs,
}

impl FrameAnalyzer {
    /// An analyser for a new slide.
    #[must_use]
    pub fn behind(vision: Arc<Vision>, gate: Gate) -> Self {
        Self {
            vision,
            light: Learner::default(),
            gate,
            glances: Glances::default(),
            quality: Quality::default(),
            passed: None,
            scales: ScaleHistory::default(),
            colours: VecDeque::new(),
        }
    }

    /// Begins another slide under the same microscope and keeps what was learned about the light.
    pub fn begin(&mut self, gate: Gate) {
        let light = std::mem::take(&mut self.light);
        *self = Self { light, ..Self::behind(Arc::clone(&self.vision), gate) };
    }

    /// Looks at the next frames with this.
    pub(super) fn look_with(&mut self, vision: Arc<Vision>) {
        self.vision = vision;
    }

    /// Analyses the next frame.
    ///
    /// # Errors
    /// If a network fails on it; the analyser is then as before.
    pub fn analyze(&mut self, image: &RgbImage) -> Result<DetectedFrame, VisionError> {
        let began = Instant::now();
        let moved = match self.glances.at(image) {
            Glance::Same { moved, rests, more, sharpness, blurred } => {
                match (more, blurred) {
                    (true, false) => self.passed = Some(image.clone()),
                    (false, _) => self.passed = None,
                    // A sharp one before it tells more.
                    (true, true) => {}
                }
                self.pass(image, rests);
                let quality = self.gate.at_a_glance(self.quality, sharpness);
                return Ok(DetectedFrame::Same { moved, quality, took: began.elapsed() });
            }
            Glance::Look(moved) => moved,
        };
        self.look(image, moved, began).map(|frame| DetectedFrame::Looked(Box::new(frame)))
    }

    /// Looks at the latest frame that passed, if it shows ground that no look has shown.
    ///
    /// # Errors
    /// If a network fails on it.
    pub(super) fn look_at_the_rest(&mut self) -> Result<Option<DetectedFrame>, VisionError> {
        let Some(image) = self.passed.take() else { return Ok(None) };
        let frame = self.look(&image, None, Instant::now())?;
        Ok(Some(DetectedFrame::Looked(Box::new(frame))))
    }

    /// Looks at a frame after the field `moved` by so many px, if that is known.
    fn look(&mut self, image: &RgbImage, moved: Option<(f64, f64)>, began: Instant) -> Result<LookedAt, VisionError> {
        let glanced = Instant::now();
        self.passed = None;
        let view = FieldOfView::of(image);
        let balanced = self.vision.balanced_by(image, view, self.light.flat_field());
        let lit = Instant::now();
        // Works on a copy: a frame that fails or is refused must not change the scale of the next ones.
        let mut scales = match &self.scales {
            scales if scales.size == image.dimensions() => scales.clone(),
            _ => ScaleHistory { size: image.dimensions(), ..ScaleHistory::default() },
        };
        let found = scales.find(&self.vision, &balanced)?;
        let (scale, cells) = found.map_or((None, Vec::new()), |(scale, cells)| (Some(scale), cells));
        let quality = self.gate.judge(image, &balanced, &cells, scale);
        self.quality = quality;
        let too_coarse = scale.is_some_and(Scale::is_too_coarse);
        // An objective of so low a power lights the field in another way.
        if *self.vision.lighting() == Lighting::Learned && !too_coarse {
            self.light.take_in(image, &balanced.view);
        }
        let mut detected = LookedAt {
            balanced,
            cells,
            quality,
            counts: scale,
            um_per_px: scale.map(|scale| scale.um_per_px),
            red_cells: None,
            moved,
            took: (glanced - began, lit - glanced, lit.elapsed()),
        };
        if quality.refused() && !self.gate.is_open() || too_coarse {
            // None of its cells counts.
            detected.counts = None;
            detected.um_per_px = self.scales.scale.map(|scale| scale.um_per_px);
        } else {
            self.scales = scales;
            detected.red_cells = self.colour_of(&detected);
            // A guessed scale is this frame's alone.
            if scale.is_some_and(|scale| !scale.source.is_guess()) {
                self.glances.looked(&detected.balanced.view, &detected.cells);
            }
        }
        Ok(detected)
    }

    /// Lets a frame pass that shows what the one looked at last showed.
    fn pass(&mut self, image: &RgbImage, rests: bool) {
        // Light is learned from what moves.
        if !rests
            && *self.vision.lighting() == Lighting::Learned
            && let Some(view) = self.glances.view()
        {
            self.light.take_in(image, view);
        }
    }
}

impl FrameAnalyzer {
    /// Colour of the red cells of a frame that counts and of those before it: a slide is stained in one way, and a frame may
    /// show few of them.
    fn colour_of(&mut self, frame: &LookedAt) -> Option<RedCellColour> {
        if let Some(colour) = self.vision.red_cell_colour(&frame.balanced, &frame.cells) {
            if self.colours.len() == SCALE_FRAMES {
                self.colours.pop_front();
            }
            self.colours.push_back(colour);
        }
        RedCellColour::median(&self.colours)
    }
}

impl ScaleHistory {
    /// Detects at the current scale, or at a new one if that no longer fits.
    fn find(
        &mut self,
        vision: &Vision,
        balanced: &BalancedPicture,
    ) -> Result<Option<(Scale, Vec<Detection>)>, VisionError> {
        if let Some(scale) = self.scale {
            let detections = detect(vision, balanced, scale)?;
            if scale.source == ScaleSource::Stated {
                return Ok(Some((scale, detections)));
            }
            match self.fit(scale, &detections, balanced.dimensions()) {
                Fit::Fits => return Ok(Some((scale, detections))),
                Fit::Unknown => match other_objective(vision, balanced, scale)? {
                    None => return Ok(Some((scale, detections))),
                    Some(other) => {
                        *self = Self { size: self.size, scale: Some(other), told: VecDeque::new() };
                        return Ok(Some((other, detect(vision, balanced, other)?)));
                    }
                },
                Fit::Differs => self.told.clear(),
            }
        }
        let found = vision.scale(balanced)?;
        // A guess from white cells is used for this frame only: the next one may show red cells.
        let keep = |scale: &Scale| !scale.source.is_guess();
        let scale = match (found, self.scale) {
            (Some(found), _) if keep(&found) => found,
            (_, Some(before)) => before,
            (Some(guess), None) => guess,
            (None, None) => return Ok(None),
        };
        self.scale = Some(scale).filter(keep);
        Ok(Some((scale, detect(vision, balanced, scale)?)))
    }

    /// Whether the red cells of a frame fit the scale; if so they contribute to it.
    fn fit(&mut self, scale: Scale, detections: &[Detection], size: (u32, u32)) -> Fit {
        let red = detections.iter().filter(|cell| cell.kind == Kind::Rbc).count();
        let (width, height) = (f64::from(size.0), f64::from(size.1));
        let Some(told) = scale::from_red_cells(detections, width, height).filter(|_| red >= SCALE_CELLS) else {
            return Fit::Unknown;
        };
        if told.over(scale.um_per_px).ln().abs() > OTHER_SCALE {
            return Fit::Differs;
        }
        if self.told.len() == SCALE_FRAMES {
            self.told.pop_front();
        }
        self.told.push_back(told);
        let mut sorted: Vec<_> = self.told.iter().copied().collect();
        sorted.sort();
        self.scale = Some(Scale { um_per_px: sorted[sorted.len() / 2], source: scale.source });
        Fit::Fits
    }
}

/// The cells of a frame; none at a scale too coarse to tell them apart.
fn detect(vision: &Vision, balanced: &BalancedPicture, scale: Scale) -> Result<Vec<Detection>, VisionError> {
    if scale.is_too_coarse() { Ok(Vec::new()) } else { vision.detect(balanced, scale) }
}

/// The scale of a frame that shows hardly a red cell at the scale of those before it, if the objective was changed: at
/// the wrong power red cells are not found, so that they cannot contradict it.
fn other_objective(vision: &Vision, balanced: &BalancedPicture, before: Scale) -> Result<Option<Scale>, VisionError> {
    let told = vision.estimate_scale(balanced)?;
    Ok(told.scale().filter(|scale| {
        scale.source == ScaleSource::RedCells
            && told.red_cells_seen >= SCALE_CELLS
            && scale.um_per_px.over(before.um_per_px).ln().abs() > OTHER_SCALE
    }))
}
