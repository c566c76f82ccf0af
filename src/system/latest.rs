//! A slot for the newest value only: values a slow reader missed are counted, not queued.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Both ends of the slot; clones share it.
#[derive(Debug)]
pub struct Latest<T>(Arc<SharedSlot<T>>);

#[derive(Debug)]
struct SharedSlot<T> {
    slot: Mutex<Slot<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Slot<T> {
    value: Option<T>,
    overwritten: u64,
}

impl<T> Clone for Latest<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self(Arc::new(SharedSlot { slot: Mutex::new(Slot { value: None, overwritten: 0 }), changed: Condvar::new() }))
    }
}

impl<T> Latest<T> {
    /// Stores a value, overwriting one that nobody took.
    pub fn put(&self, value: T) {
        let mut slot = self.0.slot.lock().unwrap_or_else(PoisonError::into_inner);
        slot.overwritten += u64::from(slot.value.replace(value).is_some());
        self.0.changed.notify_all();
    }

    /// Stores a value once the slot is free, waiting up to `time`.
    ///
    /// # Errors
    /// Returns the value if the reader did not take the previous one in time.
    pub fn put_when_free(&self, value: T, time: Duration) -> Result<(), T> {
        let guard = self.0.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut slot, _) = self
            .0
            .changed
            .wait_timeout_while(guard, time, |slot| slot.value.is_some())
            .unwrap_or_else(PoisonError::into_inner);
        if slot.value.is_some() {
            return Err(value);
        }
        slot.value = Some(value);
        self.0.changed.notify_all();
        Ok(())
    }

    /// Takes the value, waiting up to `time` for one.
    #[must_use]
    pub fn take(&self, time: Duration) -> Option<T> {
        let until = Instant::now() + time;
        let mut slot = self.0.slot.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(value) = slot.value.take() {
                self.0.changed.notify_all();
                return Some(value);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            slot = self.0.changed.wait_timeout(slot, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits up to `time` until the slot is free; returns whether it is.
    #[must_use]
    pub fn wait_until_free(&self, time: Duration) -> bool {
        let guard = self.0.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.changed.wait_timeout_while(guard, time, |slot| slot.value.is_some());
        waited.unwrap_or_else(PoisonError::into_inner).0.value.is_none()
    }

    /// Number of values overwritten before anyone took them.
    #[must_use]
    pub(crate) fn overwritten(&self) -> u64 {
        self.0.slot.lock().unwrap_or_else(PoisonError::into_inner).overwritten
    }
}
