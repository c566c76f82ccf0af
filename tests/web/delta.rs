//! The delta check over the API: what is answered of an earlier result of the same sample, and the reason to look at it.

use jiff::{Timestamp, ToSpan as _};
use leukoscope::counting::session::snapshot::Snapshot;
use leukoscope::counting::tally::share;
use leukoscope::domain::class::Group;
use leukoscope::store::records::{SessionId, SessionStart};
use serde_json::{Value, json};

use crate::common::stored::{at, result, settings, start};
use crate::station::{Station, login};

/// A count of 100 cells, so many of them neutrophils, begun on this day.
fn count(station: &Station, sample: &str, day: i64, neutrophils: u32) -> SessionId {
    let mut snapshot = Snapshot { counted: 100, ..result(sample) };
    let groups = [(Group::Neutrophils, neutrophils), (Group::Lymphocytes, 100 - neutrophils)];
    snapshot.statistics.groups = groups.into_iter().map(|(group, cells)| (group, share(cells, 100))).collect();
    let started = at(0).checked_add((24 * day).hours()).unwrap();
    let id = station.store.begin(&SessionStart { started, ..start(sample) }).unwrap();
    station.store.finish(id, &[], &snapshot, &settings()).unwrap();
    id
}

#[test]
fn a_result_that_differs_says_so_and_the_earlier_one_is_shown_beside_it_only_with_a_reason() {
    let station = Station::in_network();
    let first = count(&station, "A-1", 0, 62);
    station.store.sign(first, "rita", Timestamp::now(), "").unwrap();
    let second = count(&station, "A-1", 7, 21);
    count(&station, "B-1", 8, 21);
    let otto = login(&station, "otto");
    let delta = otto("GET", &format!("/api/sessions/{second}"), Value::Null).json()["delta"].clone();
    assert_eq!((&delta["session"], &delta["sample"]), (&json!(first), &json!("A-1")));
    let changes = delta["changes"].as_array().unwrap();
    let told: Vec<_> = changes.iter().map(|one| (&one["group"], &one["before"][0], &one["now"][0])).collect();
    let (neutrophils, lymphocytes) = (json!("neutrophils"), json!("lymphocytes"));
    let [f21, f38, f62, f79] = [21.0, 38.0, 62.0, 79.0].map(|figure| json!(figure));
    assert_eq!(told, [(&neutrophils, &f62, &f21), (&lymphocytes, &f38, &f79)]);
    assert_eq!(otto("GET", &format!("/api/sessions/{first}"), Value::Null).json()["delta"], Value::Null);

    let compare = |body: Value| otto("POST", &format!("/api/sessions/{second}/compare"), body);
    for (wrong, status) in [
        (json!({"with": first}), 400),
        (json!({"with": first, "reason": " "}), 409),
        (json!({"with": second, "reason": "why"}), 409),
        (json!({"with": 99, "reason": "why"}), 404),
    ] {
        assert_eq!(compare(wrong.clone()).status, status, "{wrong}");
    }
    let compared = || station.trail().into_iter().filter(|(_, action)| action == "compare").collect::<Vec<_>>();
    assert_eq!(compared(), [], "nothing that was refused is in the trail");
    assert_eq!(compare(json!({"with": first, "reason": "the ward asks"})).status, 204);
    assert_eq!(compared(), [("otto".to_owned(), "compare".to_owned())]);
    let line = station.store.audit(Some(second), None, 1).unwrap().remove(0);
    assert_eq!(line.detail, json!({"with": first, "reason": "the ward asks"}));
}
