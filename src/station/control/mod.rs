//! Quality control while the station runs: judges controls that were counted, checks stored cells, and says whether samples
//! may be signed.

mod judging;
mod reference;
mod standing;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;

use self::judging::Found;
pub use self::reference::{NoReference, Reference};
pub use self::standing::{LotStanding, Standing};
use crate::config::{ControlRequired, QualityControlConfig};
use crate::counting::quality_control::judge::Tallied;
use crate::counting::quality_control::{
    Cause, ControlKind, ControlLot, ControlMark, ControlRun, ControlState, Target, limits,
};
use crate::domain::label::Label;
use crate::station::in_force::InForce;
use crate::station::trouble::{Part, Troubles};
use crate::store::{Store, StoreError};
use crate::system::stop::Stop;
use crate::system::threads::thread;
use crate::vision::Vision;

/// Runs of a lot that are looked at.
pub const MOST_RUNS: u32 = 500;

/// How often it is looked whether a control was counted or is due.
const ROUNDS: Duration = Duration::from_secs(1);

/// Reference cells of a label that limits are made for, at least.
const FEWEST_REFERENCE: u32 = 20;

/// Why a control is not run or taught.
#[derive(Debug, thiserror::Error)]
pub enum NotControlled {
    #[error("no lot {0} is in use; define one first")]
    NoLot(i64),
    #[error("lot {0} expired on {1}; open a new lot and define it")]
    Expired(String, jiff::civil::Date),
    #[error("lot {0} is a slide: begin its count on the page")]
    Slide(String),
    #[error("the networks do not run yet; wait a moment")]
    NoNetworks,
    #[error("reference cells are being checked already; wait for it")]
    Busy,
    #[error("lot {lot} has {runs} valid runs, and limits take {enough}: count on, best one a day; {wrong}", enough = limits::ENOUGH_RUNS)]
    FewRuns {
        lot: String,
        runs: usize,
        /// What else keeps the limits from being learned.
        wrong: &'static str,
    },
    #[error(transparent)]
    Reference(#[from] NoReference),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Quality control of a station; clones lead to the same.
#[derive(Clone, Debug)]
pub struct Controls(Arc<Places>);

#[derive(Debug)]
struct Places {
    rules: QualityControlConfig,
    store: Store,
    in_force: InForce,
    /// Held while runs are judged: each once, and in order.
    judging: Mutex<()>,
    /// Stored cells that somebody asked to be checked: lot and who.
    asked: Mutex<Option<(i64, String)>>,
}

impl Controls {
    /// By these rules, with what is in force.
    #[must_use]
    pub fn new(rules: QualityControlConfig, store: Store, in_force: InForce) -> Self {
        Self(Arc::new(Places { rules, store, in_force, judging: Mutex::default(), asked: Mutex::default() }))
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &QualityControlConfig {
        &self.0.rules
    }

    /// How quality control stands.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn standing(&self, now: Timestamp) -> Result<Standing, StoreError> {
        self.settle(now)?;
        standing::standing(&self.0.store, &self.0.rules, now, self.asked().is_some())
    }

    /// The same without judging what was counted since: nothing is written.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn as_judged(&self, now: Timestamp) -> Result<Standing, StoreError> {
        standing::standing(&self.0.store, &self.0.rules, now, self.asked().is_some())
    }

    /// The same as it is written beside a result; none if no control is defined and none is required.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn mark(&self, now: Timestamp) -> Result<Option<ControlMark>, StoreError> {
        let standing = self.standing(now)?;
        let said = standing.state != ControlState::NotDefined || self.0.rules.required != ControlRequired::Nothing;
        Ok(said.then(|| standing.mark()))
    }

    /// A lot in use that may be run today.
    ///
    /// # Errors
    /// If there is none of this number, it has expired, or it cannot be read.
    pub fn usable(&self, lot: i64, now: Timestamp) -> Result<ControlLot, NotControlled> {
        let found = self.0.store.control_lots()?.into_iter().find(|found| found.id == lot && found.retired.is_none());
        let found = found.ok_or(NotControlled::NoLot(lot))?;
        match found.lot.expires {
            Some(last) if standing::expired(&found, now) => Err(NotControlled::Expired(found.words(), last)),
            _ => Ok(found),
        }
    }

    /// Judges every control that was counted and not judged yet.
    ///
    /// # Errors
    /// If the store cannot be read or written.
    pub fn settle(&self, now: Timestamp) -> Result<(), StoreError> {
        let _one_at_a_time = self.judging();
        for (session, lot, by) in self.0.store.controls_to_judge()? {
            let Some(lot) = self.lot(lot)? else { continue };
            let Some(run) = self.of_session(session, &lot, by, now)? else { continue };
            self.keep(&run)?;
        }
        Ok(())
    }

    fn lot(&self, id: i64) -> Result<Option<ControlLot>, StoreError> {
        Ok(self.0.store.control_lots()?.into_iter().find(|lot| lot.id == id))
    }

    /// Has the stored cells of a lot checked by the thread of [`start`]; the run shows once it is done.
    ///
    /// # Errors
    /// If it is no lot of cells in use, no folder is configured, or a check goes on already.
    pub fn ask_cells(&self, lot: i64, by: &str, now: Timestamp) -> Result<(), NotControlled> {
        let lot = self.usable(lot, now)?;
        if lot.lot.kind != ControlKind::Cells {
            return Err(NotControlled::Slide(lot.words()));
        }
        self.folder()?;
        let mut asked = self.asked();
        if asked.is_some() {
            return Err(NotControlled::Busy);
        }
        *asked = Some((lot.id, by.to_owned()));
        Ok(())
    }

