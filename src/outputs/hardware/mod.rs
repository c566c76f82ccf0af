//! Buttons and lights, terminal keys, and the list of connected hardware.
//!
//! [`run`] is the body of a thread: pressed buttons become [`Command`]s, lights follow the newest snapshot.
//! [`decide`] holds the logic without any hardware; [`cdev`] and `rppal` drive the GPIO lines.

pub mod cdev;
pub mod decide;
pub mod devices;
pub mod keys;
pub mod retry;
#[cfg(feature = "gpio-rppal")]
pub mod rppal;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::{Controls, GpioBackend};
use crate::counting::session::snapshot::{Command, Snapshot};
use crate::station::requests::{Asked, Commands, NotPassedOn};
use crate::system::latest::Latest;
use crate::system::stop::Stop;
use decide::{Button, Buttons, Light, lights};

/// Longest wait for an edge, so that lights blink and `stop` takes effect in time.
const TURN: Duration = Duration::from_millis(20);

/// A button or light that does not work.
#[derive(Debug, thiserror::Error)]
#[error("GPIO {device}: {problem}; {remedy}")]
pub struct LineError {
    /// Chip and line.
    pub device: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

/// The open lines of buttons and lights.
pub trait Lines {
    /// Waits up to `time` for a button to change; returns which ones did, and whether each is down now.
    ///
    /// # Errors
    /// If the chip is gone.
    fn wait(&mut self, time: Duration) -> Result<Vec<(Button, bool)>, LineError>;

    /// Switches a light; ignores one that is not wired.
    ///
    /// # Errors
    /// If the chip is gone.
    fn switch(&mut self, light: Light, on: bool) -> Result<(), LineError>;

    /// Buttons that are down now.
    ///
    /// # Errors
    /// If the chip is gone.
    fn down(&mut self) -> Result<Vec<Button>, LineError>;

    /// Whether changes still bounce, because the kernel cannot debounce them.
    fn bounces(&self) -> bool;
}

/// Opens the configured lines; `None` if no line or no GPIO backend is configured.
///
/// # Errors
/// A missing chip, a busy line, a missing permission: the message says what to do.
pub fn open(config: &Controls) -> Result<Option<Box<dyn Lines>>, LineError> {
    if Button::ALL.iter().all(|button| button.line(config).is_none())
        && Light::ALL.iter().all(|light| light.line(config).is_none())
    {
        return Ok(None);
    }
    match config.gpio {
        GpioBackend::None => Ok(None),
        GpioBackend::Cdev => Ok(Some(Box::new(cdev::CdevLines::open(config)?))),
        #[cfg(feature = "gpio-rppal")]
        GpioBackend::Rppal => Ok(Some(Box::new(rppal::RppalLines::open(config)?))),
        #[cfg(not(feature = "gpio-rppal"))]
        GpioBackend::Rppal => Err(LineError {
            device: "rppal".into(),
            problem: "this build cannot reach a Raspberry Pi's registers".into(),
            remedy:
                "set `gpio = \"cdev\"` under [controls], which works on any board, or build with `--features device`"
                    .into(),
        }),
    }
}

/// Turns presses into commands and updates the lights until `stop`. Returns at once if nothing is wired.
///
/// `trouble` is called with a sentence when the lines begin to fail, and with `None` once they work again.
pub fn run(
    config: &Controls,
    newest: &Latest<Arc<Snapshot>>,
    commands: &Commands,
    stop: &Stop,
    trouble: &dyn Fn(Option<String>),
) {
    retry::retry("buttons and lights", stop, trouble, |works| match open(config)? {
        Some(lines) => run_once(lines, newest, commands, stop, works),
        None => Ok(()),
    });
}

/// As [`run`], on open lines. Switches the lights off at the end.
///
/// # Errors
/// The first error of the lines.
pub fn run_once(
    mut lines: Box<dyn Lines>,
    newest: &Latest<Arc<Snapshot>>,
    commands: &Commands,
    stop: &Stop,
    works: &mut dyn FnMut(),
) -> Result<(), LineError> {
    let begin = Instant::now();
    let settle = if lines.bounces() { decide::SETTLE } else { Duration::ZERO };
    let mut buttons = Buttons::new(settle, &lines.down()?);
    let mut snapshot: Option<Arc<Snapshot>> = None;
    let mut shown = [None; Light::ALL.len()];
    works();
    while !stop.requested() {
        let mut pressed = Vec::new();
        for (button, down) in lines.wait(TURN)? {
            pressed.extend(buttons.edge(button, down, begin.elapsed()));
        }
        pressed.extend(buttons.settled(begin.elapsed()));
        for button in pressed {
            send(commands, "device:button", button.command());
        }
        snapshot = newest.take(Duration::ZERO).or(snapshot);
        let wanted = snapshot.as_deref().map_or([false; 2], |snapshot| lights(snapshot, begin.elapsed()));
        for ((light, on), shown) in Light::ALL.into_iter().zip(wanted).zip(&mut shown) {
            if *shown != Some(on) {
                lines.switch(light, on)?;
                *shown = Some(on);
            }
        }
    }
    Light::ALL.into_iter().try_for_each(|light| lines.switch(light, false))
}

/// Passes a command on without waiting: a button must not hang because the count is busy. `by` is the name for the
/// audit trail.
pub(crate) fn send(commands: &Commands, by: &str, command: Command) {
    let words = format!("{command:?}");
    match commands.ask(Asked::by(by, command)) {
        Ok(()) => {}
        Err(NotPassedOn::Busy) => log::warn!("the count is busy; {words} is dropped, press again"),
        Err(NotPassedOn::Ending) => log::debug!("the count has ended; {words} is dropped"),
        Err(refused) => log::warn!("{words} is dropped: {refused}"),
    }
}
