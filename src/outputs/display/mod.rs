//! The small display: the newest snapshot, drawn once ([`draw`]) for every kind of panel, one file a kind.
//!
//! [`run`] is the body of a thread. It never stops the count: a display that is missing or fails is told through a
//! callback, tried again after 1 s, 2 s, … 30 s, and shows the newest state as soon as it works.

pub mod canvas;
pub mod draw;
pub mod panel;
pub mod png;
pub mod sh1106;
pub mod ssd1306;
mod tall;
pub mod terminal;
mod text;
mod wide;
mod words;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{DisplayConfig, DisplayKind};
use crate::counting::session::snapshot::Snapshot;
use crate::outputs::hardware::retry::retry;
use crate::system::latest::Latest;
use crate::system::stop::Stop;

/// Shortest time between two pictures; a panel on I2C takes about 25 ms for one.
const PAUSE: Duration = Duration::from_millis(100);

/// An open display.
pub trait Screen: Send {
    /// Shows a snapshot; nothing is sent when the picture stays the same.
    ///
    /// # Errors
    /// When the display failed; it has to be opened again then.
    fn show(&mut self, snapshot: &Snapshot) -> Result<(), DisplayError>;
}

/// Why nothing is shown.
#[derive(Debug, thiserror::Error)]
pub enum DisplayError {
    /// The display is not there, cannot be opened, or is set wrongly.
    #[error("display {device}: {problem}; {remedy}")]
    Unusable {
        /// Device or path.
        device: String,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// It worked and has failed.
    #[error("display {device} failed: {problem}; check its plug and cable, it is tried again")]
    Lost {
        /// Device or path.
        device: String,
        /// What the driver said.
        problem: String,
    },
}

impl DisplayError {
    /// An error of opening a device file of a bus, with what to do about it.
    pub(crate) fn opening(device: &Path, problem: &io::Error, bus: &str, group: &str) -> Self {
        let remedy = match problem.kind() {
            io::ErrorKind::PermissionDenied => {
                format!("add this user to the group `{group}` (sudo usermod -aG {group} $USER) and log in again")
            }
            io::ErrorKind::NotFound => {
                format!(
                    "switch {bus} on (raspi-config, or the board's overlays) and see `leukoscope devices` for its name"
                )
            }
            _ => "see `leukoscope devices` for what is there".into(),
        };
        Self::Unusable { device: device.display().to_string(), problem: problem.to_string(), remedy }
    }
}

struct Nothing;

impl Screen for Nothing {
    fn show(&mut self, _: &Snapshot) -> Result<(), DisplayError> {
        Ok(())
    }
}

/// Opens the display of the configuration.
///
/// # Errors
/// When it is not there or cannot be used; the sentence names the device and the remedy.
pub fn open(config: &DisplayConfig) -> Result<Box<dyn Screen>, DisplayError> {
    Ok(match config.kind {
        DisplayKind::None => Box::new(Nothing),
        DisplayKind::Terminal => Box::new(terminal::TerminalScreen::open(config.width, config.height)),
        DisplayKind::Png => Box::new(png::PngScreen::open(&config.png, config.width, config.height)?),
        DisplayKind::Ssd1306 => ssd1306::open(config)?,
        DisplayKind::Sh1106 => sh1106::open(config)?,
        DisplayKind::St7789 | DisplayKind::Ili9341 => panel::open(config)?,
    })
}

/// Shows the newest snapshot until `stop`, opening the display again whenever it fails.
///
/// `trouble` is called with a sentence when the display begins to fail or fails in another way, and with none once it
/// works again.
pub fn run(config: &DisplayConfig, newest: &Latest<Arc<Snapshot>>, stop: &Stop, trouble: &dyn Fn(Option<String>)) {
    if config.kind == DisplayKind::None {
        return;
    }
    let mut last = None;
    retry("display", stop, trouble, |works| run_once(open(config)?, newest, &mut last, stop, works));
}

/// Shows the newest snapshot until `stop`; `last` is shown at once and kept up to date. `works` is called after each
/// picture.
///
/// # Errors
/// The first error of the screen.
pub fn run_once(
    mut screen: Box<dyn Screen>,
    newest: &Latest<Arc<Snapshot>>,
    last: &mut Option<Arc<Snapshot>>,
    stop: &Stop,
    works: &mut dyn FnMut(),
) -> Result<(), DisplayError> {
    if let Some(snapshot) = last.as_deref() {
        screen.show(snapshot)?;
        works();
    }
    loop {
        // Asked before the last look, so that the result put before the signal is still shown.
        let ends = stop.told();
        if let Some(snapshot) = newest.take(if ends { Duration::ZERO } else { PAUSE }) {
            *last = Some(Arc::clone(&snapshot));
            screen.show(&snapshot)?;
            works();
            if !ends {
                // The next turn looks once more and ends, if the signal came.
                let _ = stop.wait(PAUSE);
            }
        }
        if ends {
            return Ok(());
        }
    }
}
