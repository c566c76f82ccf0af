//! What the trail says of each session, compared with its rows, one session after the other.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, Transaction};
use serde_json::{Map, Value};

use super::super::audit::{AuditLine, CHANGED, columns, line};
use super::super::cell_hash::Sums;
use super::super::digest::{self, PARTS};
use super::super::records::{CellNumber, SessionId};
use super::super::schema;
use super::differ::in_words;
use super::{Findings, Halt, Since, Trail, Verified, hashes, named, sample_of};

/// A hash, and the line that holds it. `None` in it: the rows could not be read then.
pub(super) type Held = Option<(Since, Option<String>)>;

/// What the trail says of one session.
#[derive(Default)]
pub(super) struct Told {
    /// Its last line that speaks of its rows.
    last: Since,
    pub(super) sample: Option<String>,
    pub(super) begun: Option<Since>,
    by: String,
    pub(super) ended: Option<Since>,
    pub(super) state: Option<&'static str>,
    pub(super) result: Option<i64>,
    pub(super) counted: Value,
    pub(super) flags: Option<Value>,
    pub(super) hashes: [Held; PARTS.len()],
    /// Classes that persons gave, by the last line of each cell, and every one in its order.
    pub(super) given: BTreeMap<CellNumber, Option<String>>,
    pub(super) reviewed: Vec<(CellNumber, Option<String>)>,
    /// What retention took away, and when.
    pictures_removed: Option<String>,
    cells_removed: Option<String>,
    removed: bool,
    /// Number of changed cells when the cells were removed, if the line holds it.
    reclassified: Option<i64>,
}

/// A session as it is stored.
pub(super) struct Stored {
    pub(super) sample: String,
    pub(super) started: String,
    pub(super) ended: Option<String>,
    pub(super) state: String,
    crops_removed: Option<String>,
    cells_removed: Option<String>,
    reclassified: Option<i64>,
    /// The sample id in the result, as signed if it is.
    sample_of_result: Option<String>,
}

/// Compares every session; returns how many have no hashes in the trail.
pub(super) fn compare(
    transaction: &Transaction<'_>,
    trail: &Trail,
    depth: Verified,
    findings: &mut Findings,
) -> Result<usize, Halt> {
    let (mut unhashed, mut lines) = (0, 0);
    let mut ids =
        transaction.prepare("SELECT DISTINCT session FROM audit WHERE session IS NOT NULL ORDER BY session")?;
    for id in ids.query_map([], |row| row.get::<_, SessionId>(0))? {
        let id = id?;
        let told = Told::read(transaction, id, &mut lines, findings)?;
        if told.last != Since::default() {
            unhashed += usize::from(one(transaction, id, &told, depth, findings)?);
        }
    }
    if lines != trail.of_sessions {
        findings
            .add(trail.number + 1, "the index of the trail does not fit its lines: the file is damaged or was changed");
    }
    if depth == Verified::Everything {
        orphans(transaction, trail.number + 1, findings)?;
    }
    Ok(unhashed)
}

impl Told {
    fn read(
        transaction: &Transaction<'_>,
        id: SessionId,
        lines: &mut i64,
        findings: &mut Findings,
    ) -> Result<Self, Halt> {
        let sql = format!("SELECT {} FROM audit WHERE session = ?1 ORDER BY number", columns(transaction)?);
        let mut select = transaction.prepare_cached(&sql)?;
        let mut told = Self::default();
        for row in select.query_map([id], line)? {
            *lines += 1;
            told.take(&row?, id, findings)?;
        }
        Ok(told)
    }

