//! Lists of sessions, and single sessions.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::records::{
    AmendedBy, CellRecord, SessionDetail, SessionId, SessionQuery, SessionSummary, Settings, Signature, Status,
};
use super::text::{read_time, time};
use super::{
    Store, StoreError, StoreProblem, alarms, amendment, camera_check, cells, control, delta, interrupted, quickly,
    results, review, schema, second_look,
};
use crate::counting::session::snapshot::{EarlierResult, Snapshot};
use crate::domain::class::Kind;
use crate::store::reviewed::reviewed;

fn select(connection: &Connection, end: &str) -> rusqlite::Result<String> {
    let store = schema::since_identity(connection, results::STORE)?;
    let control = control::column(connection)?;
    let later = amendment::later(connection)?;
    Ok(format!(
        "SELECT session.id, result.sequence, sample, station, started, ended, state, settings, result.snapshot, \
         signature.person, signature.at, signature.comment, signature.sha256, signature.snapshot, {store}, {control}, \
         later.session, later.sequence, later.snapshot, later_signature.person, later_signature.at FROM session \
         LEFT JOIN result ON result.session = session.id LEFT JOIN signature ON signature.session = session.id \
         LEFT JOIN result AS later ON {later} LEFT JOIN signature AS later_signature ON later_signature.session = later.session \
         {end}"
    ))
}

/// Number of white cells of session `?1` whose class from review differs from the program's.
pub(super) const RECLASSIFIED: &str = "SELECT count(*) FROM cell WHERE session = ?1 AND person_class IS NOT NULL \
    AND person_class IS NOT class AND kind = 'WBC'";

/// The same of red cells.
const RED_RECLASSIFIED: &str = "SELECT count(*) FROM cell WHERE session = ?1 AND person_class IS NOT NULL \
    AND person_class IS NOT class AND kind = 'RBC'";

/// Sessions in a list by default.
const USUAL: u32 = 50;

/// Sessions in a list, at most.
const MOST: u32 = 500;

impl Store {
    /// Sessions, newest first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn sessions(&self, query: &SessionQuery) -> Result<Vec<SessionSummary>, StoreError> {
        let status = query.status.map(|status| match status {
            Status::Counting => "counting",
            Status::Interrupted => "interrupted",
            Status::Preliminary => "preliminary",
            Status::Final => "final",
        });
        let limit = if query.limit == 0 { USUAL } else { query.limit.min(MOST) };
        self.read(|transaction| {
            let control = control::column(transaction)?;
            let sql = select(
                transaction,
                &format!(
                    "WHERE (?1 IS NULL OR instr(lower(sample), lower(?1)) > 0) AND (?2 IS NULL OR started >= ?2) \
                 AND (?3 IS NULL OR started < ?3) AND (?4 IS NULL OR ?4 = CASE WHEN signature.session IS NOT NULL \
                 THEN 'final' WHEN state = 'done' THEN 'preliminary' ELSE state END) \
                 AND ({control} IS NOT NULL) = ?7 AND (?8 OR later_signature.session IS NULL) \
                 ORDER BY started DESC, session.id DESC LIMIT ?5 OFFSET ?6"
                ),
            )?;
            let mut select = transaction.prepare_cached(&sql)?;
            let (from, to) = (query.from.map(time), query.to.map(time));
            let rows = select.query_map(
                params![query.sample, from, to, status, limit, query.offset, query.controls, query.replaced],
                columns,
            )?;
            rows.map(|row| detail(transaction, row?, false).map(|detail| detail.summary)).collect()
        })
    }

    /// Every session of a sample, oldest first; with `replaced` also versions that a signed amendment replaced.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) fn all_sessions(&self, replaced: bool) -> Result<Vec<SessionSummary>, StoreError> {
        self.read(|transaction| {
            let control = control::column(transaction)?;
            let end = format!(
                "WHERE {control} IS NULL AND (?1 OR later_signature.session IS NULL) ORDER BY started, session.id"
            );
            let mut select = transaction.prepare(&select(transaction, &end)?)?;
            let rows = select.query_map([replaced], columns)?;
            rows.map(|row| detail(transaction, row?, false).map(|detail| detail.summary)).collect()
        })
    }

    /// Whether a session that began in the second of this time has this sample id.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn has_sample(&self, sample: &str, second: Timestamp) -> Result<bool, StoreError> {
        let from = Timestamp::from_second(second.as_second()).unwrap_or(second);
        let to = Timestamp::from_second(second.as_second().saturating_add(1)).unwrap_or(Timestamp::MAX);
        self.read(|transaction| {
            let sql = "SELECT EXISTS (SELECT 1 FROM session WHERE started >= ?1 AND started < ?2 AND sample = ?3)";
            Ok(transaction.query_row(sql, params![time(from), time(to), sample], |row| row.get(0))?)
        })
    }

    /// Everything stored about a session except its cells; `None` if there is no such session.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn session(&self, id: SessionId) -> Result<Option<SessionDetail>, StoreError> {
        self.read(|transaction| {
            let Some(detail) = one(transaction, id)? else { return Ok(None) };
            let needs_second = detail.summary.status == Status::Preliminary && second_look::asks(self, &detail);
            let delta = delta::of(self, transaction, &detail)?;
            Ok(Some(SessionDetail { delta, needs_second, ..detail }))
        })
    }

    /// The latest signed result of exactly this sample id, in the version that is in force.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn signed_before(&self, sample: &str) -> Result<Option<EarlierResult>, StoreError> {
        self.read(|transaction| signed_before(transaction, sample))
    }
}

