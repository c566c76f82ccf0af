//! The cells of one sample. White cells keep the network's answer and are renamed as the sample's composition becomes
//! known.

use std::collections::{BTreeMap, HashMap};

use crate::counting::counter::{CountedCell, Revision};
use crate::counting::platelets::{PlateletFilm, PlateletReport, WholeField};
use crate::counting::red_morphology::{RedCell, RedFilm};
use crate::counting::tally::Tally;
use crate::counting::track::CellId;
use crate::domain::class::{CellClass, Kind};
use crate::vision::prediction::Prediction;
use crate::vision::prevalence::{Prevalence, PriorShift};

/// The cells counted so far.
#[derive(Clone, Debug)]
pub(super) struct SessionCells {
    correction: PriorShift,
    prevalence: Prevalence,
    /// Red cells and platelets.
    others: Tally,
    /// The network's own predictions of the white cells.
    white: Vec<Prediction>,
    /// Cell id of each prediction, and index of each id.
    names: Vec<CellId>,
    places: HashMap<CellId, usize>,
    /// The red cells that were looked at, each by its id so that it can be withdrawn.
    red: HashMap<CellId, RedCell>,
    film: RedFilm,
    platelets: PlateletFilm,
    /// White cells added, changed or withdrawn since the composition was last estimated.
    changed: usize,
    tally: Tally,
    uncorrected: Tally,
    blasts_kept: u32,
}

impl SessionCells {
    pub(super) fn new(correction: PriorShift) -> Self {
        Self {
            prevalence: correction.prevalence([]),
            correction,
            others: Tally::default(),
            white: Vec::new(),
            names: Vec::new(),
            places: HashMap::new(),
            red: HashMap::new(),
            film: RedFilm::default(),
            platelets: PlateletFilm::default(),
            changed: 0,
            tally: Tally::default(),
            uncorrected: Tally::default(),
            blasts_kept: 0,
        }
    }

    /// An empty set with the same correction.
    pub(super) fn emptied(&self) -> Self {
        Self::new(self.correction.clone())
    }

    /// Counts cells. The composition is estimated again once a hundredth of the white cells were added or changed since
    /// the last time: with each frame of a usual count, and not too often in a very long one.
    pub(super) fn add(&mut self, cells: &[CountedCell]) {
        for cell in cells {
            if cell.kind == Kind::Plt || cell.opinion.is_some() {
                self.platelets.add(cell.id, cell.at, cell.kind == Kind::Plt);
            }
            if let Some(opinion) = &cell.opinion {
                count(&mut self.uncorrected, opinion.raw());
                self.name(opinion.raw());
                self.places.insert(cell.id, self.white.len());
                self.names.push(cell.id);
                self.white.push(opinion.raw().clone());
                self.changed += 1;
            } else {
                self.others.add(cell.kind, None);
                self.tally.add(cell.kind, None);
            }
            if let Some(red) = cell.red.as_ref().map(RedCell::from) {
                self.film.add(red);
                if let Some(before) = self.red.insert(cell.id, red) {
                    self.film.remove(before);
                }
            }
        }
        self.platelets.settle();
        if self.changed * 100 >= self.white.len() {
            self.settle();
        }
    }

    /// Applies revisions from later frames to cells already counted.
    pub(super) fn revise(&mut self, revisions: &[Revision]) {
        for revision in revisions {
            match revision {
                Revision::Named { id, opinion, .. } => {
                    self.platelets.rename(*id, opinion.raw().class == CellClass::Plt);
                    if let Some(at) = self.places.get(id).copied() {
                        let before = std::mem::replace(&mut self.white[at], opinion.raw().clone());
                        self.forget(&before);
                        uncount(&mut self.uncorrected, &before);
                        count(&mut self.uncorrected, opinion.raw());
                        self.name(opinion.raw());
                        self.changed += 1;
                    }
                }
                Revision::Withdrawn { id, kind } => {
                    self.platelets.remove(*id);
                    if let Some(at) = self.places.remove(id) {
                        let before = self.white.swap_remove(at);
                        self.names.swap_remove(at);
                        if let Some(moved) = self.names.get(at) {
                            self.places.insert(*moved, at);
                        }
                        self.forget(&before);
                        uncount(&mut self.uncorrected, &before);
                        self.changed += 1;
                    } else {
                        self.others.remove(*kind, None);
                        self.tally.remove(*kind, None);
                        if let Some(red) = self.red.remove(id) {
                            self.film.remove(red);
                        }
                    }
                }
            }
        }
    }

