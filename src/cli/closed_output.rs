//! Handles a closed standard output, as in `leukoscope devices | head -1`.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGPIPE;

/// Makes a write to a closed pipe end the program silently with exit code 0: the reader has seen enough, which is not a
/// failure. Rust programs ignore SIGPIPE by default, and `println!` then panics. Not for the daemon, which must go on
/// counting.
pub fn end_quietly() {
    let always = Arc::new(AtomicBool::new(true));
    if let Err(problem) = signal_hook::flag::register_conditional_shutdown(SIGPIPE, 0, always) {
        log::debug!("SIGPIPE stays ignored: {problem}");
    }
}
