//! The worklist as the page and other programs use it.

use jiff::Timestamp;
use leukoscope::store::records::Order;
use serde_json::{Value, json};

use crate::common::stored::start;
use crate::station::{Station, login};

#[test]
fn an_operator_puts_samples_on_the_worklist_and_takes_them_off() {
    let station = Station::in_network();
    let otto = login(&station, "otto");
    assert_eq!(otto("POST", "/api/worklist", json!({"sample": "A-1"})).status, 204);
    assert_eq!(otto("POST", "/api/worklist", json!({"sample": " A-2 ", "urgent": true})).status, 204);
    assert_eq!(otto("POST", "/api/worklist", json!({"sample": "A-1"})).status, 204, "twice is once");
    let listed = otto("GET", "/api/worklist", Value::Null).json()["samples"].clone();
    let shown: Vec<_> = listed.as_array().unwrap().iter().map(|one| (&one["sample"], &one["urgent"])).collect();
    assert_eq!(shown, [(&json!("A-2"), &json!(true)), (&json!("A-1"), &json!(false))]);
    assert_eq!(listed[0]["host"], "otto");
    let number = &listed[0]["number"];
    assert_eq!(otto("DELETE", &format!("/api/worklist/{number}"), Value::Null).status, 204);
    assert_eq!(otto("DELETE", &format!("/api/worklist/{number}"), Value::Null).status, 404);
    let first = start("A-1");
    station.store.begin(&leukoscope::store::records::SessionStart { started: Timestamp::now(), ..first }).unwrap();
    assert_eq!(otto("GET", "/api/worklist", Value::Null).json()["samples"], json!([]), "a sample that is counted");
}

#[test]
fn what_is_no_sample_id_is_not_ordered_and_a_full_list_says_so() {
    let station = Station::in_network();
    let otto = login(&station, "otto");
    for wrong in [json!({}), json!({"sample": ""}), json!({"sample": "A\u{7}"}), json!({"sample": "A", "for": "me"})] {
        let answer = otto("POST", "/api/worklist", wrong.clone());
        assert_eq!((answer.status, answer.code().as_str()), (400, "request"), "{wrong}");
    }
    for number in 0..1000 {
        let order = Order { sample: format!("A-{number}"), host: "astm".into(), order_id: None, urgent: false };
        station.store.order(&order, Timestamp::now()).unwrap();
    }
    let full = otto("POST", "/api/worklist", json!({"sample": "B-1"}));
    assert_eq!((full.status, full.error()), (409, "the worklist holds 1000 samples; count or cancel some".to_owned()));
}
