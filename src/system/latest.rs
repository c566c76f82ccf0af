//! A place for the newest value only: what a slow reader missed is counted, not queued.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Both ends of the place; clones share it.
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
    /// Puts a value, in place of one that nobody took.
    pub fn put(&self, value: T) {
        let mut slot = self.0.slot.lock().unwrap_or_else(PoisonError::into_inner);
        slot.overwritten += u64::from(slot.value.replace(value).is_some());
        self.0.changed.notify_all();
    }

    /// Puts a value once the place is free; gives it back if that takes longer than `time`.
    ///
    /// # Errors
    /// The value, when the reader did not take the one before in time.
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

    /// Takes the value, waiting for one as long as `time`.
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

    /// Waits until nothing lies here, for as long as `time`; says whether it came to that.
    #[must_use]
    pub fn wait_until_free(&self, time: Duration) -> bool {
        let guard = self.0.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.changed.wait_timeout_while(guard, time, |slot| slot.value.is_some());
        waited.unwrap_or_else(PoisonError::into_inner).0.value.is_none()
    }

    /// How many values were put over one that nobody had taken.
    #[must_use]
    pub(crate) fn overwritten(&self) -> u64 {
        self.0.slot.lock().unwrap_or_else(PoisonError::into_inner).overwritten
    }
}
