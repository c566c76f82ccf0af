//! Tracks the stage and counts each cell once: motion from frame to frame, slide coordinates, and which cells are
//! new.
//!
//! Frames that overlap form a patch; within it every cell has a place on the slide, and a cell is new if none is
//! known at its place. Its views vote whether it is one: it counts once two sharp frames have shown it, or when it
//! leaves the view or the patch ends, if most of the sharp frames that had its place well inside showed it, those from
//! before it was first seen included. A cell cut by the frame's border waits until it is seen whole.
//!
//! A blurred frame that matches nothing is skipped. Any other frame that matches neither the frames before it nor a
//! place visited earlier begins a new patch. A patch of a single frame (a field on its own, as in a folder of
//! pictures) also counts its cut cells, since they will not be seen better.

mod assign;
mod atlas;
mod correlate;
pub(super) mod glance;
mod keyframes;
mod register;
mod registration;
mod votes;

use std::collections::VecDeque;

use crate::domain::class::Kind;
use crate::domain::geometry::Rect;
use crate::vision::detect::Detection;
use crate::vision::optics::field_of_view::FieldOfView;
use atlas::{Atlas, MOST_CELLS, SlidePoint};
use keyframes::{Keyframes, Position};
pub use register::thumb_size;
use register::{Demand, FrameView};
pub use registration::{CellId, CellUpdate, Observation, OnSlide, Registration};

/// Follows the stage.
#[derive(Debug, Default)]
pub struct Tracker {
    /// Frames taken.
    frame: u64,
    next_id: u32,
    at: Option<Position>,
    velocity: (f64, f64),
    /// Frames skipped since the last one that was placed, because they matched nothing.
    lost: u32,
    /// Frames since then that needed no place of their own.
    passed: u32,
    /// Number of frames of each patch.
    patches: Vec<u64>,
    latest: Option<FrameView>,
    /// The latest view that is not blurred, with its position.
    sharp: Option<(FrameView, Position)>,
    keyframes: Keyframes,
    atlas: Atlas,
    /// Cells in view in the last frame that was placed.
    in_view: Vec<u32>,
    /// Sharpness of the latest frames.
    usual: VecDeque<f64>,
}

/// A box within this share of a frame's side from the border counts as cut.
const BORDER: f64 = 0.004;

/// So does one within this share of the box's longer side: the detector ends the boxes of cut cells up to this far
/// from the border (95 to 99 in 100 of those in panned fields; by the frame's side alone a quarter to a half passed
/// for whole).
const BORDER_OF_CELL: f64 = 0.05;

/// Same for white cells, whose round part in view looks whole.
const BORDER_OF_WHITE_CELL: f64 = 0.08;

/// Consecutive blurred frames that are skipped if they match nothing; further ones count as another place.
const PATIENCE: u32 = 5;

/// Frames whose median sharpness is the usual one: enough that some blurred ones do not matter, few enough to adapt
/// soon if the focus changes for good.
const USUAL_FRAMES: usize = 15;

/// A frame below this share of the usual sharpness is blurred.
const BLURRED: f64 = 0.5;

/// Sharp frames closer than this share of their width are remembered as one look at a place.
const LOOKS_APART: f64 = 1.0 / 16.0;

/// What must lie inside a frame, px from its top-left corner, for its look at a cell to have a vote.
fn well(place: SlidePoint, diameter: f64, origin: SlidePoint) -> Rect {
    let wide = diameter * assign::WELL_INSIDE;
    Rect::around((place.0 - origin.0, place.1 - origin.1), wide, wide)
}

impl Tracker {
    /// A tracker for a new slide.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Frames of the current patch.
    #[must_use]
    pub(crate) fn frames_in_patch(&self) -> u64 {
        self.at.map_or(0, |at| self.frames_of(at.patch))
    }