pub(super) fn signed_before(
    transaction: &Transaction<'_>,
    sample: &str,
) -> Result<Option<EarlierResult>, StoreProblem> {
    let replaced = amendment::is_replaced(transaction)?;
    let mut select = transaction.prepare_cached(&format!(
        "SELECT session.id FROM session JOIN signature ON signature.session = session.id \
         JOIN result ON result.session = session.id WHERE session.sample = ?1 AND NOT {replaced} \
         ORDER BY coalesce(json_extract(signature.snapshot, '$.amends.first'), result.sequence) DESC, \
         session.id DESC LIMIT 1"
    ))?;
    let Some(id) = select.query_row([sample], |row| row.get(0)).optional()? else { return Ok(None) };
    Ok(one(transaction, id)?.and_then(|SessionDetail { summary, .. }| {
        let SessionSummary { id: session, started, counted, .. } = summary;
        Some(EarlierResult { session, result: summary.result?, started, counted, by: summary.signed_by? })
    }))
}

pub(super) fn one(transaction: &Transaction<'_>, id: SessionId) -> Result<Option<SessionDetail>, StoreProblem> {
    let mut select = transaction.prepare_cached(&select(transaction, "WHERE session.id = ?1")?)?;
    let row = select.query_row([id], columns).optional()?;
    row.map(|row| detail(transaction, row, true)).transpose()
}

struct Columns {
    id: SessionId,
    sequence: Option<i64>,
    sample: String,
    station: String,
    started: String,
    ended: Option<String>,
    state: String,
    settings: Option<String>,
    snapshot: Option<String>,
    signature: Option<[String; 5]>,
    store: Option<String>,
    later: Option<Later>,
    control: Option<i64>,
}

/// The version that amends a session: its session, its result, and who signed it and when.
type Later = (SessionId, i64, String, Option<(String, String)>);

fn later(row: &Row<'_>) -> rusqlite::Result<Option<Later>> {
    let Some(session) = row.get(16)? else { return Ok(None) };
    let signed = row.get::<_, Option<String>>(19)?.zip(row.get(20)?);
    Ok(Some((session, row.get(17)?, row.get(18)?, signed)))
}

fn amended_by((session, sequence, snapshot, signed): Later) -> Result<Option<AmendedBy>, StoreProblem> {
    let Some(amends) = serde_json::from_str::<Snapshot>(&snapshot)?.amends else { return Ok(None) };
    let signed_at = signed.as_ref().map(|(_, at)| read_time(at)).transpose()?;
    Ok(Some(AmendedBy {
        session,
        result: sequence.cast_unsigned(),
        version: amends.version,
        by: amends.amended_by,
        since: amends.since,
        reason: amends.reason,
        signed_by: signed.map(|(person, _)| person),
        signed_at,
    }))
}

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    let person: Option<String> = row.get(9)?;
    let signature = match person {
        Some(person) => Some([person, row.get(10)?, row.get(11)?, row.get(12)?, row.get(13)?]),
        None => None,
    };
    Ok(Columns {
        id: row.get(0)?,
        sequence: row.get(1)?,
        sample: row.get(2)?,
        station: row.get(3)?,
        started: row.get(4)?,
        ended: row.get(5)?,
        state: row.get(6)?,
        settings: row.get(7)?,
        snapshot: row.get(8)?,
        signature,
        store: row.get(14)?,
        later: later(row)?,
        control: row.get(15)?,
    })
}

/// The cells that a review can change: white ones, and the red ones, which are thousands, where one was changed.
fn in_review(transaction: &Transaction<'_>, id: SessionId, red: bool) -> Result<Vec<CellRecord>, StoreProblem> {
    let mut cells = cells::select(transaction, id, Some(Kind::Wbc), None)?;
    if red {
        cells.extend(cells::select_red(transaction, id, None, false)?);
    }
    Ok(cells)
}

