//! What every handler shares.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use tokio::sync::Semaphore;

use super::error::ApiError;
use super::live::Live;
use super::logins::Logins;
use super::throttle::Throttle;
use super::{InForce, Timeouts, Web};
use crate::config::{Flags, SessionConfig};
use crate::pipeline::Wish;
use crate::session::snapshot::Command;
use crate::store::Store;
use crate::store::records::SessionId;
use crate::vision::Vision;
use crate::words::Catalogues;

/// Passwords that are looked at at once: each takes 19 MiB and a core for a while, and the counting goes on beside it.
const PASSWORDS_AT_ONCE: usize = 1;

/// What every handler shares.
pub(super) type Shared = Arc<App>;

#[derive(Debug)]
pub(super) struct App {
    pub(super) store: Store,
    pub(super) state: PathBuf,
    pub(super) vision: Option<Arc<Vision>>,
    pub(super) settings: InForce,
    pub(super) limits: Sender<(SessionConfig, Flags)>,
    pub(super) live: Live,
    pub(super) commands: Sender<Command>,
    pub(super) wishes: Sender<Wish>,
    pub(super) station: String,
    pub(super) language: String,
    pub(super) catalogues: Catalogues,
    pub(super) timeouts: Timeouts,
    /// Off the loopback address.
    pub(super) login_needed: bool,
    pub(super) tls: bool,
    pub(super) passwords: Semaphore,
    /// Reports and pictures that are made at once.
    pub(super) pictures: Semaphore,
    logins: Mutex<Logins>,
    throttle: Mutex<Throttle>,
    viewed: Mutex<Viewed>,
}

/// When who last looked at which signed session.
type Viewed = HashMap<(String, SessionId), Instant>;

impl App {
    pub(super) fn new(web: &Web, login_needed: bool) -> Self {
        let idle = Duration::from_secs(u64::from(web.config.idle_minutes) * 60);
        Self {
            store: web.store.clone(),
            state: web.state.clone(),
            vision: web.vision.clone(),
            settings: web.settings.clone(),
            limits: web.limits.clone(),
            live: web.live.clone(),
            commands: web.commands.clone(),
            wishes: web.wishes.clone(),
            station: web.station.clone(),
            language: web.config.language.clone(),
            catalogues: Catalogues::new(web.config.catalogues.clone()),
            timeouts: web.timeouts,
            login_needed,
            tls: login_needed,
            passwords: Semaphore::new(PASSWORDS_AT_ONCE),
            pictures: Semaphore::new(1),
            viewed: Mutex::default(),
            logins: Mutex::new(Logins::new(idle)),
            throttle: Mutex::default(),
        }
    }

    pub(super) fn logins(&self) -> MutexGuard<'_, Logins> {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn viewed(&self) -> MutexGuard<'_, Viewed> {
        self.viewed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs what reads or writes the disk, or computes for long, beside the server.
pub(super) async fn blocking<T, E>(
    app: &Shared,
    work: impl FnOnce(&App) -> Result<T, E> + Send + 'static,
) -> Result<T, ApiError>
where
    T: Send + 'static,
    E: Into<ApiError> + Send + 'static,
{
    let app = Arc::clone(app);
    match tokio::task::spawn_blocking(move || work(&app)).await {
        Ok(done) => done.map_err(Into::into),
        // It panicked, or the server is ending.
        Err(problem) => Err(ApiError::internal(&problem)),
    }
}
