//! Simulated stage over a real picture: a window that moves over a large scan, with a flickering lamp, sensor noise
//! and out-of-focus frames. For anyone with a scan of a slide, and for tests that need to know which cells came into
//! view.
//!
//! [`Pan`] is pure: a frame's number and place determine its pixels. [`PanCamera`] is the thin paced camera around
//! it.

mod course;
pub mod plan;

use std::path::{Path, PathBuf};

use image::{RgbImage, imageops};
use jiff::Timestamp;

pub use self::course::Course;
use self::plan::Plan;
use super::pace::Pace;
use super::picture::read_picture;
use super::simulated::chance::{mix, normal, unit};
use super::{Camera, CameraError, Capture};
use crate::config::CameraConfig;
use crate::domain::frame::Frame;
use crate::domain::geometry::Rect;

/// Size of the noise table, a power of two.
const GRAIN: usize = 1 << 16;

/// A scan and the stage that moves over it.
#[derive(Clone, Debug)]
pub struct Pan {
    scan: RgbImage,
    plan: Plan,
    width: u32,
    height: u32,
    grain: Vec<f32>,
}

impl Pan {
    /// Puts the scan under the stage. Does not read `plan.image`; a field larger than the scan is cut to it.
    #[must_use]
    pub fn new(scan: RgbImage, plan: Plan) -> Self {
        let (width, height) = (plan.width.min(scan.width()), plan.height.min(scan.height()));
        let mut rng = fastrand::Rng::with_seed(mix(plan.seed, 42, 0));
        let grain = (0..GRAIN).map(|_| plan.noise as f32 * normal(&mut rng)).collect();
        Self { scan, plan, width, height, grain }
    }

