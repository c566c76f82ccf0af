//! The report for people: what was counted, what to look at, who signed, and by which models.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Pictured;
use super::paper::{
    ACCENT, BODY, GOOD, GOOD_TINT, INK, LEFT, Paper, RIGHT, RULE, SMALL, STRONG, Sheet, TINT, Type, WARN, WARN_TINT,
};
use super::pictures::pictures;
use super::typeface::{self, Face};
use crate::class::CellClass;
use crate::session::snapshot::{ClassCount, Snapshot};
use crate::statistics::interval::Figure;
use crate::store::records::{SessionDetail, Settings, Status};
use crate::words::Words;

/// Right edges of the columns of a table, and the bar.
const COUNT: f32 = 286.0;
const PROGRAM: f32 = 336.0;
const PERCENT: f32 = 378.0;
const INTERVAL: f32 = 446.0;
const BAR: (f32, f32) = (456.0, RIGHT);
const ROW: f32 = 15.0;

/// A line of the differential, and what the program alone had counted.
#[derive(Clone, Copy)]
pub(super) struct Class<'a> {
    pub(super) line: &'a ClassCount,
    pub(super) program: u32,
}

/// The lines of a result, with the program's own counts beside persons'.
pub(super) fn classes<'a>(result: &'a Snapshot, counted: Option<&Snapshot>) -> Vec<Class<'a>> {
    let own: BTreeMap<CellClass, u32> =
        counted.unwrap_or(result).classes.iter().map(|line| (line.class, line.count)).collect();
    let class = |line: &'a ClassCount| Class { line, program: own.get(&line.class).copied().unwrap_or(0) };
    result.classes.iter().map(class).collect()
}

/// The key of a word that serde has for a value.
pub(super) fn key(before: &str, value: impl Serialize) -> String {
    let word = serde_json::to_value(value).ok();
    format!("{before}.{}", word.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default())
}

pub(super) fn pdf(detail: &SessionDetail, cells: &[Pictured], words: &Words) -> Vec<u8> {
    let mut paper = Paper::new();
    if let Some(result) = &detail.reviewed_result {
        flags(&mut paper, result, words);
        let classes = classes(result, detail.counted_result.as_ref());
        differential(&mut paper, detail, result, &classes, words);
        groups(&mut paper, result, words);
        others(&mut paper, result, words);
        signature(&mut paper, detail, words);
        pictures(&mut paper, &classes, cells, words);
    } else {
        paper.paragraph(LEFT, RIGHT, BODY, words.say(&key("result.no", detail.summary.status)));
    }
    force(&mut paper, detail.settings.as_ref(), words);
    let texts = [&detail.summary.sample, &detail.summary.station];
    let comment = detail.signature.as_ref().map(|signature| &signature.comment);
    if !texts.into_iter().chain(comment).all(|text| typeface::prints(text)) {
        paper.y -= 8.0;
        paper.paragraph(LEFT, RIGHT, SMALL, words.say("report.unprintable"));
    }
    let title = format!("{} – {}", words.say("report.title"), detail.summary.sample);
    paper.finish(&title, |sheet, number, of| dress(sheet, detail, words, number, of))
}

/// Head and foot: whose sheet it is, and that nobody signed it.
fn dress(sheet: &mut Sheet, detail: &SessionDetail, words: &Words, number: usize, of: usize) {
    let summary = &detail.summary;
    let title = Type { face: Face::Bold, size: 16.0, colour: INK };
    sheet.text(LEFT, 800.0, title, words.say("report.title"));
    sheet.right(RIGHT, 800.0, SMALL, &summary.station);
    let sample = words.with("report.sample", &[("sample", &summary.sample)]);
    let sample_type = Type { size: 11.0, ..STRONG };
    let sample = typeface::lines(sample_type.face, sample_type.size, &sample, 330.0).into_iter().next();
    sheet.text(LEFT, 782.0, sample_type, &sample.unwrap_or_default());
    let time = |time: jiff::Timestamp| time.strftime("%Y-%m-%d %H:%M UTC").to_string();
    let ended = summary.ended.map(time).unwrap_or_default();
    let when =
        words.with("report.when", &[("id", &summary.id), ("started", &time(summary.started)), ("ended", &ended)]);
    sheet.right(RIGHT, 782.0, SMALL, &when);
    let (text, colour, tint) = match &detail.signature {
        Some(signature) => {
            let values: [(&str, &dyn std::fmt::Display); 2] = [("by", &signature.by), ("at", &time(signature.at))];
            (words.with("report.final", &values), GOOD, GOOD_TINT)
        }
        None => (words.say("report.preliminary").to_owned(), WARN, WARN_TINT),
    };
    sheet.filled(LEFT, 752.0, RIGHT - LEFT, 20.0, tint);
    sheet.text(LEFT + 8.0, 758.0, Type { size: 11.0, colour, ..STRONG }, &text);
    sheet.rule(LEFT, RIGHT, 46.0, 0.6, RULE);
    sheet.text(LEFT, 34.0, STRONG, words.say("notice"));
    let page = words.with("report.page", &[("n", &number), ("of", &of)]);
    sheet.right(RIGHT, 34.0, SMALL, &format!("leukoscope {} · {page}", env!("CARGO_PKG_VERSION")));
}

