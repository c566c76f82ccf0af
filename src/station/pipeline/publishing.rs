//! The state of the count for every sink.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use super::Counting;
use crate::counting::quality_control::QualityControl;
use crate::counting::session::snapshot::{FrameCounts, Phase, Snapshot};

impl Counting {
    pub(super) fn snapshot(&self) -> Snapshot {
        let now = self.connections.camera.counts();
        let mut snapshot = Snapshot {
            frames: FrameCounts {
                used: self.used,
                skipped: now.skipped.saturating_sub(self.at_start.skipped),
                damaged: now.damaged.saturating_sub(self.at_start.damaged),
                refused: self.judged.refused,
                failed: self.failed,
            },
            trouble: self.connections.troubles.worst(),
            frame_rate: self.rate.per_second(),
            stages: self.counter.times(),
            um_per_px: self.um_per_px,
            red_cell_density: self.red_cells,
            quality: self.judged.newest,
            earlier: self.earlier.clone(),
            camera_check: self.camera_check.clone(),
            quality_control: self
                .control
                .clone()
                .map(|of| QualityControl::Run { of, look: self.judged.look(self.um_per_px, self.used) }),
            source: self.current.settings.source,
            training: self.current.settings.training,
            ..self.session.snapshot(Timestamp::now())
        };
        if snapshot.is_control() {
            // A control is nobody's blood, whatever it was made from: no alarm.
            snapshot.critical.clear();
        }
        snapshot.mark_experimental(self.vision.experimental());
        // A finished result keeps the profile it was counted with, whatever is switched on since.
        snapshot.profile = match snapshot.phase {
            Phase::Waiting => self.vision.profile().cloned(),
            Phase::Counting | Phase::Done => self.named_with.clone(),
        };
        snapshot
    }

    /// Publishes the state to every sink. A result that is not on disk could still be lost, so until it is stored the
    /// sinks keep showing the state from before the count ended.
    pub(super) fn publish(&mut self) {
        let waiting = self.next.as_ref().map(|next| next.id.as_deref().unwrap_or_default());
        let counting = (self.session.phase() == Phase::Counting).then(|| self.session.sample());
        self.connections.running.settle(waiting.or(counting), &self.connections.commands);
        let snapshot = if let Some(before) = self.state.as_deref().filter(|_| self.unkept.is_some()) {
            Snapshot { trouble: self.connections.troubles.worst(), time: Timestamp::now(), ..before.clone() }
        } else {
            let now = self.snapshot();
            self.as_signed(now)
        };
        let snapshot = Arc::new(snapshot);
        self.state = Some(Arc::clone(&snapshot));
        // First, so that whoever hears of a state from a sink reads no earlier one here.
        self.connections.live.publish(self.connections.recorder.session(), Arc::clone(&snapshot));
        for sink in &self.connections.sinks {
            sink.put(Arc::clone(&snapshot));
        }
        self.published = Instant::now();
    }
}