/// `whole`: apply the review to the result, which reads every cell. A list shows the counted result if nothing is
/// signed and no class was changed.
fn detail(transaction: &Transaction<'_>, row: Columns, whole: bool) -> Result<SessionDetail, StoreProblem> {
    let settings: Option<Settings> = row.settings.as_deref().map(serde_json::from_str).transpose()?;
    let counted_result: Option<Snapshot> = row.snapshot.as_deref().map(serde_json::from_str).transpose()?;
    let reclassified: u32 = transaction
        .prepare_cached(&format!("SELECT coalesce(reclassified, ({RECLASSIFIED})) FROM session WHERE id = ?1"))?
        .query_row([row.id], |row| row.get(0))?;
    let red_reclassified: u32 = transaction.prepare_cached(RED_RECLASSIFIED)?.query_row([row.id], |row| row.get(0))?;
    let (signature, signed) = match row.signature {
        Some([by, at, comment, sha256, snapshot]) => {
            let signature = Signature { by, at: read_time(&at)?, comment, sha256 };
            (Some(signature), Some(serde_json::from_str::<Snapshot>(&snapshot)?))
        }
        None => (None, None),
    };
    let signed_looked_at = signed.as_ref().and_then(|signed| signed.looked_at.clone());
    let signed_check = signed.as_ref().and_then(|signed| signed.camera_check.clone());
    let changed = reclassified > 0 || red_reclassified > 0;
    let cells = match &counted_result {
        Some(_) if signed.is_none() && (whole || changed) => in_review(transaction, row.id, red_reclassified > 0)?,
        _ => Vec::new(),
    };
    let reviewed_result = match (signed, &counted_result, &settings) {
        (Some(signed), _, _) => Some(signed),
        (None, Some(result), Some(settings)) if whole || changed => Some(reviewed(result, &cells, settings)),
        (None, result, _) => result.clone(),
    };
    // Results of before do not say where their pictures come from; a signed one stays as it was signed.
    let source = settings.as_ref().and_then(Settings::source);
    let reviewed_result = reviewed_result.map(|result| match &signature {
        None => Snapshot { source: result.source.or(source), ..result },
        Some(_) => result,
    });
    let acknowledged = match &reviewed_result {
        Some(result) if !result.critical.is_empty() => alarms::acknowledged(transaction, row.id, &result.critical)?,
        _ => Vec::new(),
    };
    let status = match (row.state.as_str(), &signature) {
        (_, Some(_)) => Status::Final,
        ("done", None) => Status::Preliminary,
        ("counting", None) => Status::Counting,
        _ => Status::Interrupted,
    };
    let open = signature.is_none() && row.state == "done";
    let waiting = if open { second_look::waiting(transaction, row.id)? } else { None };
    let reviewed_result = match reviewed_result {
        // Part of what a reviewer sees, and so of the fingerprint: nobody signs second without knowing it.
        Some(result) if whole && open => {
            Some(Snapshot { first_reviewer: second_look::first(transaction, row.id)?, ..result })
        }
        result => result,
    };
    let summary = SessionSummary {
        id: row.id,
        result: row.sequence.map(i64::cast_unsigned),
        sample: row.sample,
        station: row.station,
        started: read_time(&row.started)?,
        ended: row.ended.as_deref().map(read_time).transpose()?,
        status,
        counted: match &reviewed_result {
            Some(result) => result.counted,
            None => interrupted::counted(transaction, row.id)?,
        },
        flags: reviewed_result.as_ref().map(|result| result.flags.clone()).unwrap_or_default(),
        signed_by: signature.as_ref().map(|signature| signature.by.clone()),
        version: reviewed_result.as_ref().and_then(|result| result.amends.as_ref()).map_or(1, |amends| amends.version),
        amended_by: row.later.map(amended_by).transpose()?.flatten(),
        awaits_second: waiting.map(|first| first.by),
        control: row.control,
        marks: Vec::new(),
        alarm: reviewed_result.as_ref().and_then(|result| alarms::state(&result.critical, &acknowledged)),
    };
    let looked_at = match &reviewed_result {
        Some(result) if whole && signature.is_none() => Some(quickly::looked_at(&cells, result.kinds.wbc)),
        _ => signed_looked_at,
    };
    let camera_check = match &reviewed_result {
        Some(_) if whole && signature.is_none() => camera_check::of_settings(transaction, settings.as_ref())?,
        _ => signed_check,
    };
    // An unsigned result carries what holds of its camera now.
    let marks =
        reviewed_result.as_ref().map(|result| result.marks_by(camera_check.as_ref().or(result.camera_check.as_ref())));
    let summary = SessionSummary { marks: marks.unwrap_or_default(), ..summary };
    let fingerprint = reviewed_result.as_ref().filter(|_| whole).map(review::fingerprint).transpose()?;
    Ok(SessionDetail {
        summary,
        settings,
        counted_result,
        reviewed_result,
        store: row.store.filter(|_| row.sequence.is_some()),
        fingerprint,
        reclassified,
        red_reclassified,
        looked_at,
        camera_check,
        signature,
        delta: None,
        needs_second: false,
        acknowledged,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_does_not_read_every_cell_to_count_the_changed_ones() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let plan = store.read(|transaction| {
            let plan = format!("EXPLAIN QUERY PLAN {RECLASSIFIED}");
            Ok(transaction.query_row(&plan, [1], |row| row.get::<_, String>(3))?)
        });
        let plan = plan.unwrap();
        assert!(plan.contains("COVERING INDEX cell_by_person"), "{plan}");
    }
}
