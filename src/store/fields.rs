//! Whole fields kept beside the crops of their cells.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cell_hash::Sums;
use super::records::{CellNumber, SessionId};
use super::text::{read_time, time};
use super::{Store, StoreError, cell_hash};

/// A whole field as the camera saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FieldRecord {
    /// When it was taken, by the station's clock.
    pub taken: Timestamp,
    /// Width, px.
    pub width: u32,
    /// Height, px.
    pub height: u32,
    /// Micrometres per pixel, if known.
    pub um_per_px: Option<f64>,
    /// The white cells that it shows whole.
    pub cells: Vec<FieldCell>,
}

/// A cell in a field: top-left corner and size, px of the field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FieldCell {
    /// Number of the cell.
    #[schema(value_type = i64)]
    pub number: CellNumber,
    pub x: f64,
    pub y: f64,
    pub w: f64,
    pub h: f64,
}

/// A kept field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShownField {
    /// Number of the field in its session, from 1.
    pub number: i64,
    #[serde(flatten)]
    pub field: FieldRecord,
}

impl Store {
    /// The field that shows a cell, with every cell of it that still counts; `None` if none is kept.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn field_of(&self, session: SessionId, cell: CellNumber) -> Result<Option<ShownField>, StoreError> {
        self.read(|transaction| {
            let mut select = transaction.prepare_cached(
                "SELECT number, taken, width, height, um_per_px FROM field WHERE session = ?1 AND number = \
                 (SELECT min(field) FROM field_cell WHERE session = ?1 AND cell = ?2)",
            )?;
            let found = select.query_row([session, cell], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            });
            let Some((number, taken, width, height, um_per_px)) = found.optional()? else { return Ok(None) };
            let mut select = transaction.prepare_cached(
                "SELECT cell, field_cell.x, field_cell.y, field_cell.w, field_cell.h FROM field_cell \
                 JOIN cell ON cell.session = field_cell.session AND cell.number = field_cell.cell AND NOT withdrawn \
                 WHERE field_cell.session = ?1 AND field = ?2 ORDER BY cell",
            )?;
            let cells = select.query_map([session, number], |row| {
                Ok(FieldCell { number: row.get(0)?, x: row.get(1)?, y: row.get(2)?, w: row.get(3)?, h: row.get(4)? })
            })?;
            let cells = cells.collect::<Result<_, _>>()?;
            Ok(Some(ShownField {
                number,
                field: FieldRecord { taken: read_time(&taken)?, width, height, um_per_px, cells },
            }))
        })
    }

    /// Picture of a field, as JPEG.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn field_picture(&self, session: SessionId, number: i64) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|transaction| {
            let mut select = transaction.prepare_cached("SELECT jpeg FROM field WHERE session = ?1 AND number = ?2")?;
            Ok(select.query_row([session, number], |row| row.get(0)).optional()?)
        })
    }
}

/// Adds a field to a running session, and to the sums of what it holds.
pub(super) fn add(
    transaction: &Transaction<'_>,
    session: SessionId,
    field: &FieldRecord,
    jpeg: &[u8],
    sums: &mut Sums,
) -> rusqlite::Result<()> {
    let FieldRecord { taken, width, height, um_per_px, cells } = field;
    transaction
        .prepare_cached(
            "INSERT INTO field (session, number, taken, width, height, um_per_px, jpeg) \
         SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5, ?6 FROM field WHERE session = ?1 \
         RETURNING number, taken, width, height, um_per_px, jpeg",
        )?
        .query_row(params![session, time(*taken), width, height, um_per_px, jpeg], |row| sums.add_field(row))?;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO field_cell (session, field, cell, x, y, w, h) \
         SELECT ?1, max(number), ?2, ?3, ?4, ?5, ?6 FROM field WHERE session = ?1 RETURNING field, cell, x, y, w, h",
    )?;
    for FieldCell { number, x, y, w, h } in cells {
        insert.query_row(params![session, number, x, y, w, h], |row| sums.add_field(row))?;
    }
    Ok(())
}

/// Removes the fields of a session; the result is how many there were.
pub(super) fn remove(transaction: &Transaction<'_>, session: SessionId) -> rusqlite::Result<usize> {
    cell_hash::without_fields(transaction, session)?;
    transaction.execute("DELETE FROM field_cell WHERE session = ?1", [session])?;
    transaction.execute("DELETE FROM field WHERE session = ?1", [session])
}
