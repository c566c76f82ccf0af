//! The cells of one sample, with what the network said of each white one, named anew as the sample's composition shows.

use std::collections::BTreeMap;

use crate::class::{CellClass, Kind};
use crate::classify::Opinion;
use crate::counter::CountedCell;
use crate::prevalence::{Correction, Prevalence};
use crate::tally::Tally;

/// Cells counted so far.
#[derive(Clone, Debug)]
pub(super) struct Cells {
    correction: Correction,
    prevalence: Prevalence,
    /// Red cells and platelets.
    others: Tally,
    /// The network's own answers of the white cells.
    white: Vec<Opinion>,
    /// White cells there were at the last estimate of the composition.
    estimated_at: usize,
    tally: Tally,
    uncorrected: Tally,
    blasts_kept: u32,
}

impl Cells {
    pub(super) fn new(correction: Correction) -> Self {
        Self {
            prevalence: correction.prevalence([]),
            correction,
            others: Tally::default(),
            white: Vec::new(),
            estimated_at: 0,
            tally: Tally::default(),
            uncorrected: Tally::default(),
            blasts_kept: 0,
        }
    }

    /// The same way of naming, and no cells.
    pub(super) fn emptied(&self) -> Self {
        Self::new(self.correction.clone())
    }

    /// Counts cells. The composition is estimated anew once there are a hundredth more white cells than at the last
    /// time: for each frame of a usual count, and not too often in a very long one.
    pub(super) fn add(&mut self, cells: &[CountedCell]) {
        for cell in cells {
            if let Some(opinion) = &cell.opinion {
                count(&mut self.uncorrected, opinion.alone());
                self.name(opinion.alone());
                self.white.push(opinion.alone().clone());
            } else {
                self.others.add(cell.kind, None);
                self.tally.add(cell.kind, None);
            }
        }
        if (self.white.len() - self.estimated_at) * 100 >= self.white.len() {
            self.settle();
        }
    }

    /// Brings the names of all cells to the composition that all of them show.
    pub(super) fn settle(&mut self) {
        if self.white.len() == self.estimated_at {
            return;
        }
        self.estimated_at = self.white.len();
        self.prevalence = self.correction.prevalence_after(&self.prevalence, &self.white);
        self.tally = self.others.clone();
        self.blasts_kept = 0;
        let white = std::mem::take(&mut self.white);
        for opinion in &white {
            self.name(opinion);
        }
        self.white = white;
    }

    fn name(&mut self, opinion: &Opinion) {
        let named = self.correction.apply(opinion, &self.prevalence);
        self.blasts_kept = self.blasts_kept.saturating_add(u32::from(named.blast_kept));
        count(&mut self.tally, &named);
    }

    /// The counts.
    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The composition they were brought to.
    pub(super) fn prevalence(&self) -> &Prevalence {
        &self.prevalence
    }

    /// Cells that are named blasts because the network alone is sure of it.
    pub(super) fn blasts_kept(&self) -> u32 {
        self.blasts_kept
    }

    /// White cells by the class the network alone gave them.
    pub(super) fn classes_uncorrected(&self) -> &BTreeMap<CellClass, u32> {
        self.uncorrected.classes()
    }
}

/// A white cell that is named a platelet is one.
fn count(tally: &mut Tally, opinion: &Opinion) {
    match opinion.class {
        CellClass::Plt => tally.add(Kind::Plt, None),
        class => tally.add(Kind::Wbc, Some(class)),
    }
}
