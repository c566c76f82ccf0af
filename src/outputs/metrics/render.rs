//! The figures as text. Names and labels are what alert rules, dashboards and docs/monitoring.md go by.

use std::fmt;
use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::text::classic;
use crate::camera::supervise::CameraState;
use crate::counting::session::snapshot::{Phase, Snapshot};
use crate::station::drops::Dropped;
use crate::station::monitor::Monitor;
use crate::station::trouble::Part;
use crate::store::records::Settings;

/// Label names with their values.
type Labels = Vec<(&'static str, String)>;

/// A gauge whose value may be fractional.
type Number = Gauge<f64, AtomicU64>;

/// Digits of a SHA-256 that are told: enough to tell files apart.
const DIGITS: usize = 12;

/// Renders everything that monitoring shows. Of samples it gives numbers only: no id, and no file name that may be one.
///
/// # Errors
/// In practice none: writing into a string does not fail.
pub fn render(monitor: &Monitor) -> Result<String, fmt::Error> {
    let mut figures = Figures(Registry::with_prefix("leukoscope"));
    program(&mut figures, monitor);
    frames(&mut figures, monitor);
    results(&mut figures, monitor);
    if let Some(snapshot) = monitor.live.state().snapshot {
        present(&mut figures, &snapshot);
    }
    queues(&mut figures, monitor);
    store(&mut figures, monitor);
    alarms(&mut figures, monitor);
    board(&mut figures, monitor);
    let mut text = String::new();
    text::encode(&mut text, &figures.0)?;
    Ok(classic(&text))
}

/// Short ways to register a figure.
struct Figures(Registry);

impl Figures {
    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        let gauge = Number::default();
        gauge.set(value);
        self.0.register(name, help, gauge);
    }

    /// Without values nothing is told.
    fn gauges(&mut self, name: &str, help: &str, values: impl IntoIterator<Item = (Labels, f64)>) {
        let family = Family::<Labels, Number>::default();
        for (labels, value) in values {
            family.get_or_create(&labels).set(value);
        }
        self.0.register(name, help, family);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        let counter = Counter::<u64>::default();
        counter.inc_by(value);
        self.0.register(name, help, counter);
    }

    fn counters<'a>(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl IntoIterator<Item = (&'a str, u64)>,
    ) {
        let family = Family::<Labels, Counter>::default();
        for (value, count) in values {
            family.get_or_create(&one(label, value)).inc_by(count);
        }
        self.0.register(name, help, family);
    }
}

fn one(label: &'static str, value: impl Into<String>) -> Labels {
    vec![(label, value.into())]
}

fn truth(is: bool) -> f64 {
    f64::from(u8::from(is))
}

fn seconds_of(at: Timestamp) -> f64 {
    at.as_microsecond() as f64 / 1e6
}

/// What runs, and whether it works.
fn program(figures: &mut Figures, monitor: &Monitor) {
    let current = monitor.in_force.now();
    let Settings { version, models, profile, .. } = &current.settings;
    let digits =
        |sha256: Option<&String>| sha256.map(|digits| digits.chars().take(DIGITS).collect()).unwrap_or_default();
    let info = vec![
        ("version", version.clone()),
        ("station", monitor.station.clone()),
        ("detector", digits(models.get("detector"))),
        ("classifier", digits(models.get("classifier"))),
        ("profile", profile.as_ref().map(|profile| profile.name.clone()).unwrap_or_default()),
        ("profile_sha256", digits(profile.as_ref().map(|profile| &profile.sha256))),
    ];
    figures.gauges("info", "Always 1; what runs stands in the labels", [(info, 1.0)]);
    figures.gauge("start_time_seconds", "When the program started, by the station's clock", seconds_of(monitor.began));
    figures.gauge("alive", "1 while the parts that must make progress do", truth(monitor.alive().is_ok()));
    figures.gauge("ready", "1 while samples can be counted and delivered", truth(monitor.not_ready().is_empty()));
    let troubled = monitor.troubles.parts();
    figures.gauge("in_trouble", "1 while some part has a problem", truth(!troubled.is_empty()));
    let parts = Part::ALL.map(|part| (one("part", part.name()), truth(troubled.contains(&part))));
    figures.gauges("trouble", "1 while this part has a problem", parts);
}

