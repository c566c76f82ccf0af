//! What a laboratory gives to choose from, what is entered for a sample, comments that print, and how reports are shown.

use crate::station::{PASSWORD, Station, login};
use leukoscope::counting::session::snapshot::Command;
use leukoscope::counting::statistics::absolute::{Entered, WhiteCount};
use leukoscope::outputs::report::ranges::Ranges;
use serde_json::{Value, json};

fn with_ranges() -> Station {
    let range =
        "[[range]]\nof = \"NGS\"\nunit = \"percent\"\ngroup = \"adults\"\nlow = 40.0\nhigh = 70.0\nsource = \"own\"\n";
    Station::at("0.0.0.0:0", |web| {
        web.letterhead.ranges = Ranges::parse(range).unwrap();
        web.letterhead.phrases = vec!["Repeat the smear.".to_owned()];
    })
}

#[test]
fn a_white_count_and_a_group_are_entered_for_the_sample_being_counted_and_nothing_else_is_taken_for_one() {
    let station = with_ranges();
    let otto = login(&station, "otto");
    let ask = |body: Value| otto("POST", "/api/live/commands", body);
    assert_eq!(ask(json!({"command": "white", "white_count": 6.5})).status, 409, "no sample runs");
    assert_eq!(ask(json!({"command": "new", "sample": "A-17"})).status, 202);
    assert_eq!(ask(json!({"command": "white", "white_count": 6.5})).status, 202);
    assert_eq!(ask(json!({"command": "group", "group": "adults"})).status, 202);
    for wrong in [
        json!({"command": "white", "white_count": 6500}),
        json!({"command": "white", "red_count": 4.5}),
        json!({"command": "white"}),
        json!({"command": "group", "group": "Maria Lopez"}),
        json!({"command": "start", "white_count": 6.5}),
        json!({"command": "new", "white_count": 6.5}),
    ] {
        assert_eq!(ask(wrong.clone()).status, 400, "{wrong}");
    }
    let other = ask(json!({"command": "white", "white_count": 6.5, "sample": "A-18"}));
    assert_eq!(other.status, 409, "another sample is counted");
    let asked: Vec<Command> = station.asked.try_iter().map(|asked| asked.command).collect();
    let entered = [Entered::White(WhiteCount::new(6.5).unwrap()), Entered::Group("adults".to_owned())];
    assert_eq!(asked[1..], entered.map(Command::Enter));
}

#[test]
fn the_page_offers_the_groups_and_phrases_of_the_laboratory() {
    let station = with_ranges();
    let offered = login(&station, "otto")("GET", "/api/laboratory", Value::Null).json();
    assert_eq!(offered, json!({"groups": ["adults"], "phrases": ["Repeat the smear."]}));
}

#[test]
fn a_comment_that_would_not_print_is_refused_when_it_is_signed_and_its_letters_named() {
    let station = Station::in_network();
    let id = station.session("A-1");
    let rita = login(&station, "rita");
    let address = format!("/api/sessions/{id}");
    let fingerprint = rita("GET", &address, Value::Null).json()["fingerprint"].clone();
    let sign = |comment: &str| {
        rita(
            "POST",
            &format!("{address}/sign"),
            json!({"password": PASSWORD, "comment": comment, "fingerprint": fingerprint}),
        )
    };
    let refused = sign("seen \u{378} twice");
    assert!((400..=409).contains(&refused.status), "{}", refused.status);
    assert!(refused.error().contains("U+0378") && refused.error().contains("write it without"), "{}", refused.error());
    assert_eq!(rita("GET", &address, Value::Null).json()["signature"], Value::Null);
    assert_eq!(sign("Répété – 5 %").status, 200);
}

#[test]
fn a_report_is_saved_or_shown_and_a_label_is_a_small_one() {
    let station = Station::in_network();
    let id = station.session("A-17");
    let cookie = station.login("otto");
    let disposition = |path: &str| {
        let answer = station.by(&cookie, "GET", &format!("/api/sessions/{id}/{path}"), "");
        assert_eq!(answer.status, 200, "{path}");
        answer.header("content-disposition").unwrap().to_owned()
    };
    assert_eq!(disposition("report.pdf"), format!("attachment; filename=\"leukoscope-{id}-A-17.pdf\""));
    assert_eq!(disposition("report.pdf?show=true"), format!("inline; filename=\"leukoscope-{id}-A-17.pdf\""));
    assert_eq!(
        disposition("label.pdf?language=es"),
        format!("attachment; filename=\"leukoscope-{id}-A-17.label.pdf\"")
    );
}

#[test]
fn a_result_carries_the_ranges_that_hold_for_it_and_says_what_lies_below_or_above() {
    let ranges = "[[range]]\nof = \"NGS\"\nunit = \"percent\"\ngroup = \"adults\"\nlow = 40.0\nhigh = 70.0\nsource = \"own\"\n\
                  [[range]]\nof = \"LYT\"\nunit = \"percent\"\nlow = 30.0\nhigh = 45.0\nsource = \"own\"\n";
    let station = Station::at("0.0.0.0:0", |web| web.letterhead.ranges = Ranges::parse(ranges).unwrap());
    let id = station.session("A-17");
    let otto = login(&station, "otto");
    let shown = otto("GET", &format!("/api/sessions/{id}"), Value::Null).json();
    assert_eq!(shown["sample"], "A-17");
    let range =
        json!({"of": "LYT", "unit": "percent", "group": "", "low": 30.0, "high": 45.0, "source": "own", "mark": "L"});
    assert_eq!(shown["ranges"], json!([range]), "25 %; nobody said that adults' ranges hold");
    let report = otto("GET", &format!("/api/sessions/{id}/report.json"), Value::Null).json();
    assert_eq!(report["ranges"], shown["ranges"], "one place computes them");
}