    /// Number of cells remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.atlas.len()
    }

    /// Frames from the last one that was placed to the next one.
    fn frames_since(&self) -> f64 {
        f64::from(self.lost) + f64::from(self.passed) + 1.0
    }

    fn frames_of(&self, patch: u32) -> u64 {
        self.patches.get(patch as usize).copied().unwrap_or(0)
    }

    /// Notes a frame that shows again what the one before it showed and needs no place of its own.
    pub(crate) fn pass(&mut self) {
        self.frame += 1;
        self.passed += 1;
    }

    /// Places the next frame.
    pub fn place(&mut self, sight: Observation<'_>) -> Registration {
        let Observation { grey, cells, view: field, sharpness, moved } = sight;
        let size = (f64::from(field.size().0), f64::from(field.size().1));
        self.frame += 1;
        let blurred = self.is_blurred(sharpness);
        let view = FrameView::new(grey, cells, field, blurred);
        let mut placed = Registration { blurred, names: vec![None; cells.len()], ..Registration::default() };
        let found = self.find(&view, moved);
        if found.is_none() && blurred && self.frames_in_patch() > 1 && self.lost < PATIENCE {
            self.lost += 1;
            return placed;
        }
        let position = match found {
            Some(found) => self.follow(found, &view, size),
            None => self.begin_patch(&mut placed),
        };
        self.patches[position.patch as usize] += 1;
        (self.lost, self.passed) = (0, 0);
        let position = self.take(cells, field, sharpness, position, &mut placed);
        self.at = Some(position);
        placed.origin = Some(position.origin);
        placed.patch = position.patch;
        self.keyframes.offer(&view, position, size, self.frame);
        if self.atlas.make_room(MOST_CELLS, self.frame) {
            placed.forgot = true;
            let middle = |at: Position| (at.origin.0 + size.0 / 2.0, at.origin.1 + size.1 / 2.0);
            self.keyframes.forget(|at| !self.atlas.knows(at.patch, middle(at)));
        }
        if !blurred {
            self.sharp = Some((view.clone(), position));
        }
        self.latest = Some(view);
        placed
    }

    /// Ends the slide: returns the cells that were seen and have not counted yet.
    pub fn finish(&mut self) -> Vec<CellUpdate> {
        let mut placed = Registration::default();
        self.leave(&[], &mut placed);
        placed.counted
    }

    fn is_blurred(&mut self, sharpness: f64) -> bool {
        let mut sorted: Vec<f64> = self.usual.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        if self.usual.len() == USUAL_FRAMES {
            self.usual.pop_front();
        }
        self.usual.push_back(sharpness);
        sorted.get(sorted.len() / 2).is_some_and(|usual| sharpness < BLURRED * usual)
    }

    /// Finds the position of a view from the frames before it, else from any place visited earlier.
    fn find(&mut self, view: &FrameView, moved: Option<(f64, f64)>) -> Option<Position> {
        let at = self.at?;
        let frames = self.frames_since();
        let followed = self.frames_in_patch() > 1;
        // Motion is told from the frame before, also if that matched nothing.
        let moved = moved.filter(|_| self.lost == 0);
        let moved = moved.unwrap_or((self.velocity.0 * frames, self.velocity.1 * frames));
        let expected = (at.origin.0 + moved.0, at.origin.1 + moved.1);
        let against = |before: &FrameView, from: Position| {
            let demand = match (followed, before.blurred || view.blurred) {
                (false, _) => Demand::Cells,
                (true, false) => Demand::Followed,
                (true, true) => Demand::Blurred,
            };
            let expected = (expected.0 - from.origin.0, expected.1 - from.origin.1);
            let moved = register::motion(before, view, expected, demand)?;
            Some(Position { origin: (from.origin.0 + moved.0, from.origin.1 + moved.1), ..from })
        };
        let by_sharp = self.sharp.as_ref().filter(|(_, from)| from.patch == at.patch);
        by_sharp
            .and_then(|(before, from)| against(before, *from))
            .or_else(|| {
                // Else the latest view is the sharp one.
                let other = self.latest.as_ref().filter(|before| before.blurred || by_sharp.is_none());
                other.and_then(|before| against(before, at))
            })
            .or_else(|| self.keyframes.find(view, |patch| self.patches[patch as usize] > 1, self.frame))
    }

    /// Moves on to a position in a known patch.
    fn follow(&mut self, found: Position, view: &FrameView, size: (f64, f64)) -> Position {
        let frames = self.frames_since();
        let moved = self
            .at
            .filter(|before| before.patch == found.patch)
            .map(|before| ((found.origin.0 - before.origin.0) / frames, (found.origin.1 - before.origin.1) / frames));
        // After a jump the stage's velocity is unknown.
        self.velocity = moved.filter(|by| by.0.hypot(by.1) < size.0.min(size.1)).unwrap_or_default();
        self.keyframes.close_loop(view, found, size, self.frame).unwrap_or(found)
    }

    fn begin_patch(&mut self, placed: &mut Registration) -> Position {
        placed.new_patch = self.at.is_some();
        placed.jumped = self.frames_in_patch() > 1;
        self.leave(&[], placed);
        self.velocity = (0.0, 0.0);
        self.patches.push(0);
        Position { patch: self.patches.len() as u32 - 1, origin: (0.0, 0.0) }
    }

    /// Matches the cells of a frame at `position`, and refines its position by them.
    fn take(
        &mut self,
        cells: &[Detection],
        field: &FieldOfView,
        sharpness: f64,
        position: Position,
        placed: &mut Registration,
    ) -> Position {
        let size = (f64::from(field.size().0), f64::from(field.size().1));
        let shows = |area: &Rect, border: f64| area.inside(size.0, size.1, border) && field.holds(area, border);
        let border = (BORDER * size.0.max(size.1)).max(1.0);
        let lone = self.frames_of(position.patch) == 1;
        // A field on its own is compared with other fields, and nothing shows its cells better.
        let votes = !placed.blurred || lone;
        let mut whole: Vec<usize> = Vec::with_capacity(cells.len());
        for (index, cell) in cells.iter().enumerate() {
            let share = if cell.kind == Kind::Wbc { BORDER_OF_WHITE_CELL } else { BORDER_OF_CELL };
            let border = border.max(share * cell.area.w.max(cell.area.h));
            if shows(&cell.area, border) {
                whole.push(index);
            } else if lone {
                let id = self.name();
                placed.cut.push((index, id));
            }
        }
        let frame = Rect::new(position.origin.0, position.origin.1, size.0, size.1);
        let known = self.atlas.within(position.patch, frame, self.frame);
        let mut origin = position.origin;
        if let Some(off) = assign::offset(&self.atlas, &known, cells, &whole, origin) {
            origin = (origin.0 + off.0, origin.1 + off.1);
        }
        let assigned = assign::assign(&self.atlas, &known, cells, &whole, origin);
        let mut in_view = known;
        let mut shown: Vec<u32> = Vec::with_capacity(whole.len());
        for (index, slot) in whole.into_iter().zip(assigned) {
            let cell = &cells[index];
            let (x, y) = cell.area.centre();
            let place = (x + origin.0, y + origin.1);
            let slot = slot.unwrap_or_else(|| {
                let id = self.name();
                let slot = self.atlas.insert((id, cell.kind), position.patch, place, cell.area.diameter(), self.frame);
                // Else every further look at a place would be one more chance for a false cell.
                let looks = self.atlas.looks(position.patch, place);
                let empty = looks.filter(|look| f64::from(look.sharpness) >= BLURRED * sharpness);
                let empty = empty.filter(|look| shows(&well(place, cell.area.diameter(), look.origin()), border));
                let missed = empty.fold(0_u8, |missed, look| missed.saturating_add(look.frames));
                self.atlas.get_mut(slot).miss(missed);
                in_view.push(slot);
                slot
            });
            placed.names[index] = Some(self.atlas.get(slot).id);
            if votes && !shown.contains(&slot) {
                let inside = shows(&well(place, cell.area.diameter(), origin), border);
                self.atlas.get_mut(slot).sight(place, inside);
            }
            shown.push(slot);
        }
        if votes {
            shown.sort_unstable();
            for slot in &in_view {
                let record = self.atlas.get_mut(*slot);
                if shown.binary_search(slot).is_err() && shows(&well(record.place(), record.size(), origin), border) {
                    record.miss(1);
                }
            }
            let part = Rect { x: origin.0, y: origin.1, ..frame };
            self.atlas.look(position.patch, part, sharpness, LOOKS_APART * size.0, self.frame);
        }
        for slot in &in_view {
            let record = self.atlas.get_mut(*slot);
            let verdict = record.verdict();
            if !record.counted && record.is_sure() {
                record.counted = true;
                placed.counted.push(verdict);
            } else if record.counted && record.is_refuted() {
                record.counted = false;
                placed.withdrawn.push(verdict);
            }
        }
        in_view.sort_unstable();
        self.leave(&in_view, placed);
        self.in_view = in_view;
        Position { origin, ..position }
    }

    /// Decides on cells that were in view and are not among `still` (sorted).
    fn leave(&mut self, still: &[u32], placed: &mut Registration) {
        for slot in std::mem::take(&mut self.in_view) {
            if still.binary_search(&slot).is_ok() {
                continue;
            }
            let record = self.atlas.get_mut(slot);
            let verdict = record.verdict();
            if record.counted != record.is_likely() {
                record.counted = !record.counted;
                if record.counted { placed.counted.push(verdict) } else { placed.withdrawn.push(verdict) }
            }
        }
    }

    /// A tracker that follows the stage anew, with ids and patches after those of an earlier one.
    pub(crate) fn after(next_id: u32, patches: usize) -> Self {
        Self { next_id, patches: vec![0; patches], ..Self::default() }
    }

    fn name(&mut self) -> CellId {
        let id = CellId(self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        id
    }
}
