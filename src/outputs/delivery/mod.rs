//! What goes to a receiver, whatever the wire: one persistent outbox for each of the results that it lacks, and the codes
//! of a differential, and sentences beside the figures.

pub mod codes;
pub mod notes;
mod outbox;

pub use outbox::{Due, Outbox};
