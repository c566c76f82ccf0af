//! What counts as a look, and the classes that only people give.

use std::thread::sleep;
use std::time::Duration;

use crate::common::stored;
use crate::station::{PASSWORD, Station, login};
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::store::AuditVerdict;
use leukoscope::store::export::{export, look_up};
use serde_json::{Value, json};

/// A station where a look takes so long that no machine of tests is slow enough to pass for a person.
fn station() -> Station {
    Station::at("0.0.0.0:0", |web| web.review.fastest_ms = 1500)
}

fn quick(answer: &Value) -> Vec<(i64, bool)> {
    let of = |cell: &Value| (cell["number"].as_i64().unwrap(), cell["by_person"]["quickly"].as_bool().unwrap());
    let mut cells: Vec<_> = answer["cells"].as_array().unwrap().iter().map(of).collect();
    cells.sort_unstable();
    cells
}

#[test]
fn a_program_that_confirms_every_cell_at_once_has_seen_none_and_whoever_looks_has() {
    let station = station();
    let id = station.session("A-1");
    let rita = login(&station, "rita");
    let give = |cells: Value, class: &str| {
        rita("PUT", &format!("/api/sessions/{id}/cells"), json!({"cells": cells, "class": class})).json()
    };
    assert_eq!(quick(&give(json!([4]), "LYT")), [(4, true)], "its picture was never asked for");
    for cell in 1..=4 {
        assert_eq!(rita("GET", &format!("/api/sessions/{id}/cells/{cell}/crop.jpg"), Value::Null).status, 200);
    }
    assert_eq!(quick(&give(json!([1, 2, 3]), "NGS")), [(1, true), (2, true), (3, true)]);
    let seen = rita("GET", &format!("/api/sessions/{id}"), Value::Null).json();
    assert_eq!((&seen["looked_at"]["cells"], &seen["looked_at"]["quickly"]), (&json!(0), &json!(4)));
    assert_eq!(seen["camera_check"]["cells"], 0, "and they check no camera");

    sleep(Duration::from_millis(3100));
    assert_eq!(quick(&give(json!([1, 2]), "NGS")), [(1, false), (2, false)], "two looks");
    // The same again, at once, takes nothing away from the look; another class does.
    assert_eq!(quick(&give(json!([1]), "NGS")), [(1, false)]);
    assert_eq!(quick(&give(json!([2]), "NGB")), [(2, true)]);
    let back = rita("POST", &format!("/api/sessions/{id}/undo"), Value::Null).json();
    assert_eq!(quick(&back), [(2, false)], "what was taken back does not count");

    let seen = rita("GET", &format!("/api/sessions/{id}"), Value::Null).json();
    let of_class = json!({"LYT": {"cells": 0, "of": 1, "quickly": 1}, "NGS": {"cells": 2, "of": 3, "quickly": 1}});
    assert_eq!(seen["looked_at"], json!({"cells": 2, "of": 4, "quickly": 2, "classes": of_class}));
    let body = json!({"password": PASSWORD, "fingerprint": seen["fingerprint"]});
    assert_eq!(rita("POST", &format!("/api/sessions/{id}/sign"), body).status, 200);
    let words = "signed with 2 of 4 cells unseen, 2 of them seen quickly";
    let trail = station.store.audit(Some(id), None, 1000).unwrap();
    assert_eq!(trail.iter().find(|entry| entry.action == "sign").unwrap().detail["unseen"], words);
    let steps: Vec<&Value> = trail.iter().filter(|entry| entry.action == "reclassify").map(|e| &e.detail).collect();
    assert_eq!(steps.iter().filter(|detail| !detail["quickly"].is_null()).count(), 3, "{steps:?}");
    let csv = rita("GET", &format!("/api/sessions/{id}/report.csv"), Value::Null).body;
    let csv = String::from_utf8(csv).unwrap();
    assert!(csv.contains("Signed with 2 of 4 cells unseen."), "{csv}");
    let verdict = || station.store.verify_audit().unwrap();
    assert!(matches!(verdict(), AuditVerdict::Whole { .. }), "{:?}", verdict());
    let file = rusqlite::Connection::open(station.store.path()).unwrap();
    file.execute("DELETE FROM seen_quickly WHERE change = 1", []).unwrap();
    let AuditVerdict::Broken { why, .. } = verdict() else { panic!("a look was made up") };
    assert!(why.contains("whether a cell was seen quickly"), "{why}");
}

