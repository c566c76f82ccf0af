//! Verifies the audit trail: its lines, the rows they speak of, the signatures, and the witness beside the store.
//!
//! The trail is read twice: once from its first line to its last, for the chain of hashes and for what concerns no session,
//! and once session by session. So it takes time by the size of the store, and memory by that of one session.

mod accounts;
mod differ;
mod numbered;
mod outside;
mod sessions;
mod signatures;

use rusqlite::{OptionalExtension as _, Transaction};
use serde_json::{Map, Value};

use self::accounts::Accounts;
use self::numbered::NumberedRows;
use super::audit::{AuditLine, columns, head, line};
use super::identity::{COPY, LOST, RESTORE};
use super::records::SessionId;
use super::text::read_time;
use super::witness::Witness;
use super::{Store, StoreError, StoreProblem, control, restore};
use crate::system::zone;

/// Findings that are told, at most; more are counted.
const MOST: usize = 50;

/// Result of verifying the whole trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditVerdict {
    /// Nothing is missing or changed.
    Whole {
        /// Number of lines.
        entries: i64,
        /// Hash of the last line; empty if there is none.
        hash: String,
        /// Sessions stored by versions whose lines do not hash their rows: only their lines, sample ids and signatures
        /// were verified.
        unhashed: usize,
        /// What else the reader should know, in words.
        notes: Vec<String>,
    },
    /// A line is missing, or it or what it speaks of was changed.
    Broken {
        /// The first wrong line, or the line that speaks of what was changed.
        number: i64,
        /// What is wrong, in words.
        why: String,
        /// What else is wrong, in the order it was found.
        more: Vec<Finding>,
    },
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The wrong line, or the line that speaks of what was changed.
    pub number: i64,
    /// What is wrong, in words: which sample and session, which row, what differs, since when.
    pub why: String,
}

/// How much is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    /// Everything; reads the whole file.
    Everything,
    /// All but cells and pictures, which are nearly all of the file.
    WithoutCells,
}

/// Why verifying stops early.
enum Halt {
    Problem(StoreProblem),
    /// The trail itself is not what was written, so what follows from it says nothing.
    Broken(Finding),
}

impl From<StoreProblem> for Halt {
    fn from(problem: StoreProblem) -> Self {
        Self::Problem(problem)
    }
}

impl From<rusqlite::Error> for Halt {
    fn from(problem: rusqlite::Error) -> Self {
        Self::Problem(problem.into())
    }
}

impl From<serde_json::Error> for Halt {
    fn from(problem: serde_json::Error) -> Self {
        Self::Problem(problem.into())
    }
}

fn broken<T>(number: i64, why: impl Into<String>) -> Result<T, Halt> {
    Err(Halt::Broken(Finding { number, why: why.into() }))
}

/// What was found.
#[derive(Default)]
struct Findings {
    told: Vec<Finding>,
    untold: usize,
}

impl Findings {
    fn add(&mut self, number: i64, why: impl Into<String>) {
        if self.told.len() < MOST {
            self.told.push(Finding { number, why: why.into() });
        } else {
            self.untold += 1;
        }
    }
}

/// A line of the trail by which something was still in order, and when it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Since {
    number: i64,
    at: String,
}

impl Since {
    fn of(line: &AuditLine) -> Self {
        Self { number: line.number, at: line.at.clone() }
    }

    /// `line 8 (2026-11-29 10:12 UTC)`.
    fn words(&self) -> String {
        let at = read_time(&self.at).map_or_else(|_| self.at.clone(), zone::minute);
        format!("line {} ({at})", self.number)
    }
}

/// What the trail says of all but sessions.
#[derive(Default)]
struct Trail {
    number: i64,
    hash: String,
    /// Lines that name a session.
    of_sessions: i64,
    accounts: Accounts,
    numbered: NumberedRows,
    /// The first line that says that lines were lost.
    lost: Option<(i64, Value)>,
    notes: Vec<String>,
}

impl Store {
    /// Verifies every line of the trail and every row that one speaks of.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn verify_audit(&self) -> Result<AuditVerdict, StoreError> {
        self.verify(Verified::Everything)
    }

    /// Same, or only as much as is asked for.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn verify(&self, depth: Verified) -> Result<AuditVerdict, StoreError> {
        // Read first: it never leads, so what it names is in the state that is read after it.
        let witness = self.path().parent().map_or(Ok(None), Witness::read)?;
        self.read(|transaction| {
            let mut findings = Findings::default();
            match verify(transaction, witness.as_ref(), depth, &mut findings) {
                Ok(verdict) if findings.told.is_empty() => return Ok(verdict),
                Ok(_) => {}
                Err(Halt::Broken(Finding { number, why })) => findings.told.insert(0, Finding { number, why }),
                Err(Halt::Problem(problem)) => return Err(problem),
            }
            let Findings { mut told, untold } = findings;
            let Finding { number, why } = told.remove(0);
            if untold > 0 {
                told.push(Finding { number, why: format!("and {untold} more like these") });
            }
            Ok(AuditVerdict::Broken { number, why, more: told })
        })
    }
}

