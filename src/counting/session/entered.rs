//! What people and hosts enter for a sample while it is counted.

use jiff::Timestamp;

use super::Session;
use crate::counting::session::snapshot::Phase;
use crate::counting::statistics::absolute::{Entered, Entry};
use crate::counting::statistics::per_red_cell::RedCount;

impl Session {
    /// Takes what somebody entered for the running sample; returns false if none runs. A finished result is already on
    /// disk, and the next sample may be another patient's.
    pub fn enter(&mut self, entered: &Entered, by: &str, at: Timestamp) -> bool {
        let running = self.phase == Phase::Counting;
        if running {
            if let Entered::Red(count) = entered {
                self.red_count = Some(*count);
            }
            let (kind, value) = entered.told();
            self.entered.retain(|entry| entry.kind != kind);
            self.entered.push(Entry { kind, value, by: by.to_owned(), at });
        }
        running
    }

    /// Sets the red count of the first sample, before it begins.
    #[must_use]
    pub fn with_first_red_count(self, count: Option<RedCount>) -> Self {
        Self { first_red_count: count, ..self }
    }
}