    /// Opens a plan (a file that ends in `.toml`) with its scan, or a picture with the plan `otherwise`.
    ///
    /// # Errors
    /// [`CameraError::Recording`] if the plan or the picture cannot be used; the message says what to do.
    pub fn open(path: &Path, otherwise: Plan) -> Result<Self, CameraError> {
        let is_plan = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml"));
        let plan = if is_plan {
            Plan::read(path).map_err(|error| CameraError::Recording(error.to_string()))?
        } else {
            Plan { image: path.to_owned(), ..otherwise }
        };
        super::no_pipe(&plan.image)?;
        let scan = read_picture(&plan.image).map_err(|error| CameraError::Recording(error.to_string()))?;
        Ok(Self::new(scan, plan))
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Width and height of a frame, px.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// Place of each frame's top-left corner on the scan, px, from the first frame on.
    #[must_use]
    pub fn course(&self) -> Course {
        let room = |scan: u32, field: u32| f64::from(scan.saturating_sub(field));
        Course::new(&self.plan, (room(self.scan.width(), self.width), room(self.scan.height(), self.height)))
    }

    /// Whether this frame is out of focus.
    #[must_use]
    pub fn is_defocused(&self, frame: u64) -> bool {
        unit(self.plan.seed, 43, frame.cast_signed()) < self.plan.defocus
    }

    /// Draws a frame with its corner at `at` on the scan.
    #[must_use]
    pub fn draw(&self, frame: u64, at: (f64, f64)) -> RgbImage {
        let seed = self.plan.seed;
        let mut image = self.window(at);
        if self.is_defocused(frame) && self.plan.blur > 0.0 {
            image = imageops::fast_blur(&image, self.plan.blur as f32);
        }
        let light = 1.0 + self.plan.flicker * (2.0 * unit(seed, 44, frame.cast_signed()) - 1.0);
        let light = light as f32;
        let width = (image.width() as usize * 3).max(1);
        for (row, line) in (0..).zip(image.chunks_exact_mut(width)) {
            let mut at = mix(seed, 45 + frame.cast_signed(), row) as usize;
            for value in line {
                at = at.wrapping_add(1);
                // Adding a half and truncating rounds; the cast saturates at 0..=255.
                *value = (f32::from(*value) * light + self.grain[at & (GRAIN - 1)] + 0.5) as u8;
            }
        }
        image
    }

    /// Which of these boxes (px of the scan) were completely inside the field, and `margin` px from its border, in
    /// one of the first `frames` frames: the perfect count.
    #[must_use]
    pub fn seen(&self, boxes: &[Rect], frames: u64, margin: f64) -> Vec<bool> {
        let (width, height) = (f64::from(self.width), f64::from(self.height));
        let mut seen = vec![false; boxes.len()];
        for at in self.course().take(usize::try_from(frames).unwrap_or(usize::MAX)) {
            for (cell, seen) in boxes.iter().zip(&mut seen) {
                *seen |= cell.moved((-at.0, -at.1)).inside(width, height, margin);
            }
        }
        seen
    }

    /// The field at a sub-pixel place, interpolated bilinearly.
    fn window(&self, at: (f64, f64)) -> RgbImage {
        let (last_x, last_y) = (self.scan.width().saturating_sub(1), self.scan.height().saturating_sub(1));
        let whole = |place: f64, last: u32| (place.max(0.0) as u32).min(last);
        let (left, top) = (whole(at.0, last_x), whole(at.1, last_y));
        // Weights of the right and lower neighbours, in parts of 256.
        let part = |place: f64| ((place.max(0.0).fract() * 256.0).round() as u32).min(256);
        let (u, v) = (part(at.0), part(at.1));
        let weights = [(256 - u) * (256 - v), u * (256 - v), (256 - u) * v, u * v];
        let pixels = self.scan.as_raw();
        let stride = self.scan.width() as usize * 3;
        let mut out = Vec::with_capacity((self.width * self.height * 3) as usize);
        for y in 0..self.height {
            let upper = (top + y).min(last_y) as usize * stride;
            let lower = (top + y + 1).min(last_y) as usize * stride;
            for x in 0..self.width {
                let (here, right) = ((left + x).min(last_x) as usize * 3, (left + x + 1).min(last_x) as usize * 3);
                for channel in 0..3 {
                    let corners = [upper + here, upper + right, lower + here, lower + right];
                    let sum: u32 = corners.iter().zip(weights).map(|(i, w)| u32::from(pixels[i + channel]) * w).sum();
                    out.push(((sum + (1 << 15)) >> 16) as u8);
                }
            }
        }
        // The vector has exactly width x height x 3 bytes, so this always succeeds.
        RgbImage::from_raw(self.width, self.height, out).unwrap_or_default()
    }
}

/// The simulated stage as a camera.
#[derive(Debug)]
pub struct PanCamera {
    path: PathBuf,
    pan: Pan,
    course: Course,
    next: u64,
    repeat: bool,
    pace: Pace,
}

impl PanCamera {
    /// Opens a plan (`.toml`), or a bare picture with size and seed from the configuration. Live at the plan's or the
    /// configuration's frame rate: the stage moves on whether or not frames are taken.
    ///
    /// # Errors
    /// As [`Pan::open`].
    pub fn open(path: &Path, config: &CameraConfig) -> Result<Self, CameraError> {
        let plan = Plan { width: config.width, height: config.height, seed: config.seed, ..Plan::default() };
        let pan = Pan::open(path, plan)?;
        let pace = Pace::new(pan.plan.frame_rate.unwrap_or(config.frame_rate));
        Ok(Self { path: path.to_owned(), course: pan.course(), pan, next: 0, repeat: config.repeat, pace })
    }

    fn step(&mut self) -> Option<(f64, f64)> {
        self.next += 1;
        if let Some(at) = self.course.next() {
            return Some(at);
        }
        if self.repeat {
            self.course = self.pan.course();
        }
        self.course.next().filter(|_| self.repeat)
    }
}

impl Camera for PanCamera {
    fn next_frame(&mut self) -> Result<Capture, CameraError> {
        for _ in 0..self.pace.wait() {
            if self.step().is_none() {
                return Ok(Capture::End);
            }
        }
        let Some(at) = self.step() else { return Ok(Capture::End) };
        let number = self.next - 1;
        Ok(Capture::Frame(Frame::new(self.pan.draw(number, at), number, Timestamp::now())))
    }

    fn waits_for_reader(&self) -> bool {
        self.pace.is_free()
    }

    fn describe(&self) -> String {
        let Pan { scan, plan, width, height, .. } = &self.pan;
        let way = if plan.way.is_empty() { "a random walk".to_owned() } else { format!("{} places", plan.way.len()) };
        format!(
            "simulated stage over {}, {} x {} px, field {width} x {height} px, {way} at {} px a frame, {}, seed {}",
            self.path.display(),
            scan.width(),
            scan.height(),
            plan.step,
            self.pace,
            plan.seed
        )
    }
}