#[test]
fn blasts_that_were_only_seen_quickly_are_not_signed_without_a_word_and_not_exported_under_a_name() {
    let station = station();
    let id = station.store.begin(&stored::start("B-1")).unwrap();
    let cell = |number, class| stored::put(stored::cell(number, Kind::Wbc, Some(class), 0.9), Some(&stored::jpeg(9)));
    let cells = [cell(1, CellClass::Bla), cell(2, CellClass::Ngs)];
    station.store.finish(id, &cells, &stored::result("B-1"), &stored::settings()).unwrap();
    let rita = login(&station, "rita");
    // Both a blast that stays one, and one that was called harmless without a look.
    for class in ["BLA", "LYT"] {
        rita("PUT", &format!("/api/sessions/{id}/cells"), json!({"cells": [1], "class": class}));
        let seen = rita("GET", &format!("/api/sessions/{id}"), Value::Null).json();
        let body = json!({"password": PASSWORD, "fingerprint": seen["fingerprint"]});
        let refused = rita("POST", &format!("/api/sessions/{id}/sign"), body);
        assert_eq!((refused.status, refused.code().as_str()), (409, "unexplained"), "{class}");
        assert!(refused.error().contains("more quickly than anybody can look"), "{}", refused.error());
    }
    let folder = tempfile::tempdir().unwrap();
    let out = |name: &str, all: bool| {
        let to = folder.path().join(name);
        let done = export(&station.store, &look_up(&station.store, &[], &to).unwrap(), None, all, &to).unwrap();
        (done, std::fs::read_to_string(to.join("manifest.csv")).unwrap_or_default())
    };
    assert_eq!(out("open", false).0.cells, 0);
    let seen = rita("GET", &format!("/api/sessions/{id}"), Value::Null).json();
    let body = json!({"password": PASSWORD, "comment": "seen at the microscope", "fingerprint": seen["fingerprint"]});
    assert_eq!(rita("POST", &format!("/api/sessions/{id}/sign"), body).status, 200);
    let (done, manifest) = out("signed", true);
    assert_eq!((done.cells, done.quickly), (2, 1));
    assert!(!manifest.contains("rita"), "{manifest}");
    let row = |class: &str| manifest.lines().find(|line| line.starts_with(class)).unwrap().to_owned();
    assert!(row("LYT/").ends_with(",quickly,") && row("NGS/").ends_with(",no,"), "{manifest}");
}

#[test]
fn the_differential_leaves_out_what_a_person_says_is_no_cell() {
    let station = Station::in_network();
    let id = station.session("A-1");
    let rita = login(&station, "rita");
    let give = |cell: i64, class: &str| {
        let answer = rita("PUT", &format!("/api/sessions/{id}/cells"), json!({"cells": [cell], "class": class}));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["session"]["reviewed_result"].clone()
    };
    let count = |result: &Value, code: &str| {
        let lines = result["classes"].as_array().unwrap();
        lines.iter().find(|line| line["class"] == code).map_or(0, |line| line["count"].as_i64().unwrap())
    };
    let result = give(1, "ART");
    assert_eq!((&result["kinds"]["WBC"], &result["counted"], count(&result, "ART")), (&json!(3), &json!(3), 1));
    let result = give(2, "TWO");
    assert_eq!((&result["kinds"]["WBC"], &result["counted"], count(&result, "TWO")), (&json!(3), &json!(2), 1));
    let result = give(3, "LBL");
    assert_eq!(result["flags"][0], "blasts");
    assert_eq!(result["statistics"]["groups"]["blasts"][0], 50.0);
    let result = give(3, "PLC");
    assert_eq!(result["statistics"]["groups"]["plasma-cells"][0], 50.0);
    let result = give(3, "LYR");
    assert_eq!(result["statistics"]["groups"]["lymphocytes"][0], 100.0, "with the typical one");
    let detail = rita("GET", &format!("/api/sessions/{id}"), Value::Null).json();
    let body = json!({"password": PASSWORD, "fingerprint": detail["fingerprint"]});
    assert_eq!(rita("POST", &format!("/api/sessions/{id}/sign"), body).status, 200);
    for form in ["pdf", "csv", "json"] {
        assert_eq!(rita("GET", &format!("/api/sessions/{id}/report.{form}"), Value::Null).status, 200, "{form}");
    }
    let listed = rita("GET", "/api/classes", Value::Null).json();
    let by_people: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .filter(|class| class["by_people_alone"] == true)
        .map(|class| class["code"].as_str().unwrap())
        .collect();
    assert_eq!(by_people, ["ART", "LBL", "LYR", "PLC", "TWO"]);
    assert_eq!(
        station.store.looked_at_with(&stored::taken_with("simulated", "")).unwrap(),
        [],
        "nothing to learn from"
    );
}
