//! Adapting on the page: cells that people looked at teach a profile, which an admin switches on and off. The cells are
//! drawn in a stain that no network was trained on.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use image::codecs::jpeg::JpegEncoder;
use leukoscope::config::{CameraSource, Config, SessionConfig};
use leukoscope::counting::session::snapshot::{Phase, Snapshot};
use leukoscope::counting::statistics::confusion::ConfusionSource;
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::domain::red_cell_colour::RedCellColour;
use leukoscope::station::adapt::Laboratory;
use leukoscope::station::wiring::{Parts, RunningStation, Station as Wired};
use leukoscope::store::Store;
use leukoscope::system::latest::Latest;
use leukoscope::vision::Vision;
use leukoscope::vision::models::Models;
use leukoscope::vision::profile::Profile;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::common::drawn::{drawn, session_of_drawn};
use crate::common::stored::{cell, put, result, settings, start, taken_with};
use crate::common::{complained, models_folder, models_with, said, with_stain};
use crate::station::{Answer, Station, login};

const FOUR: [&str; 4] = ["EOS", "LYT", "MON", "NGS"];

/// A page whose networks run, and an admin's requests.
fn page() -> (Station, impl Fn(&Station, &str, &str, Value) -> Answer) {
    let station = Station::at_device();
    station.in_force.look_with(crate::common::vision());
    let cookie = station.login("ada");
    let ask = move |station: &Station, method: &str, path: &str, body: Value| {
        station.by(&cookie, method, path, &if body.is_null() { String::new() } else { body.to_string() })
    };
    (station, ask)
}

/// The page of a station that counts what the simulated camera shows.
fn counting() -> (Station, RunningStation, Latest<Arc<Snapshot>>) {
    let mut running = None;
    let station = Station::at("127.0.0.1:0", |web| {
        let mut config = Config {
            session: SessionConfig { target: 100_000, autostart: false, ..SessionConfig::default() },
            ..Config::default()
        };
        config.camera.source = CameraSource::Simulated;
        config.camera.frame_rate = 2.0;
        config.station.state = Some(web.state.clone());
        config.models.folder = Some(models_folder());
        web.laboratory = Laboratory::of(&config);
        let mut wired = Wired::new(Parts {
            config,
            vision: crate::common::vision(),
            confusion: ConfusionSource::None,
            in_force: web.in_force.clone(),
            store: web.store.clone(),
            red_count: None,
            sample: None,
        });
        let ports = wired.ports().clone();
        (web.live, web.commands, web.weights_requests) = (ports.live, ports.commands, ports.weights_requests);
        let newest = wired.sink();
        running = Some((wired.start().unwrap(), newest));
    });
    let (running, newest) = running.unwrap();
    (station, running, newest)
}

fn wait_for(newest: &Latest<Arc<Snapshot>>, what: &str, wanted: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    let until = Instant::now() + Duration::from_mins(3);
    while Instant::now() < until {
        if let Some(state) = newest.take(Duration::from_secs(1)).filter(|state| wanted(state)) {
            return state;
        }
    }
    panic!("no state with {what}");
}

fn program(state: &Path, arguments: &[&str], objective: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_leukoscope"))
        .args(arguments)
        .env("LEUKOSCOPE_MODELS", models_folder())
        .env("LEUKOSCOPE_STATION_STATE", state)
        .env("LEUKOSCOPE_WEB_LISTEN", "none")
        .env("LEUKOSCOPE_OPTICS_OBJECTIVE", objective)
        .output()
        .unwrap()
}

fn run(state: &Path, objective: &str) -> Output {
    let arguments = ["run", "--for", "0.1", "--display", "none", "--serial", "none", "--sample", "AGAIN"];
    program(state, &arguments, objective)
}

