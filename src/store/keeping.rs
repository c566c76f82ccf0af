//! The order in which retention takes things away, written down once, and a look ahead: what goes next, and when.

use jiff::{Timestamp, ToSpan as _};
use rusqlite::{Transaction, params};
use serde::Serialize;
use utoipa::ToSchema;

use super::records::SessionId;
use super::text::read_time;
use super::{Store, StoreError, StoreProblem};
use crate::config::StoreConfig;
use crate::domain::class::{CellClass, Group};
use crate::domain::flag::Flag;

/// What can be taken from a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Matter {
    /// Whole fields.
    Fields,
    /// The pictures of its cells, and whole fields with them.
    Pictures,
    /// Its cells, and their pictures with them.
    Cells,
    /// All of it, with its unsigned result.
    Results,
}

/// Why it is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    /// It is older than `[store]` allows.
    Age,
    /// The store is larger than `[store]` allows.
    Size,
}

/// Flags whose sessions are notable.
const NOTABLE_FLAGS: [Flag; 2] = [Flag::Blasts, Flag::NucleatedRedCells];

/// One step: what is taken, and whether from notable sessions or from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) matter: Matter,
    pub(super) notable: bool,
}

const fn step(matter: Matter, notable: bool) -> Step {
    Step { matter, notable }
}

/// What goes while the store is too large, in this order, the oldest session first in each step.
pub(super) const BY_SIZE: [Step; 6] = [
    step(Matter::Fields, false),
    step(Matter::Pictures, false),
    step(Matter::Cells, false),
    step(Matter::Fields, true),
    step(Matter::Pictures, true),
    step(Matter::Cells, true),
];

/// What goes for its age. Pictures of notable sessions go with their cells, not before.
pub(super) const BY_AGE: [Step; 5] = [
    step(Matter::Pictures, false),
    step(Matter::Cells, false),
    step(Matter::Cells, true),
    step(Matter::Results, false),
    step(Matter::Results, true),
];

impl Step {
    /// For how many days the rules keep it; 0 is for ever.
    pub(super) const fn days(self, rules: &StoreConfig) -> u32 {
        match self.matter {
            Matter::Fields | Matter::Pictures => rules.crops_days,
            Matter::Cells => rules.cells_days,
            Matter::Results => rules.results_days,
        }
    }

    /// The sessions it may be taken from: none being counted, and neither cells nor results of one that was reviewed but not
    /// signed yet, nor a result with an open alarm.
    pub(super) fn condition(self) -> String {
        let matter = match self.matter {
            Matter::Fields => FIELDS.to_owned(),
            Matter::Pictures => format!("(EXISTS (SELECT 1 FROM crop WHERE crop.session = session.id) OR {FIELDS})"),
            Matter::Cells => {
                format!("EXISTS (SELECT 1 FROM cell WHERE cell.session = session.id) AND ({SIGNED} OR NOT {REVIEWED})")
            }
            Matter::Results => format!("NOT {SIGNED} AND NOT {REVIEWED} AND NOT {ALARM}"),
        };
        let not = if self.notable { "" } else { "NOT " };
        format!("state <> 'counting' AND {matter} AND {not}({})", notable())
    }
}

const FIELDS: &str = "EXISTS (SELECT 1 FROM field WHERE field.session = session.id)";
const SIGNED: &str = "EXISTS (SELECT 1 FROM signature WHERE signature.session = session.id)";
/// Nobody has said who was told.
const ALARM: &str = "EXISTS (SELECT 1 FROM alarm WHERE alarm.session = session.id AND alarm.open)";
const REVIEWED: &str = "EXISTS (SELECT 1 FROM cell WHERE cell.session = session.id AND person_class IS NOT NULL)";

/// Sessions that somebody will want to look at again: signed with a comment, or with blasts, by the program or by a person, or
/// one of the flags above.
fn notable() -> String {
    let quoted = |codes: Vec<&str>| codes.iter().map(|code| format!("'{code}'")).collect::<Vec<_>>().join(", ");
    let blasts = CellClass::ALL.iter().filter(|class| class.group() == Group::Blasts).map(|class| class.code());
    let (blasts, flags) = (quoted(blasts.collect()), quoted(NOTABLE_FLAGS.map(Flag::code).to_vec()));
    let snapshot = |table: &str| {
        format!(
            "EXISTS (SELECT 1 FROM {table} WHERE {table}.session = session.id AND json_valid(snapshot) AND \
             (EXISTS (SELECT 1 FROM json_each(snapshot, '$.flags') WHERE value IN ({flags})) \
             OR EXISTS (SELECT 1 FROM json_each(snapshot, '$.classes') AS line \
             WHERE json_extract(line.value, '$.class') IN ({blasts}) AND json_extract(line.value, '$.count') > 0)))"
        )
    };
    format!(
        "EXISTS (SELECT 1 FROM signature WHERE signature.session = session.id AND trim(comment) <> '') \
         OR EXISTS (SELECT 1 FROM cell WHERE cell.session = session.id AND person_class IN ({blasts})) \
         OR {} OR {}",
        snapshot("signature"),
        snapshot("result")
    )
}

