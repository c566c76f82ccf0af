//! Named threads, and which of them still run, so that a program that does not end can say what keeps it.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

/// Names of the threads of [`thread`] that still run.
static RUNNING: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Starts a named thread.
///
/// # Errors
/// If the system cannot start another thread.
pub fn thread(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let listed = Listed::new(name);
    Builder::new().name(name.into()).spawn(move || {
        let _listed = listed;
        body();
    })
}

/// Waits for a thread to end; logs its name if it panicked.
pub fn join(thread: JoinHandle<()>) {
    let name = thread.thread().name().unwrap_or_default().to_owned();
    if thread.join().is_err() {
        log::error!("the {name} thread ended by a bug; its words are above");
    }
}

/// Names of the threads that have not ended, each once.
#[must_use]
pub fn running() -> Vec<String> {
    let mut names = names().clone();
    names.sort();
    names.dedup();
    names
}

fn names() -> MutexGuard<'static, Vec<String>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An entry of the list, for as long as the thread runs, and however it ends.
struct Listed(String);

impl Listed {
    fn new(name: &str) -> Self {
        names().push(name.to_owned());
        Self(name.to_owned())
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let mut names = names();
        if let Some(place) = names.iter().position(|name| *name == self.0) {
            names.swap_remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_thread_is_listed_until_it_ends_even_by_a_panic() {
        let (go, wait) = mpsc::channel::<()>();
        let thread = thread("listed-test", move || {
            let _ = wait.recv();
            panic!("the thread ends by a panic");
        });
        let thread = thread.unwrap();
        assert!(running().contains(&"listed-test".to_owned()));
        drop(go);
        join(thread);
        assert!(!running().contains(&"listed-test".to_owned()));
    }
}
