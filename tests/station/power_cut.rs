//! The daemon is killed in the middle of a count, as by a power cut, and the count goes on or is closed.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use leukoscope::store::{AuditVerdict, Store};
use serde_json::{Value, json};

use crate::common::models_folder;

/// A daemon with its page at the device, where no login is asked for.
struct Station {
    child: Child,
    port: u16,
}

impl Drop for Station {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Station {
    fn start(state: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_leukoscope"))
            .args(["run", "--display", "none", "--serial", "none", "--camera", "simulated"])
            .args(arguments)
            .env("LEUKOSCOPE_MODELS", models_folder())
            .env("LEUKOSCOPE_STATION_STATE", state)
            .env("LEUKOSCOPE_WEB_LISTEN", "127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let address = lines.find_map(|line| line.strip_prefix("page on ").map(str::to_owned)).unwrap();
        let port = address.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
        Self { child, port }
    }

    /// As a power cut ends it: at once.
    fn cut(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Status and answer.
    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let host = format!("localhost:{}", self.port);
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    fn wait_for(&self, what: &str, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + Duration::from_mins(3);
        let mut last = Value::Null;
        while Instant::now() < until {
            last = self.ask("GET", path, "").1;
            if wanted(&last) {
                return last;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("no {what} at {path}; the last was {last}");
    }

    /// Waits until this many cells of the differential are on disk.
    fn wait_for_cells(&self, cells: u64) -> u64 {
        let kept = self.wait_for("cells on disk", "/api/sessions/1", |now| now["counted"].as_u64() >= Some(cells));
        kept["counted"].as_u64().unwrap()
    }
}

fn trail(state: &Path) -> Vec<String> {
    let store = Store::open_to_read(state).unwrap().unwrap();
    assert!(matches!(store.verify_audit().unwrap(), AuditVerdict::Whole { .. }), "{:?}", store.verify_audit());
    let mut lines = store.audit(Some(1), None, 100).unwrap();
    lines.reverse();
    lines.into_iter().map(|line| line.action).filter(|action| action != "view").collect()
}

#[test]
fn a_count_that_is_cut_off_twice_goes_on_with_every_cell_it_had_and_says_so() {
    let state = tempfile::tempdir().unwrap();
    let station = Station::start(state.path(), &["--sample", "X-57", "--target", "40"]);
    station.wait_for("the count", "/api/live", |now| now["snapshot"]["phase"] == "counting");
    assert_eq!(
        station.ask("POST", "/api/live/commands", r#"{"command":"red","red_count":4.5,"sample":"X-57"}"#).0,
        202
    );
    let mut kept = station.wait_for_cells(4);
    station.cut();
    for cut in 1..=2 {
        let station = Station::start(state.path(), &["--target", "40"]);
        // Nothing begins by itself while a person has to decide.
        let live = station.wait_for("state", "/api/live", |now| now["snapshot"].is_object());
        assert_eq!(live["snapshot"]["phase"], "waiting", "{live}");
        let (_, listed) = station.ask("GET", "/api/interrupted", "");
        let one = &listed["sessions"][0];
        assert_eq!((&one["sample"], &one["target"], &one["closed_only"]), (&json!("X-57"), &json!(40), &Value::Null));
        let counted = one["counted"].as_u64().unwrap();
        assert!(counted >= kept, "{counted} of {kept} cells that were on disk");
        let (status, why) = station.ask("POST", "/api/sessions/1/sign", r#"{"password":"x","fingerprint":"x"}"#);
        assert_ne!(status, 200, "there is nothing to sign yet: {why}");
        assert_eq!(station.ask("POST", "/api/sessions/1/resume", "{}").0, 202);
        let on = station.wait_for("going on", "/api/live", |now| now["snapshot"]["phase"] == "counting");
        assert_eq!((&on["session"], &on["snapshot"]["sample"]), (&json!(1), &json!("X-57")));
        assert!(on["snapshot"]["counted"].as_u64() >= Some(counted));
        assert_eq!(on["snapshot"]["interruptions"].as_array().map(Vec::len), Some(cut));
        assert!(on["snapshot"]["flags"].to_string().contains("resumed"));
        let (status, why) = station.ask("POST", "/api/sessions/1/resume", "{}");
        assert_eq!((status, why["code"].as_str()), (409, Some("request")), "it is not interrupted any more: {why}");
        if cut == 1 {
            kept = station.wait_for_cells(counted + 4);
            station.cut();
            continue;
        }
        let done = station.wait_for("the end", "/api/sessions/1", |now| now["status"] == "preliminary");
        let result = &done["reviewed_result"];
        assert_eq!((&result["ending"], &result["sample"]), (&json!("target-reached"), &json!("X-57")));
        assert_eq!(result["interruptions"].as_array().map(Vec::len), Some(2));
        assert_eq!(
            result["statistics"]["per_red_cell"]["red_count"],
            json!(4.5),
            "what was entered stays with its sample"
        );
        let (_, cells) = station.ask("GET", "/api/sessions/1/cells?kind=WBC", "");
        assert_eq!(cells["cells"].as_array().map(Vec::len), result["kinds"]["WBC"].as_u64().map(|n| n as usize));
        assert_eq!(red_of(result), red_kept(&station), "red cells from before each cut, too");
        // The next sample has nothing of it.
        assert_eq!(station.ask("POST", "/api/live/commands", r#"{"command":"new","sample":"Y-1"}"#).0, 202);
        let next = station.wait_for("the next", "/api/live", |now| now["snapshot"]["sample"] == "Y-1");
        assert_eq!(next["snapshot"]["interruptions"], Value::Null);
        assert_eq!(next["snapshot"]["statistics"]["per_red_cell"]["red_count"], Value::Null);
        station.cut();
    }
    let told = trail(state.path());
    assert_eq!(told, ["begin", "red count", "interrupted", "resume", "interrupted", "resume", "result"]);
}

/// Red cells that a result tells of.
fn red_of(result: &Value) -> u64 {
    ["graded", "not_graded"].map(|of| result["red_cells"][of].as_u64().unwrap_or(0)).iter().sum()
}

/// Red cells of session 1 that are kept with what they look like.
fn red_kept(station: &Station) -> u64 {
    let (_, cells) = station.ask("GET", "/api/sessions/1/cells?kind=RBC", "");
    cells["cells"].as_array().unwrap().iter().filter(|cell| cell["red"].is_object()).count() as u64
}

#[test]
fn a_count_that_was_cut_off_is_closed_with_its_cells_and_can_be_reviewed() {
    let state = tempfile::tempdir().unwrap();
    let station = Station::start(state.path(), &["--sample", "X-57", "--target", "100000"]);
    station.wait_for_cells(4);
    station.cut();
    let station = Station::start(state.path(), &[]);
    let (_, listed) = station.ask("GET", "/api/interrupted", "");
    assert!(listed["sessions"][0]["counted"].as_u64() >= Some(4), "{listed}");
    let cells = || station.ask("GET", "/api/sessions/1/cells?kind=WBC", "").1["cells"].as_array().map(Vec::len);
    let before = cells();
    let (status, closed) = station.ask("POST", "/api/sessions/1/close", "{}");
    assert_eq!(status, 200, "{closed}");
    let result = &closed["reviewed_result"];
    assert_eq!((&closed["status"], &result["ending"]), (&json!("preliminary"), &json!("power-cut")));
    assert_eq!(red_of(result), red_kept(&station));
    assert!(red_of(result) > 0, "{}", result["red_cells"]);
    // The composition of all of them may give a doubtful cell its name, or take it.
    assert_eq!(cells(), before, "no cell is lost");
    assert!(result["counted"].as_u64() >= Some(1), "{result}");
    let flags = result["flags"].to_string();
    assert!(flags.contains("partial") && flags.contains("few-cells") && !flags.contains("resumed"), "{flags}");
    assert_eq!(result["interruptions"].as_array().map(Vec::len), Some(1));
    assert_eq!(station.ask("POST", "/api/sessions/1/close", "{}").0, 409);
    assert_eq!(station.ask("POST", "/api/sessions/1/resume", "{}").0, 409);
    assert_eq!(station.ask("POST", "/api/sessions/99/close", "{}").0, 404);
    assert_eq!(station.ask("GET", "/api/interrupted", "").1["sessions"], json!([]));
    station.cut();
    assert_eq!(trail(state.path()), ["begin", "interrupted", "close", "result"]);
    let store = Store::open(state.path()).unwrap();
    let cell = store.cells(1, None, None).unwrap().into_iter().find(|cell| cell.class.is_some()).unwrap();
    store.reclassify(1, cell.number, cell.class, "rita", jiff::Timestamp::now()).unwrap();
    // What was counted here is simulated.
    store.of_training_station(true);
    store.sign(1, "rita", jiff::Timestamp::now(), "power cut").unwrap();
    assert!(matches!(store.verify_audit().unwrap(), AuditVerdict::Whole { .. }));
}

#[test]
fn a_cell_that_was_changed_while_a_count_lay_interrupted_is_found_when_it_goes_on() {
    let state = tempfile::tempdir().unwrap();
    let station = Station::start(state.path(), &["--sample", "X-57", "--target", "100000"]);
    station.wait_for_cells(2);
    station.cut();
    drop(Store::open(state.path()).unwrap());
    let file = rusqlite::Connection::open(state.path().join(leukoscope::store::FILE)).unwrap();
    assert!(file.execute("UPDATE cell SET class = 'BAS' WHERE class IS NOT NULL AND class <> 'BAS'", []).unwrap() > 0);
    drop(file);
    let station = Station::start(state.path(), &[]);
    assert_eq!(station.ask("POST", "/api/sessions/1/close", "{}").0, 200);
    station.cut();
    let store = Store::open_to_read(state.path()).unwrap().unwrap();
    let verdict = store.verify_audit().unwrap();
    assert!(matches!(&verdict, AuditVerdict::Broken { why, .. } if why.contains("cell")), "{verdict:?}");
}
