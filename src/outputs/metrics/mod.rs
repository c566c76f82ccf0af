//! Figures of the station for monitoring, in Prometheus' text format: on the page, and in a file for a node exporter's
//! textfile collector, a script, a person. Both show the same. The file is replaced whole, never partly written.
//! docs/monitoring.md lists every figure.

mod render;
mod text;
pub mod token;

use std::io;
use std::time::Duration;

pub use self::render::render;
use crate::config::MetricsConfig;
use crate::station::monitor::Monitor;
use crate::system::file;
use crate::system::stop::Stop;

/// Media type of the text.
pub(crate) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes the figures every `config.seconds` and once more at the stop. `trouble` is called when the file cannot be
/// written, and with `None` when it works again.
pub fn run(config: &MetricsConfig, monitor: &Monitor, stop: &Stop, trouble: &dyn Fn(Option<String>)) {
    let Some(path) = config.file.as_deref() else { return };
    let pause = Duration::from_secs_f64(config.seconds);
    let mut failed = false;
    loop {
        // Checked before the figures are read, so that the final state is written.
        let ends = stop.requested();
        let written = render(monitor).map_err(io::Error::other).and_then(|text| file::replace(path, text.as_bytes()));
        if let Err(problem) = &written {
            let words = format!("metrics {}: {problem}; see [metrics] file", path.display());
            log::warn!("{words}");
            trouble(Some(words));
        } else if failed {
            trouble(None);
        }
        failed = written.is_err();
        if ends {
            return;
        }
        let _ = stop.wait(pause);
    }
}
