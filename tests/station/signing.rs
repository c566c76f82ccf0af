//! A result that is signed on the page while a host reads lines: after the final line nothing shows the figures of before the
//! review.

use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::daemon::Daemon;

const PASSWORD: &str = "correct horse battery";

/// Rita's browser at the device.
struct Page {
    port: u16,
    cookie: String,
}

impl Page {
    fn log_in(port: u16) -> Self {
        let mut page = Self { port, cookie: String::new() };
        let until = Instant::now() + Duration::from_mins(1);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "no page");
            sleep(Duration::from_millis(100));
        }
        let (head, _) = page.send("POST", "/api/login", &json!({"name": "rita", "password": PASSWORD}));
        let cookie = head.lines().find_map(|line| line.to_lowercase().starts_with("set-cookie: ").then(|| &line[12..]));
        cookie.unwrap_or_else(|| panic!("{head}")).split(';').next().unwrap().clone_into(&mut page.cookie);
        page
    }

    /// Head and body of the answer.
    fn send(&self, method: &str, path: &str, body: &Value) -> (String, String) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let Self { port, cookie } = self;
        let mut stream = TcpStream::connect(("127.0.0.1", *port)).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: http://localhost:{port}\r\nConnection: close\r\n\
             Cookie: {cookie}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    fn json(&self, method: &str, path: &str, body: &Value) -> Value {
        let (head, body) = self.send(method, path, body);
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}\n{body}");
        serde_json::from_str(&body).unwrap()
    }
}

#[test]
fn once_a_result_is_signed_on_the_page_no_line_and_no_state_shows_the_figures_of_before_the_review() {
    let state = tempfile::tempdir().unwrap();
    let mut added = Command::new(env!("CARGO_BIN_EXE_leukoscope"))
        .args(["user", "add", "rita", "--role", "reviewer"])
        .env("LEUKOSCOPE_STATION_STATE", state.path())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    added.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    assert!(added.wait().unwrap().success());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("127.0.0.1:{port}");
    // Drawn cells are signed on a station for training alone.
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("training.toml");
    std::fs::write(&config, "[station]\ntraining = true\n").unwrap();
    let config = config.to_str().unwrap();
    let arguments = ["--config", config, "--camera", "simulated", "--target", "12", "--sample", "A-1"];
    let mut daemon = Daemon::start_with_page(state, &arguments, &listen);
    let counted = daemon.wait_for("the result", |line| line["type"] == "preliminary");

    let page = Page::log_in(port);
    let cells = page.json("GET", "/api/sessions/1/cells?kind=WBC", &Value::Null);
    let numbers: Vec<&Value> = cells["cells"].as_array().unwrap().iter().map(|cell| &cell["number"]).take(3).collect();
    let given = page.json("PUT", "/api/sessions/1/cells", &json!({"cells": numbers, "class": "ART"}));
    let body =
        json!({"password": PASSWORD, "comment": "three are dust", "fingerprint": given["session"]["fingerprint"]});
    page.json("POST", "/api/sessions/1/sign", &body);

    let told = daemon.wait_for("the signed result", |line| line["type"] == "final");
    assert_eq!(told["WBC"].as_u64().unwrap() + 3, counted["WBC"].as_u64().unwrap());
    assert_eq!(told["classes"]["ART"], 3);
    // Longer than any state goes without being published again.
    for _ in 0..4 {
        sleep(Duration::from_millis(700));
        daemon.send("status");
        let others = RefCell::new(Vec::new());
        let status = daemon.wait_for("the state", |line| {
            others.borrow_mut().push(line.clone());
            line["type"] == "status"
        });
        for line in others.borrow().iter().chain([&status]) {
            assert_eq!((&line["WBC"], &line["classes"]), (&told["WBC"], &told["classes"]), "{line}");
            assert_ne!(line["type"], "update", "the final line has told it all");
        }
    }
    let live = page.json("GET", "/api/live", &Value::Null);
    assert_eq!((&live["session"], &live["snapshot"]["kinds"]["WBC"]), (&json!(1), &told["WBC"]));
    assert_eq!(live["snapshot"]["looked_at"], told["looked_at"]);

    daemon.send("new A-2");
    let next = daemon.wait_for("the next sample", |line| line["sample"] == "A-2" && line["WBC"] != 0);
    assert_eq!((&next["classes"]["ART"], &next["looked_at"]), (&Value::Null, &Value::Null));
}
