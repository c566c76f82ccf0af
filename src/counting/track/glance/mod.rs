//! Which frames need the detector. A moving stage shows most of the last frame again, and a resting one all of it: a frame
//! that lies close to the one looked at last, by its pixels alone, shows the same cells. It is looked at once enough new ground
//! is in view, now and then as a check, and soon again where the stage has come to rest.

mod preview;
#[cfg(test)]
mod tests;

use image::RgbImage;

use crate::domain::class::Kind;
use crate::domain::geometry::Rect;
use crate::vision::detect::Detection;
use crate::vision::optics::field_of_view::FieldOfView;

use self::preview::{Preview, Small, place};
use super::BORDER_OF_WHITE_CELL;

/// Share of new ground in view that a frame which passes may show: each place is then seen in three to five looks while it crosses
/// the field. A frame is looked at if the next one would show more.
const NEW_GROUND: f64 = 0.25;

/// New ground from one frame to the next from which all are looked at: so fast a stage shows each place in few frames.
const FAST: f64 = 0.08;

/// The same as [`NEW_GROUND`] while frames are out of focus.
const MOST_NEW_GROUND: f64 = 0.4;

/// Frames after which a moving stage's frame is looked at, however slow the stage.
const MOVING_UNSEEN: u32 = 8;

/// The same at rest, at most.
const RESTING_UNSEEN: u32 = 32;

/// Motion from one frame to the next, as a share of the frame's width, under which the stage rests.
const RESTS: f64 = 0.005;

/// Cosine of the angle up to which a stage goes straight on. Where it turns it has come to the end of its way, and what it shows
/// there may not come into view again.
const STRAIGHT_ON: f64 = 0.85;

/// New ground from which the place where the stage came to rest is looked at anew.
const SAME_FIELD: f64 = 0.04;

/// Frames of a slide that are all looked at: focus and scale are learned from them.
const FIRST: u32 = 3;

/// Correlation from which two frames of equal focus show one place; those of other places seldom have half.
const SAME_PLACE: f64 = 0.85;

/// The same for a frame out of focus, which has lost its detail.
const SAME_PLACE_BLURRED: f64 = 0.7;

/// A frame below this share of the sharpness of the frame looked at is out of focus.
const BLURRED: f64 = 0.5;

/// A frame this many times as sharp shows more than the frame looked at.
const SHARPER: f64 = 1.25;

/// Frames out of focus in a row that are passed over: more are no tremor, and the person at the focus wants to see them judged.
const TREMOR: u32 = 2;

/// Change of brightness, as a share, from which the light is judged anew. A flickering lamp changes less.
const LIGHT: f64 = 0.25;

/// Looks that a white cell gets while it is whole in view, if it can: as many as its prediction is pooled from.
pub(crate) const WHITE_LOOKS: u32 = 3;

/// Frames ahead in which a white cell's leaving is foreseen: more than those out of focus in a row.
const AHEAD: f64 = 3.0;

/// Overlap from which a white cell is the one of the look before.
const SAME_CELL: f64 = 0.3;

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
        /// Its sharpness as a share of that frame's, and whether it is out of focus.
        sharpness: f64,
        blurred: bool,
    },
}

/// A white cell of the frame looked at last.
#[derive(Clone, Copy, Debug)]
struct WhitePlace {
    /// Its box, px of that frame; if the border cuts it, as if it were as long as wide.
    area: Rect,
    /// Looks so far that showed it whole.
    looks: u32,
    /// Whether that frame did.
    whole: bool,
}

/// The frame looked at last, and the frames since.
#[derive(Clone, Debug)]
struct Looked {
    size: (u32, u32),
    view: FieldOfView,
    white: Vec<WhitePlace>,
    preview: Preview,
    /// Motion of the field since then, px, and of the latest frame alone.
    moved: (f64, f64),
    velocity: (f64, f64),
    /// Frames since then, and how many of the latest were out of focus.
    since: u32,
    blurred: u32,
    /// Whether the stage moved since, and whether it changed its direction.
    moving: bool,
    turned: bool,
}

/// Decides frame by frame.
#[derive(Clone, Debug, Default)]
pub(crate) struct Glances {
    looked: Option<Looked>,
    /// The frame that is being looked at, made small; the motion that led to it; and the white cells of the look before, where
    /// they lie in it.
    now: Option<(Small, (f64, f64), Vec<WhitePlace>)>,
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
        if let Glance::Look(moved) = glance {
            let (velocity, mut white) =
                self.looked.take().map(|looked| (looked.velocity, looked.white)).unwrap_or_default();
            match moved {
                Some(by) => white.iter_mut().for_each(|cell| cell.area = cell.area.moved((-by.0, -by.1))),
                None => white.clear(),
            }
            self.now = Some((small, velocity, white));
        }
        glance
    }

    /// Field of view of the frame looked at last.
    pub(crate) fn view(&self) -> Option<&FieldOfView> {
        self.looked.as_ref().map(|looked| &looked.view)
    }

    /// Notes that the frame was looked at and counts; `cells` were found in it, and what it shows lies in `view`. Without this call
    /// the next frame is looked at, too.
    pub(crate) fn looked(&mut self, view: &FieldOfView, cells: &[Detection]) {
        let Some((small, velocity, before)) = self.now.take() else { return };
        self.looks = self.looks.saturating_add(1);
        let white = cells.iter().filter(|cell| cell.kind == Kind::Wbc).map(|cell| {
            let area = completed(&cell.area, view.size());
            let whole = is_whole(&cell.area, view);
            let before = before.iter().filter(|other| other.area.iou(&area) > SAME_CELL).map(|other| other.looks).max();
            WhitePlace { area, looks: before.unwrap_or(0) + u32::from(whole), whole }
        });
        self.looked = Some(Looked {
            size: view.size(),
            view: view.clone(),
            white: white.collect(),
            preview: Preview::of(&small, view),
            moved: (0.0, 0.0),
            velocity,
            since: 0,
            blurred: 0,
            moving: false,
            turned: false,
        });
    }
}

