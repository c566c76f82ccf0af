//! Which cells are new: the stage's motion from frame to frame, slide coordinates, and each cell counted once.
//!
//! Frames that overlap form a patch; within it every cell has a place on the slide, and a cell is new when nothing is
//! known at its place. A cell cut by the frame's border waits until it is seen whole. A frame that overlaps nothing
//! known begins a new patch. A patch of a single frame (a field on its own, as in a folder of pictures) also counts the
//! cut cells, since they will not be seen better.

mod register;

use std::collections::HashMap;

use image::GrayImage;

use crate::class::Kind;
use crate::detect::Detection;
use register::View;
pub use register::thumb_size;

/// What became of the cells of one frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Placed {
    /// Positions (in the frame's list) of cells to be counted now.
    pub new: Vec<usize>,
    /// Positions of cells that are cut by the border of a patch's first frame: counted later if the patch ends with it.
    pub cut: Vec<usize>,
    /// The frame overlaps nothing known, so that cut cells of a lone frame before it are to be counted.
    pub new_patch: bool,
    /// The stage moved on from a patch of several frames in a way that could not be followed.
    pub jumped: bool,
    /// Where the frame's top-left corner is on the patch, px.
    pub origin: (f64, f64),
}

/// Follows the stage.
#[derive(Debug, Default)]
pub struct Tracker {
    before: Option<View>,
    origin: (f64, f64),
    velocity: (f64, f64),
    frames_in_patch: u64,
    known: Known,
}

/// Share of a frame's side within which a box counts as cut by the border.
const BORDER: f64 = 0.004;

/// Two sightings nearer than this share of a cell's diameter are one cell.
const SAME_CELL: f64 = 0.4;

impl Tracker {
    /// A tracker that knows nothing of the slide.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Frames of the present patch.
    #[must_use]
    pub fn frames_in_patch(&self) -> u64 {
        self.frames_in_patch
    }

    /// Places the next frame: `grey` is the frame in grey, best of [`thumb_size`]; `cells` its cells, in px of a frame of
    /// `width` x `height`.
    pub fn place(&mut self, grey: GrayImage, cells: &[Detection], width: f64, height: f64) -> Placed {
        let view = View::new(grey, cells, width, height);
        let motion = self.before.as_ref().and_then(|before| register::motion(before, &view, self.velocity));
        let mut placed = Placed::default();
        if let Some(motion) = motion {
            self.origin = (self.origin.0 + motion.0, self.origin.1 + motion.1);
            self.velocity = motion;
            self.frames_in_patch += 1;
            self.settle(cells);
        } else {
            placed.new_patch = self.before.is_some();
            placed.jumped = self.frames_in_patch > 1;
            *self = Self { frames_in_patch: 1, ..Self::default() };
        }
        placed.origin = self.origin;
        let border = (BORDER * width.max(height)).max(1.0);
        for (index, cell) in cells.iter().enumerate() {
            if !cell.area.inside(width, height, border) {
                if self.frames_in_patch == 1 {
                    placed.cut.push(index);
                }
                continue;
            }
            let (x, y) = cell.area.centre();
            let place = (x + self.origin.0, y + self.origin.1);
            if self.known.see(cell.kind, place, cell.area.diameter()) {
                placed.new.push(index);
            }
        }
        self.before = Some(view);
        placed
    }

    /// Takes out the error that adds up from frame to frame, by the cells whose place is known.
    fn settle(&mut self, cells: &[Detection]) {
        let mut off: Vec<(f64, f64)> = cells
            .iter()
            .filter_map(|cell| {
                let (x, y) = cell.area.centre();
                let place = (x + self.origin.0, y + self.origin.1);
                let at = self.known.nearest(cell.kind, place, cell.area.diameter() * SAME_CELL)?;
                Some((at.0 - place.0, at.1 - place.1))
            })
            .collect();
        if off.len() < 3 {
            return;
        }
        let mut median = |part: fn(&(f64, f64)) -> f64| {
            off.sort_by(|a, b| part(a).total_cmp(&part(b)));
            part(&off[off.len() / 2])
        };
        let by = (median(|o| o.0), median(|o| o.1));
        self.origin = (self.origin.0 + by.0, self.origin.1 + by.1);
    }
}

/// Column and row of a square of the slide.
type Square = (i64, i64);

/// A place on the slide, px from the corner of the patch's first frame.
type Place = (f64, f64);

/// Cells by their place on the slide, in squares of one grid step for quick look-up.
#[derive(Debug, Default)]
struct Known {
    step: f64,
    squares: HashMap<Square, Vec<(Kind, Place)>>,
}

impl Known {
    /// Remembers a cell; false when it was known already.
    fn see(&mut self, kind: Kind, place: Place, diameter: f64) -> bool {
        if self.nearest(kind, place, diameter * SAME_CELL).is_some() {
            return false;
        }
        if self.step <= 0.0 {
            self.step = diameter.max(8.0);
        }
        self.squares.entry(self.square(place)).or_default().push((kind, place));
        true
    }

    fn nearest(&self, kind: Kind, place: Place, within: f64) -> Option<Place> {
        if self.step <= 0.0 {
            return None;
        }
        let reach = (within / self.step).ceil().clamp(1.0, 8.0) as i64;
        let (column, row) = self.square(place);
        let far = |at: &Place| (at.0 - place.0).hypot(at.1 - place.1);
        (row - reach..=row + reach)
            .flat_map(|r| (column - reach..=column + reach).map(move |c| (c, r)))
            .filter_map(|square| self.squares.get(&square))
            .flatten()
            .filter(|(of, at)| *of == kind && far(at) <= within)
            .map(|(_, at)| *at)
            .min_by(|a, b| far(a).total_cmp(&far(b)))
    }

    fn square(&self, place: Place) -> Square {
        ((place.0 / self.step).floor() as i64, (place.1 / self.step).floor() as i64)
    }
}
