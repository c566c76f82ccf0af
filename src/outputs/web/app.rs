//! State shared by all handlers.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::connection::ConnectionLimiter;
use super::error::ApiError;
use super::logins::Logins;
use super::looks::Looks;
use super::repeats::Repeats;
use super::throttle::Throttle;
use super::{Timeouts, Web};
use crate::config::{Config, StoreConfig};
use crate::domain::own_class::OwnClass;
use crate::outputs::metrics::token::ScrapeToken;
use crate::outputs::report::letterhead::Letterhead;
use crate::outputs::words::Catalogues;
use crate::station::adapt::Laboratory;
use crate::station::camera_choice::CameraChooser;
use crate::station::control::Controls;
use crate::station::in_force::InForce;
use crate::station::live_view::Live;
use crate::station::monitor::Monitor;
use crate::station::pipeline::{CalibrationRequest, WeightsRequest};
use crate::station::practice::Exercises;
use crate::station::requests::{Commands, Requests};
use crate::store::Store;
use crate::store::records::SessionId;

/// Passwords checked at once. Each takes 19 MiB and a core for a while, and counting runs on the same board.
const PASSWORDS_AT_ONCE: usize = 1;

/// How long a login waits while other passwords are checked.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

pub(super) type SharedApp = Arc<App>;

/// Held by work that must not run in parallel. It belongs to the work, not to the request: if the client hangs up,
/// the request is dropped but the blocking work it started runs on.
pub(super) type Permit = OwnedSemaphorePermit;

#[derive(Debug)]
pub(super) struct App {
    pub(super) store: Store,
    pub(super) keep: StoreConfig,
    pub(super) state: PathBuf,
    pub(super) in_force: InForce,
    pub(super) live: Live,
    pub(super) commands: Commands,
    pub(super) camera: CameraChooser,
    pub(super) calibration_requests: Requests<CalibrationRequest>,
    pub(super) letterhead: Letterhead,
    pub(super) laboratory: Laboratory,
    pub(super) weights_requests: Requests<WeightsRequest>,
    pub(super) controls: Controls,
    pub(super) station: String,
    pub(super) language: String,
    pub(super) catalogues: Catalogues,
    /// The laboratory's own pictures of each class.
    pub(super) reference_cells: Option<PathBuf>,
    pub(super) timeouts: Timeouts,
    pub(super) monitor: Monitor,
    pub(super) configured: Config,
    /// What opens the figures, and nothing else.
    pub(super) scrape_token: Option<ScrapeToken>,
    /// True if the page listens on anything but loopback.
    pub(super) login_needed: bool,
    pub(super) tls: bool,
    pub(super) connections: ConnectionLimiter,
    passwords: Arc<Semaphore>,
    /// Limits how many reports and pictures are made at once.
    pictures: Arc<Semaphore>,
    calibrations: Arc<Semaphore>,
    adaptations: Arc<Semaphore>,
    logins: Mutex<Logins>,
    throttle: Mutex<Throttle>,
    viewed: Mutex<Viewed>,
    repeats: Mutex<Repeats>,
    looks: Mutex<Looks>,
    /// The laboratory's own classes, in the order of their keys.
    pub(super) own_classes: Vec<OwnClass>,
    /// Shortest time of a look at a cell.
    pub(super) fastest: Duration,
    exercises: Mutex<Exercises>,
    /// Hashes of tokens whose first use the trail holds.
    used_tokens: Mutex<HashSet<String>>,
}

