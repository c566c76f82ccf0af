//! `[red_cells]`: whether red cells are graded, and from which share on they are flagged.

use utoipa::ToSchema;

use crate::config::keys::Accepts::{Flag, Number};
use crate::config::keys::key;
use crate::domain::red_class::RedClass;

section! {
    /// Red cells: whether some of every field are graded by their shape, size and colour, and the shares at which a result is
    /// flagged, in percent of the graded cells, 0 to 100. The defaults are where ICSH 2015 begins its grade 2+ (moderate).
    "red_cells", RedCellsConfig: ToSchema {
        /// Name up to 24 whole red cells of every frame, and grade the sample by them. It takes models with a network of red cells.
        grade: bool = true => key(Flag);
        /// Schistocytes, percent.
        schistocytes_percent: f64 = 1.0 => key(Number(0.0, 100.0)).unit("percent");
        /// Spherocytes, percent.
        spherocytes_percent: f64 = 5.0 => key(Number(0.0, 100.0)).unit("percent");
        /// Target cells, percent.
        target_cells_percent: f64 = 5.0 => key(Number(0.0, 100.0)).unit("percent");
        /// Teardrop cells, percent.
        teardrops_percent: f64 = 5.0 => key(Number(0.0, 100.0)).unit("percent");
        /// Elliptocytes, percent.
        elliptocytes_percent: f64 = 5.0 => key(Number(0.0, 100.0)).unit("percent");
        /// Ovalocytes, percent.
        ovalocytes_percent: f64 = 5.0 => key(Number(0.0, 100.0)).unit("percent");
        /// Stomatocytes, percent.
        stomatocytes_percent: f64 = 5.0 => key(Number(0.0, 100.0)).unit("percent");
        /// Burr cells, percent.
        burr_cells_percent: f64 = 5.0 => key(Number(0.0, 100.0)).unit("percent");
        /// Hypochromic cells, by the width of their pale middle, percent.
        hypochromic_percent: f64 = 11.0 => key(Number(0.0, 100.0)).unit("percent");
        /// Macrocytes, by their diameter, percent; only where the scale is stated.
        macrocytes_percent: f64 = 11.0 => key(Number(0.0, 100.0)).unit("percent");
        /// Microcytes, by their diameter, percent; only where the scale is stated.
        microcytes_percent: f64 = 11.0 => key(Number(0.0, 100.0)).unit("percent");
    }
}

impl RedCellsConfig {
    /// The share of a class at which a result is flagged, percent; none for normal cells and those that are not categorised.
    #[must_use]
    pub const fn limit(&self, class: RedClass) -> Option<f64> {
        Some(match class {
            RedClass::Normal | RedClass::Unk => return None,
            RedClass::Macrocyte => self.macrocytes_percent,
            RedClass::Microcyte => self.microcytes_percent,
            RedClass::Spherocyte => self.spherocytes_percent,
            RedClass::Target => self.target_cells_percent,
            RedClass::Stomatocyte => self.stomatocytes_percent,
            RedClass::Ovalocyte => self.ovalocytes_percent,
            RedClass::Teardrop => self.teardrops_percent,
            RedClass::Burr => self.burr_cells_percent,
            RedClass::Schistocyte => self.schistocytes_percent,
            RedClass::Hypochromic => self.hypochromic_percent,
            RedClass::Elliptocyte => self.elliptocytes_percent,
        })
    }
}
