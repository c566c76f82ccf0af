//! Cells of a session, and their crops.

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::records::{CellNumber, CellRecord, Reclassified, RedReclassified, RedRecord, SessionId};
use super::text::{read_class, read_kind, read_own, read_red_class, read_time};
use super::{Store, StoreError, StoreProblem, quickly, schema};
use crate::domain::class::{CellClass, Kind};
use crate::domain::red_class::RedClass;

/// Begin of a query for cells of session `?1`.
fn begin(connection: &Connection) -> rusqlite::Result<String> {
    let own = if schema::has_own_classes(connection)? { "person_own" } else { "NULL" };
    let red = if schema::has_red_cells(connection)? { "graded, diameter_um, pallor" } else { "NULL, NULL, NULL" };
    Ok(format!(
        "SELECT cell.number, kind, patch, x, y, w, h, class, probability, ranked, person_class, person, person_at, \
         EXISTS (SELECT 1 FROM crop WHERE crop.session = cell.session AND crop.number = cell.number), {own}, {red} \
         FROM cell WHERE session = ?1 AND NOT withdrawn"
    ))
}

impl Store {
    /// Cells of a session, least certain first; optionally only those of one kind or, of white ones, one class in force.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn cells(
        &self,
        session: SessionId,
        kind: Option<Kind>,
        class: Option<CellClass>,
    ) -> Result<Vec<CellRecord>, StoreError> {
        self.read(|transaction| select(transaction, session, kind, class))
    }

    /// Red cells of a session that were named, least certain first; optionally only those of one class in force, or with a
    /// picture.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn red_cells(
        &self,
        session: SessionId,
        class: Option<RedClass>,
        pictured: bool,
    ) -> Result<Vec<CellRecord>, StoreError> {
        self.read(|transaction| select_red(transaction, session, class, pictured))
    }

    /// One cell.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn cell(&self, session: SessionId, number: CellNumber) -> Result<Option<CellRecord>, StoreError> {
        self.read(|transaction| one(transaction, session, number))
    }

    /// Crop of a cell, as JPEG.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn crop(&self, session: SessionId, number: CellNumber) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|transaction| {
            let mut select = transaction.prepare_cached("SELECT jpeg FROM crop WHERE session = ?1 AND number = ?2")?;
            Ok(select.query_row([session, number], |row| row.get(0)).optional()?)
        })
    }
}

pub(super) fn select(
    transaction: &Transaction<'_>,
    session: SessionId,
    kind: Option<Kind>,
    class: Option<CellClass>,
) -> Result<Vec<CellRecord>, StoreProblem> {
    let mut select = transaction.prepare_cached(&format!(
        "{} AND (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR (kind <> 'RBC' AND coalesce(person_class, class) = ?3)) \
         ORDER BY kind = 'RBC' AND class IS NULL, probability, number",
        begin(transaction)?
    ))?;
    let rows = select.query_map(params![session, kind.map(Kind::code), class.map(CellClass::code)], columns)?;
    let quickly = quickly::cells(transaction, session)?;
    rows.map(|row| record(row?, |number| quickly.contains(&number))).collect()
}

pub(super) fn select_red(
    transaction: &Transaction<'_>,
    session: SessionId,
    class: Option<RedClass>,
    pictured: bool,
) -> Result<Vec<CellRecord>, StoreProblem> {
    let mut select = transaction.prepare_cached(&format!(
        "{} AND kind = 'RBC' AND class IS NOT NULL AND (?2 IS NULL OR coalesce(person_class, class) = ?2) \
         AND (NOT ?3 OR EXISTS (SELECT 1 FROM crop WHERE crop.session = cell.session AND crop.number = cell.number)) \
         ORDER BY probability, number",
        begin(transaction)?
    ))?;
    let rows = select.query_map(params![session, class.map(RedClass::code), pictured], columns)?;
    let quickly = quickly::cells(transaction, session)?;
    rows.map(|row| record(row?, |number| quickly.contains(&number))).collect()
}

pub(super) fn one(
    transaction: &Transaction<'_>,
    session: SessionId,
    number: CellNumber,
) -> Result<Option<CellRecord>, StoreProblem> {
    let mut select = transaction.prepare_cached(&format!("{} AND number = ?2", begin(transaction)?))?;
    let quickly = quickly::is_quick(transaction, session, number)?;
    select.query_row([session, number], columns).optional()?.map(|row| record(row, |_| quickly)).transpose()
}

struct Columns {
    number: CellNumber,
    kind: String,
    patch: u32,
    area: [f64; 4],
    class: Option<String>,
    probability: Option<f64>,
    ranked: Option<String>,
    person: Option<(String, String, String)>,
    own: Option<String>,
    has_crop: bool,
    red: (Option<bool>, Option<f64>, Option<f64>),
}

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    let person_class: Option<String> = row.get(10)?;
    let person = match person_class {
        Some(class) => Some((class, row.get(11)?, row.get(12)?)),
        None => None,
    };
    Ok(Columns {
        number: row.get(0)?,
        kind: row.get(1)?,
        patch: row.get(2)?,
        area: [row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?],
        class: row.get(7)?,
        probability: row.get(8)?,
        ranked: row.get(9)?,
        person,
        has_crop: row.get(13)?,
        own: row.get(14)?,
        red: (row.get(15)?, row.get(16)?, row.get(17)?),
    })
}

fn record(columns: Columns, quickly: impl Fn(CellNumber) -> bool) -> Result<CellRecord, StoreProblem> {
    let kind = read_kind(&columns.kind)?;
    let [x, y, w, h] = columns.area;
    let mut cell = CellRecord {
        number: columns.number,
        kind,
        patch: columns.patch,
        x,
        y,
        w,
        h,
        class: None,
        probability: None,
        ranked: Vec::new(),
        red: None,
        by_person: None,
        has_crop: columns.has_crop,
    };
    if kind == Kind::Rbc {
        cell.red = red(columns, quickly)?;
        return Ok(cell);
    }
    let Columns { number, class, probability, ranked, person, own, .. } = columns;
    cell.class = class.as_deref().map(read_class).transpose()?;
    cell.probability = probability;
    cell.ranked = ranked.map_or_else(|| Ok(Vec::new()), |ranked| serde_json::from_str(&ranked))?;
    if let Some((class, by, at)) = person {
        let own = own.as_deref().map(read_own).transpose()?;
        let quickly = quickly(number);
        cell.by_person = Some(Reclassified { class: read_class(&class)?, own, by, at: read_time(&at)?, quickly });
    }
    Ok(cell)
}

/// What a red cell looks like; none if it was not named.
fn red(columns: Columns, quickly: impl Fn(CellNumber) -> bool) -> Result<Option<RedRecord>, StoreProblem> {
    let Columns { number, class, probability, ranked, person, red: (graded, diameter_um, pallor), .. } = columns;
    let (Some(class), Some(diameter_um)) = (class, diameter_um) else { return Ok(None) };
    let by_person = match person {
        Some((class, by, at)) => {
            let (class, at) = (read_red_class(&class)?, read_time(&at)?);
            Some(RedReclassified { class, by, at, quickly: quickly(number) })
        }
        None => None,
    };
    Ok(Some(RedRecord {
        class: read_red_class(&class)?,
        probability: probability.unwrap_or(0.0),
        ranked: ranked.map_or_else(|| Ok(Vec::new()), |ranked| serde_json::from_str(&ranked))?,
        graded: graded.unwrap_or(false),
        diameter_um,
        pallor,
        by_person,
    }))
}
