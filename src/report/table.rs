//! The report for spreadsheets: one table, a line a figure.

use crate::session::snapshot::Snapshot;
use crate::statistics::interval::Figure;
use crate::store::records::{SessionDetail, Status};
use crate::words::Words;

use super::ReportError;

const COLUMNS: [&str; 7] = ["section", "name", "code", "value", "low", "high", "program"];

/// Lines of one table; numbers have a decimal point in every language.
pub(super) fn csv(detail: &SessionDetail, words: &Words) -> Result<Vec<u8>, ReportError> {
    let mut lines = Lines(csv::Writer::from_writer(Vec::new()));
    lines.line(&COLUMNS.map(str::to_owned))?;
    session(&mut lines, detail, words)?;
    if let Some(result) = &detail.reviewed_result {
        figures(&mut lines, result, detail.counted_result.as_ref(), words)?;
    }
    lines.0.into_inner().map_err(|problem| ReportError::Text(problem.to_string()))
}

struct Lines(csv::Writer<Vec<u8>>);

impl Lines {
    fn line(&mut self, fields: &[String; 7]) -> Result<(), ReportError> {
        self.0.write_record(fields).map_err(|problem| ReportError::Text(problem.to_string()))
    }

    fn fact(&mut self, section: &str, name: &str, value: &str) -> Result<(), ReportError> {
        let [section, name] = [section, name].map(str::to_owned);
        self.line(&[section, name, String::new(), harmless(value), String::new(), String::new(), String::new()])
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

/// A text that no spreadsheet takes for a formula: what begins like one has an apostrophe before it (OWASP, CSV injection).
/// Some spreadsheets look past blanks.
fn harmless(text: &str) -> String {
    let blank = |letter: char| letter.is_whitespace() || letter.is_control();
    let first_is_blank = text.starts_with(blank);
    if text.trim_start_matches(blank).starts_with(['=', '+', '-', '@']) || first_is_blank {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

fn session(lines: &mut Lines, detail: &SessionDetail, words: &Words) -> Result<(), ReportError> {
    let summary = &detail.summary;
    let mut fact = |name: &str, value: &str| lines.fact("session", name, value);
    fact("notice", words.say("notice"))?;
    fact("status", if summary.status == Status::Final { "final" } else { "preliminary, not signed" })?;
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
    }
    Ok(())
}

fn figures(lines: &mut Lines, result: &Snapshot, counted: Option<&Snapshot>, words: &Words) -> Result<(), ReportError> {
    lines.fact("count", "counted", &result.counted.to_string())?;
    lines.fact("count", "target", &result.target.to_string())?;
    for (name, count) in [("WBC", result.kinds.wbc), ("RBC", result.kinds.rbc), ("PLT", result.kinds.plt)] {
        lines.fact("count", name, &count.to_string())?;
    }
    for flag in &result.flags {
        lines.fact(
            "flag",
            words.say(&super::pdf::key("flag", flag)),
            words.say(&super::pdf::key("flagMeans", flag)),
        )?;
    }
    for class in super::pdf::classes(result, counted) {
        let name = words.say(&format!("class.{}", class.line.class)).to_owned();
        let code = class.line.class.to_string();
        let program = class.program.to_string();
        let cells = class.line.count.to_string();
        let none = String::new;
        lines.line(&["cells".to_owned(), name.clone(), code.clone(), cells, none(), none(), program])?;
        let line = class.line;
        lines.figure("percent", &name, &code, Figure { value: line.percent, low: line.low, high: line.high }, 2)?;
    }
    for (group, figure) in &result.statistics.groups {
        lines.figure("group percent", words.say(&super::pdf::key("group", group)), "", *figure, 2)?;
    }
    if let Some(red) = &result.statistics.per_red_cell {
        let estimates = red.estimates;
        let figures = [
            ("WBC per 1000 red cells", red.white_per_1000),
            ("PLT per 1000 red cells", red.platelets_per_1000),
            ("WBC per ul, estimate", estimates.map(|estimates| estimates.white)),
            ("PLT per ul, estimate", estimates.map(|estimates| estimates.platelets)),
        ];
        for (name, figure) in figures {
            if let Some(figure) = figure {
                lines.figure("per red cell", name, "", figure, 2)?;
            }
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
