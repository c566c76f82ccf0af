//! Start-up errors for a person at the device who sees no log.

use jiff::Timestamp;

use crate::config::{Config, DisplayKind};
use crate::counting::session::Session;
use crate::counting::session::snapshot::Snapshot;
use crate::outputs::display;
use crate::vision::prevalence::PriorShift;

/// Shows once on the display why the program does not start. In a terminal the program says it anyway.
pub fn show(config: &Config, words: &str) {
    if config.display.kind == DisplayKind::Terminal {
        return;
    }
    let waiting = Session::new(config.session.clone(), config.flags.clone(), PriorShift::off());
    let snapshot = Snapshot { trouble: Some(words.to_owned()), ..waiting.snapshot(Timestamp::now()) };
    // The program ends with this message whether or not a display shows it.
    let shown = display::open(&config.display).and_then(|mut screen| screen.show(&snapshot));
    if let Err(error) = shown {
        log::warn!("{error}");
    }
}
