//! The log: to the journal when systemd reads it, else to standard error.

use std::io::Write;

use log::{Level, LevelFilter, Log, Metadata, Record};
use systemd_journal_logger::JournalLog;

use super::printable::printable;
use super::recent_log;

/// Variable that sets the level: `error`, `warn`, `info`, `debug`, `trace`, or a filter of `env_logger`.
pub(crate) const VARIABLE: &str = "LEUKOSCOPE_LOG";

/// Module path prefix of our own log lines.
const OURS: &str = "leukoscope";

/// Syslog identifier of our lines in the journal.
pub(crate) const IDENTIFIER: &str = "leukoscope";

/// Starts the log. `verbosity` 0 logs warnings and the main events (`info`), 1 adds `debug`, 2 and more `trace`;
/// `VARIABLE` overrides it.
///
/// Call it once; a second call changes nothing.
pub fn start(verbosity: u8) {
    let asked = std::env::var(VARIABLE).unwrap_or_default();
    let level = asked.trim().parse().unwrap_or_else(|_| level(verbosity));
    if systemd_journal_logger::connected_to_journal() && start_journal(level) {
        return;
    }
    let mut builder = env_logger::Builder::new();
    builder.filter_level(LevelFilter::Warn).filter_module(OURS, level);
    if asked.trim().parse::<LevelFilter>().is_err() {
        builder.parse_filters(&asked);
    }
    builder.format(|out, record| {
        let style = out.default_level_style(record.level());
        let words = record.args().to_string();
        recent_log::note(record, &words);
        writeln!(out, "{} {style}{:<5}{style:#} {}", out.timestamp_millis(), record.level(), printable(&words))
    });
    // Fails only if a logger is already installed, which then does the work.
    let _ = builder.try_init();
}

/// Logs to the journal with priorities and fields; returns whether that works.
fn start_journal(level: LevelFilter) -> bool {
    let Ok(journal) = JournalLog::new() else { return false };
    let journal = OursOrWarnings(journal.with_syslog_identifier(IDENTIFIER.to_owned()));
    let installed = log::set_boxed_logger(Box::new(journal)).is_ok();
    if installed {
        log::set_max_level(level.max(LevelFilter::Warn));
    }
    installed
}

/// Passes our own lines, and only warnings and errors of libraries.
struct OursOrWarnings(JournalLog);

impl Log for OursOrWarnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn || metadata.target().starts_with(OURS)
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let words = record.args().to_string();
            recent_log::note(record, &words);
            self.0.log(&record.to_builder().args(format_args!("{}", printable(&words))).build());
        }
    }

    fn flush(&self) {
        self.0.flush();
    }
}

/// Log level for this many `--verbose` flags.
#[must_use]
pub fn level(verbosity: u8) -> LevelFilter {
    match verbosity {
        0 => LevelFilter::Info,
        1 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    }
}
