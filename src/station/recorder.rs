//! Writes the running session's cells to the store on its own thread, so that a slow memory card never delays a frame.
//!
//! Cells are flushed about once a second. A result is written together with everything still pending, in one
//! transaction, and acknowledged. Failed writes stay in memory and are retried. As the backlog grows, pictures are
//! dropped first, then records of red cells and platelets. White cells and results are never dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;

use crate::counting::counter::{CountedCell, Revision};
use crate::counting::session::snapshot::Snapshot;
use crate::counting::track::{CellId, OnSlide};
use crate::domain::class::Kind;
use crate::station::drops::{Dropped, Drops};
use crate::station::trouble::{Part, Troubles};
use crate::store::records::{CellChange, CellRecord, SessionId, SessionStart, Settings};
use crate::store::{Store, StoreError};
use crate::system::threads::{join, thread};
use crate::vision::prediction::Prediction;

/// Interval between cell writes.
const EVERY: Duration = Duration::from_secs(1);

/// Delay before a failed write is retried.
const AGAIN: Duration = Duration::from_secs(5);

/// JPEG quality of the crops, 1..=100: keeps the texture of nuclei at about 6 kB per crop.
const QUALITY: u8 = 90;

/// Backlog of changes at which crops are dropped: about 60 MB if every change had one.
const MOST_WITH_PICTURES: usize = 10_000;

/// Backlog at which red cells and platelets are dropped: about 15 MB, an hour of a typical count. Only the few hundred
/// white cells of a count, without crops, and the few withdrawn cells are queued beyond this.
const MOST_WITH_RED_CELLS: usize = 50_000;

/// Messages from the counting thread.
enum RecorderMessage {
    Begin(Box<SessionStart>),
    Cell(SeenCell),
    Withdrawn(CellId),
    Finish(Box<Finish>),
}

struct Finish {
    named: Vec<(CellId, Prediction)>,
    result: Snapshot,
    settings: Settings,
    answer: Sender<Result<u64, StoreError>>,
}

/// A cell as the counting thread reports it.
struct SeenCell {
    id: CellId,
    kind: Kind,
    at: Option<OnSlide>,
    opinion: Option<Prediction>,
    picture: Option<Arc<RgbImage>>,
}

/// The counting thread's handle to the recorder.
#[derive(Debug)]
pub struct Recorder {
    messages: Option<Sender<RecorderMessage>>,
    /// Changes received from `messages` but not yet written.
    unwritten: Arc<AtomicUsize>,
    drops: Drops,
    session: Arc<AtomicI64>,
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
        let session = Arc::<AtomicI64>::default();
        let keeper = Keeper {
            store,
            troubles,
            session: Arc::clone(&session),
            unwritten: Arc::clone(&unwritten),
            running: None,
            again: None,
        };
        let thread = thread("recorder", move || keeper.run(&incoming))?;
        Ok(Self { messages: Some(messages), unwritten, drops, session, thread: Some(thread) })
    }

    /// Id of the running or latest session, once the store has assigned one.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        Some(self.session.load(Ordering::Relaxed)).filter(|id| *id > 0)
    }

    /// Starts recording a new session.
    pub fn begin(&self, start: SessionStart) {
        self.session.store(0, Ordering::Relaxed);
        self.send(RecorderMessage::Begin(Box::new(start)));
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
                picture: cell.picture.clone(),
            });
        }
    }

    /// Queues a cell, dropping its crop or the whole record if the backlog is too long.
    fn saw(&self, mut seen: SeenCell) {
        let queued = self.messages.as_ref().map_or(0, Sender::len);
        let waiting = queued + self.unwritten.load(Ordering::Relaxed);
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
        let (answer, answered) = bounded(1);
        self.send(RecorderMessage::Finish(Box::new(Finish { named, result, settings, answer })));
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
    running: Option<RunningSession>,
    /// When to retry after a failed write.
    again: Option<Instant>,
}

