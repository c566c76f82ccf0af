//! Quality control in a report, and its runs for spreadsheets.

use std::fmt::Display;

use super::ReportError;
use super::pdf::code;
use crate::counting::quality_control::{ControlMark, ControlRun, ControlState, MarkedRun, QualityControl, named};
use crate::counting::session::snapshot::Snapshot;
use crate::outputs::words::Words;
use crate::system::zone;

/// What a report says of quality control; nothing for results that were signed without any.
pub(super) fn lines(result: &Snapshot, words: &Words) -> Vec<String> {
    match &result.quality_control {
        None => Vec::new(),
        Some(QualityControl::Run { of, .. }) => {
            vec![words.with("control.isRun", &[("lot", &named(&of.lot, of.level))])]
        }
        Some(QualityControl::Mark(mark)) => of_mark(mark, words),
    }
}

fn of_mark(mark: &ControlMark, words: &Words) -> Vec<String> {
    let run = |run: &MarkedRun| {
        let (at, lot) = (zone::minute(run.at), named(&run.lot, run.level));
        let values: [(&str, &dyn Display); 3] = [("at", &at), ("lot", &lot), ("n", &run.try_number)];
        let key = match (run.outcome.passes(), run.try_number) {
            (true, ..=1) => "control.runPassed",
            (true, _) => "control.runPassedLater",
            (false, _) => "control.runFailed",
        };
        words.with(key, &values)
    };
    let mut lines: Vec<String> = match mark.state {
        ControlState::Passed => Vec::new(),
        ControlState::Failed => vec![words.say("control.notPassed").to_owned()],
        _ => vec![words.say("control.notRun").to_owned()],
    };
    if let Some(reason) = &mark.overridden {
        let values: [(&str, &dyn Display); 2] = [("by", &reason.by), ("reason", &reason.reason)];
        lines.push(words.with("control.overridden", &values));
    }
    lines.extend(mark.runs.iter().map(run));
    lines
}

/// Control runs for spreadsheets: a line for each point of a chart, and one for a run without any.
///
/// # Errors
/// In practice none: it is written into memory.
pub fn control_runs(runs: &[ControlRun]) -> Result<Vec<u8>, ReportError> {
    let wrong = |problem: &dyn Display| ReportError::Text(problem.to_string());
    let mut table = csv::Writer::from_writer(Vec::new());
    table
        .write_record([
            "run", "at", "lot", "level", "try", "by", "outcome", "causes", "session", "chart", "count", "of",
            "percent", "mean", "low_3sd", "low_2sd", "high_2sd", "high_3sd", "z", "rule",
        ])
        .map_err(|problem| wrong(&problem))?;
    for run in runs {
        let causes: Vec<String> = run.causes.iter().map(code).collect();
        let head = [
            run.id.to_string(),
            zone::rfc3339(run.at),
            guarded(&run.lot_name),
            run.level.to_string(),
            run.try_number.to_string(),
            guarded(&run.by),
            code(run.outcome),
            causes.join(" "),
            run.session.map(|session| session.to_string()).unwrap_or_default(),
        ];
        let number = |value: Option<f64>| value.map(|value| format!("{value:.2}")).unwrap_or_default();
        let mut points: Vec<Vec<String>> = run
            .values
            .iter()
            .map(|value| {
                let limit = |at: usize| number(value.limits.map(|limits| limits[at]));
                vec![
                    value.chart.clone(),
                    value.count.to_string(),
                    value.of.to_string(),
                    number(Some(value.percent)),
                    number(value.mean),
                    limit(0),
                    limit(1),
                    limit(2),
                    limit(3),
                    number(value.z),
                    value.rule.map(|rule| rule.code().to_owned()).unwrap_or_default(),
                ]
            })
            .collect();
        if points.is_empty() {
            points.push(vec![String::new(); 11]);
        }
        for point in points {
            table.write_record(head.iter().chain(&point)).map_err(|problem| wrong(&problem))?;
        }
    }
    table.into_inner().map_err(|problem| wrong(&problem))
}

/// Text that a person entered, kept from being a formula.
fn guarded(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t']) { format!("'{text}") } else { text.to_owned() }
}
