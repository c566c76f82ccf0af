//! Ends the program in time whatever hangs: a display or terminal that takes nothing, a driver, a busy store.

use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::camera::program::end_programs;
use crate::store::Store;
use crate::system::stop::Stop;
use crate::system::threads::running;

/// How long every part may take to end by itself.
const PATIENCE: Duration = Duration::from_millis(3_700);

/// How long a write to the store may still take.
const LAST_WRITE: Duration = Duration::from_millis(300);

/// How long it may take to say what hung: the terminal may be what hangs.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Ends the process with exit code 1 if it still runs 3.7 s after the stop, and says which threads had not ended. The
/// write in progress is finished first; everything acknowledged is on disk in any case. With the program of a camera
/// this takes less than 5 s in all.
///
/// # Errors
/// If the thread cannot be started.
pub fn arm(stop: Stop, store: Store) -> io::Result<()> {
    thread::Builder::new().name("last-resort".to_owned()).spawn(move || wait_and_end(&stop, &store)).map(drop)
}

fn wait_and_end(stop: &Stop, store: &Store) {
    while !stop.wait(Duration::from_hours(1)) {}
    thread::sleep(PATIENCE);
    let hung = running();
    let hung = if hung.is_empty() { "the start or end of the program".to_owned() } else { hung.join(", ") };
    let store_is_closed = store.halt(LAST_WRITE);
    let (said, hears) = mpsc::channel();
    // Whoever hangs may hold the lock of the log.
    let saying = thread::Builder::new().spawn(move || {
        log::error!("not ended within {:.1} s, so it is ended now; still busy: {hung}", PATIENCE.as_secs_f64());
        if !store_is_closed {
            log::error!("a write to the store was cut off; what was acknowledged is on disk");
        }
        let _ = said.send(());
    });
    end_programs();
    if saying.is_ok() {
        let _ = hears.recv_timeout(LAST_WORDS);
    }
    // Without the exit handlers, which may wait for the terminal.
    signal_hook::low_level::exit(1);
}
