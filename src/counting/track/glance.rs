//! Which frames need the detector. A moving stage shows most of the last frame again, and a resting one all of it: a frame
//! that lies close to the one looked at last, by its pixels alone, shows the same cells. It is looked at once enough new ground
//! is in view, now and then as a check, and soon again where the stage has come to rest.

use image::{GrayImage, RgbImage};

use crate::vision::optics::field_of_view::FieldOfView;
use crate::vision::optics::focus::sharpness_of;
use crate::vision::optics::grey::{block_means, shrunk_by};

use super::correlate::{GreyView, climb, everywhere, peak};
use super::register::{COARSE, THUMB};

/// Width of the picture in which blur is measured, px, at least: small enough that pixel noise averages out.
const SHARPNESS_WIDTH: u32 = 320;

/// Share of new ground in view from which a frame is looked at while the stage moves: each place is then seen in three to five
/// looks while it crosses the field.
const NEW_GROUND: f64 = 0.2;

/// Frames after which a moving stage's frame is looked at, however slow the stage.
const MOVING_UNSEEN: u32 = 8;

/// The same at rest, at most.
const RESTING_UNSEEN: u32 = 32;

/// Motion from one frame to the next, as a share of the frame's width, under which the stage rests.
const RESTS: f64 = 0.005;

/// Cosine of the angle up to which a stage goes straight on. Where it turns it has come to the end of its way, and what it shows
/// there may not come into view again.
const STRAIGHT_ON: f64 = 0.7;

/// New ground from which the place where the stage came to rest is looked at anew.
const SAME_FIELD: f64 = 0.04;

/// Frames of a slide that are all looked at: focus and scale are learned from them.
const FIRST: u32 = 3;

/// Correlation from which two frames of equal focus show one place; those of other places seldom have half.
const SAME_PLACE: f64 = 0.85;

/// The same for a frame out of focus, which has lost its detail.
const SAME_PLACE_BLURRED: f64 = 0.7;

/// A frame below this share of the sharpness of the frame looked at is out of focus.
const BLURRED: f64 = 0.7;

/// A frame this many times as sharp shows more than the frame looked at.
const SHARPER: f64 = 1.25;

/// Frames out of focus in a row that are passed over: more are no tremor, and the person at the focus wants to see them judged.
const TREMOR: u32 = 2;

/// Change of brightness, as a share, from which the light is judged anew. A flickering lamp changes less.
const LIGHT: f64 = 0.25;

/// Radius of the neighbourhood that a pixel is compared with, px of the thumb: wider than a cell, narrower than the shade of
/// uneven light.
const AROUND: usize = THUMB as usize / 8;

/// What is to be done with a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Glance {
    /// It must be looked at; with the motion of the field since the frame looked at last, px, if the pixels tell it.
    Look(Option<(f64, f64)>),
    /// It shows again what that frame showed.
    Same {
        /// Motion of the field since then, px.
        moved: (f64, f64),
        /// Whether the stage rests.
        rests: bool,
        /// Whether it shows ground that was not in view then.
        more: bool,
    },
}

/// A frame, made small.
#[derive(Clone, Debug)]
struct Preview {
    thumb: GreyView,
    /// The thumb reduced by a further factor of [`COARSE`].
    coarse: GreyView,
    sharpness: f64,
    /// Mean of the thumb before uneven light was taken out of it.
    brightness: f64,
    /// Frame pixels per thumb pixel.
    step: f64,
}

/// The frame looked at last, and the frames since.
#[derive(Clone, Debug)]
struct Looked {
    size: (u32, u32),
    view: FieldOfView,
    preview: Preview,
    /// Motion of the field since then, px, and of the latest frame alone.
    moved: (f64, f64),
    velocity: (f64, f64),
    /// Frames since then, and how many of the latest were out of focus.
    since: u32,
    blurred: u32,
    /// Whether the stage changed its direction since.
    turned: bool,
}

/// Decides frame by frame.
#[derive(Clone, Debug, Default)]
pub(crate) struct Glances {
    looked: Option<Looked>,
    /// The preview of the frame that is being looked at, and the motion that led to it.
    now: Option<(Small, (f64, f64))>,
    /// Looks so far.
    looks: u32,
    /// Frames at rest until the next look.
    patience: u32,
}

