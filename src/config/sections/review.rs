//! `[review]`: what counts as a look.

use crate::config::keys::Accepts::Whole;
use crate::config::keys::key;

section! {
    /// What people see of the cells before a result is signed.
    "review", ReviewConfig {
        /// Shortest time in which a person can look at a cell, milliseconds, 0 to 5000. Cells that are confirmed or named faster
        /// are "seen quickly" and count as looked at by nobody. 0: every confirmation counts as a look.
        fastest_ms: u32 = 150 => key(Whole(0, 5000)).unit("milliseconds");
    }
}
