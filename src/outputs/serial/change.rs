//! Which changes of a state are worth a line.

use crate::counting::session::snapshot::Snapshot;
use crate::vision::quality::Verdict;

/// What of the picture's quality is worth a line: the verdict, the focus as a bar of twenty shows it, and frames refused.
fn looks(state: &Snapshot) -> (Option<(Verdict, u8)>, u64) {
    let quality = state.quality.map(|quality| (quality.verdict, (quality.focus * 20.0).round() as u8));
    (quality, state.frames.refused.total())
}

/// How much a state differs from the one the host knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Difference {
    None,
    /// Counts: told at the pace of the config.
    Small,
    /// Sample, phase or trouble: told at once.
    Great,
}

impl Difference {
    /// What of `state` the host does not know from the state it was `told`.
    pub(super) fn between(told: Option<&Snapshot>, state: &Snapshot) -> Self {
        let Some(told) = told else { return Self::Great };
        if (&told.sample, told.phase, told.ending, &told.trouble)
            != (&state.sample, state.phase, state.ending, &state.trouble)
        {
            Self::Great
        } else if (told.started, told.target, told.counted, told.kinds)
            != (state.started, state.target, state.counted, state.kinds)
            || told.classes != state.classes
            || told.flags != state.flags
            || looks(told) != looks(state)
        {
            Self::Small
        } else {
            Self::None
        }
    }
}
