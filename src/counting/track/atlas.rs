//! Every cell seen whole, by its place on the slide. A cell is new if it is not in here.

use std::collections::HashMap;

use crate::domain::class::Kind;
use crate::domain::geometry::Rect;

use super::{CellId, CellUpdate, OnSlide};

/// A place on the slide, px from the corner of its patch's first frame.
pub(super) type SlidePoint = (f64, f64);

/// Cells remembered. A hundred white cells of usual blood come with some 60 000 red ones.
pub(super) const MOST_CELLS: usize = 1_000_000;

/// Side of a tile, px: a tile holds some tens of cells.
const TILE: f64 = 256.0;

/// One in this many tiles is forgotten at once, so that making room is rare.
const FORGET: usize = 16;

/// How often a cell was seen, and whether it counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub id: CellId,
    pub kind: Kind,
    patch: u32,
    x: f32,
    y: f32,
    size: f32,
    /// Sharp frames that showed it, and sharp frames that should have; both are halved if one would overflow.
    seen: u8,
    missed: u8,
    pub counted: bool,
}

impl Record {
    /// Its centre.
    pub fn place(&self) -> SlidePoint {
        (self.x.into(), self.y.into())
    }

    /// The update when its count changes.
    pub fn verdict(&self) -> CellUpdate {
        let area = Rect::around(self.place(), self.size(), self.size());
        CellUpdate { id: self.id, kind: self.kind, at: OnSlide { patch: self.patch, area } }
    }

    /// Its diameter, px.
    pub fn size(&self) -> f64 {
        self.size.into()
    }

    /// Records a sharp frame that showed it at `place`.
    pub(crate) fn sight(&mut self, place: SlidePoint) {
        if self.seen < 4 {
            // Averages the first few sightings; after that its place stays fixed, so that nothing drifts.
            let share = 1.0 / (f32::from(self.seen) + 1.0);
            self.x += (place.0 as f32 - self.x) * share;
            self.y += (place.1 as f32 - self.y) * share;
        }
        self.seen = self.seen.saturating_add(1);
        self.halve();
    }

    /// Records a sharp frame that had it well inside but did not show it.
    pub(crate) fn miss(&mut self) {
        self.missed = self.missed.saturating_add(1);
        self.halve();
    }

    fn halve(&mut self) {
        if self.seen.max(self.missed) == u8::MAX {
            (self.seen, self.missed) = (self.seen / 2, self.missed / 2);
        }
    }

    /// Whether it was seen often enough to count while still in view.
    pub(crate) fn is_sure(&self) -> bool {
        self.seen >= 2 && self.seen > self.missed
    }

    /// Whether it was missed so often that it should not have counted.
    pub(crate) fn is_refuted(&self) -> bool {
        let (seen, missed) = (u16::from(self.seen), u16::from(self.missed));
        missed >= seen + 3 && 2 * missed > 3 * seen
    }

    /// Whether it counts once no more frames of it come: at least half of the sharp frames showed it.
    pub(crate) fn is_likely(&self) -> bool {
        self.seen >= self.missed
    }
}

/// Patch, column and row.
type TileKey = (u32, i32, i32);

#[derive(Clone, Debug, Default)]
struct Tile {
    /// The last frame that covered it.
    last: u64,
    slots: Vec<u32>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Atlas {
    records: Vec<Record>,
    /// Free slots in `records`.
    free: Vec<u32>,
    tiles: HashMap<TileKey, Tile>,
}

impl Atlas {
    pub fn get(&self, slot: u32) -> &Record {
        &self.records[slot as usize]
    }

    pub fn get_mut(&mut self, slot: u32) -> &mut Record {
        &mut self.records[slot as usize]
    }

    /// Number of cells remembered.
    pub fn len(&self) -> usize {
        self.records.len() - self.free.len()
    }

    /// Adds a new cell.
    pub fn insert(&mut self, (id, kind): (CellId, Kind), patch: u32, place: SlidePoint, size: f64, now: u64) -> u32 {
        let (x, y, size) = (place.0 as f32, place.1 as f32, size as f32);
        let record = Record { id, kind, patch, x, y, size, seen: 0, missed: 0, counted: false };
        let slot = if let Some(slot) = self.free.pop() {
            self.records[slot as usize] = record;
            slot
        } else {
            self.records.push(record);
            self.records.len() as u32 - 1
        };
        let tile = self.tiles.entry(key(patch, place)).or_default();
        tile.slots.push(slot);
        tile.last = now;
        slot
    }

