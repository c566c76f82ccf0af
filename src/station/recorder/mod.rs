//! Writes the running session's cells to the store on its own thread, so that a slow memory card never delays a frame.
//!
//! Cells are flushed about once a second. A result is written together with everything still pending, in one
//! transaction, and acknowledged. Failed writes stay in memory and are retried. As the backlog grows, whole
//! fields are dropped first, then pictures, then records of red cells and platelets. White cells and results are never dropped.

mod messages;
mod running;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use jiff::Timestamp;
use serde_json::Value;

use self::messages::{Finish, Noted, RecorderMessage};
pub(crate) use self::running::SeenField;
use self::running::{RunningSession, SeenCell};
use crate::counting::counter::{CountedCell, Revision};
use crate::counting::session::snapshot::Snapshot;
use crate::counting::track::CellId;
use crate::domain::class::Kind;
use crate::station::drops::{Dropped, Drops};
use crate::station::trouble::{Part, Troubles};
use crate::store::records::{CellChange, SessionId, SessionStart, Settings};
use crate::store::{Store, StoreError};
use crate::system::threads::{join, thread};
use crate::vision::prediction::Prediction;

/// Interval between cell writes.
const EVERY: Duration = Duration::from_secs(1);

/// Delay before a failed write is retried.
const AGAIN: Duration = Duration::from_secs(5);

/// Backlog of changes at which crops are dropped: about 60 MB if every change had one.
const MOST_WITH_PICTURES: usize = 10_000;

/// Whole fields waiting to be compressed, and as many to be written, at most: some 50 MB.
const MOST_FIELDS: usize = 8;

/// Backlog at which red cells and platelets are dropped: about 15 MB, an hour of a typical count. Only the few hundred
/// white cells of a count, without crops, and the few withdrawn cells are queued beyond this.
const MOST_WITH_RED_CELLS: usize = 50_000;

/// Lines of the trail waiting for a store that cannot be written, at most.
const MOST_NOTES: usize = 100;

