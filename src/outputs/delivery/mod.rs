//! Which results a receiver still lacks: one persistent outbox for each receiver, whatever the wire.

mod outbox;

pub use outbox::{Due, Outbox, Waiting, Wanted};
