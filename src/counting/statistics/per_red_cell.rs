//! Estimates: white cells and platelets per red cell, and per microlitre if the red count is known.
//!
//! The counts must come from whole fields that were not picked for their cells. Fields chosen because they show a
//! white cell make the white count many times too high, and no statistics can detect that.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::counting::statistics::interval::{ratio, times_uncertain};
use crate::domain::counts::KindCounts;
use crate::domain::interval::Figure;

/// Red cells needed for a ratio: fewer come from too few fields to represent the slide.
pub(crate) const ENOUGH_RED_CELLS: u32 = 1000;

/// Red count entered by a person, from an analyser or a counting chamber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedCount {
    /// Thousands of red cells per microlitre, 100..=10000.
    thousands_per_ul: u32,
}

impl RedCount {
    /// In 10^12 per litre, i.e. millions per microlitre; `None` outside 0.1 to 10, where no blood sample lies.
    #[must_use]
    pub fn new(tera_per_litre: f64) -> Option<Self> {
        (0.1..=10.0)
            .contains(&tera_per_litre)
            .then(|| Self { thousands_per_ul: (tera_per_litre * 1000.0).round() as u32 })
    }

    /// In 10^12 per litre.
    #[must_use]
    pub fn tera_per_litre(self) -> f64 {
        f64::from(self.thousands_per_ul) / 1000.0
    }
}

impl fmt::Display for RedCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.tera_per_litre())
    }
}

/// Text that is not a red count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a red count is a number from 0.1 to 10, in 10^12 a litre (millions per microlitre), such as 4.5")]
pub struct NoRedCount;

impl FromStr for RedCount {
    type Err = NoRedCount;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.trim().replace(',', ".").parse().ok().and_then(Self::new).ok_or(NoRedCount)
    }
}

/// Ratios to the red cells. Every interval is an exact 95 % one for counting error only; uneven spreading of cells on
/// the slide is not included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PerRedCell {
    /// Red cells counted.
    pub red_cells: u32,
    /// White cells per 1000 red cells, nucleated red ones included; `None` with too few red cells.
    #[serde(rename = "WBC_per_1000", skip_serializing_if = "Option::is_none")]
    pub white_per_1000: Option<Figure>,
    /// Platelets per 1000 red cells.
    #[serde(rename = "PLT_per_1000", skip_serializing_if = "Option::is_none")]
    pub platelets_per_1000: Option<Figure>,
    /// Red count entered, 10^12 per litre.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub red_count: Option<f64>,
    /// Estimates per microlitre, if a red count was entered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimates: Option<PerMicrolitre>,
    /// Why there is no estimate despite a red count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Estimates, cells per microlitre of blood.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PerMicrolitre {
    /// All white cells found, nucleated red ones included.
    #[serde(rename = "WBC_per_ul")]
    pub white: Figure,
    /// The same without nucleated red cells, if they reach the limit for this correction: white cells x 100 / (100 +
    /// nucleated red cells per 100 white cells).
    #[serde(rename = "WBC_per_ul_without_nucleated_red", skip_serializing_if = "Option::is_none")]
    pub white_without_nucleated_red: Option<Figure>,
    #[serde(rename = "PLT_per_ul")]
    pub platelets: Figure,
}

/// Further inputs to the estimates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RedCellInputs {
    pub red_count: Option<RedCount>,
    /// Coefficient of variation of the red count, percent.
    pub red_count_cv_percent: f64,
    /// Nucleated red cells per 100 white cells of the differential.
    pub nucleated_red_per_100: f64,
    /// From this many on, the white count is also given without them.
    pub correct_white_from: f64,
}

