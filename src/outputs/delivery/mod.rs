//! What goes to a receiver, whatever the wire: one persistent outbox for each of the results that it lacks, and the codes
//! of a differential.

pub mod codes;
mod outbox;

pub use outbox::{Due, Outbox, Waiting, Wanted};
