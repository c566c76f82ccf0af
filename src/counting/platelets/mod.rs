//! What the platelets of a sample tell beyond their number: an estimate by fields, clumps, giant ones. Pure.
//!
//! `docs/statistics.md` states the methods, their sources and what they rest on.

mod clumps;
mod fields;
mod report;
mod text;

use std::collections::{BTreeMap, HashMap};

pub use fields::{OIL_FIELD_UM2, WholeField};
pub use report::{PlateletNote, PlateletReport};

use crate::counting::track::{CellId, OnSlide};
use clumps::Spot;
use report::Measured;

/// The figures are worked out again once one in this many platelets was added or withdrawn since the last time.
const AGAIN: usize = 50;

/// The platelets counted so far, each once, and the fields that they were counted in.
#[derive(Clone, Debug, Default)]
pub struct PlateletFilm {
    /// Platelets, and white cells that may yet turn out to be platelets, by their id.
    cells: HashMap<CellId, (OnSlide, bool)>,
    /// Whole fields that do not overlap, by patch.
    fields: BTreeMap<u32, Vec<WholeField>>,
    /// The newest field: it joins the others with the next one, because some of its cells are counted only then.
    newest: Option<WholeField>,
    /// Micrometres per pixel of each patch.
    scales: BTreeMap<u32, f64>,
    changed: usize,
    measured: Measured,
}

impl PlateletFilm {
    /// Takes in a field that was looked at, before its cells. It counts as one of the whole fields if it overlaps none of
    /// them: fields are chosen by place, never by what they show.
    pub fn see(&mut self, field: WholeField) {
        self.scales.insert(field.patch, field.um_per_px);
        self.close();
        let known = self.fields.get(&field.patch);
        if !known.is_some_and(|known| known.iter().any(|other| other.overlaps(&field))) {
            self.newest = Some(field);
        }
    }

    /// Takes in a cell: a platelet, or a white cell that is none so far.
    pub fn add(&mut self, id: CellId, at: OnSlide, is_platelet: bool) {
        self.cells.insert(id, (at, is_platelet));
        self.changed += usize::from(is_platelet);
    }

    /// A white cell was looked at again: it is a platelet, or it is none.
    pub fn rename(&mut self, id: CellId, is_platelet: bool) {
        if let Some((_, before)) = self.cells.get_mut(&id) {
            self.changed += usize::from(*before != is_platelet);
            *before = is_platelet;
        }
    }

    /// A cell was none after all.
    pub fn remove(&mut self, id: CellId) {
        if let Some((_, is_platelet)) = self.cells.remove(&id) {
            self.changed += usize::from(is_platelet);
        }
    }

    /// Brings the figures up to date if enough has changed since the last time: they cost more than one frame may take.
    pub fn settle(&mut self) {
        if self.changed * AGAIN >= self.cells.len() && self.changed > 0 {
            self.measure();
        }
    }

    /// The same at the end of a count. `all_counted`: whether the cells of the newest field are counted, too.
    pub fn finish(&mut self, all_counted: bool) {
        if all_counted {
            self.close();
        }
        self.measure();
    }

    /// The report; `None` before the first platelet and the first field. `counted`: all platelets of the sample.
    #[must_use]
    pub fn report(&self, counted: u32) -> Option<PlateletReport> {
        (counted > 0 || self.measured.fields > 0).then(|| PlateletReport::of(counted, &self.measured))
    }

    fn close(&mut self) {
        if let Some(field) = self.newest.take() {
            self.fields.entry(field.patch).or_default().push(field);
        }
    }

    fn measure(&mut self) {
        self.changed = 0;
        let platelets = self.cells.values().filter(|(_, is_platelet)| *is_platelet);
        let spots: Vec<Spot> = platelets.filter_map(|(at, _)| Spot::of(at)).collect();
        self.measured = Measured::of(&spots, &self.fields, &self.scales);
    }
}

#[cfg(test)]
mod tests;