    fn take(&mut self, line: &AuditLine, id: SessionId, findings: &mut Findings) -> Result<(), Halt> {
        let rows = hashes(line)?;
        let since = || Since::of(line);
        let detail: Value = serde_json::from_str(&line.detail)?;
        let text = |name: &str| detail[name].as_str().map(str::to_owned);
        match line.action.as_str() {
            "begin" => {
                (self.begun, self.by, self.sample, self.state) =
                    (Some(since()), line.by.clone(), text("sample"), Some("counting"));
            }
            "result" => {
                (self.ended, self.state, self.result) = (Some(since()), Some("done"), detail["result"].as_i64());
                (self.counted, self.flags) = (detail["counted"].clone(), detail.get("flags").cloned());
                self.sample = text("sample").or_else(|| self.sample.take());
            }
            "interrupted" => self.state = Some("interrupted"),
            // From here on its cells change again, without a line for each.
            "resume" | "close" => self.state = Some("counting"),
            "reclassify" | "undo" => {
                for change in detail["cells"].as_array().into_iter().flatten() {
                    let cell = change["cell"].as_i64().unwrap_or_default();
                    let to = if line.action == "undo" { &change["to"] } else { &detail["to"] };
                    let to = to.as_str().map(str::to_owned);
                    if line.action == "reclassify" {
                        self.reviewed.push((cell, to.clone()));
                    }
                    self.given.insert(cell, to);
                }
            }
            "sign" => {}
            "remove fields" => self.take_fields(line),
            "remove pictures" | "remove cells" | "remove result" => self.take_removal(line, &detail),
            _ if rows.is_none() => return Ok(()),
            _ => {}
        }
        self.last = since();
        if let Some(changed) = detail[CHANGED].as_array() {
            let what: Vec<&str> = changed.iter().filter_map(Value::as_str).collect();
            findings.add(
                line.number,
                format!(
                    "{}: {} were changed by something else while it was counted or before the next start, before {}",
                    self.named(id),
                    what.join(" and "),
                    self.last.words()
                ),
            );
        }
        if let Some(rows) = rows {
            self.take_hashes(&rows, id, findings);
            if line.action == "begin" {
                // Neither result nor review yet.
                for part in [digest::RESULT, digest::CLASSES, digest::REVIEW] {
                    self.hashes[part] = Some((since(), Some(digest::of_nothing())));
                }
            }
        }
        Ok(())
    }

    fn take_fields(&mut self, line: &AuditLine) {
        for part in [digest::FIELDS, digest::PLACES] {
            self.hashes[part] = Some((Since::of(line), Some(digest::of_nothing())));
        }
    }

    fn take_removal(&mut self, line: &AuditLine, detail: &Value) {
        let nothing = || Some((Since::of(line), Some(digest::of_nothing())));
        self.removed = line.action == "remove result";
        if line.action == "remove pictures" || self.pictures_removed.is_none() {
            self.pictures_removed = Some(line.at.clone());
        }
        self.hashes[digest::PICTURES] = nothing();
        self.take_fields(line);
        if line.action == "remove cells" {
            self.cells_removed = Some(line.at.clone());
            self.reclassified = detail["reclassified"].as_i64();
            self.given.clear();
            for part in [digest::CELLS, digest::CLASSES, digest::OWN] {
                self.hashes[part] = nothing();
            }
            if self.hashes[digest::MARKS].is_some() {
                self.hashes[digest::MARKS] = nothing();
            }
        }
    }

    /// Takes in the hashes of a line. Without hashes from before it, the line changed none of these rows.
    fn take_hashes(&mut self, rows: &Map<String, Value>, id: SessionId, findings: &mut Findings) {
        let before = match rows.get("before") {
            Some(before) => before.as_object(),
            None => Some(rows),
        };
        let is = |rows: &Map<String, Value>, name| rows.get(name).map(|hash| hash.as_str().map(str::to_owned));
        for (n, part) in PARTS.iter().enumerate() {
            if let (Some((since, Some(hash))), Some(now)) =
                (&self.hashes[n], before.and_then(|rows| is(rows, part.name)))
                && now.as_ref() != Some(hash)
            {
                let words = format!(
                    "{}: {} was changed between {} and {}",
                    self.named(id),
                    part.what,
                    since.words(),
                    self.last.words()
                );
                findings.add(self.last.number, words);
            }
            if let Some(hash) = is(rows, part.name) {
                self.hashes[n] = Some((self.last.clone(), hash));
            }
        }
    }