fn verify(
    transaction: &Transaction<'_>,
    witness: Option<&Witness>,
    depth: Verified,
    findings: &mut Findings,
) -> Result<AuditVerdict, Halt> {
    let mut trail = walk(transaction)?;
    let next = trail.number + 1;
    if head(transaction)? != (trail.number, trail.hash.clone()) {
        return broken(next, "lines at the end are missing, or what is kept of the last one was changed");
    }
    signatures::compare(transaction, findings)?;
    // A trail deleted as a whole has no broken line, so look for sessions and results without one.
    let mut untold = transaction.prepare(UNTOLD)?;
    for what in untold.query_map([], |row| row.get::<_, String>(0))? {
        findings.add(next, format!("{} is not in the trail: lines are missing, or it was added", what?));
    }
    let unhashed = sessions::compare(transaction, &trail, depth, findings)?;
    trail.accounts.compare(transaction, next, findings)?;
    trail.numbered.compare(transaction, next, findings)?;
    for (number, why) in control::changed(transaction)? {
        findings.add(number, why);
    }
    outside::witness(transaction, witness, &mut trail)?;
    outside::guards(transaction, next, findings)?;
    if let Some((number, detail)) = &trail.lost {
        findings.add(
            *number,
            format!(
                "when the program started there, the trail ended at line {} although line {} had been acknowledged: `-wal` was \
                 deleted, or an older copy was put in the place of the store",
                detail["last"], detail["line"]
            ),
        );
    }
    let Trail { number, hash, notes, .. } = trail;
    Ok(AuditVerdict::Whole { entries: number, hash, unhashed, notes })
}

/// Sessions and results that have no line.
const UNTOLD: &str = "SELECT 'the begin of session ' || id || ', sample ' || sample || ',' FROM session WHERE NOT EXISTS \
     (SELECT 1 FROM audit WHERE audit.session = id AND action = 'begin') \
     UNION ALL SELECT 'result ' || sequence FROM result WHERE NOT EXISTS (SELECT 1 FROM audit \
     WHERE audit.session = result.session AND action = 'result' \
     AND json_extract(detail, '$.result') = sequence) LIMIT 100";

/// Reads the trail from its first line, and collects what it says of all but sessions.
fn walk(transaction: &Transaction<'_>) -> Result<Trail, Halt> {
    let mut trail = Trail::default();
    let mut select = transaction.prepare(&format!("SELECT {} FROM audit ORDER BY number", columns(transaction)?))?;
    for row in select.query_map([], line)? {
        let row = row?;
        trail.number += 1;
        if row.number != trail.number {
            return broken(trail.number, "the line is missing");
        }
        if row.hash != row.hash_after(&trail.hash) {
            return broken(trail.number, "the line, or the one before it, was changed");
        }
        trail.take(&row)?;
        trail.hash = row.hash;
    }
    Ok(trail)
}

impl Trail {
    fn take(&mut self, line: &AuditLine) -> Result<(), Halt> {
        self.numbered.take(line)?;
        self.of_sessions += i64::from(line.session.is_some());
        let detail = || serde_json::from_str::<Value>(&line.detail);
        match line.action.as_str() {
            LOST if self.lost.is_none() => self.lost = Some((line.number, detail()?)),
            RESTORE => self.notes.push(restore::in_words(line, &detail()?)),
            COPY => self.notes.push(format!("line {} says that the store is a copy: {}", line.number, line.detail)),
            _ => self.accounts.take(line)?,
        }
        Ok(())
    }
}

/// The hashes that a line holds.
fn hashes(line: &AuditLine) -> Result<Option<Map<String, Value>>, Halt> {
    Ok(line.rows.as_deref().map(serde_json::from_str).transpose()?)
}

/// The sample id of a session as its lines say it; for words only.
fn sample_of(transaction: &Transaction<'_>, session: SessionId) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT json_extract(detail, '$.sample') FROM audit WHERE session = ?1 AND action IN ('begin', 'result') \
               AND json_extract(detail, '$.sample') IS NOT NULL ORDER BY number DESC LIMIT 1";
    transaction.prepare_cached(sql)?.query_row([session], |row| row.get(0)).optional()
}

/// `session 2, sample A-2`.
fn named(session: SessionId, sample: Option<&str>) -> String {
    sample.map_or_else(|| format!("session {session}"), |sample| format!("session {session}, sample {sample}"))
}
