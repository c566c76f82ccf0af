//! What the station has done since the program started, for monitoring. The counting thread adds to it; nothing is
//! ever taken back, so that rates can be computed.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use crate::counting::session::snapshot::{Ending, Snapshot};
use crate::domain::class::{CellClass, Kind};
use crate::domain::flag::Flag;
use crate::system::timing::Stage;
use crate::vision::quality::Verdict;

/// Name and value of a label.
pub(crate) type Label = [(&'static str, &'static str); 1];

/// Upper ends of the classes of stage times, s: from a fast PC's light correction to a whole frame on the slowest board.
const TIMES: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0];

/// Counts since the program started; clones share them.
#[derive(Clone, Debug)]
pub struct Tallies {
    /// Frames by `fate`: those the vision used, and those it failed on.
    pub(crate) frames: Family<Label, Counter>,
    /// Of the frames used, those that did not count, by `reason`.
    pub(crate) refused: Family<Label, Counter>,
    /// Seconds that each `stage` took.
    pub(crate) stages: Family<Label, Histogram>,
    /// Cells of stored results, by `kind`.
    pub(crate) cells: Family<Label, Counter>,
    /// White cells of stored results, by `class`.
    pub(crate) white: Family<Label, Counter>,
    /// Stored results, by `ending` of their count.
    pub(crate) results: Family<Label, Counter>,
    /// Stored results with a `flag`.
    pub(crate) flagged: Family<Label, Counter>,
}

impl Default for Tallies {
    fn default() -> Self {
        let tallies = Self {
            frames: Family::default(),
            refused: Family::default(),
            stages: Family::new_with_constructor(|| Histogram::new(TIMES)),
            cells: Family::default(),
            white: Family::default(),
            results: Family::default(),
            flagged: Family::default(),
        };
        // All there at 0 from the start: of a series that begins with 1, Prometheus sees no increase.
        let begin = |family: &Family<Label, Counter>, name, values: &mut dyn Iterator<Item = &'static str>| {
            values.for_each(|value| drop(family.get_or_create(&[(name, value)])));
        };
        begin(&tallies.frames, "fate", &mut ["used", "failed"].into_iter());
        begin(&tallies.refused, "reason", &mut Verdict::REFUSALS.into_iter().map(Verdict::code));
        begin(&tallies.cells, "kind", &mut Kind::ALL.into_iter().map(Kind::code));
        begin(
            &tallies.white,
            "class",
            &mut CellClass::ALL.iter().filter(|class| is_white(**class)).map(|class| class.code()),
        );
        begin(&tallies.results, "ending", &mut Ending::ALL.into_iter().map(Ending::code));
        begin(&tallies.flagged, "flag", &mut Flag::ALL.iter().map(|flag| flag.code()));
        for stage in Stage::ALL {
            drop(tallies.stages.get_or_create(&[("stage", stage.name())]));
        }
        tallies
    }
}

/// White cells as the program names them: results are stored before anybody reviews them.
fn is_white(class: CellClass) -> bool {
    class != CellClass::Plt && !class.by_people_alone()
}

impl Tallies {
    /// A frame was used; `refused` says why it did not count, if so.
    pub(crate) fn used(&self, refused: Option<Verdict>, times: &[(Stage, Duration)]) {
        self.frames.get_or_create(&[("fate", "used")]).inc();
        if let Some(verdict) = refused {
            self.refused.get_or_create(&[("reason", verdict.code())]).inc();
        }
        for (stage, took) in times {
            self.stages.get_or_create(&[("stage", stage.name())]).observe(took.as_secs_f64());
        }
    }

    /// The vision failed on a frame.
    pub(crate) fn failed(&self) {
        self.frames.get_or_create(&[("fate", "failed")]).inc();
    }

    /// A result was stored.
    pub fn result(&self, result: &Snapshot) {
        for kind in Kind::ALL {
            self.cells.get_or_create(&[("kind", kind.code())]).inc_by(result.kinds.get(kind).into());
        }
        for line in result.classes.iter().filter(|line| is_white(line.class)) {
            self.white.get_or_create(&[("class", line.class.code())]).inc_by(line.count.into());
        }
        if let Some(ending) = result.ending {
            self.results.get_or_create(&[("ending", ending.code())]).inc();
        }
        for flag in &result.flags {
            self.flagged.get_or_create(&[("flag", flag.code())]).inc();
        }
    }
}