/// When a caller last viewed a signed session, per form.
type Viewed = HashMap<(String, SessionId, &'static str), Instant>;

impl App {
    pub(super) fn new(web: &Web, login_needed: bool, scrape_token: Option<ScrapeToken>) -> Self {
        let idle = Duration::from_secs(u64::from(web.config.idle_minutes) * 60);
        Self {
            store: web.store.clone(),
            keep: web.keep.clone(),
            state: web.state.clone(),
            in_force: web.in_force.clone(),
            live: web.live.clone(),
            commands: web.commands.clone(),
            camera: web.camera.clone(),
            calibration_requests: web.calibration_requests.clone(),
            letterhead: web.letterhead.clone(),
            laboratory: web.laboratory.clone(),
            weights_requests: web.weights_requests.clone(),
            controls: web.controls.clone(),
            station: web.station.clone(),
            language: web.config.language.clone(),
            catalogues: Catalogues::new(web.config.catalogues.clone()),
            reference_cells: web.config.reference_cells.clone(),
            timeouts: web.timeouts,
            monitor: web.monitor.clone(),
            configured: web.configured.clone(),
            scrape_token,
            login_needed,
            tls: login_needed,
            connections: ConnectionLimiter::new(&web.timeouts, login_needed),
            passwords: Arc::new(Semaphore::new(PASSWORDS_AT_ONCE)),
            pictures: Arc::new(Semaphore::new(1)),
            calibrations: Arc::new(Semaphore::new(1)),
            adaptations: Arc::new(Semaphore::new(1)),
            viewed: Mutex::default(),
            repeats: Mutex::default(),
            looks: Mutex::default(),
            own_classes: web.review.own_classes.0.clone(),
            fastest: Duration::from_millis(web.review.fastest_ms.into()),
            exercises: Mutex::default(),
            used_tokens: Mutex::default(),
            logins: Mutex::new(Logins::new(idle)),
            throttle: Mutex::default(),
        }
    }

    /// Waits up to 10 s for the permit to hash a password.
    pub(super) async fn password_permit(&self) -> Result<Permit, ApiError> {
        let turn = timeout(PATIENCE, Arc::clone(&self.passwords).acquire_owned()).await;
        turn.ok().and_then(Result::ok).ok_or_else(ApiError::many_log_in)
    }

    /// Takes the permit to calibrate, if it is free.
    pub(super) fn calibration_permit(&self) -> Result<Permit, ApiError> {
        let turn = Arc::clone(&self.calibrations).try_acquire_owned();
        turn.map_err(|_| ApiError::busy("a calibration is being taken; wait for it"))
    }

    /// Takes the permit to learn a profile or to switch one on, if it is free.
    pub(super) fn adaptation_permit(&self) -> Result<Permit, ApiError> {
        let turn = Arc::clone(&self.adaptations).try_acquire_owned();
        turn.map_err(|_| ApiError::busy("a profile is being learned or switched on; wait for it"))
    }

    /// Waits for the permit to make a report or a picture.
    pub(super) async fn picture_permit(&self) -> Result<Permit, ApiError> {
        let turn = Arc::clone(&self.pictures).acquire_owned().await;
        turn.map_err(|_| ApiError::busy("the program is ending"))
    }

    pub(super) fn logins(&self) -> MutexGuard<'_, Logins> {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn looks(&self) -> MutexGuard<'_, Looks> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn viewed(&self) -> MutexGuard<'_, Viewed> {
        self.viewed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn repeats(&self) -> MutexGuard<'_, Repeats> {
        self.repeats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn exercises(&self) -> MutexGuard<'_, Exercises> {
        self.exercises.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn used_tokens(&self) -> MutexGuard<'_, HashSet<String>> {
        self.used_tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs work that uses the disk or computes for long on a blocking thread.
pub(super) async fn blocking<T, E>(
    app: &SharedApp,
    work: impl FnOnce(&App) -> Result<T, E> + Send + 'static,
) -> Result<T, ApiError>
where
    T: Send + 'static,
    E: Into<ApiError> + Send + 'static,
{
    let app = Arc::clone(app);
    beside(None, move || work(&app)).await
}

/// Same, holding a permit until the work ends.
pub(super) async fn blocking_in<T, E>(
    app: &SharedApp,
    turn: Permit,
    work: impl FnOnce(&App) -> Result<T, E> + Send + 'static,
) -> Result<T, ApiError>
where
    T: Send + 'static,
    E: Into<ApiError> + Send + 'static,
{
    let app = Arc::clone(app);
    beside(Some(turn), move || work(&app)).await
}

async fn beside<T, E>(
    permit: Option<Permit>,
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, ApiError>
where
    T: Send + 'static,
    E: Into<ApiError> + Send + 'static,
{
    let done = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(permit);
        done
    });
    match done.await {
        Ok(done) => done.map_err(Into::into),
        // The work panicked, or the server is shutting down.
        Err(problem) => Err(ApiError::internal(&problem)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_turn_lasts_as_long_as_its_work_also_where_whoever_asked_has_gone() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        runtime.block_on(async {
            let turns = Arc::new(Semaphore::new(1));
            let turn = Arc::clone(&turns).acquire_owned().await.unwrap();
            let (begun, begins) = mpsc::channel();
            let (end, ends) = mpsc::channel::<()>();
            let work = move || {
                begun.send(()).unwrap();
                let _ = ends.recv();
                Ok::<_, ApiError>(())
            };
            let asked = timeout(Duration::from_millis(50), beside(Some(turn), work)).await;
            assert!(asked.is_err(), "whoever asked hung up");
            begins.recv().unwrap();
            assert_eq!(turns.available_permits(), 0, "the work goes on");
            drop(end);
            let next = timeout(Duration::from_secs(10), turns.acquire()).await;
            assert!(next.is_ok_and(|next| next.is_ok()), "it ended");
        });
    }
}
