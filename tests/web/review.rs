//! Review and signature as the page and other programs do them, over real sockets and a real store, and their audit
//! trail.

use std::fmt::Write as _;

use crate::common::stored;
use crate::station::{PASSWORD, Station, login};
use jiff::Timestamp;
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::store::records::Role;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

#[test]
fn a_reviewer_reclassifies_takes_back_and_signs_and_the_trail_tells() {
    let station = Station::in_network();
    let id = station.session("A-1");
    let rita = login(&station, "rita");
    let give = |cells: Value, class: Value| {
        rita("PUT", &format!("/api/sessions/{id}/cells"), json!({"cells": cells, "class": class}))
    };
    let changed = give(json!([2]), json!("MYO")).json();
    assert_eq!((&changed["session"]["reclassified"], &changed["session"]["flags"]), (&json!(1), &json!(["blasts"])));
    assert_eq!(changed["cells"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&changed["cells"][0]["number"], &changed["cells"][0]["by_person"]["class"]),
        (&json!(2), &json!("MYO"))
    );
    assert_eq!(give(json!([3]), json!("EOS")).status, 200);
    let undone = rita("POST", &format!("/api/sessions/{id}/undo"), Value::Null).json();
    assert_eq!((&undone["cells"][0]["number"], &undone["cells"][0]["by_person"]), (&json!(3), &Value::Null));
    assert_eq!(give(json!([2]), Value::Null).json()["session"]["reclassified"], 0);
    for (wrong, status, code) in [
        (json!({"cells": [2]}), 400, "request"),
        (json!({"cells": [2], "class": "XXX"}), 400, "request"),
        (json!({"cells": [], "class": "EOS"}), 400, "request"),
        (json!({"cells": vec![2; 501], "class": "EOS"}), 400, "request"),
        (json!({"cells": [2, 99], "class": "EOS"}), 404, "not-found"),
        (json!({"cells": [2, 5], "class": "EOS"}), 409, "request"),
    ] {
        let answer = rita("PUT", &format!("/api/sessions/{id}/cells"), wrong.clone());
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{wrong}: {}", answer.error());
    }
    let none = rita("PUT", "/api/sessions/99/cells", json!({"cells": [1], "class": "EOS"}));
    assert_eq!((none.status, none.code().as_str()), (404, "not-found"));

    let detail = rita("GET", &format!("/api/sessions/{id}"), Value::Null).json();
    assert_eq!(detail["reclassified"], 0, "nothing of what was refused was done");
    let sign = format!("/api/sessions/{id}/sign");
    let signing =
        |password: &str| json!({"password": password, "comment": " seen twice ", "fingerprint": detail["fingerprint"]});
    let wrong = rita("POST", &sign, signing("wrong horse battery"));
    assert_eq!(
        (wrong.status, wrong.error().as_str(), wrong.code().as_str()),
        (403, "the password is wrong", "wrong-password")
    );
    let signed = rita("POST", &sign, signing(PASSWORD)).json();
    assert_eq!((&signed["by"], &signed["comment"]), (&json!("rita"), &json!("seen twice")));
    for late in [rita("POST", &sign, signing(PASSWORD)), give(json!([2]), json!("EOS"))] {
        assert_eq!((late.status, late.code().as_str()), (409, "signed"));
    }
    let detail = rita("GET", &format!("/api/sessions/{id}"), Value::Null).json();
    assert_eq!((&detail["status"], &detail["signed_by"]), (&json!("final"), &json!("rita")));

    let trail = station.trail();
    let by_rita: Vec<_> = trail.iter().filter(|(by, _)| by == "rita").map(|(_, action)| action.as_str()).collect();
    assert_eq!(by_rita, ["login", "reclassify", "reclassify", "undo", "reclassify", "sign", "view"]);
}

