//! Two reviewers over the API: the first signature leaves a result preliminary, another person's makes it final.

use leukoscope::domain::flag::Flag;
use serde_json::{Value, json};

use crate::station::{PASSWORD, Station, login};

#[test]
fn two_persons_sign_a_flagged_result_or_hand_it_back() {
    let station = Station::in_network();
    station.store.ask_two_for(&[Flag::Blasts]);
    let id = station.session("A-1");
    let (rita, ada, otto) = (login(&station, "rita"), login(&station, "ada"), login(&station, "otto"));
    let at = |what: &str| format!("/api/sessions/{id}/{what}");
    assert_eq!(
        rita("PUT", &at("cells"), json!({"cells": [1], "class": "BLA"})).json()["session"]["flags"],
        json!(["blasts"])
    );
    let shown = || rita("GET", &format!("/api/sessions/{id}"), Value::Null).json();
    assert_eq!(shown()["needs_second"], true);
    let signing =
        |comment: &str| json!({"password": PASSWORD, "comment": comment, "fingerprint": shown()["fingerprint"]});
    let stale = signing("late");
    let first = rita("POST", &at("sign"), signing("a blast"));
    assert_eq!(
        (first.status, &first.json()["awaits_second"], &first.json()["sha256"]),
        (200, &json!(true), &Value::Null)
    );
    assert_eq!((&shown()["status"], &shown()["awaits_second"]), (&json!("preliminary"), &json!("rita")));
    assert_eq!(rita("POST", &at("sign"), signing("again")).code(), "second-needed");
    assert_eq!(rita("PUT", &at("cells"), json!({"cells": [2], "class": "EOS"})).code(), "second-needed");
    assert_eq!(ada("POST", &at("sign"), stale).code(), "changed", "she had not seen the first signature");
    assert_eq!(otto("POST", &at("hand-back"), json!({"comment": "no"})).code(), "may-not");
    assert_eq!(rita("POST", &at("hand-back"), json!({"comment": "mine"})).status, 409);
    assert_eq!(ada("POST", &at("hand-back"), json!({"comment": ""})).status, 409);

    assert_eq!(ada("PUT", &at("cells"), json!({"cells": [1], "class": "MON"})).status, 200);
    let differs = shown()["reviewed_result"]["first_reviewer"]["differs"].clone();
    assert_eq!(differs, json!([{"cell": 1, "first": "BLA", "second": "MON", "program": "NGS"}]));
    assert_eq!(ada("POST", &at("sign"), signing("")).code(), "differ");
    assert_eq!(ada("POST", &at("hand-back"), json!({"comment": "a monocyte, I think"})).status, 204);
    assert_eq!(ada("POST", &at("hand-back"), json!({"comment": "twice"})).status, 409);
    assert_eq!(rita("POST", &at("sign"), signing("agreed")).json()["awaits_second"], true);
    let second = ada("POST", &at("sign"), signing("seen")).json();
    assert_eq!((&second["awaits_second"], second["sha256"].as_str().map(str::len)), (&json!(false), Some(64)));
    assert_eq!((&shown()["status"], &shown()["signed_by"]), (&json!("final"), &json!("ada")));
}