/// From the camera to the end of the vision.
fn frames(figures: &mut Figures, monitor: &Monitor) {
    let (camera, tallies) = (&monitor.camera, &monitor.tallies);
    let counts = camera.counts();
    let of = |fate| tallies.frames.get_or_create(&[("fate", fate)]).get();
    let fates =
        [("used", of("used")), ("skipped", counts.skipped), ("damaged", counts.damaged), ("failed", of("failed"))];
    figures.counters("frames", "Frames by what became of them", "fate", fates);
    let refused = "Frames that the vision used and that did not count, by what was wrong with them";
    figures.0.register("frames_refused", refused, tallies.refused.clone());
    let stages = "Time that each stage of a used frame took";
    figures.0.register_with_unit("stage", stages, Unit::Seconds, tallies.stages.clone());
    let running = matches!(camera.state(), CameraState::Running(_));
    figures.gauge("camera_running", "1 while the camera is open and gives frames", truth(running));
    figures.counter("camera_frames", "Whole frames from the camera", counts.frames);
    figures.counter("camera_reopened", "Times that a camera that was lost came back", counts.reopened);
    let dropped = Dropped::ALL.map(|what| (what.name(), monitor.drops.of(what)));
    figures.counters("dropped", "What was given up so that the count went on", "what", dropped);
}

/// Counts that ended and are stored.
fn results(figures: &mut Figures, monitor: &Monitor) {
    let tallies = &monitor.tallies;
    let registry = &mut figures.0;
    registry.register("results", "Results stored, by what ended their count", tallies.results.clone());
    registry.register("results_flagged", "Results stored with this flag", tallies.flagged.clone());
    registry.register("cells", "Cells of the results stored, each counted once, by kind", tallies.cells.clone());
    let white = "White cells of the results stored, by the class that the program gave";
    registry.register("white_cells", white, tallies.white.clone());
}

/// The sample that is counted now.
fn present(figures: &mut Figures, snapshot: &Snapshot) {
    let phases = [("waiting", Phase::Waiting), ("counting", Phase::Counting), ("done", Phase::Done)];
    let phases = phases.map(|(name, phase)| (one("phase", name), truth(phase == snapshot.phase)));
    figures.gauges("phase", "1 for the phase of the count", phases);
    figures.gauge("differential", "Cells of the present sample's differential counted", f64::from(snapshot.counted));
    figures.gauge("target", "Cells of the present sample's differential to count", f64::from(snapshot.target));
    if let Some(rate) = snapshot.frame_rate {
        figures.gauge("frames_possible_per_second", "Frames a second that the vision gets through", rate);
    }
}

/// Results whose critical values nobody was told of yet.
fn alarms(figures: &mut Figures, monitor: &Monitor) {
    match monitor.store.open_alarms() {
        Ok(open) => {
            figures.gauge(
                "alarms_open",
                "Results with a critical value that no person was told of yet",
                open.len() as f64,
            );
        }
        Err(problem) => log::warn!("open alarms cannot be told: {problem}"),
    }
}

/// What waits.
fn queues(figures: &mut Figures, monitor: &Monitor) {
    let depths = monitor.queues.depths().into_iter().map(|(queue, depth)| (one("queue", queue), depth as f64));
    figures.gauges("queue_depth", "What waits in a queue inside the station", depths);
    let unsent = monitor.queues.unsent();
    let results = unsent.iter().map(|(receiver, unsent)| (one("receiver", receiver), unsent.results as f64));
    figures.gauges("outbox_results", "Results and signatures that the receiver does not have yet", results);
    let ages = unsent
        .iter()
        .map(|(receiver, unsent)| (one("receiver", receiver), unsent.oldest.unwrap_or_default().as_secs_f64()));
    figures.gauges("outbox_oldest_age_seconds", "How long the oldest of them has waited; 0 if none waits", ages);
}

fn store(figures: &mut Figures, monitor: &Monitor) {
    match monitor.store.space() {
        Ok(space) => {
            figures.gauge("store_bytes", "Size of the store", space.taken as f64);
            figures.gauge(
                "store_free_bytes",
                "What the program may still write to the store's disk",
                space.free as f64,
            );
        }
        Err(problem) => log::debug!("metrics: {problem}"),
    }
    if let Some(checked) = monitor.store.last_check() {
        let at = "When the whole store was last checked, by the station's clock";
        figures.gauge("store_checked_timestamp_seconds", at, seconds_of(checked.at));
        figures.gauge("store_whole", "1 if that check found every page in order", truth(checked.whole));
    }
}

fn board(figures: &mut Figures, monitor: &Monitor) {
    let temperatures = monitor.board.temperatures();
    let temperatures = temperatures.into_iter().map(|t| (vec![("zone", t.zone), ("sensor", t.sensor)], t.celsius));
    figures.gauges("board_temperature_celsius", "Temperature of the board", temperatures);
    let throttling = monitor.board.throttling();
    let now = throttling.iter().map(|t| (one("reason", t.reason), truth(t.now)));
    figures.gauges("board_throttled", "1 while the board is slowed down, by why", now);
    let since = throttling.iter().filter_map(|t| Some((one("reason", t.reason), truth(t.since_start?))));
    figures.gauges("board_throttled_since_start", "1 if the board was slowed down since it started, by why", since);
}
