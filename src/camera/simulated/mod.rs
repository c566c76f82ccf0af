//! Simulated microscope: an endless stained blood smear under a moving stage, and the ground truth for every cell in
//! view. For demonstrations without a microscope and for tests that need to know what was there.
//!
//! [`SimulatedMicroscope`] is pure: a frame's number determines its pixels and its truth. [`Simulated`] is the thin
//! paced camera around it.

pub(super) mod chance;
mod paint;
mod shape;
pub mod single;
pub mod slide;
mod sprite;
pub mod stage;
mod white;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use image::RgbImage;
use jiff::Timestamp;

use self::chance::{mix, noise};
use self::slide::{PlacedCell, Slide};
use self::sprite::Sprite;
use self::stage::{SimulatedStage, StagePosition};
use super::pace::Pace;
use super::{Camera, CameraError, Capture};
use crate::config::CameraConfig;
use crate::domain::class::{CellClass, Kind};
use crate::domain::frame::Frame;

/// Micrometres per pixel: a red cell is 51 px wide, as with a 40x objective on a small sensor.
pub const UM_PER_PX: f64 = 0.14;
/// Stage motion per frame, px.
const STEP_PX: f64 = 36.3;
/// Rows drawn at a time.
const STRIP: usize = 32;
/// Painted cells kept; a field has about 60. Less than 10 MB.
const KEPT_SPRITES: usize = 256;

/// Ground truth for a cell in a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TruthCell {
    /// The same in every frame that shows the cell, and unique.
    pub id: u64,
    /// White cell, red cell or platelet. Erythroblasts and smudge cells count as white cells, as for the detector.
    pub kind: Kind,
    /// Class of a white cell.
    pub class: Option<CellClass>,
    /// Left edge, px; below 0 if the cell is cut by the border.
    pub x: f32,
    /// Top edge, px.
    pub y: f32,
    /// Width, px.
    pub w: f32,
    /// Height, px.
    pub h: f32,
    /// Whether it lies completely inside the frame.
    pub whole: bool,
}

/// Settings of the simulated microscope.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SimulatedSettings {
    /// Frame width, px, 16..=4096.
    pub width: u32,
    /// Frame height, px, 16..=4096.
    pub height: u32,
    /// Micrometres per pixel, 0.05..=1.
    pub um_per_px: f64,
    /// Stage motion per frame, px.
    pub step_px: f64,
    /// Seed for slide, stage, stain and noise.
    pub seed: u64,
}

impl Default for SimulatedSettings {
    fn default() -> Self {
        Self { width: 640, height: 480, um_per_px: UM_PER_PX, step_px: STEP_PX, seed: 1 }
    }
}

/// Draws any frame of a scan over a smear, with its ground truth.
#[derive(Debug)]
pub struct SimulatedMicroscope {
    settings: SimulatedSettings,
    slide: Slide,
    stage: SimulatedStage,
    lamp: Lamp,
    /// Sensor noise in grey levels; each row of each frame reads it from another offset.
    grain: Vec<f32>,
    sprites: Mutex<HashMap<u64, Arc<Sprite>>>,
}

impl SimulatedMicroscope {
    /// Prepares slide, stage and lamp. Settings outside their ranges are clamped.
    #[must_use]
    pub fn new(settings: SimulatedSettings) -> Self {
        let settings = SimulatedSettings {
            width: settings.width.clamp(16, 4096),
            height: settings.height.clamp(16, 4096),
            um_per_px: if settings.um_per_px.is_finite() { settings.um_per_px.clamp(0.05, 1.0) } else { UM_PER_PX },
            step_px: if settings.step_px.is_finite() { settings.step_px.clamp(0.0, 4096.0) } else { STEP_PX },
            ..settings
        };
        let mut rng = fastrand::Rng::with_seed(mix(settings.seed, 1, 2));
        Self {
            settings,
            slide: Slide { seed: settings.seed },
            stage: SimulatedStage {
                seed: settings.seed,
                step_um: settings.step_px * settings.um_per_px,
                field_height_um: f64::from(settings.height) * settings.um_per_px,
            },
            lamp: Lamp::new(&settings, &mut rng),
            grain: (0..1 << 16).map(|_| 1.3 * chance::normal(&mut rng)).collect(),
            sprites: Mutex::default(),
        }
    }

