//! The report on platelets as text for a terminal.

use std::fmt;

use super::report::PlateletReport;

impl fmt::Display for PlateletReport {
    /// Some lines, or none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(per_field), Some(per_ul)) = (self.per_oil_field, self.per_ul_by_fields) {
            writeln!(
                f,
                "ESTIMATE from {} whole fields: {per_field:.1} platelets in a field 0.2 mm across,",
                self.fields
            )?;
            writeln!(f, "  {per_ul:.0} platelets per µl (times 15,000 to 20,000)")?;
        }
        if self.clumps > 0 {
            let (clumps, held, largest) = (self.clumps, self.in_clumps, self.largest_clump);
            writeln!(f, "{clumps} clumps hold {held} of {} platelets, the largest {largest}", self.counted)?;
        }
        if self.giant > 0 {
            writeln!(f, "{} of {} platelets are wider than 7 µm", self.giant, self.measured)?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "{}", note.sentence()))
    }
}