    /// Cells centred in a part of a patch; marks its tiles as seen `now`.
    pub fn within(&mut self, patch: u32, part: Rect, now: u64) -> Vec<u32> {
        let (_, left, top) = key(patch, (part.x, part.y));
        let (_, right, bottom) = key(patch, (part.x + part.w, part.y + part.h));
        let mut found = Vec::new();
        for row in top..=bottom {
            for column in left..=right {
                let Some(tile) = self.tiles.get_mut(&(patch, column, row)) else { continue };
                tile.last = now;
                let inside = |slot: &&u32| {
                    let (x, y) = self.records[**slot as usize].place();
                    x >= part.x && y >= part.y && x <= part.x + part.w && y <= part.y + part.h
                };
                found.extend(tile.slots.iter().filter(inside));
            }
        }
        found
    }

    /// Forgets the cells in view longest ago if there are more than `most`. Returns whether it had to.
    pub(crate) fn make_room(&mut self, most: usize, now: u64) -> bool {
        if self.len() <= most {
            return false;
        }
        let mut by_age: Vec<(u64, TileKey)> = self.tiles.iter().map(|(key, tile)| (tile.last, *key)).collect();
        by_age.sort_unstable();
        let enough = most - most / FORGET;
        for (last, key) in by_age {
            // What is in view now stays, whatever its number.
            if self.len() <= enough || last == now {
                break;
            }
            if let Some(tile) = self.tiles.remove(&key) {
                self.free.extend(tile.slots);
            }
        }
        self.tiles.shrink_to_fit();
        true
    }

    /// Whether any cell is known around a place.
    pub(crate) fn knows(&self, patch: u32, place: SlidePoint) -> bool {
        self.tiles.contains_key(&key(patch, place))
    }
}

fn key(patch: u32, place: SlidePoint) -> TileKey {
    (patch, (place.0 / TILE).floor() as i32, (place.1 / TILE).floor() as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(cells: u32) -> Atlas {
        let mut atlas = Atlas::default();
        for n in 0..cells {
            let place = (f64::from(n) * 64.0, 0.0);
            atlas.insert((CellId(n), Kind::Rbc), 0, place, 40.0, n.into());
        }
        atlas
    }

    #[test]
    fn what_was_in_view_longest_ago_is_forgotten_first() {
        let mut atlas = filled(1000);
        let first = Rect::new(-10.0, -10.0, 100.0, 20.0);
        assert_eq!(atlas.within(0, first, 2000).len(), 2);
        assert!(atlas.make_room(800, 2000));
        assert!((700..=800).contains(&atlas.len()), "{}", atlas.len());
        assert_eq!(atlas.within(0, first, 2001).len(), 2, "seen again just now");
        assert!(!atlas.knows(0, (30.0 * 64.0, 0.0)));
        assert!(!atlas.make_room(800, 2002));
        assert_eq!(atlas.within(1, first, 2003), [0_u32; 0], "another patch is another place");
    }

    #[test]
    fn room_that_was_made_is_used_again() {
        let mut atlas = filled(1000);
        atlas.make_room(500, 5000);
        for n in 0..300 {
            atlas.insert((CellId(2000 + n), Kind::Plt), 1, (f64::from(n) * 64.0, 9.0), 20.0, 5000);
        }
        assert_eq!(atlas.records.len(), 1000);
    }

    #[test]
    fn half_of_the_sharp_frames_must_have_shown_a_cell() {
        let record = |seen: u32, missed: u32| {
            let mut atlas = filled(1);
            (0..seen).for_each(|_| atlas.get_mut(0).sight((0.0, 0.0)));
            (0..missed).for_each(|_| atlas.get_mut(0).miss());
            *atlas.get(0)
        };
        assert!(!record(1, 0).is_sure() && record(1, 0).is_likely() && record(2, 0).is_sure());
        assert!(!record(1, 2).is_likely() && !record(1, 2).is_refuted() && record(1, 4).is_refuted());
        assert!(record(900, 100).is_sure() && record(100, 900).is_refuted(), "also after a long rest");
    }
}