/// The counting thread's handle to the recorder.
#[derive(Debug)]
pub struct Recorder {
    messages: Option<Sender<RecorderMessage>>,
    /// Changes received from `messages` but not yet written.
    unwritten: Arc<AtomicUsize>,
    /// These and what is still queued, as last seen by either thread.
    backlog: Arc<AtomicUsize>,
    /// Whole fields waiting to be compressed.
    fields: Arc<AtomicUsize>,
    drops: Drops,
    session: Arc<AtomicI64>,
    store: Store,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Starts the recorder thread, writing to `store`. Whatever is dropped because the store cannot keep up is counted
    /// in `drops`.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn start(store: Store, troubles: Troubles, drops: Drops) -> std::io::Result<Self> {
        // Unbounded, because a full channel would stall the count or lose a white cell; `saw` limits what is queued.
        let (messages, incoming) = unbounded();
        let unwritten = Arc::<AtomicUsize>::default();
        let backlog = Arc::<AtomicUsize>::default();
        let (fields, session) = (Arc::<AtomicUsize>::default(), Arc::<AtomicI64>::default());
        let keeper = Keeper {
            store: store.clone(),
            troubles,
            session: Arc::clone(&session),
            unwritten: Arc::clone(&unwritten),
            backlog: Arc::clone(&backlog),
            fields: Arc::clone(&fields),
            drops: drops.clone(),
            running: None,
            notes: Vec::new(),
            again: None,
        };
        let thread = thread("recorder", move || keeper.run(&incoming))?;
        Ok(Self { messages: Some(messages), unwritten, backlog, fields, drops, session, store, thread: Some(thread) })
    }

    /// Id of the running or latest session, once the store has assigned one.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        Some(self.session.load(Ordering::Relaxed)).filter(|id| *id > 0)
    }

    /// Looks at how many messages and changes wait to be written. Holds no end of the queue, which ends the recorder by
    /// closing.
    pub(crate) fn backlog(&self) -> impl Fn() -> usize + Send + use<> {
        let backlog = Arc::clone(&self.backlog);
        move || backlog.load(Ordering::Relaxed)
    }

    /// Whether a stored session that began in this second has this sample id.
    #[must_use]
    pub(crate) fn has_sample(&self, sample: &str, second: Timestamp) -> bool {
        self.store.has_sample(sample, second).unwrap_or_else(|problem| {
            log::error!("{problem}");
            false
        })
    }

    /// Adds a line about the running session to the audit trail. Retried until it is written.
    pub(crate) fn note(&self, by: &str, action: &'static str, detail: Value) {
        let (by, at) = (by.to_owned(), Timestamp::now());
        self.send(RecorderMessage::Note(Box::new(Noted { by, at, action, detail, session: None })));
    }

    /// Starts recording a new session.
    pub fn begin(&self, start: SessionStart) {
        self.session.store(0, Ordering::Relaxed);
        self.send(RecorderMessage::Begin(Box::new(RunningSession::new(start))));
    }

    /// Records new cells and revisions of earlier ones.
    pub fn counted(&self, cells: &[CountedCell], revisions: &[Revision]) {
        for revision in revisions {
            match revision {
                Revision::Named { id, opinion, picture } => self.saw(SeenCell {
                    id: *id,
                    kind: Kind::Wbc,
                    at: None,
                    opinion: Some(opinion.clone()),
                    red: None,
                    picture: picture.clone(),
                }),
                Revision::Withdrawn { id, .. } => self.send(RecorderMessage::Withdrawn(*id)),
            }
        }
        for cell in cells {
            self.saw(SeenCell {
                id: cell.id,
                kind: cell.kind,
                at: Some(cell.at),
                opinion: cell.opinion.clone(),
                red: cell.red.clone(),
                picture: cell.picture.clone(),
            });
        }
    }

    /// Records a whole field, unless too many wait already.
    pub(crate) fn field(&self, field: SeenField) {
        if self.fields.load(Ordering::Relaxed) >= MOST_FIELDS {
            self.drops.note(Dropped::Field);
            return;
        }
        self.fields.fetch_add(1, Ordering::Relaxed);
        self.send(RecorderMessage::Field(field));
    }

    /// Queues a cell, dropping its crop or the whole record if the backlog is too long.
    fn saw(&self, mut seen: SeenCell) {
        let queued = self.messages.as_ref().map_or(0, Sender::len);
        let waiting = queued + self.unwritten.load(Ordering::Relaxed);
        self.backlog.store(waiting, Ordering::Relaxed);
        if waiting >= MOST_WITH_PICTURES && seen.picture.take().is_some() {
            self.drops.note(Dropped::Picture);
        }
        let white = seen.kind == Kind::Wbc || seen.opinion.is_some();
        if waiting >= MOST_WITH_RED_CELLS && !white {
            self.drops.note(Dropped::Cell);
            return;
        }
        self.send(RecorderMessage::Cell(seen));
    }

    /// Writes the session's result with the final names of its white cells and the settings in force at its end. Blocks
    /// until it is safely on disk and returns its number.
    ///
    /// # Errors
    /// If it could not be written; the call can be repeated.
    pub fn finish(
        &self,
        named: Vec<(CellId, Prediction)>,
        result: Snapshot,
        settings: Settings,
    ) -> Result<u64, StoreError> {
        self.finish_stopped(named, result, settings, None)
    }

    /// Same for a count that `stopped_by` ended, by the name for the audit trail.
    ///
    /// # Errors
    /// As [`Recorder::finish`].
    pub(crate) fn finish_stopped(
        &self,
        named: Vec<(CellId, Prediction)>,
        result: Snapshot,
        settings: Settings,
        stopped_by: Option<String>,
    ) -> Result<u64, StoreError> {
        let (answer, answered) = bounded(1);
        self.send(RecorderMessage::Finish(Box::new(Finish { named, result, settings, stopped_by, answer })));
        answered.recv().unwrap_or(Err(StoreError::Closed))
    }

    fn send(&self, message: RecorderMessage) {
        if let Some(messages) = &self.messages {
            // The receiver lives until this sender is dropped. It ends earlier only after a panic, which its thread has
            // reported.
            let _ = messages.send(message);
        }
    }
}

impl Drop for Recorder {
    /// Writes everything pending before the program continues.
    fn drop(&mut self) {
        drop(self.messages.take());
        if let Some(thread) = self.thread.take() {
            join(thread);
        }
    }
}

/// The recorder thread: the session being recorded.
struct Keeper {
    store: Store,
    troubles: Troubles,
    session: Arc<AtomicI64>,
    unwritten: Arc<AtomicUsize>,
    backlog: Arc<AtomicUsize>,
    fields: Arc<AtomicUsize>,
    drops: Drops,
    running: Option<RunningSession>,
    /// Lines of the trail not yet written.
    notes: Vec<Noted>,
    /// When to retry after a failed write.
    again: Option<Instant>,
}