impl Looked {
    fn compare(&mut self, small: &Small, looks: u32, patience: &mut u32) -> Glance {
        let now = Preview::of(small, &self.view);
        let before = &self.preview;
        self.since += 1;
        let sharpness = if before.sharpness > 0.0 { now.sharpness / before.sharpness } else { 1.0 };
        let blurred = sharpness < BLURRED;
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
        let new_ground = self.new_ground(self.moved);
        let speed = |by: (f64, f64)| by.0.hypot(by.1);
        let rests = speed(self.velocity) < RESTS * width;
        self.moving |= !rests;
        if !rests && speed(before_that) >= RESTS * width {
            let along = before_that.0 * self.velocity.0 + before_that.1 * self.velocity.1;
            self.turned |= along < STRAIGHT_ON * speed(before_that) * speed(self.velocity);
        }
        let same_field = rests && new_ground < SAME_FIELD;
        let otherwise = sharpness > SHARPER
            || (now.brightness - before.brightness).abs() > LIGHT * before.brightness
            || self.blurred > TREMOR;
        let due = match (same_field, rests) {
            (true, _) => self.since >= *patience,
            (false, true) => true,
            (false, false) => {
                self.turned
                    || self.since >= MOVING_UNSEEN
                    || self.new_ground(self.velocity) >= FAST
                    || self.new_ground(self.ahead(1.0)) > NEW_GROUND
            }
        } || self.shows_white_cells_better();
        // A tremor passes: the next frames are sharp.
        if looks < FIRST || otherwise || due && !(blurred && new_ground < MOST_NEW_GROUND) {
            *patience = match (self.moving, same_field) {
                (true, _) => 1,
                (false, true) => (2 * *patience).clamp(1, RESTING_UNSEEN),
                // So slow a stage seldom shows anything new.
                (false, false) => *patience,
            };
            return Glance::Look(Some(moved));
        }
        Glance::Same { moved, rests, more: new_ground >= SAME_FIELD, sharpness, blurred }
    }

    /// Whether a white cell has become whole since the last look, or is about to leave after few looks.
    fn shows_white_cells_better(&self) -> bool {
        let after = |area: &Rect, frames: f64| {
            let (x, y) = self.ahead(frames);
            is_whole(&area.moved((-x, -y)), &self.view)
        };
        let better = |cell: &WhitePlace| after(&cell.area, 0.0) && (!cell.whole || !after(&cell.area, AHEAD));
        self.white.iter().any(|cell| cell.looks < WHITE_LOOKS && better(cell))
    }

    /// Share of the frame that was not in view before the field moved by so many px.
    fn new_ground(&self, moved: (f64, f64)) -> f64 {
        let share = |moved: f64, side: u32| (1.0 - moved.abs() / f64::from(side.max(1))).max(0.0);
        1.0 - share(moved.0, self.size.0) * share(moved.1, self.size.1)
    }

    /// Motion since the last look after so many more frames at this velocity, px.
    fn ahead(&self, frames: f64) -> (f64, f64) {
        (self.moved.0 + self.velocity.0 * frames, self.moved.1 + self.velocity.1 * frames)
    }
}

/// Whether a white cell lies whole in a frame.
fn is_whole(area: &Rect, view: &FieldOfView) -> bool {
    let border = BORDER_OF_WHITE_CELL * area.w.max(area.h);
    let (width, height) = view.size();
    area.inside(width.into(), height.into(), border) && view.holds(area, border)
}

/// The box of a cell, where the border of a frame of `size` px cuts it made as long as it is wide.
fn completed(area: &Rect, size: (u32, u32)) -> Rect {
    let side = area.w.max(area.h);
    let border = BORDER_OF_WHITE_CELL * side;
    let along = |from: f64, length: f64, all: f64| {
        let end = from + length;
        match (from < border, end > all - border) {
            (true, false) => (end - side, side),
            (false, true) => (from, side),
            _ => (from, length),
        }
    };
    let ((x, w), (y, h)) = (along(area.x, area.w, size.0.into()), along(area.y, area.h, size.1.into()));
    Rect::new(x, y, w, h)
}
