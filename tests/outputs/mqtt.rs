//! The MQTT sink against a real Mosquitto: what arrives, what survives a killed broker, and who is let in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use leukoscope::config::MqttConfig;
use leukoscope::counting::session::snapshot::{Command, Snapshot};
use leukoscope::domain::flag::Flag;

use crate::mqtt_bench::{Bench, Listener, Mosquitto, config};
use crate::serial_bench::{PATIENCE, snapshot, wait_until};

const RESULT: &str = "leukoscope/bench/result";
const STATE: &str = "leukoscope/bench/state";
const COMMAND: &str = "leukoscope/bench/command";
const AVAILABILITY: &str = "leukoscope/bench/availability";

#[test]
fn a_broker_hears_of_availability_state_flags_and_signed_results() {
    let Some(broker) = Mosquitto::start() else { return };
    let listener = Listener::start(broker.port, "lab", "leukoscope/#");
    let bench = Bench::start(config(broker.port));
    assert_eq!(listener.next(AVAILABILITY).text, "online");
    bench.newest.put(Arc::new(Snapshot { flags: vec![Flag::LeftShift], ..snapshot("A-1", 5) }));
    let flags = listener.next("leukoscope/bench/flags").json();
    assert_eq!((&flags["sample"], &flags["flags"]), (&"A-1".into(), &serde_json::json!(["left-shift"])));
    let state = listener.next(STATE).json();
    assert_eq!((&state["type"], &state["station"]), (&"update".into(), &"bench".into()));
    assert_eq!((&state["sample"], &state["counted"], &state["phase"]), (&"A-1".into(), &5.into(), &"counting".into()));
    // A result that nobody has signed does not leave.
    crate::common::stored::kept(&bench.store, &crate::serial_bench::done("A-0"));
    bench.sign("A-1");
    let result = listener.next(RESULT).json();
    assert_eq!((&result["type"], &result["result"], &result["sample"]), (&"final".into(), &2.into(), &"A-1".into()));
    assert_eq!(result["signature"]["by"], "rita");
    assert_eq!(result["store"].as_str().map(str::len), Some(32));
    wait_until("the mark moved", || bench.mark() == format!("0 {}\n", bench.store.last_signed()));
    // Who comes later finds the state, and no result a second time.
    let late = Listener::start(broker.port, "late", "leukoscope/bench/#");
    let kept = late.next(AVAILABILITY);
    assert_eq!((kept.text.as_str(), kept.retained), ("online", true));
    // Signed meanwhile, so that the figures before it are shown no more.
    assert_eq!(late.next(STATE).json()["counted"], 100);
    let (_, traffic) = bench.end();
    assert_eq!(listener.next(AVAILABILITY).text, "offline", "said by the station itself");
    assert_eq!((traffic.results, traffic.connections), (1, 1));
    assert!(late.heard.try_iter().all(|message| message.topic != RESULT));
}

#[test]
fn every_result_arrives_once_and_in_order_though_the_broker_is_killed_on_the_way() {
    let Some(mut broker) = Mosquitto::start() else { return };
    let listener = Listener::start(broker.port, "lab", RESULT);
    let bench = Bench::start(config(broker.port));
    let mut order = Vec::new();
    for round in 0..3_u32 {
        for number in 0..40 {
            bench.sign(&format!("A-{round}-{number}"));
            bench.newest.put(Arc::new(snapshot("A-1", number)));
            if number == 20 {
                order.extend(listener.results(RESULT, 5));
                broker.kill();
            }
        }
        std::thread::sleep(Duration::from_millis(300));
        broker.start_again();
    }
    let last = bench.store.last();
    while !order.contains(&last) {
        order.extend(listener.results(RESULT, 1));
    }
    // The broker may have passed a result on and died before it said so: then it comes twice, with the same number.
    let arrived = order.len();
    order.dedup();
    assert!(arrived - order.len() <= 3, "{} came twice", arrived - order.len());
    assert_eq!(order, (1..=120).collect::<Vec<_>>());
    wait_until("the mark moved", || bench.mark() == format!("0 {}\n", bench.store.last_signed()));
    assert!(bench.dropped() > 0, "live updates went first");
    assert!(bench.trouble("").contains("the broker mqtt://127.0.0.1:"), "the person at the device is told");
    wait_until("the trouble was over", || bench.troubles.lock().unwrap().last() == Some(&None));
    println!(
        "120 results, three kills, {} came twice, {} live updates dropped",
        arrived - order.len(),
        bench.dropped()
    );
    bench.end();
}