    pub(super) fn named(&self, id: SessionId) -> String {
        named(id, self.sample.as_deref())
    }
}

/// What a count writes without a line for each.
const WHILE_COUNTING: [usize; 5] = [digest::CELLS, digest::PICTURES, digest::MARKS, digest::FIELDS, digest::PLACES];

/// Compares one session; returns whether the trail has no hashes of it.
fn one(
    transaction: &Transaction<'_>,
    id: SessionId,
    told: &Told,
    depth: Verified,
    findings: &mut Findings,
) -> Result<bool, Halt> {
    let name = told.named(id);
    let mut find = |number, what: String| findings.add(number, format!("{name}: {what}"));
    let last = &told.last;
    let Some(stored) = stored(transaction, id)? else {
        if !told.removed {
            let begun = told.begun.as_ref().map(|begun| format!(" begun at {} by {}", begun.words(), told.by));
            let result = told.result.map_or("no result yet".to_owned(), |number| format!("result {number}"));
            let begun = begun.unwrap_or_default();
            find(last.number, format!("the session is gone,{begun}, with {result}; it was there at {}", last.words()));
        }
        return Ok(false);
    };
    if told.removed {
        find(last.number, format!("the session is there, although {} removed it", last.words()));
        return Ok(false);
    }
    let removed = (&stored.crops_removed, &stored.cells_removed);
    if removed != (&told.pictures_removed, &told.cells_removed) {
        find(
            last.number,
            format!("what was taken away from it, or when, is not what the trail says; changed after {}", last.words()),
        );
    }
    if told.reclassified.is_some_and(|told| stored.reclassified != Some(told))
        || (told.cells_removed.is_none() && stored.reclassified.is_some())
    {
        find(last.number, format!("the number of its changed cells was changed after {}", last.words()));
    }
    let counting = stored.state == "counting";
    // Where no line speaks of own classes, nobody gave one.
    let none: Held = schema::has_own_classes(transaction)?.then(|| (last.clone(), Some(digest::of_nothing())));
    for (n, (part, held)) in PARTS.iter().zip(&told.hashes).enumerate() {
        let held = held.as_ref().or(none.as_ref().filter(|_| [digest::OWN, digest::OWN_REVIEW].contains(&n)));
        let Some((since, hash)) = held else { continue };
        let written = WHILE_COUNTING.contains(&n);
        if (part.large && depth == Verified::WithoutCells) || (counting && written) {
            continue;
        }
        let Some(hash) = hash else {
            find(since.number, format!("{} could not be read at {}: the store was damaged", part.what, since.words()));
            continue;
        };
        if part.hash(transaction, id)? != *hash {
            let what = in_words(transaction, id, told, &stored, n)?;
            find(since.number, format!("{what}; changed after {}", since.words()));
        }
    }
    if depth == Verified::Everything && schema::form(transaction)? >= schema::ALL_HASHED {
        sums(transaction, id, told, &stored.state, &mut find)?;
    }
    let unhashed = told.hashes[digest::SESSION].is_none();
    let known = stored.sample_of_result.as_ref().or(told.sample.as_ref());
    if unhashed && let Some(known) = known.filter(|known| **known != stored.sample) {
        find(last.number, format!("its sample id is {}, and was {known}", stored.sample));
    }
    Ok(unhashed)
}

