//! PDF report: the counts, what needs attention, who signed, and which models were used.

use serde::Serialize;

use super::absolute::absolute;
use super::alarm::{self, marks};
use super::control;
use super::differential::{ROW, classes, differential, groups};
use super::head::{self, HEAD};
use super::letterhead::Letterhead;
use super::paper::{
    BODY, GOOD, GOOD_TINT, INK, LEFT, Paper, RIGHT, RULE, SHEET, SMALL, STRONG, Sheet, Type, WARN, WARN_TINT,
};
use super::pictures::pictures;
use super::platelets;
use super::red_cells;
use super::reference::Reference;
use super::typeface::{self, PdfFace};
use super::versions::{self, versions};
use super::{Pictured, ReportError};
use crate::config::Flags;
use crate::counting::session::snapshot::{CameraCheck, EarlierResult, LookedAt, LookedAtOf, Snapshot};
use crate::domain::class::CellClass;
use crate::domain::flag::{Flag, Share};
use crate::domain::interval::Figure;
use crate::outputs::words::Words;
use crate::store::records::{SessionDetail, Settings, Status};
use crate::system::zone;

/// Sample id at the top of every sheet: baseline of its first line, line height, and maximum number of lines. Ids of
/// 64 letters take four.
const SAMPLE: f32 = 783.0;
const SAMPLE_LINE: f32 = 14.0;
const SAMPLE_LINES: usize = 6;

/// Height of the band of a word such as "simulated" below the state.
pub(super) const MARK: f32 = 20.0;

const SAMPLE_TYPE: Type = Type { size: 11.0, ..STRONG };

/// The serde name of a value.
pub(super) fn code(value: impl Serialize) -> String {
    let word = serde_json::to_value(value).ok();
    word.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}

/// Catalogue key of a value: prefix and serde name.
pub(super) fn key(before: &str, value: impl Serialize) -> String {
    format!("{before}.{}", code(value))
}

/// The limits in force: the key of the words, the code of the share, the limit. The last one belongs to no flag.
pub(super) fn limit_lines(flags: &Flags) -> impl Iterator<Item = (&'static str, &'static str, f64)> {
    let of_shares = Share::ALL.iter().map(|share| (share.row().limit_words, share.row().code, flags.limit(*share)));
    of_shares.chain([("limit.correct", "", flags.correct_white_from)])
}

pub(super) fn pdf(
    detail: &SessionDetail,
    cells: &[Pictured],
    words: &Words,
    letterhead: &Letterhead,
) -> Result<Vec<u8>, ReportError> {
    // A warning in letters the typeface cannot print warns nobody, so use English then.
    let (words, in_english) = &words.printing(typeface::prints);
    let sample = sample(&words.with("report.sample", &[("sample", &detail.summary.sample)]));
    let down = if letterhead.has_head() { HEAD } else { 0.0 };
    let marked = detail.summary.marks.len() as f32;
    let mut paper = Paper::new(SHEET, under(&sample) - down - 46.0 - MARK * marked);
    let logo = letterhead.logo.clone().map(|logo| paper.share(logo));
    if let Some(result) = &detail.reviewed_result {
        versions(&mut paper, detail, result, words);
        alarm::alarms(&mut paper, detail, result, cells, words);
        earlier(&mut paper, result, words);
        paper.paragraph(LEFT, RIGHT, STRONG, &camera_checked(detail.camera_check.as_ref(), words));
        for line in control::lines(result, words) {
            paper.paragraph(LEFT, RIGHT, STRONG, &line);
        }
        flags(&mut paper, result, words);
        let classes = classes(result, detail.counted_result.as_ref());
        let reference = Reference::of(result, &letterhead.ranges);
        differential(&mut paper, detail, result, &classes, (words, reference));
        groups(&mut paper, result, (words, reference));
        absolute(&mut paper, result, reference, words);
        reference.sources(&mut paper, words);
        red_cells::red_cells(&mut paper, result, words);
        others(&mut paper, result, words);
        signature(&mut paper, detail, words);
        pictures(&mut paper, &classes, cells, words);
    } else {
        paper.paragraph(LEFT, RIGHT, BODY, words.say(&key("result.no", detail.summary.status)));
    }
    force(&mut paper, detail.settings.as_ref(), words);
    let notes = [(*in_english, "report.inEnglish"), (!values_print(detail), "report.unprintable")];
    for (_, note) in notes.into_iter().filter(|(holds, _)| *holds) {
        paper.y -= 8.0;
        paper.paragraph(LEFT, RIGHT, SMALL, words.say(note));
    }
    let title = format!("{} – {}", words.say("report.title"), detail.summary.sample);
    paper.finish(&title, |sheet, number, of| {
        if down > 0.0 {
            head::draw(sheet, letterhead, logo);
        }
        draw_frame(sheet, detail, (sample.as_slice(), down), words, (number, of));
    })
}

