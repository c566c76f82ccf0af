//! Two reviewers, where flags ask for them: the first signs, another person signs after a look of their own, or hands the
//! result back. It is final only after the second signature.
//!
//! The first signature is a line of the trail, which nobody can change unseen; the second one is the signature of the
//! result and holds the first.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Transaction};
use serde_json::{Value, json};

use super::audit::note;
use super::records::{CellNumber, CellRecord, SessionDetail, SessionId, Signature};
use super::review::{self, ReviewError};
use super::text::read_time;
use super::{Store, StoreError, StoreProblem, cells, refused, sessions};
use crate::counting::session::snapshot::{Difference, FirstReviewer, HandedBack, Snapshot};
use crate::domain::class::{CellClass, Kind};
use crate::domain::flag::Flag;
use crate::domain::letters::unfit_in_comment;
use crate::domain::own_class::OwnName;

/// What the lines of the trail are called.
const FIRST: &str = "first sign";
const BACK: &str = "hand back";

/// Longest comment of who hands a result back, characters.
const LONGEST_COMMENT: usize = 2000;

/// What a signature did.
#[derive(Clone, Debug, PartialEq)]
pub enum Signed {
    /// The result is final.
    Final(Signature),
    /// Another person must sign, too.
    First(FirstReviewer),
}

impl Signed {
    /// The signature of a final result.
    ///
    /// # Errors
    /// A refusal if another person must sign, too.
    pub(super) fn only(self) -> Result<Signature, StoreError> {
        match self {
            Self::Final(signature) => Ok(signature),
            Self::First(first) => {
                Err(StoreError::Refused(format!("signed first by {}; another person must sign, too", first.by)))
            }
        }
    }
}

impl Store {
    /// From now on results with one of these flags need the signatures of two persons. One that a first person signed
    /// already needs the second in any case.
    pub fn ask_two_for(&self, flags: &[Flag]) {
        let _ = self.0.review.two_for.set(flags.to_vec());
    }

    /// Hands a result back that a first reviewer signed: it is open again, for everybody.
    ///
    /// # Errors
    /// A refusal if no first signature waits, it is one's own, or the comment is empty, too long or does not print; else if
    /// it cannot be written.
    pub fn hand_back(&self, session: SessionId, by: &str, at: Timestamp, comment: &str) -> Result<(), StoreError> {
        let comment = comment.trim().replace("\r\n", "\n");
        if comment.is_empty() || comment.chars().count() > LONGEST_COMMENT {
            return Err(StoreError::Refused("write why you hand the result back, in up to 2000 characters".to_owned()));
        }
        if let Some(letters) = unfit_in_comment(&comment) {
            return Err(StoreError::Refused(format!("the comment holds {letters}, which reports cannot print")));
        }
        self.write_witnessed(|transaction| {
            let signed = sessions::one(transaction, session)?.ok_or(ReviewError::NoSession(session))?.signature;
            if signed.is_some() {
                return Err(ReviewError::Signed(session).into());
            }
            match waiting(transaction, session)? {
                None => refused(format!("session {session} waits for no second reviewer")),
                Some(first) if first.by == by => {
                    refused(format!("you signed session {session} first; another person looks now"))
                }
                Some(_) => Ok(note(transaction, by, at, BACK, Some(session), &json!({"comment": comment})).map(drop)?),
            }
        })
    }
}

/// The first reviewer of an unsigned result, if there was one, with the cells on which the classes in force differ.
pub(super) fn first(transaction: &Transaction<'_>, session: SessionId) -> Result<Option<FirstReviewer>, StoreProblem> {
    let Some((mut first, classes)) = last(transaction, session)? else { return Ok(None) };
    let cells = cells::select(transaction, session, Some(Kind::Wbc), None)?;
    first.differs = cells.iter().filter_map(|cell| difference(cell, &classes)).collect();
    first.differs.sort_by_key(|difference| difference.cell);
    Ok(Some(first))
}

fn difference(cell: &CellRecord, stood: &Classes) -> Option<Difference> {
    let class = |class: Option<CellClass>| class.unwrap_or(CellClass::Unk);
    let (first, second) = (*stood.fixed.get(&cell.number)?, class(cell.class_in_force()));
    let (first_own, second_own) = (stood.own.get(&cell.number), cell.own());
    // The name alone may have changed in the configuration meanwhile.
    let code = |own: Option<&OwnName>| own.map(|own| own.code.clone());
    (first != second || code(first_own) != code(second_own)).then(|| Difference {
        cell: cell.number,
        first,
        second,
        program: class(cell.class),
        first_own: first_own.cloned(),
        second_own: second_own.cloned(),
    })
}

/// Who signed first, while the second is waited for; without the cells on which they differ.
pub(super) fn waiting(connection: &Connection, session: SessionId) -> Result<Option<FirstReviewer>, StoreProblem> {
    Ok(last(connection, session)?.map(|(first, _)| first).filter(|first| first.handed_back.is_none()))
}