#[test]
fn too_few_cells_are_refused_with_those_that_are_missing() {
    let (station, ask) = page();
    session_of_drawn(&station.store, &["EOS", "LYT"], 9, 2, taken_with("simulated", ""));
    // Those of another objective do not count.
    session_of_drawn(&station.store, &FOUR, 9, 9, taken_with("simulated", "40x"));
    let shown = ask(&station, "GET", "/api/adaptation", Value::Null).json();
    assert_eq!(shown["setup"], json!({"camera": "simulated", "objective": ""}));
    assert_eq!(shown["looked_at"], json!({"EOS": 2, "LYT": 2}));
    assert_eq!(shown["few"], json!({"EOS": 2, "LYT": 2, "MON": 0, "NEU": 0}));
    let refused = ask(&station, "POST", "/api/adaptation", json!({"name": "ward"}));
    assert_eq!(refused.status, 422);
    for words in ["EOS (2)", "MON (0)", "it takes 5 of each"] {
        assert!(refused.error().contains(words), "{}", refused.error());
    }
    assert_eq!(shown["problem"], refused.error().as_str());
    for name in ["", " ", "../ward", "a/b", ".toml", "ward ", "w\u{7}"] {
        let refused = ask(&station, "POST", "/api/adaptation", json!({"name": name}));
        assert!(refused.status == 422 && refused.error().contains("the name of a profile"), "{name}: {refused:?}");
    }
    let left_out = ask(&station, "POST", "/api/adaptation", json!({"name": "ward", "without": FOUR}));
    assert!(left_out.error().contains("two labels"), "{left_out:?}");
    assert!(!station.state.path().join("profiles").exists(), "nothing was written");
    assert!(station.trail().iter().all(|(_, action)| action != "adapt"));
}

#[test]
fn the_cells_to_label_next_are_ones_that_nobody_looked_at_in_results_that_are_open() {
    let (station, ask) = page();
    let id = session_of_drawn(&station.store, &FOUR, 12, 6, taken_with("simulated", ""));
    session_of_drawn(&station.store, &FOUR, 3, 0, taken_with("another", ""));
    let next = ask(&station, "GET", "/api/adaptation/next", Value::Null).json();
    let cells = next["cells"].as_array().unwrap();
    let of = |why: &str| cells.iter().filter(|cell| cell["why"] == why).count();
    assert_eq!((of("unsure"), of("different")), (12, 12), "{next}");
    let mut numbers: Vec<i64> = cells.iter().map(|cell| cell["number"].as_i64().unwrap()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 24, "each once");
    for cell in cells {
        assert_eq!(cell["session"], id);
        let stored = station.store.cell(id, cell["number"].as_i64().unwrap()).unwrap().unwrap();
        assert_eq!(stored.by_person, None);
    }
}

