//! From what a control found to a run as it is kept.

use jiff::Timestamp;

use super::{Controls, MOST_RUNS, standing};
use crate::counting::quality_control::judge::{self, Tallied};
use crate::counting::quality_control::{Cause, ChartValue, ControlLot, ControlRun, Look, QualityControl};
use crate::store::StoreError;
use crate::store::records::SessionId;

/// What a run found, before it is judged.
pub(super) struct Found {
    pub(super) session: Option<SessionId>,
    pub(super) at: Timestamp,
    pub(super) by: String,
    /// Cells it is judged by.
    pub(super) cells: u32,
    pub(super) tallied: Vec<Tallied>,
    pub(super) look: Option<Look>,
    pub(super) calibration: Option<String>,
    pub(super) kinds: [u32; 3],
    pub(super) causes: Vec<Cause>,
    pub(super) words: Option<String>,
}

impl Controls {
    pub(super) fn keep(&self, run: &ControlRun) -> Result<ControlRun, StoreError> {
        let run = self.0.store.add_control_run(run)?;
        let broken: Vec<String> = run.broken().iter().map(|(rule, chart)| format!("{} {chart}", rule.code())).collect();
        log::info!(
            "control run {} of lot {}: {:?} {:?} {}",
            run.id,
            run.lot_name,
            run.outcome,
            run.causes,
            broken.join(", ")
        );
        Ok(run)
    }

    /// The run of a counted slide; `None` if its result is not there.
    pub(super) fn of_session(
        &self,
        session: SessionId,
        lot: &ControlLot,
        by: String,
        now: Timestamp,
    ) -> Result<Option<ControlRun>, StoreError> {
        let Some(detail) = self.0.store.session(session)? else { return Ok(None) };
        let Some(result) = detail.counted_result else { return Ok(None) };
        let look = match &result.quality_control {
            Some(QualityControl::Run { look, .. }) => *look,
            _ => Look::default(),
        };
        let tallied = judge::of_slide(lot, &result.classes, result.counted);
        let calibration = detail.settings.and_then(|settings| settings.calibration);
        let found = Found {
            session: Some(session),
            at: result.time,
            by,
            cells: result.counted,
            tallied,
            look: Some(look),
            calibration,
            kinds: [result.kinds.wbc, result.kinds.rbc, result.kinds.plt],
            causes: Vec::new(),
            words: None,
        };
        self.judged(lot, found, now).map(Some)
    }

    pub(super) fn judged(&self, lot: &ControlLot, found: Found, now: Timestamp) -> Result<ControlRun, StoreError> {
        let Found { session, at, by, cells, tallied, look, calibration, kinds, mut causes, words } = found;
        let before = self.0.store.control_runs(Some(lot.id), MOST_RUNS)?;
        let since = standing::since(&self.0.rules, at);
        let try_number = 1 + before.iter().filter(|run| run.at >= since).count() as u32;
        let levels = self.other_levels(lot, since)?;
        if cells < self.0.rules.fewest_cells {
            causes.push(Cause::TooFewCells);
        }
        if standing::expired(lot, now) {
            causes.push(Cause::LotExpired);
        }
        let values = judge::values(lot, &tallied, &before, &levels);
        let counts = |values: &[ChartValue]| -> Vec<u32> { values.iter().map(|value| value.count).collect() };
        // Of a slide thousands of cells are counted: another count never gives the same three numbers and all the classes.
        let same = |run: &&ControlRun| run.kinds == kinds && counts(&run.values) == counts(&values);
        let twin = before.iter().filter(|_| session.is_some() && cells > 0).find(same).map(|run| run.id);
        if twin.is_some() {
            causes.push(Cause::SamePictures);
        }
        let words = words.or(twin.map(|run| format!("the same figures as run {run}")));
        let in_force = self.0.in_force.now();
        // Only the calibration that the run was counted with says what its scale should be.
        let calibrated = in_force.calibration.as_ref().filter(|_| in_force.settings.calibration == calibration);
        let first = before.iter().find(|run| run.outcome.passes() && run.calibration == calibration);
        let look_checks = look.as_ref().map_or_else(Vec::new, |look| {
            let scale = calibrated.and_then(|calibrated| calibrated.um_per_px);
            judge::look_checks(look, scale, first.and_then(|run| run.look.as_ref()), &self.0.rules)
        });
        causes.extend(look_checks.iter().filter(|check| !check.good).map(|check| check.what));
        let outcome = judge::outcome(lot.learns(), &values, &causes);
        Ok(ControlRun {
            id: 0,
            lot: lot.id,
            lot_name: lot.lot.name.clone(),
            level: lot.lot.level,
            session,
            at,
            by,
            try_number,
            outcome,
            causes,
            values,
            look,
            look_checks,
            calibration,
            kinds,
            words,
        })
    }

    /// The latest runs of the lot's other levels since the control was due: they are of the same run.
    fn other_levels(&self, lot: &ControlLot, since: Timestamp) -> Result<Vec<ControlRun>, StoreError> {
        let others = self.0.store.control_lots()?.into_iter().filter(|other| {
            other.retired.is_none() && other.lot.name == lot.lot.name && other.lot.level != lot.lot.level
        });
        let mut runs = Vec::new();
        for other in others {
            runs.extend(self.0.store.control_runs(Some(other.id), 1)?.pop().filter(|run| run.at >= since));
        }
        Ok(runs)
    }
}
