//! The stop signal for every thread, with waits that it cuts short.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A one-time signal shared by all clones.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// A signal that is not given yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the signal to every holder.
    pub fn request(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// Whether the signal has been given.
    #[must_use]
    pub fn requested(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for `time` or until the signal comes; returns whether it came.
    #[must_use]
    pub fn wait(&self, time: Duration) -> bool {
        let guard = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (requested, _) =
            self.0.1.wait_timeout_while(guard, time, |requested| !*requested).unwrap_or_else(PoisonError::into_inner);
        *requested
    }
}
