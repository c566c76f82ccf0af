//! Any request, whole or in pieces, from anybody up to an admin: the server answers, never with "500", and goes on.
//!
//! `cargo +nightly fuzz run http`

#![no_main]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

use jiff::Timestamp;
use leukoscope::camera::supervise::CameraWatch;
use leukoscope::config::{Config, CriticalConfig, Flags, RedCellsConfig, SampleConfig, SessionConfig, WebConfig};
use leukoscope::outputs::report::letterhead::Letterhead;
use leukoscope::outputs::web::{self, Timeouts, Web};
use leukoscope::station::adapt::Laboratory;
use leukoscope::station::camera_choice::CameraChooser;
use leukoscope::station::control::Controls;
use leukoscope::station::drops::Drops;
use leukoscope::station::in_force::InForce;
use leukoscope::station::live_view::Live;
use leukoscope::station::monitor::Monitor;
use leukoscope::station::pipeline::{CalibrationRequest, WeightsRequest};
use leukoscope::station::queues::Queues;
use leukoscope::station::requests::Commands;
use leukoscope::station::service::watchdog::Watchdog;
use leukoscope::station::tallies::Tallies;
use leukoscope::station::trouble::Troubles;
use leukoscope::store::Store;
use leukoscope::store::records::{Role, Settings};
use leukoscope::system::board::Board;
use leukoscope::system::latest::Latest;
use leukoscope::system::stop::Stop;
use libfuzzer_sys::fuzz_target;

struct Station {
    address: SocketAddr,
    token: String,
}

/// One server for all inputs, with an admin's token and nothing behind it that counts.
fn station() -> &'static Station {
    static STATION: OnceLock<Station> = OnceLock::new();
    STATION.get_or_init(|| {
        let state = std::env::temp_dir().join(format!("leukoscope-fuzz-http-{}", std::process::id()));
        let store = Store::open(&state).expect("a fresh store");
        let token = store.add_token("fuzz", Role::Admin, "console", Timestamp::now()).expect("a token");
        let settings = Settings {
            version: String::new(),
            camera: String::new(),
            source: None,
            training: false,
            session: SessionConfig::default(),
            sample: SampleConfig::default(),
            flags: Flags::default(),
            red_cells: RedCellsConfig::default(),
            critical: CriticalConfig::default(),
            models: Default::default(),
            calibration: None,
            um_per_px: None,
            unknown_below: None,
            taken_with: None,
            profile: None,
        };
        let mut config = Config::default();
        config.station.state = Some(state.clone());
        let in_force = InForce::new(settings, None);
        let monitor = Monitor {
            station: "fuzz".into(),
            began: Timestamp::now(),
            watchdog: Watchdog::default(),
            camera: CameraWatch::of(Latest::default()),
            in_force: in_force.clone(),
            live: Live::default(),
            troubles: Troubles::default(),
            tallies: Tallies::default(),
            drops: Drops::default(),
            queues: Queues::default(),
            store: store.clone(),
            board: Board::default(),
            controls: Controls::new(config.quality_control.clone(), store.clone(), in_force.clone()),
        };
        let web = Web {
            config: WebConfig { listen: "127.0.0.1:0".parse().expect("an address"), ..WebConfig::default() },
            state,
            station: "fuzz".into(),
            keep: config.store.clone(),
            controls: Controls::new(config.quality_control.clone(), store.clone(), in_force.clone()),
            store,
            in_force,
            live: Live::default(),
            commands: Commands::new(Drops::default()).0,
            camera: CameraChooser::default(),
            letterhead: Letterhead::default(),
            review: config.review.clone(),
            calibration_requests: CalibrationRequest::requests(Drops::default()).0,
            laboratory: Laboratory::of(&config),
            weights_requests: WeightsRequest::requests(Drops::default()).0,
            monitor,
            configured: config,
            scrape_token: None,
            timeouts: Timeouts { stalled: Duration::from_secs(2), ..Timeouts::default() },
            stop: Stop::new(),
        };
        let address = web::start(web).expect("a free port").expect("an address").address;
        Station { address, token }
    })
}

fn send(bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(station().address).expect("the server goes on");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    let mut answer = Vec::new();
    // The server may hang up in the middle of nonsense.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read_to_end(&mut answer);
    answer
}

fuzz_target!(|input: (u8, &str, &str, &[u8])| {
    let (way, number, query, body) = input;
    let answer = if way == 0 {
        send(body)
    } else {
        let ways = web::paths();
        let (method, path) = &ways[usize::from(way) % ways.len()];
        let visible = |text: &str| text.chars().filter(char::is_ascii_graphic).collect::<String>();
        let (number, query) = (visible(number), visible(query));
        let path = path.replace("{id}", &number).replace("{n}", &number).replace("{name}", &number);
        let mut request = format!(
            "{} {path}?{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            method.to_uppercase(),
            station().token,
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        send(&request)
    };
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{answer:?}");
    assert!(!answer.starts_with(b"HTTP/1.1 500"), "{}", String::from_utf8_lossy(&answer));
});
