//! What the red cells look like, in the PDF and in the table.

use super::ReportError;
use super::differential::{COUNT, INTERVAL, PERCENT, ROW};
use super::paper::{BODY, INK, LEFT, Paper, RIGHT, RULE, SMALL, STRONG};
use super::table::CsvTable;
use super::typeface;
use crate::counting::red_morphology::{
    ENOUGH_FOR_GRADES, ENOUGH_FOR_SCHISTOCYTES, MACROCYTE_ABOVE_UM, MICROCYTE_BELOW_UM, OFF_MEDIAN, PALE,
    RedMorphology, RedShare,
};
use crate::counting::session::snapshot::Snapshot;
use crate::domain::interval::Figure;
use crate::domain::red_class::RedClass;
use crate::domain::red_grade::RedGrade;
use crate::outputs::words::Words;

/// The section of the PDF; nothing where no red cell was looked at.
pub(super) fn red_cells(paper: &mut Paper, result: &Snapshot, words: &Words) {
    let Some(red) = &result.red_cells else { return };
    paper.heading(words.say("red.title"), 6.0 * ROW);
    paper.paragraph(LEFT, RIGHT, BODY, &graded(red, words));
    if !red.enough {
        paper.paragraph(LEFT, RIGHT, STRONG, &words.with("red.few", &[("n", &ENOUGH_FOR_GRADES)]));
    }
    head(paper, "result.class", words);
    for line in &red.classes {
        let few = line.class == RedClass::Schistocyte && !red.enough_for_schistocytes;
        let instead = few.then(|| words.with("red.fewer", &[("n", &ENOUGH_FOR_SCHISTOCYTES)]));
        row(paper, (&name(line.class, words), line.class.code()), line.share, instead, words);
    }
    paper.y -= 4.0;
    head(paper, "red.measure", words);
    for (name, share) in measured(red, words) {
        row(paper, (&name, ""), share, None, words);
    }
    paper.y -= 6.0;
    for told in size(red, words) {
        paper.paragraph(LEFT, RIGHT, BODY, &told);
    }
    paper.paragraph(LEFT, RIGHT, SMALL, words.say("red.aid"));
}

/// How many cells were graded.
fn graded(red: &RedMorphology, words: &Words) -> String {
    let values: [(&str, &dyn std::fmt::Display); 3] =
        [("n", &red.graded), ("not", &red.not_graded), ("unk", &red.not_categorised)];
    words.with("red.graded", &values)
}

/// The measured shares with their names.
fn measured(red: &RedMorphology, words: &Words) -> Vec<(String, RedShare)> {
    let percent = |share: f64| words.number(share * 100.0, 0);
    let size = &red.size;
    let pale: [(&str, &dyn std::fmt::Display); 2] =
        [("share", &format!("{} %", percent(PALE))), ("n", &red.hypochromia.of)];
    let um = |key, um| words.with(key, &[("um", &words.number(um, 1))]);
    let lines = [
        (words.with("red.anisocytosis", &[("n", &percent(OFF_MEDIAN))]), Some(size.anisocytosis)),
        (um("red.macrocytes", MACROCYTE_ABOVE_UM), size.macrocytes),
        (um("red.microcytes", MICROCYTE_BELOW_UM), size.microcytes),
        (words.with("red.hypochromia", &pale), Some(red.hypochromia)),
    ];
    lines.into_iter().filter_map(|(name, share)| Some((name, share?))).collect()
}

/// Sentences on the size of the cells, and on what is not told of it.
fn size(red: &RedMorphology, words: &Words) -> Vec<String> {
    let size = &red.size;
    let mut told = Vec::new();
    if let (Some(median), Some(cv)) = (size.median_um, size.cv_percent) {
        let (um, cv) = (words.number(median, 1), words.number(cv, 1));
        told.push(if size.scale_known {
            words.with("red.median", &[("um", &um), ("cv", &cv)])
        } else {
            words.with("red.variation", &[("cv", &cv)])
        });
    }
    if !size.scale_known {
        told.push(words.say("red.noScale").to_owned());
    }
    if size.held_back > 0 {
        told.push(words.with("red.heldBack", &[("n", &size.held_back)]));
    }
    told
}

fn name(class: RedClass, words: &Words) -> String {
    words.say(&format!("class.{class}")).to_owned()
}

fn grade(grade: RedGrade, words: &Words) -> String {
    words.say(&format!("red.grade.{}", grade.code())).to_owned()
}

