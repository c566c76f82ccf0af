//! `[metrics]`: figures of the running program for monitoring.

use std::path::PathBuf;

use crate::config::keys::Accepts::{Folder, Number};
use crate::config::keys::key;

section! {
    "metrics", MetricsConfig {
        /// OpenMetrics text file with counts, frames and the time of each stage, for a node exporter's textfile collector or other
        /// monitoring; empty: none. Its folder must exist.
        file: Option<PathBuf> = None => key(Folder).example(r#""/run/leukoscope/leukoscope.prom""#);
        /// Seconds between two writes, 1 to 3600.
        seconds: f64 = 5.0 => key(Number(1.0, 3600.0)).unit("seconds");
    }
}
