//! CSV report: one table, one figure per line.

use crate::counting::session::snapshot::{CameraCheck, LookedAt, Snapshot};
use crate::counting::statistics::absolute::EnteredKind;
use crate::domain::interval::Figure;
use crate::domain::own_class::OwnCount;
use crate::outputs::words::Words;
use crate::store::records::{SessionDetail, Settings};
use crate::system::zone;

use super::ReportError;
use super::alarm::{blasts_in, blasts_mean, critical_in, told};
use super::control;
use super::differential::classes;
use super::letterhead::Letterhead;
use super::pdf::{camera_checked, code, key, limit_lines, signed_unseen};
use super::platelets;
use super::ranges::{Mark, value};
use super::red_cells;
use super::reference::Reference;
use super::versions::{amended_by, corrected, two_reviewers};

/// Without it, spreadsheets read letters with accents in the encoding of their system.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

const COLUMNS: [&str; 7] = ["section", "name", "code", "value", "low", "high", "program"];

/// Lines of the table. Numbers have a decimal point in every language.
pub(super) fn csv(detail: &SessionDetail, words: &Words, letterhead: &Letterhead) -> Result<Vec<u8>, ReportError> {
    let mut lines = CsvTable(csv::Writer::from_writer(BYTE_ORDER_MARK.to_vec()));
    lines.line(&COLUMNS.map(str::to_owned))?;
    if !letterhead.name.is_empty() {
        lines.entered("session", "laboratory", &letterhead.name)?;
    }
    session(&mut lines, detail, words)?;
    if let Some(result) = &detail.reviewed_result {
        figures(&mut lines, result, detail.counted_result.as_ref(), words)?;
        rows_entered(&mut lines, result)?;
        ranges(&mut lines, result, letterhead)?;
    }
    lines.0.into_inner().map_err(|problem| ReportError::Text(problem.to_string()))
}

pub(super) struct CsvTable(csv::Writer<Vec<u8>>);

impl CsvTable {
    fn line(&mut self, fields: &[String; 7]) -> Result<(), ReportError> {
        self.0.write_record(fields).map_err(|problem| ReportError::Text(problem.to_string()))
    }

    pub(super) fn fact(&mut self, section: &str, name: &str, value: &str) -> Result<(), ReportError> {
        self.coded(section, name, "", value)
    }

    /// What people and devices entered: a spreadsheet must not take it for a number or a date.
    fn entered(&mut self, section: &str, name: &str, value: &str) -> Result<(), ReportError> {
        if looks_like_a_number(value) {
            let [section, name] = [section, name].map(str::to_owned);
            let none = String::new;
            return self.line(&[section, name, none(), format!("'{value}"), none(), none(), none()]);
        }
        self.fact(section, name, value)
    }

    pub(super) fn coded(&mut self, section: &str, name: &str, code: &str, value: &str) -> Result<(), ReportError> {
        let [section, name, code] = [section, name, code].map(str::to_owned);
        self.line(&[section, name, code, harmless(value), String::new(), String::new(), String::new()])
    }

    pub(super) fn figure(
        &mut self,
        section: &str,
        name: &str,
        code: &str,
        figure: Figure,
        decimals: usize,
    ) -> Result<(), ReportError> {
        let [section, name, code] = [section, name, code].map(str::to_owned);
        let [value, low, high] = [figure.value, figure.low, figure.high].map(|number| format!("{number:.decimals$}"));
        self.line(&[section, name, code, value, low, high, String::new()])
    }
}

/// What people and devices entered, guarded so that a spreadsheet neither runs nor changes it.
pub(crate) fn entered(text: &str) -> String {
    if looks_like_a_number(text) { format!("'{text}") } else { harmless(text) }
}

