//! Amendments that nobody went on with. They are withdrawn by themselves, so that they do not keep their cells, and those of the
//! version they amend, from retention for ever.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::amendment;
use super::audit::DEVICE;
use super::records::SessionId;
use super::retention::earliest;
use super::{Store, StoreError, schema};
use crate::system::stop::Stop;

/// Days after the last line of the trail about an amendment until it is withdrawn.
const AFTER: u32 = 30;

/// Amendments that nobody signed, the first of two persons neither, and that no line speaks of since `?2`: each with the version that
/// it was to replace. Its own times are those of the count, so lines of the trail tell its age.
const ABANDONED: &str = "SELECT made.session, made.amends FROM result AS made WHERE made.amends IS NOT NULL AND made.session <= ?3 \
     AND NOT EXISTS (SELECT 1 FROM signature WHERE signature.session = made.session) \
     AND NOT EXISTS (SELECT 1 FROM audit WHERE audit.session = made.session AND action = 'first sign') \
     AND (SELECT max(at) FROM audit WHERE audit.session = made.session) BETWEEN ?1 AND ?2";

impl Store {
    /// Amendments that nobody went on with for so long, at a believed time; none if there is none.
    pub(super) fn abandoned(&self, now: Option<Timestamp>) -> Result<Vec<SessionId>, StoreError> {
        let Some(old) = self.older_than(AFTER, now)? else { return Ok(Vec::new()) };
        self.read(|transaction| {
            if !schema::has_amendments(transaction)? {
                return Ok(Vec::new());
            }
            let mut select = transaction.prepare_cached(ABANDONED)?;
            let found = select.query_map(params![earliest()?, old.before, old.newest], |row| row.get(0))?;
            Ok(found.collect::<Result<_, _>>()?)
        })
    }

    /// Withdraws them, with a line each at `at`; returns how many.
    pub(super) fn withdraw_abandoned(
        &self,
        now: Option<Timestamp>,
        at: Timestamp,
        stop: &Stop,
    ) -> Result<usize, StoreError> {
        let mut done = 0;
        for session in self.abandoned(now)? {
            if stop.requested() {
                break;
            }
            done += usize::from(self.write(|transaction| Ok(withdrawn(transaction, session, at)?))?);
        }
        Ok(done)
    }
}

/// Whether it was still there, and unsigned.
fn withdrawn(transaction: &Transaction<'_>, session: SessionId, at: Timestamp) -> rusqlite::Result<bool> {
    let sql = "SELECT amends FROM result WHERE session = ?1 AND amends IS NOT NULL \
               AND NOT EXISTS (SELECT 1 FROM signature WHERE signature.session = ?1)";
    let Some(replaces) = transaction.query_row(sql, [session], |row| row.get(0)).optional()? else { return Ok(false) };
    let reason = format!("nobody went on with it for {AFTER} days");
    amendment::withdrawn(transaction, session, replaces, &reason, DEVICE, at)?;
    Ok(true)
}
