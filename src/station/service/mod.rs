//! What makes a service of the program: signals, and the notifications systemd waits for. Without systemd the
//! notifications do nothing.
//!
//! The unit is `Type=notify`: "ready" is said once camera, model and sinks are up, "stopping" before the last results go
//! out, and "alive" while every part makes progress, which is [`watchdog`]'s work.

pub mod watchdog;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;

use sd_notify::NotifyState;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use crate::system::stop::Stop;

/// Tells systemd that the program is up.
pub fn ready() {
    notify(&[NotifyState::Ready]);
}

/// Tells systemd that the program is ending.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Tells systemd that the configuration is being read again; call [`ready`] when that is done, whether it went well or not.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        // Without the time systemd would end the service, so nothing is said at all.
        Err(problem) => log::warn!("the clock cannot be read: {problem}"),
    }
}

/// One line for `systemctl status`.
pub fn status(line: &str) {
    let line = line.replace(['\n', '\r'], " ");
    notify(&[NotifyState::Status(&line)]);
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(problem) = sd_notify::notify(state) {
        log::warn!("systemd could not be told {state:?}: {problem}");
    }
}

/// Listens for signals as long as it lives.
#[derive(Debug)]
pub struct SignalListener {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

/// Listens for signals on a thread of its own: SIGTERM and SIGINT tell `stop`, a second one ends the program at once with
/// exit code 1; SIGHUP calls `reload`.
///
/// # Errors
/// When the signals cannot be caught.
pub fn listen(stop: Stop, reload: impl Fn() + Send + 'static) -> std::io::Result<SignalListener> {
    let told_once = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // The order makes the first signal arm what the second one does.
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&told_once))?;
        signal_hook::flag::register(signal, Arc::clone(&told_once))?;
    }
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let handle = signals.handle();
    let thread = std::thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            if signal == SIGHUP {
                reload();
            } else {
                log::info!("told to end by {}", signal_hook::low_level::signal_name(signal).unwrap_or("a signal"));
                stop.tell();
            }
        }
    })?;
    Ok(SignalListener { handle, thread: Some(thread) })
}

impl Drop for SignalListener {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // The thread does nothing that could panic but the caller's reload; that one's words are in the log already.
            let _ = thread.join();
        }
    }
}
