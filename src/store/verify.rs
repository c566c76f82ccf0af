//! Verifies the audit trail: its lines, the rows they speak of, the signatures, and the witness beside the store.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, Transaction};
use serde_json::{Map, Value};

use super::audit::{self, AuditLine, columns, head, line, signature_hash};
use super::digest::{self, PARTS, Part};
use super::identity::{self, COPY, LOST, RESTORE};
use super::records::SessionId;
use super::witness::{WITNESS_FILE, Witness};
use super::{Store, StoreError, StoreProblem, restore};

/// Result of verifying the whole trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditVerdict {
    /// Nothing is missing or changed.
    Whole {
        /// Number of lines.
        entries: i64,
        /// Hash of the last line; empty if there is none.
        hash: String,
        /// Sessions stored by versions whose lines do not hash their rows: only their lines and signatures were
        /// verified.
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
    },
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
    Broken(i64, String),
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
    Err(Halt::Broken(number, why.into()))
}

/// A hash as a line holds it, with the number of the line. `None` in it: the rows could not be read then.
type Held = Option<(i64, Option<String>)>;

/// What the trail says of one session.
#[derive(Default)]
struct SessionTold {
    /// Its last line.
    number: i64,
    hashes: [Held; PARTS.len()],
    /// What retention took away: its pictures, its cells (with the line that says so), or all of it.
    pictures_removed: bool,
    cells_removed: Option<i64>,
    removed: bool,
    /// Number of changed cells when the cells were removed, if the line holds it.
    reclassified: Option<i64>,
}

/// What the trail says of one user or token.
struct AccountTold {
    number: i64,
    hash: Option<String>,
    removed: bool,
}

/// What the trail says in all.
#[derive(Default)]
struct Trail {
    number: i64,
    hash: String,
    sessions: BTreeMap<SessionId, SessionTold>,
    users: BTreeMap<String, AccountTold>,
    tokens: BTreeMap<String, AccountTold>,
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
        self.read(|transaction| match verify(transaction, witness.as_ref(), depth) {
            Ok(verdict) => Ok(verdict),
            Err(Halt::Broken(number, why)) => Ok(AuditVerdict::Broken { number, why }),
            Err(Halt::Problem(problem)) => Err(problem),
        })
    }
}

fn verify(transaction: &Transaction<'_>, witness: Option<&Witness>, depth: Verified) -> Result<AuditVerdict, Halt> {
    let mut trail = walk(transaction)?;
    let next = trail.number + 1;
    if head(transaction)? != (trail.number, trail.hash.clone()) {
        return broken(next, "lines at the end are missing, or what is kept of the last one was changed");
    }
    signatures(transaction)?;
    // A trail deleted as a whole has no broken line, so look for sessions and results without one.
    if let Some(what) = transaction.query_row(audit::UNTOLD, [], |row| row.get::<_, String>(0)).optional()? {
        return broken(next, format!("{what} is not in the trail: lines are missing"));
    }
    let unhashed = sessions(transaction, &trail, depth)?;
    accounts(transaction, "user", &trail.users, next, digest::of_user)?;
    accounts(transaction, "token", &trail.tokens, next, digest::of_token)?;
    compare(transaction, witness, &mut trail)?;
    if let Some((number, detail)) = &trail.lost {
        let words = format!(
            "when the program started there, the trail ended at line {} although line {} had been acknowledged: `-wal` was \
             deleted, or an older copy was put in the place of the store",
            detail["last"], detail["line"]
        );
        return broken(*number, words);
    }
    let Trail { number, hash, notes, .. } = trail;
    Ok(AuditVerdict::Whole { entries: number, hash, unhashed, notes })
}

