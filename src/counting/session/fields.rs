//! Whole fields of a running count.

use super::Session;
use crate::counting::platelets::WholeField;
use crate::counting::session::snapshot::Phase;

impl Session {
    /// Takes in a whole field that was looked at, before its cells are added. Ignored unless a count is running.
    pub fn see(&mut self, field: Option<WholeField>) {
        if let Some(field) = field.filter(|_| self.phase == Phase::Counting) {
            self.cells.see(field);
        }
    }
}
