//! What a receiver still lacks, whatever the wire: results, in one persistent outbox for each receiver, and updates of
//! the state.

mod change;
mod outbox;

pub(in crate::outputs) use change::Difference;
pub use outbox::{Due, Outbox, Waiting, Wanted};
