//! Through `run`: simulated counts are marked and not signed, critical values raise an alarm that outlives the sample, and the
//! page asks which camera this is.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::models_folder;
use crate::daemon::Daemon;
use jiff::Timestamp;
use leukoscope::store::Store;
use leukoscope::store::told::Told;
use serde_json::{Value, json};

/// A configuration file with these lines.
fn config(folder: &Path, lines: &str) -> String {
    let path = folder.join("station.toml");
    fs::write(&path, lines).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn what_the_simulated_microscope_counts_says_so_on_every_line_and_is_not_signed() {
    let mut daemon = Daemon::start(&["--camera", "simulated", "--target", "5", "--sample", "A-1"]);
    let counting = daemon.wait_for("a count", |line| line["phase"] == "counting");
    assert_eq!(counting["marks"], json!(["simulated"]));
    let done = daemon.wait_for("the result", |line| line["type"] == "preliminary");
    assert_eq!(done["marks"], json!(["simulated"]));
    let state = daemon.give_state();
    drop(daemon);
    let store = Store::open(state.path()).unwrap();
    assert!(store.sign(1, "rita", Timestamp::now(), "").unwrap_err().to_string().contains("simulated"));
}

#[test]
fn on_a_station_for_training_everything_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), "[station]\ntraining = true\n");
    let mut daemon = Daemon::start(&["--config", &file, "--camera", "simulated", "--target", "5"]);
    let done = daemon.wait_for("the result", |line| line["type"] == "preliminary");
    assert_eq!(done["marks"], json!(["training", "simulated"]));
}

#[test]
fn a_critical_value_is_told_on_every_line_whatever_is_counted_since_until_somebody_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), "[critical]\nneutrophils_per_ul_below = 10000.0\n");
    // As few red cells as a sample can have, so that there are few neutrophils beside them.
    let arguments = ["--camera", "simulated", "--target", "60", "--red-count", "0.1", "--sample", "A-1"];
    let mut daemon = Daemon::start(&[&["--config", &file], arguments.as_slice()].concat());
    let done = daemon.wait_for("the result", |line| line["type"] == "preliminary");
    assert_eq!(done["critical"][0]["of"], "neutrophils-per-ul", "{done}");
    daemon.send("new A-2");
    let speaks =
        |line: &Value| line["trouble"].as_str().is_some_and(|words| words.contains("CRITICAL A-1: neutrophils"));
    daemon.wait_for("the alarm beside the next sample", |line| line["sample"] == "A-2" && speaks(line));
    let store = Store::open_beside(daemon.state.path()).unwrap();
    let said = Told { told: "Ward 3".into(), told_by: None, told_at: None, read_back: true, note: String::new() };
    store.acknowledge(1, "otto", Timestamp::now(), &said).unwrap();
    daemon.wait_for("the end of the alarm", |line| line["sample"] == "A-2" && line["trouble"].is_null());
}

/// A daemon that asks for its camera on its page.
struct Asking {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Drop for Asking {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Asking {
    /// Where the page is, once the program says so.
    fn page(&mut self) -> String {
        let until = Instant::now() + Duration::from_mins(2);
        let mut line = String::new();
        while Instant::now() < until && self.said.read_line(&mut line).unwrap() > 0 {
            if let Some(url) = line.trim().strip_prefix("page on http://") {
                return url.trim_end_matches('/').to_owned();
            }
            line.clear();
        }
        panic!("no page");
    }
}

/// Status and body of a request to the page.
fn ask(host: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(host).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

#[test]
fn a_station_without_a_camera_asks_on_its_page_and_begins_anew_with_the_one_that_is_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let file = config(
        folder.path(),
        "[camera]\nsource = \"choose\"\n[session]\nautostart = false\n[display]\nkind = \"none\"\n[serial]\nport = \"none\"\n\
         [web]\nlisten = \"127.0.0.1:0\"\n",
    );
    let mut child = Command::new(env!("CARGO_BIN_EXE_leukoscope"))
        .args(["run", "--config", &file])
        .env("LEUKOSCOPE_MODELS", models_folder())
        .env("LEUKOSCOPE_STATION_STATE", folder.path().join("state"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stdout.take().unwrap());
    let mut station = Asking { child, said };
    let host = station.page();
    let (_, before) = ask(&host, "GET", "/api/camera", "");
    assert_eq!((&before["asks"], &before["source"]), (&json!(true), &Value::Null));
    let trouble =
        || ask(&host, "GET", "/api/live", "").1["snapshot"]["trouble"].as_str().unwrap_or_default().to_owned();
    let until = Instant::now() + Duration::from_mins(1);
    while !trouble().contains("no camera chosen: open http://") {
        assert!(Instant::now() < until, "{}", trouble());
        std::thread::sleep(Duration::from_millis(100));
    }
    let wrong = ask(&host, "PUT", "/api/camera", r#"{"source": "command:touch /tmp/x"}"#);
    assert_eq!(wrong.0, 400, "no program is run by the page: {}", wrong.1);
    assert_eq!(ask(&host, "PUT", "/api/camera", r#"{"source": "simulated"}"#).0, 202);

    let host = station.page();
    let (_, after) = ask(&host, "GET", "/api/camera", "");
    assert_eq!(after["source"], "simulated");
    assert_eq!(ask(&host, "PUT", "/api/camera", r#"{"source": "simulated"}"#).0, 403, "only an admin chooses another");
    let pid = station.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(station.child.wait().unwrap().success(), "it is the same process");
    let store = Store::open(&folder.path().join("state")).unwrap();
    let line = store.audit(None, None, 10).unwrap().into_iter().find(|line| line.action == "camera").unwrap();
    assert_eq!((line.by.as_str(), line.detail), ("device", json!({"from": null, "to": "simulated"})));
}