#[test]
fn cells_that_change_together_are_taken_back_together() {
    let station = Station::in_network();
    let id = station.session("A-1");
    let (rita, ada) = (login(&station, "rita"), login(&station, "ada"));
    let (cells, undo) = (format!("/api/sessions/{id}/cells"), format!("/api/sessions/{id}/undo"));
    let numbers = |answer: &Value| {
        answer["cells"].as_array().unwrap().iter().map(|cell| cell["number"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    rita("PUT", &cells, json!({"cells": [1], "class": "BAS"}));
    let changed = rita("PUT", &cells, json!({"cells": [3, 1, 2, 3], "class": "MYO"})).json();
    assert_eq!((numbers(&changed), &changed["session"]["reclassified"]), (vec![1, 2, 3], &json!(3)));
    let undone = rita("POST", &undo, Value::Null).json();
    assert_eq!((numbers(&undone).len(), &undone["session"]["reclassified"]), (3, &json!(1)));
    let first = undone["cells"].as_array().unwrap().iter().find(|cell| cell["number"] == 1).unwrap();
    assert_eq!(first["by_person"]["class"], "BAS", "what was said before");
    assert_eq!(numbers(&rita("POST", &undo, Value::Null).json()), [1]);
    assert_eq!(numbers(&rita("POST", &undo, Value::Null).json()), [0_i64; 0], "nothing is left to take back");

    rita("PUT", &cells, json!({"cells": [2, 3], "class": "EOS"}));
    ada("PUT", &cells, json!({"cells": [3], "class": "LYA"}));
    let late = rita("POST", &undo, Value::Null);
    assert_eq!((late.status, late.code().as_str()), (409, "request"));
    assert!(late.error().contains("somebody else"));
    let eos = rita("GET", &format!("{cells}?class=EOS"), Value::Null).json();
    assert_eq!(numbers(&eos), [2], "not half of a step is taken back");
    let lines = station.trail().into_iter().filter(|(_, action)| action == "reclassify" || action == "undo");
    assert_eq!(lines.count(), 6, "one line a step");
}

#[test]
fn only_the_result_that_was_looked_at_is_signed() {
    let station = Station::in_network();
    let id = station.session("A-1");
    let (rita, ada) = (login(&station, "rita"), login(&station, "ada"));
    let seen = rita("GET", &format!("/api/sessions/{id}"), Value::Null);
    let text = String::from_utf8(seen.body.clone()).unwrap();
    let (_, rest) = text.split_once("\"reviewed_result\":").unwrap();
    let (served, _) = rest.split_once(",\"fingerprint\":").unwrap();
    let mut hash = String::new();
    for byte in Sha256::digest(served) {
        write!(hash, "{byte:02x}").unwrap();
    }
    assert_eq!(seen.json()["fingerprint"], hash, "that of what is served");
    let sign = |fingerprint: &Value| {
        let body = json!({"password": PASSWORD, "fingerprint": fingerprint});
        rita("POST", &format!("/api/sessions/{id}/sign"), body)
    };
    ada("PUT", &format!("/api/sessions/{id}/cells"), json!({"cells": [2], "class": "MYO"}));
    let late = sign(&json!(hash));
    assert_eq!((late.status, late.code().as_str()), (409, "changed"));
    assert_eq!(rita("POST", &format!("/api/sessions/{id}/sign"), json!({"password": PASSWORD})).status, 400);
    let now = rita("GET", &format!("/api/sessions/{id}"), Value::Null).json();
    assert_eq!(sign(&now["fingerprint"]).status, 200);
    let running = station.store.begin(&crate::common::stored::start("A-2")).unwrap();
    let body = json!({"password": PASSWORD, "fingerprint": ""});
    let early = rita("POST", &format!("/api/sessions/{running}/sign"), body);
    assert_eq!((early.status, early.code().as_str()), (409, "not-done"));
}

#[test]
fn a_view_of_a_signed_session_is_one_line_of_the_trail_per_user_and_form_and_of_an_unsigned_one_none() {
    let station = Station::in_network();
    let (id, open) = (station.session("A-1"), station.session("A-2"));
    let (rita, otto) = (login(&station, "rita"), login(&station, "otto"));
    station.store.sign(id, "rita", Timestamp::now(), "").unwrap();
    for path in
        ["/cells/1/crop.jpg", "/cells", "/cells/1/saliency.png", "", "/report.pdf", "/report.json", "/report.pdf"]
    {
        otto("GET", &format!("/api/sessions/{id}{path}"), Value::Null);
        otto("GET", &format!("/api/sessions/{open}{path}"), Value::Null);
    }
    rita("GET", &format!("/api/sessions/{id}/cells/2/saliency.png"), Value::Null);
    login(&station, "ada")("GET", &format!("/api/sessions/{id}/cells/2/crop.jpg"), Value::Null);
    otto("GET", "/api/sessions", Value::Null);
    let mut views = station.store.audit(Some(id), None, 1000).unwrap();
    views.retain(|entry| entry.action == "view");
    views.reverse();
    let views: Vec<_> = views.iter().map(|view| (view.by.as_str(), view.detail["form"].as_str().unwrap())).collect();
    let forms =
        [("otto", "cells"), ("otto", "page"), ("otto", "pdf"), ("otto", "json"), ("rita", "cells"), ("ada", "cells")];
    assert_eq!(views, forms);
    assert!(station.store.audit(Some(open), None, 1000).unwrap().iter().all(|entry| entry.action != "view"));
}

#[test]
fn the_signature_holds_how_many_cells_were_looked_at() {
    let station = Station::in_network();
    let rita = login(&station, "rita");
    for (given, cells) in [(json!([]), 0), (json!([2, 3]), 2)] {
        let id = station.session("A-1");
        if cells > 0 {
            rita("PUT", &format!("/api/sessions/{id}/cells"), json!({"cells": given, "class": "NGS"}));
        }
        let before = rita("GET", &format!("/api/sessions/{id}"), Value::Null).json();
        let of_class = json!({"LYT": {"cells": 0, "of": 1}, "NGS": {"cells": cells, "of": 3}});
        let looked_at = json!({"cells": cells, "of": 4, "classes": of_class});
        assert_eq!(before["looked_at"], looked_at);
        let body = json!({"password": PASSWORD, "fingerprint": before["fingerprint"]});
        assert_eq!(rita("POST", &format!("/api/sessions/{id}/sign"), body).status, 200);
        let signed = rita("GET", &format!("/api/sessions/{id}"), Value::Null).json();
        assert_eq!(signed["looked_at"], looked_at);
        assert_eq!(signed["reviewed_result"]["looked_at"], signed["looked_at"], "part of what is signed");
        let trail = station.store.audit(Some(id), None, 1000).unwrap();
        let line = trail.iter().find(|entry| entry.action == "sign").unwrap();
        assert_eq!(line.detail["looked_at"], looked_at);
        assert_eq!(line.detail["unseen"], format!("signed with {} of 4 cells unseen", 4 - cells));
    }
}

#[test]
fn a_result_says_whether_its_camera_was_checked_and_a_signed_one_goes_on_saying_the_same() {
    let station = Station::in_network();
    let rita = login(&station, "rita");
    let (id, other) = (station.session("A-1"), station.session("A-2"));
    let look = |id: i64| rita("GET", &format!("/api/sessions/{id}"), Value::Null).json();
    let unchecked = json!({"camera": "simulated", "objective": "", "cells": 0, "agree": 0, "percent": null});
    assert_eq!(look(id)["camera_check"], unchecked);
    let says = |id: i64, cells: Value, class: &str| {
        rita("PUT", &format!("/api/sessions/{id}/cells"), json!({"cells": cells, "class": class}));
    };
    says(id, json!([2, 3]), "NGS");
    says(id, json!([3]), "NGS");
    let before = look(id);
    assert_eq!((&before["camera_check"]["cells"], &before["camera_check"]["agree"]), (&json!(2), &json!(2)));
    let body = json!({"password": PASSWORD, "fingerprint": before["fingerprint"]});
    assert_eq!(rita("POST", &format!("/api/sessions/{id}/sign"), body).status, 200);
    says(other, json!([1]), "BAS");
    assert_eq!(look(id)["camera_check"], before["camera_check"]);
    assert_eq!(look(id)["reviewed_result"]["camera_check"], before["camera_check"], "part of what is signed");
    let after = look(other);
    assert_eq!((&after["camera_check"]["cells"], &after["camera_check"]["agree"]), (&json!(3), &json!(2)));
}

#[test]
fn blasts_and_unclassified_cells_that_nobody_looked_at_are_not_signed_without_a_word() {
    let station = Station::in_network();
    let id = station.store.begin(&stored::start("B-1")).unwrap();
    let named = [CellClass::Bla, CellClass::Unk, CellClass::Ngs];
    let cells: Vec<_> =
        (1..).zip(named).map(|(number, class)| stored::cell(number, Kind::Wbc, Some(class), 0.9)).collect();
    let cells: Vec<_> = cells.into_iter().map(|cell| stored::put(cell, None)).collect();
    station.store.finish(id, &cells, &stored::result("B-1"), &stored::settings()).unwrap();
    let rita = login(&station, "rita");
    let sign = |comment: &str| {
        let seen = rita("GET", &format!("/api/sessions/{id}"), Value::Null).json();
        let body = json!({"password": PASSWORD, "comment": comment, "fingerprint": seen["fingerprint"]});
        rita("POST", &format!("/api/sessions/{id}/sign"), body)
    };
    for (seen, left) in [(None, "2 cells"), (Some(1), "1 cells")] {
        if let Some(cell) = seen {
            let confirmed = json!({"cells": [cell], "class": "MYO"});
            assert_eq!(rita("PUT", &format!("/api/sessions/{id}/cells"), confirmed).status, 200);
        }
        for comment in ["", "  \n "] {
            let answer = sign(comment);
            assert_eq!((answer.status, answer.code().as_str()), (409, "unexplained"));
            assert!(answer.error().contains(left), "{}", answer.error());
        }
    }
    assert_eq!(sign("the second cell lies under the label").status, 200);
}

#[test]
fn a_comment_that_no_report_can_print_is_refused_letter_by_letter() {
    let station = Station::in_network();
    let id = station.session("A-1");
    let rita = login(&station, "rita");
    let seen = rita("GET", &format!("/api/sessions/{id}"), Value::Null).json();
    let sign = |comment: &str| {
        let body = json!({"password": PASSWORD, "comment": comment, "fingerprint": seen["fingerprint"]});
        rita("POST", &format!("/api/sessions/{id}/sign"), body)
    };
    for (comment, named) in
        [("a\u{378}b", "U+0378"), ("a\u{202e}b", "U+202E"), ("a\u{0}b", "U+0000"), ("a\tb", "U+0009")]
    {
        let answer = sign(comment);
        assert_eq!((answer.status, answer.code().as_str()), (409, "request"), "{comment:?}");
        assert!(answer.error().contains(named), "{}", answer.error());
    }
    assert_eq!(sign("Répéter\u{202f}:\r\nfrottis épais").json()["comment"], "Répéter\u{202f}:\nfrottis épais");
}

#[test]
fn a_program_may_review_but_not_sign() {
    let station = Station::in_network();
    let id = station.session("A-1");
    let token = format!("Authorization: Bearer {}", station.token(Role::Admin));
    let body = r#"{"cells":[2],"class":"EOS"}"#;
    assert_eq!(station.ask("PUT", &format!("/api/sessions/{id}/cells"), &[&token], body).status, 200);
    let sign = format!(r#"{{"password":"{PASSWORD}","fingerprint":""}}"#);
    let signed = station.ask("POST", &format!("/api/sessions/{id}/sign"), &[&token], &sign);
    assert_eq!((signed.status, signed.code().as_str()), (403, "may-not"));
    assert!(signed.error().contains("only a person signs"));
    assert!(station.trail().contains(&("token:host".to_owned(), "reclassify".to_owned())));
}
