//! Signals and systemd notifications. Without systemd the notifications do nothing.
//!
//! The unit is `Type=notify`: "ready" is sent once camera, model and sinks are up, "stopping" before the last results
//! go out, and "alive" while every part makes progress, which is the job of [`watchdog`].

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

/// Tells systemd that the configuration is being reloaded; call [`ready`] when done, whether it worked or not.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        // Without the time systemd would end the service, so send nothing at all.
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

/// Listens for signals until dropped.
#[derive(Debug)]
pub struct SignalListener {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

/// Listens for signals on its own thread. SIGTERM and SIGINT trigger `stop`; a second one ends the program at once with
/// exit code 1. SIGHUP calls `reload`.
///
/// # Errors
/// If the handlers or the thread cannot be set up.
pub fn listen(stop: Stop, reload: impl Fn() + Send + 'static) -> std::io::Result<SignalListener> {
    let told_once = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // Registered in this order, the first signal arms the shutdown that the second one triggers.
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
                stop.request();
            }
        }
    })?;
    Ok(SignalListener { handle, thread: Some(thread) })
}

impl Drop for SignalListener {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // Only the caller's `reload` could panic, and the panic message is already in the log.
            let _ = thread.join();
        }
    }
}
