//! Small display: the newest snapshot, drawn the same way ([`draw`]) for every kind of panel; one file per kind.
//!
//! [`run`] is the body of a thread. It never stops the count: if a display is missing or fails, a callback reports
//! it, it is retried after 1 s, 2 s, … 30 s, and shows the newest state as soon as it works.

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

/// Shortest time between two pictures; sending one to a panel on I2C takes about 25 ms.
const PAUSE: Duration = Duration::from_millis(100);

/// An open display.
pub trait Screen: Send {
    /// Shows a snapshot; sends nothing if the picture stays the same.
    ///
    /// # Errors
    /// If the display fails; it must be reopened then.
    fn show(&mut self, snapshot: &Snapshot) -> Result<(), DisplayError>;
}

/// Why nothing is shown.
#[derive(Debug, thiserror::Error)]
pub enum DisplayError {
    /// The display is missing, cannot be opened, or is misconfigured.
    #[error("display {device}: {problem}; {remedy}")]
    Unusable {
        /// Device or path.
        device: String,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// It worked before and has failed.
    #[error("display {device} failed: {problem}; check its plug and cable, it is tried again")]
    Lost {
        /// Device or path.
        device: String,
        /// Error from the driver.
        problem: String,
    },
}

impl DisplayError {
    /// Error from opening a bus's device file, with what to do about it.
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

/// Opens the configured display.
///
/// # Errors
/// If it is missing or cannot be used; the message names the device and what to do.
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

/// Shows the newest snapshot until `stop`, reopening the display whenever it fails.
///
/// `trouble` is called with a sentence when the display begins to fail or fails in another way, and with `None` once
/// it works again.
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
        // Read before taking the snapshot, so that a result published before the stop is still shown.
        let ends = stop.requested();
        if let Some(snapshot) = newest.take(if ends { Duration::ZERO } else { PAUSE }) {
            *last = Some(Arc::clone(&snapshot));
            screen.show(&snapshot)?;
            works();
            if !ends {
                // If the stop came, the next iteration shows the last snapshot and ends.
                let _ = stop.wait(PAUSE);
            }
        }
        if ends {
            return Ok(());
        }
    }
}
