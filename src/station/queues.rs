//! What waits: requests and cells inside the station, and results that a receiver does not have yet. Whoever owns a
//! queue registers here how to look at it, for monitoring.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Results that a receiver does not have yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unsent {
    /// How many.
    pub results: u64,
    /// How long the oldest has waited; `None` if none waits.
    pub oldest: Option<Duration>,
}

/// Looks at a queue: how many wait.
type Depth = Box<dyn Fn() -> usize + Send>;

/// Looks at an outbox; `None` if it cannot be looked at now.
type Look = Box<dyn Fn() -> Option<Unsent> + Send>;

/// All queues; clones share them.
#[derive(Clone, Default)]
pub struct Queues(Arc<Mutex<Places>>);

#[derive(Default)]
struct Places {
    queues: BTreeMap<&'static str, Depth>,
    outboxes: BTreeMap<String, Look>,
}

impl fmt::Debug for Queues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.locked();
        f.debug_struct("Queues")
            .field("queues", &places.queues.keys())
            .field("outboxes", &places.outboxes.keys())
            .finish()
    }
}

impl Queues {
    /// Registers a queue inside the station. `depth` must not block.
    pub fn queue(&self, name: &'static str, depth: impl Fn() -> usize + Send + 'static) {
        self.locked().queues.insert(name, Box::new(depth));
    }

    /// Registers the outbox of a receiver, such as `serial`. `look` may read the store.
    pub fn outbox(&self, receiver: impl Into<String>, look: impl Fn() -> Option<Unsent> + Send + 'static) {
        self.locked().outboxes.insert(receiver.into(), Box::new(look));
    }

    /// How many wait in each queue.
    #[must_use]
    pub fn depths(&self) -> Vec<(&'static str, usize)> {
        self.locked().queues.iter().map(|(name, depth)| (*name, depth())).collect()
    }

    /// What each receiver lacks. An outbox that cannot be looked at now is left out.
    #[must_use]
    pub fn unsent(&self) -> Vec<(String, Unsent)> {
        let places = self.locked();
        places.outboxes.iter().filter_map(|(receiver, look)| Some((receiver.clone(), look()?))).collect()
    }

    fn locked(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
