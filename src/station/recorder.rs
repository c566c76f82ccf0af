//! Keeps the cells of the running session in the store, on a thread of its own: a slow memory card holds up no frame.
//!
//! Cells go to the disk about once a second; a result goes with all that is still missing, in one transaction, and is
//! answered for. What cannot be written is kept in memory and tried again; when that grows, pictures are given up first,
//! then what is kept of red cells and platelets. White cells and results never are.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
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
use crate::vision::prediction::Prediction;

/// Time between two writings of cells.
const EVERY: Duration = Duration::from_secs(1);

/// Time between two tries to write what could not be written.
const AGAIN: Duration = Duration::from_secs(5);

/// JPEG quality of the pictures, 1..=100: nuclei keep their texture, and a picture takes some 6 kB.
const QUALITY: u8 = 90;

/// Changes waiting to be written from which on pictures are given up: some 60 MB if each had one.
const MOST_WITH_PICTURES: usize = 10_000;

/// Changes waiting from which on red cells and platelets are given up: some 15 MB, an hour of a usual count. What still
/// comes is a count's few hundred white cells, without pictures, and the few cells that turn out to be none.
const MOST_WITH_RED_CELLS: usize = 50_000;

/// What the counting hands over.
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

/// A cell as the counting knows it.
struct SeenCell {
    id: CellId,
    kind: Kind,
    at: Option<OnSlide>,
    opinion: Option<Prediction>,
    picture: Option<Arc<RgbImage>>,
}

/// The counting's end of the recorder.
#[derive(Debug)]
pub struct Recorder {
    messages: Option<Sender<RecorderMessage>>,
    /// Changes that were taken from `messages` and are not written yet.
    unwritten: Arc<AtomicUsize>,
    drops: Drops,
    session: Arc<AtomicI64>,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Starts to keep cells in `store`; what is given up where the store cannot follow is counted in `drops`.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(store: Store, troubles: Troubles, drops: Drops) -> std::io::Result<Self> {
        // Bounded by what is let in: a full channel would make the count wait, or lose a white cell.
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
        let thread = thread::Builder::new().name("recorder".to_owned()).spawn(move || keeper.run(&incoming))?;
        Ok(Self { messages: Some(messages), unwritten, drops, session, thread: Some(thread) })
    }

    /// Number of the running or latest session, once it has one.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        Some(self.session.load(Ordering::Relaxed)).filter(|id| *id > 0)
    }

    /// A session begins.
    pub fn begin(&self, start: SessionStart) {
        self.session.store(0, Ordering::Relaxed);
        self.send(RecorderMessage::Begin(Box::new(start)));
    }

    /// Cells count from now on, or count otherwise.
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

    /// Hands a cell over, as much of it as there is room for.
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

    /// Keeps the result of the session with the final names of its white cells and the settings in force at its end; gives
    /// its number once it is safely on the disk.
    ///
    /// # Errors
    /// When it could not be written; it can be tried again.
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
            // It listens until this end is gone, unless it ended by a bug, which its thread has told.
            let _ = messages.send(message);
        }
    }
}

impl Drop for Recorder {
    /// What is waiting is written before the program goes on.
    fn drop(&mut self) {
        drop(self.messages.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            log::error!("the recorder ended by a bug; its words are above");
        }
    }
}

/// The other end: the session that is being kept.
struct Keeper {
    store: Store,
    troubles: Troubles,
    session: Arc<AtomicI64>,
    unwritten: Arc<AtomicUsize>,
    running: Option<RunningSession>,
    /// When to try again what failed.
    again: Option<Instant>,
}

struct RunningSession {
    start: SessionStart,
    id: Option<SessionId>,
    /// What is known of each white cell, so that a better view changes only what it shows.
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
                // What an earlier session could not keep is lost with it; its result could be kept, or it waits no longer.
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
                // Who asked may have ended.
                let _ = answer.send(self.finish(named, &result, &settings));
            }
        }
    }

    /// Begins the session in the store if it is not there yet, and writes what waits.
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
        // What waits goes on waiting where this fails: names that are settled are not settled again.
        running.settle(named);
        let number = self.store.finish(id, &running.waiting, result, settings)?;
        self.running = None;
        self.again = None;
        self.troubles.set(Part::Cells, None);
        Ok(number)
    }
}

impl RunningSession {
    /// The session's number; it is given one now if the store could not do so before.
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

    /// Brings the white cells to their final names.
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

/// A cell of which only the place is known.
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
