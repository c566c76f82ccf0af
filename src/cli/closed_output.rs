//! What happens when nobody reads standard output any more, as in `leukoscope devices | head -1`.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGPIPE;

/// From now on a write to a closed pipe ends the program as it ends other Unix tools: by SIGPIPE, without a word. Rust
/// programs ignore that signal unless told otherwise, and `println!` panics. Not for the daemon, which goes on counting.
pub fn end_quietly() {
    let always = Arc::new(AtomicBool::new(true));
    if let Err(problem) = signal_hook::flag::register_conditional_default(SIGPIPE, always) {
        log::debug!("SIGPIPE stays ignored: {problem}");
    }
}
