//! Tables of the differential and of the groups in the PDF report.

use std::collections::BTreeMap;

use super::paper::{ACCENT, BODY, INK, LEFT, Paper, RIGHT, RULE, SMALL, STRONG, Sheet, TINT};
use super::pdf::key;
use super::ranges::{Range, RangeOf, RangeUnit};
use super::reference::{Reference, beside};
use super::typeface;
use crate::counting::session::snapshot::Snapshot;
use crate::domain::class::CellClass;
use crate::domain::counts::ClassCount;
use crate::domain::interval::Figure;
use crate::domain::own_class::OwnCount;
use crate::outputs::words::Words;
use crate::store::records::SessionDetail;

/// Right edges of the table columns, and the extent of the bar.
pub(super) const COUNT: f32 = 286.0;
const PROGRAM: f32 = 336.0;
pub(super) const PERCENT: f32 = 378.0;
pub(super) const INTERVAL: f32 = 446.0;
const BAR: (f32, f32) = (456.0, RIGHT);
/// The same beside reference ranges.
const SHORT_BAR: (f32, f32) = (456.0, 484.0);
pub(super) const ROW: f32 = 15.0;

/// One line of the differential, with the program's own count before review.
#[derive(Clone, Copy)]
pub(super) struct ClassRow<'a> {
    pub(super) line: &'a ClassCount,
    pub(super) program: u32,
}

/// Lines of a result, with the program's counts beside the reviewed ones.
pub(super) fn classes<'a>(result: &'a Snapshot, counted: Option<&Snapshot>) -> Vec<ClassRow<'a>> {
    let own: BTreeMap<CellClass, u32> =
        counted.unwrap_or(result).classes.iter().map(|line| (line.class, line.count)).collect();
    let class = |line: &'a ClassCount| ClassRow { line, program: own.get(&line.class).copied().unwrap_or(0) };
    result.classes.iter().map(class).collect()
}

