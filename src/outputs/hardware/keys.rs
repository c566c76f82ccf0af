//! Terminal keys: s start, x or space stop, n new sample, q quit.
//!
//! Keys are read one by one without echo, but the terminal is not put in raw mode: Ctrl-C stays a signal, which ends
//! the program even if this thread hangs, and the log keeps its line breaks.

use std::io::{self, IsTerminal};
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

use super::send;
use crate::counting::session::snapshot::Command;
use crate::station::requests::Commands;
use crate::system::stop::Stop;

/// Longest wait for a key, and so for `stop` to take effect.
const TURN: Duration = Duration::from_millis(100);

/// Action of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Command(Command),
    Quit,
}

/// Action of a key; `None` for unused keys.
#[must_use]
pub fn action(key: &KeyEvent) -> Option<Action> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
        return (key.code == KeyCode::Char('c') && key.modifiers == KeyModifiers::CONTROL).then_some(Action::Quit);
    }
    match key.code {
        KeyCode::Char('s' | 'S') => Some(Action::Command(Command::Start)),
        KeyCode::Char('x' | 'X' | ' ') => Some(Action::Command(Command::Stop)),
        KeyCode::Char('n' | 'N') => Some(Action::Command(Command::NewSample(None))),
        KeyCode::Char('q' | 'Q') => Some(Action::Quit),
        _ => None,
    }
}

/// Turns keys into commands until `stop`; q tells it. Returns at once when standard input or output is no terminal, or
/// the program runs in the background.
pub fn run(commands: &Commands, stop: &Stop) {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() || !in_foreground() {
        return;
    }
    let result = KeyMode::enter().and_then(|_mode| {
        while !stop.requested() {
            match typed(TURN)? {
                Typed::Nothing => {}
                Typed::Hangup => break,
                Typed::Something => each_event(commands, stop)?,
            }
        }
        Ok(())
    });
    if let Err(error) = result {
        log::warn!("keys are not read: {error}; use buttons, the web page, or Ctrl-C to end");
    }
}

/// Carries out every key that crossterm has or can read at once: one read may give it several.
fn each_event(commands: &Commands, stop: &Stop) -> io::Result<()> {
    while event::poll(Duration::ZERO)? {
        let Event::Key(key) = event::read()? else { continue };
        match action(&key) {
            Some(Action::Command(command)) => send(commands, "device:key", command),
            Some(Action::Quit) => stop.request(),
            None => {}
        }
    }
    Ok(())
}

/// What a terminal has to say.
enum Typed {
    Nothing,
    Something,
    /// It was closed.
    Hangup,
}

/// Waits for keys. Asked before crossterm is, which reads a closed terminal for ever.
fn typed(within: Duration) -> io::Result<Typed> {
    let stdin = io::stdin();
    let mut polled = [PollFd::new(&stdin, PollFlags::IN)];
    let time = Timespec { tv_sec: within.as_secs().cast_signed(), tv_nsec: within.subsec_nanos().into() };
    match poll(&mut polled, Some(&time)) {
        Ok(0) | Err(Errno::INTR) => Ok(Typed::Nothing),
        Ok(_) if polled[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) => Ok(Typed::Hangup),
        Ok(_) => Ok(Typed::Something),
        Err(problem) => Err(problem.into()),
    }
}

/// Whether this process may use its terminal: a background process would be suspended.
fn in_foreground() -> bool {
    tcgetpgrp(io::stdin()).is_ok_and(|group| group == rustix::process::getpgrp())
}

/// Original terminal settings, while keys are read one by one.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

fn restore() {
    if let Some(before) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // If this fails the terminal is gone, and there is nothing to restore.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
    }
}

/// While it exists, keys are read one by one and not echoed.
struct KeyMode;

impl KeyMode {
    fn enter() -> io::Result<Self> {
        static ONCE: Once = Once::new();
        let before = tcgetattr(io::stdin())?;
        let mut mode = before.clone();
        mode.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        ONCE.call_once(|| {
            let hook = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                restore();
                hook(panic);
            }));
        });
        let entered = Self;
        tcsetattr(io::stdin(), OptionalActions::Now, &mode)?;
        Ok(entered)
    }
}

impl Drop for KeyMode {
    fn drop(&mut self) {
        restore();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(code: KeyCode, modifiers: KeyModifiers) -> Option<Action> {
        action(&KeyEvent::new(code, modifiers))
    }

    #[test]
    fn keys_ask_for_what_the_help_line_says() {
        let plain = |key| pressed(KeyCode::Char(key), KeyModifiers::NONE);
        assert_eq!(plain('s'), Some(Action::Command(Command::Start)));
        assert_eq!(plain('x'), Some(Action::Command(Command::Stop)));
        assert_eq!(plain(' '), Some(Action::Command(Command::Stop)));
        assert_eq!(plain('n'), Some(Action::Command(Command::NewSample(None))));
        assert_eq!(plain('q'), Some(Action::Quit));
        assert_eq!(plain('e'), None);
        assert_eq!(pressed(KeyCode::Char('N'), KeyModifiers::SHIFT), Some(Action::Command(Command::NewSample(None))));
    }

    #[test]
    fn control_and_a_letter_is_not_the_letter() {
        assert_eq!(pressed(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Action::Quit));
        assert_eq!(pressed(KeyCode::Char('s'), KeyModifiers::CONTROL), None);
    }
}
