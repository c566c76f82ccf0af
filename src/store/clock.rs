//! Whether the clock can be believed, judged by what is stored. What cannot be undone needs a clock that can.

use jiff::{Timestamp, ToSpan as _};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::json;

use super::audit::note;
use super::text::{read_time, time};
use super::{Store, StoreError, StoreProblem};
use crate::system::clock::EARLIEST;

/// How much later than the latest believed time a clock may be without a time service: a station may stand still for
/// a month.
const LATER_HOURS: i64 = 31 * 24;

/// How much earlier it may be. A board without a clock battery goes on from a time saved before the power went.
const EARLIER_HOURS: i64 = 24;

/// How often the latest believed time is stored.
const STORED_HOURS: i64 = 24;

/// Verdict on the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockVerdict {
    /// A time service or a person vouches for it, or it goes on from what is stored.
    Believed,
    /// It may be wrong.
    Doubted {
        /// The latest believed time; `None` if nothing is known but that the clock is before 2026.
        latest: Option<Timestamp>,
    },
}

impl Store {
    /// Judges the clock, and stores the latest believed time about once a day, so that lines written under a wrong
    /// clock do not make it a believed one.
    ///
    /// # Errors
    /// If it cannot be read or written.
    pub fn clock(&self, now: Timestamp, synchronised: bool) -> Result<ClockVerdict, StoreError> {
        let stored = self.read(|transaction| latest(transaction))?;
        let known = stored.or(self.0.newest).filter(|known| known.as_second() >= EARLIEST);
        let believed = now.as_second() >= EARLIEST && (synchronised || known.is_none_or(|known| goes_on(known, now)));
        let keep = if believed { Some(now) } else { known };
        if let Some(keep) = keep
            && stored.is_none_or(|stored| keep < stored || since(stored, keep) >= STORED_HOURS)
        {
            self.write(|transaction| store(transaction, keep))?;
        }
        Ok(if believed { ClockVerdict::Believed } else { ClockVerdict::Doubted { latest: known } })
    }

    /// Takes the clock as right because a person says so.
    ///
    /// # Errors
    /// A refusal if it is before 2026; else if it cannot be written.
    pub fn confirm_clock(&self, by: &str, now: Timestamp) -> Result<(), StoreError> {
        if now.as_second() < EARLIEST {
            return Err(StoreError::Refused(
                "the clock is before 2026, which cannot be right: set it first".to_owned(),
            ));
        }
        self.write_witnessed(|transaction| {
            let before = latest(transaction)?.map(time);
            store(transaction, now)?;
            note(transaction, by, now, "confirm clock", None, &json!({"latest": before}))?;
            Ok(())
        })
    }
}

/// Whether a clock fits the latest believed time.
fn goes_on(known: Timestamp, now: Timestamp) -> bool {
    (-EARLIER_HOURS..=LATER_HOURS).contains(&since(known, now))
}

/// Whole hours from one time to another, rounded down.
fn since(from: Timestamp, to: Timestamp) -> i64 {
    (to.as_second() - from.as_second()).div_euclid(3600)
}

fn latest(connection: &Connection) -> Result<Option<Timestamp>, StoreProblem> {
    let stored: Option<String> =
        connection.query_row("SELECT value FROM meta WHERE name = 'clock'", [], |row| row.get(0)).optional()?;
    stored.as_deref().map(read_time).transpose()
}

fn store(connection: &Connection, at: Timestamp) -> Result<(), StoreProblem> {
    let sql = "INSERT INTO meta (name, value) VALUES ('clock', ?1) ON CONFLICT DO UPDATE SET value = ?1";
    connection.execute(sql, params![time(at)])?;
    Ok(())
}

/// Time of the last session. Lines of the trail do not count: a command or the start itself may have noted one under a
/// clock that nobody judged, and a store without a session has nothing to lose.
pub(super) fn newest(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let sql = "SELECT coalesce(ended, started) FROM session ORDER BY id DESC LIMIT 1";
    let at: Option<String> = connection.query_row(sql, [], |row| row.get(0)).optional()?;
    Ok(at.and_then(|at| at.parse().ok()))
}

/// A time this many days before another, as stored; `None` if there is no such time.
pub(super) fn days_before(now: Timestamp, days: u32) -> Option<String> {
    now.checked_sub((24 * i64::from(days)).hours()).ok().map(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_goes_on_within_a_month_and_a_day_back() {
        let known: Timestamp = "2026-11-29T12:00:00Z".parse().unwrap();
        for (now, fits) in [
            ("2026-11-29T12:00:00Z", true),
            ("2026-12-30T12:00:00Z", true),
            ("2026-12-31T12:00:00Z", false),
            ("2036-02-07T06:28:16Z", false),
            ("2026-11-28T13:00:00Z", true),
            ("2026-11-27T12:00:00Z", false),
            ("1970-01-01T00:00:00Z", false),
        ] {
            assert_eq!(goes_on(known, now.parse().unwrap()), fits, "{now}");
        }
    }
}