impl Glances {
    /// What is to be done with the next frame. After [`Glance::Look`] tell the outcome with [`Glances::looked`].
    pub(crate) fn at(&mut self, raw: &RgbImage) -> Glance {
        let small = Small::of(raw);
        let glance = match &mut self.looked {
            Some(looked) if looked.size == raw.dimensions() => looked.compare(&small, self.looks, &mut self.patience),
            _ => Glance::Look(None),
        };
        if matches!(glance, Glance::Look(_)) {
            let velocity = self.looked.take().map(|looked| looked.velocity).unwrap_or_default();
            self.now = Some((small, velocity));
        }
        glance
    }

    /// Field of view of the frame looked at last.
    pub(crate) fn view(&self) -> Option<&FieldOfView> {
        self.looked.as_ref().map(|looked| &looked.view)
    }

    /// Notes that the frame was looked at and counts; what it shows lies in `view`. Without this call the next frame is looked at,
    /// too.
    pub(crate) fn looked(&mut self, view: &FieldOfView) {
        let Some((small, velocity)) = self.now.take() else { return };
        self.looks = self.looks.saturating_add(1);
        let preview = Preview::of(&small, view);
        let (size, view) = (view.size(), view.clone());
        self.looked =
            Some(Looked { size, view, preview, moved: (0.0, 0.0), velocity, since: 0, blurred: 0, turned: false });
    }
}

impl Looked {
    fn compare(&mut self, small: &Small, looks: u32, patience: &mut u32) -> Glance {
        let now = Preview::of(small, &self.view);
        let before = &self.preview;
        self.since += 1;
        let blurred = now.sharpness < BLURRED * before.sharpness;
        self.blurred = if blurred { self.blurred + 1 } else { 0 };
        let (width, step) = (f64::from(self.size.0), before.step);
        let expected = (self.moved.0 + self.velocity.0, self.moved.1 + self.velocity.1);
        let found = place(before, &now, (expected.0 / step, expected.1 / step));
        let found = found.filter(|(_, score)| *score >= if blurred { SAME_PLACE_BLURRED } else { SAME_PLACE });
        let Some((moved, _)) = found else {
            self.velocity = (0.0, 0.0);
            return Glance::Look(None);
        };
        let moved = (moved.0 * step, moved.1 * step);
        let before_that = self.velocity;
        self.velocity = (moved.0 - self.moved.0, moved.1 - self.moved.1);
        self.moved = moved;
        let new_ground = self.new_ground();
        let speed = |by: (f64, f64)| by.0.hypot(by.1);
        let rests = speed(self.velocity) < RESTS * width;
        if !rests && speed(before_that) >= RESTS * width {
            let along = before_that.0 * self.velocity.0 + before_that.1 * self.velocity.1;
            self.turned |= along < STRAIGHT_ON * speed(before_that) * speed(self.velocity);
        }
        let same_field = rests && new_ground < SAME_FIELD;
        let otherwise = now.sharpness > SHARPER * before.sharpness
            || (now.brightness - before.brightness).abs() > LIGHT * before.brightness
            || self.blurred > TREMOR;
        let due = match (same_field, rests) {
            (true, _) => self.since >= *patience,
            (false, true) => true,
            (false, false) => self.turned || new_ground >= NEW_GROUND || self.since >= MOVING_UNSEEN,
        };
        // A tremor passes: the next frames are sharp.
        if looks < FIRST || otherwise || due && !(blurred && new_ground < 2.0 * NEW_GROUND) {
            *patience = match (same_field, rests) {
                (true, _) => (2 * *patience).clamp(1, RESTING_UNSEEN),
                // So slow a stage seldom shows anything new.
                (false, true) => *patience,
                (false, false) => 1,
            };
            return Glance::Look(Some(moved));
        }
        Glance::Same { moved, rests, more: new_ground >= SAME_FIELD }
    }

    /// Share of the frame that was not in view at the last look.
    fn new_ground(&self) -> f64 {
        let share = |moved: f64, side: u32| (1.0 - moved.abs() / f64::from(side.max(1))).max(0.0);
        1.0 - share(self.moved.0, self.size.0) * share(self.moved.1, self.size.1)
    }
}

