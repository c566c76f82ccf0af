//! Views kept of where the stage has been, a bounded number of them: by these a place is known again.

use super::atlas::SlidePoint;
use super::register::{Demand, FrameView, likeness, motion};

/// Views that are kept at most, some 25 KB each.
pub(super) const MOST: usize = 128;

/// The latest ones, which are all kept; of the older ones every second goes when room is needed.
const RECENT: usize = 64;

/// A view is kept where none is within this share of a frame.
const APART: f64 = 0.4;

/// Views whose cells look most alike that are compared by their pixels when the place is lost.
const CLOSER_LOOKS: usize = 6;

/// Frames after which a place that is reached again is a place that was left before.
const LEFT: u64 = 40;

/// Where a frame lies.
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
    /// The frame that was last known to lie here.
    last: u64,
}

/// The views.
#[derive(Clone, Debug, Default)]
pub(super) struct Keyframes(Vec<Keyframe>);

impl Keyframes {
    /// Keeps a view if none is near its place.
    pub fn offer(&mut self, view: &FrameView, at: Position, size: (f64, f64), now: u64) {
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

    /// Where this view lies, if it shows a kept place of any patch. Two frames at least must have made a patch that is
    /// known again (`is_known`): single fields are not searched for each other.
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

    /// Where a view that is held to lie at `at` really lies, if it came back to a kept place that was left a while ago:
    /// errors that added up on the way are taken out.
    pub fn close_loop(&mut self, view: &FrameView, at: Position, size: (f64, f64), now: u64) -> Option<Position> {
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
    pub fn forget(&mut self, is_forgotten: impl Fn(Position) -> bool) {
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