/// Whether everything that people and devices entered can be printed.
fn values_print(detail: &SessionDetail) -> bool {
    let comment = detail.signature.as_ref().map(|signature| &signature.comment);
    let camera = detail.settings.as_ref().map(|settings| &settings.camera);
    let calibration = detail.settings.as_ref().and_then(|settings| settings.calibration.as_ref());
    let profile = detail.settings.as_ref().and_then(|settings| settings.profile.as_ref()).map(|profile| &profile.name);
    let texts = [&detail.summary.sample, &detail.summary.station].into_iter();
    texts.chain(comment).chain(camera).chain(calibration).chain(profile).all(|text| typeface::prints(text))
}

/// The sample id broken into lines; unchanged, blanks included, if it fits on one.
fn sample(text: &str) -> Vec<String> {
    let Type { face, size, .. } = SAMPLE_TYPE;
    if typeface::width(face, size, text) <= RIGHT - LEFT {
        return vec![text.to_owned()];
    }
    let mut lines = typeface::lines(face, size, text, RIGHT - LEFT);
    lines.truncate(SAMPLE_LINES);
    lines
}

/// Baseline of the line below the sample id.
fn under(sample: &[String]) -> f32 {
    SAMPLE + 2.0 - SAMPLE_LINE * sample.len() as f32
}

