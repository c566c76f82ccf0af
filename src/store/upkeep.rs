//! When something was last done to the station itself, as the audit trail says.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::text::read_time;
use super::{Store, StoreError};

/// What is looked for; the index of form 11 holds exactly these.
const ACTIONS: &str = "('backup', 'install models', 'models back', 'profile')";

impl Store {
    /// When a backup was last made, networks were installed or those before put back, and the profile was switched, by the
    /// trail's word for it.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn last_upkeep(&self) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        self.read(|transaction| {
            let mut select = transaction.prepare_cached(&format!(
                "SELECT audit.action, audit.at FROM audit JOIN (SELECT max(number) AS last FROM audit \
                 WHERE action IN {ACTIONS} GROUP BY action) ON number = last"
            ))?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
            rows.map(|row| row.map_err(Into::into).and_then(|(action, at)| Ok((action, read_time(&at)?)))).collect()
        })
    }
}
