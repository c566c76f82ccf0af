//! Matches cells of a frame to cells of the slide.

use crate::domain::class::Kind;
use crate::vision::detect::Detection;

use super::atlas::{Atlas, SlidePoint};

/// Sightings closer than this share of a cell's diameter are the same cell.
const SAME_CELL: f64 = 0.4;

/// Same for white cells: their lobes make their centres uncertain, and they seldom touch each other.
const SAME_WHITE_CELL: f64 = 0.5;

/// A cell should be seen if a box this many times its diameter lies inside the frame.
pub(super) const WELL_INSIDE: f64 = 1.3;

/// Known cells needed to compute an offset.
const FEW: usize = 3;

/// A possible match: distance as a share of the largest allowed, at most 1; index among the frame's whole cells;
/// slot.
type Pair = (f64, usize, u32);

fn pairs(atlas: &Atlas, known: &[u32], cells: &[Detection], whole: &[usize], origin: SlidePoint) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (at, index) in whole.iter().enumerate() {
        let cell = &cells[*index];
        let (x, y) = cell.area.centre();
        let (x, y) = (x + origin.0, y + origin.1);
        for slot in known {
            let record = atlas.get(*slot);
            if record.kind != cell.kind {
                continue;
            }
            let reach = match cell.kind {
                Kind::Wbc => SAME_WHITE_CELL * cell.area.diameter().max(record.size()),
                _ => SAME_CELL * cell.area.diameter(),
            };
            let place = record.place();
            let far = (place.0 - x).hypot(place.1 - y) / reach;
            if far <= 1.0 {
                pairs.push((far, at, *slot));
            }
        }
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    pairs
}

/// Offset of the frame from where its known cells put it, px: their median; `None` with too few of them.
pub(super) fn offset(
    atlas: &Atlas,
    known: &[u32],
    cells: &[Detection],
    whole: &[usize],
    origin: SlidePoint,
) -> Option<(f64, f64)> {
    let mut nearest = vec![None; whole.len()];
    for (_, at, slot) in pairs(atlas, known, cells, whole, origin) {
        nearest[at].get_or_insert(slot);
    }
    let mut off: Vec<(f64, f64)> = nearest
        .into_iter()
        .zip(whole)
        .filter_map(|(slot, index)| {
            let (place, (x, y)) = (atlas.get(slot?).place(), cells[*index].area.centre());
            Some((place.0 - x - origin.0, place.1 - y - origin.1))
        })
        .collect();
    if off.len() < FEW {
        return None;
    }
    let mut median = |part: fn(&(f64, f64)) -> f64| {
        off.sort_by(|a, b| part(a).total_cmp(&part(b)));
        part(&off[off.len() / 2])
    };
    Some((median(|o| o.0), median(|o| o.1)))
}

/// For each whole cell of the frame, its cell on the slide, or `None` for a new one. Nearest pairs are matched first.
/// A cell left over next to a known one is taken as the same, such as two lobes of a white cell detected apart.
pub(super) fn assign(
    atlas: &Atlas,
    known: &[u32],
    cells: &[Detection],
    whole: &[usize],
    origin: SlidePoint,
) -> Vec<Option<u32>> {
    let pairs = pairs(atlas, known, cells, whole, origin);
    let mut assigned = vec![None; whole.len()];
    let mut taken: Vec<u32> = Vec::with_capacity(whole.len());
    for (_, at, slot) in &pairs {
        if assigned[*at].is_none() && !taken.contains(slot) {
            assigned[*at] = Some(*slot);
            taken.push(*slot);
        }
    }
    for (_, at, slot) in pairs {
        assigned[at].get_or_insert(slot);
    }
    assigned
}
