//! Every cell seen whole, by its place on the slide. A cell is new if it is not in here.

use std::collections::{HashMap, VecDeque};

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

/// Looks remembered of a tile, the latest ones: two lanes that cross it.
const LOOKS: usize = 32;

/// Tiles whose looks are remembered: some 12 MB.
const MOST_LOOKED_AT: usize = 32_768;

/// How often a cell was seen, and whether it counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub id: CellId,
    pub kind: Kind,
    patch: u32,
    x: f32,
    y: f32,
    size: f32,
    /// Sharp frames with its place well inside that showed it, and that did not; both are halved if one would overflow.
    seen: u8,
    missed: u8,
    /// Sharp frames that showed it near their border.
    glimpsed: u8,
    /// Whether the first sharp frame with its place well inside did not show it.
    late: bool,
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

    /// Records a sharp frame that showed it at `place`, well inside or near its border.
    pub(crate) fn sight(&mut self, place: SlidePoint, well_inside: bool) {
        let before = self.seen.saturating_add(self.glimpsed);
        if before < 4 {
            // Averages the first few sightings; after that its place stays fixed, so that nothing drifts.
            let share = 1.0 / (f32::from(before) + 1.0);
            self.x += (place.0 as f32 - self.x) * share;
            self.y += (place.1 as f32 - self.y) * share;
        }
        if well_inside {
            self.seen = self.seen.saturating_add(1);
            self.halve();
        } else {
            self.glimpsed = self.glimpsed.saturating_add(1);
        }
    }

    /// Records sharp frames that had it well inside but did not show it.
    pub(crate) fn miss(&mut self, frames: u8) {
        self.late |= self.seen == 0 && frames > 0;
        self.missed = self.missed.saturating_add(frames);
        self.halve();
    }

    fn halve(&mut self) {
        if self.seen.max(self.missed) == u8::MAX {
            (self.seen, self.missed) = (self.seen / 2, self.missed / 2);
        }
    }

    /// Whether it was seen often enough to count while still in view.
    pub(crate) fn is_sure(&self) -> bool {
        let never_inside = self.seen == 0 && self.missed == 0;
        self.seen.saturating_add(self.glimpsed) >= 2 && (self.seen > self.missed || never_inside)
    }

    /// Whether it was missed so often that it should not have counted.
    pub(crate) fn is_refuted(&self) -> bool {
        let (seen, missed) = (u16::from(self.seen), u16::from(self.missed));
        missed >= seen + 3 && 2 * missed > 3 * seen
    }

    /// Whether it counts once no more frames of it come: most of the sharp frames with its place well inside showed it.
    /// If they are divided, or there are none, any that showed it near the border decides, else the first of them: with few
    /// looks a tie is common, and to count none of those would lose cells, as to count all would add some.
    pub(crate) fn is_likely(&self) -> bool {
        let divided = self.seen == self.missed;
        self.seen > self.missed || divided && (self.glimpsed > 0 || self.seen > 0 && !self.late)
    }
}

/// Patch, column and row.
type TileKey = (u32, i32, i32);

#[derive(Clone, Debug, Default)]
struct Tile {
    /// The last frame that covered it.
    last: u64,
    slots: Vec<u32>,
    looks: VecDeque<Look>,
}

/// Sharp frames that overlap a tile and lie close together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Top-left corner of the first of them.
    x: f32,
    y: f32,
    /// The best of their sharpness.
    pub sharpness: f32,
    pub frames: u8,
}