struct RunningSession {
    start: SessionStart,
    id: Option<SessionId>,
    /// Latest record of each white cell, so that a better view changes only what it shows.
    white: std::collections::HashMap<CellId, CellRecord>,
    waiting: Vec<CellChange>,
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
        }
    }

    fn take(&mut self, message: RecorderMessage) {
        match message {
            RecorderMessage::Begin(start) => {
                // Last chance to write the previous session's cells; whatever fails here is lost. Its result is already
                // stored or no longer pending.
                self.write();
                self.running = Some(RunningSession {
                    start: *start,
                    id: None,
                    white: std::collections::HashMap::new(),
                    waiting: Vec::new(),
                });
                self.again = None;
                self.write();
            }
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
            RecorderMessage::Finish(finish) => {
                let Finish { named, result, settings, answer } = *finish;
                // The caller may be gone.
                let _ = answer.send(self.finish(named, &result, &settings));
            }
        }
    }

    /// Creates the session in the store if it is not there yet, and writes pending changes.
    fn write(&mut self) {
        if self.again.is_some_and(|again| Instant::now() < again) {
            return;
        }
        let Some(running) = &mut self.running else { return };
        let done = running.begun(&self.store, &self.session).and_then(|id| {
            if !running.waiting.is_empty() {
                self.store.change_cells(id, &running.waiting)?;
                running.waiting.clear();
            }
            Ok(())
        });
        self.again = done.is_err().then(|| Instant::now() + AGAIN);
        match done {
            Ok(()) => self.troubles.set(Part::Cells, None),
            Err(error) => {
                log::error!("{error}");
                self.troubles.set(Part::Cells, Some(error.to_string()));
            }
        }
    }

    fn finish(
        &mut self,
        named: Vec<(CellId, Prediction)>,
        result: &Snapshot,
        settings: &Settings,
    ) -> Result<u64, StoreError> {
        let Some(running) = &mut self.running else { return Err(StoreError::Closed) };
        let id = running.begun(&self.store, &self.session)?;
        // Pending changes stay queued if this fails; names already settled are not settled again.
        running.settle(named);
        let number = self.store.finish(id, &running.waiting, result, settings)?;
        self.running = None;
        self.again = None;
        self.troubles.set(Part::Cells, None);
        Ok(number)
    }
}

impl RunningSession {
    /// The session id; assigned now if the store could not do so before.
    fn begun(&mut self, store: &Store, session: &AtomicI64) -> Result<SessionId, StoreError> {
        if let Some(id) = self.id {
            return Ok(id);
        }
        let id = store.begin(&self.start)?;
        self.id = Some(id);
        session.store(id, Ordering::Relaxed);
        Ok(id)
    }

    fn saw(&mut self, seen: SeenCell) {
        let SeenCell { id, kind, at, opinion, picture } = seen;
        let known = self.white.get(&id).cloned();
        let Some(mut cell) = known.or_else(|| at.map(|at| record(id, kind, at))) else { return };
        if let Some(at) = at {
            cell.set_place(at);
        }
        if let Some(opinion) = opinion {
            cell.name(&opinion);
            self.white.insert(id, cell.clone());
        }
        let crop = picture.and_then(|picture| jpeg(&picture));
        self.waiting.push(CellChange::Put { cell, crop });
    }

    /// Gives the white cells their final names.
    fn settle(&mut self, named: Vec<(CellId, Prediction)>) {
        for (id, opinion) in named {
            let Some(cell) = self.white.get_mut(&id) else { continue };
            let before = cell.clone();
            cell.name(&opinion);
            if *cell != before {
                self.waiting.push(CellChange::Put { cell: cell.clone(), crop: None });
            }
        }
    }
}

/// A record with only its position filled in.
fn record(id: CellId, kind: Kind, at: OnSlide) -> CellRecord {
    let mut cell = CellRecord {
        number: id.0.into(),
        kind,
        patch: 0,
        x: 0.0,
        y: 0.0,
        w: 0.0,
        h: 0.0,
        class: None,
        probability: None,
        ranked: Vec::new(),
        by_person: None,
        has_crop: false,
    };
    cell.set_place(at);
    cell
}

impl CellRecord {
    fn set_place(&mut self, at: OnSlide) {
        let OnSlide { patch, area } = at;
        (self.patch, self.x, self.y, self.w, self.h) = (patch, area.x, area.y, area.w, area.h);
    }

    fn name(&mut self, opinion: &Prediction) {
        self.class = Some(opinion.class);
        self.probability = Some(opinion.probability);
        self.ranked.clone_from(&opinion.raw().ranked);
    }
}

fn jpeg(picture: &RgbImage) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    match JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(picture) {
        Ok(()) => Some(bytes),
        Err(error) => {
            log::warn!("a cell's picture is not kept: {error}");
            None
        }
    }
}
