//! Reference ranges beside the figures of a report: which of them hold for this result, and their sources.

use super::paper::{BODY, LEFT, Paper, RIGHT, SMALL, STRONG, Sheet, Type, WARN};
use super::ranges::{Range, RangeOf, RangeUnit, Ranges, group_of};
use super::typeface;
use crate::counting::session::snapshot::Snapshot;
use crate::outputs::words::Words;

/// The ranges that hold for one result.
#[derive(Clone, Copy)]
pub(super) struct Reference<'a> {
    ranges: &'a Ranges,
    /// The group of people that was entered.
    pub(super) group: Option<&'a str>,
}

impl<'a> Reference<'a> {
    pub(super) fn of(result: &'a Snapshot, ranges: &'a Ranges) -> Self {
        Self { ranges, group: group_of(result) }
    }

    pub(super) fn find(&self, of: RangeOf, unit: RangeUnit) -> Option<&'a Range> {
        self.ranges.find(of, unit, self.group)
    }

    /// The ranges that hold, each once.
    pub(super) fn held(&self) -> impl Iterator<Item = &'a Range> + '_ {
        self.ranges.held(self.group)
    }

    /// Whether any range of this unit holds.
    pub(super) fn any(&self, unit: RangeUnit) -> bool {
        self.held().any(|range| range.unit == unit)
    }

    /// Where the ranges that hold come from, and for whom.
    pub(super) fn sources(&self, paper: &mut Paper, words: &Words) {
        let mut sources: Vec<&str> = Vec::new();
        for range in self.held() {
            if !sources.contains(&range.source.as_str()) {
                sources.push(&range.source);
            }
        }
        paper.y -= 6.0;
        if sources.is_empty() {
            if !self.ranges.all().is_empty() {
                paper.paragraph(LEFT, RIGHT, SMALL, words.say("report.noGroup"));
            }
            return;
        }
        let group = self.group.unwrap_or_else(|| words.say("report.everybody"));
        let values: [(&str, &dyn std::fmt::Display); 2] = [("group", &group), ("sources", &sources.join("; "))];
        paper.paragraph(LEFT, RIGHT, SMALL, &words.with("report.ranges", &values));
    }
}

/// A range that ends at `x`, and whether the value lies outside it.
pub(super) fn beside(sheet: &mut Sheet, (x, y): (f32, f32), range: &Range, value: f64, words: &Words) {
    let decimals = usize::from(range.unit == RangeUnit::Percent);
    let text = format!("{}–{}", words.number(range.low, decimals), words.number(range.high, decimals));
    let mark = range.mark(value);
    sheet.right(x, y, BODY, &text);
    if let Some(mark) = mark {
        let before = x - typeface::width(BODY.face, BODY.size, &text) - 4.0;
        sheet.right(before, y, Type { colour: WARN, ..STRONG }, mark.letter());
    }
}
