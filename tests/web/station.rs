//! A station's web server for the tests: on a free port, with requests sent byte by byte over real sockets.
#![allow(dead_code, reason = "each test uses its own part")]

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::Receiver;
use jiff::Timestamp;
use leukoscope::config::{Config, ReviewConfig, WebConfig};
use leukoscope::outputs::web::{self, Timeouts, Web};
use leukoscope::station::adapt::Laboratory;
use leukoscope::station::camera_choice::CameraChooser;
use leukoscope::station::control::Controls;
use leukoscope::station::drops::Drops;
use leukoscope::station::in_force::InForce;
use leukoscope::station::live_view::Live;
use leukoscope::station::monitor::Monitor;
use leukoscope::station::pipeline::{CalibrationRequest, WeightsRequest};
use leukoscope::station::requests::{Asked, Commands};
use leukoscope::store::Store;
use leukoscope::store::records::{Role, SessionId};
use leukoscope::system::stop::Stop;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;

use crate::common::monitored::monitor;
use crate::common::stored;

/// The users, all with [`PASSWORD`].
pub const USERS: [(&str, Role); 3] = [("otto", Role::Operator), ("rita", Role::Reviewer), ("ada", Role::Admin)];
pub const PASSWORD: &str = "correct horse battery";

pub struct Station {
    pub address: SocketAddr,
    pub live: Live,
    pub asked: Receiver<Asked>,
    pub in_force: InForce,
    pub wished: Receiver<CalibrationRequest>,
    pub switches: Receiver<WeightsRequest>,
    pub drops: Drops,
    pub monitor: Monitor,
    pub store: Store,
    pub state: TempDir,
    pub stop: Stop,
    thread: Option<JoinHandle<()>>,
    tls: bool,
}

/// An HTTP response.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

pub trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

impl Station {
    /// On the loopback address, for this device only.
    pub fn at_device() -> Self {
        Self::at("127.0.0.1:0", |_| {})
    }

    /// On every address, as in a network.
    pub fn in_network() -> Self {
        Self::at("0.0.0.0:0", |_| {})
    }

