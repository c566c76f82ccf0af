//! Commands from people and serial hosts. The audit trail says who gave them.

use jiff::Timestamp;
use serde_json::json;

use super::Counting;
use super::keeping::NextSample;
use super::rate::Rate;
use crate::counting::session::sample;
use crate::counting::session::snapshot::{Command, Ending, Phase};
use crate::counting::statistics::per_red_cell::RedCount;
use crate::station::requests::Asked;
use crate::store::records::SessionStart;
use crate::vision::quality::Gate;

impl Counting {
    pub(super) fn command(&mut self, Asked { by, command }: Asked) {
        if self.unkept.is_some() && matches!(command, Command::Start | Command::NewSample(_)) {
            log::warn!("{command:?} is not done while the last result could not be kept");
            return;
        }
        match command {
            Command::Start if self.session.phase() == Phase::Counting => {}
            Command::Start => self.begin(None, by),
            Command::Stop => self.end(Ending::Stopped, Some(by)),
            Command::NewSample(id) => {
                self.end(Ending::Stopped, Some(by.clone()));
                // The new sample begins even if the last field reached the target before this stop did.
                self.next = Some(NextSample { id, by });
                self.begin_next();
            }
            Command::RedCount(count) => self.red_count(count, &by),
            // Another sample may have begun since it was sent.
            Command::RedCountOf(sample, _) if sample != self.session.sample() => {
                log::warn!("the red count of sample {sample} is not used: another sample is counted");
            }
            Command::RedCountOf(_, count) => self.red_count(count, &by),
            Command::GoOn(session) => self.go_on(session, by),
        }
        self.publish();
    }

    fn red_count(&mut self, count: RedCount, by: &str) {
        if !self.session.set_red_count(count) {
            log::warn!("a red count is not used: its sample ended before it arrived");
        } else if self.red_noted.replace(count) != Some(count) {
            // Noted once: a host may send the same one again and again.
            let detail = json!({"red_count": count.tera_per_litre()});
            self.connections.recorder.note(by, "red count", detail);
        }
    }

    pub(super) fn begin(&mut self, id: Option<String>, by: String) {
        let now = Timestamp::now();
        let id = id.unwrap_or_else(|| self.nameless(now));
        self.session.begin(Some(id), now);
        self.counter.begin(Gate::new(self.connections.gate));
        self.forget_the_last();
        let snapshot = self.session.snapshot(Timestamp::now());
        log::info!("sample {}: counting to {}", snapshot.sample, snapshot.target);
        self.look_up_earlier(&snapshot.sample);
        self.connections.recorder.begin(SessionStart {
            sample: snapshot.sample,
            station: self.station.clone(),
            started: snapshot.started.unwrap_or(snapshot.time),
            settings: self.settings(),
            by,
        });
    }

    /// Forgets everything about the sample before.
    pub(super) fn forget_the_last(&mut self) {
        self.detected = None;
        self.view.begin();
        self.at_start = self.connections.camera.counts();
        self.used = 0;
        self.failed = 0;
        self.judged.begin();
        self.rate = Rate::default();
        self.red_noted = None;
        self.red_cells = None;
        self.named_with = self.vision.profile().cloned();
        self.camera_check = None;
    }

    /// An id that no other sample of this station has. One of this second may not be in the store yet.
    fn nameless(&mut self, now: Timestamp) -> String {
        let made = &self.made;
        let recorder = &self.connections.recorder;
        let id = sample::nameless(now, |id| made.iter().any(|made| made == id) || recorder.has_sample(id, now));
        let second = sample::nameless(now, |_| false);
        self.made.retain(|made| made.starts_with(&second));
        self.made.push(id.clone());
        id
    }
}
