//! Amendments as the page makes them.

use leukoscope::config::SampleConfig;
use leukoscope::store::records::Role;
use serde_json::{Value, json};

use crate::station::{Answer, PASSWORD, Station, login};

/// Signs a session as it is now.
fn sign(by: &impl Fn(&str, &str, Value) -> Answer, id: i64) -> u16 {
    let fingerprint = by("GET", &format!("/api/sessions/{id}"), Value::Null).json()["fingerprint"].clone();
    let signing = json!({"password": PASSWORD, "comment": "looked at", "fingerprint": fingerprint});
    by("POST", &format!("/api/sessions/{id}/sign"), signing).status
}

#[test]
fn a_reviewer_amends_a_signed_result_with_a_reason_and_signs_again() {
    let station = Station::in_network();
    let id = station.session("A-1");
    let (rita, ada, otto) = (login(&station, "rita"), login(&station, "ada"), login(&station, "otto"));
    let amend = format!("/api/sessions/{id}/amend");
    assert_eq!(rita("POST", &amend, json!({"reason": "too early"})).status, 409, "it is not signed");
    assert_eq!(sign(&rita, id), 200);
    for (wrong, status) in [(json!({}), 400), (json!({"reason": " "}), 409), (json!({"reason": "x", "by": "me"}), 400)]
    {
        assert_eq!(rita("POST", &amend, wrong.clone()).status, status, "{wrong}");
    }
    assert_eq!(otto("POST", &amend, json!({"reason": "why"})).code(), "may-not");
    let bearer = format!("Authorization: Bearer {}", station.token(Role::Admin));
    let refused = station.ask("POST", &amend, &[&bearer], r#"{"reason": "why"}"#);
    assert_eq!((refused.status, refused.code().as_str()), (403, "may-not"), "only a person amends");

    let made = rita("POST", &amend, json!({"reason": "cell 4 is reactive"})).json()["session"].as_i64().unwrap();
    let twice = ada("POST", &amend, json!({"reason": "me too"}));
    assert_eq!((twice.status, twice.code().as_str()), (409, "amended"));
    let shown = |id: i64| rita("GET", &format!("/api/sessions/{id}"), Value::Null).json();
    let old = shown(id);
    assert_eq!((&old["status"], &old["amended_by"]["session"]), (&json!("final"), &json!(made)));
    assert_eq!((&old["amended_by"]["by"], &old["amended_by"]["signed_by"]), (&json!("rita"), &Value::Null));
    let new = shown(made);
    assert_eq!((&new["status"], &new["version"]), (&json!("preliminary"), &json!(2)));
    assert_eq!(new["reviewed_result"]["amends"]["reason"], "cell 4 is reactive");

    let class = json!({"cells": [4], "class": "LYA"});
    assert_eq!(rita("PUT", &format!("/api/sessions/{made}/cells"), class.clone()).status, 200);
    assert_eq!(rita("PUT", &format!("/api/sessions/{id}/cells"), class).code(), "signed", "the old one never changes");
    assert_eq!(sign(&ada, made), 200);
    assert_eq!((&shown(id)["amended_by"]["signed_by"], &shown(id)["status"]), (&json!("ada"), &json!("final")));
    let listed = |query: &str| {
        let answer = rita("GET", &format!("/api/sessions{query}"), Value::Null).json();
        answer["sessions"].as_array().unwrap().iter().map(|one| one["id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!((listed(""), listed("?replaced=true")), (vec![made], vec![made, id]));
    assert_eq!(listed("?status=final"), [made]);
    let actions: Vec<String> = station.trail().into_iter().map(|(_, action)| action).collect();
    assert!(actions.contains(&"amend".to_owned()), "{actions:?}");
}

#[test]
fn an_open_amendment_is_withdrawn_once_and_a_signed_one_never() {
    let station = Station::in_network();
    let id = station.session("A-1");
    let (rita, ada) = (login(&station, "rita"), login(&station, "ada"));
    assert_eq!(sign(&rita, id), 200);
    let begin = || {
        let answer = rita("POST", &format!("/api/sessions/{id}/amend"), json!({"reason": "why"}));
        answer.json()["session"].as_i64().unwrap()
    };
    let made = begin();
    let address = |id: i64| format!("/api/sessions/{id}/withdraw");
    let withdraw = |id: i64| ada("POST", &address(id), json!({"reason": "begun by mistake"}));
    assert_eq!(withdraw(id).status, 409, "no amendment");
    for (wrong, status) in [(json!({}), 400), (json!({"reason": " "}), 409)] {
        assert_eq!(rita("POST", &address(made), wrong.clone()).status, status, "{wrong}");
    }
    assert_eq!(withdraw(made).json()["session"], id, "an admin withdraws another person's");
    let line = station.store.audit(Some(id), None, 1).unwrap().remove(0);
    assert_eq!((line.by.as_str(), &line.detail["reason"]), ("ada", &json!("begun by mistake")));
    let of_ada = ada("POST", &format!("/api/sessions/{id}/amend"), json!({"reason": "why"})).json()["session"].as_i64();
    let refused = rita("POST", &address(of_ada.unwrap()), json!({"reason": "not mine"}));
    assert_eq!((refused.status, refused.code().as_str()), (403, "may-not"), "a reviewer only withdraws what is theirs");
    assert_eq!(withdraw(of_ada.unwrap()).status, 200);
    assert_eq!(withdraw(made).status, 404);
    let made = begin();
    assert_eq!(sign(&rita, made), 200);
    assert_eq!(withdraw(made).code(), "signed");
}

#[test]
fn an_amendment_corrects_the_sample_id_by_the_rules_that_hold_at_every_door() {
    let station = Station::in_network();
    let rules = SampleConfig { pattern: "[A-Z]-[0-9]+".to_owned(), refuse_names: true, ..SampleConfig::default() };
    station.in_force.set_rules(rules);
    let id = station.session("A-1");
    let rita = login(&station, "rita");
    assert_eq!(sign(&rita, id), 200);
    let amend = |sample: &str| {
        rita("POST", &format!("/api/sessions/{id}/amend"), json!({"reason": "tubes were swapped", "sample": sample}))
    };
    for (wrong, part) in
        [("Maria Lopez", "person's name"), ("17", "[A-Z]-[0-9]+"), ("A-1\u{200b}", "1 to 64 characters")]
    {
        let refused = amend(wrong);
        assert_eq!(refused.status, 400, "{wrong}");
        assert!(refused.error().contains(part), "{}", refused.error());
    }
    let made = amend(" A-2 ").json()["session"].as_i64().unwrap();
    let shown = rita("GET", &format!("/api/sessions/{made}"), Value::Null).json();
    assert_eq!((&shown["sample"], &shown["reviewed_result"]["amends"]["sample"]), (&json!("A-2"), &json!("A-1")));
    let known = rita("GET", "/api/samples?id=A-2", Value::Null).json();
    assert_eq!(known["earlier"]["session"], made, "a later correction to it is warned");
    let trail = rita("GET", &format!("/api/sessions/{id}"), Value::Null).json();
    assert_eq!(trail["sample"], "A-1", "the signed one never changes");
}