fn flags(paper: &mut Paper, result: &Snapshot, words: &Words) {
    if result.flags.is_empty() {
        paper.paragraph(LEFT, RIGHT, BODY, words.say("result.noFlags"));
        return;
    }
    for flag in &result.flags {
        let mut text = format!("{} {}", words.say(&key("flag", flag)), words.say(&key("flagMeans", flag)));
        if let Some(evidence) = result.statistics.evidence.iter().find(|evidence| evidence.flag == *flag) {
            let Figure { value, low, high } = evidence.figure;
            let key = if evidence.beyond_chance { "result.evidence" } else { "result.evidenceChance" };
            let values: [(&str, &dyn std::fmt::Display); 3] = [
                ("value", &words.number(value, 1)),
                ("interval", &words.interval(low, high)),
                ("limit", &words.number(evidence.limit, 1)),
            ];
            text = format!("{text} {}", words.with(key, &values));
        }
        let how = Type { colour: WARN, ..STRONG };
        let lines = typeface::lines(how.face, how.size, &text, RIGHT - LEFT - 16.0).len() as f32;
        let height = lines * how.size * 1.35 + 8.0;
        paper.room(height + 4.0);
        let bottom = paper.y - height;
        paper.sheet().filled(LEFT, bottom, RIGHT - LEFT, height, WARN_TINT);
        paper.y -= 2.0;
        paper.paragraph(LEFT + 8.0, RIGHT - 8.0, how, &text);
        paper.y = bottom - 4.0;
    }
}

