//! Decides which state changes are worth an update to a receiver.

use crate::counting::session::snapshot::Snapshot;
use crate::vision::quality::Verdict;

/// The parts of the frame quality worth an update: the verdict, the focus in the twenty steps of a bar, and the number of
/// frames refused.
fn looks(state: &Snapshot) -> (Option<(Verdict, u8)>, u64) {
    let quality = state.quality.map(|quality| (quality.verdict, (quality.focus * 20.0).round() as u8));
    (quality, state.frames.refused.total())
}

/// How much a state differs from the last one sent to a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::outputs) enum Difference {
    None,
    /// Counts: sent at the interval of the config.
    Small,
    /// Sample, phase or trouble: sent at once.
    Great,
}

impl Difference {
    /// Compares `state` with the last state sent.
    pub(in crate::outputs) fn between(sent: Option<&Snapshot>, state: &Snapshot) -> Self {
        let Some(sent) = sent else { return Self::Great };
        if (&sent.sample, sent.phase, sent.ending, &sent.trouble)
            != (&state.sample, state.phase, state.ending, &state.trouble)
        {
            Self::Great
        } else if (sent.started, sent.target, sent.counted, sent.kinds)
            != (state.started, state.target, state.counted, state.kinds)
            || sent.classes != state.classes
            || sent.flags != state.flags
            || looks(sent) != looks(state)
        {
            Self::Small
        } else {
            Self::None
        }
    }
}
