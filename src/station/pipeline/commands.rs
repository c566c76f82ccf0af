//! Commands from people and serial hosts. The audit trail says who gave them.

use jiff::Timestamp;
use serde_json::json;

use super::Counting;
use super::keeping::NextSample;
use super::rate::Rate;
use crate::counting::quality_control::ControlOf;
use crate::counting::session::sample;
use crate::counting::session::snapshot::{Command, Ending, Phase};
use crate::counting::statistics::absolute::Entered;
use crate::station::requests::Asked;
use crate::store::records::SessionStart;
use crate::vision::quality::Gate;

impl Counting {
    pub(super) fn command(&mut self, Asked { by, command }: Asked) {
        if self.unkept.is_some() && matches!(command, Command::Start | Command::NewSample(_) | Command::Control(_)) {
            log::warn!("{command:?} is not done while the last result could not be kept");
            return;
        }
        match command {
            Command::Start if self.session.phase() == Phase::Counting => {}
            Command::Start => self.begin(None, None, by),
            Command::Stop => self.end(Ending::Stopped, Some(by)),
            Command::NewSample(id) => {
                self.end(Ending::Stopped, Some(by.clone()));
                // The new sample begins even if the last field reached the target before this stop did.
                self.next = Some(NextSample { id, by });
                self.begin_next();
            }
            // Another sample may have begun since it was sent.
            Command::EnterFor(sample, entered) if sample != self.session.sample() => {
                log::warn!("{entered:?} of sample {sample} is not used: another sample is counted");
            }
            Command::Enter(entered) | Command::EnterFor(_, entered) => self.enter(entered, &by),
            // A sample being counted is never ended by a control.
            Command::Control(of) if self.session.phase() == Phase::Counting => {
                log::warn!("the control {} is not counted: a sample is", of.lot);
            }
            Command::Control(of) => self.begin(Some(of.sample()), Some(of), by),
            Command::GoOn(session) => self.go_on(session, by),
        }
        self.publish();
    }

    fn enter(&mut self, entered: Entered, by: &str) {
        // Told once: a host may send the same one again and again.
        if self.noted.contains(&entered) {
            log::debug!("{entered:?} was entered already");
        } else if self.session.enter(&entered, by, Timestamp::now()) {
            let (what, detail) = match &entered {
                Entered::Red(count) => ("red count", json!({"red_count": count.tera_per_litre()})),
                Entered::White(count) => ("white count", json!({"white_count": count.giga_per_litre()})),
                Entered::Group(group) => ("group", json!({"group": group})),
            };
            self.connections.recorder.note(by, what, detail);
            self.note_entered(entered);
        } else {
            log::warn!("{entered:?} is not used: its sample ended before it arrived");
        }
    }

    /// Remembers what the trail holds.
    pub(super) fn note_entered(&mut self, entered: Entered) {
        let (kind, _) = entered.told();
        self.noted.retain(|other| other.told().0 != kind);
        self.noted.push(entered);
    }

    pub(super) fn begin(&mut self, id: Option<String>, control: Option<ControlOf>, by: String) {
        let now = Timestamp::now();
        let id = id.unwrap_or_else(|| self.nameless(now));
        self.session.begin(Some(id), now);
        self.counter.begin(Gate::new(self.connections.gate));
        self.forget_the_last();
        self.control = control;
        let snapshot = self.session.snapshot(Timestamp::now());
        log::info!("sample {}: counting to {}", snapshot.sample, snapshot.target);
        self.look_up_earlier(&snapshot.sample);
        let settings = self.settings();
        self.look_up_check(settings.taken_with.as_ref());
        self.connections.recorder.begin(SessionStart {
            sample: snapshot.sample,
            station: self.station.clone(),
            started: snapshot.started.unwrap_or(snapshot.time),
            settings,
            by,
            control: self.control.as_ref().map(|of| of.id),
        });
    }

    /// Forgets everything about the sample before.
    pub(super) fn forget_the_last(&mut self) {
        self.detected = None;
        self.view.begin();
        self.fields.begin();
        self.at_start = self.connections.camera.counts();
        self.used = 0;
        self.failed = 0;
        self.judged.begin();
        self.control = None;
        self.rate = Rate::default();
        self.noted.clear();
        self.red_cells = None;
        self.named_with = self.vision.profile().cloned();
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
