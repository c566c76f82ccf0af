//! Keeps a camera running: opens it, reads it on its own thread, notices when it stalls or disappears, and opens it
//! again. Hands on frames and publishes the state of the camera.
//!
//! A driver may block for ever when a cable is pulled, and a thread cannot be ended from outside. So a stuck reader is
//! abandoned: its token is revoked, and whatever it still reads is discarded. At most [`MOST_STUCK`] such threads may
//! exist at a time; then no new one is started until one returns, and the state says so.

mod health;
mod reader;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::health::Health;
use self::reader::{Reader, ReaderEvent};
use super::program::Program;
use super::{Camera, CameraError};
use crate::domain::frame::Frame;
use crate::system::backoff::Backoff;
use crate::system::latest::Latest;
use crate::system::stop::Stop;

/// Reader threads that may hang in a driver at the same time.
pub const MOST_STUCK: usize = 3;
/// How often counters and the stop signal are checked while frames arrive, s.
const GLANCE: Duration = Duration::from_millis(100);
/// Longest time that a stall may go unnoticed.
const LONGEST_STALL: Duration = Duration::from_millis(4_900);
const SHORTEST_STALL: Duration = Duration::from_millis(200);
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The state of the camera, for the person at the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CameraState {
    /// Being opened for the first time.
    Opening,
    /// Delivers frames; the text says what is open, and with which settings.
    Running(String),
    /// Gone or stalled; the text says why. Reopening is being tried.
    Lost(String),
    /// The recording is over, or the program is ending.
    Ended,
}

/// Frames since the program began, by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CameraCounts {
    /// Whole frames handed on.
    pub frames: u64,
    /// Torn or undecodable.
    pub damaged: u64,
    /// Overwritten by a newer one before anybody took them.
    pub skipped: u64,
    /// How often a camera that had delivered frames was successfully reopened.
    pub reopened: u64,
}

/// The result of [`Supervisor::run`].
#[derive(Debug)]
pub enum Outcome {
    /// The stop signal arrived.
    Stopped,
    /// The recording is over, and its last frame was taken.
    RecordingOver,
    /// Retrying is pointless, as with a missing recording.
    Failed(CameraError),
}

/// Timing of the supervisor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Patience {
    /// Time without a frame after which the camera is reopened; 200 ms to 4.9 s.
    pub stall: Duration,
    /// Wait before the second attempt; doubled for each further one.
    pub first_wait: Duration,
    /// Longest wait between two attempts.
    pub longest_wait: Duration,
}

impl Patience {
    /// The default waits, 0.5 to 5 s, with the configured stall time (seconds).
    #[must_use]
    pub fn with_stall(seconds: f64) -> Self {
        let stall = Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_STALL);
        Self { stall: stall.clamp(SHORTEST_STALL, LONGEST_STALL), first_wait: FIRST_WAIT, longest_wait: LONGEST_WAIT }
    }
}

/// The camera's state as other threads see it. Clones share it.
#[derive(Clone, Debug)]
pub struct CameraWatch(Arc<Watched>);

#[derive(Debug)]
struct Watched {
    state: Mutex<CameraState>,
    health: Mutex<Health>,
    /// The program that delivers the frames, of a camera that is one.
    program: Mutex<Option<Program>>,
    began: Instant,
    /// Milliseconds from `began` to the last sign of health.
    progress: AtomicU64,
    frames: AtomicU64,
    damaged: AtomicU64,
    reopened: AtomicU64,
    stuck: AtomicUsize,
    slot: Latest<Frame>,
}

impl CameraWatch {
    /// The watch of a camera that is not opened yet and will put its frames into `slot`.
    #[must_use]
    pub fn of(slot: Latest<Frame>) -> Self {
        Self(Arc::new(Watched {
            state: Mutex::new(CameraState::Opening),
            health: Mutex::default(),
            program: Mutex::default(),
            began: Instant::now(),
            progress: AtomicU64::new(0),
            frames: AtomicU64::new(0),
            damaged: AtomicU64::new(0),
            reopened: AtomicU64::new(0),
            stuck: AtomicUsize::new(0),
            slot,
        }))
    }

    /// The state of the camera.
    #[must_use]
    pub fn state(&self) -> CameraState {
        lock(&self.0.state).clone()
    }

    /// Frame counts by outcome.
    #[must_use]
    pub fn counts(&self) -> CameraCounts {
        CameraCounts {
            frames: self.0.frames.load(Ordering::Relaxed),
            damaged: self.0.damaged.load(Ordering::Relaxed),
            skipped: self.0.slot.overwritten(),
            reopened: self.0.reopened.load(Ordering::Relaxed),
        }
    }

    /// What is wrong with the frames while most of them cannot be read, in words for the person at the device. At the
    /// end of a recording it stays.
    #[must_use]
    pub fn unreadable(&self) -> Option<String> {
        lock(&self.0.health).trouble().map(str::to_owned)
    }

    /// When the supervision last made progress: with every frame, every plain failure to open, and the end of a
    /// recording. It stands still while readers hang in a driver, so a watchdog can act on it.
    #[must_use]
    pub fn last_progress(&self) -> Instant {
        self.0.began + Duration::from_millis(self.0.progress.load(Ordering::Relaxed))
    }

    /// Reader threads currently stuck in a driver.
    #[must_use]
    pub fn stuck_readers(&self) -> usize {
        self.0.stuck.load(Ordering::Relaxed)
    }

