//! Brings results to one receiver, one at a time, until it has acknowledged each: the thread of every connection whose
//! protocol answers.
//!
//! A receiver that is down is tried again at growing pauses, and everything waits in the store. One that refuses a result
//! is asked again a few times; then that result is set aside, the person at the device is told its number, and the others
//! go on. What is set aside is tried again every hour and after a restart: nothing is lost silently.

use std::path::Path;
use std::time::{Duration, Instant};

use super::aside::{Aside, Refused};
use super::{Due, Outbox};
use crate::config::Sends;
use crate::station::queues::Unsent;
use crate::store::{Store, StoreError, StoredResult};
use crate::system::backoff::Backoff;
use crate::system::stop::Stop;

/// How often to look for new results.
const TICK: Duration = Duration::from_millis(200);

/// How often a refused result is sent before it is set aside.
const TRIES: u32 = 5;

/// What became of a result that was sent.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The receiver has it.
    Taken,
    /// The receiver answered that it does not take this one: its words.
    Refused(String),
    /// No answer, or none that says anything about this result.
    Unreachable(String),
}

/// Pauses of a courier; shorter ones are for tests.
#[derive(Clone, Copy, Debug)]
pub struct Pauses {
    /// Before the first new try.
    pub first: Duration,
    /// The longest.
    pub longest: Duration,
    /// Between two tries of those set aside.
    pub aside: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_mins(1), aside: Duration::from_hours(1) }
    }
}

/// Brings results to one receiver.
#[derive(Debug)]
pub struct Courier {
    /// Name of the receiver in the log.
    name: &'static str,
    outbox: Outbox,
    aside: Aside,
    store: Store,
    pauses: Pauses,
}

impl Courier {
    /// A courier for the receiver of this name, whose marks lie in `folder`.
    ///
    /// # Errors
    /// If they cannot be read or created.
    pub fn open(folder: &Path, name: &'static str, sends: Sends, store: &Store) -> Result<Self, StoreError> {
        let outbox = Outbox::open(folder, name, sends, store)?;
        let aside = Aside::open(folder, name)?;
        Ok(Self { name, outbox, aside, store: store.clone(), pauses: Pauses::default() })
    }

    /// The same with other pauses.
    #[must_use]
    pub fn with_pauses(self, pauses: Pauses) -> Self {
        Self { pauses, ..self }
    }

    /// Looks at what the receiver lacks, for monitoring; what is set aside is told of as a trouble.
    pub fn unsent(&self) -> impl Fn() -> Option<Unsent> + Send + use<> {
        self.outbox.unsent()
    }

    /// Sends until the stop signal. `send` sends one result and waits for the answer; `trouble` gets the current problem
    /// as text for a person, `None` when there is none.
    pub fn run(
        mut self,
        stop: &Stop,
        mut send: impl FnMut(&StoredResult) -> Verdict,
        trouble: impl Fn(Option<String>),
    ) {
        let mut turn = Turn {
            name: self.name,
            backoff: Backoff::new(self.pauses.first, self.pauses.longest),
            refusals: 0,
            last_words: None,
            // Those of earlier runs at once.
            next_aside: Instant::now(),
        };
        turn.tell(self.standing(), &trouble);
        while !stop.requested() {
            let pause = match self.outbox.next() {
                Ok(Some((due, result))) => self.bring(due, &result, &mut turn, &mut send, &trouble),
                Ok(None) if !self.aside.all().is_empty() && Instant::now() >= turn.next_aside => {
                    turn.next_aside = Instant::now() + self.pauses.aside;
                    self.try_aside(stop, &mut turn, &mut send, &trouble)
                }
                Ok(None) => TICK,
                Err(problem) => {
                    turn.tell(Some(format!("a result cannot be sent: {problem}")), &trouble);
                    self.pauses.longest
                }
            };
            if !pause.is_zero() && stop.wait(pause) {
                break;
            }
        }
    }

