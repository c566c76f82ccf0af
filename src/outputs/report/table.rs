//! CSV report: one table, one figure per line.

use crate::counting::session::snapshot::Snapshot;
use crate::domain::interval::Figure;
use crate::outputs::words::Words;
use crate::store::records::{SessionDetail, Settings};

use super::ReportError;
use super::differential::classes;
use super::pdf::{code, key, limit_lines};

const COLUMNS: [&str; 7] = ["section", "name", "code", "value", "low", "high", "program"];

/// Lines of the table. Numbers have a decimal point in every language.
pub(super) fn csv(detail: &SessionDetail, words: &Words) -> Result<Vec<u8>, ReportError> {
    let mut lines = CsvTable(csv::Writer::from_writer(Vec::new()));
    lines.line(&COLUMNS.map(str::to_owned))?;
    session(&mut lines, detail, words)?;
    if let Some(result) = &detail.reviewed_result {
        figures(&mut lines, result, detail.counted_result.as_ref(), words)?;
    }
    lines.0.into_inner().map_err(|problem| ReportError::Text(problem.to_string()))
}

struct CsvTable(csv::Writer<Vec<u8>>);

impl CsvTable {
    fn line(&mut self, fields: &[String; 7]) -> Result<(), ReportError> {
        self.0.write_record(fields).map_err(|problem| ReportError::Text(problem.to_string()))
    }

    fn fact(&mut self, section: &str, name: &str, value: &str) -> Result<(), ReportError> {
        self.coded(section, name, "", value)
    }

    fn coded(&mut self, section: &str, name: &str, code: &str, value: &str) -> Result<(), ReportError> {
        let [section, name, code] = [section, name, code].map(str::to_owned);
        self.line(&[section, name, code, harmless(value), String::new(), String::new(), String::new()])
    }

    fn figure(
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

fn session(lines: &mut CsvTable, detail: &SessionDetail, words: &Words) -> Result<(), ReportError> {
    let summary = &detail.summary;
    let status = words.say(&key("status", summary.status)).to_owned();
    lines.fact("session", "notice", words.say("notice"))?;
    lines.coded("session", "status", &code(summary.status), &status)?;
    let mut fact = |name: &str, value: &str| lines.fact("session", name, value);
    fact("sample", &summary.sample)?;
    fact("session", &summary.id.to_string())?;
    fact("station", &summary.station)?;
    fact("started", &summary.started.to_string())?;
    fact("ended", &summary.ended.map(|time| time.to_string()).unwrap_or_default())?;
    fact("reclassified", &detail.reclassified.to_string())?;
    if let Some(signature) = &detail.signature {
        fact("reviewer", &signature.by)?;
        fact("signed", &signature.at.to_string())?;
        fact("comment", &signature.comment)?;
        fact("sha256", &signature.sha256)?;
    }
    if let Some(settings) = &detail.settings {
        fact("version", &settings.version)?;
        fact("camera", &settings.camera)?;
        fact("calibration", settings.calibration.as_deref().unwrap_or(""))?;
        for (model, sha256) in &settings.models {
            fact(&format!("{model} sha256"), sha256)?;
        }
        if let Some(probability) = settings.unknown_below {
            fact("unclassified below probability", &probability.to_string())?;
        }
        limits(lines, settings, words)?;
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
}
