//! What goes to a receiver, whatever the wire: one persistent outbox for each of the results that it lacks, the thread
//! that empties it, what an update of the state is worth, the codes of a differential, and what is said beside the figures.

mod aside;
mod change;
pub mod codes;
pub mod courier;
mod finals;
pub mod notes;
mod outbox;
pub mod processing;
pub mod tls;

pub(in crate::outputs) use change::Difference;
pub(in crate::outputs) use finals::Finals;
pub use outbox::{Due, Outbox};
