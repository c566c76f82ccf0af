//! The health of the station, as the page and programs read it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use leukoscope::station::health::{Finding, Grade, Topic};
use leukoscope::station::queues::Unsent;
use leukoscope::station::trouble::Part;
use leukoscope::system::board::Board;
use serde_json::{Value, json};

use crate::station::{Station, login};

/// The findings that a station tells, with their grade.
fn told(station: &Station) -> (String, BTreeMap<String, Value>) {
    let health = station.get("/api/health", &[]).json();
    let items = health["items"].as_array().unwrap().clone();
    let of = |item: Value| (item["finding"].as_str().unwrap().to_owned(), item);
    (health["grade"].as_str().unwrap().to_owned(), items.into_iter().map(of).collect())
}

fn catalogue(station: &Station, language: &str) -> BTreeMap<String, String> {
    serde_json::from_slice(&station.get(&format!("/assets/languages/{language}.json"), &[]).body).unwrap()
}

fn word(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
}

#[test]
fn every_finding_has_its_words_in_each_language_and_what_to_do_unless_all_is_well() {
    let station = Station::at_device();
    for language in ["en", "es", "fr"] {
        let words = catalogue(&station, language);
        for finding in Finding::ALL {
            let code = word(finding);
            assert!(words.contains_key(&format!("health.{code}")), "{language}: {code}");
            let todo = words.contains_key(&format!("health.do.{code}"));
            assert_eq!(todo, finding.grade() != Grade::Good, "{language}: {code}");
        }
        for topic in Topic::ALL {
            assert!(words.contains_key(&format!("health.topic.{}", word(topic))), "{language}: {topic:?}");
            assert!(Finding::ALL.iter().any(|finding| finding.topic() == topic), "{topic:?}");
        }
        for grade in [Grade::Good, Grade::Look, Grade::Bad] {
            assert!(words.contains_key(&format!("health.grade.{}", word(grade))), "{language}: {grade:?}");
            assert!(words.contains_key(&format!("health.verdict.{}", word(grade))), "{language}: {grade:?}");
        }
        for part in Part::ALL {
            assert!(words.contains_key(&format!("part.{}", part.name())), "{language}: {part:?}");
        }
    }
}

#[test]
fn a_station_without_its_networks_is_not_to_be_relied_on_and_what_is_missing_is_named() {
    let station = Station::at_device();
    let (grade, found) = told(&station);
    assert_eq!(grade, "bad");
    for expected in [
        "camera-opening",
        "light-not-calibrated",
        "focus-unknown",
        "scale-unknown",
        "control-not-asked",
        "models-not-running",
        "profile-none",
        "backup-never",
        "store-unchecked",
        "queue-none",
        "trouble-none",
        "version",
    ] {
        assert!(found.contains_key(expected), "{expected}: {found:?}");
    }
    station.in_force.look_with(crate::common::vision());
    let (grade, found) = told(&station);
    assert!(found.contains_key("models-shipped"), "{found:?}");
    assert_eq!(grade, "look", "no camera yet, and nothing is calibrated");
}

#[test]
fn troubles_stand_there_with_their_part_while_they_last_and_afterwards() {
    let station = Station::at_device();
    station.in_force.look_with(crate::common::vision());
    station.monitor.troubles.set(Part::Camera, Some("/dev/video0 is gone".into()));
    station.monitor.troubles.set(Part::Clock, Some("the clock may be wrong".into()));
    let (grade, found) = told(&station);
    assert_eq!(grade, "bad");
    assert_eq!(found["trouble-stops"]["values"]["part"], "camera");
    assert_eq!(found["trouble-stops"]["values"]["words"], "/dev/video0 is gone");
    assert_eq!(
        (&found["trouble-open"]["grade"], &found["trouble-open"]["values"]["part"]),
        (&json!("look"), &json!("clock"))
    );
    assert!(!found.contains_key("trouble-none"));
    station.monitor.troubles.set(Part::Camera, None);
    station.monitor.troubles.set(Part::Clock, None);
    let (grade, found) = told(&station);
    assert_eq!((grade.as_str(), &found["trouble-past"]["grade"]), ("look", &json!("good")));
    assert!(found["trouble-past"]["values"]["until"].as_str().unwrap().parse::<Timestamp>().is_ok());
}