#[test]
fn cells_that_were_looked_at_teach_a_profile_that_is_kept_but_not_in_use() {
    let (station, ask) = page();
    let id = session_of_drawn(&station.store, &FOUR, 9, 9, taken_with("simulated", ""));
    let answer = ask(&station, "POST", "/api/adaptation", json!({"name": "Ward 3"}));
    assert_eq!(answer.status, 200, "{answer:?}");
    let lesson = answer.json();
    assert_eq!((&lesson["profile"]["name"], &lesson["profile"]["cells"]), (&json!("Ward 3"), &json!(36)));
    let of = |lesson: &Value, key: &str| lesson[key][0].as_f64().unwrap();
    assert!(of(&lesson, "accuracy_after") > of(&lesson, "accuracy_before"), "{lesson}");
    assert!(of(&lesson["by_label"]["EOS"], "accuracy_after") <= 1.0);
    let file = station.state.path().join("profiles/Ward 3.toml");
    let profile = Profile::read(&file).unwrap();
    assert_eq!(json!(profile.mark()), lesson["profile"]);
    assert_eq!(profile.setup, Some(taken_with("simulated", "")));
    let taught = station.store.audit(Some(id), None, 100).unwrap();
    let line = taught.iter().find(|line| line.action == "adapt").unwrap();
    assert_eq!((line.by.as_str(), &line.detail["profile"]), ("ada", &lesson["profile"]));
    assert_eq!(ask(&station, "POST", "/api/adaptation", json!({"name": "Ward 3"})).status, 409);

    // One of another objective, and a damaged one.
    let text = fs::read_to_string(&file).unwrap();
    let other = Profile::sealed(&text.replace("objective = \"\"", "objective = \"40x\"")).unwrap();
    fs::write(file.with_file_name("other.toml"), other).unwrap();
    fs::write(file.with_file_name("damaged.toml"), text.replace("right_after = ", "right_after = 1")).unwrap();
    let shown = ask(&station, "GET", "/api/adaptation", Value::Null).json();
    assert_eq!(shown["in_force"], Value::Null, "learning switches nothing on");
    let kept = |at: usize| &shown["profiles"][at];
    assert_eq!((&kept(0)["name"], &kept(0)["facts"]["sha256"]), (&json!("Ward 3"), &lesson["profile"]["sha256"]));
    assert_eq!((&kept(0)["unusable"], &kept(0)["facts"]["named"]), (&Value::Null, &json!(36)));
    assert_eq!((&kept(1)["name"], &kept(1)["unusable"]), (&json!("damaged"), &json!("damaged")));
    assert_eq!(kept(2)["unusable"], "other-camera");
    let refused = ask(&station, "PUT", "/api/adaptation/profile", json!({"sha256": kept(2)["facts"]["sha256"]}));
    assert_eq!(refused.status, 422);
    assert!(refused.error().contains("objective 40x"), "{}", refused.error());
    assert_eq!(ask(&station, "PUT", "/api/adaptation/profile", json!({"sha256": "ab"})).status, 404);
    assert_eq!(
        ask(&station, "PUT", "/api/adaptation/profile", json!({})).status,
        400,
        "nothing is switched off by mistake"
    );
    assert_eq!(station.switches.try_iter().count(), 0);
}

#[test]
fn a_profile_is_switched_on_between_samples_and_names_results_from_the_next_one_on() {
    let (mut station, running, newest) = counting();
    session_of_drawn(&station.store, &FOUR, 9, 9, taken_with("simulated", ""));
    let mark = {
        let ask = login(&station, "ada");
        let mark = ask("POST", "/api/adaptation", json!({"name": "ward"})).json()["profile"].clone();
        let switch = |sha256: &Value| ask("PUT", "/api/adaptation/profile", json!({"sha256": sha256}));
        let count = |command: &str| {
            assert_eq!(ask("POST", "/api/live/commands", json!({"command": command})).status, 202);
        };
        let in_force = || ask("GET", "/api/settings", Value::Null).json()["settings"]["profile"].clone();

        count("start");
        wait_for(&newest, "cells", |now| now.phase == Phase::Counting && now.kinds.rbc > 0);
        let refused = switch(&mark["sha256"]);
        assert_eq!((refused.status, refused.code().as_str()), (409, "counting"), "{refused:?}");
        assert_eq!(in_force(), Value::Null);
        count("stop");
        wait_for(&newest, "the result", |now| now.phase == Phase::Done);
        assert_eq!(switch(&mark["sha256"]).status, 204);
        assert_eq!(in_force(), mark);
        let shown = ask("GET", "/api/live", Value::Null).json();
        assert_eq!(shown["snapshot"]["profile"], Value::Null, "the finished result stays as it was counted");
        let lines = ask("GET", "/api/audit", Value::Null).json();
        let line = lines["entries"].as_array().unwrap().iter().find(|line| line["action"] == "profile").unwrap();
        assert_eq!((&line["by"], &line["detail"]), (&json!("ada"), &json!({"profile": [null, mark]})));

        count("start");
        wait_for(&newest, "cells", |now| now.phase == Phase::Counting && now.kinds.rbc > 0);
        count("stop");
        wait_for(&newest, "the result", |now| now.phase == Phase::Done);
        let named = |id: i64| ask("GET", &format!("/api/sessions/{id}"), Value::Null).json();
        assert_eq!(named(2)["settings"]["profile"], Value::Null);
        let second = named(3);
        assert_eq!((&second["settings"]["profile"], &second["counted_result"]["profile"]), (&mark, &mark));
        assert!(second["counted_result"]["red_cell_density"].is_array(), "{second}");
        mark
    };
    running.end();
    let state = std::mem::replace(&mut station.state, tempfile::tempdir().unwrap());
    drop(station);

    // The next start keeps to it, and refuses to count in another way than the page says.
    let output = run(state.path(), "");
    assert!(output.status.success(), "{}", complained(&output));
    let again = || {
        let store = Store::open_to_read(state.path()).unwrap().unwrap();
        store.session(4).unwrap().unwrap().settings.unwrap().profile
    };
    assert_eq!(json!(again()), mark);
    let output = run(state.path(), "40x");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    for words in ["`ward` was chosen on the page", "objective 40x", "profile.json"] {
        assert!(complained(&output).contains(words), "{}", complained(&output));
    }
    let config = state.path().join("station.toml");
    let check = || {
        fs::write(&config, format!("[station]\nstate = \"{}\"\n", state.path().display())).unwrap();
        program(state.path(), &["check-config", config.to_str().unwrap()], "")
    };
    assert!(check().status.success(), "{}", complained(&check()));
    fs::remove_file(state.path().join("profiles/ward.toml")).unwrap();
    for output in [check(), run(state.path(), "")] {
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(complained(&output).contains("`ward` was chosen on the page"), "{}", complained(&output));
    }
}

