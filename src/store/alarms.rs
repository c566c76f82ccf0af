//! Alarms: results that meet a critical value, until a person has said who was told of it. What was said lives in the audit
//! trail alone, whose hashes guard it; the table `alarm` only finds the open ones. An amendment takes over what was said of the version
//! before, unless a figure is new or worse.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::{Value, json};

use super::audit::{DEVICE, vouch};
use super::records::{SessionId, Settings};
use super::text::read_time;
use super::told::{Acknowledgement, Alarm, OpenAlarm, Told};
use super::{Store, StoreError, StoreProblem, amendment, digest, refused, sessions};
use crate::config::CriticalConfig;
use crate::counting::session::snapshot::Snapshot;
use crate::domain::critical::{CriticalOf, CriticalValue};
use crate::domain::letters::unfit_in_comment;

/// Action of the lines that say who was told.
const ACKNOWLEDGE: &str = "acknowledge";

/// Longest name of who was told, or who told them, characters.
const LONGEST_NAME: usize = 200;

/// Longest note, characters.
const LONGEST_NOTE: usize = 2000;

/// Clocks of people and of the station differ by less than this.
const CLOCKS: SignedDuration = SignedDuration::from_mins(2);

/// Open alarms that are told, at most.
const MOST: u32 = 100;

impl Store {
    /// Notes who was told of the critical values of a result, or why nobody is. The alarm is open until this is said of
    /// every critical value that the result meets; signing does not close it.
    ///
    /// # Errors
    /// A refusal if the result meets none, nobody was told and no note says why, whoever was told did not read the value back,
    /// a text is too long or cannot be printed, or the time cannot be; else if it cannot be written.
    pub fn acknowledge(
        &self,
        session: SessionId,
        by: &str,
        at: Timestamp,
        said: &Told,
    ) -> Result<Acknowledgement, StoreError> {
        self.write_witnessed(|transaction| {
            let Some(detail) = sessions::one(transaction, session)? else {
                return Err(super::ReviewError::NoSession(session).into());
            };
            let critical = detail.reviewed_result.as_ref().map(|result| result.critical.clone()).unwrap_or_default();
            if critical.is_empty() {
                return refused(format!(
                    "session {session} meets no critical value, so there is nothing to acknowledge"
                ));
            }
            let ended = detail.summary.ended.unwrap_or(detail.summary.started);
            let done = acknowledgement(&critical, by, at, said, ended)?;
            let line = json!({
                "critical": critical, "told": done.told, "told_by": done.told_by, "told_at": done.told_at,
                "read_back": done.read_back, "note": done.note,
            });
            let before = digest::of_session(transaction, session, &[digest::ALARM])?;
            // It speaks of every critical value there is.
            set(transaction, session, &critical, false)?;
            let rows = digest::with_before(digest::of_session(transaction, session, &[digest::ALARM])?, before);
            vouch(transaction, by, at, ACKNOWLEDGE, Some(session), &line, Some(&rows))?;
            settle_later(transaction, session, at)?;
            Ok(done)
        })
    }

    /// Results whose critical values nobody was told of yet, oldest first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn open_alarms(&self) -> Result<Vec<OpenAlarm>, StoreError> {
        self.read(|transaction| {
            let mut select = transaction.prepare_cached(
                "SELECT alarm.session, sample, coalesce(ended, started), critical FROM alarm \
                 JOIN session ON session.id = alarm.session WHERE open ORDER BY alarm.session LIMIT ?1",
            )?;
            let rows = select.query_map([MOST], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?, row.get::<_, String>(3)?))
            })?;
            rows.map(|row| {
                let (session, sample, at, critical) = row?;
                Ok(OpenAlarm { session, sample, at: read_time(&at)?, critical: serde_json::from_str(&critical)? })
            })
            .collect()
        })
    }
}

