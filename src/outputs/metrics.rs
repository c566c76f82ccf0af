//! Writes counts, frames and stage times as an `OpenMetrics` text file for monitoring: a node exporter's textfile
//! collector, a script, a person. The file is replaced whole, never partly written.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::config::MetricsConfig;
use crate::counting::session::snapshot::Snapshot;
use crate::station::drops::{Dropped, Drops};
use crate::system::file;
use crate::system::latest::Latest;
use crate::system::stop::Stop;

/// A gauge whose value may be fractional.
type Number = Gauge<f64, AtomicU64>;

/// How long to wait for a snapshot before checking the stop and the write interval.
const TURN: Duration = Duration::from_millis(200);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfFate {
    fate: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfDropped {
    what: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStage {
    stage: &'static str,
    quantile: &'static str,
}

/// Renders a snapshot and the drop counts since the program started. Of the sample it gives numbers only: no id, no
/// classes, no result.
///
/// # Errors
/// In practice none: writing into a string does not fail.
pub fn render(snapshot: &Snapshot, drops: &Drops) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::with_prefix("leukoscope");
    let cells = Family::<OfKind, Gauge>::default();
    registry.register("cells", "Cells of the present sample, each counted once", cells.clone());
    for (kind, count) in [("WBC", snapshot.kinds.wbc), ("RBC", snapshot.kinds.rbc), ("PLT", snapshot.kinds.plt)] {
        cells.get_or_create(&OfKind { kind }).set(i64::from(count));
    }
    let frames = Family::<OfFate, Gauge>::default();
    registry.register("frames", "Frames of the present sample by what became of them", frames.clone());
    let counts = &snapshot.frames;
    for (fate, count) in
        [("used", counts.used), ("skipped", counts.skipped), ("damaged", counts.damaged), ("failed", counts.failed)]
    {
        frames.get_or_create(&OfFate { fate }).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    let dropped = Family::<OfDropped, Counter>::default();
    registry.register("dropped", "What was given up so that the count went on, since the start", dropped.clone());
    for what in Dropped::ALL {
        dropped.get_or_create(&OfDropped { what: what.name() }).inc_by(drops.of(what));
    }
    let stages = Family::<OfStage, Number>::default();
    registry.register_with_unit("stage", "Time of a frame's stages, latest frames", Unit::Seconds, stages.clone());
    for time in &snapshot.stages {
        let stage = time.stage.name();
        stages.get_or_create(&OfStage { stage, quantile: "0.5" }).set(time.median_ms / 1000.0);
        stages.get_or_create(&OfStage { stage, quantile: "0.95" }).set(time.p95_ms / 1000.0);
    }
    let number = |registry: &mut Registry, name: &str, help: &str, value: f64| {
        let gauge = Number::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    };
    number(&mut registry, "differential", "Cells of the differential counted", f64::from(snapshot.counted));
    number(&mut registry, "target", "Cells of the differential to count", f64::from(snapshot.target));
    number(
        &mut registry,
        "in_trouble",
        "1 while some part does not work",
        f64::from(u8::from(snapshot.trouble.is_some())),
    );
    if let Some(rate) = snapshot.frame_rate {
        number(&mut registry, "frames_possible_per_second", "Frames a second that the vision gets through", rate);
    }
    let mut text = String::new();
    text::encode(&mut text, &registry)?;
    Ok(text)
}

/// Writes the newest snapshot every `config.seconds` until `stop`. `trouble` is called when the file cannot be written,
/// and with `None` when it works again.
pub fn run(
    config: &MetricsConfig,
    newest: &Latest<Arc<Snapshot>>,
    drops: &Drops,
    stop: &Stop,
    trouble: &dyn Fn(Option<String>),
) {
    let Some(path) = config.file.as_deref() else { return };
    let pause = Duration::from_secs_f64(config.seconds);
    let mut written: Option<Instant> = None;
    let mut waiting: Option<Arc<Snapshot>> = None;
    let mut failed = false;
    loop {
        // Checked before the last `take`, so that the final state is written.
        let ends = stop.requested();
        waiting = newest.take(if ends { Duration::ZERO } else { TURN }).or(waiting);
        if ends || written.is_none_or(|at| at.elapsed() >= pause) {
            if let Some(snapshot) = waiting.take() {
                let result = render(&snapshot, drops)
                    .map_err(io::Error::other)
                    .and_then(|text| file::replace(path, text.as_bytes()));
                written = Some(Instant::now());
                if let Err(problem) = &result {
                    let words = format!("metrics {}: {problem}; see [metrics] file", path.display());
                    log::warn!("{words}");
                    trouble(Some(words));
                } else if failed {
                    trouble(None);
                }
                failed = result.is_err();
            }
            if ends {
                return;
            }
        }
    }
}
