//! What the platelets tell beyond their number: lines for people, rows for spreadsheets.

use super::pdf::key;
use crate::counting::platelets::PlateletReport;
use crate::counting::session::snapshot::Snapshot;
use crate::domain::interval::Figure;
use crate::outputs::words::Words;

/// Sentences for people: estimate, clumps, giant ones, and what must be known to read them.
pub(super) fn lines(result: &Snapshot, words: &Words) -> Vec<String> {
    let Some(report) = &result.platelets else { return Vec::new() };
    let mut lines = Vec::new();
    if let (Some(per_field), Some(per_ul)) = (report.per_oil_field, report.per_ul_by_fields) {
        let [field, value, low, high] = [(per_field.value, 1), (per_ul.value, 0), (per_ul.low, 0), (per_ul.high, 0)]
            .map(|(n, d)| words.number(n, d));
        let interval = format!("{low} – {high}");
        let told: [(&str, &dyn std::fmt::Display); 4] =
            [("value", &value), ("interval", &interval), ("field", &field), ("n", &report.fields)];
        lines.push(words.with("result.plateletsByFields", &told));
    }
    if report.clumps > 0 {
        let told: [(&str, &dyn std::fmt::Display); 3] =
            [("n", &report.clumps), ("held", &report.in_clumps), ("of", &report.counted)];
        lines.push(words.with("result.plateletClumps", &told));
    }
    if report.giant > 0 {
        lines.push(words.with("result.plateletGiants", &[("n", &report.giant), ("of", &report.measured)]));
    }
    lines.extend(report.notes.iter().map(|note| words.say(&key("plateletNote", note)).to_owned()));
    lines
}

/// Estimates with intervals, by their names in the table.
pub(super) fn estimates(result: &Snapshot) -> Vec<(&'static str, Figure)> {
    let report = result.platelets.as_ref();
    let of = |figure: fn(&PlateletReport) -> Option<Figure>| report.and_then(figure);
    let all = [
        ("PLT per field 0.2 mm across", of(|report| report.per_oil_field)),
        ("PLT per ul by fields, estimate", of(|report| report.per_ul_by_fields)),
    ];
    all.into_iter().filter_map(|(name, figure)| Some((name, figure?))).collect()
}

/// Counts and notes, by their names in the table.
pub(super) fn facts(result: &Snapshot) -> Vec<(&'static str, String)> {
    let Some(report) = &result.platelets else { return Vec::new() };
    let counts = [
        ("whole fields", report.fields),
        ("clumps", report.clumps),
        ("platelets in clumps", report.in_clumps),
        ("platelets measured", report.measured),
        ("wider than 7 um", report.giant),
    ];
    let notes = report.notes.iter().map(|note| ("note", note.sentence().to_owned()));
    counts.map(|(name, count)| (name, count.to_string())).into_iter().chain(notes).collect()
}
