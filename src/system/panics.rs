//! Panics of libraries that read outside bytes, turned into values.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Does the work; `None` if it panicked, which goes to the log at level `debug` instead of standard error.
pub(crate) fn contained<T>(work: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            if QUIET.get() {
                log::debug!("{panic}");
            } else {
                usual(panic);
            }
        }));
    });
    let before = QUIET.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    QUIET.set(before);
    done.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_panics_gives_nothing_and_the_next_work_its_value() {
        assert_eq!(contained(|| -> u8 { panic!("broken") }), None);
        assert_eq!(contained(|| 7), Some(7));
    }
}