    fn progress(&self) {
        self.0.progress.store(self.0.began.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    fn set(&self, state: CameraState) {
        *lock(&self.0.state) = state;
    }

    /// Records a frame, or what was wrong with it.
    fn note(&self, damage: Option<String>) {
        lock(&self.0.health).note(Instant::now(), damage);
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens a camera; called again after each loss.
type Opener = dyn Fn() -> Result<Box<dyn Camera>, CameraError> + Send + Sync;

/// Why a run over an open camera ended.
enum RunEnd {
    Stopped,
    RecordingOver,
    /// The camera is gone; the flag says whether it had delivered a frame before.
    Lost(CameraError, bool),
    Stalled {
        frames: bool,
    },
}

/// Supervises one camera.
pub struct Supervisor {
    open: Arc<Opener>,
    patience: Patience,
    watch: CameraWatch,
}

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supervisor")
            .field("patience", &self.patience)
            .field("watch", &self.watch)
            .finish_non_exhaustive()
    }
}

impl Supervisor {
    /// A supervisor that puts frames into `slot`.
    ///
    /// `open` is called on reader threads, again after each loss. A live camera's frame replaces one that nobody took;
    /// a recording waits until the slot is free.
    pub fn new(
        open: impl Fn() -> Result<Box<dyn Camera>, CameraError> + Send + Sync + 'static,
        patience: Patience,
        slot: Latest<Frame>,
    ) -> Self {
        Self { open: Arc::new(open), patience, watch: CameraWatch::of(slot) }
    }

    /// State and counters for other threads.
    #[must_use]
    pub fn watch(&self) -> CameraWatch {
        self.watch.clone()
    }

    /// Keeps the camera running until the stop signal, the end of the recording, or an error that retrying cannot fix.
    #[must_use]
    pub fn run(&self, stop: &Stop) -> Outcome {
        let mut backoff = Backoff::new(self.patience.first_wait, self.patience.longest_wait);
        let mut lost = false;
        let outcome = loop {
            let (trouble, had_frames) = match self.run_once(stop, &mut lost) {
                RunEnd::Stopped => break Outcome::Stopped,
                RunEnd::RecordingOver => break Outcome::RecordingOver,
                RunEnd::Lost(error, _) if error.is_final() => break Outcome::Failed(error),
                RunEnd::Lost(error, frames) => {
                    // Waiting for a camera is healthy, unless a stuck reader may be holding the device.
                    if self.watch.stuck_readers() == 0 {
                        self.watch.progress();
                    }
                    (error.to_string(), frames)
                }
                RunEnd::Stalled { frames } => (
                    format!("the camera gave no frame for {:.1} s; check its cable", self.patience.stall.as_secs_f64()),
                    frames,
                ),
            };
            if had_frames {
                backoff.reset();
                lost = true;
            }
            self.report_loss(trouble);
            if stop.wait(backoff.pause()) || self.wait_for_a_free_reader(stop) {
                break Outcome::Stopped;
            }
        };
        self.watch.set(CameraState::Ended);
        // The reader may still wait for a frame of the program; nothing of it may outlive this one.
        if let Some(program) = lock(&self.watch.0.program).take() {
            program.end();
        }
        outcome
    }

    /// Opens the camera once and reads it until it ends, stalls or fails.
    fn run_once(&self, stop: &Stop, lost: &mut bool) -> RunEnd {
        let reader = match Reader::start(Arc::clone(&self.open), &self.watch, stop) {
            Ok(reader) => reader,
            Err(problem) => {
                let name = "camera".to_owned();
                return RunEnd::Lost(CameraError::Lost { source_name: name, problem: problem.to_string() }, false);
            }
        };
        let mut frames = false;
        let mut description = None;
        let mut heard = Instant::now();
        loop {
            if stop.requested() {
                return RunEnd::Stopped;
            }
            match reader.report(self.patience.stall.min(GLANCE)) {
                Some(ReaderEvent::Opened(words)) => description = Some(words),
                Some(ReaderEvent::Frame) => {
                    self.watch.progress();
                    self.watch.note(None);
                    if let Some(words) = description.take() {
                        log::info!("camera: {words}");
                        self.watch.set(CameraState::Running(words));
                    }
                    frames = true;
                    if std::mem::take(lost) {
                        self.watch.0.reopened.fetch_add(1, Ordering::Relaxed);
                        log::info!("camera: gives frames again");
                    }
                }
                // A camera that delivers only torn frames is alive; reopening would not help.
                Some(ReaderEvent::Damaged(problem)) => {
                    self.watch.progress();
                    self.watch.note(Some(problem));
                }
                Some(ReaderEvent::Waiting) => self.watch.progress(),
                Some(ReaderEvent::End) => {
                    self.watch.progress();
                    lock(&self.watch.0.health).end();
                    return RunEnd::RecordingOver;
                }
                Some(ReaderEvent::Failed(error)) => return RunEnd::Lost(error, frames),
                None if heard.elapsed() >= self.patience.stall => return RunEnd::Stalled { frames },
                None => continue,
            }
            heard = Instant::now();
        }
    }

    fn report_loss(&self, trouble: String) {
        lock(&self.watch.0.health).forget();
        let state = CameraState::Lost(trouble);
        if self.watch.state() != state {
            if let CameraState::Lost(words) = &state {
                log::warn!("camera: {words}");
            }
            self.watch.set(state);
        }
    }

    /// Waits while too many readers are stuck; returns whether the stop signal arrived.
    fn wait_for_a_free_reader(&self, stop: &Stop) -> bool {
        while self.watch.stuck_readers() >= MOST_STUCK {
            self.report_loss(format!(
                "the camera's driver has not answered {MOST_STUCK} times; unplug the camera and plug it in again, or restart"
            ));
            if stop.wait(GLANCE) {
                return true;
            }
        }
        false
    }
}
