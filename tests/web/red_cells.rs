//! Red cells over the API: shown with what they look like, given other classes by people, told in the result and in the trail.

use serde_json::{Value, json};

use crate::common::stored::{red_cells, red_result, settings, start};
use crate::station::{PASSWORD, Station, login};

/// A session of [`red_cells`] that was counted at a station.
fn station() -> (Station, i64) {
    counted(Station::in_network())
}

fn counted(station: Station) -> (Station, i64) {
    let id = station.store.begin(&start("A-1")).unwrap();
    station.store.finish(id, &red_cells(), &red_result("A-1"), &settings()).unwrap();
    (station, id)
}

fn numbers(answer: &Value) -> Vec<i64> {
    answer["cells"].as_array().unwrap().iter().map(|cell| cell["number"].as_i64().unwrap()).collect()
}

#[test]
fn red_cells_are_listed_least_sure_first_with_what_they_look_like_and_their_pictures() {
    let (station, id) = station();
    let rita = login(&station, "rita");
    let get = |what: &str| rita("GET", &format!("/api/sessions/{id}/{what}"), Value::Null);
    let all = get("cells?kind=RBC").json();
    assert_eq!(numbers(&all), [21, 22, 23, 20, 24, 5, 6]);
    let cell = &all["cells"][0];
    assert_eq!((&cell["class"], &cell["by_person"]), (&Value::Null, &Value::Null), "those are of white cells");
    assert_eq!(
        cell["red"],
        json!({"class": "TARGET", "probability": 0.5, "ranked": [["TARGET", 0.5], ["UNK", 0.5]], "graded": true,
            "diameter_um": 7.25, "pallor": 0.34, "by_person": null})
    );
    assert!(all["cells"][5].get("red").is_none(), "not named");
    assert_eq!(numbers(&get("cells?kind=RBC&pictured=true").json()), [21, 22, 23, 20]);
    assert_eq!(numbers(&get("cells?kind=RBC&class=TARGET&pictured=true").json()), [21, 20]);
    assert_eq!(numbers(&get("cells?kind=WBC&pictured=true").json()).len(), 4);
    assert_eq!(get("cells/22/crop.jpg").status, 200);
    assert_eq!(get("cells/24/crop.jpg").status, 404);
    assert_eq!(get("cells/22/saliency.png").status, 404, "of white cells only");
    for (wrong, words) in [("cells?kind=RBC&class=NGS", "RBC_NORMAL"), ("cells?kind=WBC&class=TARGET", "NGS")] {
        let refused = get(wrong);
        assert_eq!((refused.status, refused.code().as_str()), (400, "request"), "{wrong}");
        assert!(refused.error().contains(words), "the codes that there are: {}", refused.error());
    }
    assert_eq!(get("cells?class=UNK").json()["cells"], json!([]), "a class without a kind is of white cells");
    assert_eq!(station.get(&format!("/api/sessions/{id}/cells?kind=RBC"), &[]).status, 401);
}

#[test]
fn the_classes_of_red_cells_are_listed_with_the_keys_that_pick_them() {
    let (station, _) = station();
    let listed = login(&station, "otto")("GET", "/api/red-classes", Value::Null).json();
    assert_eq!(listed.as_array().unwrap().len(), 13);
    assert_eq!(listed[0], json!({"code": "RBC_NORMAL", "name": "normal red cell", "group": "normal", "key": "n"}));
    assert_eq!(listed[10]["group"], Value::Null);
    assert_eq!(station.get("/api/red-classes", &[]).status, 401);
}