#[test]
fn models_that_were_replaced_while_the_station_runs_are_not_mixed_with_those_that_run() {
    let folder = models_with(|card| {
        let shipped = models_folder().join("cells.onnx");
        let [before, after] = [fs::read(&shipped).unwrap(), other_network()].map(|bytes| hex(&bytes));
        card.replace(&before, &after)
    });
    fs::write(folder.path().join("cells.onnx"), other_network()).unwrap();
    let (station, ask) = page();
    let running = Vision::new(&Models::read(folder.path()).unwrap(), None, None).unwrap();
    station.in_force.look_with(Arc::new(running));
    session_of_drawn(&station.store, &FOUR, 6, 6, taken_with("simulated", ""));
    for (method, path, body) in [
        ("POST", "/api/adaptation", json!({"name": "ward"})),
        ("PUT", "/api/adaptation/profile", json!({"sha256": null})),
    ] {
        let refused = ask(&station, method, path, body);
        assert_eq!(refused.status, 409, "{refused:?}");
        assert!(refused.error().contains("restart"), "{}", refused.error());
    }
}

/// The shipped classifier with a remark in its file.
fn other_network() -> Vec<u8> {
    let mut bytes = fs::read(models_folder().join("cells.onnx")).unwrap();
    // Field 6 of an ONNX model: its doc string.
    bytes.extend(b"\x32\x01x");
    bytes
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

#[test]
fn what_mattered_in_a_stored_cell_is_looked_for_in_the_colours_that_it_was_classified_in() {
    let learned = RedCellColour([0.2, 0.32, 0.22]);
    let stain = format!("red_cell = {:?}\ngains = [0.35, 2.2]\nway = 1.0", learned.0);
    let folder = models_with(|card| with_stain(&card, &stain));
    let station = Station::at_device();
    let vision = Vision::new(&Models::read(folder.path()).unwrap(), None, None).unwrap();
    station.in_force.look_with(Arc::new(vision));
    let mut crop = Vec::new();
    JpegEncoder::new_with_quality(&mut crop, 90).encode_image(&drawn("EOS", 1)).unwrap();
    let cells = [put(cell(1, Kind::Wbc, Some(CellClass::Eos), 0.9), Some(&crop))];
    let map = |red_cell_density| {
        let id = station.store.begin(&start("A-1")).unwrap();
        let result = Snapshot { red_cell_density, ..result("A-1") };
        station.store.finish(id, &cells, &result, &settings()).unwrap();
        let answer = station.get(&format!("/api/sessions/{id}/cells/1/saliency.png"), &[]);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    };
    let plain = map(None);
    assert_ne!(map(Some(RedCellColour([0.4, 0.2, 0.3]))), plain, "the classifier saw another crop");
    assert_eq!(map(Some(learned)), plain, "red cells of the learned colour change nothing");
}
