//! Layout of the cells: an endless slide, filled cell by cell from its seed.
//!
//! Each kind has its own grid; a grid square holds at most one cell, and its place and look follow from seed and
//! square alone. White cells never touch one another; red cells overlap a little and make way for white cells;
//! platelets lie between them.

use super::chance::{mix, noise, unit};
use crate::domain::class::{CellClass, Kind};

/// Pitch and free play of the white cells' grid, um: two cells are at least 22 um apart, the largest being 19 um.
const WHITE_PITCH: f64 = 36.0;
const WHITE_PLAY: f64 = 14.0;
/// White cells per square: about one in 23 red cells, some thirty times as many as in normal blood, as on a
/// buffy-coat smear. At ten frames a second, 100 of them pass in a little over two minutes instead of an hour.
const WHITE_SHARE: f64 = 0.27;
const RED_PITCH: f64 = 11.5;
const RED_PLAY: f64 = 9.5;
/// Least distance between two red cells' centres, um: they overlap by at most a fifth.
const RED_APART: f64 = 5.6;
const PLATELET_PITCH: f64 = 26.0;
const PLATELET_PLAY: f64 = 24.0;
const PLATELET_SHARE: f64 = 0.42;
/// Distance that a platelet keeps from a red cell's centre, um.
const PLATELET_CLEARANCE: f64 = 5.3;
/// Largest radius of a white cell, um: how far outside a window a cell's centre may be and still reach into it.
pub(crate) const REACH: f64 = 11.0;

/// Share of each class among the white cells, in percent.
///
/// Neutrophils, lymphocytes, monocytes, eosinophils and basophils lie inside the adult reference ranges of Dacie and
/// Lewis, Practical Haematology, 12th ed. 2017, chapter 2 (neutrophils 40-80 %, lymphocytes 20-40 %, monocytes 2-10
/// %, eosinophils 1-6 %, basophils up to 2 %), bands below the 10 % that flags a left shift. The other 3 % do not
/// occur in healthy blood: they are here so that a demonstration shows every flag once in a while.
pub(crate) const PRIOR: [(CellClass, f64); 12] = [
    (CellClass::Ngs, 54.0),
    (CellClass::Ngb, 3.0),
    (CellClass::Lyt, 28.0),
    (CellClass::Mon, 7.0),
    (CellClass::Eos, 4.0),
    (CellClass::Bas, 1.0),
    (CellClass::Mmz, 0.5),
    (CellClass::Myb, 0.4),
    (CellClass::Pmo, 0.2),
    (CellClass::Myo, 0.4),
    (CellClass::Ebo, 0.5),
    (CellClass::Ksc, 1.0),
];

/// A cell on the slide.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlacedCell {
    /// Unique on a slide, and the same whenever the place is visited.
    pub id: u64,
    pub kind: Kind,
    /// Class of a white cell.
    pub class: Option<CellClass>,
    /// Centre on the slide, um.
    pub x_um: f64,
    pub y_um: f64,
}

/// The slide of one seed.
#[derive(Clone, Copy, Debug)]
pub struct Slide {
    pub seed: u64,
}

#[derive(Clone, Copy)]
struct Point {
    x: f64,
    y: f64,
}

impl Point {
    fn distance(self, other: Self) -> f64 {
        (self.x - other.x).hypot(self.y - other.y)
    }
}