fn differential(paper: &mut Paper, detail: &SessionDetail, result: &Snapshot, classes: &[Class<'_>], words: &Words) {
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
    let (within, apart): (Vec<&Class<'_>>, Vec<_>) =
        classes.iter().partition(|class| class.line.class.in_differential());
    head(paper, words, changed);
    for class in &within {
        row(paper, class, changed, result, words);
    }
    if within.is_empty() {
        paper.paragraph(LEFT, RIGHT, BODY, words.say("result.none"));
    }
    if !apart.is_empty() {
        paper.y -= 4.0;
        for class in &apart {
            row(paper, class, changed, result, words);
        }
        paper.y -= 5.0;
        paper.paragraph(LEFT, RIGHT, SMALL, words.say("result.apart"));
    }
    if !result.experimental.is_empty() {
        paper.paragraph(LEFT, RIGHT, SMALL, words.say("report.experimental"));
    }
}

/// The names of the columns.
fn head(paper: &mut Paper, words: &Words, changed: bool) {
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
    sheet.rule(LEFT, RIGHT, y - 4.0, 0.8, INK);
    paper.y -= 3.0;
}

fn row(paper: &mut Paper, class: &Class<'_>, changed: bool, result: &Snapshot, words: &Words) {
    let Class { line, program } = class;
    if paper.room(ROW) {
        head(paper, words, changed);
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
    figure(sheet, y, Figure { value: line.percent, low: line.low, high: line.high }, words);
}

/// Percent, interval and bar of a line.
fn figure(sheet: &mut Sheet, y: f32, Figure { value, low, high }: Figure, words: &Words) {
    sheet.right(PERCENT, y, STRONG, &words.number(value, 1));
    sheet.right(INTERVAL, y, BODY, &words.interval(low, high));
    let (from, to) = BAR;
    let at = |percent: f64| (to - from) * (percent.clamp(0.0, 100.0) / 100.0) as f32;
    sheet.filled(from, y - 2.0, to - from, 9.0, TINT);
    sheet.filled(from, y - 2.0, at(value), 9.0, ACCENT);
    sheet.rule(from + at(low), from + at(high), y + 2.5, 1.2, INK);
    sheet.rule(LEFT, RIGHT, y - 4.5, 0.4, RULE);
}

fn groups(paper: &mut Paper, result: &Snapshot, words: &Words) {
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
        figure(sheet, y, *of, words);
    }
}

fn others(paper: &mut Paper, result: &Snapshot, words: &Words) {
    paper.heading(words.say("result.others"), 2.0 * ROW);
    let kinds: [(&str, &dyn std::fmt::Display); 3] =
        [("wbc", &result.kinds.wbc), ("rbc", &result.kinds.rbc), ("plt", &result.kinds.plt)];
    paper.paragraph(LEFT, RIGHT, BODY, &words.with("live.kinds", &kinds));
    if let Some(red) = &result.statistics.per_red_cell {
        let estimates = red.estimates;
        let figures = [
            ("result.whitePer1000", red.white_per_1000, 1),
            ("result.plateletsPer1000", red.platelets_per_1000, 1),
            ("result.whitePerUl", estimates.map(|estimates| estimates.white), 0),
            ("result.plateletsPerUl", estimates.map(|estimates| estimates.platelets), 0),
        ];
        for (key, figure, decimals) in figures {
            let Some(Figure { value, low, high }) = figure else { continue };
            let [value, low, high] = [value, low, high].map(|number| words.number(number, decimals));
            let text = words.with(key, &[("value", &value), ("interval", &format!("{low} – {high}"))]);
            paper.paragraph(LEFT, RIGHT, BODY, &text);
        }
        if let Some(note) = &red.note {
            paper.paragraph(LEFT, RIGHT, BODY, note);
        }
    }
    let frames = &result.frames;
    let used = words.with("result.frames", &[("used", &frames.used), ("refused", &frames.refused.total())]);
    paper.paragraph(LEFT, RIGHT, BODY, &used);
}

fn signature(paper: &mut Paper, detail: &SessionDetail, words: &Words) {
    let Some(signature) = &detail.signature else {
        if detail.summary.status == Status::Preliminary {
            paper.heading(words.say("result.signature"), 20.0);
            paper.paragraph(LEFT, RIGHT, BODY, words.say("report.unsigned"));
        }
        return;
    };
    paper.heading(words.say("result.signature"), 40.0);
    let at = signature.at.strftime("%Y-%m-%d %H:%M:%S UTC");
    paper.paragraph(LEFT, RIGHT, STRONG, &words.with("result.signed", &[("by", &signature.by), ("at", &at)]));
    if !signature.comment.is_empty() {
        paper.paragraph(LEFT, RIGHT, BODY, &signature.comment);
    }
    paper.paragraph(LEFT, RIGHT, SMALL, &format!("SHA-256 {}", signature.sha256));
}

fn force(paper: &mut Paper, settings: Option<&Settings>, words: &Words) {
    let Some(settings) = settings else { return };
    paper.heading(words.say("result.force"), 60.0);
    let calibration = settings.calibration.as_deref().unwrap_or(words.say("settings.noCalibration"));
    let mut lines = vec![
        (words.say("settings.version").to_owned(), settings.version.clone()),
        (words.say("settings.camera").to_owned(), settings.camera.clone()),
        (words.say("settings.calibration").to_owned(), calibration.to_owned()),
    ];
    for (model, sha256) in &settings.models {
        lines.push((words.say(&format!("model.{model}")).to_owned(), sha256.clone()));
    }
    let flags = &settings.flags;
    let limits = [
        ("limit.blasts", flags.blasts_percent),
        ("limit.bands", flags.bands_percent),
        ("limit.immature", flags.immature_granulocytes_percent),
        ("limit.nucleated", flags.nucleated_red_per_100),
        ("limit.unclassified", flags.unclassified_percent),
    ];
    let limits: Vec<String> =
        limits.iter().map(|(key, limit)| format!("{} {}", words.say(key), words.number(*limit, 1))).collect();
    lines.push((words.say("settings.limits").to_owned(), limits.join("; ")));
    for (name, value) in lines {
        paper.room(12.0);
        let y = paper.y - SMALL.size * 1.35;
        paper.sheet().text(LEFT, y, SMALL, &name);
        paper.paragraph(LEFT + 120.0, RIGHT, Type { colour: INK, ..SMALL }, &value);
    }
}
