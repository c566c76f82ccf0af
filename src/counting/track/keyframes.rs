//! Keyframes: a bounded number of views of where the stage has been, by which it recognises a place again.

use super::atlas::SlidePoint;
use super::register::{Demand, FrameView, likeness, motion};

/// Views kept, at most; some 25 KB each.
pub(super) const MOST: usize = 128;

/// The latest views, which are all kept; of the older ones every second is dropped if room is needed.
const RECENT: usize = 64;

/// A view is kept if there is none within this share of a frame.
const APART: f64 = 0.4;

/// Views compared by their pixels when the place is lost: those whose cells look most alike.
const CLOSER_LOOKS: usize = 6;

/// A place reached again after this many frames counts as revisited.
const LEFT: u64 = 40;

/// Position of a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Position {
    pub patch: u32,
    /// Its top-left corner.
    pub origin: SlidePoint,
}

#[derive(Clone, Debug)]
struct Keyframe {
    position: Position,
    view: FrameView,
    /// The last frame known to lie here.
    last: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Keyframes(Vec<Keyframe>);

impl Keyframes {
    /// Keeps a view if there is none near its place.
    pub(crate) fn offer(&mut self, view: &FrameView, at: Position, size: (f64, f64), now: u64) {
        if view.blurred || self.0.iter().any(|kept| is_near(kept.position, at, size)) {
            return;
        }
        if self.0.len() >= MOST {
            let older = self.0.len() - RECENT;
            let mut number = 0;
            self.0.retain(|_| {
                number += 1;
                number > older || number % 2 == 0
            });
        }
        self.0.push(Keyframe { position: at, view: view.clone(), last: now });
    }

    /// Position of this view if it shows a kept place of any patch. Only patches of at least two frames (`is_known`)
    /// are searched: single fields are not compared with each other.
    pub fn find(&mut self, view: &FrameView, is_known: impl Fn(u32) -> bool, now: u64) -> Option<Position> {
        let mut alike: Vec<(u32, usize)> = (0..self.0.len())
            .filter(|index| is_known(self.0[*index].position.patch))
            .map(|index| (likeness(&self.0[index].view, view), index))
            .collect();
        alike.sort_by(|a, b| b.cmp(a));
        alike.into_iter().take(CLOSER_LOOKS).find_map(|(_, index)| {
            let kept = &mut self.0[index];
            let moved = motion(&kept.view, view, (0.0, 0.0), Demand::ManyCells)?;
            kept.last = now;
            Some(from(kept.position, moved))
        })
    }

    /// Corrected position of a view believed to lie at `at`, if it returned to a kept place that was left a while
    /// ago. Removes the error accumulated on the way.
    pub(crate) fn close_loop(
        &mut self,
        view: &FrameView,
        at: Position,
        size: (f64, f64),
        now: u64,
    ) -> Option<Position> {
        let near = |kept: &&mut Keyframe| is_near(kept.position, at, size);
        let kept = self.0.iter_mut().filter(near).max_by_key(|kept| kept.last)?;
        let was_left = now - kept.last > LEFT;
        if !was_left {
            kept.last = now;
            return None;
        }
        let expected = (at.origin.0 - kept.position.origin.0, at.origin.1 - kept.position.origin.1);
        let moved = motion(&kept.view, view, expected, Demand::Cells)?;
        kept.last = now;
        Some(from(kept.position, moved))
    }

    /// Drops views of places that `is_forgotten`.
    pub(crate) fn forget(&mut self, is_forgotten: impl Fn(Position) -> bool) {
        self.0.retain(|kept| !is_forgotten(kept.position));
    }
}

fn is_near(kept: Position, at: Position, size: (f64, f64)) -> bool {
    kept.patch == at.patch
        && (kept.origin.0 - at.origin.0).abs() < APART * size.0
        && (kept.origin.1 - at.origin.1).abs() < APART * size.1
}

fn from(kept: Position, moved: (f64, f64)) -> Position {
    Position { origin: (kept.origin.0 + moved.0, kept.origin.1 + moved.1), ..kept }
}
