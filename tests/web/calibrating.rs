//! Calibration requested from the running station: uses the frames of its camera, is stored, and applies at once.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::common::stored;
use crate::station::Station;
use crossbeam_channel::bounded;
use image::{Rgb, RgbImage};
use jiff::Timestamp;
use leukoscope::camera::supervise::{Patience, Supervisor};
use leukoscope::camera::{self, simulated};
use leukoscope::config::{CameraConfig, Flags, FlatFieldChoice, Optics, SessionConfig};
use leukoscope::counting::session::Session;
use leukoscope::counting::session::snapshot::{Command, Phase, Snapshot};
use leukoscope::station::calibrate::{NotCalibrated, Step};
use leukoscope::station::drops::Drops;
use leukoscope::station::in_force::InForce;
use leukoscope::station::live_view::Live;
use leukoscope::station::pipeline::{self, Calibrated, CalibrationRequest, Calibrator, PipelinePorts, WeightsRequest};
use leukoscope::station::recorder::Recorder;
use leukoscope::station::requests::{Asked, Commands, Requests};
use leukoscope::station::service::watchdog::Watchdog;
use leukoscope::station::tallies::Tallies;
use leukoscope::station::trouble::Troubles;
use leukoscope::store::Store;
use leukoscope::system::latest::Latest;
use leukoscope::system::stop::Stop;
use leukoscope::vision::optics::calibration::{Calibration, Setup};
use serde_json::{Value, json};

fn setup() -> Setup {
    Setup { camera: "bench camera".into(), objective: "100x".into() }
}

fn optics(flat_field: FlatFieldChoice) -> Optics {
    let Setup { camera, objective } = setup();
    Optics { camera: Some(camera), objective: Some(objective), flat_field, ..Optics::default() }
}

/// Runs the counting thread on `source` while `work` sends requests to it.
fn counting(
    state: &Path,
    source: &str,
    choice: FlatFieldChoice,
    work: impl FnOnce(&Requests<CalibrationRequest>, &Commands, &Latest<Arc<Snapshot>>),
) {
    let config = CameraConfig { source: source.parse().unwrap(), frame_rate: 20.0, ..CameraConfig::default() };
    let (stop, troubles, frames, newest) = (Stop::new(), Troubles::default(), Latest::default(), Latest::default());
    let supervisor = Supervisor::new(
        {
            let config = config.clone();
            move || camera::open(&config)
        },
        Patience::with_stall(config.stall_seconds),
        frames.clone(),
    );
    let drops = Drops::default();
    let (commands, asked) = Commands::new(drops.clone());
    let (calibration_requests, requested) = CalibrationRequest::requests(drops.clone());
    let vision = crate::common::vision();
    let connections = PipelinePorts {
        frames,
        camera: supervisor.watch(),
        recording: source.starts_with("replay:"),
        commands: asked,
        running: commands.running(),
        sinks: vec![newest.clone()],
        recorder: Recorder::start(Store::open(state).unwrap(), troubles.clone(), drops).unwrap(),
        store: None,
        in_force: InForce::new(stored::start("").settings, None),
        live: Live::default(),
        troubles,
        tallies: Tallies::default(),
        pulse: Watchdog::default().watch("counting", Duration::from_mins(1)),
        stop: stop.clone(),
        gate: true,
        fields: 10,
        calibrator: Calibrator { state: state.to_owned(), camera: config.clone(), optics: optics(choice) },
        calibration_requests: requested,
        weights_requests: WeightsRequest::requests(Drops::default()).1,
    };
    let session = Session::new(SessionConfig::default(), Flags::default(), vision.correction(None));
    let counting = thread::spawn(move || pipeline::count("bench", vision, session, None, connections));
    let capturing = thread::spawn({
        let stop = stop.clone();
        move || drop(supervisor.run(&stop))
    });
    work(&calibration_requests, &commands, &newest);
    stop.request();
    counting.join().unwrap();
    capturing.join().unwrap();
}

fn request(calibration_requests: &Requests<CalibrationRequest>, step: Step) -> Result<Calibrated, NotCalibrated> {
    let (answer, answered) = bounded(1);
    calibration_requests.ask(CalibrationRequest { step, answer }).unwrap();
    answered.recv_timeout(Duration::from_mins(1)).unwrap()
}

#[test]
fn the_scale_of_the_red_cells_in_view_is_kept_and_cells_are_no_empty_field() {
    let state = tempfile::tempdir().unwrap();
    counting(state.path(), "simulated", FlatFieldChoice::Auto, |calibration_requests, commands, newest| {
        let found = request(calibration_requests, Step::Scale).unwrap();
        let told = found.calibration.um_per_px.unwrap();
        assert!((told / simulated::UM_PER_PX - 1.0).abs() < 0.05, "{told}");
        assert_eq!(Calibration::find(state.path(), &setup()).unwrap(), Some(found.calibration.clone()));

        let refused = request(calibration_requests, Step::Light).unwrap_err().to_string();
        assert!(refused.contains("no empty field"), "{refused}");
        // A refused calibration changes nothing.
        assert_eq!(Calibration::find(state.path(), &setup()).unwrap(), Some(found.calibration));

        commands.ask(Asked::by("device", Command::Start)).unwrap();
        while newest.take(Duration::from_mins(1)).unwrap().phase != Phase::Counting {}
        assert!(matches!(request(calibration_requests, Step::Scale), Err(NotCalibrated::Counting)));
    });
}

