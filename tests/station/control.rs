//! A laboratory's morning through the daemon: a control that passes, one that fails, and what it keeps from being signed.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::common::models_folder;
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery";

struct Morning {
    child: Child,
    port: u16,
    state: tempfile::TempDir,
}

impl Drop for Morning {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the program on this state folder.
fn program(state: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leukoscope"));
    command
        .env("LEUKOSCOPE_MODELS", models_folder())
        .env("LEUKOSCOPE_STATION_STATE", state)
        .env("LEUKOSCOPE_WEB_LISTEN", "127.0.0.1:0")
        .env("LEUKOSCOPE_SESSION_AUTOSTART", "false")
        // A simulated slide is signed nowhere else.
        .env("LEUKOSCOPE_STATION_TRAINING", "true")
        .env("LEUKOSCOPE_QUALITY_CONTROL_REQUIRED", "sign")
        .env("LEUKOSCOPE_QUALITY_CONTROL_FEWEST_CELLS", "20");
    command
}

impl Morning {
    /// A station on the simulated microscope with an admin.
    fn begin() -> Self {
        let state = tempfile::tempdir().unwrap();
        let mut user = program(state.path());
        user.args(["user", "add", "ada", "--role", "admin"]).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut user = user.spawn().unwrap();
        writeln!(user.stdin.take().unwrap(), "{PASSWORD}").unwrap();
        assert!(user.wait().unwrap().success());
        let mut child = program(state.path())
            .args(["run", "--display", "none", "--serial", "none", "--camera", "simulated", "--target", "30"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let page = lines.find_map(|line| line.unwrap().strip_prefix("page on http://127.0.0.1:").map(str::to_owned));
        let port = page.unwrap().parse().unwrap();
        Self { child, port, state }
    }

    /// One request; status and body.
    fn ask(&self, cookie: &str, method: &str, path: &str, body: &Value) -> (u16, Vec<u8>, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let host = format!("127.0.0.1:{}", self.port);
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nHost: {host}\r\nOrigin: http://{host}\r\n");
        if !cookie.is_empty() {
            write!(head, "Cookie: {cookie}\r\n").unwrap();
        }
        if !body.is_empty() {
            write!(head, "Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()).unwrap();
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, bytes[end + 4..].to_vec(), head)
    }

    fn json(&self, cookie: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let (status, body, _) = self.ask(cookie, method, path, body);
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    fn login(&self) -> String {
        let (status, _, head) = self.ask("", "POST", "/api/login", &json!({"name": "ada", "password": PASSWORD}));
        assert_eq!(status, 204, "{head}");
        let cookie = head.lines().find(|line| line.to_lowercase().starts_with("set-cookie: ")).unwrap();
        cookie[12..].split(';').next().unwrap().to_owned()
    }

    /// Waits until what is asked for looks so.
    fn until(&self, cookie: &str, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + Duration::from_mins(3);
        loop {
            let (_, found) = self.json(cookie, "GET", path, &Value::Null);
            if wanted(&found) {
                return found;
            }
            assert!(Instant::now() < end, "{path}: {found}");
            sleep(Duration::from_millis(200));
        }
    }

    fn define(&self, cookie: &str, name: &str, chart: &str, mean: f64, sd: f64) -> i64 {
        let lot = json!({"kind": "slide", "name": name, "targets": {chart: {"by": "normal", "mean": mean, "sd": sd}}});
        let (status, answer) = self.json(cookie, "POST", "/api/quality/lots", &lot);
        assert_eq!(status, 201, "{answer}");
        answer["lot"].as_i64().unwrap()
    }

    /// Counts the control slide of a lot, and waits until it is judged.
    fn count(&self, cookie: &str, lot: i64, runs: usize) -> Value {
        let (status, answer) = self.json(cookie, "POST", &format!("/api/quality/lots/{lot}/run"), &json!({}));
        assert_eq!(status, 202, "{answer}");
        let found = self
            .until(cookie, "/api/quality/runs", |found| found["runs"].as_array().is_some_and(|all| all.len() >= runs));
        found["runs"][runs - 1].clone()
    }

    fn sign(&self, cookie: &str, id: i64) -> (u16, Value) {
        let (_, detail) = self.json(cookie, "GET", &format!("/api/sessions/{id}"), &Value::Null);
        let body =
            json!({"password": PASSWORD, "comment": "nobody looked: a test", "fingerprint": detail["fingerprint"]});
        self.json(cookie, "POST", &format!("/api/sessions/{id}/sign"), &body)
    }
}

#[test]
fn a_morning_with_a_control_that_passes_and_one_that_fails() {
    let station = Morning::begin();
    let ada = station.login();
    // What is due stands on the display and in the figures for monitoring.
    station.until(&ada, "/api/live", |live| {
        live["snapshot"]["trouble"].as_str().is_some_and(|words| words.contains("control due"))
    });

    let good = station.define(&ada, "L1", "neutrophils", 60.0, 20.0);
    let run = station.count(&ada, good, 1);
    assert_eq!((&run["outcome"], &run["causes"], &run["by"]), (&json!("passed"), &json!([]), &json!("ada")), "{run}");
    assert!(
        run["look"]["background"].as_f64().unwrap() > 50.0 && run["look"]["sharpness"].as_f64().unwrap() > 0.0,
        "{run}"
    );
    assert!(run["look"]["um_per_px"].as_f64().unwrap() > 0.0);
    let standing = station.until(&ada, "/api/quality", |found| found["state"] == "passed");
    assert_eq!(standing["may_sign"], true);

    let (status, _) = station.json(&ada, "POST", "/api/live/commands", &json!({"command": "new", "sample": "A-1"}));
    assert_eq!(status, 202);
    let (status, refused) = station.json(&ada, "POST", &format!("/api/quality/lots/{good}/run"), &json!({}));
    if status != 202 {
        assert_eq!((status, &refused["code"]), (409, &json!("counting")), "a sample is not ended by a control");
    }
    let listed = station.until(&ada, "/api/sessions", |found| found["sessions"][0]["status"] == "preliminary");
    assert_eq!(listed["sessions"].as_array().unwrap().len(), 1, "the control is no sample: {listed}");
    let sample = listed["sessions"][0]["id"].as_i64().unwrap();

    let wrong = station.define(&ada, "W", "eosinophils", 90.0, 2.0);
    let run = station.count(&ada, wrong, 2);
    assert_eq!((&run["outcome"], &run["values"][0]["rule"]), (&json!("failed"), &json!("1-3s")), "{run}");
    let (status, refused) = station.sign(&ada, sample);
    assert_eq!((status, &refused["code"]), (409, &json!("control-not-passed")), "{refused}");
    station.until(&ada, "/api/live", |live| {
        live["snapshot"]["trouble"].as_str().is_some_and(|words| words.contains("1-3s eosinophils"))
    });
    let (_, metrics, _) = station.ask(&ada, "GET", "/metrics", &Value::Null);
    assert!(String::from_utf8(metrics).unwrap().contains("leukoscope_trouble{part=\"quality-control\"} 1"));

    let (status, _) =
        station.json(&ada, "POST", "/api/quality/override", &json!({"reason": "the wrong lot was defined"}));
    assert_eq!(status, 201);
    let (status, signed) = station.sign(&ada, sample);
    assert_eq!(status, 200, "{signed}");
    let (_, pdf, _) = station.ask(&ada, "GET", &format!("/api/sessions/{sample}/report.pdf"), &Value::Null);
    assert!(pdf.starts_with(b"%PDF"));

    let listed = program(station.state.path()).args(["control", "list"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(
        listed.contains("lot L1  passed") && listed.contains("lot W  failed") && listed.contains("1-3s eosinophils"),
        "{listed}"
    );
    let sessions = program(station.state.path()).args(["sessions"]).output().unwrap();
    let sessions = String::from_utf8(sessions.stdout).unwrap();
    assert!(sessions.contains("A-1") && !sessions.contains("QC "), "{sessions}");
    let verified = program(station.state.path()).args(["audit", "verify"]).output().unwrap();
    assert!(verified.status.success(), "{verified:?}");
}
