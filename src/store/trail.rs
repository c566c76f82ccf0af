//! Lines of the audit trail that somebody looks for.

use jiff::Timestamp;
use rusqlite::params;

use super::audit::{columns, line};
use super::records::{AuditEntry, SessionId};
use super::text::time;
use super::{Store, StoreError};

/// Which lines of the trail; what is left out holds for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrailQuery {
    /// Only those of this session.
    pub session: Option<SessionId>,
    /// Part of a sample id: lines of its sessions, whatever they are called now, and of its orders.
    pub sample: Option<String>,
    /// Part of the name of who did it, or whom it was done to.
    pub person: Option<String>,
    /// Exactly this action, such as `sign`.
    pub action: Option<String>,
    /// At or after this time.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
    /// Only those with a number below this.
    pub before: Option<i64>,
    /// Only those with a number above this; then the oldest come first.
    pub after: Option<i64>,
}

impl Store {
    /// Lines of the trail, newest first, or oldest first with `after`; at most `limit`.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn trail(&self, query: &TrailQuery, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        let TrailQuery { session, sample, person, action, from, to, before, after } = query;
        let order = if after.is_some() { "ASC" } else { "DESC" };
        self.read(|transaction| {
            // Sample ids by the lines of the trail and by the sessions: the two differ where one was changed.
            let sql = format!(
                "SELECT {} FROM audit WHERE (?1 IS NULL OR session = ?1) AND number < ?2 AND number > ?3 \
                 AND (?4 IS NULL OR at >= ?4) AND (?5 IS NULL OR at < ?5) AND (?6 IS NULL OR action = ?6) \
                 AND (?7 IS NULL OR instr(lower(person), lower(?7)) > 0 \
                 OR instr(lower(coalesce(json_extract(detail, '$.user'), json_extract(detail, '$.token'), '')), lower(?7)) > 0) \
                 AND (?8 IS NULL OR instr(lower(coalesce(json_extract(detail, '$.sample'), '')), lower(?8)) > 0 \
                 OR session IN (SELECT id FROM session WHERE instr(lower(sample), lower(?8)) > 0) \
                 OR session IN (SELECT told.session FROM audit AS told WHERE told.action = 'begin' \
                 AND instr(lower(coalesce(json_extract(told.detail, '$.sample'), '')), lower(?8)) > 0)) \
                 ORDER BY number {order} LIMIT ?9",
                columns(transaction)?
            );
            let mut select = transaction.prepare_cached(&sql)?;
            let rows = select.query_map(
                params![
                    session,
                    before.unwrap_or(i64::MAX),
                    after.unwrap_or(0),
                    from.map(time),
                    to.map(time),
                    action,
                    person,
                    sample,
                    limit
                ],
                line,
            )?;
            rows.map(|row| row?.entry()).collect()
        })
    }

    /// How many lines there are; they may grow meanwhile.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn count_lines(&self, query: &TrailQuery) -> Result<usize, StoreError> {
        let (mut query, mut count) = (TrailQuery { after: Some(0), ..query.clone() }, 0);
        loop {
            let lines = self.trail(&query, 1000)?;
            let Some(last) = lines.last() else { return Ok(count) };
            query.after = Some(last.number);
            count += lines.len();
        }
    }

    /// Whether a line has this hash.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn has_line(&self, hash: &str) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM audit WHERE hash = ?1)";
        self.read(|transaction| Ok(transaction.query_row(sql, [hash], |row| row.get(0))?))
    }
}
