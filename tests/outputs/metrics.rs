//! The figures for monitoring: what they tell, what they do not, and the file with them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use leukoscope::config::MetricsConfig;
use leukoscope::config::Sends;
use leukoscope::counting::session::snapshot::{Phase, Snapshot};
use leukoscope::domain::flag::Flag;
use leukoscope::outputs::delivery::Outbox;
use leukoscope::outputs::metrics;
use leukoscope::station::drops::{Dropped, Drops};
use leukoscope::station::in_force::InForce;
use leukoscope::station::live_view::Live;
use leukoscope::station::monitor::Monitor;
use leukoscope::station::queues::Unsent;
use leukoscope::station::trouble::Part;
use leukoscope::store::Store;
use leukoscope::store::records::Settings;
use leukoscope::system::board::Board;
use leukoscope::system::stop::Stop;
use leukoscope::vision::profile::ProfileMark;
use tempfile::TempDir;

use crate::common::monitored::monitor;
use crate::common::stored;

/// A station with nothing behind it that counts.
fn bench() -> (TempDir, Monitor) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let monitor = monitor(&store, &InForce::new(stored::settings(), None), &Live::default(), &Drops::default());
    (folder, monitor)
}

/// Asserts that each of these lines is in the text.
fn assert_lines(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|found| found == *line), "{line} is missing in\n{text}");
    }
}

fn of(monitor: &Monitor) -> String {
    metrics::render(monitor).unwrap()
}

