//! Hashes of what versions before did not hash: from then on a change of it is found, too.

use jiff::Timestamp;
use serde_json::json;

use super::audit::{DEVICE, vouch};
use super::records::SessionId;
use super::worklist::TAKEN_IN;
use super::{Store, StoreError, digest};
use crate::system::stop::Stop;

/// Ended sessions whose lines hold no hashes of their rows, or that have whole fields or an alarm of which no line holds one.
const UNHASHED: &str = "SELECT id FROM session WHERE state <> 'counting' AND id > ?1 AND (NOT EXISTS (SELECT 1 FROM audit \
     WHERE audit.session = session.id AND json_extract(row_hashes, '$.session') IS NOT NULL) \
     OR ((EXISTS (SELECT 1 FROM field WHERE field.session = session.id) \
     OR EXISTS (SELECT 1 FROM alarm WHERE alarm.session = session.id)) AND NOT EXISTS (SELECT 1 FROM audit \
     WHERE audit.session = session.id AND json_extract(row_hashes, '$.fields') IS NOT NULL))) ORDER BY id LIMIT 1";

impl Store {
    /// Adds a line with hashes for each session that has none, one at a time, until told to stop. What was changed before is not
    /// found by that.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn take_in_earlier(&self, stop: &Stop) -> Result<(), StoreError> {
        let (mut after, mut count) = (0, 0_u32);
        while !stop.requested() {
            let next: Option<SessionId> = self.read(|transaction| {
                let found = transaction.prepare_cached(UNHASHED)?.query_row([after], |row| row.get(0));
                Ok(rusqlite::OptionalExtension::optional(found)?)
            })?;
            let Some(id) = next else { break };
            self.write(|transaction| {
                let rows = digest::of_all(transaction, id)?;
                vouch(transaction, DEVICE, Timestamp::now(), TAKEN_IN, Some(id), &json!({}), Some(&rows))?;
                Ok(())
            })?;
            (after, count) = (id, count + 1);
        }
        if count > 0 {
            self.witness();
            log::info!("{count} sessions of earlier versions are hashed in the audit trail from now on");
        }
        Ok(())
    }
}