/// Keeps a spreadsheet from running text as a formula: text that begins like one gets a leading apostrophe (OWASP,
/// CSV injection). So does text with a leading blank, because some spreadsheets skip blanks.
fn harmless(text: &str) -> String {
    let blank = |letter: char| letter.is_whitespace() || letter.is_control();
    let first_is_blank = text.starts_with(blank);
    if text.trim_start_matches(blank).starts_with(['=', '+', '-', '@']) || first_is_blank {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// Whether a spreadsheet could take the text for a number, a date or a truth value and so change it: `0012345` would
/// lose its zeros, `3-4` and `MAR7` become dates. The guard is the one against formulas, an apostrophe in front.
fn looks_like_a_number(text: &str) -> bool {
    const MONTHS: [&str; 20] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "ene", "abr", "ago", "dic",
        "avr", "mai", "jui", "aou",
    ];
    let text = text.to_lowercase();
    let Some(first) = text.chars().next() else { return false };
    let month =
        MONTHS.iter().any(|month| text.starts_with(month)) && text.chars().any(|letter| letter.is_ascii_digit());
    let truth = ["true", "false", "verdadero", "falso", "vrai", "faux"].contains(&text.as_str());
    // Those that `harmless` guards get one apostrophe, not two.
    let guarded = harmless(&text) != text;
    !guarded && (!first.is_alphabetic() || month || truth)
}

fn session(lines: &mut CsvTable, detail: &SessionDetail, words: &Words) -> Result<(), ReportError> {
    let summary = &detail.summary;
    let status = words.say(&key("status", summary.status)).to_owned();
    lines.fact("session", "notice", words.say("notice"))?;
    lines.coded("session", "status", &code(summary.status), &status)?;
    for mark in &summary.marks {
        lines.coded("session", "mark", mark.code(), words.say(&key("mark", mark)))?;
    }
    if let Some(result) = &detail.reviewed_result {
        for critical in &result.critical {
            lines.coded("critical", &critical_in(critical, words), critical.of.code(), &critical.value.to_string())?;
        }
        if blasts_in(result) > 0 {
            lines.coded("flag", "blasts", "", &blasts_mean(result, words))?;
        }
    }
    if let Some(alarm) = summary.alarm {
        lines.fact("critical", "alarm", &code(alarm))?;
    }
    for said in &detail.acknowledged {
        lines.entered("critical", "told", &told(said, words))?;
    }
    lines.entered("session", "sample", &summary.sample)?;
    lines.fact("session", "session", &summary.id.to_string())?;
    lines.entered("session", "station", &summary.station)?;
    lines.fact("session", "started", &zone::rfc3339(summary.started))?;
    lines.fact("session", "ended", &summary.ended.map(zone::rfc3339).unwrap_or_default())?;
    lines.fact("session", "reclassified", &detail.reclassified.to_string())?;
    if let Some(looked_at) = &detail.looked_at {
        seen(lines, looked_at, detail.signature.is_some(), words)?;
    }
    for line in detail.reviewed_result.iter().flat_map(|result| control::lines(result, words)) {
        lines.entered("session", "quality control", &line)?;
    }
    if detail.reviewed_result.is_some() {
        lines.fact("session", "camera checked", &camera_checked(detail.camera_check.as_ref(), words))?;
    }
    if let Some(CameraCheck { cells, agree, percent, .. }) = &detail.camera_check {
        lines.fact("session", "camera checked agree", &agree.to_string())?;
        lines.fact("session", "camera checked of", &cells.to_string())?;
        if let Some(percent) = percent {
            lines.figure("session", "camera checked percent", "", *percent, 1)?;
        }
    }
    if let Some(signature) = &detail.signature {
        lines.entered("session", "reviewer", &signature.by)?;
        lines.fact("session", "signed", &zone::rfc3339(signature.at))?;
        lines.entered("session", "comment", &signature.comment)?;
        lines.fact("session", "sha256", &signature.sha256)?;
    }
    if let Some(amends) = detail.reviewed_result.as_ref().and_then(|result| result.amends.as_ref()) {
        lines.fact("session", "version of the result", &amends.version.to_string())?;
        lines.fact("session", "corrected report", &corrected(amends, detail.signature.is_some(), words))?;
        lines.fact("session", "replaces session", &amends.session.to_string())?;
        lines.fact("session", "replaces result", &amends.result.to_string())?;
        lines.entered("session", "reason of the amendment", &amends.reason)?;
        if let Some(sample) = &amends.sample {
            lines.entered("session", "sample id before", sample)?;
        }
    }
    if let Some(first) = detail.reviewed_result.as_ref().and_then(|result| result.first_reviewer.as_ref()) {
        lines.entered("session", "first reviewer", &first.by)?;
        lines.fact("session", "signed first", &zone::rfc3339(first.at))?;
        lines.entered("session", "comment of the first reviewer", &first.comment)?;
        lines.fact("session", "two reviewers", &two_reviewers(first, detail, words))?;
    }
    if let Some(later) = &detail.summary.amended_by {
        lines.fact("session", "amended by session", &later.session.to_string())?;
        lines.fact("session", "amendment", &amended_by(later, words))?;
    }
    if let Some(earlier) = detail.reviewed_result.as_ref().and_then(|result| result.earlier.as_ref()) {
        lines.fact("session", "earlier signed session", &earlier.session.to_string())?;
    }
    if let Some(settings) = &detail.settings {
        lines.fact("session", "version", &settings.version)?;
        lines.entered("session", "camera", &settings.camera)?;
        lines.entered("session", "calibration", settings.calibration.as_deref().unwrap_or(""))?;
        for (model, sha256) in &settings.models {
            lines.fact("session", &format!("{model} sha256"), sha256)?;
        }
        if let Some(profile) = &settings.profile {
            lines.entered("session", "profile", &profile.name)?;
            lines.fact("session", "profile cells", &profile.cells.to_string())?;
            lines.fact("session", "profile sha256", &profile.sha256)?;
        }
        if let Some(probability) = settings.unknown_below {
            lines.fact("session", "unclassified below probability", &probability.to_string())?;
        }
        limits(lines, settings, words)?;
    }
    Ok(())
}

/// How many cells a person looked at, by class.
fn seen(lines: &mut CsvTable, looked_at: &LookedAt, signed: bool, words: &Words) -> Result<(), ReportError> {
    lines.fact("session", "looked at", &looked_at.cells.to_string())?;
    lines.fact("session", "looked at of", &looked_at.of.to_string())?;
    lines.fact("session", "seen quickly", &looked_at.quickly.to_string())?;
    lines.fact("session", "unseen", &looked_at.unseen().to_string())?;
    if let Some(words) = signed.then(|| signed_unseen(looked_at, words)).flatten() {
        lines.fact("session", "signed unseen", &words)?;
    }
    for (class, of) in &looked_at.classes {
        let name = format!("class.{class}");
        let name = words.say(&name);
        lines.coded("looked at", name, class.code(), &of.cells.to_string())?;
        lines.coded("looked at of", name, class.code(), &of.of.to_string())?;
        if of.quickly > 0 {
            lines.coded("seen quickly", name, class.code(), &of.quickly.to_string())?;
        }
    }
    Ok(())
}

/// Limits that raise flags, with the codes of the evidence.
fn limits(lines: &mut CsvTable, settings: &Settings, words: &Words) -> Result<(), ReportError> {
    for (name, code, limit) in limit_lines(&settings.flags) {
        lines.coded("limit", words.say(name), code, &limit.to_string())?;
    }
    Ok(())
}

fn figures(
    lines: &mut CsvTable,
    result: &Snapshot,
    counted: Option<&Snapshot>,
    words: &Words,
) -> Result<(), ReportError> {
    lines.fact("count", "counted", &result.counted.to_string())?;
    lines.fact("count", "target", &result.target.to_string())?;
    if let Some(ending) = result.ending {
        lines.coded("count", "ending", &code(ending), words.say(&key("ending", ending)))?;
    }
    lines.fact("count", "frames used", &result.frames.used.to_string())?;
    lines.fact("count", "frames refused", &result.frames.refused.total().to_string())?;
    if result.frames.failed > 0 {
        lines.fact("count", "frames failed", &result.frames.failed.to_string())?;
    }
    for (name, count) in [("WBC", result.kinds.wbc), ("RBC", result.kinds.rbc), ("PLT", result.kinds.plt)] {
        lines.fact("count", name, &count.to_string())?;
    }
    for flag in &result.flags {
        let [name, means] = ["flag", "flagMeans"].map(|of| key(of, flag));
        lines.coded("flag", words.say(&name), &code(flag), words.say(&means))?;
    }
    for evidence in &result.statistics.evidence {
        let (of, code) = (key("evidence", evidence.of), code(evidence.of));
        lines.figure("evidence", words.say(&of), &code, evidence.figure, 2)?;
        let beyond = if evidence.beyond_chance { "yes" } else { "no" };
        lines.coded("evidence beyond chance", words.say(&of), &code, beyond)?;
        if evidence.network_alone {
            lines.coded("evidence by the network alone", words.say(&of), &code, "yes")?;
        }
    }
    for class in classes(result, counted) {
        let name = words.say(&format!("class.{}", class.line.class)).to_owned();
        let code = class.line.class.to_string();
        let program = class.program.to_string();
        let cells = class.line.count.to_string();
        let none = String::new;
        lines.line(&["cells".to_owned(), name.clone(), code.clone(), cells, none(), none(), program])?;
        lines.figure("percent", &name, &code, class.line.figure(), 2)?;
    }
    for OwnCount { own, class, count } in &result.own_classes {
        let name = harmless(&own.name);
        lines.coded("own class cells", &name, &own.code, &count.to_string())?;
        lines.coded("own class counts as", &name, &own.code, class.code())?;
    }
    for line in &result.statistics.network_alone {
        let (name, code) = (format!("class.{}", line.class), line.class.code());
        lines.coded("cells by the network alone", words.say(&name), code, &line.count.to_string())?;
        lines.figure("percent by the network alone", words.say(&name), code, line.figure(), 2)?;
    }
    for class in &result.experimental {
        let name = format!("class.{class}");
        lines.coded("experimental", words.say(&name), class.code(), words.say("report.experimental"))?;
    }
    for (group, figure) in &result.statistics.groups {
        lines.figure("group percent", words.say(&key("group", group)), &code(group), *figure, 2)?;
    }
    if let Some(red) = &result.statistics.per_red_cell {
        let estimates = red.estimates;
        let without = estimates.and_then(|estimates| estimates.white_without_nucleated_red);
        let figures = [
            ("WBC per 1000 red cells", red.white_per_1000),
            ("PLT per 1000 red cells", red.platelets_per_1000),
            ("WBC per ul, estimate", estimates.map(|estimates| estimates.white)),
            ("WBC per ul without nucleated red cells, estimate", without),
            ("PLT per ul, estimate", estimates.map(|estimates| estimates.platelets)),
        ];
        for (name, figure) in figures {
            if let Some(figure) = figure {
                lines.figure("per red cell", name, "", figure, 2)?;
            }
        }
        if let Some(note) = &red.note {
            lines.fact("per red cell", "note", note)?;
        }
    }
    red_cells::lines(lines, result, words)?;
    for (name, figure) in platelets::estimates(result) {
        lines.figure("platelets", name, "", figure, 2)?;
    }
    platelets::facts(result).iter().try_for_each(|(name, value)| lines.fact("platelets", name, value))
}

/// What was entered, and the counts per microlitre that rest on it.
fn rows_entered(lines: &mut CsvTable, result: &Snapshot) -> Result<(), ReportError> {
    for entry in &result.statistics.entered {
        let kind = code(entry.kind);
        if entry.kind == EnteredKind::Group {
            lines.entered("entered", &kind, &entry.value)?;
        } else {
            lines.fact("entered", &kind, &entry.value)?;
        }
        lines.entered("entered", &format!("{kind} by"), &entry.by)?;
        lines.fact("entered", &format!("{kind} at"), &zone::rfc3339(entry.at))?;
    }
    let Some(counts) = &result.statistics.absolute else { return Ok(()) };
    lines.fact("per ul", "from", &code(counts.from))?;
    lines.figure("per ul", "white cells", "WBC", counts.white, 0)?;
    for (class, figure) in &counts.classes {
        lines.figure("per ul", class.code(), class.code(), *figure, 0)?;
    }
    for (group, figure) in &counts.groups {
        lines.figure("per ul", group.name(), group.code(), *figure, 0)?;
    }
    Ok(())
}

/// Reference ranges that hold: the mark as value, low and high beside it.
fn ranges(lines: &mut CsvTable, result: &Snapshot, letterhead: &Letterhead) -> Result<(), ReportError> {
    for range in Reference::of(result, &letterhead.ranges).held() {
        let mark = value(result, range.of, range.unit).and_then(|value| range.mark(value)).map_or("", Mark::letter);
        let [low, high] = [range.low, range.high].map(|end| end.to_string());
        let name = format!("range {}", code(range.unit));
        let source = harmless(&range.source);
        lines.line(&[name, source, String::from(range.of), mark.to_owned(), low, high, harmless(&range.group)])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_like_a_formula_is_text() {
        assert_eq!(harmless("=HYPERLINK(\"x\")"), "'=HYPERLINK(\"x\")");
        for first in ["+1", "-1", "@x", "\tx", " =1", "\u{a0}=1", "\0=1"] {
            assert!(harmless(first).starts_with('\''), "{first}");
        }
        assert_eq!(harmless("A-17"), "A-17");
    }

    #[test]
    fn an_id_stays_what_it_is_in_a_spreadsheet() {
        for id in ["0012345678901", "1E5", "3-4", "12/7", "MAR7", "dec-1", "TRUE", ".5", "(5)", "€5", "12 A"] {
            assert!(looks_like_a_number(id), "{id}");
        }
        for id in ["A-17", "Marta", "X0012", "", "=1", "-5", "+1"] {
            assert!(!looks_like_a_number(id), "{id}");
        }
    }
}
