//! The file for support holds nothing of patients, people or the network, wherever that stood.

use std::collections::BTreeSet;

use jiff::Timestamp;
use leukoscope::config::Config;
use leukoscope::outputs::support::{Bundle, Sources};
use leukoscope::station::trouble::Part;
use leukoscope::store::records::{Order, Role};
use leukoscope::system::recent_log::LogLine;
use leukoscope::vision::profile::ProfileMark;
use log::Level;
use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, TestRunner};
use serde_json::Value;

use crate::station::{Station, login};

/// A secret of the forms that ids, names and addresses have.
fn secret() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{3}[0-9]{5}", "[0-9]{9,12}", "[bcdfghjkmqxz]{9,12}", "[A-Z][a-z]{2}[0-9]{5}", "[A-Z]{2}[0-9]{6}"]
}

/// Secrets, one for each place that takes one.
fn secrets() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(secret(), 24).prop_filter("each is another one", |all| {
        all.iter().all(|one| all.iter().filter(|other| other.contains(one)).count() == 1)
    })
}

fn config_with(next: &mut dyn FnMut() -> String) -> Config {
    let mut config = Config::default();
    config.station.name = next();
    config.station.state = Some(format!("/srv/{}", next()).into());
    config.camera.source = format!("command:/opt/{} --host {}", next(), next()).parse().unwrap();
    config.sample.pattern = format!("{}-[0-9]+", next());
    config.serial.port = format!("/dev/{}", next()).parse().unwrap();
    config.hl7.host = format!("{}.example:2575", next()).parse().unwrap();
    config.mqtt.broker = format!("mqtts://{}.example", next()).parse().unwrap();
    config.web.certificate = Some(format!("/etc/{}.pem", next()).into());
    config.metrics.token = Some(format!("/etc/{}.token", next()).into());
    config.practice.cells = Some(format!("/srv/{}", next()).into());
    config
}

#[test]
fn none_of_what_was_put_wherever_it_can_be_put_comes_out() {
    let mut runner = TestRunner::new(Runs { cases: 12, ..Runs::default() });
    let run = runner.run(&secrets(), |all| {
        let mut given = all.iter().cloned();
        let mut next = || given.next().unwrap();
        let config = config_with(&mut next);
        let station = Station::at("127.0.0.1:0", |web| web.monitor.station = config.station.name.clone());
        let store = &station.store;
        let user = format!("u{}", next().to_lowercase());
        store.add_user(&user, Role::Reviewer, "correct horse battery", "console", Timestamp::now()).unwrap();
        let token = next();
        let token_secret = store.add_token(&token, Role::Operator, "console", Timestamp::now()).unwrap();
        let sample = next();
        let session = station.session(&sample);
        let comment = format!("{} has fever", next());
        store.sign(session, &user, Timestamp::now(), &comment).unwrap();
        let (ordered, order_id, host) = (next(), next(), next());
        let order =
            Order { sample: ordered.clone(), host: host.clone(), order_id: Some(order_id.clone()), urgent: false };
        store.order(&order, Timestamp::now()).unwrap();
        let (path, address, forgotten, profile) = (next(), next(), next(), next());
        let words = format!("/srv/{path}/{sample}.tar: {address}.example:2575 refused {ordered} of {user}: {comment}");
        for part in Part::ALL {
            station.monitor.troubles.set(part, Some(words.clone()));
        }
        station.in_force.name_by(Some(ProfileMark { name: profile.clone(), sha256: "ab".repeat(32), cells: 40 }));
        let mut sources = Sources::of(&station.monitor, Timestamp::now()).unwrap();
        let line = |words: String| LogLine {
            at: Timestamp::now(),
            level: Level::Info,
            place: format!("/home/{path}/leukoscope/src/station/wiring.rs:7"),
            words,
        };
        sources.log = Ok(vec![
            line(format!("page: {user} asks for NewSample(Some({sample:?}))")),
            line(format!("{words}\n{token} {token_secret} {order_id} {host}")),
            // One that was deleted, and so is nowhere in the store.
            line(format!("session of {forgotten} removed, {}", config.hl7.host)),
        ]);
        let bundle = Bundle::new(&sources, &config, Timestamp::now());
        let put = all.iter().chain([&user, &token_secret, &comment]);
        for secret in put {
            prop_assert!(!bundle.text.contains(secret.as_str()), "{secret} is in\n{}", bundle.text);
        }
        prop_assert!(!bundle.text.contains("correct horse"));
        prop_assert!(bundle.text.contains("station/wiring.rs:7"), "the place of a message tells what it was");
        prop_assert!(bundle.text.contains("leukoscope_trouble{part=\"camera\"} 1.0"), "{}", bundle.text);
        prop_assert!(bundle.text.contains("bad: trouble-stops, part camera"), "{}", bundle.text);
        Ok(())
    });
    run.unwrap();
}

#[test]
fn an_id_that_is_a_word_of_the_programs_own_is_taken_out_as_well() {
    let log = |words: &str| {
        Ok(vec![LogLine { at: Timestamp::now(), level: Level::Warn, place: "src/a.rs:1".into(), words: words.into() }])
    };
    let sources = |private: &[&str]| Sources {
        health: None,
        figures: None,
        stages: None,
        log: log("the camera gives no frames while camera is counted"),
        private: private.iter().map(|one| (*one).to_owned()).collect::<BTreeSet<_>>(),
    };
    let text = |private: &[&str]| Bundle::new(&sources(private), &Config::default(), Timestamp::now()).text;
    assert!(text(&[]).contains("the camera gives no frames while camera is counted"), "{}", text(&[]));
    let log_of = |text: String| text.split("== log ==").nth(1).unwrap().to_owned();
    assert!(!log_of(text(&["camera"])).contains("camera"));
    assert!(log_of(text(&["camera"])).contains("gives no frames while"));
    let mut config = Config::default();
    config.hl7.host = "camera.frames:2575".parse().unwrap();
    let words = Sources { log: log("camera.frames does not answer"), ..sources(&[]) };
    let hosts = log_of(Bundle::new(&words, &config, Timestamp::now()).text);
    assert!(!hosts.contains("camera.frames") && hosts.contains("does not answer"), "{hosts}");
    assert!(text(&[]).contains("not known: the program does not run"), "{}", text(&[]));
}

#[test]
fn only_an_admin_gathers_it_the_trail_says_so_and_the_list_is_of_what_is_in_it() {
    let station = Station::in_network();
    station.session("Patient-4711-Mary");
    for name in ["otto", "rita"] {
        assert_eq!(login(&station, name)("GET", "/api/support-bundle", Value::Null).status, 403, "{name}");
    }
    let ada = login(&station, "ada");
    let bundle = ada("GET", "/api/support-bundle", Value::Null).json();
    let text = bundle["text"].as_str().unwrap();
    let names: Vec<&str> =
        bundle["parts"].as_array().unwrap().iter().map(|part| part["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["version", "health", "configuration", "timings", "figures", "log"]);
    let sections: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("== ")?.strip_suffix(" ==")).collect();
    assert_eq!(sections, names);
    assert!(text.contains(env!("CARGO_PKG_VERSION")) && !text.contains("4711") && !text.contains("Mary"), "{text}");
    assert!(!text.contains("otto") && !text.contains("rita") && !text.contains("ada\n"), "{text}");
    assert_eq!(station.trail().last().unwrap(), &("ada".to_owned(), "support bundle".to_owned()));
}