impl Slide {
    /// Cells centred in the window widened by [`REACH`]; red cells first, then platelets, then white cells.
    #[must_use]
    pub(crate) fn cells_in(self, x_um: f64, y_um: f64, width_um: f64, height_um: f64) -> Vec<PlacedCell> {
        let (left, top) = (x_um - REACH, y_um - REACH);
        let (right, bottom) = (x_um + width_um + REACH, y_um + height_um + REACH);
        let mut cells = Vec::new();
        for kind in [Kind::Rbc, Kind::Plt, Kind::Wbc] {
            let pitch = pitch(kind);
            for gy in (top / pitch).floor() as i64..=(bottom / pitch).floor() as i64 {
                for gx in (left / pitch).floor() as i64..=(right / pitch).floor() as i64 {
                    let place = match kind {
                        Kind::Rbc => self.red(gx, gy),
                        Kind::Plt => self.platelet(gx, gy),
                        Kind::Wbc => self.white(gx, gy).map(|(point, _)| point),
                    };
                    let Some(Point { x, y }) = place else { continue };
                    if x < left || x > right || y < top || y > bottom {
                        continue;
                    }
                    let class = (kind == Kind::Wbc).then(|| self.class(gx, gy));
                    cells.push(PlacedCell { id: id(kind, gx, gy), kind, class, x_um: x, y_um: y });
                }
            }
        }
        cells
    }

    fn salt(self, kind: Kind, what: i64) -> u64 {
        let kind = match kind {
            Kind::Wbc => 0,
            Kind::Rbc => 1,
            Kind::Plt => 2,
        };
        mix(self.seed, kind, what)
    }

    fn point(self, kind: Kind, gx: i64, gy: i64, play: f64) -> Point {
        let (pitch, salt) = (pitch(kind), self.salt(kind, 1));
        let margin = (pitch - play) / 2.0;
        Point {
            x: gx as f64 * pitch + margin + play * unit(salt, gx, gy),
            y: gy as f64 * pitch + margin + play * unit(salt ^ 0x5555, gx, gy),
        }
    }

    fn class(self, gx: i64, gy: i64) -> CellClass {
        let total: f64 = PRIOR.iter().map(|(_, share)| share).sum();
        let mut left = unit(self.salt(Kind::Wbc, 3), gx, gy) * total;
        for (class, share) in PRIOR {
            if left < share {
                return class;
            }
            left -= share;
        }
        CellClass::Ngs
    }

    /// Centre and radius of the white cell in a square of its grid.
    fn white(self, gx: i64, gy: i64) -> Option<(Point, f64)> {
        (unit(self.salt(Kind::Wbc, 2), gx, gy) < WHITE_SHARE)
            .then(|| (self.point(Kind::Wbc, gx, gy, WHITE_PLAY), radius(self.class(gx, gy))))
    }

    fn clear_of_white(self, point: Point, clearance: f64) -> bool {
        let (gx, gy) = ((point.x / WHITE_PITCH).floor() as i64, (point.y / WHITE_PITCH).floor() as i64);
        neighbours(gx, gy)
            .filter_map(|(x, y)| self.white(x, y))
            .all(|(white, radius)| white.distance(point) > radius + clearance)
    }

    fn red_candidate(self, gx: i64, gy: i64) -> Option<(Point, u64)> {
        // Smears have thin and thick patches a few fields across.
        let patch = noise(self.salt(Kind::Rbc, 5), gx as f32 / 9.0, gy as f32 / 9.0);
        let rank = mix(self.salt(Kind::Rbc, 2), gx, gy);
        let there = unit(rank, gx, gy) < 0.86 + 0.14 * f64::from(patch);
        let point = there.then(|| self.point(Kind::Rbc, gx, gy, RED_PLAY))?;
        self.clear_of_white(point, 3.1).then_some((point, rank))
    }

    fn red(self, gx: i64, gy: i64) -> Option<Point> {
        let (point, rank) = self.red_candidate(gx, gy)?;
        let pushed_out = neighbours(gx, gy).filter(|&place| place != (gx, gy)).any(|(x, y)| {
            self.red_candidate(x, y).is_some_and(|(other, above)| above > rank && other.distance(point) < RED_APART)
        });
        (!pushed_out).then_some(point)
    }

