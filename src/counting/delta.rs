//! How far a result differs from an earlier one of the same patient: by more than chance, or by more than a limit. Pure.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::counting::session::snapshot::Snapshot;
use crate::counting::tally::share;
use crate::domain::class::{CellClass, Group, Reported};
use crate::domain::interval::Figure;

/// What changed since the latest signed result before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Delta {
    /// Session of the earlier result.
    pub session: i64,
    /// Its number.
    pub result: u64,
    /// Its sample id.
    pub sample: String,
    /// When its count began.
    pub started: Timestamp,
    /// What changed; empty where nothing did.
    pub changes: Vec<Change>,
}

/// A share that changed: of a group, or of a class whose group did not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Group>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<CellClass>,
    /// Percent of the differential in the earlier result, with the exact 95 % interval.
    pub before: Figure,
    /// The same now.
    pub now: Figure,
}

/// The shares of the differential whose exact 95 % intervals exclude each other, and those that moved by at least `points`
/// percentage points, unless that is 0. Where nothing changed, that two such intervals
/// miss each other is rarer than 1 in 100.
#[must_use]
pub fn changes(before: &Snapshot, now: &Snapshot, points: f64) -> Vec<Change> {
    let moved = |(before, now): &(Figure, Figure)| {
        let apart = before.high < now.low || now.high < before.low;
        apart || (points > 0.0 && (now.value - before.value).abs() >= points)
    };
    let mut found = Vec::new();
    for group in Group::ALL.iter().filter(|group| group.reported() == Reported::Percent) {
        let of = |result: &Snapshot| result.statistics.groups.get(group).copied();
        if let Some((before, now)) = pair(before, now, of(before), of(now)).filter(moved) {
            found.push(Change { group: Some(*group), class: None, before, now });
        }
    }
    for class in CellClass::ALL.iter().filter(|class| class.in_differential()) {
        if found.iter().any(|change| change.group == Some(class.group())) {
            continue;
        }
        let of = |result: &Snapshot| {
            result
                .classes
                .iter()
                .find(|line| line.class == *class)
                .map(super::super::domain::counts::ClassCount::figure)
        };
        if let Some((before, now)) = pair(before, now, of(before), of(now)).filter(moved) {
            found.push(Change { group: None, class: Some(*class), before, now });
        }
    }
    found
}

/// Both figures; a share that one of them lacks was looked for there too, so it is none of the cells counted.
fn pair(before: &Snapshot, now: &Snapshot, a: Option<Figure>, b: Option<Figure>) -> Option<(Figure, Figure)> {
    if a.is_none() && b.is_none() || before.counted == 0 || now.counted == 0 {
        return None;
    }
    Some((a.unwrap_or_else(|| share(0, before.counted)), b.unwrap_or_else(|| share(0, now.counted))))
}
