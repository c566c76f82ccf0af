//! Hashes of the cells and pictures of one session, beside those of the trail.
//!
//! While it is being counted, each batch of changes updates a sum of the hashes of all rows, in the same transaction: a
//! cell that something else changes meanwhile, or before the next start after a power cut, no longer fits the sum. Once
//! it has ended, the first bytes of each row's hash are kept, by which a changed cell is found among thousands; the trail
//! holds the hash of that list. A sum needs no order and gives up a row as easily as it takes one; whoever knows the
//! format can compute it anew, as he could the whole trail.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::audit::hexadecimal;
use super::digest::{self, CELLS, FIELDS, PARTS, PICTURES, PLACES, Part};
use super::records::{CellNumber, SessionId};

/// Bytes of a mark: the cell's number, and the first bytes of its hash.
const MARK: usize = 8;

/// Sum of SHA-256 hashes, modulo 2^256.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum([u8; 32]);

impl Sum {
    fn add(&mut self, hash: &[u8; 32]) {
        let mut carry = 0;
        for (byte, more) in self.0.iter_mut().zip(hash).rev() {
            let sum = u16::from(*byte) + u16::from(*more) + carry;
            [_, *byte] = sum.to_be_bytes();
            carry = sum >> 8;
        }
    }

    fn take(&mut self, hash: &[u8; 32]) {
        let mut borrowed = 0;
        for (byte, less) in self.0.iter_mut().zip(hash).rev() {
            let rest = 0x100 + u16::from(*byte) - u16::from(*less) - borrowed;
            [_, *byte] = rest.to_be_bytes();
            borrowed = 1 - (rest >> 8);
        }
    }
}

/// The sums of a session that is being counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) cells: Sum,
    pub(super) pictures: Sum,
    /// Of whole fields and the places of cells in them; `None` if an earlier version counted, which kept none.
    pub(super) fields: Option<Sum>,
}

impl Default for Sums {
    /// Those of no rows.
    fn default() -> Self {
        Self { cells: Sum::default(), pictures: Sum::default(), fields: Some(Sum::default()) }
    }
}

impl Sums {
    /// Those that were kept; `None` if there are none.
    pub(super) fn kept(connection: &Connection, session: SessionId) -> rusqlite::Result<Option<Self>> {
        let mut select =
            connection.prepare_cached("SELECT cells, pictures, fields FROM cell_hash WHERE session = ?1")?;
        let bytes = |row: &Row<'_>, column| row.get::<_, Option<Vec<u8>>>(column);
        let found =
            select.query_row([session], |row| Ok((bytes(row, 0)?, bytes(row, 1)?, bytes(row, 2)?))).optional()?;
        let sum = |bytes: Option<Vec<u8>>| Some(Sum(bytes?.try_into().ok()?));
        Ok(found.and_then(|(cells, pictures, fields)| {
            let fields = fields?;
            let fields = if fields.is_empty() { None } else { Some(sum(Some(fields))?) };
            Some(Self { cells: sum(cells)?, pictures: sum(pictures)?, fields })
        }))
    }

    /// Those of the rows as they are.
    pub(super) fn present(connection: &Connection, session: SessionId) -> rusqlite::Result<Self> {
        let of = |part: usize| Ok::<_, rusqlite::Error>(read(connection, &PARTS[part], session)?.sum);
        let mut fields = of(FIELDS)?;
        fields.add(&of(PLACES)?.0);
        Ok(Self { cells: of(CELLS)?, pictures: of(PICTURES)?, fields: Some(fields) })
    }

    pub(super) fn keep(self, connection: &Connection, session: SessionId) -> rusqlite::Result<()> {
        let sql = "INSERT INTO cell_hash (session, cells, pictures, fields) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT DO UPDATE SET cells = ?2, pictures = ?3, fields = ?4";
        let fields = self.fields.map_or_else(Vec::new, |fields| fields.0.to_vec());
        connection.prepare_cached(sql)?.execute(params![session, self.cells.0, self.pictures.0, fields]).map(drop)
    }

    /// Gives up a cell as it is stored, if it is.
    pub(super) fn take_cell(
        &mut self,
        connection: &Connection,
        session: SessionId,
        number: CellNumber,
    ) -> rusqlite::Result<()> {
        if let Some(hash) = stored(connection, OF_CELL, session, number, digest::of_cell)? {
            self.cells.take(&hash);
        }
        Ok(())
    }

    /// The same for its picture.
    pub(super) fn take_picture(
        &mut self,
        connection: &Connection,
        session: SessionId,
        number: CellNumber,
    ) -> rusqlite::Result<()> {
        if let Some(hash) = stored(connection, OF_PICTURE, session, number, |_, columns| Ok(columns))? {
            self.pictures.take(&hash);
        }
        Ok(())
    }

