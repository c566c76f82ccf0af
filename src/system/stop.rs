//! The one signal that ends every thread, and waits that end at once when it comes.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Told once, heard by everybody who holds a clone.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// A signal not yet given.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells every holder to end.
    pub fn tell(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// Whether the signal was given.
    #[must_use]
    pub fn told(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for as long as `time`, or until the signal comes; says whether it came.
    #[must_use]
    pub fn wait(&self, time: Duration) -> bool {
        let guard = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (told, _) = self.0.1.wait_timeout_while(guard, time, |told| !*told).unwrap_or_else(PoisonError::into_inner);
        *told
    }
}
