//! The white cells of one camera and objective, over all sessions.

use rusqlite::{OptionalExtension as _, params};

use super::records::SessionId;
use super::text::read_class;
use super::{Store, StoreError, amendment, quickly};
use crate::domain::class::CellClass;
use crate::domain::red_cell_colour::RedCellColour;
use crate::vision::optics::calibration::Setup;

/// Sessions with a result that were counted with camera `?1` and objective `?2`.
const TAKEN: &str = "session.state = 'done' AND session.control IS NULL AND json_valid(session.settings) \
    AND json_extract(session.settings, '$.taken_with.camera') = ?1 \
    AND json_extract(session.settings, '$.taken_with.objective') = ?2";

impl Store {
    /// The cells of this camera and objective that a person looked at, whose pictures are kept, and from which a network can
    /// learn: session, and the class it may learn them as. Without those given no class (UNK), those taken out as artefacts, those
    /// of a class that no network answers, and those seen quickly.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn looked_at_with(&self, of: &Setup) -> Result<Vec<(SessionId, CellClass)>, StoreError> {
        self.read(|transaction| {
            let not_quickly = quickly::not_quickly(transaction)?;
            let mut select = transaction.prepare_cached(&format!(
                "SELECT cell.session, cell.person_class FROM session JOIN cell ON cell.session = session.id WHERE {TAKEN} \
                 AND cell.person_class IS NOT NULL AND cell.kind = 'WBC' AND NOT cell.withdrawn AND {not_quickly} AND NOT {} \
                 AND EXISTS (SELECT 1 FROM crop WHERE crop.session = cell.session AND crop.number = cell.number) \
                 ORDER BY cell.session, cell.number",
                amendment::is_amended(transaction)?
            ))?;
            let rows = select.query_map(params![of.camera, of.objective], |row| {
                Ok((row.get(0)?, row.get::<_, String>(1)?))
            })?;
            let mut found = Vec::new();
            for row in rows {
                let (session, class) = row?;
                found.extend(read_class(&class)?.learned_as().map(|class| (session, class)));
            }
            Ok(found)
        })
    }

    /// Colour of the red cells of a session's result, by which its crops are brought to the classifier's colours; none where
    /// it is not kept.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn red_cell_density(&self, session: SessionId) -> Result<Option<RedCellColour>, StoreError> {
        self.read(|transaction| {
            let mut select = transaction
                .prepare_cached("SELECT json_extract(snapshot, '$.red_cell_density') FROM result WHERE session = ?1")?;
            let found: Option<Option<String>> = select.query_row([session], |row| row.get(0)).optional()?;
            Ok(found.flatten().map(|text| serde_json::from_str(&text)).transpose()?)
        })
    }

    /// The newest sessions of this camera and objective whose result is not signed, so that their cells can still be given
    /// classes: at most `most`, newest first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn open_for_review_with(&self, of: &Setup, most: u32) -> Result<Vec<SessionId>, StoreError> {
        self.read(|transaction| {
            let mut select = transaction.prepare_cached(&format!(
                "SELECT session.id FROM session WHERE {TAKEN} \
                 AND NOT EXISTS (SELECT 1 FROM signature WHERE signature.session = session.id) \
                 ORDER BY session.id DESC LIMIT ?3"
            ))?;
            let rows = select.query_map(params![of.camera, of.objective, most], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}