#[test]
fn a_reviewer_gives_red_cells_another_class_and_the_result_the_reports_and_the_trail_tell() {
    let (station, id) = station();
    let rita = login(&station, "rita");
    let cells = format!("/api/sessions/{id}/cells");
    let give = |numbers: Value, class: Value| rita("PUT", &cells, json!({"cells": numbers, "class": class}));
    let given = give(json!([20, 21]), json!("SCHISTOCYTE")).json();
    assert_eq!((&given["session"]["red_reclassified"], &given["session"]["reclassified"]), (&json!(2), &json!(0)));
    assert_eq!(given["cells"][0]["red"]["by_person"]["class"], "SCHISTOCYTE");
    let count = |result: &Value, class: &str| {
        let lines = result["red_cells"]["classes"].as_array().unwrap();
        lines.iter().find(|line| line["class"] == class).map(|line| line["count"].clone()).unwrap()
    };
    let (counted, reviewed) = (&given["session"]["counted_result"], &given["session"]["reviewed_result"]);
    assert_eq!((count(counted, "SCHISTOCYTE"), count(reviewed, "SCHISTOCYTE")), (json!(1), json!(3)));
    // `UNK` and the program's class are of both kinds: the cells tell.
    assert_eq!(give(json!([22]), json!("UNK")).json()["cells"][0]["red"]["by_person"]["class"], "UNK");
    assert_eq!(give(json!([1]), json!("UNK")).json()["cells"][0]["by_person"]["class"], "UNK");
    assert_eq!(give(json!([22]), Value::Null).json()["cells"][0]["red"]["by_person"], Value::Null);
    assert_eq!(give(json!([1]), Value::Null).json()["session"]["reclassified"], 0);
    let undone = rita("POST", &format!("/api/sessions/{id}/undo"), Value::Null).json();
    assert_eq!(undone["cells"][0]["by_person"]["class"], "UNK", "the step before, of a white cell");
    give(json!([1]), Value::Null);

    let detail = rita("GET", &format!("/api/sessions/{id}"), Value::Null).json();
    let body = json!({"password": PASSWORD, "comment": "seen", "fingerprint": given["session"]["fingerprint"]});
    assert_eq!(rita("POST", &format!("/api/sessions/{id}/sign"), body.clone()).status, 200, "it is what it was then");
    assert_eq!(detail["fingerprint"], given["session"]["fingerprint"]);
    assert_eq!(give(json!([20]), json!("BURR")).code(), "signed");
    let report = rita("GET", &format!("/api/sessions/{id}/report.json"), Value::Null).json();
    assert_eq!(count(&report["reviewed_result"], "SCHISTOCYTE"), json!(3));
    let ada = login(&station, "ada");
    let trail = String::from_utf8(ada("GET", "/api/audit.csv?language=en", Value::Null).body).unwrap();
    assert!(trail.contains("gave 2 cells the class Schistocyte: 20, 21."), "{trail}");
    let line = station.store.audit(Some(id), None, 100).unwrap();
    assert!(line.iter().any(|line| line.detail["kind"] == "RBC" && line.detail["to"] == "SCHISTOCYTE"));
}

#[test]
fn classes_of_the_other_kind_and_cells_of_both_kinds_are_refused_with_a_sentence() {
    let (station, id) = station();
    let (rita, otto) = (login(&station, "rita"), login(&station, "otto"));
    let cells = format!("/api/sessions/{id}/cells");
    for (numbers, class, status, words) in [
        (json!([20]), json!("NGS"), 409, "cell 20 is a red cell"),
        (json!([1]), json!("TARGET"), 409, "cell 1 is no red cell"),
        (json!([1, 20]), json!("UNK"), 409, "cell 20 is a red cell"),
        (json!([20, 1]), json!("UNK"), 409, "cell 1 is no red cell"),
        (json!([20, 1]), Value::Null, 409, "cell 1 is no red cell"),
        (json!([20, 5]), json!("BURR"), 409, "red cell 5 was not named"),
        (json!([20, 999]), json!("BURR"), 404, "has no cell 999"),
        (json!([20]), json!("target"), 400, "RBC_NORMAL"),
        (json!([20]), json!("HCL"), 400, "RBC_NORMAL"),
        (json!([1]), json!("target"), 400, "NGS"),
        (json!([20]), json!(7), 400, ""),
    ] {
        let refused = rita("PUT", &cells, json!({"cells": numbers, "class": class}));
        assert_eq!(refused.status, status, "{numbers} {class}: {}", refused.error());
        assert!(refused.error().contains(words), "{numbers} {class}: {}", refused.error());
    }
    assert_eq!(otto("PUT", &cells, json!({"cells": [20], "class": "BURR"})).status, 403);
    let detail = rita("GET", &format!("/api/sessions/{id}"), Value::Null).json();
    assert_eq!((&detail["red_reclassified"], &detail["reclassified"]), (&json!(0), &json!(0)));
    assert_eq!(detail["reviewed_result"], detail["counted_result"]);
}

#[test]
fn red_cells_named_before_their_pictures_were_sent_are_seen_quickly() {
    let (station, id) = counted(Station::at("0.0.0.0:0", |web| web.review.fastest_ms = 1500));
    let rita = login(&station, "rita");
    let given = rita("PUT", &format!("/api/sessions/{id}/cells"), json!({"cells": [20], "class": "BURR"})).json();
    assert_eq!(given["cells"][0]["red"]["by_person"]["quickly"], true);
}
