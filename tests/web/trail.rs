//! The audit trail for people: sentences, searches, exports; and what the store keeps.

use crate::station::{Station, login};
use leukoscope::domain::class::CellClass;
use leukoscope::store::FILE;
use leukoscope::store::records::Order;
use serde_json::{Value, json};

use crate::common::stored::at;

/// A signed session of A-1, a session of B-2, and an order of C-3.
fn filled() -> Station {
    let station = Station::in_network();
    let id = station.session("A-1");
    station.store.reclassify(id, 2, Some(CellClass::Ngb), "rita", at(70)).unwrap();
    station.store.sign(id, "rita", at(90), "").unwrap();
    station.session("B-2");
    let order = Order { sample: "C-3".into(), host: "astm".into(), order_id: None, urgent: false };
    station.store.order(&order, at(3 * 24 * 3600)).unwrap();
    station
}

fn said(answer: &Value) -> Vec<&str> {
    answer["entries"].as_array().unwrap().iter().map(|entry| entry["said"].as_str().unwrap()).collect()
}

#[test]
fn each_line_is_a_sentence_in_the_language_that_is_asked_for() {
    let station = filled();
    let ada = login(&station, "ada");
    let of = |language: &str| ada("GET", &format!("/api/audit?session=1&language={language}"), Value::Null).json();
    let english = of("en");
    assert_eq!(
        said(&english),
        [
            "rita signed the result of 4 cells; a person had looked at 1 of 4 cells.",
            "rita gave cell 2 the class Neutrophil (band).",
            "The result was stored: number 1, 4 cells.",
            "The station began to count sample A-1.",
        ]
    );
    let spanish = of("es");
    assert_eq!(said(&spanish)[3], "La estación empezó a contar la muestra A-1.");
    assert!(english["actions"].as_array().unwrap().contains(&json!("sign")));
    assert_eq!(ada("GET", "/api/audit?language=../x", Value::Null).status, 400);
}

#[test]
fn lines_are_found_by_sample_person_action_and_time() {
    let station = filled();
    let ada = login(&station, "ada");
    let found = |query: &str| {
        let answer = ada("GET", &format!("/api/audit?{query}"), Value::Null);
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
        answer.json()["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["action"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(found("sample=a-1"), ["sign", "reclassify", "result", "begin"]);
    assert_eq!(found("sample=B-2"), ["result", "begin"]);
    assert_eq!(found("sample=c-3"), ["order"]);
    assert_eq!(found("sample=nobody"), [""; 0]);
    assert_eq!(found("person=rita&sample=A-1"), ["sign", "reclassify"]);
    assert_eq!(found("action=sign"), ["sign"]);
    assert_eq!(found("person=otto"), ["add user"], "also whom it was done to");
    let day = at(2 * 24 * 3600);
    assert_eq!(found(&format!("from={day}&action=order")), ["order"]);
    assert_eq!(found(&format!("to={day}&action=order")), [""; 0]);
    assert_eq!(found("sample=A-1&after=0&limit=2"), ["begin", "result"], "oldest first");
    assert_eq!(found("sample=%27%3B--"), [""; 0]);
    for wrong in ["from=yesterday", "session=x", "nonsense=1"] {
        assert_eq!(ada("GET", &format!("/api/audit?{wrong}"), Value::Null).status, 400, "{wrong}");
    }
}

#[test]
fn a_sample_whose_id_was_changed_by_hand_is_found_by_both_and_told_in_a_sentence() {
    let station = filled();
    let file = rusqlite::Connection::open(station.state.path().join(FILE)).unwrap();
    file.execute_batch("UPDATE session SET sample = 'X-9' WHERE sample = 'A-1'").unwrap();
    let ada = login(&station, "ada");
    for sample in ["A-1", "X-9"] {
        let found = ada("GET", &format!("/api/audit?sample={sample}"), Value::Null).json();
        assert_eq!(found["entries"].as_array().unwrap().len(), 4, "{sample}");
        let problem = found["problem"].as_str().unwrap();
        assert_eq!(found["whole"], false);
        assert!(problem.contains("session 1, sample A-1: its sample id is X-9, and was A-1"), "{problem}");
    }
}

#[test]
fn the_trail_leaves_as_a_table_or_as_lines_and_says_so() {
    let station = filled();
    station.session("=HYPERLINK(1)");
    let ada = login(&station, "ada");
    let csv = ada("GET", "/api/audit.csv?session=1", Value::Null);
    assert_eq!((csv.status, csv.header("content-type")), (200, Some("text/csv; charset=utf-8")));
    assert!(csv.header("content-disposition").unwrap().contains("leukoscope-trail-"), "{csv:?}");
    let text = String::from_utf8(csv.body).unwrap();
    let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().collect();
    assert_eq!(lines[0], "line,time,who,action,session,sample,sentence,detail,hash");
    assert_eq!(lines.len(), 5);
    assert!(lines[1].contains(",begin,1,A-1,The station began to count sample A-1.,"), "{}", lines[1]);
    let text = String::from_utf8(ada("GET", "/api/audit.csv?sample=hyper", Value::Null).body).unwrap();
    assert!(text.contains(",'=HYPERLINK(1),"), "no formula for a spreadsheet: {text}");

    let lines = ada("GET", "/api/audit.jsonl?action=sign&language=fr", Value::Null);
    let line: Value = serde_json::from_slice(&lines.body).unwrap();
    assert_eq!((&line["by"], &line["session"]), (&json!("rita"), &json!(1)));
    assert!(line["said"].as_str().unwrap().starts_with("rita a signé le résultat"), "{line}");
    assert_eq!(line["hash"].as_str().unwrap().len(), 64);

    let noted = ada("GET", "/api/audit?action=export", Value::Null).json();
    assert_eq!(said(&noted)[0], "ada exported lines of the audit trail (jsonl): 1.");
    assert_eq!(noted["entries"].as_array().unwrap().len(), 3);
    let rita = login(&station, "rita");
    for path in ["/api/audit.csv", "/api/audit.jsonl"] {
        assert_eq!(rita("GET", path, Value::Null).status, 403, "{path}");
    }
}

#[test]
fn everybody_sees_what_is_kept_and_what_goes_next() {
    let station = filled();
    let keeping = login(&station, "otto")("GET", "/api/keeping", Value::Null).json();
    assert_eq!((&keeping["crops_days"], &keeping["limit"]), (&json!(90), &json!(2_000_000_000_u64)));
    assert!(keeping["used"].as_u64().unwrap() > 0 && keeping["free"].as_u64().unwrap() > 0, "{keeping}");
    assert_eq!((&keeping["too_large"], &keeping["by_size"][0]["what"]), (&json!(false), &json!("pictures")));
    assert_eq!((&keeping["by_size"][0]["sessions"], &keeping["by_age"][0]["why"]), (&json!(2), &json!("age")));
}