    pub fn at(listen: &str, change: impl FnOnce(&mut Web)) -> Self {
        let state = tempfile::tempdir().unwrap();
        let drops = Drops::default();
        let (commands, asked) = Commands::new(drops.clone());
        let (live, stop) = (Live::default(), Stop::new());
        let in_force = InForce::new(stored::start("").settings, None);
        let (calibration_requests, wished) = CalibrationRequest::requests(drops.clone());
        let (weights_requests, switches) = WeightsRequest::requests(drops.clone());
        let mut config = Config::default();
        config.station.state = Some(state.path().to_owned());
        config.models.folder = Some(crate::common::models_folder());
        let store = Store::open(state.path()).unwrap();
        for (name, role) in USERS {
            store.add_user(name, role, PASSWORD, "console", Timestamp::now()).unwrap();
        }
        let monitor = monitor(&store, &in_force, &live, &drops);
        let mut web = Web {
            config: WebConfig { listen: listen.parse().unwrap(), ..WebConfig::default() },
            state: state.path().to_owned(),
            station: "test".into(),
            store: store.clone(),
            keep: config.store.clone(),
            in_force: in_force.clone(),
            live: live.clone(),
            commands: commands.limited_by(in_force.clone()),
            camera: CameraChooser::default(),
            calibration_requests,
            letterhead: leukoscope::outputs::report::letterhead::Letterhead::default(),
            controls: Controls::new(config.quality_control.clone(), store.clone(), in_force.clone()),
            laboratory: Laboratory::of(&config),
            weights_requests,
            monitor: monitor.clone(),
            configured: config,
            scrape_token: None,
            // Requests follow each other faster than a person looks.
            review: ReviewConfig { fastest_ms: 0, ..ReviewConfig::default() },
            timeouts: Timeouts::default(),
            stop: stop.clone(),
        };
        change(&mut web);
        let running = web::start(web).unwrap().unwrap();
        let port = running.address.port();
        let tls = !running.address.ip().is_loopback();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            address,
            live,
            asked,
            in_force,
            wished,
            switches,
            drops,
            monitor,
            store,
            state,
            stop,
            thread: Some(running.thread),
            tls,
        }
    }

    /// Whether it listens off the loopback address.
    pub fn login_needed(&self) -> bool {
        self.tls
    }

    pub fn host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    pub fn origin(&self) -> String {
        format!("{}://{}", if self.tls { "https" } else { "http" }, self.host())
    }

    /// A connection; over TLS if the station uses it, trusting the certificate that the station published.
    pub fn connect(&self) -> Box<dyn Stream> {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        if !self.tls {
            return Box::new(stream);
        }
        let pem = fs::read(self.state.path().join("web-certificate.pem")).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        Box::new(StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream))
    }

    /// Sends these bytes on their own connection and reads the answer.
    pub fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        stream.flush().unwrap();
        read_answer(&mut stream).expect("an answer")
    }

    /// A request with these extra header lines, such as `Cookie: …`.
    pub fn ask(&self, method: &str, path: &str, lines: &[&str], body: &str) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !lines.iter().any(|line| line.starts_with("Host:")) {
            write!(head, "Host: {}\r\n", self.host()).unwrap();
        }
        for line in lines {
            head.push_str(line);
            head.push_str("\r\n");
        }
        if !body.is_empty() {
            write!(head, "Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()).unwrap();
        }
        self.raw(format!("{head}\r\n{body}").as_bytes())
    }

    pub fn get(&self, path: &str, lines: &[&str]) -> Answer {
        self.ask("GET", path, lines, "")
    }

    pub fn try_login(&self, name: &str, password: &str) -> Answer {
        let body = serde_json::json!({"name": name, "password": password}).to_string();
        self.ask("POST", "/api/login", &[&format!("Origin: {}", self.origin())], &body)
    }

    /// Logs in and returns the cookie as `leukoscope=…`.
    pub fn login(&self, name: &str) -> String {
        let answer = self.try_login(name, PASSWORD);
        assert_eq!(answer.status, 204, "{answer:?}");
        answer.cookie().split(';').next().unwrap().to_owned()
    }

    /// A request as the page sends it for a user, with cookie and origin.
    pub fn by(&self, cookie: &str, method: &str, path: &str, body: &str) -> Answer {
        self.ask(method, path, &[&format!("Cookie: {cookie}"), &format!("Origin: {}", self.origin())], body)
    }

    /// A session with a result and six cells, four of them white.
    pub fn session(&self, sample: &str) -> SessionId {
        stored::session(&self.store, sample)
    }

    /// The secret of a new token.
    pub fn token(&self, role: Role) -> String {
        self.store.add_token("host", role, "console", Timestamp::now()).unwrap()
    }

    /// Both eosinophils are left out; neither is a line of the result, which this test does not recompute.
    pub fn trail(&self) -> Vec<(String, String)> {
        let mut entries = self.store.audit(None, None, 1000).unwrap();
        entries.reverse();
        entries.into_iter().map(|entry| (entry.by, entry.action)).collect()
    }

    pub fn end(&mut self) {
        self.stop.request();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            // Panicking again in a failing test would abort the whole run.
            assert!(ended.is_ok() || std::thread::panicking(), "the server panicked");
        }
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        self.end();
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn cookie(&self) -> &str {
        self.header("set-cookie").expect("a cookie")
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The message of an error; every error must have one beside its code.
    pub fn error(&self) -> String {
        let body = self.json();
        let known = |key: &String| ["error", "code", "retry_after"].contains(&key.as_str());
        assert!(body.as_object().unwrap().keys().all(known), "{body}");
        assert!(!self.code().is_empty());
        body["error"].as_str().unwrap().to_owned()
    }

    /// The code of an error.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_else(|| panic!("no code: {self:?}")).to_owned()
    }
}

/// Logs in and returns a function that sends requests as the page does: method, path, and body (null for none).
pub fn login(station: &Station, name: &str) -> impl Fn(&str, &str, serde_json::Value) -> Answer {
    let cookie = station.login(name);
    move |method, path, body| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        station.by(&cookie, method, path, &body)
    }
}

/// Reads one answer; none if the connection ended without one.
pub fn read_answer(stream: &mut dyn Stream) -> Option<Answer> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let mut lines = head.split("\r\n");
            let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
            let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
            let headers: Vec<_> = lines.filter_map(header).collect();
            let mut answer = Answer { status, headers, body: bytes[end + 4..].to_vec() };
            let length = answer.header("content-length").map_or(0, |length| length.parse::<usize>().unwrap());
            assert_eq!(answer.header("transfer-encoding"), None, "every answer has a length");
            while answer.body.len() < length {
                match stream.read(&mut chunk) {
                    Ok(count) if count > 0 => answer.body.extend_from_slice(&chunk[..count]),
                    other => panic!("the answer broke off: {other:?}"),
                }
            }
            return Some(answer);
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}
