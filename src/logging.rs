//! The log: to the journal when systemd reads it, else to standard error.

use std::io::Write;

use log::LevelFilter;

/// Variable that sets the level: `error`, `warn`, `info`, `debug`, `trace`, or a filter of `env_logger`.
pub const VARIABLE: &str = "LEUKOSCOPE_LOG";

/// Name of the program's lines in the journal.
pub const IDENTIFIER: &str = "leukoscope";

/// Starts the log. `verbosity` 0 logs warnings and what is worth knowing (`info`), 1 adds `debug`, 2 and more `trace`;
/// [`VARIABLE`] overrides it.
///
/// Call it once; a second call changes nothing.
pub fn start(verbosity: u8) {
    let level = level(verbosity);
    if systemd_journal_logger::connected_to_journal() && start_journal(level) {
        return;
    }
    let mut builder = env_logger::Builder::new();
    builder.filter_level(LevelFilter::Warn).filter_module("leukoscope", level);
    if let Ok(filter) = std::env::var(VARIABLE) {
        builder.parse_filters(&filter);
    }
    builder.format(|out, record| {
        let style = out.default_level_style(record.level());
        writeln!(out, "{} {style}{:<5}{style:#} {}", out.timestamp_millis(), record.level(), record.args())
    });
    // Fails only when a logger is there already, which then does the work.
    let _ = builder.try_init();
}

/// Logs to the journal with priorities and fields; says whether that works.
fn start_journal(level: LevelFilter) -> bool {
    let Ok(journal) = systemd_journal_logger::JournalLog::new() else { return false };
    let level = std::env::var(VARIABLE).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(level);
    let installed = journal.with_syslog_identifier(IDENTIFIER.to_owned()).install().is_ok();
    if installed {
        log::set_max_level(level);
    }
    installed
}

/// The level that so many `--verbose` ask for.
#[must_use]
pub fn level(verbosity: u8) -> LevelFilter {
    match verbosity {
        0 => LevelFilter::Info,
        1 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    }
}
