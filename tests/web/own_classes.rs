//! A laboratory's own classes over the API: given by their code, told beside the fixed class in result, reports and trail, and kept
//! where the configuration names them no more.

use leukoscope::config::ReviewConfig;
use leukoscope::domain::class::CellClass;
use leukoscope::domain::flag::Flag;
use leukoscope::domain::own_class::{GivenClass, OwnName};
use leukoscope::store::records::Role;
use serde_json::{Value, json};

use crate::common::stored::at;
use crate::station::{PASSWORD, Station, login};

fn station(own_classes: &str) -> Station {
    let own_classes = own_classes.parse().unwrap();
    Station::at("0.0.0.0:0", |web| web.review = ReviewConfig { fastest_ms: 0, own_classes, ..ReviewConfig::default() })
}

const TWO: &str = "HCL LYA hairy cell, GPL PLT =giant platelet";

#[test]
fn own_classes_are_listed_with_the_digits_that_pick_them() {
    let station = station(TWO);
    let rita = login(&station, "rita");
    let listed = rita("GET", "/api/own-classes", Value::Null).json();
    assert_eq!(
        listed,
        json!([
            {"code": "HCL", "name": "hairy cell", "class": "LYA", "key": "1"},
            {"code": "GPL", "name": "=giant platelet", "class": "PLT", "key": "2"},
        ])
    );
    assert_eq!(station.get("/api/own-classes", &[]).status, 401);
    assert_eq!(Station::at_device().get("/api/own-classes", &[]).json(), json!([]), "none as shipped");
}

#[test]
fn a_cell_given_an_own_class_counts_as_the_fixed_one_and_every_report_tells_both() {
    let station = station(TWO);
    let id = station.session("A-1");
    let rita = login(&station, "rita");
    let cells = format!("/api/sessions/{id}/cells");
    let given = rita("PUT", &cells, json!({"cells": [1, 2], "class": "HCL"})).json();
    let person = &given["cells"][0]["by_person"];
    assert_eq!((&person["class"], &person["own"]), (&json!("LYA"), &json!({"code": "HCL", "name": "hairy cell"})));
    let result = &given["session"]["reviewed_result"];
    let own = json!([{"code": "HCL", "name": "hairy cell", "class": "LYA", "count": 2}]);
    assert_eq!((&result["own_classes"], &result["classes"][0]["class"]), (&own, &json!("LYA")));
    assert_eq!(given["session"]["counted_result"].get("own_classes"), None);
    rita("PUT", &cells, json!({"cells": [3], "class": "GPL"}));
    let detail = rita("GET", &format!("/api/sessions/{id}"), Value::Null).json();
    assert_eq!(detail["reviewed_result"]["kinds"]["PLT"], 1, "a platelet as any other");

    let body = json!({"password": PASSWORD, "fingerprint": detail["fingerprint"]});
    assert_eq!(rita("POST", &format!("/api/sessions/{id}/sign"), body).status, 200);
    let report = |form: &str| rita("GET", &format!("/api/sessions/{id}/report.{form}?language=en"), Value::Null);
    let table = String::from_utf8(report("csv").body).unwrap();
    for line in [
        "own class cells,hairy cell,HCL,2,",
        "own class counts as,hairy cell,HCL,LYA,",
        "own class cells,'=giant platelet,GPL,1,",
    ] {
        assert!(table.contains(line), "{line}: {table}");
    }
    let report = report("json").json();
    assert_eq!(report["reviewed_result"]["own_classes"][0], own[0]);
    let own: Vec<&str> = report["cells"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|cell| cell["by_person"]["own"]["code"].as_str())
        .collect();
    assert_eq!(own.len(), 3);
    assert_eq!(rita("GET", &format!("/api/sessions/{id}/report.pdf"), Value::Null).status, 200);

    let ada = login(&station, "ada");
    let trail = String::from_utf8(ada("GET", "/api/audit.csv?language=en", Value::Null).body).unwrap();
    assert!(trail.contains("gave 2 cells the class hairy cell (HCL), counted as "), "{trail}");
}

