//! Sample ids before a count begins: their rules, what is known of them, and worklists from a table.

use leukoscope::config::SampleConfig;
use leukoscope::counting::session::snapshot::Command;
use leukoscope::domain::check_digit::CheckDigit;
use serde_json::{Value, json};

use crate::station::Station;

fn with_rules() -> Station {
    let station = Station::at_device();
    let pattern = "[0-9]{4,12}".to_owned();
    let check_digit = CheckDigit::Luhn;
    station.in_force.set_rules(SampleConfig { pattern, check_digit, refuse_names: true, ..SampleConfig::default() });
    station
}

#[test]
fn every_door_of_the_page_holds_an_id_to_the_rules() {
    let station = with_rules();
    let begin = |sample: &str| {
        station.ask("POST", "/api/live/commands", &[], &json!({"command": "new", "sample": sample}).to_string())
    };
    let order = |sample: &str| station.ask("POST", "/api/worklist", &[], &json!({"sample": sample}).to_string());
    let known = |sample: &str| station.get(&format!("/api/samples?id={}", sample.replace(' ', "%20")), &[]).json();
    for (id, part) in [("Maria Lopez", "person's name"), ("79927398731", "check character"), ("A-17", "[0-9]{4,12}")] {
        for answer in [begin(id), order(id)] {
            assert_eq!(answer.status, 400, "{id}");
            assert!(answer.error().contains(part), "{}", answer.error());
        }
        assert!(known(id)["problem"].as_str().unwrap().contains(part));
    }
    assert_eq!((begin("79927398713").status, order("79927398713").status), (202, 204));
    let found = known("79927398713");
    assert_eq!((&found["problem"], &found["earlier"]), (&Value::Null, &Value::Null));
    assert_eq!(found["ordered"]["sample"], "79927398713");
    assert_eq!(station.asked.try_iter().count(), 1, "nothing that was refused reached the count");
}

#[test]
fn an_earlier_result_is_told_before_the_count_begins_with_who_signed_and_its_leading_figures() {
    let station = Station::at_device();
    let known = || station.get("/api/samples?id=A-17", &[]).json();
    let id = station.session("A-17");
    station.session("A-170");
    let earlier = &known()["earlier"];
    assert_eq!(
        (&earlier["session"], &earlier["status"], &earlier["signed_by"]),
        (&json!(id), &json!("preliminary"), &Value::Null)
    );
    station.store.sign(id, "rita", jiff::Timestamp::now(), "").unwrap();
    let earlier = &known()["earlier"];
    assert_eq!((&earlier["signed_by"], &earlier["counted"]), (&json!("rita"), &json!(4)));
    let leading: Vec<&Value> = earlier["leading"].as_array().unwrap().iter().map(|one| &one["class"]).collect();
    assert_eq!(leading, ["NGS", "LYT"]);
    assert!(station.trail().contains(&("device".into(), "view".into())), "{:?}", station.trail());
    assert_eq!(station.get("/api/samples?id=%20A-17%20", &[]).json()["sample"], "A-17");
    assert_eq!(station.get("/api/samples", &[]).status, 400);
}

#[test]
fn where_a_laboratory_wants_an_id_no_count_begins_without_one() {
    let station = Station::at_device();
    let ask = |body: Value| station.ask("POST", "/api/live/commands", &[], &body.to_string());
    assert_eq!(ask(json!({"command": "new"})).status, 202, "as shipped");
    assert_eq!(ask(json!({"command": "stop"})).status, 202);
    station.in_force.set_rules(SampleConfig { nameless: false, ..SampleConfig::default() });
    for command in ["new", "start"] {
        let answer = ask(json!({"command": command}));
        assert_eq!(answer.status, 400);
        assert!(answer.error().contains("no sample id"), "{}", answer.error());
    }
    assert_eq!(ask(json!({"command": "new", "sample": "A-1"})).status, 202);
    assert_eq!(ask(json!({"command": "start"})).status, 202, "it begins nothing while a sample is counted");
}

#[test]
fn a_red_count_reaches_only_the_sample_it_was_entered_for() {
    let station = Station::at_device();
    let ask = |body: Value| station.ask("POST", "/api/live/commands", &[], &body.to_string());
    let red = |sample: &str| ask(json!({"command": "red", "red_count": 4.5, "sample": sample}));
    assert_eq!(red("A-1").code(), "no-count");
    assert_eq!(ask(json!({"command": "new", "sample": "A-1"})).status, 202);
    assert_eq!(red("A-1").status, 202);
    // A dialog that was left open while another sample began.
    assert_eq!(ask(json!({"command": "new", "sample": "A-2"})).status, 202);
    let refused = red("A-1");
    assert_eq!(refused.status, 409);
    assert!(refused.error().contains("A-1 is not being counted"), "{}", refused.error());
    let asked: Vec<Command> = station.asked.try_iter().map(|asked| asked.command).collect();
    assert!(matches!(&asked[1], Command::EnterFor(sample, _) if sample == "A-1"), "{asked:?}");
    assert_eq!(asked.len(), 3);
}

#[test]
fn a_table_is_shown_first_and_its_good_lines_are_taken_only_then() {
    let station = with_rules();
    let text = "sample;urgent\n79927398713;yes\nMaria Lopez;\n18;\n";
    let import = |take: bool| {
        let answer = station.ask("POST", "/api/worklist/import", &[], &json!({"text": text, "take": take}).to_string());
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    };
    let waiting = || station.get("/api/worklist", &[]).json()["samples"].as_array().unwrap().len();
    let shown = import(false);
    assert_eq!((shown["good"].as_array().unwrap().len(), &shown["new"], waiting()), (1, &Value::Null, 0));
    let bad: Vec<&Value> = shown["bad"].as_array().unwrap().iter().map(|bad| &bad["line"]).collect();
    assert_eq!(bad, [3, 4]);
    let taken = import(true);
    assert_eq!((&taken["new"], waiting()), (&json!(1), 1));
    assert_eq!(import(true)["new"], 0, "the same list twice is one");
    let refused = station.ask("POST", "/api/worklist/import", &[], &json!({"text": "a,b,c"}).to_string());
    assert_eq!(refused.status, 400);
    assert!(refused.error().contains("3 columns"), "{}", refused.error());
}