    #[must_use]
    pub fn settings(&self) -> SimulatedSettings {
        self.settings
    }

    /// Stage position at a frame, counted from 0: the place on the slide under the frame's top-left corner.
    #[must_use]
    pub fn stage(&self, index: u64) -> StagePosition {
        self.stage.at(index)
    }

    /// Draws a frame, and returns every cell that reaches into it.
    #[must_use]
    pub fn draw(&self, index: u64) -> (RgbImage, Vec<TruthCell>) {
        let (width, height) = (self.settings.width as usize, self.settings.height as usize);
        let cells = self.cells(index);
        let mut pixels = Vec::with_capacity(width * height * 3);
        // Light is four times as large as the bytes it becomes, so there is never more of it than a strip.
        let mut strip = Vec::with_capacity(STRIP.min(height) * width);
        for first in (0..height).step_by(STRIP) {
            let rows = first..height.min(first + STRIP);
            strip.clear();
            rows.clone().for_each(|row| strip.extend(self.lamp.row(row)));
            for (placed, sprite, x, y) in &cells {
                debug_assert!(placed.kind != Kind::Wbc || placed.class.is_some());
                sprite.draw(&mut strip, width, &rows, *x, *y);
            }
            for (row, line) in rows.zip(strip.chunks_exact(width)) {
                let mut at = mix(self.settings.seed, index.cast_signed(), row.cast_signed() as i64) as usize;
                for value in line.as_flattened() {
                    at = at.wrapping_add(1);
                    // Adding a half and truncating rounds; the cast saturates at 0..=255.
                    pixels.push((value + self.grain[at & 0xffff] + 0.5) as u8);
                }
            }
        }
        let truth = self.truth_of(&cells);
        // The vector has exactly width x height x 3 bytes, so this always succeeds.
        let image = RgbImage::from_raw(self.settings.width, self.settings.height, pixels).unwrap_or_default();
        (image, truth)
    }

    /// Every cell that reaches into a frame, without drawing it.
    #[must_use]
    pub fn truth(&self, index: u64) -> Vec<TruthCell> {
        self.truth_of(&self.cells(index))
    }

    /// Every cell that was completely inside at least one of the frames, by id: the perfect count.
    #[must_use]
    pub fn whole_cells(&self, frames: Range<u64>) -> BTreeMap<u64, (Kind, Option<CellClass>)> {
        frames
            .flat_map(|index| self.truth(index))
            .filter(|cell| cell.whole)
            .map(|cell| (cell.id, (cell.kind, cell.class)))
            .collect()
    }

    fn truth_of(&self, cells: &[(PlacedCell, Arc<Sprite>, f32, f32)]) -> Vec<TruthCell> {
        let (width, height) = (self.settings.width as f32, self.settings.height as f32);
        cells
            .iter()
            .filter_map(|(placed, sprite, x, y)| {
                let [left, top, right, bottom] = sprite.outline;
                // A pixel's centre is half a pixel from its edge, and boxes are given by edges.
                let (left, top) = (x + left + 0.5, y + top + 0.5);
                let (right, bottom) = (x + right + 0.5, y + bottom + 0.5);
                let in_view = right > 0.0 && bottom > 0.0 && left < width && top < height;
                in_view.then_some(TruthCell {
                    id: placed.id,
                    kind: placed.kind,
                    class: placed.class,
                    x: left,
                    y: top,
                    w: right - left,
                    h: bottom - top,
                    whole: left >= 0.0 && top >= 0.0 && right <= width && bottom <= height,
                })
            })
            .collect()
    }

