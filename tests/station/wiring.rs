//! A whole station without the program around it: displays, the page and serial hosts see only its ports.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::stored;
use leukoscope::config::{CameraConfig, CameraSource, Config, SampleConfig, SessionConfig};
use leukoscope::counting::session::snapshot::{Command, Ending, Phase, Snapshot};
use leukoscope::counting::statistics::confusion::ConfusionSource;
use leukoscope::outputs::metrics;
use leukoscope::station::drops::Dropped;
use leukoscope::station::in_force::InForce;
use leukoscope::station::requests::{Asked, MOST_COMMANDS, NotPassedOn};
use leukoscope::station::wiring::{Parts, Ports, RunningStation, Station};
use leukoscope::store::Store;
use leukoscope::system::latest::Latest;

/// A station with the simulated camera, waiting for its first sample.
fn station(state: &Path) -> Station {
    let mut config = Config {
        camera: CameraConfig { source: CameraSource::Simulated, frame_rate: 2.0, ..CameraConfig::default() },
        session: SessionConfig { target: 100_000, autostart: false, ..SessionConfig::default() },
        ..Config::default()
    };
    config.station.state = Some(state.to_owned());
    let settings = leukoscope::store::records::Settings { session: config.session.clone(), ..stored::settings() };
    Station::new(Parts {
        config,
        vision: crate::common::vision(),
        confusion: ConfusionSource::None,
        in_force: InForce::new(settings, None),
        store: Store::open(state).unwrap(),
        red_count: None,
        sample: None,
    })
}

fn started(mut station: Station) -> (Ports, Latest<Arc<Snapshot>>, RunningStation) {
    let (ports, newest) = (station.ports().clone(), station.sink());
    (ports, newest, station.start().unwrap())
}

/// Waits for a matching state.
fn wait_for(newest: &Latest<Arc<Snapshot>>, what: &str, wanted: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    let until = Instant::now() + Duration::from_mins(3);
    let mut last = None;
    while Instant::now() < until {
        let Some(state) = newest.take(Duration::from_secs(1)) else { continue };
        if wanted(&state) {
            return state;
        }
        last = Some(state);
    }
    panic!("no state with {what}; the last was {last:?}");
}

#[test]
fn a_station_counts_what_its_camera_shows_and_keeps_the_result_of_the_sample_it_was_told_to_end() {
    let state = tempfile::tempdir().unwrap();
    let (ports, newest, running) = started(station(state.path()));
    wait_for(&newest, "no sample yet", |now| now.phase == Phase::Waiting);
    ports.commands.ask(Asked::by("device", Command::NewSample(Some("A-1".into())))).unwrap();
    wait_for(&newest, "cells", |now| now.sample == "A-1" && now.kinds.rbc > 0);
    ports.commands.ask(Asked::by("device", Command::Stop)).unwrap();
    let done = wait_for(&newest, "the result", |now| now.phase == Phase::Done);
    assert_eq!(done.ending, Some(Ending::Stopped));
    let kept = ports.store.find(1).unwrap().expect("a result is kept before it is shown");
    assert_eq!((kept.snapshot.sample.as_str(), kept.snapshot.kinds), ("A-1", done.kinds));
    running.end();
}

#[test]
fn the_end_of_a_station_keeps_the_result_of_a_running_count() {
    let state = tempfile::tempdir().unwrap();
    let (ports, newest, running) = started(station(state.path()));
    ports.commands.ask(Asked::by("device", Command::NewSample(Some("A-1".into())))).unwrap();
    wait_for(&newest, "a count", |now| now.phase == Phase::Counting);
    running.end();
    assert_eq!(ports.store.find(1).unwrap().unwrap().snapshot.ending, Some(Ending::Shutdown));
}

