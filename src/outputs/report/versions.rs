//! Which version of a result a report shows: a corrected one says what it replaces and why, a replaced one what took its
//! place.

use super::paper::{LEFT, Paper, RIGHT, STRONG, Type, WARN, WARN_TINT};
use super::typeface;
use crate::counting::delta::{Change, Delta};
use crate::counting::session::snapshot::{Amends, Difference, FirstReviewer, Snapshot};
use crate::domain::class::CellClass;
use crate::outputs::words::Words;
use crate::store::records::{AmendedBy, SessionDetail, Signature};
use crate::system::zone;

/// The boxes at the top of the first page.
pub(super) fn versions(paper: &mut Paper, detail: &SessionDetail, result: &Snapshot, words: &Words) {
    let corrected = result.amends.as_ref().map(|amends| corrected(amends, detail.signature.is_some(), words));
    let amended_by = detail.summary.amended_by.as_ref().map(|later| amended_by(later, words));
    let two = result.first_reviewer.as_ref().map(|first| two_reviewers(first, detail, words));
    let delta = detail.delta.as_ref().filter(|delta| !delta.changes.is_empty()).map(|delta| changed(delta, words));
    for text in corrected.into_iter().chain(amended_by).chain(two).chain(delta) {
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

/// What a corrected report replaces, who signed that, and why it was amended; before it is `signed`, that the version
/// before is in force.
pub(super) fn corrected(amends: &Amends, signed: bool, words: &Words) -> String {
    let Amends { version, session, by, at, reason, sample, .. } = amends;
    let values: [(&str, &dyn std::fmt::Display); 6] = [
        ("version", version),
        ("before", &version.saturating_sub(1)),
        ("id", session),
        ("by", by),
        ("at", &zone::minute(*at)),
        ("reason", reason),
    ];
    let told = words.with(if signed { "amend.corrected" } else { "amend.open" }, &values);
    match sample {
        Some(was) => format!("{} {told}", words.with("amend.sampleWas", &[("was", was)])),
        None => told,
    }
}

/// What changed since the latest signed result of the patient.
fn changed(delta: &Delta, words: &Words) -> String {
    let (at, Delta { result, sample, changes, .. }) = (zone::minute(delta.started), delta);
    let values: [(&str, &dyn std::fmt::Display); 3] = [("at", &at), ("n", result), ("sample", sample)];
    let change = |change: &Change| {
        let key = match (change.group, change.class) {
            (Some(group), _) => format!("group.{}", group.code()),
            (None, class) => format!("class.{}", class.unwrap_or(CellClass::Unk)),
        };
        let [before, now] = [change.before, change.now].map(|figure| words.number(figure.value, 0));
        let values: [(&str, &dyn std::fmt::Display); 3] =
            [("what", &words.say(&key)), ("before", &before), ("now", &now)];
        words.with("delta.change", &values).replace('→', ">")
    };
    let lines: Vec<String> = changes.iter().map(change).collect();
    format!("{} {}.", words.with("delta.since", &values), lines.join(", "))
}

/// Who signed first, that a second reviewer is awaited or signed, and the cells on which they differ.
pub(super) fn two_reviewers(first: &FirstReviewer, detail: &SessionDetail, words: &Words) -> String {
    let back = first.handed_back.as_ref();
    let second = detail.signature.as_ref().map(|signature| &signature.by).or(back.map(|back| &back.by));
    let state = match (&detail.signature, back) {
        (Some(_), _) => "second.both",
        (None, Some(_)) => "second.handedBack",
        (None, None) => "second.waits",
    };
    let values: [(&str, &dyn std::fmt::Display); 4] = [
        ("by", &first.by),
        ("at", &zone::minute(first.at)),
        ("second", &second.map_or("", String::as_str)),
        ("when", &back.map(|back| zone::minute(back.at)).unwrap_or_default()),
    ];
    let mut text = words.with(state, &values);
    if !first.differs.is_empty() {
        let cell = |one: &Difference| {
            format!("{}: {} > {} ({})", one.cell, one.first_coded(), one.second_coded(), one.program)
        };
        let cells: Vec<String> = first.differs.iter().map(cell).collect();
        let told = words.with("second.differ", &[("n", &first.differs.len())]);
        text = format!("{text} {told}. {}", cells.join(", "));
    }
    text
}

/// The line at the top of every page of a corrected report.
pub(super) fn signed(detail: &SessionDetail, signature: &Signature, words: &Words) -> String {
    of_signature("report.corrected", detail.summary.version, signature, words)
}

/// The same of a report that was replaced.
pub(super) fn replaced(detail: &SessionDetail, signature: &Signature, words: &Words) -> String {
    let version = detail.summary.amended_by.as_ref().map_or(0, |later| later.version);
    of_signature("report.replaced", version, signature, words)
}

fn of_signature(key: &str, version: u32, signature: &Signature, words: &Words) -> String {
    let values: [(&str, &dyn std::fmt::Display); 3] =
        [("version", &version), ("by", &signature.by), ("at", &zone::minute(signature.at))];
    words.with(key, &values)
}

/// What takes the place of a signed result, or is about to.
pub(super) fn amended_by(later: &AmendedBy, words: &Words) -> String {
    let AmendedBy { session, version, by, since, reason, signed_by, signed_at, .. } = later;
    let (key, by, at) = match (signed_by, signed_at) {
        (Some(signed_by), Some(at)) => ("amend.replaced", signed_by, at),
        _ => ("amend.underWay", by, since),
    };
    let values: [(&str, &dyn std::fmt::Display); 5] =
        [("version", version), ("id", session), ("by", by), ("at", &zone::minute(*at)), ("reason", reason)];
    words.with(key, &values)
}
