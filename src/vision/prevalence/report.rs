//! What was done to the answers of a sample, for people and programs.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::class::CellClass;
use crate::domain::prevalence_mode::PrevalenceMode;
use crate::vision::tempering::Tempering;

/// The composition that answers were brought to, as it is written down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PrevalenceReport {
    pub form: PrevalenceMode,
    /// White cells it was estimated from; 0 unless the form is `sample`.
    pub cells: u32,
    /// Percent of the white cells' classes, EBO and KSC included; they add up to 100. Empty where nothing was corrected.
    pub percent: BTreeMap<CellClass, f64>,
    /// Why nothing was corrected although it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// How unlike the cells of training these are; none where the model or a profile does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tempering: Option<Tempering>,
}

impl fmt::Display for PrevalenceReport {
    /// One line for a person: `prevalence: sample of 104 cells: NGS 61.2 %, LYT 24.0 %, …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "prevalence: {}", self.form)?;
        if self.form == PrevalenceMode::Sample {
            write!(f, " of {} white cells", self.cells)?;
        }
        let mut shares: Vec<_> = self.percent.iter().collect();
        shares.sort_by(|a, b| b.1.total_cmp(a.1));
        for (at, (class, percent)) in shares.into_iter().enumerate() {
            write!(f, "{} {class} {percent:.1} %", if at == 0 { ":" } else { "," })?;
        }
        if let Some(note) = &self.note {
            write!(f, " ({note})")?;
        }
        match &self.tempering {
            Some(Tempering { away, divisor, .. }) if *divisor > 1.0 => write!(
                f,
                "; cells lie {away:.2} times as far from those of training as usual, so that logits were divided by {divisor:.2}"
            ),
            _ => Ok(()),
        }
    }
}
