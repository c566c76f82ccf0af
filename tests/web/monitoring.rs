//! What monitoring asks the page for: figures for those who may, liveness and readiness for anybody.

use std::fs;
use std::time::{Duration, Instant};

use crate::station::Station;
use leukoscope::camera;
use leukoscope::camera::supervise::{Patience, Supervisor};
use leukoscope::config::CameraConfig;
use leukoscope::outputs::web::{self, WebError};
use leukoscope::station::trouble::Part;
use leukoscope::store::records::Role;
use leukoscope::system::latest::Latest;
use leukoscope::system::stop::Stop;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// On every address, with a secret for collectors.
fn with_secret(secret: &str) -> Station {
    Station::at("0.0.0.0:0", |web| {
        let path = web.state.join("metrics.token");
        fs::write(&path, secret).unwrap();
        web.scrape_token = Some(path);
    })
}

fn bearer(secret: &str) -> String {
    format!("Authorization: Bearer {secret}")
}

#[test]
fn figures_are_read_at_the_device_and_in_the_network_by_users_and_tokens() {
    let station = Station::at_device();
    let answer = station.get("/metrics", &[]);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let text = String::from_utf8(answer.body).unwrap();
    assert!(text.contains("\nleukoscope_trouble{part=\"camera\"} 0.0\n"), "{text}");
    assert_eq!(
        station.get("/metrics", &["Sec-Fetch-Site: cross-site"]).status,
        403,
        "another site's page reads nothing"
    );

    let station = Station::in_network();
    assert_eq!(station.get("/metrics", &[]).status, 401);
    assert_eq!(station.get("/metrics", &[&bearer("wrong")]).status, 401);
    assert_eq!(station.get("/metrics", &[&bearer(SECRET)]).status, 401, "no secret is set");
    assert_eq!(station.get("/metrics", &[&bearer(&station.token(Role::Operator))]).status, 200);
    let cookie = station.login("otto");
    assert_eq!(station.by(&cookie, "GET", "/metrics", "").status, 200);
}

#[test]
fn the_secret_of_a_collector_opens_the_figures_and_nothing_else() {
    let station = with_secret(&format!("{SECRET}\n"));
    let collector = bearer(SECRET);
    assert_eq!(station.get("/metrics", &[&collector]).status, 200);
    for (method, path) in web::paths() {
        if ["/metrics", "/healthz", "/readyz", "/api/openapi.json", "/api/login", "/api/logout"]
            .contains(&path.as_str())
        {
            continue;
        }
        let path = path.replace("{id}", "1").replace("{n}", "1").replace("{name}", "otto");
        let answer = station.ask(&method.to_uppercase(), &path, &[&collector], "");
        if path == "/api/me" {
            assert!(answer.json()["name"].is_null(), "{answer:?}");
        } else {
            assert_eq!(answer.status, 401, "{method} {path}: {answer:?}");
        }
    }
    assert_eq!(station.get("/metrics", &[&bearer(&SECRET[1..])]).status, 401);
    assert_eq!(station.get("/metrics", &[&bearer("")]).status, 401);
}

#[test]
fn a_secret_that_is_too_short_or_missing_stops_the_start_with_what_to_do() {
    for content in
        ["", "\n", "short\n", "two words that are quite long", &"x".repeat(300), "ümlaut-ümlaut-ümlaut-ümlaut"]
    {
        let refused = std::panic::catch_unwind(|| with_secret(content));
        assert!(refused.is_err(), "{content:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let problem = leukoscope::outputs::metrics::token::ScrapeToken::read(&missing).unwrap_err();
    let words = WebError::from(problem).to_string();
    assert!(words.contains("[metrics] token") && words.contains("missing"), "{words}");
}

#[test]
fn health_is_told_to_anybody_and_a_stuck_part_is_named() {
    let station = Station::in_network();
    let answer = station.get("/healthz", &[]);
    assert_eq!((answer.status, answer.json()), (200, serde_json::json!({"ok": true, "reasons": []})));
    let pulse = station.monitor.watchdog.watch("counting", Duration::from_millis(50));
    std::thread::sleep(Duration::from_millis(200));
    for path in ["/healthz", "/readyz"] {
        let answer = station.get(path, &[]);
        let reason = &answer.json()["reasons"][0];
        assert_eq!((answer.status, reason["part"].as_str()), (503, Some("counting")), "{path}: {answer:?}");
        assert!(reason["words"].as_str().unwrap().contains("makes no progress"), "{answer:?}");
    }
    drop(pulse);
    assert_eq!(station.ask("POST", "/healthz", &[], "").status, 405);
}

#[test]
fn readiness_names_each_part_that_is_not_in_order_but_no_file_and_no_sample() {
    let config = CameraConfig::default();
    let frames = Latest::default();
    let supervisor = Supervisor::new(move || camera::open(&config), Patience::with_stall(1.0), frames.clone());
    let station = Station::at("0.0.0.0:0", |web| web.monitor.camera = supervisor.watch());
    let parts = |station: &Station| {
        let answer = station.get("/readyz", &[]);
        let reasons = answer.json()["reasons"].as_array().unwrap().clone();
        assert_eq!(answer.status, if reasons.is_empty() { 200 } else { 503 });
        let words = String::from_utf8(answer.body).unwrap();
        assert!(!words.contains("ttyUSB") && !words.contains("A-17"), "{words}");
        reasons.iter().map(|reason| reason["part"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(parts(&station), ["camera", "models"], "neither has begun");

    station.in_force.look_with(crate::common::vision());
    let stop = Stop::new();
    let running = {
        let stop = stop.clone();
        std::thread::spawn(move || drop(supervisor.run(&stop)))
    };
    let until = Instant::now() + Duration::from_mins(1);
    while !parts(&station).is_empty() {
        assert!(Instant::now() < until, "the camera gives frames");
        let _ = frames.take(Duration::from_millis(100));
    }

    for part in Part::ALL {
        station.monitor.troubles.set(part, Some("/dev/ttyUSB0 while A-17 was counted".into()));
    }
    let needs_a_look =
        [Part::Critical, Part::Optics, Part::QualityControl, Part::Clock, Part::Samples, Part::Retention];
    let expected: Vec<_> = Part::ALL.into_iter().filter(|part| !needs_a_look.contains(part)).map(Part::name).collect();
    assert_eq!(parts(&station), expected, "the clock, the optics, the control and old records only need a look");
    for part in Part::ALL {
        station.monitor.troubles.set(part, None);
    }
    assert_eq!(parts(&station), [""; 0]);

    stop.request();
    running.join().unwrap();
    assert_eq!(parts(&station), ["camera"], "it has ended");
}
