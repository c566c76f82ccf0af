//! Which red cells are looked at while counting, and what they were called until they count.
//!
//! Naming every red cell of a dense field would cost nearly half as much as the rest of the frame. A sample chosen by place, not by
//! look, tells as much of the shares.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use image::RgbImage;

use crate::counting::track::{CellId, Registration};
use crate::domain::class::Kind;
use crate::vision::detect::Detection;
use crate::vision::detect::scale::Scale;
use crate::vision::optics::field_of_view::BalancedPicture;
use crate::vision::red_cells::{RedLook, RedOpinion, graded};
use crate::vision::{Vision, VisionError};

/// Red cells that the network looks at in one frame, at most; twice as many where others passed by since the frame before it.
const MOST: usize = 24;

/// Parts of a frame across and down, from each of which one is taken in turn: as many as [`MOST`].
const PARTS: (f64, f64) = (6.0, 4.0);

/// The red cells that were looked at and do not count yet.
#[derive(Debug, Default)]
pub(super) struct RedLooks {
    /// Ids below this one were seen before.
    next: u32,
    waiting: HashMap<CellId, Waiting>,
    /// The frame looked at last.
    latest: u64,
}

/// What a cell was called, until the tracker counts it.
#[derive(Debug)]
struct Waiting {
    look: RedLook,
    since: u64,
}

impl RedLooks {
    /// Looks at some of the red cells that frame `now` is the first to show whole; only where `vision` names red cells. Those that
    /// overlap others are not graded, and cost the network nothing.
    pub(super) fn look(
        &mut self,
        vision: &Vision,
        (balanced, scale): (&BalancedPicture, Scale),
        detections: &[Detection],
        placed: &Registration,
        now: u64,
    ) -> Result<(), VisionError> {
        let Some(classifier) = vision.red_cells() else { return Ok(()) };
        let new = self.take_new(detections, placed);
        let most = if now > std::mem::replace(&mut self.latest, now) + 1 { 2 * MOST } else { MOST };
        // A blurred cell says nothing of its shape.
        if new.is_empty() || placed.blurred {
            return Ok(());
        }
        let graded = graded(detections, balanced.dimensions());
        let places = |(at, _): &(usize, CellId)| detections[*at].area.centre();
        let mut chosen = Vec::with_capacity(2 * most);
        let mut by_network = 0;
        for (at, id) in spread(new, places, balanced.dimensions()) {
            if by_network == most {
                break;
            }
            by_network += usize::from(graded[at]);
            chosen.push((at, id));
        }
        let wanted: Vec<usize> = chosen.iter().map(|(at, _)| *at).collect();
        let looks = classifier.look_at(balanced, scale.um_per_px, detections, &wanted, &graded)?;
        let waiting = chosen.into_iter().zip(looks).map(|((_, id), look)| (id, Waiting { look, since: now }));
        self.waiting.extend(waiting);
        Ok(())
    }

    /// The whole red cells with an id that no frame had before, by their place in the frame's list.
    fn take_new(&mut self, detections: &[Detection], placed: &Registration) -> Vec<(usize, CellId)> {
        let named = placed.names.iter().enumerate().filter_map(|(at, id)| Some((at, (*id)?)));
        let mut new: Vec<(usize, CellId)> = named.filter(|(_, id)| id.0 >= self.next).collect();
        let cut = placed.cut.iter().map(|(_, id)| id.0);
        self.next = new.iter().map(|(_, id)| id.0).chain(cut).max().map_or(self.next, |id| self.next.max(id + 1));
        new.retain(|(at, _)| detections[*at].kind == Kind::Rbc);
        // Two boxes of one frame may be the same cell.
        new.sort_unstable_by_key(|(at, id)| (*id, *at));
        new.dedup_by_key(|(_, id)| *id);
        new
    }

