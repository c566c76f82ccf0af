//! What stands first on a report: the words that everything of it carries, critical values with who was told, and blasts with
//! their pictures.

use std::fmt::Display;

use super::Pictured;
use super::paper::{ALARM, ALARM_TINT, INK, Jpeg, LEFT, Paper, RIGHT, SMALL, STRONG, Sheet, Type, WARN, WARN_TINT};
use super::pdf::{MARK, key};
use super::pictures::{caption, leading};
use super::typeface;
use crate::counting::session::snapshot::Snapshot;
use crate::domain::class::{CellClass, Group};
use crate::domain::critical::CriticalValue;
use crate::domain::flag::{Flag, Share};
use crate::domain::interval::Figure;
use crate::domain::source::Mark;
use crate::outputs::words::Words;
use crate::store::records::SessionDetail;
use crate::store::told::Acknowledgement;
use crate::system::zone;

/// Side of a picture of a blast and the gap between two, points.
const SIDE: f32 = 62.0;
const GAP: f32 = 12.0;

/// Pictures of blasts, at most: one row.
const MOST: usize = 6;

const HEAD: Type = Type { size: 11.0, colour: ALARM, ..STRONG };
const TEXT: Type = Type { colour: ALARM, ..STRONG };

/// One band for each mark below the state, whose lower edge is at `below`; "training" also runs across the sheet.
pub(super) fn marks(sheet: &mut Sheet, detail: &SessionDetail, below: f32, words: &Words) {
    let marks = &detail.summary.marks;
    for (line, mark) in marks.iter().enumerate() {
        let y = below - MARK * (line as f32 + 1.0) + 2.0;
        let (word, means) = (key("mark", mark), key("markMeans", mark));
        sheet.filled(LEFT, y, RIGHT - LEFT, MARK - 3.0, WARN_TINT);
        let how = Type { size: 11.0, colour: WARN, ..STRONG };
        let word = words.say(&word).to_uppercase();
        sheet.text(LEFT + 8.0, y + 5.0, how, &word);
        let beside = LEFT + 16.0 + typeface::width(how.face, how.size, &word);
        sheet.text(beside, y + 5.0, Type { colour: WARN, ..SMALL }, words.say(&means));
    }
    if marks.contains(&Mark::Training) {
        sheet.across([0.93, 0.62, 0.35], &words.say("mark.training").to_uppercase());
    }
}

/// Critical values and blasts.
pub(super) fn alarms(paper: &mut Paper, detail: &SessionDetail, result: &Snapshot, cells: &[Pictured], words: &Words) {
    if !result.critical.is_empty() {
        critical(paper, detail, result, words);
    }
    if result.flags.contains(&Flag::Blasts) || blasts_in(result) > 0 {
        blasts(paper, result, cells, words);
    }
}

fn critical(paper: &mut Paper, detail: &SessionDetail, result: &Snapshot, words: &Words) {
    let mut lines = vec![(HEAD, words.say("critical.title").to_owned())];
    lines.extend(result.critical.iter().map(|critical| (TEXT, critical_in(critical, words))));
    if detail.acknowledged.is_empty() {
        lines.push((TEXT, words.say("alarm.open").to_owned()));
    }
    lines.extend(detail.acknowledged.iter().map(|said| (Type { colour: INK, ..STRONG }, told(said, words))));
    boxed(paper, &lines, Vec::new());
}

/// A critical value in words.
pub(super) fn critical_in(critical: &CriticalValue, words: &Words) -> String {
    let decimals = usize::from(critical.value.fract() > 0.0 && critical.limit <= 100.0);
    let limit = usize::from(critical.limit.fract() > 0.0);
    let values: [(&str, &dyn Display); 2] =
        [("value", &words.number(critical.value, decimals)), ("limit", &words.number(critical.limit, limit))];
    words.with(&key("critical", critical.of), &values)
}