#[test]
fn backup_receivers_and_board_are_read_where_monitoring_reads_them() {
    let sys = tempfile::tempdir().unwrap();
    let zone = sys.path().join("class/thermal/thermal_zone0");
    std::fs::create_dir_all(&zone).unwrap();
    std::fs::write(zone.join("temp"), "83500\n").unwrap();
    std::fs::write(zone.join("type"), "cpu-thermal\n").unwrap();
    let firmware = sys.path().join("devices/platform/soc/soc:firmware");
    std::fs::create_dir_all(&firmware).unwrap();
    std::fs::write(firmware.join("get_throttled"), "50005\n").unwrap();
    let board = Board::at(sys.path());
    let station = Station::at("127.0.0.1:0", |web| web.monitor.board = board);
    let waits = |results, minutes| move || Some(Unsent { results, oldest: Some(Duration::from_mins(minutes)) });
    station.monitor.queues.outbox("hl7", waits(3, 20));
    station.monitor.queues.outbox("serial", waits(1, 1));
    station.monitor.queues.outbox("mqtt", || Some(Unsent::default()));
    station.store.note("console", Timestamp::now(), "backup", None, &json!({"file": "/media/usb/a.tar"})).unwrap();
    let (grade, found) = told(&station);
    assert_eq!(grade, "bad", "the supply is too weak");
    assert_eq!(found["board-hot"]["values"]["celsius"], 84.0);
    assert!(found.contains_key("board-under-voltage") && found.contains_key("board-throttled"), "{found:?}");
    assert_eq!(found["queue-old"]["values"], json!({"receiver": "hl7", "n": 3, "minutes": 20}));
    assert_eq!(found["queue-waiting"]["values"]["receiver"], "serial");
    assert_eq!(found["queue-empty"]["values"]["receiver"], "mqtt");
    assert!(found["backup-recent"]["values"]["at"].is_string());
    let english = catalogue(&station, "en");
    for (finding, item) in found {
        let places = english[&format!("health.{finding}")]
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split_once('}'))
            .map(|(name, _)| name.to_owned())
            .collect::<Vec<_>>();
        assert!(places.iter().all(|name| item["values"].get(name).is_some()), "{finding}: {places:?} of {item}");
    }
}

#[test]
fn an_old_backup_is_told_and_looking_at_health_keeps_no_login_alive() {
    let station = Station::in_network();
    let otto = login(&station, "otto");
    let before = Timestamp::now() - jiff::SignedDuration::from_hours(24 * 8);
    station.store.note("console", before, "backup", None, &json!({})).unwrap();
    let health = otto("GET", "/api/health", Value::Null).json();
    assert!(health["items"].as_array().unwrap().iter().any(|item| item["finding"] == "backup-old"), "{health}");
    assert_eq!(otto("POST", "/api/health", Value::Null).status, 405);
}

#[test]
fn quality_control_is_told_by_lot_as_never_run_passed_or_failed() {
    let station = Station::at_device();
    let lot = json!({"kind": "slide", "name": "L7", "targets": {"NGS": {"by": "chance", "percent": 60.0}}});
    let lot = station.store.add_control_lot(&serde_json::from_value(lot).unwrap(), "ada", Timestamp::now()).unwrap();
    let found = || told(&station).1.into_values().find(|item| item["topic"] == "control").unwrap();
    assert_eq!((&found()["finding"], &found()["grade"]), (&json!("control-never"), &json!("look")));
    let run = |at: Timestamp, outcome: &str| {
        let run = json!({"lot": lot, "lot_name": "L7", "level": 1, "at": at, "by": "otto", "try_number": 1, "outcome": outcome,
            "causes": [], "values": [], "look": null, "look_checks": [], "calibration": null, "kinds": [100, 0, 0]});
        station.store.add_control_run(&serde_json::from_value(run).unwrap()).unwrap();
    };
    run(Timestamp::now() - jiff::SignedDuration::from_hours(48), "passed");
    assert_eq!(found()["finding"], "control-due");
    run(Timestamp::now(), "passed");
    assert_eq!((&found()["finding"], &found()["grade"]), (&json!("control-passed"), &json!("good")));
    run(Timestamp::now(), "failed");
    assert_eq!((&found()["finding"], &found()["grade"]), (&json!("control-failed"), &json!("bad")));
    assert!(found()["values"]["lot"].as_str().unwrap().contains("L7"));
}
