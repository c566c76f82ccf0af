//! A reader thread: opens the camera, reads it, and puts frames into the slot while it holds its token.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{CameraWatch, Opener, lock};
use crate::camera::{CameraError, Capture};
use crate::domain::frame::Frame;
use crate::system::stop::Stop;

/// How often a reader waiting for a free slot checks it.
const LOOK_UP: Duration = Duration::from_millis(50);
/// Queue length of reports; the supervisor takes them at once, and a reader blocks if the queue is full.
const REPORTS: usize = 16;

/// A reader's report to the supervisor.
pub(super) enum ReaderEvent {
    /// The camera is open; its description.
    Opened(String),
    /// A frame was handed on.
    Frame,
    /// A frame that cannot be read; what was wrong with it.
    Damaged(String),
    /// A frame of a recording waits because its consumer is busy.
    Waiting,
    /// The recording is over and its last frame was taken.
    End,
    /// The camera could not be opened, or is gone.
    Failed(CameraError),
}

/// Whether a reader may still hand on frames, and whether it counts as stuck.
#[derive(Default)]
struct Token {
    taken_away: bool,
    finished: bool,
}

/// The supervisor's handle of a reader thread. Dropping it revokes the reader's token.
pub(super) struct Reader {
    token: Arc<Mutex<Token>>,
    reports: Receiver<ReaderEvent>,
    watch: CameraWatch,
}

impl Reader {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system cannot start one.
    pub(super) fn start(open: Arc<Opener>, watch: &CameraWatch, stop: &Stop) -> std::io::Result<Self> {
        let (sender, reports) = bounded(REPORTS);
        let token = Arc::<Mutex<Token>>::default();
        let work = Work { token: Arc::clone(&token), reports: sender, watch: watch.clone(), stop: stop.clone() };
        thread::Builder::new().name("camera".to_owned()).spawn(move || {
            // A driver library may panic on what a device answers; the supervisor treats that as a lost camera.
            let ended = catch_unwind(AssertUnwindSafe(|| work.read(&*open)));
            let report = match ended {
                Ok(report) => report,
                Err(_) => Some(ReaderEvent::Failed(CameraError::Lost {
                    source_name: "camera".to_owned(),
                    problem: "its driver library failed".to_owned(),
                })),
            };
            work.finish(report);
        })?;
        Ok(Self { token, reports, watch: watch.clone() })
    }

    /// The next report, or none within `time`.
    pub(super) fn report(&self, time: Duration) -> Option<ReaderEvent> {
        self.reports.recv_timeout(time).ok()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut token = lock(&self.token);
        token.taken_away = true;
        if !token.finished {
            self.watch.0.stuck.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Work {
    token: Arc<Mutex<Token>>,
    reports: Sender<ReaderEvent>,
    watch: CameraWatch,
    stop: Stop,
}

impl Work {
    /// Reads until the end. Returns none when nobody listens any more.
    fn read(&self, open: &Opener) -> Option<ReaderEvent> {
        let mut camera = match open() {
            Ok(camera) => camera,
            Err(error) => return Some(ReaderEvent::Failed(error)),
        };
        *lock(&self.watch.0.program) = camera.program();
        self.send(ReaderEvent::Opened(camera.describe()))?;
        let every_frame_counts = camera.waits_for_reader();
        loop {
            match camera.next_frame() {
                Ok(Capture::Frame(frame)) => self.hand_on(frame, every_frame_counts)?,
                Ok(Capture::Damaged(problem)) => self.damaged(problem)?,
                Ok(Capture::End) => {
                    self.wait_until_taken()?;
                    return Some(ReaderEvent::End);
                }
                Err(error) => return Some(ReaderEvent::Failed(error)),
            }
        }
    }

    /// Some while the supervisor still wants this reader.
    fn wanted(&self) -> Option<()> {
        (!self.stop.requested() && !lock(&self.token).taken_away).then_some(())
    }

    fn send(&self, mut report: ReaderEvent) -> Option<()> {
        loop {
            self.wanted()?;
            report = match self.reports.send_timeout(report, LOOK_UP) {
                Ok(()) => return Some(()),
                Err(crossbeam_channel::SendTimeoutError::Timeout(report)) => report,
                Err(crossbeam_channel::SendTimeoutError::Disconnected(_)) => return None,
            };
        }
    }

    fn damaged(&self, problem: String) -> Option<()> {
        self.wanted()?;
        let before = self.watch.0.damaged.fetch_add(1, Ordering::Relaxed);
        // A loose cable tears every frame: after the first few, one line in a hundred is enough.
        if before < 5 || before.is_multiple_of(100) {
            log::warn!("camera: damaged frame passed over: {problem}");
        }
        self.send(ReaderEvent::Damaged(problem))
    }

    fn hand_on(&self, mut frame: Frame, every_frame_counts: bool) -> Option<()> {
        loop {
            {
                // Held while the frame is put, so that no frame arrives after the token was revoked.
                let token = lock(&self.token);
                if token.taken_away || self.stop.requested() {
                    return None;
                }
                if !every_frame_counts {
                    self.watch.0.slot.put(frame);
                    break;
                }
                match self.watch.0.slot.put_when_free(frame, Duration::ZERO) {
                    Ok(()) => break,
                    Err(back) => frame = back,
                }
            }
            self.wait_until_taken()?;
        }
        self.watch.0.frames.fetch_add(1, Ordering::Relaxed);
        self.send(ReaderEvent::Frame)
    }

    /// Waits until the slot is empty.
    fn wait_until_taken(&self) -> Option<()> {
        while !self.watch.0.slot.wait_until_free(LOOK_UP) {
            self.send(ReaderEvent::Waiting)?;
        }
        Some(())
    }

    /// The thread has left the driver for good, so it no longer counts as stuck.
    fn finish(&self, report: Option<ReaderEvent>) {
        {
            let mut token = lock(&self.token);
            token.finished = true;
            if token.taken_away {
                self.watch.0.stuck.fetch_sub(1, Ordering::Relaxed);
            }
        }
        if let Some(report) = report {
            // Fails if the supervisor has abandoned this reader; then nobody needs the report.
            let _ = self.send(report);
        }
    }
}