pub(super) fn differential(
    paper: &mut Paper,
    detail: &SessionDetail,
    result: &Snapshot,
    classes: &[ClassRow<'_>],
    (words, reference): (&Words, Reference<'_>),
) {
    paper.heading(words.say("result.differential"), 6.0 * ROW);
    let ending =
        words.say(&result.ending.map_or_else(|| "ending.null".to_owned(), |ending| key("ending", ending))).to_owned();
    let values: [(&str, &dyn std::fmt::Display); 3] =
        [("counted", &result.counted), ("target", &result.target), ("ending", &ending)];
    let mut told = words.with("result.counted", &values);
    if detail.reclassified > 0 {
        told = format!("{told} {}", words.with("result.reclassified", &[("n", &detail.reclassified)]));
    }
    paper.paragraph(LEFT, RIGHT, BODY, &told);
    let changed = classes.iter().any(|class| class.program != class.line.count);
    let (within, apart): (Vec<&ClassRow<'_>>, Vec<_>) =
        classes.iter().partition(|class| class.line.class.in_differential());
    let asked = Asked { changed, words, reference };
    head(paper, asked);
    for class in &within {
        row(paper, class, result, asked);
        own_rows(paper, class.line.class, result, asked);
    }
    if within.is_empty() {
        paper.paragraph(LEFT, RIGHT, BODY, words.say("result.none"));
    }
    if !apart.is_empty() {
        paper.y -= 4.0;
        for class in &apart {
            row(paper, class, result, asked);
            own_rows(paper, class.line.class, result, asked);
        }
        paper.y -= 5.0;
        paper.paragraph(LEFT, RIGHT, SMALL, words.say("result.apart"));
    }
    let listed = |class: CellClass| classes.iter().any(|one| one.line.class == class);
    // Platelets, say, have no line here.
    for own in result.own_classes.iter().filter(|own| !listed(own.class)) {
        let class = words.say(&format!("class.{}", own.class)).to_owned();
        own_row(paper, own, &format!("{class}, "), asked);
    }
    paper.y -= 6.0;
    paper.paragraph(LEFT, RIGHT, SMALL, words.say("result.intervalMeans"));
    network_alone(paper, result, words);
    uncorrected(paper, detail.counted_result.as_ref().unwrap_or(result), words);
    if !result.experimental.is_empty() {
        paper.paragraph(LEFT, RIGHT, SMALL, words.say("report.experimental"));
    }
}

/// Counts by the network alone that differ from the lines above by more than chance.
fn network_alone(paper: &mut Paper, result: &Snapshot, words: &Words) {
    let lines = &result.statistics.network_alone;
    if lines.is_empty() {
        return;
    }
    let told = |line: &ClassCount| {
        let name = format!("class.{}", line.class);
        let (class, percent) = (words.say(&name), words.number(line.percent, 1));
        words.with("result.networkAloneLine", &[("class", &class), ("n", &line.count), ("percent", &percent)])
    };
    let told: Vec<String> = lines.iter().map(told).collect();
    paper.y -= 5.0;
    paper.paragraph(LEFT, RIGHT, BODY, &words.with("result.networkAlone", &[("lines", &told.join("; "))]));
}

/// How the rows of a table are written.
#[derive(Clone, Copy)]
struct Asked<'a> {
    /// Whether a review changed any count, so the program's stand beside.
    changed: bool,
    words: &'a Words,
    reference: Reference<'a>,
}

/// Counts before the correction to the composition of the sample, of the classes where they differ.
fn uncorrected(paper: &mut Paper, counted: &Snapshot, words: &Words) {
    let told = counted.uncorrected().into_iter();
    let told: Vec<String> =
        told.map(|(class, count)| format!("{} {count}", words.say(&format!("class.{class}")))).collect();
    if !told.is_empty() {
        paper.paragraph(LEFT, RIGHT, SMALL, &words.with("result.uncorrected", &[("lines", &told.join("; "))]));
    }
}

/// Column heads.
fn head(paper: &mut Paper, Asked { changed, words, reference }: Asked<'_>) {
    paper.y -= ROW;
    let y = paper.y;
    let sheet = paper.sheet();
    sheet.text(LEFT, y, SMALL, words.say("result.class"));
    sheet.right(COUNT, y, SMALL, words.say("result.cells"));
    if changed {
        sheet.right(PROGRAM, y, SMALL, words.say("result.program"));
    }
    sheet.right(PERCENT, y, SMALL, "%");
    sheet.right(INTERVAL, y, SMALL, words.say("result.interval"));
    if reference.any(RangeUnit::Percent) {
        sheet.right(RIGHT, y, SMALL, words.say("report.range"));
    }
    sheet.rule(LEFT, RIGHT, y - 4.0, 0.8, INK);
    paper.y -= 3.0;
}

fn row(paper: &mut Paper, class: &ClassRow<'_>, result: &Snapshot, asked: Asked<'_>) {
    let (ClassRow { line, program }, Asked { changed, words, reference }) = (class, asked);
    if paper.room(ROW) {
        head(paper, asked);
    }
    paper.y -= ROW;
    let y = paper.y;
    let star = if result.experimental.contains(&line.class) { " *" } else { "" };
    let name = format!("{}{star}", words.say(&format!("class.{}", line.class)));
    let sheet = paper.sheet();
    sheet.text(LEFT, y, BODY, &name);
    sheet.text(LEFT + 4.0 + typeface::width(BODY.face, BODY.size, &name), y, SMALL, line.class.code());
    sheet.right(COUNT, y, STRONG, &line.count.to_string());
    if changed {
        sheet.right(PROGRAM, y, SMALL, &program.to_string());
    }
    let range = reference.find(RangeOf::Class(line.class), RangeUnit::Percent);
    figure(sheet, y, line.figure(), asked, range);
}

/// The laboratory's own classes within one class.
fn own_rows(paper: &mut Paper, class: CellClass, result: &Snapshot, asked: Asked<'_>) {
    for own in result.own_classes.iter().filter(|own| own.class == class) {
        own_row(paper, own, "", asked);
    }
}

/// Cells of one own class, as people gave them.
fn own_row(paper: &mut Paper, OwnCount { own, count, .. }: &OwnCount, before: &str, asked: Asked<'_>) {
    if paper.room(ROW) {
        head(paper, asked);
    }
    paper.y -= ROW;
    let y = paper.y;
    let name = asked.words.with("result.ofThese", &[("code", &own.code), ("name", &own.name)]);
    let sheet = paper.sheet();
    sheet.text(LEFT + 12.0, y, SMALL, &format!("{before}{name}"));
    sheet.right(COUNT, y, BODY, &count.to_string());
    sheet.rule(LEFT, RIGHT, y - 4.5, 0.4, RULE);
}

/// Percentage, interval and bar of one line.
fn figure(sheet: &mut Sheet, y: f32, of: Figure, Asked { words, reference, .. }: Asked<'_>, range: Option<&Range>) {
    let Figure { value, low, high } = of;
    sheet.right(PERCENT, y, STRONG, &words.number(value, 1));
    sheet.right(INTERVAL, y, BODY, &words.interval(low, high));
    let (from, to) = if reference.any(RangeUnit::Percent) { SHORT_BAR } else { BAR };
    if let Some(range) = range {
        beside(sheet, (RIGHT, y), range, value, words);
    }
    let at = |percent: f64| (to - from) * (percent.clamp(0.0, 100.0) / 100.0) as f32;
    sheet.filled(from, y - 2.0, to - from, 9.0, TINT);
    sheet.filled(from, y - 2.0, at(value), 9.0, ACCENT);
    sheet.rule(from + at(low), from + at(high), y + 2.5, 1.2, INK);
    sheet.rule(LEFT, RIGHT, y - 4.5, 0.4, RULE);
}

pub(super) fn groups(paper: &mut Paper, result: &Snapshot, (words, reference): (&Words, Reference<'_>)) {
    if result.statistics.groups.is_empty() {
        return;
    }
    paper.heading(words.say("result.groups"), 3.0 * ROW);
    for (group, of) in &result.statistics.groups {
        paper.room(ROW);
        paper.y -= ROW;
        let y = paper.y;
        let sheet = paper.sheet();
        sheet.text(LEFT, y, BODY, words.say(&key("group", group)));
        let range = reference.find(RangeOf::Group(*group), RangeUnit::Percent);
        figure(sheet, y, *of, Asked { changed: false, words, reference }, range);
    }
}
