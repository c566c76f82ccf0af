//! Cells per microlitre in the PDF report, and what was entered for them.

use super::differential::ROW;
use super::paper::{BODY, INK, LEFT, Paper, RIGHT, RULE, SMALL, STRONG};
use super::pdf::key;
use super::ranges::{RangeOf, RangeUnit};
use super::reference::{Reference, beside};
use crate::counting::session::snapshot::Snapshot;
use crate::counting::statistics::absolute::EnteredKind;
use crate::domain::interval::Figure;
use crate::outputs::words::Words;
use crate::system::zone;

/// Right edges of the columns.
const COUNT: f32 = 336.0;
const INTERVAL: f32 = 446.0;

pub(super) fn absolute(paper: &mut Paper, result: &Snapshot, reference: Reference<'_>, words: &Words) {
    let Some(counts) = &result.statistics.absolute else {
        entries(paper, result, words);
        return;
    };
    paper.heading(words.say("result.absolute"), 4.0 * ROW);
    entries(paper, result, words);
    let (from, careful) = match counts.from {
        EnteredKind::WhiteCount => ("result.absoluteFromWhite", false),
        EnteredKind::RedCount | EnteredKind::Group => ("result.absoluteFromRed", true),
    };
    paper.paragraph(LEFT, RIGHT, if careful { STRONG } else { BODY }, words.say(from));
    paper.room(2.0 * ROW);
    paper.y -= ROW;
    let y = paper.y;
    let sheet = paper.sheet();
    sheet.text(LEFT, y, SMALL, words.say("result.class"));
    sheet.right(COUNT, y, SMALL, words.say("result.perUl"));
    sheet.right(INTERVAL, y, SMALL, words.say("result.interval"));
    if reference.any(RangeUnit::PerUl) {
        sheet.right(RIGHT, y, SMALL, words.say("report.range"));
    }
    sheet.rule(LEFT, RIGHT, y - 4.0, 0.8, INK);
    paper.y -= 3.0;
    row(paper, words.say("result.white"), counts.white, None, reference, words);
    // In the order of the differential.
    for class in result.classes.iter().map(|line| line.class) {
        if let Some(figure) = counts.classes.get(&class) {
            let name = format!("class.{class}");
            row(paper, words.say(&name), *figure, Some(RangeOf::Class(class)), reference, words);
        }
    }
    for (group, figure) in &counts.groups {
        let name = key("group", group);
        row(paper, words.say(&name), *figure, Some(RangeOf::Group(*group)), reference, words);
    }
}

fn row(paper: &mut Paper, name: &str, of: Figure, which: Option<RangeOf>, reference: Reference<'_>, words: &Words) {
    paper.room(ROW);
    paper.y -= ROW;
    let y = paper.y;
    let sheet = paper.sheet();
    sheet.text(LEFT, y, BODY, name);
    sheet.right(COUNT, y, STRONG, &words.number(of.value, 0));
    if of.high > of.low {
        sheet.right(INTERVAL, y, BODY, &format!("{} – {}", words.number(of.low, 0), words.number(of.high, 0)));
    }
    if let Some(range) = which.and_then(|which| reference.find(which, RangeUnit::PerUl)) {
        beside(sheet, (RIGHT, y), range, of.value, words);
    }
    sheet.rule(LEFT, RIGHT, y - 4.5, 0.4, RULE);
}

/// Who entered what, and when.
fn entries(paper: &mut Paper, result: &Snapshot, words: &Words) {
    for entry in &result.statistics.entered {
        let values: [(&str, &dyn std::fmt::Display); 3] =
            [("value", &entry.value), ("by", &entry.by), ("at", &zone::minute(entry.at))];
        paper.paragraph(LEFT, RIGHT, BODY, &words.with(&key("entered", entry.kind), &values));
    }
}
