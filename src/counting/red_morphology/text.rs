//! Red cells as text for a terminal.

use std::fmt;

use super::{ENOUGH_FOR_GRADES, ENOUGH_FOR_SCHISTOCYTES, RED_CELLS_ARE_THE_RULER, RedMorphology, RedShare};
use crate::domain::flag::Flag;
use crate::domain::interval::Figure;
use crate::domain::red_class::RedClass;

impl fmt::Display for RedMorphology {
    /// Some lines: how many were graded, the shares of every class seen, and why a flag was raised.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { graded, not_graded, not_categorised, size, .. } = self;
        write!(f, "red cells: {graded} graded, {not_graded} not (they overlap), {not_categorised} not categorised")?;
        if let (Some(median), true) = (size.median_um, size.scale_known) {
            write!(f, "; median {median:.1} um")?;
        }
        if let Some(cv) = size.cv_percent {
            write!(f, "; diameters vary by {cv:.1} %")?;
        }
        writeln!(f)?;
        for line in self.classes.iter().filter(|line| line.share.count > 0) {
            write!(f, "  {:<12}{}", line.class.code(), Told(line.share))?;
            if line.class == RedClass::Schistocyte && !self.enough_for_schistocytes {
                write!(f, "; graded from {ENOUGH_FOR_SCHISTOCYTES} cells on")?;
            }
            writeln!(f)?;
        }
        let measured = [
            ("size differs", Some(size.anisocytosis)),
            ("macrocytes", size.macrocytes),
            ("microcytes", size.microcytes),
            ("hypochromic", Some(self.hypochromia)),
        ];
        for (name, share) in measured.into_iter().filter_map(|(name, share)| Some((name, share?))) {
            writeln!(f, "  {name:<12}{}, measured", Told(share))?;
        }
        if !self.enough {
            writeln!(f, "  fewer than {ENOUGH_FOR_GRADES} cells: no grades")?;
        }
        if !size.scale_known {
            writeln!(f, "  {RED_CELLS_ARE_THE_RULER}")?;
        }
        for evidence in &self.evidence {
            let chance = if evidence.beyond_chance { "" } else { "; could be chance" };
            let (flag, class) = (Flag::RedCellMorphology.short(), evidence.class.name());
            writeln!(f, "FLAG {flag}: {class} {} %, limit {}{chance}", evidence.figure, evidence.limit)?;
        }
        Ok(())
    }
}

/// A share in one line.
struct Told(RedShare);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RedShare { count, percent, low, high, grade, of: _ } = self.0;
        write!(f, "{count:>6}  {} %", Figure { value: percent, low, high })?;
        grade.map_or(Ok(()), |grade| write!(f, "  {} ({})", grade.code(), grade.name()))
    }
}