impl Look {
    /// Top-left corner of the frame.
    pub fn origin(&self) -> SlidePoint {
        (self.x.into(), self.y.into())
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Atlas {
    records: Vec<Record>,
    /// Free slots in `records`.
    free: Vec<u32>,
    tiles: HashMap<TileKey, Tile>,
    /// Tiles with looks.
    looked_at: usize,
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
        let record =
            Record { id, kind, patch, x, y, size, seen: 0, missed: 0, glimpsed: 0, late: false, counted: false };
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
        let mut found = Vec::new();
        for key in keys(patch, part) {
            let Some(tile) = self.tiles.get_mut(&key) else { continue };
            tile.last = now;
            let inside = |slot: &&u32| {
                let (x, y) = self.records[**slot as usize].place();
                x >= part.x && y >= part.y && x <= part.x + part.w && y <= part.y + part.h
            };
            found.extend(tile.slots.iter().filter(inside));
        }
        found
    }

    /// Remembers a sharp frame that covered a part of a patch; frames closer than `apart` px are one look.
    pub(crate) fn look(&mut self, patch: u32, part: Rect, sharpness: f64, apart: f64, now: u64) {
        let (x, y, sharpness) = (part.x as f32, part.y as f32, sharpness as f32);
        for key in keys(patch, part) {
            let tile = self.tiles.entry(key).or_default();
            tile.last = now;
            match tile.looks.back_mut() {
                Some(look) if f64::from((look.x - x).hypot(look.y - y)) < apart => {
                    look.frames = look.frames.saturating_add(1);
                    look.sharpness = look.sharpness.max(sharpness);
                }
                _ => {
                    self.looked_at += usize::from(tile.looks.is_empty());
                    if tile.looks.len() == LOOKS {
                        tile.looks.pop_front();
                    }
                    tile.looks.push_back(Look { x, y, sharpness, frames: 1 });
                }
            }
        }
    }

    /// The latest looks at the tile around a place, oldest first.
    pub(crate) fn looks(&self, patch: u32, place: SlidePoint) -> impl Iterator<Item = &Look> {
        self.tiles.get(&key(patch, place)).into_iter().flat_map(|tile| &tile.looks)
    }

    /// Forgets the oldest looks if there are too many.
    fn forget_looks(&mut self) {
        if self.looked_at <= MOST_LOOKED_AT {
            return;
        }
        let looked_at = self.tiles.values().filter(|tile| !tile.looks.is_empty());
        let mut ages: Vec<u64> = looked_at.map(|tile| tile.last).collect();
        ages.sort_unstable();
        let since = ages.get(ages.len() / 2).copied().unwrap_or_default();
        self.tiles.retain(|_, tile| {
            if tile.last <= since {
                tile.looks = VecDeque::new();
            }
            !tile.slots.is_empty() || !tile.looks.is_empty()
        });
        self.looked_at = self.tiles.values().filter(|tile| !tile.looks.is_empty()).count();
    }

    /// Forgets the cells in view longest ago if there are more than `most`. Returns whether it had to.
    pub(crate) fn make_room(&mut self, most: usize, now: u64) -> bool {
        self.forget_looks();
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
                self.looked_at -= usize::from(!tile.looks.is_empty());
                self.free.extend(tile.slots);
            }
        }
        self.tiles.shrink_to_fit();
        true
    }

    /// Whether any cell is known around a place.
    pub(crate) fn knows(&self, patch: u32, place: SlidePoint) -> bool {
        self.tiles.get(&key(patch, place)).is_some_and(|tile| !tile.slots.is_empty())
    }
}

/// Tiles that a part of a patch overlaps, row by row.
fn keys(patch: u32, part: Rect) -> impl Iterator<Item = TileKey> {
    let (_, left, top) = key(patch, (part.x, part.y));
    let (_, right, bottom) = key(patch, (part.x + part.w, part.y + part.h));
    (top..=bottom).flat_map(move |row| (left..=right).map(move |column| (patch, column, row)))
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
    fn most_of_the_sharp_frames_must_have_shown_a_cell() {
        let record = |seen: u32, missed: u32| {
            let mut atlas = filled(1);
            (0..seen).for_each(|_| atlas.get_mut(0).sight((0.0, 0.0), true));
            (0..missed).for_each(|_| atlas.get_mut(0).miss(1));
            *atlas.get(0)
        };
        assert!(!record(1, 0).is_sure() && record(1, 0).is_likely() && record(2, 0).is_sure());
        assert!(!record(1, 2).is_likely() && !record(1, 2).is_refuted() && record(1, 4).is_refuted());
        assert!(record(2, 2).is_likely() && !record(0, 0).is_likely());
        let mut late = filled(1);
        late.get_mut(0).miss(1);
        late.get_mut(0).sight((0.0, 0.0), true);
        assert!(!late.get(0).is_likely(), "divided, and the first look did not show it");
        let glimpsed = |mut record: Record| {
            record.sight((0.0, 0.0), false);
            record.is_likely()
        };
        assert!(glimpsed(record(2, 2)) && glimpsed(record(0, 0)) && !glimpsed(record(1, 2)));
        assert!(record(900, 100).is_sure() && record(100, 900).is_refuted(), "also after a long rest");
    }
}