    /// Checks the stored cells of a lot now; takes a while. A reference that cannot be read is a run that failed.
    ///
    /// # Errors
    /// If it is no lot of cells in use, or the store cannot be read or written.
    pub fn check_cells(
        &self,
        lot: i64,
        by: &str,
        vision: &Vision,
        now: Timestamp,
        stop: &Stop,
    ) -> Result<ControlRun, NotControlled> {
        let lot = self.usable(lot, now)?;
        if lot.lot.kind != ControlKind::Cells {
            return Err(NotControlled::Slide(lot.words()));
        }
        let mut causes = Vec::new();
        let mut words = None;
        let mut right: BTreeMap<Label, [u32; 2]> = BTreeMap::new();
        match self.folder().and_then(|folder| Ok(Reference::read(&folder)?.named_right(vision, stop)?)) {
            Ok(found) => right = found,
            Err(NotControlled::Reference(problem)) => {
                causes.push(Cause::Unreadable);
                words = Some(problem.to_string());
            }
            Err(problem) => return Err(problem),
        }
        let tallied: Vec<Tallied> = lot
            .lot
            .targets
            .keys()
            .map(|chart| {
                let [count, of] =
                    chart.parse().ok().and_then(|label: Label| right.get(&label)).copied().unwrap_or_default();
                Tallied { chart: chart.clone(), count, of }
            })
            .collect();
        let missing: Vec<&str> =
            tallied.iter().filter(|tallied| tallied.of == 0).map(|tallied| tallied.chart.as_str()).collect();
        if causes.is_empty() && !missing.is_empty() {
            causes.push(Cause::ClassesMissing);
            words = Some(format!("no cell of {} in the reference", missing.join(", ")));
        }
        let cells = tallied.iter().map(|tallied| tallied.of).sum();
        let found = Found {
            session: None,
            at: Timestamp::now(),
            by: by.to_owned(),
            cells,
            tallied,
            look: None,
            calibration: None,
            kinds: [cells, 0, 0],
            causes,
            words,
        };
        let _one_at_a_time = self.judging();
        Ok(self.keep(&self.judged(&lot, found, now)?)?)
    }

    /// Share of the stored cells that are named right, by label: what a new lot may take as its reference.
    ///
    /// # Errors
    /// If there is no folder, or its cells cannot be read or named.
    pub fn cell_targets(&self, vision: &Vision, stop: &Stop) -> Result<BTreeMap<String, Target>, NotControlled> {
        let right = Reference::read(&self.folder()?)?.named_right(vision, stop)?;
        let target = |[right, of]: [u32; 2]| Target::Chance {
            percent: 100.0 * f64::from(right) / f64::from(of.max(1)),
            // So that one cell that is named wrong later does not fall out of all limits.
            cells: Some(of.max(FEWEST_REFERENCE)),
        };
        Ok(right.into_iter().map(|(label, found)| (label.to_string(), target(found))).collect())
    }

    /// Learns mean and SD of a slide's charts from its valid runs.
    ///
    /// # Errors
    /// If there is no such lot, it has limits already, or too few runs.
    pub fn learn(&self, lot: i64, by: &str, now: Timestamp) -> Result<ControlLot, NotControlled> {
        let lot = self.usable(lot, now)?;
        let runs = self.0.store.control_runs(Some(lot.id), MOST_RUNS)?;
        // Failed light or focus is no figure to learn from.
        let valid: Vec<&ControlRun> = runs.iter().filter(|run| run.is_valid() && run.causes.is_empty()).collect();
        let few = |wrong| NotControlled::FewRuns { lot: lot.words(), runs: valid.len(), wrong };
        if !lot.learns() {
            return Err(few("this lot has its limits"));
        }
        let mut targets = Vec::new();
        for (chart, _) in lot.lot.targets.iter().filter(|(_, target)| **target == Target::Learning) {
            let counts: Vec<(u32, u32)> = valid
                .iter()
                .filter_map(|run| run.values.iter().find(|value| value.chart == *chart))
                .map(|value| (value.count, value.of))
                .collect();
            let (mean, sd) = limits::learned(&counts).ok_or_else(|| few("runs that failed do not count"))?;
            targets.push((chart.clone(), Target::Normal { mean, sd }));
        }
        Ok(self.0.store.set_control_targets(lot.id, &targets, by, now)?)
    }

    fn folder(&self) -> Result<PathBuf, NotControlled> {
        self.0.rules.reference.clone().ok_or(NotControlled::Reference(NoReference::NotConfigured))
    }

    fn judging(&self) -> MutexGuard<'_, ()> {
        self.0.judging.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asked(&self) -> MutexGuard<'_, Option<(i64, String)>> {
        self.0.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One round: judges, checks cells that were asked for, and says what is wrong.
    fn round(&self, stop: &Stop) -> Option<String> {
        let asked = self.asked().clone();
        if let Some((lot, by)) = asked {
            let vision = self.0.in_force.vision().ok_or(NotControlled::NoNetworks);
            let done = vision.and_then(|vision| self.check_cells(lot, &by, &vision, Timestamp::now(), stop));
            *self.asked() = None;
            if let Err(problem) = done {
                log::error!("reference cells: {problem}");
            }
        }
        match self.standing(Timestamp::now()) {
            Ok(standing) => standing.trouble(),
            Err(problem) => Some(problem.to_string()),
        }
    }
}

/// Starts the thread that judges controls and reports what is wrong; it ends with the stop.
///
/// # Errors
/// If the thread cannot be started.
pub fn start(controls: Controls, troubles: &Troubles, stop: Stop) -> io::Result<JoinHandle<()>> {
    let trouble = troubles.reporter(Part::QualityControl);
    thread("control", move || {
        while !stop.wait(ROUNDS) {
            trouble(controls.round(&stop));
        }
    })
}