    fn platelet(self, gx: i64, gy: i64) -> Option<Point> {
        let there = unit(self.salt(Kind::Plt, 2), gx, gy) < PLATELET_SHARE;
        let point = there.then(|| self.point(Kind::Plt, gx, gy, PLATELET_PLAY))?;
        let (rx, ry) = ((point.x / RED_PITCH).floor() as i64, (point.y / RED_PITCH).floor() as i64);
        let between_red =
            neighbours(rx, ry).filter_map(|(x, y)| self.red(x, y)).all(|red| red.distance(point) > PLATELET_CLEARANCE);
        (between_red && self.clear_of_white(point, 2.2)).then_some(point)
    }
}

/// Typical radius of a white cell on a smear, um.
#[must_use]
pub(crate) const fn radius(class: CellClass) -> f64 {
    match class {
        CellClass::Mon => 8.2,
        CellClass::Lyt => 4.9,
        CellClass::Ebo => 4.4,
        CellClass::Bas => 6.0,
        CellClass::Myo | CellClass::Pmo => 7.8,
        CellClass::Myb | CellClass::Mmz => 7.1,
        _ => 6.5,
    }
}

const fn pitch(kind: Kind) -> f64 {
    match kind {
        Kind::Wbc => WHITE_PITCH,
        Kind::Rbc => RED_PITCH,
        Kind::Plt => PLATELET_PITCH,
    }
}

fn neighbours(gx: i64, gy: i64) -> impl Iterator<Item = (i64, i64)> {
    (-1..=1).flat_map(move |dy| (-1..=1).map(move |dx| (gx + dx, gy + dy)))
}

/// Kind and grid square, 2 + 31 + 31 bits: the square's number wraps only after millions of metres.
fn id(kind: Kind, gx: i64, gy: i64) -> u64 {
    let bits = |v: i64| (v + (1 << 30)) as u64 & 0x7fff_ffff;
    (kind.index() as u64) << 62 | bits(gx) << 31 | bits(gy)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLIDE: Slide = Slide { seed: 11 };

    #[test]
    fn a_window_holds_the_same_cells_however_it_is_cut() {
        let whole = SLIDE.cells_in(-100.0, -100.0, 400.0, 300.0);
        let part = SLIDE.cells_in(20.0, 30.0, 90.0, 60.0);
        assert!(part.len() > 20);
        assert!(part.iter().all(|cell| whole.contains(cell)));
    }

    #[test]
    fn white_cells_do_not_touch_each_other() {
        let cells = SLIDE.cells_in(0.0, 0.0, 2000.0, 1000.0);
        let white: Vec<_> = cells.iter().filter(|c| c.kind == Kind::Wbc).collect();
        for (i, a) in white.iter().enumerate() {
            for b in &white[i + 1..] {
                assert!((a.x_um - b.x_um).hypot(a.y_um - b.y_um) >= 22.0);
            }
        }
    }

    #[test]
    fn there_are_about_twenty_three_red_cells_to_a_white_one() {
        let cells = SLIDE.cells_in(0.0, 0.0, 3000.0, 3000.0);
        let count = |kind| cells.iter().filter(|c| c.kind == kind).count() as f64;
        let ratio = count(Kind::Rbc) / count(Kind::Wbc);
        assert!((19.0..28.0).contains(&ratio), "{ratio}");
        let platelets = count(Kind::Rbc) / count(Kind::Plt);
        assert!((10.0..30.0).contains(&platelets), "{platelets}");
    }

    #[test]
    fn classes_come_as_often_as_the_prior_says() {
        let cells = SLIDE.cells_in(0.0, 0.0, 8000.0, 8000.0);
        let white: Vec<_> = cells.iter().filter_map(|c| c.class).collect();
        let lymphocytes = white.iter().filter(|c| **c == CellClass::Lyt).count() as f64 / white.len() as f64;
        assert!((lymphocytes - 0.28).abs() < 0.02, "{lymphocytes}");
    }

    #[test]
    fn ids_are_unique_even_left_of_and_above_the_start() {
        let cells = SLIDE.cells_in(-500.0, -500.0, 1000.0, 1000.0);
        let ids: std::collections::HashSet<_> = cells.iter().map(|c| c.id).collect();
        assert_eq!(ids.len(), cells.len());
    }
}
