//! Clumps: platelets that touch.

use std::collections::{BTreeMap, HashMap};

use crate::counting::track::OnSlide;

/// Platelets that make a clump, at least. Two side by side are chance: of 674 boxed platelets in 1,151 fields of four
/// laboratories 10 pairs touched, and 8.7 would have with the same boxes laid at random.
pub(super) const CLUMP: u32 = 3;

/// Platelets touch if their middles are nearer than this many of their boxes' mean widths.
pub(super) const TOUCHING: f64 = 1.25;

/// Nearer than this they are one platelet seen twice: no two boxes of one frame lie so near.
const SAME: f64 = 0.5;

/// No slide reaches farther than this, px: 100 m.
const FARTHEST: f64 = 1e9;

/// A platelet on the slide, px of its patch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spot {
    pub(super) patch: u32,
    pub(super) x: f64,
    pub(super) y: f64,
    /// Diameter of its box.
    pub(super) size: f64,
}

impl Spot {
    /// `None` for a place that is none: stored cells may hold anything.
    pub(super) fn of(at: &OnSlide) -> Option<Self> {
        let ((x, y), size) = (at.area.centre(), at.area.diameter());
        let on_slide = x.abs() <= FARTHEST && y.abs() <= FARTHEST && size > 0.0 && size <= FARTHEST;
        on_slide.then_some(Self { patch: at.patch, x, y, size })
    }

    fn touches(&self, other: &Self) -> bool {
        let width = f64::midpoint(self.size, other.size);
        let apart = (self.x - other.x).hypot(self.y - other.y);
        (SAME * width..TOUCHING * width).contains(&apart)
    }
}

/// The clumps among some platelets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Clumps {
    /// Groups that are clumps.
    pub(super) number: u32,
    /// Platelets in them.
    pub(super) held: u32,
    pub(super) largest: u32,
    /// Groups of two and more.
    pub(super) groups: u32,
    /// Platelets that touch another one.
    pub(super) touching: u32,
}

impl Clumps {
    /// Finds groups of platelets in which each touches another one.
    pub(super) fn among(spots: &[Spot]) -> Self {
        let widest = spots.iter().map(|spot| spot.size).fold(0.0, f64::max);
        let tile = |along: f64| (along / (TOUCHING * widest)).floor() as i64;
        let mut tiles: HashMap<(u32, i64, i64), Vec<usize>> = HashMap::new();
        let mut groups = Groups((0..spots.len()).collect());
        for (index, spot) in spots.iter().enumerate() {
            let (column, row) = (tile(spot.x), tile(spot.y));
            for (across, down) in (-1..=1).flat_map(|across| (-1..=1).map(move |down| (across, down))) {
                let near = (spot.patch, column.saturating_add(across), row.saturating_add(down));
                for other in tiles.get(&near).into_iter().flatten() {
                    if spot.touches(&spots[*other]) {
                        groups.join(index, *other);
                    }
                }
            }
            tiles.entry((spot.patch, column, row)).or_default().push(index);
        }
        let mut sizes: BTreeMap<usize, u32> = BTreeMap::new();
        for index in 0..spots.len() {
            *sizes.entry(groups.first(index)).or_default() += 1;
        }
        sizes.into_values().filter(|size| *size > 1).fold(Self::default(), |all, size| {
            let clump = size >= CLUMP;
            Self {
                number: all.number + u32::from(clump),
                held: all.held + if clump { size } else { 0 },
                largest: all.largest.max(if clump { size } else { 0 }),
                groups: all.groups + 1,
                touching: all.touching + size,
            }
        })
    }
}

/// For each platelet another one of its group, at the end the group's first.
struct Groups(Vec<usize>);

impl Groups {
    fn first(&mut self, mut of: usize) -> usize {
        while self.0[of] != of {
            self.0[of] = self.0[self.0[of]];
            of = self.0[of];
        }
        of
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.first(one), self.first(other));
        self.0[one.max(other)] = one.min(other);
    }
}

/// Pairs and clumps that `platelets` platelets would form by chance: each of them has `near` others so near that they touch, on
/// average. Of three that touch, one touches both others, which happens `platelets` x `near`² / 2 times; triples that all
/// touch each other count three times, so that it is rather too many.
pub(super) fn by_chance(platelets: u32, near: f64) -> (f64, f64) {
    let half = f64::from(platelets) * near / 2.0;
    (half, half * near)
}