impl PerRedCell {
    /// Computes the ratios; `None` if no red cell was counted.
    #[must_use]
    pub fn of(counts: KindCounts, known: &RedCellInputs) -> Option<Self> {
        if counts.rbc == 0 {
            return None;
        }
        let red_count = known.red_count.map(RedCount::tera_per_litre);
        if counts.rbc < ENOUGH_RED_CELLS {
            let note = red_count.map(|_| {
                format!("no estimate per µl: {} red cells were counted, and it takes {ENOUGH_RED_CELLS}", counts.rbc)
            });
            return Some(Self {
                red_cells: counts.rbc,
                white_per_1000: None,
                platelets_per_1000: None,
                red_count,
                estimates: None,
                note,
            });
        }
        let nucleated = known.nucleated_red_per_100;
        // Rounded to whole cells, because the exact interval needs integers.
        let white = (f64::from(counts.wbc) * 100.0 / (100.0 + nucleated)).round() as u32;
        let per_ul = |count: u32, red: f64| {
            times_uncertain(ratio(count, counts.rbc), red * 1e6, known.red_count_cv_percent / 100.0)
        };
        let estimates = red_count.map(|red| PerMicrolitre {
            white: per_ul(counts.wbc, red),
            white_without_nucleated_red: (nucleated > 0.0 && nucleated >= known.correct_white_from)
                .then(|| per_ul(white, red)),
            platelets: per_ul(counts.plt, red),
        });
        Some(Self {
            red_cells: counts.rbc,
            white_per_1000: Some(ratio(counts.wbc, counts.rbc).scaled(1000.0)),
            platelets_per_1000: Some(ratio(counts.plt, counts.rbc).scaled(1000.0)),
            red_count,
            estimates,
            note: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(red_count: Option<f64>, nucleated: f64) -> RedCellInputs {
        RedCellInputs {
            red_count: red_count.and_then(RedCount::new),
            red_count_cv_percent: 0.0,
            nucleated_red_per_100: nucleated,
            correct_white_from: 5.0,
        }
    }

    const COUNTS: KindCounts = KindCounts { wbc: 30, rbc: 20_000, plt: 1000 };

    #[test]
    fn the_entered_red_count_turns_ratios_into_estimates_per_microlitre() {
        let told = PerRedCell::of(COUNTS, &known(Some(4.5), 0.0)).unwrap();
        assert!((told.white_per_1000.unwrap().value - 1.5).abs() < 1e-9);
        let estimates = told.estimates.unwrap();
        assert!((estimates.white.value - 6750.0).abs() < 1e-6);
        assert!((estimates.platelets.value - 225_000.0).abs() < 1e-6);
        assert!(estimates.white.low > 4000.0 && estimates.white.high < 10_000.0, "{:?}", estimates.white);
        assert_eq!(estimates.white_without_nucleated_red, None);
    }

    #[test]
    fn nucleated_red_cells_are_taken_out_of_the_white_count_from_the_limit_on() {
        let told = PerRedCell::of(COUNTS, &known(Some(4.5), 20.0)).unwrap().estimates.unwrap();
        assert!((told.white_without_nucleated_red.unwrap().value - 5625.0).abs() < 1e-6, "{told:?}");
        assert_eq!(
            PerRedCell::of(COUNTS, &known(Some(4.5), 4.9)).unwrap().estimates.unwrap().white_without_nucleated_red,
            None
        );
    }

    #[test]
    fn without_a_red_count_there_are_ratios_only_and_few_red_cells_give_none() {
        let told = PerRedCell::of(COUNTS, &known(None, 0.0)).unwrap();
        assert!(told.estimates.is_none() && told.white_per_1000.is_some());
        let few = PerRedCell::of(KindCounts { rbc: 999, ..COUNTS }, &known(Some(4.5), 0.0)).unwrap();
        assert!(few.white_per_1000.is_none() && few.estimates.is_none());
        assert!(few.note.unwrap().contains("999 red cells"));
        assert_eq!(PerRedCell::of(KindCounts { rbc: 0, ..COUNTS }, &known(Some(4.5), 0.0)), None);
    }

    #[test]
    fn a_red_count_in_another_unit_is_refused() {
        assert_eq!("4,5".parse::<RedCount>(), Ok(RedCount::new(4.5).unwrap()));
        for wrong in ["4500000", "", "x", "NaN", "-4.5", "0"] {
            assert_eq!(wrong.parse::<RedCount>(), Err(NoRedCount), "{wrong}");
        }
    }
}