/// Sessions that go next, of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Going {
    pub what: Matter,
    pub why: Why,
    /// Whether these are notable sessions: with blasts or nucleated red cells flagged, or signed with a comment.
    pub notable: bool,
    /// How many sessions.
    pub sessions: usize,
    /// When the first and the last of them began.
    pub from: Timestamp,
    pub to: Timestamp,
    /// Number of the first of them.
    #[schema(value_type = i64)]
    pub first: SessionId,
    /// For age: not before this time. The log and the trail tell of it when it happens.
    pub at: Option<Timestamp>,
}

/// What the store keeps, how large it is, and what goes next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Keeping {
    /// Days for the pictures of cells, 0 for ever.
    pub crops_days: u32,
    /// Days for cells, and for the pictures of notable sessions.
    pub cells_days: u32,
    /// Days for unsigned results; signed ones stay for ever.
    pub results_days: u32,
    /// Bytes above which the oldest sessions lose pictures, then cells, before their time.
    pub limit: u64,
    /// Bytes in use of that.
    pub used: u64,
    /// Bytes of the file on the disk, and what the program may still write there.
    pub file: u64,
    pub free: u64,
    /// Whether the store is larger than allowed now: then `by_size` goes within minutes, as far as is needed.
    pub too_large: bool,
    /// What will be too old next, with all that follows within a week of it, soonest first.
    pub by_age: Vec<Going>,
    /// What would go first, second and so on if the store reached its limit.
    pub by_size: Vec<Going>,
}

/// A look ahead covers what will be too old within these days of the next.
const TOGETHER: i64 = 7;

impl Store {
    /// Looks ahead by these rules. Reads the results of all sessions.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn keeping(&self, rules: &StoreConfig) -> Result<Keeping, StoreError> {
        let space = self.space()?;
        let used = self.in_use()?;
        let limit = u64::from(rules.megabytes) * 1_000_000;
        let (mut by_age, by_size) = self.read(|transaction| {
            let by_age = BY_AGE.iter().map(|step| next_by_age(transaction, *step, step.days(rules)));
            let by_size = BY_SIZE.iter().map(|step| next_by_size(transaction, *step));
            let found =
                |all: Result<Vec<Option<Going>>, StoreProblem>| all.map(|all| all.into_iter().flatten().collect());
            let by_age: Vec<Going> = found(by_age.collect())?;
            Ok((by_age, found(by_size.collect())?))
        })?;
        by_age.sort_by_key(|going| going.at);
        Ok(Keeping {
            crops_days: rules.crops_days,
            cells_days: rules.cells_days,
            results_days: rules.results_days,
            limit,
            used,
            file: space.taken,
            free: space.free,
            too_large: limit > 0 && used > limit,
            by_age,
            by_size,
        })
    }
}

/// When a session ended, else when it began.
const OF: &str = "coalesce(ended, started)";

fn next_by_age(transaction: &Transaction<'_>, step: Step, days: u32) -> Result<Option<Going>, StoreProblem> {
    if days == 0 {
        return Ok(None);
    }
    let condition = step.condition();
    let sql = format!("SELECT min({OF}) FROM session WHERE {condition}");
    let first: Option<String> = transaction.query_row(&sql, [], |row| row.get(0))?;
    let Some(first) = first else { return Ok(None) };
    let first = read_time(&first)?;
    let Ok(end) = first.checked_add((TOGETHER * 24).hours()) else { return Ok(None) };
    let at = first.checked_add((i64::from(days) * 24).hours()).ok();
    let going = going(transaction, step, Why::Age, &format!("{condition} AND {OF} <= ?1"), &super::text::time(end))?;
    Ok(going.map(|going| Going { at, ..going }))
}

fn next_by_size(transaction: &Transaction<'_>, step: Step) -> Result<Option<Going>, StoreProblem> {
    going(transaction, step, Why::Size, &format!("{} AND ?1 = ''", step.condition()), "")
}

fn going(
    transaction: &Transaction<'_>,
    step: Step,
    why: Why,
    condition: &str,
    parameter: &str,
) -> Result<Option<Going>, StoreProblem> {
    let sql = format!("SELECT count(*), min(started), max(started), min(id) FROM session WHERE {condition}");
    let found: (i64, Option<String>, Option<String>, Option<SessionId>) =
        transaction
            .query_row(&sql, params![parameter], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    let (count, Some(from), Some(to), Some(first)) = found else { return Ok(None) };
    Ok(Some(Going {
        what: step.matter,
        why,
        notable: step.notable,
        sessions: usize::try_from(count).unwrap_or_default(),
        from: read_time(&from)?,
        to: read_time(&to)?,
        first,
        at: None,
    }))
}