#[test]
fn results_that_waited_while_the_station_was_off_go_out_after_its_start() {
    let Some(broker) = Mosquitto::start() else { return };
    let bench = Bench::start(config(broker.port));
    let store = bench.store.clone();
    let (folder, _) = bench.end();
    crate::common::stored::kept(&store, &crate::serial_bench::done("A-1"));
    store.sign(1, "rita", crate::common::stored::at(90), "").unwrap();
    drop(store);
    let listener = Listener::start(broker.port, "lab", RESULT);
    let bench = Bench::start_in(folder, config(broker.port));
    assert_eq!(listener.next(RESULT).json()["sample"], "A-1");
    bench.end();
}

#[test]
fn a_result_waits_until_somebody_has_subscribed() {
    let Some(broker) = Mosquitto::start() else { return };
    let bench = Bench::start(config(broker.port));
    bench.sign("A-1");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(bench.mark(), "0 0\n");
    assert!(bench.troubles.lock().unwrap().iter().all(Option::is_none), "it is no trouble of the station's");
    let listener = Listener::start(broker.port, "lab", RESULT);
    assert_eq!(listener.next(RESULT).json()["sample"], "A-1");
    bench.end();
}

#[test]
fn a_wrong_password_is_said_in_words_and_a_right_one_serves_without_a_restart() {
    let user = |folder: &std::path::Path| {
        let file = folder.join("users");
        let made = std::process::Command::new("mosquitto_passwd")
            .args(["-b", "-c"])
            .arg(&file)
            .args(["ward-3", "right"])
            .status();
        assert!(made.unwrap().success());
        let acl = "user ward-3\ntopic readwrite leukoscope/bench/#\n";
        std::fs::write(folder.join("acl"), acl).unwrap();
        format!("password_file {}\nacl_file {}\n", file.display(), folder.join("acl").display())
    };
    let Some(broker) = Mosquitto::start_with(user) else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "wrong\n").unwrap();
    let login = MqttConfig { user: Some("ward-3".into()), password_file: Some(file.clone()), ..config(broker.port) };
    let bench = Bench::start(login);
    let words = bench.trouble("refuses this user and password");
    assert!(words.contains("see [mqtt] user and password_file") && !words.contains("wrong"), "{words}");
    std::fs::write(&file, "right\n").unwrap();
    let listener = Listener::start_as(broker.port, "lab", "leukoscope/bench/#", Some(("ward-3", "right")));
    bench.sign("A-1");
    assert_eq!(listener.next(RESULT).json()["sample"], "A-1");
    bench.end();
}

#[test]
fn a_result_that_the_broker_refuses_stays_due_and_the_person_is_told_why() {
    let acl = |folder: &std::path::Path| {
        std::fs::write(folder.join("acl"), "topic readwrite leukoscope/bench/availability\ntopic read #\n").unwrap();
        format!("allow_anonymous true\nacl_file {}\n", folder.join("acl").display())
    };
    let Some(broker) = Mosquitto::start_with(acl) else { return };
    let _listener = Listener::start(broker.port, "lab", RESULT);
    let bench = Bench::start(config(broker.port));
    bench.sign("A-1");
    let words = bench.trouble("refuses results");
    assert!(words.contains("let the station's user publish to leukoscope/bench/result"), "{words}");
    assert_eq!(bench.mark(), "0 0\n");
    bench.end();
}