    /// Estimates the composition from all white cells and renames each of them by it.
    pub(super) fn settle(&mut self) {
        if self.changed == 0 {
            return;
        }
        self.changed = 0;
        self.prevalence = self.correction.prevalence_after(&self.prevalence, &self.white);
        self.tally = self.others.clone();
        self.blasts_kept = 0;
        let white = std::mem::take(&mut self.white);
        for opinion in &white {
            self.name(opinion);
        }
        self.white = white;
    }

    fn name(&mut self, opinion: &Prediction) {
        let named = self.correction.apply(opinion, &self.prevalence);
        self.blasts_kept = self.blasts_kept.saturating_add(u32::from(named.is_blast_kept()));
        count(&mut self.tally, &named);
    }

    /// Undoes [`Self::name`]. Between two estimates the same prediction always gets the same name.
    fn forget(&mut self, opinion: &Prediction) {
        let named = self.correction.apply(opinion, &self.prevalence);
        self.blasts_kept = self.blasts_kept.saturating_sub(u32::from(named.is_blast_kept()));
        uncount(&mut self.tally, &named);
    }

    /// Takes in a whole field, before its cells.
    pub(super) fn see(&mut self, field: WholeField) {
        self.platelets.see(field);
    }

    /// Brings the figures of the platelets up to date at the end of a count. `all_counted`: whether the cells of the last
    /// field are counted, too.
    pub(super) fn finish_platelets(&mut self, all_counted: bool) {
        self.platelets.finish(all_counted);
    }

    /// What the platelets tell beyond their number.
    pub(super) fn platelets(&self) -> Option<PlateletReport> {
        self.platelets.report(self.tally.kinds().plt)
    }

    /// The counts with the corrected names.
    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The red cells that were looked at.
    pub(super) fn red_film(&self) -> &RedFilm {
        &self.film
    }

    /// The composition that the names are corrected to.
    pub(super) fn prevalence(&self) -> &Prevalence {
        &self.prevalence
    }

    /// White cells with their predictions corrected to this composition; one named a platelet has that class.
    pub(super) fn named(&self) -> impl Iterator<Item = (CellId, Prediction)> + '_ {
        let named = |opinion| self.correction.apply(opinion, &self.prevalence);
        self.names.iter().copied().zip(self.white.iter().map(named))
    }

    /// Cells named blasts only because the network alone is sure of them.
    pub(super) fn blasts_kept(&self) -> u32 {
        self.blasts_kept
    }

    /// White cells by the network's own class, uncorrected.
    pub(super) fn classes_uncorrected(&self) -> &BTreeMap<CellClass, u32> {
        self.uncorrected.classes()
    }

    /// The counts by the network alone; without red cells and platelets.
    pub(super) fn uncorrected(&self) -> &Tally {
        &self.uncorrected
    }
}

/// Counts a white cell by its class; one named a platelet counts as a platelet.
fn count(tally: &mut Tally, opinion: &Prediction) {
    match opinion.class {
        CellClass::Plt => tally.add(Kind::Plt, None),
        class => tally.add(Kind::Wbc, Some(class)),
    }
}

/// Undoes [`count`].
fn uncount(tally: &mut Tally, opinion: &Prediction) {
    match opinion.class {
        CellClass::Plt => tally.remove(Kind::Plt, None),
        class => tally.remove(Kind::Wbc, Some(class)),
    }
}