/// A station that tells everything that monitoring can show.
fn everything() -> (TempDir, Monitor) {
    let (folder, mut monitor) = bench();
    let sys = folder.path().join("sys");
    for (path, content) in [
        ("class/thermal/thermal_zone0/temp", "61250\n"),
        ("class/thermal/thermal_zone0/type", "cpu-thermal\n"),
        ("devices/platform/soc/soc:firmware/get_throttled", "50000\n"),
    ] {
        let path = sys.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    monitor.board = Board::at(sys);
    monitor.queues.queue("commands", || 3);
    monitor.queues.outbox("serial", || Some(Unsent { results: 2, oldest: Some(Duration::from_secs(90)) }));
    monitor.store.check_whole(&Stop::new()).unwrap();
    let snapshot = Snapshot { phase: Phase::Counting, frame_rate: Some(8.5), ..stored::result("A-1") };
    monitor.live.publish(None, Arc::new(snapshot));
    (folder, monitor)
}

#[test]
fn results_are_counted_since_the_start_by_class_flag_and_ending() {
    let (_folder, monitor) = bench();
    assert_lines(
        &of(&monitor),
        &["leukoscope_cells_total{kind=\"WBC\"} 0", "leukoscope_white_cells_total{class=\"BLA\"} 0"],
    );
    for flags in [vec![Flag::UnfamiliarStain], Vec::new()] {
        monitor.tallies.result(&Snapshot { flags, ..stored::result("A-1") });
    }
    assert_lines(
        &of(&monitor),
        &[
            "# TYPE leukoscope_cells_total counter",
            "leukoscope_cells_total{kind=\"WBC\"} 8",
            "leukoscope_cells_total{kind=\"RBC\"} 4",
            "leukoscope_cells_total{kind=\"PLT\"} 0",
            "leukoscope_white_cells_total{class=\"NGS\"} 6",
            "leukoscope_white_cells_total{class=\"LYT\"} 2",
            "leukoscope_results_total{ending=\"target-reached\"} 2",
            "leukoscope_results_total{ending=\"stopped\"} 0",
            "leukoscope_results_flagged_total{flag=\"unfamiliar-stain\"} 1",
            "leukoscope_results_flagged_total{flag=\"blasts\"} 0",
        ],
    );
}

#[test]
fn the_present_count_what_waits_and_the_board_are_gauges() {
    let (_folder, monitor) = everything();
    let text = of(&monitor);
    assert_lines(
        &text,
        &[
            "leukoscope_phase{phase=\"counting\"} 1.0",
            "leukoscope_phase{phase=\"waiting\"} 0.0",
            "leukoscope_differential 4.0",
            "leukoscope_target 4.0",
            "leukoscope_frames_possible_per_second 8.5",
            "leukoscope_queue_depth{queue=\"commands\"} 3.0",
            "leukoscope_outbox_results{receiver=\"serial\"} 2.0",
            "leukoscope_outbox_oldest_age_seconds{receiver=\"serial\"} 90.0",
            "leukoscope_store_whole 1.0",
            "leukoscope_board_temperature_celsius{zone=\"thermal_zone0\",sensor=\"cpu-thermal\"} 61.25",
            "leukoscope_board_throttled{reason=\"under-voltage\"} 0.0",
            "leukoscope_board_throttled_since_start{reason=\"under-voltage\"} 1.0",
            "leukoscope_board_throttled_since_start{reason=\"throttled\"} 1.0",
        ],
    );
    let bytes = monitor.store.space().unwrap();
    assert!(bytes.taken > 0 && bytes.free > 0);
    assert!(text.contains("leukoscope_store_bytes "), "{text}");
}

#[test]
fn what_a_station_does_not_know_is_left_out() {
    let (folder, mut monitor) = bench();
    monitor.board = Board::at(folder.path().join("nowhere"));
    let text = of(&monitor);
    for absent in ["board_", "outbox_", "store_whole", "store_checked", "phase", "frames_possible"] {
        assert!(!text.contains(&format!("leukoscope_{absent}")), "{absent}: {text}");
    }
}

#[test]
fn a_trouble_is_told_by_the_part_that_has_it() {
    let (_folder, monitor) = bench();
    assert_lines(&of(&monitor), &["leukoscope_in_trouble 0.0", "leukoscope_trouble{part=\"serial\"} 0.0"]);
    monitor.troubles.set(Part::Serial, Some("/dev/ttyUSB0 went away".into()));
    let text = of(&monitor);
    assert_lines(
        &text,
        &["leukoscope_in_trouble 1.0", "leukoscope_trouble{part=\"serial\"} 1.0", "leukoscope_ready 0.0"],
    );
    assert_lines(&text, &["leukoscope_trouble{part=\"camera\"} 0.0", "leukoscope_alive 1.0"]);
    assert!(!text.contains("ttyUSB0"), "{text}");
}

#[test]
fn what_was_given_up_is_counted_by_what_it_was() {
    let (_folder, monitor) = bench();
    for what in [Dropped::Picture, Dropped::Picture, Dropped::Command] {
        monitor.drops.note(what);
    }
    assert_lines(
        &of(&monitor),
        &[
            "leukoscope_dropped_total{what=\"picture\"} 2",
            "leukoscope_dropped_total{what=\"command\"} 1",
            "leukoscope_dropped_total{what=\"cell\"} 0",
        ],
    );
}

#[test]
fn neither_samples_nor_the_place_of_pictures_are_told() {
    let (folder, mut monitor) = everything();
    let camera = "replay:/data/nobody's business".to_owned();
    monitor.in_force = InForce::new(Settings { camera, ..stored::settings() }, None);
    let snapshot = Snapshot { trouble: Some("nobody's business".into()), ..stored::result("nobody's business") };
    monitor.live.publish(Some(1), Arc::new(snapshot));
    stored::session(&Store::open_beside(folder.path()).unwrap(), "nobody's business");
    let text = of(&monitor);
    assert!(!text.contains("nobody") && !text.contains("replay"), "{text}");
}

#[test]
fn models_profile_and_version_stand_in_one_line_and_no_name_can_break_it() {
    let (_folder, mut monitor) = bench();
    let profile = ProfileMark { name: "ward \"3\"\\\n4".into(), sha256: "ab".repeat(32), cells: 120 };
    monitor.in_force = InForce::new(Settings { profile: Some(profile), ..stored::settings() }, None);
    monitor.station = "south\" 1".into();
    let text = of(&monitor);
    let line = text.lines().find(|line| line.starts_with("leukoscope_info{")).unwrap();
    for part in
        ["station=\"south\\\" 1\"", "profile=\"ward \\\"3\\\"\\\\\\n4\"", "profile_sha256=\"abababababab\"", "} 1.0"]
    {
        assert!(line.contains(part), "{part} is missing in {line}");
    }
}

#[test]
fn the_serial_hosts_outbox_tells_how_many_results_wait_and_since_when() {
    let (folder, monitor) = bench();
    let outbox = Outbox::open(folder.path(), "serial", Sends::All, &monitor.store).unwrap();
    monitor.queues.outbox("serial", outbox.unsent());
    assert_lines(
        &of(&monitor),
        &[
            "leukoscope_outbox_results{receiver=\"serial\"} 0.0",
            "leukoscope_outbox_oldest_age_seconds{receiver=\"serial\"} 0.0",
        ],
    );
    let session = stored::session(&monitor.store, "A-1");
    stored::session(&monitor.store, "A-2");
    monitor.store.sign(session, "rita", jiff::Timestamp::now(), "").unwrap();
    let waits = monitor.queues.unsent();
    assert_eq!((waits.len(), waits[0].1.results), (1, 2), "one preliminary, one final");
    let counted = stored::result("A-1").time;
    let since = jiff::Timestamp::now().duration_since(counted).as_secs_f64();
    assert!((waits[0].1.oldest.unwrap().as_secs_f64() - since).abs() < 60.0, "{waits:?}, {since}");
}

#[test]
fn the_last_state_is_written_at_the_end_and_a_bad_place_is_said() {
    let (folder, monitor) = everything();
    let stop = Stop::new();
    stop.request();
    let file = folder.path().join("leukoscope.prom");
    let config = MetricsConfig { file: Some(file.clone()), ..MetricsConfig::default() };
    metrics::run(&config, &monitor, &stop, &|words| assert_eq!(words, None));
    // The order of labels within a metric is not fixed, and the disk is not this test's alone.
    let sorted = |text: String| {
        let told = |line: &&str| !line.starts_with("leukoscope_store_free_bytes");
        let mut lines: Vec<String> = text.lines().filter(told).map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(fs::read_to_string(file).unwrap()), sorted(of(&monitor)));

    let told = std::cell::RefCell::new(Vec::new());
    let nowhere = folder.path().join("missing/leukoscope.prom");
    let config = MetricsConfig { file: Some(nowhere), ..MetricsConfig::default() };
    metrics::run(&config, &monitor, &stop, &|words| told.borrow_mut().push(words));
    let told = told.into_inner();
    assert!(matches!(&told[..], [Some(words)] if words.contains("missing/leukoscope.prom")), "{told:?}");
}

#[test]
fn the_documentation_lists_every_figure_with_its_labels_and_no_other() {
    let (_folder, monitor) = everything();
    let text = of(&monitor);
    let mut told: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let sample = text.lines().find(|line| {
                line.strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with(['{', ' ', '_']) && !rest.starts_with("_total"))
            });
            let labels = sample.and_then(|line| line.split_once('{')).map_or("", |(_, rest)| rest);
            let mut labels: Vec<String> = labels
                .split("\",")
                .filter_map(|pair| Some(pair.split_once('=')?.0.to_owned()))
                .filter(|label| label != "le")
                .collect();
            labels.sort();
            told.insert(name.to_owned(), (kind.to_owned(), labels));
        }
    }
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/monitoring.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `leukoscope_"));
    let listed: BTreeMap<String, (String, Vec<String>)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split(" | ").collect();
            let mut labels: Vec<String> = cells[2]
                .split(", ")
                .map(|label| label.trim_matches('`').to_owned())
                .filter(|l| !l.is_empty())
                .collect();
            labels.sort();
            (format!("leukoscope_{}", cells[0].trim_matches('`')), (cells[1].to_owned(), labels))
        })
        .collect();
    assert_eq!(told, listed, "docs/monitoring.md, on the right, lists something else");
}
