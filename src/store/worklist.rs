//! Worklist: samples that a laboratory system or a person ordered a count of, until they are counted or cancelled.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use serde_json::{Value, json};

use super::audit::DEVICE;
use super::numbered::{Line, ORDERS};
use super::records::{Order, OrderTaken, SessionId, WorklistEntry};
use super::text::{read_time, time};
use super::{Store, StoreError, StoreProblem, amendment, audit, numbered, refused};

/// Orders that are open at once, at most: a host that orders without end must not fill the disk.
const MOST_OPEN: i64 = 1000;

/// An order that nobody counted for so long is forgotten: the blood is not fit for a smear any more.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Orders of long ago were deleted.
pub(super) const FORGOTTEN: &str = "forget orders";

/// What versions before wrote is hashed from now on.
pub(super) const TAKEN_IN: &str = "take in";

const COLUMNS: &str = "number, sample, host, order_id, urgent, at";

impl Store {
    /// Takes an order; the same one again changes nothing but its urgency, and revives a cancelled one.
    ///
    /// # Errors
    /// A refusal while the worklist is full; or if the order cannot be written.
    pub fn order(&self, order: &Order, now: Timestamp) -> Result<OrderTaken, StoreError> {
        let Order { sample, host, order_id, urgent } = order;
        let id = order_id.as_deref().unwrap_or_default();
        self.write_witnessed(|transaction| {
            forget(transaction, now)?;
            let known: Option<(i64, bool, bool)> = transaction
                .query_row(
                    "SELECT number, urgent, cancelled IS NOT NULL FROM ordered \
                     WHERE host = ?1 AND sample = ?2 AND order_id = ?3",
                    params![host, sample, id],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )
                .optional()?;
            if let Some((_, known_urgent, false)) = known
                && known_urgent == *urgent
            {
                return Ok(OrderTaken::Known);
            }
            let number = if let Some((number, ..)) = known {
                let sql = "UPDATE ordered SET urgent = ?2, cancelled = NULL WHERE number = ?1";
                transaction.execute(sql, params![number, urgent])?;
                number
            } else {
                let sql = format!("SELECT count(*) FROM ordered WHERE {}", open(transaction)?);
                let open: i64 = transaction.query_row(&sql, [oldest(now)], |row| row.get(0))?;
                if open >= MOST_OPEN {
                    return refused(format!("the worklist holds {MOST_OPEN} samples; count or cancel some"));
                }
                transaction.execute(
                    "INSERT INTO ordered (sample, host, order_id, urgent, at) VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![sample, host, id, urgent, time(now)],
                )?;
                transaction.last_insert_rowid()
            };
            let detail = json!({"sample": sample, "order": order_id, "urgent": urgent});
            vouch(transaction, host, now, "order", &detail, &[number])?;
            Ok(if known.is_some() { OrderTaken::Changed } else { OrderTaken::New })
        })
    }