/// Header and footer: which sample, and the mark of an unsigned report.
fn draw_frame(
    sheet: &mut Sheet,
    detail: &SessionDetail,
    (sample, down): (&[String], f32),
    words: &Words,
    (number, of): (usize, usize),
) {
    let summary = &detail.summary;
    let title = Type { face: PdfFace::Bold, size: 16.0, colour: INK };
    sheet.text(LEFT, 800.0 - down, title, words.say("report.title"));
    sheet.right(RIGHT, 800.0 - down, SMALL, &summary.station);
    for (line, text) in sample.iter().enumerate() {
        sheet.text(LEFT, SAMPLE - down - SAMPLE_LINE * line as f32, SAMPLE_TYPE, text);
    }
    let time = zone::minute;
    let ended = summary.ended.map(time).unwrap_or_default();
    let when =
        words.with("report.when", &[("id", &summary.id), ("started", &time(summary.started)), ("ended", &ended)]);
    let y = under(sample) - down;
    sheet.text(LEFT, y, SMALL, &when);
    let (text, colour, tint) = match &detail.signature {
        Some(signature) if detail.summary.is_replaced() => {
            (versions::replaced(detail, signature, words), WARN, WARN_TINT)
        }
        Some(signature) if detail.summary.version > 1 => (versions::signed(detail, signature, words), GOOD, GOOD_TINT),
        Some(signature) => {
            let values: [(&str, &dyn std::fmt::Display); 2] = [("by", &signature.by), ("at", &time(signature.at))];
            (words.with("report.final", &values), GOOD, GOOD_TINT)
        }
        None => (words.say("report.preliminary").to_owned(), WARN, WARN_TINT),
    };
    sheet.filled(LEFT, y - 30.0, RIGHT - LEFT, 20.0, tint);
    sheet.text(LEFT + 8.0, y - 24.0, Type { size: 11.0, colour, ..STRONG }, &text);
    marks(sheet, detail, y - 30.0, words);
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
    // Blasts stand first of all, with their pictures.
    for flag in result.flags.iter().filter(|flag| **flag != Flag::Blasts) {
        let mut text = format!("{} – {}", words.say(&key("flag", flag)), words.say(&key("flagMeans", flag)));
        for evidence in result.statistics.evidence.iter().filter(|evidence| evidence.flag == *flag) {
            let Figure { value, low, high } = evidence.figure;
            let told = if evidence.beyond_chance { "result.evidence" } else { "result.evidenceChance" };
            let by = if evidence.network_alone { words.say("result.evidenceAlone") } else { "" };
            let values: [(&str, &dyn std::fmt::Display); 3] = [
                ("value", &words.number(value, 1)),
                ("interval", &words.interval(low, high)),
                ("limit", &words.number(evidence.limit, 1)),
            ];
            let of = key("evidence", evidence.of);
            let values: [(&str, &dyn std::fmt::Display); 2] =
                [("of", &words.say(&of)), ("words", &words.with(told, &values))];
            let more = format!(" {} {by}", words.with("result.evidenceOf", &values));
            text.push_str(more.trim_end());
        }
        if *flag == Flag::RedCellMorphology {
            text.push_str(&red_cells::evidence(result, words));
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
            ("result.whitePerUlWithout", estimates.and_then(|estimates| estimates.white_without_nucleated_red), 0),
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
    for line in platelets::lines(result, words) {
        paper.paragraph(LEFT, RIGHT, BODY, &line);
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
            looked_at(paper, detail, words);
        }
        return;
    };
    paper.heading(words.say("result.signature"), 40.0);
    let at = zone::second(signature.at);
    paper.paragraph(LEFT, RIGHT, STRONG, &words.with("result.signed", &[("by", &signature.by), ("at", &at)]));
    looked_at(paper, detail, words);
    if !signature.comment.is_empty() {
        paper.paragraph(LEFT, RIGHT, BODY, &signature.comment);
    }
    paper.paragraph(LEFT, RIGHT, SMALL, &format!("SHA-256 {}", signature.sha256));
}

/// How many cells a person looked at, if that is known.
fn looked_at(paper: &mut Paper, detail: &SessionDetail, words: &Words) {
    let Some(looked_at @ LookedAt { cells, of, quickly, classes }) = &detail.looked_at else { return };
    paper.paragraph(LEFT, RIGHT, STRONG, &words.with("result.lookedAt", &[("n", cells), ("of", of)]));
    match signed_unseen(looked_at, words).filter(|_| detail.signature.is_some()) {
        Some(signed) => paper.paragraph(LEFT, RIGHT, STRONG, &signed),
        None if *quickly > 0 => {
            paper.paragraph(LEFT, RIGHT, BODY, &words.with("result.seenQuickly", &[("n", quickly)]));
        }
        None => {}
    }
    let of_class = |(class, of): (&CellClass, &LookedAtOf)| {
        let class = words.say(&format!("class.{class}")).to_owned();
        words.with("result.lookedAtClass", &[("class", &class), ("n", &of.cells), ("of", &of.of)])
    };
    let told: Vec<String> = classes.iter().map(of_class).collect();
    if !told.is_empty() {
        paper.paragraph(LEFT, RIGHT, SMALL, &told.join("; "));
    }
}

/// That the result was signed with cells that nobody looked at; nothing if there are none.
pub(super) fn signed_unseen(looked_at: &LookedAt, words: &Words) -> Option<String> {
    let unseen = looked_at.unseen();
    let mut told = words.with("result.signedUnseen", &[("n", &unseen), ("of", &looked_at.of)]);
    if looked_at.quickly > 0 {
        told = format!("{told} {}", words.with("result.seenQuickly", &[("n", &looked_at.quickly)]));
    }
    (unseen > 0).then_some(told)
}

/// Whether the camera of a result was checked, in words.
pub(super) fn camera_checked(check: Option<&CameraCheck>, words: &Words) -> String {
    let Some(CameraCheck { cells, agree, percent, .. }) = check else {
        return words.say("result.cameraUnknown").to_owned();
    };
    let Some(Figure { value, low, high }) = percent else { return words.say("result.cameraUnchecked").to_owned() };
    let values: [(&str, &dyn std::fmt::Display); 4] = [
        ("agree", agree),
        ("n", cells),
        ("value", &words.number(*value, 1)),
        ("interval", &words.interval(*low, *high)),
    ];
    words.with("result.cameraChecked", &values)
}

/// The signed result that the sample had before it was counted again.
fn earlier(paper: &mut Paper, result: &Snapshot, words: &Words) {
    let Some(EarlierResult { session, started, counted, by, .. }) = &result.earlier else { return };
    let started = zone::minute(*started);
    let values: [(&str, &dyn std::fmt::Display); 5] =
        [("sample", &result.sample), ("id", session), ("started", &started), ("n", counted), ("by", by)];
    paper.paragraph(LEFT, RIGHT, STRONG, &words.with("live.earlier", &values));
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
    if let Some(profile) = &settings.profile {
        let values: [(&str, &dyn std::fmt::Display); 3] =
            [("name", &profile.name), ("n", &profile.cells), ("sha256", &profile.sha256)];
        lines.push((words.say("model.profile").to_owned(), words.with("model.profileOf", &values)));
    }
    let of = |key: &str, limit: &str| words.with("result.evidenceOf", &[("of", &words.say(key)), ("words", &limit)]);
    let mut told = vec![of("settings.target", &settings.session.target.to_string())];
    told.extend(limit_lines(&settings.flags).map(|(key, _, limit)| of(key, &words.number(limit, 1))));
    lines.push((words.say("settings.limits").to_owned(), told.join("; ")));
    for (name, value) in lines {
        paper.room(12.0);
        let y = paper.y - SMALL.size * 1.35;
        paper.sheet().text(LEFT, y, SMALL, &name);
        paper.paragraph(LEFT + 120.0, RIGHT, Type { colour: INK, ..SMALL }, &value);
    }
}
