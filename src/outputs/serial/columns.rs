//! The CSV columns of each class, and how a field is written.

use crate::counting::session::snapshot::{LookedAt, Snapshot};
use crate::domain::class::CellClass;
use crate::domain::interval::Figure;
use crate::domain::source::Mark;

/// Classes whose columns stand among the first ones; those of newer classes come last.
pub(super) fn first_classes() -> impl Iterator<Item = CellClass> {
    CellClass::ALL.iter().copied().filter(|class| !NEWER.contains(class) && !class.by_people_alone())
}

/// Classes that came after the columns had their order.
pub(super) const NEWER: [CellClass; 1] = [CellClass::Bla];

/// Classes that only a person gives.
fn peoples_classes() -> impl Iterator<Item = CellClass> {
    CellClass::ALL.iter().copied().filter(|class| class.by_people_alone())
}

/// Cells that a person had looked at, and white cells in all, of a signed result.
pub(super) fn looked_at_fields(snapshot: Option<&Snapshot>) -> [String; 2] {
    let looked_at = snapshot.and_then(|snapshot| snapshot.looked_at.as_ref());
    looked_at.map_or_else(Default::default, |looked_at| [looked_at.cells, looked_at.of].map(|count| count.to_string()))
}

/// Columns of what a review adds: cells that nobody looked at, and the classes that only a person gives.
pub(super) fn review_columns() -> String {
    let columns = peoples_classes().map(count_columns);
    std::iter::once(",seen_quickly,unseen".to_owned()).chain(columns).collect()
}

/// The fields of [`review_columns`].
pub(super) fn review_fields(snapshot: Option<&Snapshot>) -> Vec<String> {
    let looked_at = snapshot.and_then(|snapshot| snapshot.looked_at.as_ref());
    let of = |count: fn(&LookedAt) -> u32| looked_at.map(|looked_at| count(looked_at).to_string()).unwrap_or_default();
    let mut fields = vec![of(|looked_at| looked_at.quickly), of(LookedAt::unseen)];
    fields.extend(peoples_classes().flat_map(|class| count_fields(snapshot, class)));
    fields
}

/// Rounds a percentage to a tenth, finer than any cell count can resolve; `None` if it is not finite.
pub(super) fn tenths(percent: f64) -> Option<f64> {
    percent.is_finite().then(|| (percent * 10.0).round() / 10.0)
}

pub(super) fn count_columns(class: CellClass) -> String {
    format!(",count_{class},percent_{class},low_{class},high_{class}")
}

pub(super) fn corrected_columns(class: CellClass) -> String {
    format!(",corrected_{class},corrected_low_{class},corrected_high_{class}")
}

/// Count, percent and interval of a class.
pub(super) fn count_fields(snapshot: Option<&Snapshot>, class: CellClass) -> [String; 4] {
    let Some(snapshot) = snapshot else { return [const { String::new() }; 4] };
    let percent = |value: f64| tenths(value).map(|value| format!("{value:.1}")).unwrap_or_default();
    match snapshot.classes.iter().find(|count| count.class == class) {
        Some(count) => {
            let [value, low, high] = [count.percent, count.low, count.high].map(percent);
            [count.count.to_string(), value, low, high]
        }
        // No such cell was seen, so there is no interval either.
        None => ["0".to_owned(), String::new(), String::new(), String::new()],
    }
}

/// The corrected percentage of a class with its interval.
pub(super) fn corrected_fields(snapshot: Option<&Snapshot>, class: CellClass) -> [String; 3] {
    let corrected = snapshot.and_then(|snapshot| snapshot.statistics.corrected.as_ref());
    three(corrected.and_then(|corrected| corrected.percent.get(&class)).copied(), 1)
}

/// A figure and its interval, with this many decimals; empty without one.
pub(super) fn three(figure: Option<Figure>, decimals: usize) -> [String; 3] {
    figure.map_or([const { String::new() }; 3], |Figure { value, low, high }| {
        [value, low, high].map(|number| format!("{number:.decimals$}"))
    })
}

/// The words that the result carries, and the critical values that it meets.
pub(super) fn marks_and_critical(snapshot: Option<&Snapshot>) -> [String; 2] {
    let Some(snapshot) = snapshot else { return [const { String::new() }; 2] };
    let marks: Vec<&str> = snapshot.marks().into_iter().map(Mark::code).collect();
    let critical = snapshot.critical.iter().map(|one| format!("{}={:.1}", one.of.code(), one.value));
    [marks.join(" "), critical.collect::<Vec<_>>().join(" ")]
}

/// Quotes a field as in RFC 4180. Control characters become spaces, so that a line stays one line for simple readers.
pub(super) fn quoted(field: &str) -> String {
    let field: String = field.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if field.contains([',', '"']) || field.starts_with(' ') || field.ends_with(' ') {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field
    }
}