    /// Cancels an open order of a host by its sample and, if given, its number; returns how many there were.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn cancel_order(
        &self,
        host: &str,
        sample: &str,
        order_id: Option<&str>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        self.write_witnessed(|transaction| {
            let sql = format!(
                "UPDATE ordered SET cancelled = ?2 WHERE {} AND host = ?3 AND sample = ?4 \
                 AND (?5 IS NULL OR order_id = ?5) RETURNING number",
                open(transaction)?
            );
            let mut update = transaction.prepare(&sql)?;
            let done = update.query_map(params![oldest(now), time(now), host, sample, order_id], |row| row.get(0))?;
            let done: Vec<i64> = done.collect::<Result<_, _>>()?;
            if !done.is_empty() {
                let detail = json!({"sample": sample, "order": order_id});
                vouch(transaction, host, now, "cancel order", &detail, &done)?;
            }
            Ok(done.len())
        })
    }

    /// Cancels an open order by its number in the worklist, in the name of `by`; returns whether there was one.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn cancel_entry(&self, number: i64, by: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.write_witnessed(|transaction| {
            let open = open(transaction)?;
            let sql = format!("UPDATE ordered SET cancelled = ?2 WHERE {open} AND number = ?3 RETURNING {COLUMNS}");
            let found = transaction.query_row(&sql, params![oldest(now), time(now), number], columns).optional()?;
            let Some((_, order, _)) = &found else { return Ok(false) };
            let detail = json!({"sample": order.sample, "order": order.order_id, "of": order.host});
            vouch(transaction, by, now, "cancel order", &detail, &[number])?;
            Ok(true)
        })
    }

    /// Samples to count: urgent ones first, then as they were ordered.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn worklist(&self, now: Timestamp) -> Result<Vec<WorklistEntry>, StoreError> {
        self.read(|transaction| {
            let open = open(transaction)?;
            let sql = format!("SELECT {COLUMNS} FROM ordered WHERE {open} ORDER BY urgent DESC, number");
            let mut select = transaction.prepare_cached(&sql)?;
            let rows = select.query_map([oldest(now)], columns)?;
            rows.map(|row| entry(row?)).collect()
        })
    }

    /// The latest order that a host gave for the sample of a session before its count began.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn order_of(&self, session: SessionId, host: &str) -> Result<Option<WorklistEntry>, StoreError> {
        self.read(|transaction| {
            let sql = format!(
                "SELECT {COLUMNS} FROM ordered WHERE host = ?2 AND EXISTS (SELECT 1 FROM session WHERE session.id = ?1 \
                 AND session.sample = ordered.sample AND session.started >= ordered.at) ORDER BY number DESC LIMIT 1"
            );
            let found = transaction.prepare_cached(&sql)?.query_row(params![session, host], columns).optional()?;
            found.map(entry).transpose()
        })
    }
}

/// As SQL: not cancelled, not forgotten (after `?1`), and no count of its sample in force began since: one whose sample id was
/// corrected is a count of the sample that the correction names.
fn open(connection: &Connection) -> rusqlite::Result<String> {
    Ok(format!(
        "cancelled IS NULL AND at > ?1 AND NOT EXISTS (SELECT 1 FROM session \
         WHERE session.sample = ordered.sample AND session.started >= ordered.at AND {})",
        amendment::is_in_force(connection)?
    ))
}

fn oldest(now: Timestamp) -> String {
    time(now.checked_sub(FORGOTTEN_AFTER).unwrap_or(Timestamp::MIN))
}

/// Deletes orders that nobody will count and no result speaks of.
fn forget(transaction: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<()> {
    let sql = "DELETE FROM ordered WHERE at <= ?1 AND NOT EXISTS \
               (SELECT 1 FROM session WHERE session.sample = ordered.sample AND session.started >= ordered.at) \
               RETURNING number";
    let mut delete = transaction.prepare_cached(sql)?;
    let gone: Vec<i64> = delete.query_map([oldest(now)], |row| row.get(0))?.collect::<Result<_, _>>()?;
    if gone.is_empty() {
        return Ok(());
    }
    audit::note(transaction, DEVICE, now, FORGOTTEN, None, &json!({"orders": gone})).map(drop)
}

/// Adds a line about orders, with the hash of each as it is now.
fn vouch(
    transaction: &Transaction<'_>,
    by: &str,
    at: Timestamp,
    action: &str,
    detail: &Value,
    numbers: &[i64],
) -> rusqlite::Result<()> {
    numbered::vouch(transaction, &Line { by, at, action, session: None }, detail, &ORDERS, numbers)
}

type Columns = (i64, Order, String);

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    let order_id: String = row.get(3)?;
    let order_id = (!order_id.is_empty()).then_some(order_id);
    Ok((row.get(0)?, Order { sample: row.get(1)?, host: row.get(2)?, order_id, urgent: row.get(4)? }, row.get(5)?))
}

fn entry((number, order, at): Columns) -> Result<WorklistEntry, StoreProblem> {
    Ok(WorklistEntry { number, order, at: read_time(&at)? })
}
