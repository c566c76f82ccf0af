//! Checks the clock and the whole store, and deletes what has been kept too long, while the daemon runs.
//!
//! Nothing is deleted that was not announced in the log some minutes before, and nothing for its age while the clock
//! may be wrong.

use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;

use crate::config::StoreConfig;
use crate::station::trouble::{Part, Troubles};
use crate::store::{ClockVerdict, Due, Notice, Store, StoreError};
use crate::system::clock::synchronised;
use crate::system::stop::Stop;
use crate::system::threads::thread;

/// When rounds take place.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two rounds.
    pub rounds: Duration,
    /// From an announcement to the round that deletes, and between rounds while the clock is doubted.
    pub notice: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        // Short enough for a station that is switched on for one count a day.
        Self { rounds: Duration::from_hours(1), notice: Duration::from_mins(10) }
    }
}

/// Starts the thread; it ends at once with the stop.
///
/// # Errors
/// If the thread cannot be started.
pub fn start(
    store: Store,
    rules: StoreConfig,
    pace: Pace,
    stop: Stop,
    troubles: &Troubles,
) -> io::Result<JoinHandle<()>> {
    let (whole, clock, trouble) =
        (troubles.reporter(Part::Store), troubles.reporter(Part::Clock), troubles.reporter(Part::Retention));
    thread("retention", move || {
        let mut rounds = Rounds { store, rules, pace, doubt: None, clock, trouble };
        // Before the count writes much under a wrong clock.
        rounds.judge_clock(Timestamp::now());
        // Checked here rather than before counting starts, because it reads the whole file, which takes minutes on a
        // memory card.
        if let Err(error) = rounds.store.check_whole(&stop) {
            log::error!("{error}");
            // Nothing is deleted from a damaged store. One that could not be checked may be fine.
            if matches!(error, StoreError::PartlyDamaged { .. }) {
                whole(Some(error.to_string()));
                return;
            }
        }
        // Sessions of versions before are hashed from now on.
        if let Err(error) = rounds.store.take_in_earlier(&stop) {
            log::error!("{error}");
        }
        let mut announced = Notice::default();
        loop {
            announced = rounds.round(announced, Timestamp::now(), &stop);
            let soon = announced != Notice::default() || rounds.doubt.is_some();
            if stop.wait(if soon { pace.notice } else { pace.rounds }) {
                return;
            }
        }
    })
}

struct Rounds<C, T> {
    store: Store,
    rules: StoreConfig,
    pace: Pace,
    /// Why the clock is doubted, as last logged.
    doubt: Option<String>,
    clock: C,
    trouble: T,
}

impl<C: Fn(Option<String>), T: Fn(Option<String>)> Rounds<C, T> {
    /// Deletes what was announced and returns what is announced now.
    fn round(&mut self, announced: Notice, now: Timestamp, stop: &Stop) -> Notice {
        let believed = self.judge_clock(now);
        let done = self.retain(announced, believed, now, stop);
        (self.trouble)(done.as_ref().map_or_else(|error| Some(error.to_string()), |(_, trouble)| trouble.clone()));
        match done {
            Ok((notice, _)) => notice,
            Err(error) => {
                log::error!("{error}");
                Notice::default()
            }
        }
    }

    /// Whether the clock is believed; reports it if not.
    fn judge_clock(&mut self, now: Timestamp) -> bool {
        let doubt = match self.store.clock(now, synchronised()) {
            Ok(ClockVerdict::Believed) => None,
            Ok(ClockVerdict::Doubted { latest }) => Some(doubt(now, latest)),
            Err(error) => Some(error.to_string()),
        };
        if doubt != self.doubt {
            match &doubt {
                Some(words) => log::warn!("{words}"),
                None => log::info!("the clock is believed again"),
            }
            (self.clock)(doubt.clone());
            self.doubt = doubt;
        }
        self.doubt.is_none()
    }

    /// What is announced next, and the trouble if the store stays too large.
    fn retain(
        &self,
        announced: Notice,
        believed: bool,
        now: Timestamp,
        stop: &Stop,
    ) -> Result<(Notice, Option<String>), StoreError> {
        let allowed = Notice { age: announced.age.filter(|age| believed && *age <= now), ..announced };
        let done = self.store.retain(&self.rules, allowed, now, stop)?;
        if done.crops + done.cells + done.results + done.amendments > 0 {
            for words in &done.words {
                log::info!("deleted as announced: {words}");
            }
        }
        let due = self.store.due(&self.rules, believed.then_some(now))?;
        let Due { crops, cells, results, amendments, size } = due;
        let minutes = self.pace.notice.as_secs().div_ceil(60);
        let old = crops + cells + results > 0;
        if old {
            log::info!(
                "in {minutes} min, as [store] says and unless the clock is moved: pictures of {crops} sessions, cells of \
                 {cells} and {results} results are deleted for their age; now it is {now:.0}"
            );
        }
        if amendments > 0 {
            log::info!("in {minutes} min: {amendments} amendments that nobody went on with for 30 days are withdrawn");
        }
        if size {
            log::info!(
                "in {minutes} min: pictures, then cells, of the oldest sessions are deleted, those of sessions with blasts or a \
                 comment last; see [store] megabytes, and `leukoscope store` for what goes next"
            );
        }
        let megabytes = done.bytes / 1_000_000;
        let trouble = done.too_large.then(|| {
            format!("results take {megabytes} MB, more than [store] megabytes: allow more, or give a larger disk")
        });
        Ok((Notice { age: (old || amendments > 0).then_some(now), size }, trouble))
    }
}

/// Why the clock is doubted, and what to do.
fn doubt(now: Timestamp, latest: Option<Timestamp>) -> String {
    let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
    let why = match latest {
        Some(latest) => format!("but the latest time that could be believed was {}", day(latest)),
        None => "which is before this program was made".to_owned(),
    };
    format!(
        "the clock says {}, {why}: set the clock; until then nothing is deleted for its age. If it is right, say so by \
         `leukoscope clock --confirm`",
        day(now)
    )
}
