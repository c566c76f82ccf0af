//! How quality control stands at one moment.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::config::{ControlRequired, QualityControlConfig};
use crate::counting::quality_control::{
    ControlKind, ControlLot, ControlMark, ControlRun, ControlState, MarkedRun, Outcome, Override,
};
use crate::store::{Store, StoreError};

/// How far the clock may be behind the newest line of the trail: times are set by hand, and corrected by seconds.
const BEHIND: SignedDuration = SignedDuration::from_mins(5);

/// A lot in use, and its latest run.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LotStanding {
    pub lot: ControlLot,
    /// Whether it still learns its limits: it keeps nothing from being signed.
    pub learns: bool,
    /// Whether its last day is over.
    pub expired: bool,
    /// The latest run, however long ago.
    pub last: Option<ControlRun>,
    /// Runs since it was due.
    pub tries: u32,
    pub state: ControlState,
}

/// How quality control stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Standing {
    pub state: ControlState,
    pub required: ControlRequired,
    /// Whether results may be signed now.
    pub may_sign: bool,
    /// Runs before this do not count any more.
    pub since: Timestamp,
    /// Lots in use.
    pub lots: Vec<LotStanding>,
    /// Why signing is open although the control has not passed.
    pub overridden: Option<Override>,
    /// Whether stored cells are being checked.
    pub checking: bool,
    /// Whether a folder of reference cells is configured.
    pub reference: bool,
}

/// The moment from which runs count at `now`: midnight by the station's time, or so many hours ago.
pub(super) fn since(rules: &QualityControlConfig, now: Timestamp) -> Timestamp {
    if rules.valid_hours > 0 {
        return now.checked_sub(SignedDuration::from_hours(rules.valid_hours.into())).unwrap_or(Timestamp::MIN);
    }
    now.to_zoned(TimeZone::system()).start_of_day().map_or(now, |midnight| midnight.timestamp())
}

/// Whether a lot's last day is over at `now`, by the station's time.
pub(super) fn expired(lot: &ControlLot, now: Timestamp) -> bool {
    lot.lot.expires.is_some_and(|last| now.to_zoned(TimeZone::system()).date() > last)
}

pub(super) fn standing(
    store: &Store,
    rules: &QualityControlConfig,
    now: Timestamp,
    checking: bool,
) -> Result<Standing, StoreError> {
    let since = since(rules, now);
    let behind = |at: Timestamp| at.duration_since(now) > BEHIND;
    let doubted = store.last_noted()?.is_some_and(behind);
    let mut lots = Vec::new();
    for lot in store.control_lots()?.into_iter().filter(|lot| lot.retired.is_none()) {
        let tries = store.count_control_runs(lot.id, since, now.checked_add(BEHIND).unwrap_or(now))?;
        let last = store.control_runs(Some(lot.id), 1)?.pop();
        let (learns, expired) = (lot.learns(), expired(&lot, now));
        let state = match &last {
            _ if learns => ControlState::Learning,
            Some(run) if run.outcome == Outcome::Failed => ControlState::Failed,
            Some(run) if run.at >= since && !behind(run.at) && !expired && run.outcome.passes() => ControlState::Passed,
            _ => ControlState::Due,
        };
        lots.push(LotStanding { lot, learns, expired, last, tries, state });
    }
    let of = |state| lots.iter().any(|lot: &LotStanding| lot.state == state);
    let state = if lots.is_empty() {
        ControlState::NotDefined
    } else if doubted {
        ControlState::ClockDoubted
    } else {
        let worst_first = [ControlState::Failed, ControlState::Due, ControlState::Passed];
        worst_first.into_iter().find(|state| of(*state)).unwrap_or(ControlState::Learning)
    };
    // A reason is for what was known when it was written: a run since then, or another day, takes a new one.
    let newest = lots.iter().filter_map(|lot| lot.last.as_ref()).map(|run| run.at).max();
    let overridden = store.last_override()?.filter(|reason| {
        state != ControlState::Passed
            && reason.at >= since
            && !behind(reason.at)
            && newest.is_none_or(|newest| reason.at > newest)
    });
    let may_sign = rules.required != ControlRequired::Sign || state == ControlState::Passed || overridden.is_some();
    Ok(Standing {
        state,
        required: rules.required,
        may_sign,
        since,
        lots,
        overridden,
        checking,
        reference: rules.reference.is_some(),
    })
}

impl Standing {
    /// As it is written beside a result.
    #[must_use]
    pub fn mark(&self) -> ControlMark {
        let runs =
            self.lots.iter().filter(|lot| !lot.learns).filter_map(|lot| lot.last.as_ref()).map(|run| MarkedRun {
                run: run.id,
                at: run.at,
                lot: run.lot_name.clone(),
                level: run.level,
                outcome: run.outcome,
                try_number: run.try_number,
            });
        ControlMark { state: self.state, runs: runs.collect(), overridden: self.overridden.clone() }
    }

    /// What the person at the device must know, in a sentence; `None` if nothing.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let of = |state| self.lots.iter().find(|lot| lot.state == state);
        let words = match self.state {
            ControlState::Failed => of(ControlState::Failed).map(|lot| {
                let broken = lot.last.as_ref().map(failure).unwrap_or_default();
                format!("control failed: lot {}{broken}; see Quality control on the page", lot.lot.words())
            }),
            _ if self.required == ControlRequired::Nothing => None,
            ControlState::Due => of(ControlState::Due).map(|lot| match lot.lot.lot.kind {
                _ if lot.expired => format!("control due, and lot {} expired: define a new lot", lot.lot.words()),
                ControlKind::Slide => format!("control due: count the slide of lot {}", lot.lot.words()),
                ControlKind::Cells => format!("control due: check the reference cells, lot {}", lot.lot.words()),
            }),
            ControlState::ClockDoubted => Some(
                "control: the clock is behind what is stored; set it, or confirm it by `leukoscope clock --confirm`"
                    .to_owned(),
            ),
            ControlState::NotDefined => {
                Some("control due, and no lot is defined: see Quality control on the page".to_owned())
            }
            ControlState::Learning => {
                Some("control due, and its lot has no limits yet; see Quality control on the page".to_owned())
            }
            ControlState::Passed => None,
        };
        words.map(|words| match &self.overridden {
            Some(reason) => format!("{words} (opened by {})", reason.by),
            None => words,
        })
    }
}

/// The worst rule that a run broke, or else why it failed.
fn failure(run: &ControlRun) -> String {
    let cause = run.causes.first().and_then(|cause| serde_json::to_value(cause).ok());
    let cause = cause.and_then(|cause| cause.as_str().map(|cause| cause.replace('-', " ")));
    let rule = run.broken().into_iter().find(|(rule, _)| rule.rejects());
    match (rule, cause) {
        (Some((rule, chart)), _) => format!(", {} {chart}", rule.code()),
        (None, Some(cause)) => format!(", {cause}"),
        (None, None) => String::new(),
    }
}