/// A frame in grey, reduced for measuring its sharpness, and once more for finding its place.
#[derive(Clone, Debug)]
struct Small {
    grey: GrayImage,
    thumb: GrayImage,
    /// Frame pixels per thumb pixel.
    step: f64,
}

impl Small {
    fn of(raw: &RgbImage) -> Self {
        let side = (raw.width() / SHARPNESS_WIDTH).max(1);
        let grey = block_means(raw, side);
        let further = (grey.width() / THUMB).max(1);
        Self { thumb: shrunk_by(&grey, further), grey, step: f64::from(side * further) }
    }
}

impl Preview {
    fn of(small: &Small, view: &FieldOfView) -> Self {
        let sharpness = sharpness_of(&small.grey, &view.resized(small.grey.dimensions()).inner());
        let (relief, brightness) = relief(&small.thumb, &view.resized(small.thumb.dimensions()));
        let coarse = shrunk_by(&relief, COARSE);
        let (thumb, coarse) = (GreyView::new(relief, view), GreyView::new(coarse, view));
        Self { thumb, coarse, sharpness, brightness, step: small.step }
    }
}

/// Motion of the field from `before` to `now`, px of the thumbs, and the correlation of the two.
fn place(before: &Preview, now: &Preview, expected: (f64, f64)) -> Option<((f64, f64), f64)> {
    let near = (expected.0.round() as i64, expected.1.round() as i64);
    let best = |from: &[(i64, i64)]| {
        let reached = from.iter().filter_map(|at| climb(&before.thumb, &now.thumb, *at));
        reached.max_by(|a, b| a.1.total_cmp(&b.1))
    };
    let clear = best(&[near]).filter(|(_, score)| *score >= SAME_PLACE);
    let (at, _) = clear.or_else(|| {
        let step = i64::from(COARSE);
        let tried = everywhere(&before.coarse, &now.coarse, 1.0 - 2.0 * NEW_GROUND);
        best(&tried.into_iter().map(|at| (at.0 * step, at.1 * step)).collect::<Vec<_>>())
    })?;
    Some(peak(&before.thumb, &now.thumb, at))
}

/// A picture less the mean of each pixel's neighbourhood in the field, around 128, which leaves cells and takes out uneven light;
/// and its mean brightness.
fn relief(grey: &GrayImage, field: &FieldOfView) -> (GrayImage, f64) {
    let (width, height) = (grey.width() as usize, grey.height() as usize);
    // Sums of brightness and number of pixels above and left of each corner.
    let mut sums = vec![(0_u32, 0_u32); (width + 1) * (height + 1)];
    for y in 0..height {
        let columns = field.columns(y as u32);
        let mut line = (0, 0);
        for x in 0..width {
            if columns.contains(&x) {
                line = (line.0 + u32::from(grey.as_raw()[y * width + x]), line.1 + 1);
            }
            let above = sums[y * (width + 1) + x + 1];
            sums[(y + 1) * (width + 1) + x + 1] = (above.0 + line.0, above.1 + line.1);
        }
    }
    let mean = |left: usize, top: usize, right: usize, bottom: usize| {
        let at = |x: usize, y: usize| sums[y * (width + 1) + x];
        let (a, b, c, d) = (at(left, top), at(right, top), at(left, bottom), at(right, bottom));
        (d.0 + a.0 - b.0 - c.0) / (d.1 + a.1 - b.1 - c.1).max(1)
    };
    let mut relief = grey.clone();
    for (y, row) in relief.chunks_exact_mut(width.max(1)).enumerate() {
        let (top, bottom) = (y.saturating_sub(AROUND), (y + AROUND + 1).min(height));
        for (x, pixel) in row.iter_mut().enumerate() {
            let around = mean(x.saturating_sub(AROUND), top, (x + AROUND + 1).min(width), bottom);
            *pixel = (128 + i32::from(*pixel) - around.cast_signed()).clamp(0, 255) as u8;
        }
    }
    (relief, f64::from(mean(0, 0, width, height)))
}
