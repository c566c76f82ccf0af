//! The red cells of a film that were looked at, one by one.

use std::collections::BTreeMap;

use super::{
    ASKED_FOR, ENOUGH_FOR_GRADES, ENOUGH_FOR_SCHISTOCYTES, MACROCYTE_ABOVE_UM, MICROCYTE_BELOW_UM, OFF_MEDIAN, PALE,
    RedLine, RedMorphology, RedShare, RedSize,
};
use crate::domain::red_class::RedClass;
use crate::domain::red_grade::RedGrade;
use crate::vision::red_cells::RedOpinion;

/// Parts of a micrometre in which diameters are kept, so that a cell can be taken out again without a trace.
const PARTS: f64 = 100.0;

/// What a film keeps of one red cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RedCell {
    /// The class in force: the network's, or a person's.
    pub class: RedClass,
    /// Whether it is whole and lies by itself.
    pub graded: bool,
    /// Its diameter, um.
    pub diameter_um: f64,
    /// Width of its pale middle as a share of its diameter, 0..=1; none where that can't be told.
    pub pallor: Option<f64>,
}

impl From<&RedOpinion> for RedCell {
    fn from(opinion: &RedOpinion) -> Self {
        let RedOpinion { class, graded, diameter_um, pallor, .. } = *opinion;
        Self { class, graded, diameter_um, pallor }
    }
}

/// Adds up red cells. Cells can be taken out again, in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedFilm {
    graded: BTreeMap<RedClass, u32>,
    not_graded: u32,
    /// Graded cells by diameter, hundredths of a micrometre.
    diameters: BTreeMap<u32, u32>,
    /// Graded cells whose pale middle was measured, and those in which it is wide.
    measured: u32,
    pale: u32,
}

impl RedFilm {
    /// Adds a cell.
    pub fn add(&mut self, cell: RedCell) {
        self.change(cell, |count| *count = count.saturating_add(1));
    }

    /// Takes out a cell that was added with these values.
    pub fn remove(&mut self, cell: RedCell) {
        self.change(cell, |count| *count = count.saturating_sub(1));
        self.graded.retain(|_, count| *count > 0);
        self.diameters.retain(|_, count| *count > 0);
    }

    fn change(&mut self, cell: RedCell, by: impl Fn(&mut u32)) {
        let RedCell { class, graded, diameter_um, pallor } = cell;
        if !graded {
            return by(&mut self.not_graded);
        }
        by(self.graded.entry(class).or_default());
        if diameter_um.is_finite() && diameter_um > 0.0 {
            by(self.diameters.entry((diameter_um * PARTS).round() as u32).or_default());
        }
        if let Some(pallor) = pallor.filter(|pallor| pallor.is_finite()) {
            by(&mut self.measured);
            // A target cell's ring is pale and is no wide middle.
            if pallor > PALE && class != RedClass::Target {
                by(&mut self.pale);
            }
        }
    }

    /// Cells graded.
    #[must_use]
    pub fn graded(&self) -> u32 {
        self.graded.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Graded cells of one class.
    #[must_use]
    pub fn of(&self, class: RedClass) -> u32 {
        self.graded.get(&class).copied().unwrap_or(0)
    }

    /// What the cells say; none where none was looked at. `scale_known` if the scale was stated or calibrated rather than taken
    /// from the red cells.
    #[must_use]
    pub fn report(&self, scale_known: bool) -> Option<RedMorphology> {
        let graded = self.graded();
        if graded == 0 && self.not_graded == 0 {
            return None;
        }
        let enough = graded >= ENOUGH_FOR_GRADES;
        let enough_for_schistocytes = graded >= ENOUGH_FOR_SCHISTOCYTES;
        let size = self.size(scale_known);
        let by_size = |class: RedClass| matches!(class, RedClass::Macrocyte | RedClass::Microcyte);
        let shown = |class: &RedClass| match *class {
            RedClass::Unk => false,
            class if by_size(class) && !scale_known => false,
            class => ASKED_FOR.contains(&class) || self.of(class) > 0,
        };
        let line = |class: RedClass| {
            let share = RedShare::new(self.of(class), graded);
            let may = match class {
                RedClass::Schistocyte => enough_for_schistocytes,
                // Their grades go by what is measured.
                RedClass::Macrocyte | RedClass::Microcyte | RedClass::Hypochromic => false,
                _ => enough,
            };
            let share = if may { share.graded(|percent| RedGrade::of(class, percent)) } else { share };
            RedLine { class, share }
        };
        let others = RedClass::ALL.iter().filter(|class| !ASKED_FOR.contains(class));
        Some(RedMorphology {
            graded,
            not_graded: self.not_graded,
            not_categorised: self.of(RedClass::Unk).saturating_add(size.held_back),
            enough,
            enough_for_schistocytes,
            classes: ASKED_FOR.iter().chain(others).copied().filter(shown).map(line).collect(),
            size,
            hypochromia: graded_if(self.measured >= ENOUGH_FOR_GRADES, RedShare::new(self.pale, self.measured)),
            evidence: Vec::new(),
        })
    }

    fn size(&self, scale_known: bool) -> RedSize {
        let cells = self.diameters.values().fold(0_u32, |sum, count| sum.saturating_add(*count));
        let enough = cells >= ENOUGH_FOR_GRADES;
        let um = |parts: u32| f64::from(parts) / PARTS;
        let share = |wanted: &dyn Fn(f64) -> bool| {
            let found = self.diameters.iter().filter(|(parts, _)| wanted(um(**parts)));
            graded_if(enough, RedShare::new(found.map(|(_, count)| count).sum(), cells))
        };
        let median = self.median().map(|parts| parts / PARTS);
        let off = |diameter: f64| median.is_some_and(|median| (diameter - median).abs() >= OFF_MEDIAN * median);
        let held_back = self.of(RedClass::Macrocyte).saturating_add(self.of(RedClass::Microcyte));
        RedSize {
            median_um: median,
            cv_percent: self.variation(cells),
            anisocytosis: share(&off),
            scale_known,
            macrocytes: scale_known.then(|| share(&|diameter| diameter > MACROCYTE_ABOVE_UM)),
            microcytes: scale_known.then(|| share(&|diameter| diameter < MICROCYTE_BELOW_UM)),
            held_back: if scale_known { 0 } else { held_back },
        }
    }

    /// Median diameter, hundredths of a micrometre; with an even number of cells the middle between the two in the middle.
    fn median(&self) -> Option<f64> {
        let cells: u64 = self.diameters.values().copied().map(u64::from).sum();
        let at = |place: u64| {
            let mut below = 0;
            self.diameters.iter().find_map(|(parts, count)| {
                below += u64::from(*count);
                (below > place).then_some(f64::from(*parts))
            })
        };
        Some(f64::midpoint(at(cells.checked_sub(1)? / 2)?, at(cells / 2)?))
    }

    /// Coefficient of variation of the diameters, percent.
    fn variation(&self, cells: u32) -> Option<f64> {
        let cells = f64::from(cells);
        let each = || self.diameters.iter().map(|(parts, count)| (f64::from(*parts), f64::from(*count)));
        let mean = each().map(|(parts, count)| parts * count).sum::<f64>() / cells;
        let squares: f64 = each().map(|(parts, count)| (parts - mean).powi(2) * count).sum();
        (cells >= 2.0 && mean > 0.0).then(|| 100.0 * (squares / (cells - 1.0)).sqrt() / mean)
    }
}

fn graded_if(enough: bool, share: RedShare) -> RedShare {
    if enough { share.graded(RedGrade::of_size_or_colour) } else { share }
}