    /// Cells near the frame with their centres in px (of pixel centres).
    fn cells(&self, index: u64) -> Vec<(PlacedCell, Arc<Sprite>, f32, f32)> {
        let scale = self.settings.um_per_px;
        let at = self.stage.at(index);
        let (width, height) = (f64::from(self.settings.width) * scale, f64::from(self.settings.height) * scale);
        let placed = self.slide.cells_in(at.x_um, at.y_um, width, height);
        let mut sprites = self.sprites.lock().unwrap_or_else(PoisonError::into_inner);
        if sprites.len() > KEPT_SPRITES {
            let here: HashSet<u64> = placed.iter().map(|cell| cell.id).collect();
            sprites.retain(|id, _| here.contains(id));
        }
        placed
            .into_iter()
            .map(|cell| {
                let sprite = sprites
                    .entry(cell.id)
                    .or_insert_with(|| Arc::new(paint::cell(self.settings.seed, &cell, scale as f32)));
                let x = ((cell.x_um - at.x_um) / scale) as f32;
                let y = ((cell.y_um - at.y_um) / scale) as f32;
                (cell, Arc::clone(sprite), x, y)
            })
            .collect()
    }
}

/// Light through the empty slide: the slide's tint, darker corners, and slow unevenness.
#[derive(Debug)]
struct Lamp {
    width: f32,
    height: f32,
    tint: [f32; 3],
    /// Middle of the light, as a share of the width from the frame's middle.
    off: [f32; 2],
    /// Slow unevenness, about 1, pixel by pixel: all of the light that takes long to compute.
    uneven: Vec<f32>,
}

impl Lamp {
    fn new(settings: &SimulatedSettings, rng: &mut fastrand::Rng) -> Self {
        let (width, height) = (settings.width as f32, settings.height as f32);
        let warm = chance::between(rng, 0.0, 1.0);
        let tint = [244.0 - 2.0 * warm, 238.0 - 6.0 * warm, 238.0 - 22.0 * warm];
        let seed = rng.u64(..);
        let off = [0.08 * chance::normal(rng), 0.08 * chance::normal(rng)];
        let mut lamp = Self { width, height, tint, off, uneven: Vec::new() };
        lamp.uneven.reserve_exact((settings.width * settings.height) as usize);
        for y in 0..settings.height {
            for x in 0..settings.width {
                let (u, v) = lamp.off_middle(x as f32, y as f32);
                lamp.uneven.push(1.0 + 0.008 * noise(seed, u * 5.0, v * 5.0));
            }
        }
        lamp
    }

    /// Where a pixel lies from the middle of the light, in widths of the frame.
    fn off_middle(&self, x: f32, y: f32) -> (f32, f32) {
        (x / self.width - 0.5 - self.off[0], (y - self.height / 2.0) / self.width - self.off[1])
    }

    /// Light that reaches each pixel of a row, 0..=255.
    fn row(&self, y: usize) -> impl Iterator<Item = [f32; 3]> {
        let width = self.width as usize;
        self.uneven[y * width..][..width].iter().enumerate().map(move |(x, uneven)| {
            let (u, v) = self.off_middle(x as f32, y as f32);
            let vignette = 1.0 - 0.16 * (u * u + v * v);
            self.tint.map(|t| t * vignette * uneven)
        })
    }
}

/// The simulated microscope as a camera.
#[derive(Debug)]
pub struct Simulated {
    microscope: SimulatedMicroscope,
    next: u64,
    pace: Pace,
}

impl Simulated {
    /// A microscope of the configured size and seed. At `frame_rate` 0 it draws frames as fast as they are used and
    /// skips none; otherwise it is a live camera.
    #[must_use]
    pub fn new(config: &CameraConfig) -> Self {
        let settings = SimulatedSettings {
            width: config.width,
            height: config.height,
            seed: config.seed,
            ..SimulatedSettings::default()
        };
        Self { microscope: SimulatedMicroscope::new(settings), next: 0, pace: Pace::new(config.frame_rate) }
    }
}

impl Camera for Simulated {
    fn next_frame(&mut self) -> Result<Capture, CameraError> {
        // A live stage moves on regardless, so a late frame skips those before it.
        self.next += self.pace.wait();
        let (pixels, _) = self.microscope.draw(self.next);
        let frame = Frame::new(pixels, self.next, Timestamp::now());
        self.next += 1;
        Ok(Capture::Frame(frame))
    }

    fn waits_for_reader(&self) -> bool {
        self.pace.is_free()
    }

    fn describe(&self) -> String {
        let SimulatedSettings { width, height, um_per_px, seed, .. } = self.microscope.settings;
        format!("simulated microscope, {width} x {height} px at {um_per_px} um/px, {}, seed {seed}", self.pace)
    }
}
