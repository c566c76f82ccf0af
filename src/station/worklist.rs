//! Orders into the worklist, from laboratory systems and persons: every one is checked here, whatever brought it.

use jiff::Timestamp;

use crate::counting::session::sample::{NoSampleId, check_rules, sample_id};
use crate::domain::letters::unfit_in_line;
use crate::station::in_force::InForce;
use crate::store::records::{Order, OrderTaken, WorklistEntry};
use crate::store::{Store, StoreError};

/// The longest number of an order, in characters.
const LONGEST_ORDER: usize = 64;

/// Why an order is not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotOrdered {
    #[error(transparent)]
    Sample(#[from] NoSampleId),
    /// The order's number does not print, or is too long.
    #[error("an order's number has at most {LONGEST_ORDER} characters that show; this one does not")]
    Number,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The worklist of a station; clones lead to the same.
#[derive(Clone, Debug)]
pub struct Worklist {
    store: Store,
    in_force: InForce,
}

impl Worklist {
    /// The worklist in this store, for sample ids of the form in force.
    #[must_use]
    pub fn new(store: Store, in_force: InForce) -> Self {
        Self { store, in_force }
    }

    /// Takes an order of a count. `host` is the connection or person it comes from, by its name for the audit trail.
    ///
    /// # Errors
    /// If the sample id does not fit, the worklist is full, or the order cannot be written.
    pub fn order(
        &self,
        host: &str,
        sample: &str,
        order_id: Option<&str>,
        urgent: bool,
    ) -> Result<OrderTaken, NotOrdered> {
        let sample = sample_id(sample)?;
        check_rules(&sample, &self.in_force.now().settings.sample)?;
        let order_id = order_id.map(str::trim).filter(|id| !id.is_empty());
        if order_id.is_some_and(|id| id.chars().count() > LONGEST_ORDER || unfit_in_line(id).is_some()) {
            return Err(NotOrdered::Number);
        }
        let order = Order { sample, host: host.to_owned(), order_id: order_id.map(str::to_owned), urgent };
        Ok(self.store.order(&order, Timestamp::now())?)
    }

    /// Cancels an order of the same host; returns how many there were.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn cancel(&self, host: &str, sample: &str, order_id: Option<&str>) -> Result<usize, StoreError> {
        self.store.cancel_order(host, sample.trim_matches(' '), order_id, Timestamp::now())
    }

    /// Samples to count: urgent ones first, then as they were ordered.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn open(&self) -> Result<Vec<WorklistEntry>, StoreError> {
        self.store.worklist(Timestamp::now())
    }
}