/// The classes in force by cell.
struct Classes {
    fixed: BTreeMap<CellNumber, CellClass>,
    /// The laboratory's own ones within them.
    own: BTreeMap<CellNumber, OwnName>,
}

/// The latest first signature, and the classes that it stood for.
fn last(connection: &Connection, session: SessionId) -> Result<Option<(FirstReviewer, Classes)>, StoreProblem> {
    let mut select = connection.prepare_cached(
        "SELECT number, person, at, detail FROM audit WHERE session = ?1 AND action = ?2 ORDER BY number DESC LIMIT 1",
    )?;
    let line = |row: &rusqlite::Row<'_>| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?, row.get::<_, String>(3)?))
    };
    let Some((number, by, at, detail)) = select.query_row((session, FIRST), line).optional()? else { return Ok(None) };
    let detail: Value = serde_json::from_str(&detail)?;
    let comment = |detail: &Value| detail["comment"].as_str().unwrap_or_default().to_owned();
    let back = select.query_row((session, BACK), line).optional()?.filter(|(back, ..)| *back > number);
    let handed_back = match back {
        Some((_, by, at, detail)) => {
            let detail = serde_json::from_str(&detail)?;
            Some(HandedBack { by, at: read_time(&at)?, comment: comment(&detail) })
        }
        None => None,
    };
    let fixed = serde_json::from_value(detail["classes"].clone())?;
    // Lines of before own classes have none.
    let own = detail.get("own").map(|own| serde_json::from_value(own.clone())).transpose()?.unwrap_or_default();
    let classes = Classes { fixed, own };
    let first = FirstReviewer { by, at: read_time(&at)?, comment: comment(&detail), differs: Vec::new(), handed_back };
    Ok(Some((first, classes)))
}

/// Refuses where nothing can be reviewed, and who signed first: what differs now must be the second's.
pub(super) fn open_for_review_by(
    transaction: &Transaction<'_>,
    session: SessionId,
    by: &str,
) -> Result<(), StoreProblem> {
    review::open_for_review(transaction, session)?;
    match waiting(transaction, session)? {
        Some(first) if first.by == by => Err(ReviewError::SecondNeeded(session).into()),
        _ => Ok(()),
    }
}

/// Whether flags ask for two reviewers: those that the program raised, too, so that nobody reviews them away alone. Once a
/// first one has signed, a second one is needed whatever becomes of the flags.
pub(super) fn asks(store: &Store, detail: &SessionDetail) -> bool {
    let of = |result: &Option<Snapshot>| result.as_ref().map(|result| result.flags.clone()).unwrap_or_default();
    let flags = [of(&detail.counted_result), of(&detail.reviewed_result)].concat();
    let began = detail.reviewed_result.as_ref().is_some_and(|result| result.first_reviewer.is_some());
    began || store.0.review.two_for.get().is_some_and(|asked| asked.iter().any(|flag| flags.contains(flag)))
}

/// What a signature is now.
pub(super) enum Turn {
    /// The first of two, and written.
    First(FirstReviewer),
    /// The one that makes the result final, after this first one if there are two.
    Last(Option<FirstReviewer>),
}

/// Whose turn it is if this person signs with this comment; writes the first of two signatures.
pub(super) fn turn(
    transaction: &Transaction<'_>,
    session: SessionId,
    asked: bool,
    by: &str,
    at: Timestamp,
    comment: &str,
) -> Result<Turn, StoreProblem> {
    match first(transaction, session)? {
        Some(first) if first.handed_back.is_none() => {
            if first.by == by {
                return Err(ReviewError::SecondNeeded(session).into());
            }
            if !first.differs.is_empty() && comment.trim().is_empty() {
                return Err(ReviewError::Differ(session, first.differs.len()).into());
            }
            Ok(Turn::Last(Some(first)))
        }
        _ if asked => Ok(Turn::First(sign_first(transaction, session, by, at, comment)?)),
        _ => Ok(Turn::Last(None)),
    }
}

/// Writes the first of two signatures.
fn sign_first(
    transaction: &Transaction<'_>,
    session: SessionId,
    by: &str,
    at: Timestamp,
    comment: &str,
) -> Result<FirstReviewer, StoreProblem> {
    let cells = cells::select(transaction, session, Some(Kind::Wbc), None)?;
    let class = |cell: &CellRecord| cell.class_in_force().unwrap_or(CellClass::Unk);
    let classes: BTreeMap<CellNumber, CellClass> = cells.iter().map(|cell| (cell.number, class(cell))).collect();
    let own: BTreeMap<CellNumber, &OwnName> =
        cells.iter().filter_map(|cell| cell.own().map(|own| (cell.number, own))).collect();
    let mut detail = json!({"comment": comment, "classes": classes});
    if !own.is_empty() {
        detail["own"] = json!(own);
    }
    note(transaction, by, at, FIRST, Some(session), &detail)?;
    Ok(FirstReviewer { by: by.to_owned(), at, comment: comment.to_owned(), differs: Vec::new(), handed_back: None })
}
