//! The metrics file holds the station's figures for monitoring.

use std::fs;
use std::sync::Arc;

use jiff::Timestamp;
use leukoscope::config::{Config, MetricsConfig};
use leukoscope::counting::session::Session;
use leukoscope::counting::session::snapshot::{FrameCounts, Snapshot};
use leukoscope::domain::counts::KindCounts;
use leukoscope::outputs::metrics;
use leukoscope::station::drops::{Dropped, Drops};
use leukoscope::system::latest::Latest;
use leukoscope::system::stop::Stop;
use leukoscope::system::timing::{Stage, StageTime};
use leukoscope::vision::prevalence::PriorShift;

fn snapshot() -> Snapshot {
    let config = Config::default();
    Snapshot {
        sample: "a name that is nobody's business".into(),
        kinds: KindCounts { wbc: 12, rbc: 900, plt: 40 },
        frames: FrameCounts { used: 31, skipped: 2, damaged: 1, ..FrameCounts::default() },
        stages: vec![StageTime { stage: Stage::Detect, median_ms: 4.5, p95_ms: 6.0 }],
        trouble: Some("no camera".into()),
        ..Session::new(config.session, config.flags, PriorShift::off()).snapshot(Timestamp::UNIX_EPOCH)
    }
}

#[test]
fn counts_frames_and_times_are_open_metrics() {
    let text = metrics::render(&snapshot(), &Drops::default()).unwrap();
    for line in [
        "leukoscope_cells{kind=\"WBC\"} 12",
        "leukoscope_cells{kind=\"RBC\"} 900",
        "leukoscope_frames{fate=\"skipped\"} 2",
        "leukoscope_stage_seconds{stage=\"detect\",quantile=\"0.5\"} 0.0045",
        "leukoscope_stage_seconds{stage=\"detect\",quantile=\"0.95\"} 0.006",
        "leukoscope_in_trouble 1.0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"), "{text}");
}

#[test]
fn what_was_given_up_is_counted_by_what_it_was() {
    let drops = Drops::default();
    for what in [Dropped::Picture, Dropped::Picture, Dropped::Command] {
        drops.note(what);
    }
    let text = metrics::render(&snapshot(), &drops).unwrap();
    for line in [
        "leukoscope_dropped_total{what=\"picture\"} 2",
        "leukoscope_dropped_total{what=\"command\"} 1",
        "leukoscope_dropped_total{what=\"cell\"} 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
}

#[test]
fn the_sample_id_is_not_told() {
    assert!(!metrics::render(&snapshot(), &Drops::default()).unwrap().contains("nobody"));
}

#[test]
fn the_last_state_is_written_at_the_end_and_a_bad_place_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (newest, stop) = (Latest::default(), Stop::new());
    newest.put(Arc::new(snapshot()));
    stop.request();
    let file = folder.path().join("leukoscope.prom");
    metrics::run(
        &MetricsConfig { file: Some(file.clone()), seconds: 5.0 },
        &newest,
        &Drops::default(),
        &stop,
        &|words| assert_eq!(words, None),
    );
    // The order of labels within a metric is not fixed.
    let sorted = |text: String| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(
        sorted(fs::read_to_string(file).unwrap()),
        sorted(metrics::render(&snapshot(), &Drops::default()).unwrap())
    );

    newest.put(Arc::new(snapshot()));
    let told = std::cell::RefCell::new(Vec::new());
    let nowhere = folder.path().join("missing/leukoscope.prom");
    metrics::run(&MetricsConfig { file: Some(nowhere), seconds: 5.0 }, &newest, &Drops::default(), &stop, &|words| {
        told.borrow_mut().push(words);
    });
    let told = told.into_inner();
    assert!(matches!(&told[..], [Some(words)] if words.contains("missing/leukoscope.prom")), "{told:?}");
}