/// Who was told, in words.
pub(super) fn told(said: &Acknowledgement, words: &Words) -> String {
    let (at, told_at) = (zone::minute(said.at), zone::minute(said.told_at));
    let values: [(&str, &dyn Display); 6] = [
        ("told", &said.told),
        ("told_by", &said.told_by),
        ("told_at", &told_at),
        ("note", &said.note),
        ("by", &said.by),
        ("at", &at),
    ];
    let text = words.with(if said.told.is_empty() { "alarm.notTold" } else { "alarm.told" }, &values);
    let text = if said.told.is_empty() || said.note.is_empty() { text } else { format!("{text} {}", said.note) };
    match said.of_session {
        Some(session) => format!("{text} {}", words.with("alarm.ofVersion", &[("id", &session)])),
        None => text,
    }
}

/// Blasts in the differential of a result.
pub(super) fn blasts_in(result: &Snapshot) -> u32 {
    let of = result.classes.iter().filter(|line| line.class.group() == Group::Blasts);
    of.map(|line| line.count).sum()
}

fn blasts(paper: &mut Paper, result: &Snapshot, cells: &[Pictured], words: &Words) {
    let mut lines = vec![(HEAD, words.say("flag.blasts").to_owned()), (TEXT, blasts_mean(result, words))];
    for evidence in result.statistics.evidence.iter().filter(|evidence| evidence.of == Share::Blasts) {
        let Figure { value, low, high } = evidence.figure;
        let values: [(&str, &dyn Display); 3] = [
            ("value", &words.number(value, 1)),
            ("interval", &words.interval(low, high)),
            ("limit", &words.number(evidence.limit, 1)),
        ];
        let of: [(&str, &dyn Display); 2] =
            [("of", &words.say("evidence.blasts")), ("words", &words.with("result.evidencePercent", &values))];
        lines.push((Type { colour: INK, ..STRONG }, words.with("result.evidenceOf", &of)));
    }
    let shown = CellClass::by_maturation().into_iter().filter(|class| class.group() == Group::Blasts);
    let shown: Vec<_> = shown.flat_map(|class| leading(class, cells).shown).take(MOST).collect();
    let pictures = shown
        .into_iter()
        .map(|(cell, picture)| {
            let code = cell.class_in_force().map(CellClass::code).unwrap_or_default();
            (format!("{code} {}", caption(cell, words)), picture)
        })
        .collect();
    boxed(paper, &lines, pictures);
}

/// What blasts mean and who must look, in a sentence.
pub(super) fn blasts_mean(result: &Snapshot, words: &Words) -> String {
    let cells = blasts_in(result);
    let key = match cells {
        0 => "blasts.alone",
        1 => "blasts.one",
        _ => "blasts.many",
    };
    words.with(key, &[("n", &cells), ("of", &result.counted)])
}

/// Lines in a red box, with a row of pictures below them.
fn boxed(paper: &mut Paper, lines: &[(Type, String)], pictures: Vec<(String, Jpeg)>) {
    let broken: Vec<(Type, String)> = lines
        .iter()
        .flat_map(|(how, text)| {
            typeface::lines(how.face, how.size, text, RIGHT - LEFT - 16.0).into_iter().map(|line| (*how, line))
        })
        .collect();
    let text: f32 = broken.iter().map(|(how, _)| how.size * 1.35).sum();
    let height = text + 10.0 + if pictures.is_empty() { 0.0 } else { SIDE + 18.0 };
    paper.room(height + 5.0);
    let bottom = paper.y - height;
    paper.sheet().filled(LEFT, bottom, RIGHT - LEFT, height, ALARM_TINT);
    paper.sheet().filled(LEFT, bottom, 3.0, height, ALARM);
    paper.y -= 3.0;
    for (how, line) in &broken {
        paper.y -= how.size * 1.35;
        let y = paper.y;
        paper.sheet().text(LEFT + 9.0, y, *how, line);
    }
    let y = paper.y - SIDE - 6.0;
    for (place, (caption, picture)) in pictures.into_iter().enumerate() {
        let x = LEFT + 9.0 + place as f32 * (SIDE + GAP);
        paper.picture(x, y, SIDE, picture);
        let caption = typeface::lines(SMALL.face, SMALL.size, &caption, SIDE + GAP - 2.0);
        paper.sheet().text(x, y - 9.0, SMALL, caption.first().map_or("", String::as_str));
    }
    paper.y = bottom - 5.0;
}