/// Reads the trail from its first line, and collects what it says.
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
        let number = line.number;
        let rows: Option<Map<String, Value>> = line.rows.as_deref().map(serde_json::from_str).transpose()?;
        let detail = || serde_json::from_str::<Value>(&line.detail);
        match (line.action.as_str(), line.session) {
            (
                "begin" | "result" | "interrupted" | "resume" | "close" | "reclassify" | "undo" | "sign",
                Some(session),
            ) => {
                let told = self.sessions.entry(session).or_default();
                told.number = number;
                if let Some(rows) = &rows {
                    told.take(session, number, line.action == "sign", rows)?;
                }
                // From here on the count changes its cells again, without a line for each.
                if matches!(line.action.as_str(), "resume" | "close") {
                    (told.hashes[digest::CELLS], told.hashes[digest::PICTURES]) = (None, None);
                }
            }
            ("remove pictures" | "remove cells" | "remove result", Some(session)) => {
                let told = self.sessions.entry(session).or_default();
                told.number = number;
                told.removed = line.action == "remove result";
                told.pictures_removed = true;
                let nothing = || Some((number, Some(digest::of_nothing())));
                told.hashes[digest::PICTURES] = nothing();
                if line.action == "remove cells" {
                    told.cells_removed = Some(number);
                    told.reclassified = detail()?["reclassified"].as_i64();
                    told.hashes[digest::CELLS] = nothing();
                    told.hashes[digest::CLASSES] = nothing();
                }
            }
            ("add user" | "change user", _) => account(&mut self.users, number, &detail()?["user"], rows, "user"),
            ("add token", _) => account(&mut self.tokens, number, &detail()?["token"], rows, "token"),
            ("remove token", _) => {
                let name = detail()?["token"].as_str().unwrap_or_default().to_owned();
                self.tokens.insert(name, AccountTold { number, hash: None, removed: true });
            }
            (LOST, _) if self.lost.is_none() => self.lost = Some((number, detail()?)),
            (RESTORE, _) => self.notes.push(restore::in_words(line, &detail()?)),
            (COPY, _) => self.notes.push(format!("line {number} says that the store is a copy: {}", line.detail)),
            _ => {}
        }
        Ok(())
    }
}

fn account(
    told: &mut BTreeMap<String, AccountTold>,
    number: i64,
    name: &Value,
    rows: Option<Map<String, Value>>,
    kind: &str,
) {
    let hash = rows.and_then(|rows| Some(rows.get(kind)?.as_str()?.to_owned()));
    told.insert(name.as_str().unwrap_or_default().to_owned(), AccountTold { number, hash, removed: false });
}

impl SessionTold {
    /// Takes in the hashes of a line. `unchanged`: the line changes none of these rows.
    fn take(
        &mut self,
        session: SessionId,
        number: i64,
        unchanged: bool,
        rows: &Map<String, Value>,
    ) -> Result<(), Halt> {
        let before = if unchanged { Some(rows) } else { rows.get("before").and_then(Value::as_object) };
        for (part, held) in PARTS.iter().zip(&mut self.hashes) {
            let is = |rows: &Map<String, Value>| rows.get(part.name).map(|hash| hash.as_str().map(str::to_owned));
            if let (Some((since, Some(hash))), Some(now)) = (&held, before.and_then(is))
                && now.as_ref() != Some(hash)
            {
                return broken(number, format!("{} of session {session} was changed after line {since}", part.what));
            }
            if let Some(hash) = is(rows) {
                *held = Some((number, hash));
            }
        }
        Ok(())
    }
}

fn signatures(transaction: &Transaction<'_>) -> Result<(), Halt> {
    let mut signed = transaction.prepare(
        "SELECT signature.audit_number, signature.audit_hash, audit.hash, audit.detail, signature.session, \
             signature.person, signature.at, comment, snapshot, sha256 FROM signature \
             LEFT JOIN audit ON audit.number = signature.audit_number",
    )?;
    let mut rows = signed.query([])?;
    while let Some(row) = rows.next()? {
        let at: i64 = row.get(0)?;
        let (then, now): (String, Option<String>) = (row.get(1)?, row.get(2)?);
        if now != Some(then) {
            return broken(at, "a signature holds another hash of the line");
        }
        let text = |column| row.get::<_, String>(column);
        let detail: Value = serde_json::from_str(&text(3)?)?;
        let hash = signature_hash(row.get(4)?, &text(5)?, &text(6)?, &text(7)?, &text(8)?);
        if hash != text(9)? || detail["sha256"] != hash {
            return broken(at, "the result that was signed there, or its signature, was changed");
        }
    }
    let unsigned = "SELECT number FROM audit WHERE action = 'sign' \
         AND number NOT IN (SELECT audit_number FROM signature) ORDER BY number LIMIT 1";
    match transaction.query_row(unsigned, [], |row| row.get(0)).optional()? {
        Some(at) => broken(at, "the signature that was made there is missing"),
        None => Ok(()),
    }
}

