//! The cells to label next: those the program is least sure of, and those least like any that were looked at.

use std::collections::BTreeSet;

use image::RgbImage;
use serde::Serialize;
use utoipa::ToSchema;

use super::NotLearned;
use super::gather::stored_crop;
use crate::domain::class::{CellClass, Kind};
use crate::store::Store;
use crate::store::records::{CellNumber, SessionId};
use crate::system::parallel;
use crate::vision::Vision;
use crate::vision::adapt::{AdaptError, Adapter};
use crate::vision::optics::calibration::Setup;

/// Sessions that cells are taken from, the newest ones.
const SESSIONS: u32 = 20;

/// Cells of each reason.
const EACH: usize = 12;

/// Cells whose features are compared, and cells that were looked at which they are compared with: so many network runs a
/// small board does in seconds.
const COMPARED: usize = 120;

/// Crops per task.
const BATCH: usize = 8;

/// A cell to look at next.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct NextCell {
    #[schema(value_type = i64)]
    pub session: SessionId,
    #[schema(value_type = i64)]
    pub number: CellNumber,
    /// Class that the program gave it.
    pub class: CellClass,
    /// Probability of the class, 0..=1.
    pub probability: f64,
    pub why: Why,
}

/// Why a cell teaches much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    /// The program is unsure of it.
    Unsure,
    /// It is unlike all cells that were looked at.
    Different,
}

/// A stored crop, in the colours of the classifier.
struct Pictured {
    cell: NextCell,
    crop: RgbImage,
}

/// Up to 24 cells of this camera and objective, of its newest unsigned results, that nobody looked at.
///
/// # Errors
/// If the store cannot be read, or the network fails.
pub fn next(store: &Store, of: &Setup, vision: &Vision, adapter: &Adapter) -> Result<Vec<NextCell>, NotLearned> {
    let (mut open, mut looked_at) = (Vec::new(), Vec::new());
    for id in store.open_for_review_with(of, SESSIONS)? {
        for cell in store.cells(id, Some(Kind::Wbc), None)?.into_iter().filter(|cell| cell.has_crop) {
            let (Some(class), Some(probability)) = (cell.class, cell.probability) else { continue };
            let next = NextCell { session: id, number: cell.number, class, probability, why: Why::Unsure };
            let list =
                if cell.by_person.as_ref().is_some_and(|person| !person.quickly) { &mut looked_at } else { &mut open };
            list.push(next);
        }
    }
    open.sort_by(|a, b| a.probability.total_cmp(&b.probability));
    let others = open.split_off(EACH.min(open.len()));
    let mut chosen = open;
    // The unsure ones will be looked at, too: what is like them need not be.
    looked_at.extend(chosen.iter().cloned());
    let candidates = pictured(store, vision, spread(others))?;
    let known = pictured(store, vision, spread(looked_at))?;
    let known = features(adapter, &known)?;
    let distant = features(adapter, &candidates)?;
    let different = farthest_first(&known, &distant, EACH).into_iter().map(|at| candidates[at].cell.clone());
    chosen.extend(different.map(|cell| NextCell { why: Why::Different, ..cell }));
    Ok(chosen)
}

/// At most [`COMPARED`] of the cells, evenly from all of them.
fn spread(cells: Vec<NextCell>) -> Vec<NextCell> {
    let step = cells.len().div_ceil(COMPARED).max(1);
    cells.into_iter().step_by(step).collect()
}

/// The cells whose crops fit this classifier.
fn pictured(store: &Store, vision: &Vision, mut cells: Vec<NextCell>) -> Result<Vec<Pictured>, NotLearned> {
    // Each session is read once.
    cells.sort_by_key(|cell| cell.session);
    let mut found = Vec::with_capacity(cells.len());
    for of_session in cells.chunk_by(|a, b| a.session == b.session) {
        let Some(detail) = store.session(of_session[0].session)? else { continue };
        let red_cells = detail.counted_result.as_ref().and_then(|result| result.red_cell_density);
        for cell in of_session {
            let place = (cell.session, cell.number);
            let crop = stored_crop(store, place, detail.settings.as_ref(), red_cells, vision)?;
            found.extend(crop.map(|(_, crop)| Pictured { cell: cell.clone(), crop }));
        }
    }
    Ok(found)
}

fn features(adapter: &Adapter, cells: &[Pictured]) -> Result<Vec<Vec<f64>>, AdaptError> {
    let batches: Vec<&[Pictured]> = cells.chunks(BATCH).collect();
    let crops = |batch: &&[Pictured]| batch.iter().map(|cell| cell.crop.clone()).collect::<Vec<_>>();
    let done = parallel::in_order(&batches, |batch| adapter.features(&crops(batch)), |_, _| ());
    Ok(done.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
}

/// Numbers of up to `most` candidates, each the one farthest from all known ones and those chosen before it.
fn farthest_first(known: &[Vec<f64>], candidates: &[Vec<f64>], most: usize) -> Vec<usize> {
    let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
    let to_known = |cell: &Vec<f64>| known.iter().map(|other| distance(cell, other)).fold(f64::INFINITY, f64::min);
    let mut nearest: Vec<f64> = candidates.iter().map(to_known).collect();
    let mut chosen = BTreeSet::new();
    let mut order = Vec::new();
    while order.len() < most {
        let left = (0..candidates.len()).filter(|at| !chosen.contains(at));
        let Some(farthest) = left.max_by(|a, b| nearest[*a].total_cmp(&nearest[*b])) else { break };
        for (nearest, cell) in nearest.iter_mut().zip(candidates) {
            *nearest = nearest.min(distance(cell, &candidates[farthest]));
        }
        chosen.insert(farthest);
        order.push(farthest);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cell_is_the_farthest_from_all_before_it() {
        let at = |place: f64| vec![place, 0.0];
        let candidates = [at(2.0), at(9.0), at(10.0), at(5.0)];
        assert_eq!(farthest_first(&[at(0.0)], &candidates, 3), [2, 3, 0]);
        assert_eq!(farthest_first(&[], &candidates, 9).len(), 4, "all, where there are few");
    }
}