#[test]
fn what_is_no_class_is_refused_with_those_that_are() {
    let station = station(TWO);
    let id = station.session("A-1");
    let rita = login(&station, "rita");
    for code in ["SEZ", "hcl", "HCL hairy cell", "", "hairy cell", "LYA\0", "\u{1F600}"] {
        let refused = rita("PUT", &format!("/api/sessions/{id}/cells"), json!({"cells": [1], "class": code}));
        assert_eq!((refused.status, refused.code().as_str()), (400, "request"), "{code}");
        assert!(refused.error().contains("HCL GPL"), "{}", refused.error());
    }
    for odd in [json!(7), json!({"code": "HCL"}), json!(["HCL"])] {
        let refused = rita("PUT", &format!("/api/sessions/{id}/cells"), json!({"cells": [1], "class": odd}));
        assert_eq!(refused.status, 400, "{odd}");
    }
    let token = station.token(Role::Operator);
    let (body, token) = (json!({"cells": [1], "class": "HCL"}).to_string(), format!("Authorization: Bearer {token}"));
    assert_eq!(station.ask("PUT", &format!("/api/sessions/{id}/cells"), &[&token], &body).status, 403);
    assert!(station.store.cell(id, 1).unwrap().unwrap().by_person.is_none());
}

/// A cell that holds an own class which the configuration does not name, as after it was taken out.
fn taken_out() -> (Station, i64) {
    let station = station("SEZ LYA Sezary cell");
    let id = station.session("A-1");
    let own = Some(OwnName { code: "HCL".into(), name: "hairy cell".into() });
    let given = GivenClass { class: CellClass::Lya, own };
    station.store.reclassify_seen(id, &[1, 2], Some(&given), "rita", at(70), |_| false).unwrap();
    (station, id)
}

#[test]
fn an_own_class_taken_out_of_the_configuration_stays_with_the_cells_that_hold_it() {
    let (station, id) = taken_out();
    let (rita, ada) = (login(&station, "rita"), login(&station, "ada"));
    let shown = rita("GET", &format!("/api/sessions/{id}"), Value::Null).json();
    assert_eq!(shown["reviewed_result"]["own_classes"][0]["name"], "hairy cell");
    let cells = format!("/api/sessions/{id}/cells");
    for others in [json!([3]), json!([1, 3]), json!([1, 99])] {
        let refused = ada("PUT", &cells, json!({"cells": others, "class": "HCL"}));
        assert_eq!(refused.status, if others == json!([1, 99]) { 404 } else { 400 }, "{others}: nothing new by it");
    }
    let same = ada("PUT", &cells, json!({"cells": [1, 2], "class": "HCL"}));
    assert_eq!(same.status, 200, "whoever looks again may say the same again");
    assert_eq!(same.json()["cells"][0]["by_person"]["own"]["name"], "hairy cell");
    assert_eq!(ada("PUT", &cells, json!({"cells": [1], "class": "SEZ"})).status, 200);
    let undone = ada("POST", &format!("/api/sessions/{id}/undo"), Value::Null).json();
    assert_eq!(undone["cells"][0]["by_person"]["own"]["code"], "HCL", "undo brings it back");
}

#[test]
fn the_page_names_the_own_classes_on_which_two_reviewers_differ() {
    let station = station("HCL LYA hairy cell, SEZ LYA Sezary cell");
    station.store.ask_two_for(&[Flag::Blasts]);
    let id = station.session("A-1");
    let (rita, ada) = (login(&station, "rita"), login(&station, "ada"));
    let cells = format!("/api/sessions/{id}/cells");
    rita("PUT", &cells, json!({"cells": [2], "class": "BLA"}));
    rita("PUT", &cells, json!({"cells": [1], "class": "HCL"}));
    let shown = || rita("GET", &format!("/api/sessions/{id}"), Value::Null).json();
    let sign = |who: &dyn Fn(&str, &str, Value) -> crate::station::Answer, comment: &str| {
        let body = json!({"password": PASSWORD, "comment": comment, "fingerprint": shown()["fingerprint"]});
        who("POST", &format!("/api/sessions/{id}/sign"), body)
    };
    assert_eq!(sign(&rita, "a blast").json()["awaits_second"], true);
    ada("PUT", &cells, json!({"cells": [1], "class": "SEZ"}));
    let differs = shown()["reviewed_result"]["first_reviewer"]["differs"].clone();
    assert_eq!((&differs[0]["first"], &differs[0]["second"]), (&json!("LYA"), &json!("LYA")));
    assert_eq!(
        (&differs[0]["first_own"]["code"], &differs[0]["second_own"]["name"]),
        (&json!("HCL"), &json!("Sezary cell"))
    );
    assert_eq!(sign(&ada, "").code(), "differ");
    assert_eq!(sign(&ada, "nuclei with folds").status, 200);
    let pdf = ada("GET", &format!("/api/sessions/{id}/report.pdf"), Value::Null);
    assert_eq!(pdf.status, 200);
}