/// What a person says, checked.
fn acknowledgement(
    critical: &[CriticalValue],
    by: &str,
    at: Timestamp,
    said: &Told,
    ended: Timestamp,
) -> Result<Acknowledgement, StoreProblem> {
    let told = said.told.trim().to_owned();
    let told_by = said.told_by.as_deref().map(str::trim).filter(|name| !name.is_empty()).unwrap_or(by).to_owned();
    let note = said.note.replace("\r\n", "\n").trim().to_owned();
    let told_at = said.told_at.unwrap_or(at);
    for (text, longest, what) in [
        (&told, LONGEST_NAME, "who was told"),
        (&told_by, LONGEST_NAME, "who told them"),
        (&note, LONGEST_NOTE, "the note"),
    ] {
        if text.chars().count() > longest {
            return refused(format!("{what} is longer than {longest} characters; shorten it"));
        }
        if let Some(letters) = unfit_in_comment(text) {
            return refused(format!("{what} holds {letters}, which reports cannot print; write it without"));
        }
    }
    match (told.is_empty(), said.read_back) {
        (true, true) => return refused("say who read the value back"),
        (true, false) if note.is_empty() => return refused("say who was told, or in the note why nobody is"),
        (false, false) => return refused("ask whoever was told to read the value back, and say so"),
        (true | false, _) => {}
    }
    if told_at > at.saturating_add(CLOCKS).unwrap_or(at) {
        return refused("the time at which somebody was told lies in the future");
    }
    if told_at < ended.saturating_sub(CLOCKS).unwrap_or(ended) {
        return refused("the time at which somebody was told lies before the end of the count");
    }
    let critical = kinds(critical).into_iter().collect();
    let (by, read_back) = (by.to_owned(), said.read_back);
    Ok(Acknowledgement { by, at, critical, told, told_by, told_at, read_back, note, of_session: None })
}

/// What was said of the critical values that the result of a session meets, oldest first: of an amendment also what was said of the
/// versions before, as far as that holds for this one.
pub(super) fn acknowledged(
    transaction: &Transaction<'_>,
    session: SessionId,
    critical: &[CriticalValue],
) -> Result<Vec<Acknowledgement>, StoreProblem> {
    let amends = amendment::amends(transaction)?;
    let sql = format!("SELECT {amends} FROM result WHERE session = ?1");
    let mut before = transaction.prepare_cached(&sql)?;
    let (mut found, mut version) = (Vec::new(), session);
    while let Some(earlier) =
        before.query_row([version], |row| row.get::<_, Option<SessionId>>(0)).optional()?.flatten()
    {
        let said = said_of(transaction, earlier)?.into_iter().filter_map(|(said, told)| {
            let holds = |now: &&CriticalValue| told.iter().any(|told| !now.is_worse_than(told));
            let critical: Vec<CriticalOf> = critical.iter().filter(holds).map(|now| now.of).collect();
            (!critical.is_empty()).then_some(Acknowledgement { critical, of_session: Some(earlier), ..said })
        });
        found.splice(0..0, said);
        version = earlier;
    }
    found.extend(said_of(transaction, session)?.into_iter().map(|(said, _)| said));
    Ok(found)
}

/// What was said of one session, with the values it was said of.
fn said_of(
    transaction: &Transaction<'_>,
    session: SessionId,
) -> Result<Vec<(Acknowledgement, Vec<CriticalValue>)>, StoreProblem> {
    #[derive(serde::Deserialize)]
    struct Line {
        critical: Vec<CriticalValue>,
        told: String,
        told_by: String,
        told_at: Timestamp,
        read_back: bool,
        note: String,
    }
    let mut select = transaction
        .prepare_cached("SELECT person, at, detail FROM audit WHERE session = ?1 AND action = ?2 ORDER BY number")?;
    let rows = select.query_map(params![session, ACKNOWLEDGE], |row| {
        Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
    })?;
    rows.map(|row| {
        let (by, at, detail) = row?;
        let Line { critical: values, told, told_by, told_at, read_back, note } = serde_json::from_str(&detail)?;
        let (critical, at) = (kinds(&values).into_iter().collect(), read_time(&at)?);
        let said = Acknowledgement { by, at, critical, told, told_by, told_at, read_back, note, of_session: None };
        Ok((said, values))
    })
    .collect()
}

/// Whether these critical values were spoken of; `None` if there are none.
pub(super) fn state(critical: &[CriticalValue], said: &[Acknowledgement]) -> Option<Alarm> {
    let spoken_of = |of: &CriticalOf| said.iter().any(|one| one.critical.contains(of));
    (!critical.is_empty())
        .then(|| if kinds(critical).iter().all(spoken_of) { Alarm::Acknowledged } else { Alarm::Open })
}

fn kinds(critical: &[CriticalValue]) -> BTreeSet<CriticalOf> {
    critical.iter().map(|critical| critical.of).collect()
}

/// What became of an alarm, for the line that tells of it.
pub(super) enum Became {
    Same,
    /// Somebody must be told of these.
    Raised(Vec<CriticalValue>),
    /// Somebody was told of these before.
    ToldBefore(Vec<CriticalValue>),
    /// Nothing is left of these.
    NoMore(Vec<CriticalValue>),
}

