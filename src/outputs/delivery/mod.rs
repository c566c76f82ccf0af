//! What goes to a receiver, whatever the wire: one persistent outbox for each of the results that it lacks, the thread
//! that empties it, the codes of a differential, and what is said beside the figures.

mod aside;
pub mod codes;
pub mod courier;
pub mod notes;
mod outbox;
pub mod tls;

pub use outbox::{Due, Outbox};