#[test]
fn the_light_of_an_empty_field_is_kept_with_its_fall_off() {
    let (state, pictures) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let place = |at: u32, of: u32| f64::from(at) / f64::from(of) * 2.0 - 1.0;
    let empty = RgbImage::from_fn(640, 480, |x, y| {
        let shade = 1.0 - 0.25 * (place(x, 640).powi(2) + place(y, 480).powi(2));
        Rgb([225.0, 220.0, 210.0].map(|value: f64| (value * shade) as u8))
    });
    for number in 0..11 {
        empty.save(pictures.path().join(format!("{number:02}.png"))).unwrap();
    }
    counting(
        state.path(),
        &format!("replay:{}", pictures.path().display()),
        FlatFieldChoice::Auto,
        |calibration_requests, _, _| {
            let found = request(calibration_requests, Step::Light).unwrap();
            let fall_off = found.calibration.light.as_ref().unwrap().fall_off();
            // A quarter at the middle of each edge, half in the corners.
            assert!((0.4..0.52).contains(&fall_off), "{fall_off}");
            assert_eq!(Calibration::find(state.path(), &setup()).unwrap(), Some(found.calibration));
            // Ten of the eleven frames were used and the one that lay ready was not, so a further request is refused.
            assert!(matches!(request(calibration_requests, Step::Scale), Err(NotCalibrated::FewFrames(_))));
        },
    );
}

#[test]
fn a_light_that_would_not_be_used_and_a_scale_that_would_cost_the_light_are_refused() {
    let state = tempfile::tempdir().unwrap();
    counting(state.path(), "simulated", FlatFieldChoice::Learned, |calibration_requests, _, _| {
        assert!(matches!(request(calibration_requests, Step::Light), Err(NotCalibrated::NotUsed)));
    });
    let other = RgbImage::from_fn(128, 96, |x, _| Rgb([200 - (x / 2) as u8; 3]));
    let light = leukoscope::vision::optics::flat_field::Illumination::of_empty(&[other]);
    let kept = Calibration { light, ..Calibration::new(setup(), (128, 96), Timestamp::UNIX_EPOCH) };
    kept.store(state.path()).unwrap();
    counting(state.path(), "simulated", FlatFieldChoice::Auto, |calibration_requests, _, _| {
        let refused = request(calibration_requests, Step::Scale).unwrap_err().to_string();
        assert!(refused.contains("128x96") && refused.contains("640x480"), "{refused}");
    });
    assert_eq!(Calibration::find(state.path(), &setup()).unwrap(), Some(kept));
}

#[test]
fn an_admin_calibrates_by_what_is_in_view_and_hears_what_is_wrong() {
    let station = Station::in_network();
    let ask = |method: &str, path: &str, cookie: &str, body: &str| station.by(cookie, method, path, body);
    let body = r#"{"step":"light"}"#;
    for name in ["otto", "rita"] {
        let cookie = station.login(name);
        assert_eq!(ask("POST", "/api/calibration", &cookie, body).status, 403, "{name}");
    }
    let cookie = station.login("ada");
    let (wished, in_force) = (station.wished.clone(), station.in_force.clone());
    let answering = std::thread::spawn(move || {
        let size = (640, 480);
        let setup = Setup { camera: "bench".into(), objective: "100x".into() };
        let calibration = Calibration { um_per_px: Some(0.1), ..Calibration::new(setup, size, Timestamp::now()) };
        for answer in [
            Err(NotCalibrated::Counting),
            Err(NotCalibrated::FewRedCells { with: 1, of: 10 }),
            Ok(Calibrated { calibration, words: "found".into() }),
        ] {
            let wish: CalibrationRequest = wished.recv().unwrap();
            // Like the counting thread: the calibration applies before the answer is sent.
            if let Ok(Calibrated { calibration, .. }) = &answer {
                in_force.calibrate(calibration.clone());
            }
            wish.answer.send(answer).unwrap();
        }
        wished
    });
    assert_eq!(ask("POST", "/api/calibration", &cookie, body).status, 409);
    let answer = ask("POST", "/api/calibration", &cookie, r#"{"step":"scale"}"#);
    assert_eq!(answer.status, 422);
    assert!(answer.json()["error"].as_str().unwrap().contains("side by side"));
    let answer = ask("POST", "/api/calibration", &cookie, r#"{"step":"scale"}"#);
    assert_eq!(answer.status, 200);
    assert_eq!((&answer.json()["um_per_px"], &answer.json()["fall_off"]), (&json!(0.1), &Value::Null));
    assert!(answer.json()["calibration"].as_str().unwrap().starts_with("bench, 100x"));
    drop(answering.join().unwrap());
    assert_eq!(ask("POST", "/api/calibration", &cookie, r#"{"step":"stain"}"#).status, 400);
    let shown = ask("GET", "/api/settings", &cookie, "").json();
    assert!(shown["calibration"].as_str().unwrap().starts_with("bench, 100x"));
    let trail = ask("GET", "/api/audit", &cookie, "").json();
    assert_eq!(trail["entries"][0]["action"], "calibrate", "{trail}");
}