    /// Sends what is due; returns how long to wait before the next.
    fn bring(
        &mut self,
        due: Due,
        result: &StoredResult,
        turn: &mut Turn,
        send: &mut impl FnMut(&StoredResult) -> Verdict,
        trouble: &impl Fn(Option<String>),
    ) -> Duration {
        match send(result) {
            Verdict::Taken => {
                log::info!(
                    "{}: result {} of sample {} is delivered",
                    self.name,
                    result.sequence,
                    result.snapshot.sample
                );
                turn.worked();
                self.done(due);
                turn.tell(self.standing(), trouble);
                Duration::ZERO
            }
            Verdict::Refused(words) => {
                turn.refusals += 1;
                let told = format!("result {} is refused: {words}", result.sequence);
                turn.tell(Some(told), trouble);
                if turn.refusals < TRIES {
                    return turn.backoff.pause();
                }
                turn.worked();
                if let Err(problem) = self.aside.put(Refused { due, result: result.sequence }) {
                    log::error!("{}: {problem}", self.name);
                }
                self.done(due);
                turn.next_aside = Instant::now() + self.pauses.aside;
                turn.tell(self.standing(), trouble);
                Duration::ZERO
            }
            Verdict::Unreachable(words) => {
                turn.tell(Some(words), trouble);
                turn.backoff.pause()
            }
        }
    }

    /// Tries those set aside once each.
    fn try_aside(
        &mut self,
        stop: &Stop,
        turn: &mut Turn,
        send: &mut impl FnMut(&StoredResult) -> Verdict,
        trouble: &impl Fn(Option<String>),
    ) -> Duration {
        for refused in self.aside.all().to_vec() {
            if stop.requested() {
                break;
            }
            let verdict = match self.store.find(refused.result) {
                Ok(Some(result)) if result.signature.is_some() && matches!(refused.due, Due::Counted(_)) => {
                    // Its final result has gone its own way.
                    Verdict::Taken
                }
                Ok(Some(result)) => send(&result),
                // Deleted with its time.
                Ok(None) => Verdict::Taken,
                Err(problem) => Verdict::Unreachable(problem.to_string()),
            };
            match verdict {
                Verdict::Taken => {
                    if let Err(problem) = self.aside.remove(refused) {
                        log::warn!("{}: {problem}", self.name);
                    }
                }
                Verdict::Refused(words) => log::warn!("{}: result {} is refused: {words}", self.name, refused.result),
                Verdict::Unreachable(words) => {
                    turn.tell(Some(words), trouble);
                    return turn.backoff.pause();
                }
            }
        }
        turn.tell(self.standing(), trouble);
        TICK
    }

    fn done(&mut self, due: Due) {
        if let Err(problem) = self.outbox.delivered(due) {
            log::warn!("{}: {problem}; a result may be sent again after a restart", self.name);
        }
    }

    /// The trouble that stays while results are set aside.
    fn standing(&self) -> Option<String> {
        let numbers: Vec<String> = self.aside.all().iter().take(5).map(|refused| refused.result.to_string()).collect();
        let more = if self.aside.all().len() > 5 { " and more" } else { "" };
        (!numbers.is_empty()).then(|| {
            format!(
                "{} does not take result {}{more}; each is tried again every hour",
                self.name.to_uppercase(),
                numbers.join(", ")
            )
        })
    }
}

/// What a courier remembers between two results.
struct Turn {
    name: &'static str,
    backoff: Backoff,
    /// How often the present result was refused.
    refusals: u32,
    last_words: Option<String>,
    next_aside: Instant,
}

impl Turn {
    fn worked(&mut self) {
        self.backoff.reset();
        self.refusals = 0;
    }

    /// Tells a problem once, not at every try.
    fn tell(&mut self, words: Option<String>, trouble: &impl Fn(Option<String>)) {
        if words == self.last_words {
            return;
        }
        match &words {
            Some(words) => log::warn!("{words}"),
            None => log::info!("{}: results are delivered again", self.name),
        }
        trouble(words.clone());
        self.last_words = words;
    }
}
