//! Signals and systemd notifications. Without systemd the notifications do nothing.
//!
//! The unit is `Type=notify`: "ready" is sent once camera, model and sinks are up, "stopping" before the last results
//! go out, and "alive" while every part makes progress, which is the job of [`watchdog`].

pub mod last_resort;
pub mod watchdog;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::{env, fs, process};

use crossbeam_channel::bounded;
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

/// What SIGHUP does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hangup {
    /// Rereads the configuration, as systemd asks for by this signal.
    Reloads,
    /// Ends the program: its terminal was closed.
    Ends,
    /// Nothing, because the program was started to outlive its terminal, as by `nohup`.
    Ignored,
}

impl Hangup {
    /// What SIGHUP does to this process; `asked`: a reload was asked for.
    #[must_use]
    pub fn of_this_process(asked: bool) -> Self {
        if asked || is_service() {
            Self::Reloads
        } else if ignores_hangup(&fs::read_to_string("/proc/self/status").unwrap_or_default()) {
            Self::Ignored
        } else {
            Self::Ends
        }
    }
}

/// Whether systemd started this very process, rather than a terminal or shell that inherited its variables.
fn is_service() -> bool {
    match env::var("SYSTEMD_EXEC_PID") {
        Ok(started) => started.parse() == Ok(process::id()),
        // systemd before 248.
        Err(_) => env::var_os("NOTIFY_SOCKET").is_some(),
    }
}

/// Whether SIGHUP was ignored at the start, by the `SigIgn` line of `/proc/self/status`.
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (SIGHUP - 1)) != 0)
}

/// Listens for signals on its own thread. SIGTERM and SIGINT trigger `stop`; a second one ends the program at once with
/// exit code 1. SIGHUP calls `reload` or triggers `stop` as well, any number of times: a closing terminal may send it
/// twice.
///
/// # Errors
/// If the handlers or the threads cannot be set up.
pub fn listen(stop: Stop, hangup: Hangup, reload: impl Fn() + Send + 'static) -> std::io::Result<SignalListener> {
    let told_once = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // Registered in this order, the first signal arms the shutdown that the second one triggers.
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&told_once))?;
        signal_hook::flag::register(signal, Arc::clone(&told_once))?;
    }
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let handle = signals.handle();
    if hangup != Hangup::Ignored {
        handle.add_signal(SIGHUP)?;
    }
    // On another thread: a configuration file on a disk that does not answer must not hold up SIGTERM.
    let (reloads, asked) = bounded(1);
    std::thread::Builder::new().name("reload".into()).spawn(move || asked.into_iter().for_each(|()| reload()))?;
    let thread = std::thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            if signal == SIGHUP && hangup == Hangup::Reloads {
                // One that waits already will read the newest file.
                let _ = reloads.try_send(());
            } else {
                // Before the log, which may go to a terminal that takes nothing.
                stop.request();
                log::info!("told to end by {}", signal_hook::low_level::signal_name(signal).unwrap_or("a signal"));
            }
        }
    })?;
    Ok(SignalListener { handle, thread: Some(thread) })
}

impl Drop for SignalListener {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // It does not panic.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_hangup_is_read_from_the_status_of_the_process() {
        assert!(ignores_hangup("Name:\tleukoscope\nSigIgn:\t0000000000001001\n"));
        assert!(!ignores_hangup("Name:\tleukoscope\nSigIgn:\t0000000000001000\n"));
        assert!(!ignores_hangup(""));
    }
}