    /// Takes in a row of `COLUMNS`.
    pub(super) fn add_cell(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        self.cells.add(&of_row(row, digest::of_cell(row, row.as_ref().column_count())?)?);
        Ok(())
    }

    /// Takes in a row of a whole field, or of the place of a cell in one.
    pub(super) fn add_field(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let hash = of_row(row, row.as_ref().column_count())?;
        if let Some(fields) = &mut self.fields {
            fields.add(&hash);
        }
        Ok(())
    }

    /// Takes in a row of a number and its picture.
    pub(super) fn add_picture(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        self.pictures.add(&of_row(row, row.as_ref().column_count())?);
        Ok(())
    }
}

/// Columns of a cell that are hashed while it is counted: the same as once it has ended.
pub(super) const COLUMNS: &str = "number, kind, withdrawn, patch, x, y, w, h, class, probability, ranked, \
     graded, diameter_um, pallor";

const OF_CELL: &str = "SELECT number, kind, withdrawn, patch, x, y, w, h, class, probability, ranked, \
     graded, diameter_um, pallor FROM cell WHERE session = ?1 AND number = ?2";
const OF_PICTURE: &str = "SELECT number, jpeg FROM crop WHERE session = ?1 AND number = ?2";

fn stored(
    connection: &Connection,
    sql: &str,
    session: SessionId,
    number: CellNumber,
    hashed: impl Fn(&Row<'_>, usize) -> rusqlite::Result<usize>,
) -> rusqlite::Result<Option<[u8; 32]>> {
    let mut select = connection.prepare_cached(sql)?;
    let columns = select.column_count();
    select.query_row([session, number], |row| of_row(row, hashed(row, columns)?)).optional()
}

fn of_row(row: &Row<'_>, columns: usize) -> rusqlite::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    digest::take_row(&mut hash, row, columns)?;
    Ok(hash.finalize().into())
}

/// What one pass over cells or pictures gives.
struct Rows {
    /// As [`Part::hash`].
    hash: String,
    sum: Sum,
    marks: Vec<u8>,
}

fn read(connection: &Connection, part: &Part, session: SessionId) -> rusqlite::Result<Rows> {
    let (mut whole, mut sum, mut marks) = (Sha256::new(), Sum::default(), Vec::new());
    part.each(connection, session, |row, columns| {
        digest::take_row(&mut whole, row, columns)?;
        let hash = of_row(row, columns)?;
        sum.add(&hash);
        marks.extend(mark(row.get(0)?, &hash));
        Ok(())
    })?;
    Ok(Rows { hash: hexadecimal(&whole.finalize()), sum, marks })
}

fn mark(number: CellNumber, hash: &[u8; 32]) -> [u8; MARK] {
    let mut mark = [0; MARK];
    let (of_number, of_hash) = mark.split_at_mut(MARK / 2);
    of_number.copy_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes());
    of_hash.copy_from_slice(&hash[..MARK / 2]);
    mark
}

/// Reads the cells and pictures of a session that has ended or was interrupted, and keeps their marks. Returns their hashes by the
/// names of the parts, and what does not fit the sums that were kept while it was counted. `before_sums`: the store is from
/// a version that kept none.
pub(super) fn ended(
    connection: &Connection,
    session: SessionId,
    before_sums: bool,
) -> rusqlite::Result<(Map<String, Value>, Vec<&'static str>)> {
    let sums = digest::if_readable(Sums::kept(connection, session))?.flatten();
    let mut hashes = Map::new();
    let (mut changed, mut marks) = (Vec::new(), Vec::new());
    for part in [CELLS, PICTURES] {
        let part_of = &PARTS[part];
        let Some(rows) = digest::if_readable(read(connection, part_of, session))? else {
            hashes.insert(part_of.name.to_owned(), Value::Null);
            marks.extend(0_u32.to_be_bytes());
            continue;
        };
        let kept = sums.map(|sums| if part == CELLS { sums.cells } else { sums.pictures });
        if kept != Some(rows.sum) && !(kept.is_none() && before_sums) {
            changed.push(part_of.name);
        }
        hashes.insert(part_of.name.to_owned(), rows.hash.into());
        marks.extend(u32::try_from(rows.marks.len() / MARK).unwrap_or(u32::MAX).to_be_bytes());
        marks.extend(rows.marks);
    }
    let mut fields = Sum::default();
    for part in [FIELDS, PLACES] {
        let rows = digest::if_readable(read(connection, &PARTS[part], session))?;
        if let Some(rows) = &rows {
            fields.add(&rows.sum.0);
        }
        hashes.insert(PARTS[part].name.to_owned(), rows.map_or(Value::Null, |rows| rows.hash.into()));
    }
    if sums.and_then(|sums| sums.fields).is_some_and(|kept| kept != fields) {
        changed.push(PARTS[FIELDS].name);
    }
    let sql = "INSERT INTO cell_hash (session, marks) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET marks = ?2";
    connection.execute(sql, params![session, marks])?;
    Ok((hashes, changed))
}