#[test]
fn a_button_that_may_begin_nothing_says_why_on_the_display_until_a_sample_begins() {
    let state = tempfile::tempdir().unwrap();
    let (ports, newest, running) = started(station(state.path()));
    ports.in_force.set_rules(SampleConfig { nameless: false, ..SampleConfig::default() });
    for command in [Command::Start, Command::NewSample(None)] {
        assert_eq!(ports.commands.ask(Asked::by("device:button", command)), Err(NotPassedOn::Nameless));
    }
    let told = wait_for(&newest, "the reason", |now| now.trouble.is_some());
    assert!(told.phase == Phase::Waiting && told.trouble.as_ref().unwrap().starts_with("no sample id"), "{told:?}");
    ports.commands.ask(Asked::by("otto", Command::NewSample(Some("A-1".into())))).unwrap();
    wait_for(&newest, "the sample", |now| now.sample == "A-1" && now.trouble.is_none());
    // While one is counted, the button has nothing to begin.
    assert_eq!(ports.commands.ask(Asked::by("device:button", Command::Start)), Ok(()));
    running.end();
}

#[test]
fn limits_that_change_while_it_counts_hold_for_the_count_and_stand_in_its_record() {
    let state = tempfile::tempdir().unwrap();
    let (ports, newest, running) = started(station(state.path()));
    ports.commands.ask(Asked::by("device", Command::Start)).unwrap();
    wait_for(&newest, "a count", |now| now.phase == Phase::Counting);
    ports
        .in_force
        .change_limits(|before| {
            Ok::<_, ()>((SessionConfig { target: 321, ..before.session.clone() }, before.flags.clone()))
        })
        .unwrap();
    wait_for(&newest, "the new target", |now| now.target == 321);
    ports.commands.ask(Asked::by("device", Command::Stop)).unwrap();
    wait_for(&newest, "the result", |now| now.phase == Phase::Done);
    let record = ports.store.session(1).unwrap().unwrap().settings.unwrap();
    assert_eq!(record.session.target, 321);
    running.end();
}

#[test]
fn whoever_asks_more_than_can_wait_hears_so_at_once_and_it_is_counted() {
    let state = tempfile::tempdir().unwrap();
    // Nothing has been started, as if the counting had stalled.
    let station = station(state.path());
    let ports = station.ports();
    for _ in 0..MOST_COMMANDS {
        ports.commands.ask(Asked::by("device", Command::Stop)).unwrap();
    }
    assert_eq!(ports.commands.ask(Asked::by("device", Command::Start)), Err(NotPassedOn::Busy));
    assert_eq!(ports.drops.of(Dropped::Command), 1);
    let commands = ports.commands.clone();
    drop(station);
    assert_eq!(commands.ask(Asked::by("device", Command::Start)), Err(NotPassedOn::Ending));
}

/// The value of one line of the figures.
fn figure(ports: &Ports, line: &str) -> String {
    let text = metrics::render(&ports.monitor).unwrap();
    let found = text.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("{line} is missing in\n{text}")).to_owned()
}

#[test]
fn figures_for_monitoring_are_counted_over_all_samples_since_the_start() {
    let state = tempfile::tempdir().unwrap();
    let (ports, newest, running) = started(station(state.path()));
    assert_eq!(figure(&ports, "leukoscope_frames_total{fate=\"used\"}"), "0");
    let mut cells = 0;
    for sample in ["A-1", "A-2"] {
        ports.commands.ask(Asked::by("device", Command::NewSample(Some(sample.into())))).unwrap();
        wait_for(&newest, "cells", |now| now.sample == sample && now.kinds.rbc > 0);
        ports.commands.ask(Asked::by("device", Command::Stop)).unwrap();
        let done = wait_for(&newest, "the result", |now| now.sample == sample && now.phase == Phase::Done);
        cells += done.kinds.rbc;
        assert_eq!(figure(&ports, "leukoscope_cells_total{kind=\"RBC\"}"), cells.to_string());
    }
    assert_eq!(figure(&ports, "leukoscope_results_total{ending=\"stopped\"}"), "2");
    let used = figure(&ports, "leukoscope_frames_total{fate=\"used\"}");
    assert!(used.parse::<u32>().unwrap() >= 2, "{used}");
    for stage in ["optics", "detect", "frame"] {
        assert_eq!(figure(&ports, &format!("leukoscope_stage_seconds_count{{stage=\"{stage}\"}}")), used, "{stage}");
    }
    assert_eq!(figure(&ports, "leukoscope_phase{phase=\"done\"}"), "1.0");
    assert_eq!(figure(&ports, "leukoscope_queue_depth{queue=\"commands\"}"), "0.0");
    assert_eq!(figure(&ports, "leukoscope_ready"), "1.0", "{:?}", ports.monitor.not_ready());
    running.end();
}
