//! `[metrics]`: figures of the running program for monitoring.

use std::path::PathBuf;

use crate::config::keys::Accepts::{Folder, Number};
use crate::config::keys::key;

section! {
    "metrics", MetricsConfig {
        /// File for a node exporter's textfile collector or other monitoring, with what /metrics on the page shows
        /// (docs/monitoring.md); empty: none. Its folder must exist.
        file: Option<PathBuf> = None => key(Folder).example(r#""/run/leukoscope/leukoscope.prom""#);
        /// Seconds between two writes, 1 to 3600.
        seconds: f64 = 5.0 => key(Number(1.0, 3600.0)).unit("seconds");
        /// File that holds a secret, one word of 20 to 256 characters: a collector that sends it as "Authorization: Bearer ..." may
        /// read /metrics over the network, and nothing else. At 127.0.0.1 none is needed. Empty: only users and tokens of the page.
        token: Option<PathBuf> = None => key(Folder).example(r#""/etc/leukoscope/metrics.token""#);
    }
}