/// Brings the alarm of a session up to date with the critical values that its result meets now; see [`tell`]. Apart from that, so that
/// the line of whatever changed them can hold the hash of the alarm as it is then.
pub(super) fn settle(
    transaction: &Transaction<'_>,
    session: SessionId,
    critical: &[CriticalValue],
) -> Result<Became, StoreProblem> {
    let open = state(critical, &acknowledged(transaction, session, critical)?) == Some(Alarm::Open);
    set(transaction, session, critical, open)
}

fn set(
    transaction: &Transaction<'_>,
    session: SessionId,
    critical: &[CriticalValue],
    open: bool,
) -> Result<Became, StoreProblem> {
    let before: Option<(String, bool)> = transaction
        .query_row("SELECT critical, open FROM alarm WHERE session = ?1", [session], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let was_open = before.as_ref().is_some_and(|(_, open)| *open);
    let before: Option<Vec<CriticalValue>> = before.map(|(critical, _)| serde_json::from_str(&critical)).transpose()?;
    if critical.is_empty() {
        if before.is_some() {
            transaction.execute("DELETE FROM alarm WHERE session = ?1", [session])?;
        }
        return Ok(before.map_or(Became::Same, Became::NoMore));
    }
    transaction.execute(
        "INSERT INTO alarm (session, critical, open) VALUES (?1, ?2, ?3) \
         ON CONFLICT DO UPDATE SET critical = ?2, open = ?3",
        params![session, serde_json::to_string(critical)?, open],
    )?;
    let other = before.as_ref().is_none_or(|before| kinds(critical) != kinds(before));
    Ok(match open {
        true if other || !was_open => Became::Raised(critical.to_vec()),
        false if other || was_open => Became::ToldBefore(critical.to_vec()),
        _ => Became::Same,
    })
}

/// Writes the line of what became of an alarm.
pub(super) fn tell(
    transaction: &Transaction<'_>,
    session: SessionId,
    became: Became,
    at: Timestamp,
) -> rusqlite::Result<()> {
    tell_since(transaction, session, became, None, at)
}

/// The same where no line of this session told of the change: `before` is the hash of the alarm before it.
fn tell_since(
    transaction: &Transaction<'_>,
    session: SessionId,
    became: Became,
    before: Option<Value>,
    at: Timestamp,
) -> rusqlite::Result<()> {
    let (action, critical) = match became {
        Became::Same => return Ok(()),
        Became::Raised(critical) => ("critical", critical),
        Became::ToldBefore(critical) => ("critical told before", critical),
        Became::NoMore(critical) => ("critical no more", critical),
    };
    let rows = digest::of_session(transaction, session, &[digest::ALARM])?;
    let rows = match before {
        Some(before) => digest::with_before(rows, before),
        None => rows,
    };
    vouch(transaction, DEVICE, at, action, Some(session), &json!({"critical": critical}), Some(&rows)).map(drop)
}

/// The same after a step of a review, which may have named a blast or taken one away.
pub(super) fn after_review(transaction: &Transaction<'_>, session: SessionId) -> Result<Became, StoreProblem> {
    let (settings, raised): (Option<String>, bool) = transaction.query_row(
        "SELECT settings, EXISTS (SELECT 1 FROM alarm WHERE session = ?1) FROM session WHERE id = ?1",
        [session],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let settings: Option<Settings> = settings.as_deref().map(serde_json::from_str).transpose()?;
    // Recomputing the result reads every white cell.
    if !raised && settings.is_none_or(|settings| settings.critical == CriticalConfig::default()) {
        return Ok(Became::Same);
    }
    let result: Option<Snapshot> = sessions::one(transaction, session)?.and_then(|detail| detail.reviewed_result);
    settle(transaction, session, &result.map(|result| result.critical).unwrap_or_default())
}

/// What was said of a version holds for those that amend it, too, as far as they are no worse.
fn settle_later(transaction: &Transaction<'_>, session: SessionId, at: Timestamp) -> Result<(), StoreProblem> {
    let mut version = session;
    let mut select = transaction.prepare_cached("SELECT session FROM result WHERE amends = ?1")?;
    while let Some(later) = select.query_row([version], |row| row.get::<_, SessionId>(0)).optional()? {
        let result = sessions::one(transaction, later)?.and_then(|detail| detail.reviewed_result);
        let before = digest::of_session(transaction, later, &[digest::ALARM])?;
        let became = settle(transaction, later, &result.map(|result| result.critical).unwrap_or_default())?;
        tell_since(transaction, later, became, Some(before), at)?;
        version = later;
    }
    Ok(())
}