/// Forgets the sums of a session that changes no more.
pub(super) fn without_sums(connection: &Connection, session: SessionId) -> rusqlite::Result<()> {
    let sql = "UPDATE cell_hash SET cells = NULL, pictures = NULL, fields = NULL WHERE session = ?1";
    connection.execute(sql, [session]).map(drop)
}

/// The pictures of an interrupted session were deleted, so their sum is that of none.
pub(super) fn without_pictures(connection: &Connection, session: SessionId) -> rusqlite::Result<()> {
    let sql = "UPDATE cell_hash SET pictures = ?2 WHERE session = ?1 AND pictures IS NOT NULL";
    connection.execute(sql, params![session, Sum::default().0]).map(drop)
}

/// The same for its whole fields.
pub(super) fn without_fields(connection: &Connection, session: SessionId) -> rusqlite::Result<()> {
    let sql = "UPDATE cell_hash SET fields = ?2 WHERE session = ?1 AND fields IS NOT NULL";
    connection.execute(sql, params![session, Sum::default().0]).map(drop)
}

/// The numbers of what differs between the marks and the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Differing {
    pub(super) changed: Vec<u32>,
    pub(super) gone: Vec<u32>,
    pub(super) added: Vec<u32>,
}

/// Finds the cells (or pictures) that differ; `None` if there are no marks of them.
pub(super) fn differing(
    connection: &Connection,
    session: SessionId,
    part: usize,
) -> rusqlite::Result<Option<Differing>> {
    let marks: Option<Option<Vec<u8>>> = connection
        .query_row("SELECT marks FROM cell_hash WHERE session = ?1", [session], |row| row.get(0))
        .optional()?;
    let Some(then) = marks.flatten().and_then(|marks| list(&marks, part)) else { return Ok(None) };
    let now = list_of(&read(connection, &PARTS[part], session)?.marks);
    let mut differing = Differing::default();
    for (number, hash) in &then {
        match now.get(number) {
            None => differing.gone.push(*number),
            Some(present) if present != hash => differing.changed.push(*number),
            Some(_) => {}
        }
    }
    differing.added.extend(now.keys().filter(|number| !then.contains_key(number)));
    Ok(Some(differing))
}

type List = std::collections::BTreeMap<u32, u32>;

/// The marks of the cells, or those of the pictures, which follow them.
fn list(marks: &[u8], part: usize) -> Option<List> {
    let split = |bytes: &[u8]| {
        let (count, rest) = bytes.split_first_chunk::<4>()?;
        let end = usize::try_from(u32::from_be_bytes(*count)).ok()?.checked_mul(MARK)?;
        Some((rest.get(..end)?.to_vec(), rest.get(end..)?.to_vec()))
    };
    let (cells, rest) = split(marks)?;
    Some(list_of(&if part == CELLS { cells } else { split(&rest)?.0 }))
}

fn list_of(marks: &[u8]) -> List {
    let number = |half: &[u8]| half.iter().fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
    marks.chunks_exact(MARK).map(|mark| (number(&mark[..4]), number(&mark[4..]))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_gives_up_what_it_took_in_any_order() {
        let hash = |seed: u8| <[u8; 32]>::from(Sha256::digest([seed]));
        let mut sum = Sum::default();
        for seed in 0..50 {
            sum.add(&hash(seed));
        }
        let mut other = Sum::default();
        for seed in (0..60).rev() {
            other.add(&hash(seed));
        }
        assert_ne!(sum, other);
        for seed in 50..60 {
            other.take(&hash(seed));
        }
        assert_eq!(sum, other);
        for seed in 0..50 {
            sum.take(&hash(seed));
        }
        assert_eq!(sum, Sum::default());
        sum.take(&hash(1));
        sum.add(&hash(1));
        assert_eq!(sum, Sum::default(), "also below nothing");
    }

    #[test]
    fn a_list_that_was_cut_short_is_no_list() {
        let marks = [&1_u32.to_be_bytes()[..], &mark(7, &[9; 32]), &0_u32.to_be_bytes()].concat();
        assert_eq!(list(&marks, CELLS), Some([(7, 0x0909_0909)].into()));
        assert_eq!(list(&marks, PICTURES), Some(List::new()));
        assert_eq!(list(&marks[..9], CELLS), None);
        assert_eq!(list(&[], CELLS), None);
        assert_eq!(list(&u32::MAX.to_be_bytes(), CELLS), None);
    }
}