#[test]
fn commands_are_taken_only_if_allowed_and_never_retained_ones() {
    let Some(broker) = Mosquitto::start() else { return };
    let listener = Listener::start(broker.port, "lab", "leukoscope/#");
    // A start that the broker keeps would begin a count at each connection.
    listener.say(COMMAND, "start", true);
    let bench = Bench::start(config(broker.port));
    listener.next(AVAILABILITY);
    listener.say(COMMAND, "stop", false);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(bench.commands.try_iter().count(), 0, "off unless configured");
    bench.end();

    let bench = Bench::start(MqttConfig { commands: true, ..config(broker.port) });
    listener.next_where(AVAILABILITY, |message| message.text == "online");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(bench.commands.try_iter().count(), 0, "the kept one");
    listener.say(COMMAND, "new A-17", false);
    let asked = bench.commands.recv_timeout(PATIENCE).unwrap();
    assert_eq!((asked.by.as_str(), asked.command), ("device:mqtt", Command::NewSample(Some("A-17".into()))));
    listener.say(COMMAND, "{\"command\":\"stop\"}", false);
    assert_eq!(bench.commands.recv_timeout(PATIENCE).unwrap().command, Command::Stop);
    // One that is retained while the station listens is not carried out either, so that it is noticed.
    listener.say(COMMAND, "start", true);
    let error = listener.next("leukoscope/bench/error").json();
    assert!(error["message"].as_str().unwrap().contains("without retaining"), "{error}");
    assert_eq!(bench.commands.try_iter().count(), 0);
    let (_, traffic) = bench.end();
    assert_eq!((traffic.commands, traffic.refused), (2, 1));
}

#[test]
fn garbage_and_huge_messages_on_the_command_topic_are_refused_and_nothing_else_suffers() {
    let Some(broker) = Mosquitto::start() else { return };
    let listener = Listener::start(broker.port, "lab", "leukoscope/bench/#");
    let bench = Bench::start(MqttConfig { commands: true, ..config(broker.port) });
    listener.next(AVAILABILITY);
    for payload in [vec![0xff; 40], b"fly".to_vec(), vec![b'x'; 600], vec![b'['; 500], b"resend 1".to_vec()] {
        listener.say(COMMAND, payload, false);
        let error = listener.next("leukoscope/bench/error").json();
        assert_eq!(error["type"], "error");
        std::thread::sleep(Duration::from_millis(1100));
    }
    for _ in 0..20 {
        listener.say(COMMAND, vec![b'y'; 900_000], false);
    }
    listener.say(COMMAND, "start", false);
    assert_eq!(bench.commands.recv_timeout(PATIENCE).unwrap().command, Command::Start);
    bench.sign("A-1");
    listener.next(RESULT);
    let (_, traffic) = bench.end();
    assert_eq!((traffic.connections, traffic.refused), (1, 5), "not even the connection was lost");
}

#[test]
fn two_stations_of_one_name_are_told_apart_and_told_so() {
    let Some(broker) = Mosquitto::start() else { return };
    let one = Bench::start(config(broker.port));
    let other = Bench::start(config(broker.port));
    let words = one.trouble("does another station have this one's name?");
    assert!(words.contains("[station] name"), "{words}");
    one.end();
    other.end();
}

#[test]
fn home_assistant_finds_the_station_only_if_asked_to_and_its_buttons_go_with_the_commands() {
    let Some(broker) = Mosquitto::start() else { return };
    let listener = Listener::start(broker.port, "ha", "homeassistant/#");
    let with = |discovery, commands| MqttConfig { discovery, commands, ..config(broker.port) };
    Bench::start(with(false, false)).end();
    assert_eq!(listener.heard.try_iter().count(), 0);
    let counted = "homeassistant/sensor/leukoscope_bench/counted/config";
    let button = "homeassistant/button/leukoscope_bench/start/config";
    let bench = Bench::start(with(true, true));
    let entity = listener.next(counted).json();
    assert_eq!((&entity["state_topic"], &entity["availability_topic"]), (&STATE.into(), &AVAILABILITY.into()));
    let start = listener.next(button).json();
    assert_eq!((&start["command_topic"], &start["payload_press"]), (&COMMAND.into(), &"start".into()));
    bench.end();
    let bench = Bench::start(with(true, false));
    assert_eq!(listener.next_where(button, |message| message.text.is_empty()).text, "");
    bench.end();
}

#[test]
fn a_frozen_broker_holds_up_neither_the_station_nor_its_end() {
    let Some(broker) = Mosquitto::start() else { return };
    let listener = Listener::start(broker.port, "lab", "leukoscope/bench/#");
    let bench = Bench::start(config(broker.port));
    listener.next(AVAILABILITY);
    broker.freeze();
    let began = Instant::now();
    let mut counted = 0;
    while began.elapsed() < Duration::from_secs(2) {
        counted += 1;
        bench.newest.put(Arc::new(snapshot("A-1", counted)));
        std::thread::sleep(Duration::from_millis(5));
    }
    bench.sign("A-1");
    assert_eq!(bench.mark(), "0 0\n");
    bench.end();
}
