//! Keeps open alarms before everybody's eyes, on page, display, lines and in monitoring, until a person has said who was told.

use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::station::trouble::{Part, Troubles};
use crate::store::Store;
use crate::store::told::OpenAlarm;
use crate::system::stop::Stop;
use crate::system::threads::thread;

/// How often to look.
const LOOK: Duration = Duration::from_secs(1);

/// Starts the look-out for alarms.
///
/// # Errors
/// If the thread cannot be started.
pub(super) fn start(store: Store, stop: Stop, troubles: Troubles) -> io::Result<JoinHandle<()>> {
    thread("alarms", move || {
        loop {
            match store.open_alarms() {
                Ok(open) => troubles.set(Part::Critical, words(&open)),
                // An alarm that was seen stays rather than being taken away by a disk that fails.
                Err(problem) => log::error!("open alarms cannot be read: {problem}"),
            }
            if stop.wait(LOOK) {
                return;
            }
        }
    })
}

/// The newest open alarm in a sentence, and how many there are.
fn words(open: &[OpenAlarm]) -> Option<String> {
    let newest = open.last()?;
    let critical: Vec<String> = newest.critical.iter().map(ToString::to_string).collect();
    let more = if open.len() > 1 { format!("; {} results wait in all", open.len()) } else { String::new() };
    Some(format!(
        "CRITICAL {}: {}{more}; look at it, tell the ward, and say on the page who was told",
        newest.sample,
        critical.join(", ")
    ))
}
