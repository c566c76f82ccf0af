//! The first use of a token has a line in the audit trail.

use jiff::Timestamp;
use serde_json::Value;

use super::audit::note;
use super::{Store, StoreError};

/// Begins the name of the `meta` value of a token that was used; the hash of its secret follows.
pub(super) const USED: &str = "token used ";

impl Store {
    /// Notes that a token was used, if it was not before.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn note_token_use(
        &self,
        name: &str,
        hash: &str,
        detail: &Value,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let used = format!("{USED}{hash}");
        let known = "SELECT EXISTS (SELECT 1 FROM meta WHERE name = ?1)";
        if self.read(|transaction| Ok(transaction.query_row(known, [&used], |row| row.get(0))?))? {
            return Ok(());
        }
        self.write_witnessed(|transaction| {
            let first =
                transaction.execute("INSERT INTO meta (name, value) VALUES (?1, 1) ON CONFLICT DO NOTHING", [&used])?;
            if first > 0 {
                note(transaction, &format!("token:{name}"), at, "first use", None, detail)?;
            }
            Ok(())
        })
    }
}