/// Column heads.
fn head(paper: &mut Paper, what: &str, words: &Words) {
    paper.room(2.0 * ROW);
    paper.y -= ROW;
    let y = paper.y;
    let sheet = paper.sheet();
    sheet.text(LEFT, y, SMALL, words.say(what));
    sheet.right(COUNT, y, SMALL, words.say("result.cells"));
    sheet.right(PERCENT, y, SMALL, "%");
    sheet.right(INTERVAL, y, SMALL, words.say("result.interval"));
    sheet.right(RIGHT, y, SMALL, words.say("red.grade"));
    sheet.rule(LEFT, RIGHT, y - 4.0, 0.8, INK);
    paper.y -= 3.0;
}

/// One line; `instead` tells why there is no grade, where the share is not the reason.
fn row(paper: &mut Paper, (name, code): (&str, &str), share: RedShare, instead: Option<String>, words: &Words) {
    // A long name takes two lines.
    let lines = typeface::lines(BODY.face, BODY.size, name, COUNT - 34.0 - LEFT);
    paper.room(ROW * lines.len() as f32);
    for (at, line) in lines.iter().enumerate() {
        paper.y -= if at == 0 { ROW } else { 11.0 };
        let y = paper.y;
        paper.sheet().text(LEFT, y, BODY, line);
    }
    let y = paper.y;
    let sheet = paper.sheet();
    let last = lines.last().map_or(0.0, |line| typeface::width(BODY.face, BODY.size, line));
    sheet.text(LEFT + 4.0 + last, y, SMALL, code);
    sheet.right(COUNT, y, STRONG, &share.count.to_string());
    sheet.right(PERCENT, y, STRONG, &words.number(share.percent, 1));
    sheet.right(INTERVAL, y, BODY, &words.interval(share.low, share.high));
    match (share.grade, instead) {
        (Some(of), _) => sheet.right(RIGHT, y, STRONG, &grade(of, words)),
        (None, Some(instead)) => sheet.right(RIGHT, y, SMALL, &instead),
        (None, None) => sheet.right(RIGHT, y, BODY, "–"),
    }
    sheet.rule(LEFT, RIGHT, y - 4.5, 0.4, RULE);
}

/// Which classes raised the flag, each with its share; begins with a space.
pub(super) fn evidence(result: &Snapshot, words: &Words) -> String {
    let mut text = String::new();
    for evidence in result.red_cells.iter().flat_map(|red| &red.evidence) {
        let Figure { value, low, high } = evidence.figure;
        let told = if evidence.beyond_chance { "result.evidence" } else { "result.evidenceChance" };
        let values: [(&str, &dyn std::fmt::Display); 3] = [
            ("value", &words.number(value, 1)),
            ("interval", &words.interval(low, high)),
            ("limit", &words.number(evidence.limit, 1)),
        ];
        let values: [(&str, &dyn std::fmt::Display); 2] =
            [("of", &name(evidence.class, words)), ("words", &words.with(told, &values))];
        text.push(' ');
        text.push_str(&words.with("result.evidenceOf", &values));
    }
    text
}

/// The lines of the table.
pub(super) fn lines(table: &mut CsvTable, result: &Snapshot, words: &Words) -> Result<(), ReportError> {
    let Some(red) = &result.red_cells else { return Ok(()) };
    let numbers = [("graded", red.graded), ("not graded", red.not_graded), ("not categorised", red.not_categorised)];
    for (name, cells) in numbers {
        table.fact("red cells", name, &cells.to_string())?;
    }
    let mut share = |name: &str, code: &str, share: RedShare| {
        table.coded("red cells", name, code, &share.count.to_string())?;
        let figure = Figure { value: share.percent, low: share.low, high: share.high };
        table.figure("red cells percent", name, code, figure, 2)?;
        share.grade.map_or(Ok(()), |of| table.coded("red cells grade", &grade(of, words), code, of.code()))
    };
    for line in &red.classes {
        share(&name(line.class, words), line.class.code(), line.share)?;
    }
    for (name, of) in measured(red, words) {
        share(&name, "", of)?;
    }
    let size =
        [("median diameter, um", red.size.median_um, 2), ("variation of the diameter, %", red.size.cv_percent, 1)];
    for (name, value, decimals) in size {
        if let Some(value) = value {
            table.fact("red cells", name, &format!("{value:.decimals$}"))?;
        }
    }
    table.fact("red cells", "scale known", if red.size.scale_known { "yes" } else { "no" })?;
    for evidence in &red.evidence {
        let (name, code) = (name(evidence.class, words), evidence.class.code());
        table.figure("evidence", &name, code, evidence.figure, 2)?;
        let beyond = if evidence.beyond_chance { "yes" } else { "no" };
        table.coded("evidence beyond chance", &name, code, beyond)?;
    }
    Ok(())
}
