//! Requests to the counting thread from people and serial hosts. Sending never blocks: when the queue is full, or a
//! command cannot be carried out, the sender gets an error.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use crate::counting::session::sample::{NoSampleId, check_rules};
use crate::counting::session::snapshot::Command;
use crate::station::drops::{Dropped, Drops};
use crate::station::in_force::InForce;
use crate::station::trouble::{Part, Troubles};

/// Most commands queued at once. A person at the device, a page and a serial host send a few a second, and the counting
/// thread drains the queue with every frame, about ten times a second. A full queue therefore means that the thread is
/// stuck, and commands that old are no longer wanted.
pub const MOST_COMMANDS: usize = 16;

/// Why a request was not queued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPassedOn {
    /// The queue is full.
    #[error("the count is busy; ask again")]
    Busy,
    /// The counting thread has ended.
    #[error("the count does not listen; the program is ending")]
    Ending,
    /// Something entered for no sample: the next one may be another patient's.
    #[error("no sample is being counted; begin it first, then send its red or white count")]
    NoCount,
    /// Something entered for another sample than the one that is counted.
    #[error("sample {0} is not being counted, so what was entered for it is not used: it would go to another sample")]
    OtherSample(String),
    /// A count without an id where `[sample] nameless` is false.
    #[error("no sample id: scan or enter one on the page, then begin; this laboratory counts no sample without one")]
    Nameless,
    /// An interrupted count cannot go on beside another.
    #[error("another sample is being counted; end that count first")]
    Counting,
    /// A sample id that does not fit.
    #[error(transparent)]
    Sample(#[from] NoSampleId),
}

/// Sender for one kind of request; clones share the queue.
#[derive(Debug)]
pub struct Requests<T> {
    sender: Sender<T>,
    drops: Drops,
    what: Dropped,
}

impl<T> Clone for Requests<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), drops: self.drops.clone(), what: self.what }
    }
}

/// A command and who gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Name for the audit trail: a user, `token:NAME`, `device`, or `device:` and what passed the command on.
    pub by: String,
    /// What to do.
    pub command: Command,
}

impl Asked {
    /// A command by somebody.
    #[must_use]
    pub fn by(by: impl Into<String>, command: Command) -> Self {
        Self { by: by.into(), command }
    }
}

/// Sender for commands; clones share the queue. Every command of a person or a host passes through here.
#[derive(Clone, Debug)]
pub struct Commands {
    requests: Requests<Asked>,
    running: Running,
    in_force: Option<InForce>,
    troubles: Option<Troubles>,
}

impl Commands {
    /// Both ends of a queue of at most [`MOST_COMMANDS`] commands.
    #[must_use]
    pub fn new(drops: Drops) -> (Self, Receiver<Asked>) {
        let (requests, queue) = Requests::within(MOST_COMMANDS, Dropped::Command, drops);
        (Self { requests, running: Running::default(), in_force: None, troubles: None }, queue)
    }

    /// Also holds sample ids to the rules in force.
    #[must_use]
    pub fn limited_by(self, in_force: InForce) -> Self {
        Self { in_force: Some(in_force), ..self }
    }

    /// Also tells the display why a button does nothing.
    #[must_use]
    pub(crate) fn telling(self, troubles: Troubles) -> Self {
        Self { troubles: Some(troubles), ..self }
    }

    /// Commands that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.requests.waiting()
    }

    /// For the counting thread, to say whether a sample runs.
    #[must_use]
    pub fn running(&self) -> Running {
        self.running.clone()
    }

    /// Queues a command without blocking.
    ///
    /// # Errors
    /// If the queue is full or the counting thread has ended, the sample id breaks the rules in force or is missing where
    /// one is needed, a count is entered while no sample or another one runs, or an interrupted count is to go on while a
    /// count runs.
    pub fn ask(&self, asked: Asked) -> Result<(), NotPassedOn> {
        let mut running = self.running.locked();
        let then = self.after(&asked.command, &running).inspect_err(|refused| {
            if *refused == NotPassedOn::Nameless {
                self.tell(Some(refused.to_string()));
            }
        })?;
        self.requests.ask(asked)?;
        if matches!(then, Runs::Named(_) | Runs::Unnamed) {
            self.tell(None);
        }
        *running = then;
        Ok(())
    }

    /// What runs once this command is carried out.
    fn after(&self, command: &Command, running: &Runs) -> Result<Runs, NotPassedOn> {
        let rules = self.in_force.as_ref().map(|in_force| in_force.now().settings.sample.clone());
        let runs = *running != Runs::Nothing;
        match command {
            // Begins nothing where a sample runs.
            Command::Start if runs => Ok(running.clone()),
            Command::Start | Command::NewSample(None) => match rules {
                Some(rules) if !rules.nameless => Err(NotPassedOn::Nameless),
                _ => Ok(Runs::Unnamed),
            },
            Command::NewSample(Some(id)) => {
                rules.map_or(Ok(()), |rules| check_rules(id, &rules))?;
                Ok(Runs::Named(id.clone()))
            }
            Command::Stop => Ok(Runs::Nothing),
            Command::Enter(_) | Command::EnterFor(..) if !runs => Err(NotPassedOn::NoCount),
            Command::EnterFor(id, _) if matches!(running, Runs::Named(other) if other != id) => {
                Err(NotPassedOn::OtherSample(id.clone()))
            }
            Command::Enter(_) | Command::EnterFor(..) => Ok(running.clone()),
            Command::Control(of) => Ok(Runs::Named(of.sample())),
            Command::GoOn(_) if runs => Err(NotPassedOn::Counting),
            Command::GoOn(_) => Ok(Runs::Unnamed),
        }
    }

    fn tell(&self, words: Option<String>) {
        if let Some(troubles) = &self.troubles {
            troubles.set(Part::Samples, words);
        }
    }
}

/// What runs, once the queued commands are carried out. A red count sent right after `new` thus belongs to the sample
/// that begins.
#[derive(Clone, Debug, Default)]
pub struct Running(Arc<Mutex<Runs>>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Runs {
    #[default]
    Nothing,
    /// A sample whose id is not known yet.
    Unnamed,
    Named(String),
}

impl Running {
    /// The counting thread says which sample runs, if one does. While commands wait in its queue, those decide.
    pub(crate) fn settle(&self, sample: Option<&str>, queue: &Receiver<Asked>) {
        let mut running = self.locked();
        if queue.is_empty() {
            *running = sample.map_or(Runs::Nothing, |sample| Runs::Named(sample.to_owned()));
        }
    }

    fn locked(&self) -> MutexGuard<'_, Runs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Requests<T> {
    /// Both ends of a queue of at most `most` requests. Rejected requests are counted as `what`.
    #[must_use]
    pub fn within(most: usize, what: Dropped, drops: Drops) -> (Self, Receiver<T>) {
        let (sender, receiver) = bounded(most);
        (Self { sender, drops, what }, receiver)
    }

    /// Requests that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.sender.len()
    }

    /// Queues a request without blocking.
    ///
    /// # Errors
    /// If the queue is full or the counting thread has ended.
    pub fn ask(&self, request: T) -> Result<(), NotPassedOn> {
        self.sender.try_send(request).map_err(|refused| match refused {
            TrySendError::Full(_) => {
                self.drops.note(self.what);
                NotPassedOn::Busy
            }
            TrySendError::Disconnected(_) => NotPassedOn::Ending,
        })
    }
}