impl Keeper {
    fn run(mut self, incoming: &Receiver<RecorderMessage>) {
        let mut due = Instant::now() + EVERY;
        loop {
            match incoming.recv_deadline(due) {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => {
                    self.write();
                    due = self.again.unwrap_or_else(|| Instant::now() + EVERY);
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.write();
                    return;
                }
            }
            let unwritten = self.running.as_ref().map_or(0, |running| running.waiting.len());
            self.unwritten.store(unwritten, Ordering::Relaxed);
            self.backlog.store(incoming.len() + unwritten, Ordering::Relaxed);
        }
    }

    fn take(&mut self, message: RecorderMessage) {
        match message {
            RecorderMessage::Begin(running) => self.take_up(*running),
            RecorderMessage::Cell(seen) => {
                if let Some(running) = &mut self.running {
                    running.saw(seen);
                }
            }
            RecorderMessage::Withdrawn(id) => {
                if let Some(running) = &mut self.running {
                    running.waiting.push(CellChange::Withdrawn(id.0.into()));
                }
            }
            RecorderMessage::Field(kept) => {
                self.fields.fetch_sub(1, Ordering::Relaxed);
                match &mut self.running {
                    Some(running) if running.fields_waiting() < MOST_FIELDS => running.keep(kept),
                    _ => self.drops.note(Dropped::Field),
                }
            }
            RecorderMessage::Note(mut noted) => {
                noted.session = self.running.as_ref().and_then(|running| running.id);
                if self.notes.len() < MOST_NOTES {
                    self.notes.push(*noted);
                }
                self.write();
            }
            RecorderMessage::Finish(finish) => {
                // The caller may be gone.
                let (answer, done) = self.finish(*finish);
                let _ = answer.send(done);
            }
        }
    }

    fn take_up(&mut self, running: RunningSession) {
        // Last chance to write the previous session's cells, whose result is already stored or no longer pending.
        self.write();
        self.running = Some(running);
        self.again = None;
        self.write();
    }

    /// Creates the session in the store if it is not there yet, and writes pending changes.
    fn write(&mut self) {
        if self.again.is_some_and(|again| Instant::now() < again) {
            return;
        }
        let done = match &mut self.running {
            Some(running) => running.begun(&self.store, &self.session).and_then(|id| {
                if !running.waiting.is_empty() {
                    self.store.change_cells(id, &running.waiting)?;
                    running.waiting.clear();
                }
                Ok(())
            }),
            None if self.notes.is_empty() => return,
            None => Ok(()),
        };
        let done = done.and_then(|()| self.write_notes());
        self.again = done.is_err().then(|| Instant::now() + AGAIN);
        match done {
            Ok(()) => self.troubles.set(Part::Cells, None),
            Err(error) => {
                log::error!("{error}");
                self.troubles.set(Part::Cells, Some(error.to_string()));
            }
        }
    }

    /// Adds pending lines to the trail, oldest first.
    fn write_notes(&mut self) -> Result<(), StoreError> {
        let running = self.running.as_ref().and_then(|running| running.id);
        while let Some(Noted { by, at, action, detail, session }) = self.notes.first() {
            self.store.note(by, *at, action, session.or(running), detail)?;
            self.notes.remove(0);
        }
        Ok(())
    }

    fn finish(&mut self, finish: Finish) -> (Sender<Result<u64, StoreError>>, Result<u64, StoreError>) {
        let Finish { named, result, settings, stopped_by, answer } = finish;
        if let Some(running) = &mut self.running {
            // Pending changes stay queued if this fails; names already settled are not settled again.
            running.settle(named);
        }
        let done = self.store_result(&result, &settings, stopped_by.as_deref());
        (answer, done)
    }

    fn store_result(
        &mut self,
        result: &Snapshot,
        settings: &Settings,
        stopped_by: Option<&str>,
    ) -> Result<u64, StoreError> {
        let Some(running) = &mut self.running else { return Err(StoreError::Closed) };
        let id = running.begun(&self.store, &self.session)?;
        self.write_notes()?;
        let Some(running) = &mut self.running else { return Err(StoreError::Closed) };
        let number = self.store.finish_stopped(id, &running.waiting, result, settings, stopped_by)?;
        self.running = None;
        self.again = None;
        self.troubles.set(Part::Cells, None);
        Ok(number)
    }
}