    /// What a cell that counts from now on was called, and its crop.
    pub(super) fn take(&mut self, id: CellId) -> (Option<RedOpinion>, Option<Arc<RgbImage>>) {
        match self.waiting.remove(&id) {
            None => (None, None),
            Some(Waiting { look: RedLook { opinion, crop }, .. }) => (Some(opinion), crop.map(Arc::new)),
        }
    }

    /// Forgets cells first seen before this frame: they never counted.
    pub(super) fn forget_before(&mut self, frame: u64) {
        self.waiting.retain(|_, waiting| waiting.since >= frame);
    }
}

/// Cells in an order in which any first ones are spread evenly over the frame (size in px): one from each part of it in turn,
/// those next to the middle of their part first.
fn spread<T>(cells: Vec<T>, place: impl Fn(&T) -> (f64, f64), size: (u32, u32)) -> Vec<T> {
    let (width, height) = (f64::from(size.0) / PARTS.0, f64::from(size.1) / PARTS.1);
    let mut parts: BTreeMap<(u32, u32), Vec<(f64, T)>> = BTreeMap::new();
    for cell in cells {
        let (x, y) = place(&cell);
        let (column, row) = ((x / width).floor().max(0.0), (y / height).floor().max(0.0));
        let far = (x - (column + 0.5) * width).hypot(y - (row + 0.5) * height);
        parts.entry((column as u32, row as u32)).or_default().push((far, cell));
    }
    let mut order: Vec<(usize, f64, T)> = Vec::new();
    for mut part in parts.into_values() {
        part.sort_by(|a, b| a.0.total_cmp(&b.0));
        order.extend(part.into_iter().enumerate().map(|(turn, (far, cell))| (turn, far, cell)));
    }
    order.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    order.into_iter().map(|(_, _, cell)| cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::geometry::Rect;
    use proptest::prelude::*;

    #[test]
    fn the_cells_chosen_lie_all_over_the_frame() {
        let all: Vec<(f64, f64)> = (0..20)
            .flat_map(|x| (0..15).map(move |y| (x, y)))
            .map(|(x, y)| (f64::from(x) * 32.0 + 16.0, f64::from(y) * 32.0 + 16.0))
            .collect();
        let chosen: Vec<(f64, f64)> = spread(all, |at| *at, (640, 480)).into_iter().take(MOST).collect();
        let parts: std::collections::BTreeSet<_> =
            chosen.iter().map(|(x, y)| ((x * 6.0 / 640.0) as u32, (y * 4.0 / 480.0) as u32)).collect();
        assert_eq!(parts.len(), MOST);
    }

    #[test]
    fn a_cell_is_new_once_and_a_cut_one_never() {
        let cell = |kind| Detection { kind, area: Rect::around((50.0, 50.0), 20.0, 20.0), score: 0.9 };
        let detections = [cell(Kind::Rbc), cell(Kind::Rbc), cell(Kind::Wbc), cell(Kind::Rbc)];
        let first = Registration {
            names: vec![Some(CellId(1)), None, Some(CellId(2)), Some(CellId(1))],
            cut: vec![(1, CellId(0))],
            ..Registration::default()
        };
        let mut looks = RedLooks::default();
        assert_eq!(looks.take_new(&detections, &first), [(0, CellId(1))]);
        assert_eq!(looks.take_new(&detections, &first), []);
        let later =
            Registration { names: vec![Some(CellId(1)), Some(CellId(3)), None, None], ..Registration::default() };
        assert_eq!(looks.take_new(&detections, &later), [(1, CellId(3))]);
    }

    proptest! {
        #[test]
        fn no_cell_is_lost_or_chosen_twice(places in prop::collection::vec((0.0..640.0_f64, 0.0..480.0_f64), 0..120)) {
            let cells: Vec<usize> = (0..places.len()).collect();
            let mut order = spread(cells.clone(), |at| places[*at], (640, 480));
            order.sort_unstable();
            prop_assert_eq!(order, cells);
        }
    }
}
