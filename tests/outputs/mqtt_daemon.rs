//! A whole station at a broker: it counts on command, and what is heard when it ends or is killed.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::models_folder;
use crate::mqtt_bench::{Listener, Mosquitto};

struct Station(Child);

impl Drop for Station {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Station {
    fn start(port: u16, state: &std::path::Path) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_leukoscope"))
            .args(["run", "--display", "none", "--serial", "none"])
            .env("LEUKOSCOPE_MODELS", models_folder())
            .env("LEUKOSCOPE_STATION_STATE", state)
            .env("LEUKOSCOPE_STATION_NAME", "Ward 3")
            .env("LEUKOSCOPE_WEB_LISTEN", "none")
            .env("LEUKOSCOPE_SESSION_AUTOSTART", "false")
            .env("LEUKOSCOPE_MQTT_BROKER", format!("mqtt://localhost:{port}"))
            .env("LEUKOSCOPE_MQTT_COMMANDS", "true")
            .env("LEUKOSCOPE_MQTT_INTERVAL_SECONDS", "0.2")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }
}

#[test]
fn a_station_counts_on_command_and_the_broker_hears_of_its_end_and_of_its_death() {
    let Some(broker) = Mosquitto::start() else { return };
    let listener = Listener::start(broker.port, "lab", "leukoscope/#");
    let state = tempfile::tempdir().unwrap();
    let (availability, states) = ("leukoscope/Ward-3/availability", "leukoscope/Ward-3/state");
    let mut station = Station::start(broker.port, state.path());
    assert_eq!(listener.next(availability).text, "online");
    assert_eq!(listener.next_where(states, |message| message.json()["phase"] == "waiting").json()["station"], "Ward 3");
    listener.say("leukoscope/Ward-3/command", "new A-17", false);
    let counting = |message: &crate::mqtt_bench::Message| message.json()["WBC"].as_u64() > Some(0);
    assert_eq!(listener.next_where(states, counting).json()["sample"], "A-17");
    let pid = station.0.id().to_string();
    let began = Instant::now();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(station.0.wait().unwrap().success());
    assert!(began.elapsed() < Duration::from_secs(5));
    let last = listener.next_where(states, |message| message.json()["phase"] == "done").json();
    assert_eq!(last["ending"], "shutdown", "the last state comes before the goodbye");
    assert_eq!(listener.next(availability).text, "offline");

    let mut station = Station::start(broker.port, state.path());
    assert_eq!(listener.next(availability).text, "online");
    station.0.kill().unwrap();
    station.0.wait().unwrap();
    assert_eq!(listener.next(availability).text, "offline", "the broker says it, by the last will");
}
