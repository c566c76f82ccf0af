//! Statistics as text for a terminal.

use std::fmt::{self, Write as _};

use crate::counting::statistics::Statistics;
use crate::counting::statistics::per_red_cell::PerRedCell;
use crate::domain::flag::Share;

impl fmt::Display for Statistics {
    /// Some lines, or none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (group, figure) in &self.groups {
            writeln!(f, "{:<24}{figure} %", group.name())?;
        }
        if !self.network_alone.is_empty() {
            let lines =
                self.network_alone.iter().map(|line| format!("{} {} ({:.1} %)", line.class, line.count, line.percent));
            let lines: Vec<String> = lines.collect();
            writeln!(f, "by the network alone, more than chance away: {}", lines.join(", "))?;
        }
        if let Some(all) = &self.simultaneous
            && !all.percent.is_empty()
        {
            let classes =
                all.percent.iter().map(|(class, figure)| format!("{class} {:.1} to {:.1}", figure.low, figure.high));
            let classes: Vec<String> = classes.collect();
            writeln!(f, "all at once with 95 % confidence: {} %", classes.join(", "))?;
            writeln!(f, "  and no class that was not seen is more than {:.1} %", all.unseen_below)?;
        }
        if let Some(precision) = &self.precision {
            let (of, points, width) = (precision.of.name(), precision.points, precision.figure.width());
            let end = if precision.reached { "reached" } else { "not reached" };
            writeln!(f, "precision of {of}: {width:.1} points, asked for {points}: {end}")?;
        }
        if let Some(corrected) = &self.corrected {
            match &corrected.note {
                Some(note) => writeln!(f, "{note}")?,
                None => writeln!(
                    f,
                    "corrected for what the classifier confuses, from {} cells by the network's own names\n  \
                     (measured on {}; holds for slides like those only):",
                    corrected.cells, corrected.measured_on
                )?,
            }
            for (class, figure) in &corrected.percent {
                let of = if class.in_differential() { "%" } else { "per 100 of the differential" };
                writeln!(f, "  {class}  {figure} {of}")?;
            }
        }
        self.per_red_cell.as_ref().map_or(Ok(()), |red| write!(f, "{red}"))
    }
}

impl fmt::Display for PerRedCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(white), Some(platelets)) = (self.white_per_1000, self.platelets_per_1000) {
            writeln!(f, "for 1000 red cells: {white:.2} white cells, {platelets:.1} platelets")?;
        }
        if let (Some(estimates), Some(red)) = (&self.estimates, self.red_count) {
            writeln!(f, "ESTIMATES from {} red cells and the entered {red} x 10^12 a litre:", self.red_cells)?;
            writeln!(f, "  {:.0} white cells per µl", estimates.white)?;
            if let Some(white) = estimates.white_without_nucleated_red {
                writeln!(f, "  {white:.0} white cells per µl without nucleated red cells")?;
            }
            writeln!(f, "  {:.0} platelets per µl", estimates.platelets)?;
            writeln!(f, "  They hold only where fields were not picked for their cells.")?;
        }
        self.note.as_ref().map_or(Ok(()), |note| writeln!(f, "{note}"))
    }
}

/// Why flags were raised: one line for each figure that reached its limit.
#[must_use]
pub fn evidence(statistics: &Statistics) -> String {
    let mut text = String::new();
    for evidence in &statistics.evidence {
        let chance = match (evidence.of, evidence.beyond_chance) {
            // A true blast is abnormal however few there are.
            (Share::Blasts, _) => "; look at each of them, and at the slide",
            (_, true) => "",
            (_, false) => "; could be chance",
        };
        let by = if evidence.network_alone { " by the network alone" } else { "" };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "FLAG {}: {} {}{by}, limit {}{chance}",
            evidence.flag.short(),
            evidence.of.row().name,
            evidence.figure,
            evidence.limit
        );
    }
    text
}
