//! What happens when nobody reads standard output any more, as in `leukoscope devices | head -1`.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGPIPE;

/// Makes a write to a closed pipe end the program at once with exit code 0, without a word: whoever reads has seen enough,
/// which is no failure. Rust programs ignore SIGPIPE unless told otherwise, and `println!` then panics. Not for the daemon,
/// which goes on counting.
pub fn end_quietly() {
    let always = Arc::new(AtomicBool::new(true));
    if let Err(problem) = signal_hook::flag::register_conditional_shutdown(SIGPIPE, 0, always) {
        log::debug!("SIGPIPE stays ignored: {problem}");
    }
}
