//! What a receiver was told as final: no figures from before the review follow it.

use std::sync::Arc;

use crate::counting::session::snapshot::Snapshot;

/// The signed result that one receiver was told last.
#[derive(Debug, Default)]
pub(in crate::outputs) struct Finals(Option<Arc<Snapshot>>);

impl Finals {
    /// The receiver is told a signed result.
    pub(in crate::outputs) fn tell(&mut self, result: Snapshot) {
        self.0 = Some(Arc::new(result));
    }

    /// A state as the receiver may be shown it: with the figures of the signed result, if it was told one of this session. The
    /// counting thread learns of a signature a moment later than a courier may.
    pub(in crate::outputs) fn applied_to(&self, state: &Arc<Snapshot>) -> Arc<Snapshot> {
        match &self.0 {
            Some(result) if (&state.sample, state.started) == (&result.sample, result.started) => {
                let Snapshot { trouble, time, quality, .. } = &**state;
                let (trouble, time, quality) = (trouble.clone(), *time, *quality);
                Arc::new(Snapshot { trouble, time, quality, ..Snapshot::clone(result) })
            }
            _ => Arc::clone(state),
        }
    }
}