/// Compares what is being counted, or was until an interruption, with the sums that were kept with it.
fn sums(
    transaction: &Transaction<'_>,
    id: SessionId,
    told: &Told,
    state: &str,
    find: &mut impl FnMut(i64, String),
) -> Result<(), Halt> {
    let (kept, last) = (Sums::kept(transaction, id)?, &told.last);
    let marked = "SELECT EXISTS (SELECT 1 FROM cell_hash WHERE session = ?1 AND marks IS NOT NULL)";
    if state == "counting"
        && told.hashes[digest::MARKS].is_none()
        && transaction.prepare_cached(marked)?.query_row([id], |row| row.get::<_, bool>(0))?
    {
        find(
            last.number,
            format!("it has a list of short hashes although it has not ended; changed after {}", last.words()),
        );
    }
    let what = match (state, kept) {
        ("counting", None) => "what is kept of its cells while it is counted is gone",
        ("counting" | "interrupted", Some(kept)) => {
            let present = Sums::present(transaction, id)?;
            let fields = kept.fields.is_none() || present.fields == kept.fields;
            match (present.cells == kept.cells, present.pictures == kept.pictures, fields) {
                (true, true, true) => return Ok(()),
                (false, ..) => "a cell was changed, removed or added by something else while it was counted",
                (true, false, _) => "a picture was changed, removed or added by something else while it was counted",
                (true, true, false) => {
                    "a whole field was changed, removed or added by something else while it was counted"
                }
            }
        }
        ("done", Some(_)) => "it has sums of a running count, although it has ended",
        _ => return Ok(()),
    };
    find(last.number, format!("{what}; changed after {}", last.words()));
    Ok(())
}

fn stored(transaction: &Transaction<'_>, id: SessionId) -> Result<Option<Stored>, Halt> {
    let mut select = transaction.prepare_cached(
        "SELECT sample, started, ended, state, crops_removed, cells_removed, reclassified, \
         coalesce((SELECT json_extract(snapshot, '$.sample') FROM signature WHERE signature.session = id), \
         (SELECT json_extract(snapshot, '$.sample') FROM result WHERE result.session = id)) FROM session WHERE id = ?1",
    )?;
    let row = select.query_row([id], |row| {
        Ok(Stored {
            sample: row.get(0)?,
            started: row.get(1)?,
            ended: row.get(2)?,
            state: row.get(3)?,
            crops_removed: row.get(4)?,
            cells_removed: row.get(5)?,
            reclassified: row.get(6)?,
            sample_of_result: row.get(7)?,
        })
    });
    Ok(row.optional()?)
}

/// Tables whose rows belong to a session.
const OF_SESSIONS: [&str; 10] = [
    "cell",
    "crop",
    "reclassification",
    "result",
    "signature",
    "cell_hash",
    "alarm",
    "field",
    "field_cell",
    "seen_quickly",
];

/// Rows of sessions that are not there. From session to session, without reading their rows.
fn orphans(transaction: &Transaction<'_>, next: i64, findings: &mut Findings) -> Result<(), Halt> {
    // A file of an earlier form lacks some.
    let mut there =
        transaction.prepare("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1)")?;
    for table in OF_SESSIONS {
        if !there.query_row([table], |row| row.get::<_, bool>(0))? {
            continue;
        }
        let sql = format!(
            "WITH RECURSIVE of (id) AS (SELECT min(session) FROM {table} UNION ALL \
             SELECT (SELECT min(session) FROM {table} WHERE session > of.id) FROM of WHERE of.id IS NOT NULL) \
             SELECT id FROM of WHERE id IS NOT NULL AND id NOT IN (SELECT id FROM session)"
        );
        let mut select = transaction.prepare(&sql)?;
        for id in select.query_map([], |row| row.get::<_, SessionId>(0))? {
            findings.add(next, format!("{table}: a row belongs to session {}, which is not there: it was added", id?));
        }
    }
    let own = if schema::has_own_classes(transaction)? { "person_own" } else { "NULL" };
    let nameless = format!(
        "SELECT session, number FROM cell WHERE person_class IS NULL \
         AND (person IS NOT NULL OR person_at IS NOT NULL OR {own} IS NOT NULL) LIMIT 10"
    );
    let mut select = transaction.prepare(&nameless)?;
    for row in select.query_map([], |row| Ok((row.get::<_, SessionId>(0)?, row.get::<_, CellNumber>(1)?)))? {
        let (id, cell) = row?;
        let name = named(id, sample_of(transaction, id)?.as_deref());
        findings.add(next, format!("{name}: cell {cell} names a person or an own class but no class: it was changed"));
    }
    Ok(())
}
