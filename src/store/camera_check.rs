//! Whether the camera of a result was checked: how far people who looked at its cells agree with the program.

use rusqlite::{Transaction, params};

use super::records::Settings;
use super::{Store, StoreError, StoreProblem, amendment, quickly};
use crate::counting::session::snapshot::CameraCheck;
use crate::vision::optics::calibration::Setup;

/// Cells of one camera and objective that a person looked at (seen quickly is not looked at), and how many of them have the
/// program's class; once the cells of a signed session are deleted, what was stored of them. Not those that an amendment has
/// now.
const LOOKED_AT: &str = "\
    taken AS (SELECT id, reclassified, cells_removed FROM session WHERE state = 'done' AND json_valid(settings) \
    AND json_extract(settings, '$.taken_with.camera') = ?1 AND json_extract(settings, '$.taken_with.objective') = ?2 \
    AND id NOT IN (SELECT id FROM amended)), \
    kept AS (SELECT count(*) AS cells, coalesce(sum(person_class IS class), 0) AS agree FROM taken \
    JOIN cell ON cell.session = taken.id WHERE person_class IS NOT NULL AND kind = 'WBC' AND NOT_QUICKLY), \
    gone AS (SELECT coalesce(sum(cells), 0) AS cells, coalesce(sum(max(cells - reclassified, 0)), 0) AS agree FROM \
    (SELECT json_extract(signature.snapshot, '$.looked_at.cells') AS cells, coalesce(taken.reclassified, 0) AS reclassified \
    FROM taken JOIN signature ON signature.session = taken.id WHERE cells_removed IS NOT NULL)) \
    SELECT kept.cells + gone.cells, kept.agree + gone.agree FROM kept, gone";

impl Store {
    /// How far people agree with the program on the cells of this camera and objective, in all results of this store.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn camera_check(&self, of: &Setup) -> Result<CameraCheck, StoreError> {
        self.read(|transaction| check(transaction, of))
    }
}

/// The check of the camera that these settings name; `None` if they are of a version that did not store it.
pub(super) fn of_settings(
    transaction: &Transaction<'_>,
    settings: Option<&Settings>,
) -> Result<Option<CameraCheck>, StoreProblem> {
    settings.and_then(|settings| settings.taken_with.as_ref()).map(|of| check(transaction, of)).transpose()
}

fn check(transaction: &Transaction<'_>, of: &Setup) -> Result<CameraCheck, StoreProblem> {
    let looked_at = LOOKED_AT.replace("NOT_QUICKLY", &quickly::not_quickly(transaction)?);
    let is_amended = amendment::is_amended(transaction)?;
    let sql = format!("WITH amended AS (SELECT id FROM session WHERE {is_amended}), {looked_at}");
    let mut select = transaction.prepare_cached(&sql)?;
    let (cells, agree) = select.query_row(params![of.camera, of.objective], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(CameraCheck::new(of.camera.clone(), of.objective.clone(), cells, agree))
}