/// Compares the rows of every session with the trail; returns how many sessions have no hashes in it.
fn sessions(transaction: &Transaction<'_>, trail: &Trail, depth: Verified) -> Result<usize, Halt> {
    let mut unhashed = 0;
    for (&id, told) in &trail.sessions {
        let mut select = transaction.prepare_cached(
            "SELECT crops_removed IS NOT NULL, cells_removed IS NOT NULL, reclassified FROM session WHERE id = ?1",
        )?;
        let row: Option<(bool, bool, Option<i64>)> =
            select.query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
        let Some((pictures_removed, cells_removed, reclassified)) = row else {
            if told.removed {
                continue;
            }
            return broken(told.number, format!("session {id}, of which the line speaks, is missing"));
        };
        if told.removed {
            return broken(told.number, format!("session {id} is there, although it was removed"));
        }
        if (pictures_removed, cells_removed) != (told.pictures_removed, told.cells_removed.is_some()) {
            return broken(told.number, format!("what was taken away from session {id} is not what the trail says"));
        }
        if told.reclassified.is_some_and(|told| reclassified != Some(told))
            || (told.cells_removed.is_none() && reclassified.is_some())
        {
            return broken(told.number, format!("the number of changed cells of session {id} was changed"));
        }
        unhashed += usize::from(told.hashes[digest::SESSION].is_none());
        for (part, held) in PARTS.iter().zip(&told.hashes) {
            let Some((number, hash)) = held else { continue };
            if part.large && depth == Verified::WithoutCells {
                continue;
            }
            compare_part(transaction, id, part, *number, hash.as_deref())?;
        }
    }
    Ok(unhashed)
}

fn compare_part(
    transaction: &Transaction<'_>,
    id: SessionId,
    part: &Part,
    number: i64,
    hash: Option<&str>,
) -> Result<(), Halt> {
    let Some(hash) = hash else {
        return broken(
            number,
            format!("session {id} could not be read when the line was written: the store was damaged"),
        );
    };
    if part.hash(transaction, id)? == hash {
        return Ok(());
    }
    broken(number, format!("{} of session {id} was changed, added or removed since", part.what))
}

/// Compares users or tokens with the trail.
fn accounts(
    transaction: &Transaction<'_>,
    kind: &str,
    told: &BTreeMap<String, AccountTold>,
    next: i64,
    hash: impl Fn(&Connection, &str) -> rusqlite::Result<String>,
) -> Result<(), Halt> {
    let mut select = transaction.prepare(&format!("SELECT name FROM \"{kind}\" ORDER BY name"))?;
    let names: Vec<String> = select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for name in &names {
        match told.get(name).filter(|told| !told.removed) {
            None => return broken(next, format!("the {kind} {name} is not in the trail")),
            Some(AccountTold { number, hash: Some(held), .. }) if hash(transaction, name)? != *held => {
                return broken(*number, format!("the {kind} {name} was changed since"));
            }
            Some(_) => {}
        }
    }
    let missing = told.iter().find(|(name, told)| !told.removed && !names.contains(name));
    match missing {
        Some((name, told)) => broken(told.number, format!("the {kind} {name}, of which the line speaks, is missing")),
        None => Ok(()),
    }
}

/// Compares the trail with the witness.
fn compare(transaction: &Transaction<'_>, witness: Option<&Witness>, trail: &mut Trail) -> Result<(), Halt> {
    let store = identity::identity(transaction)?;
    match (witness, store) {
        (Some(witness), Some(store)) if witness.store == store => {
            if identity::lost(transaction, trail.number, witness)? {
                let words = format!(
                    "lines up to {} had been acknowledged and are missing, or are others now ({WITNESS_FILE}): `-wal` was \
                     deleted, or an older copy was put in the place of the store",
                    witness.line
                );
                return broken(trail.number + 1, words);
            }
        }
        (Some(_), _) => trail.notes.push(format!("{WITNESS_FILE} is of another store: this one is a copy")),
        (None, _) if identity::is_witnessed(transaction)? => {
            trail.notes.push(format!("{WITNESS_FILE} is missing: lines lost from the end would not be noticed"));
        }
        (None, _) => {}
    }
    Ok(())
}
