//! Settings, limits, calibration and networks in force, in one place: everyone reads them here, and they change only here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::{Flags, SampleConfig, SessionConfig};
use crate::store::records::Settings;
use crate::vision::Vision;
use crate::vision::optics::calibration::Calibration;
use crate::vision::profile::ProfileMark;

/// The settings in force; clones share them.
#[derive(Clone, Debug)]
pub struct InForce(Arc<Places>);

#[derive(Debug)]
struct Places {
    now: Mutex<Arc<Current>>,
    /// Held while limits change: they are in a file too, so changes go one at a time.
    changing: Mutex<()>,
    /// What cells are looked at with; none before the networks run.
    vision: Mutex<Option<Arc<Vision>>>,
}

/// The settings in force at one moment.
#[derive(Clone, Debug)]
pub struct Current {
    /// Limits of counts and flags, and what each session record says about models, camera and calibration.
    pub settings: Settings,
    /// Calibration of camera and objective, if there is one; `settings` describes it as text.
    pub calibration: Option<Calibration>,
}

impl InForce {
    /// Starts with these settings, with the description of this calibration filled in.
    #[must_use]
    pub fn new(settings: Settings, calibration: Option<Calibration>) -> Self {
        let settings = Settings { calibration: calibration.as_ref().map(Calibration::in_words), ..settings };
        let now = Mutex::new(Arc::new(Current { settings, calibration }));
        Self(Arc::new(Places { now, changing: Mutex::default(), vision: Mutex::default() }))
    }

    /// The current settings. Cheap to call; the returned value does not change later.
    #[must_use]
    pub fn now(&self) -> Arc<Current> {
        Arc::clone(&self.locked())
    }

    /// Changes the limits: `work` gets the current settings and returns the new limits. Where limits are kept in a
    /// file, `work` writes it too: no other change of limits can come in between.
    ///
    /// # Errors
    /// Any error of `work`; nothing changes then.
    pub fn change_limits<E>(&self, work: impl FnOnce(&Settings) -> Result<(SessionConfig, Flags), E>) -> Result<(), E> {
        let _one_at_a_time = self.0.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let (session, flags) = work(&self.now().settings)?;
        let mut now = self.locked();
        let settings = Settings { session, flags, ..now.settings.clone() };
        *now = Arc::new(Current { settings, calibration: now.calibration.clone() });
        Ok(())
    }

    /// Puts other rules of the sample ids in force.
    pub fn set_rules(&self, sample: SampleConfig) {
        let mut now = self.locked();
        let settings = Settings { sample, ..now.settings.clone() };
        *now = Arc::new(Current { settings, calibration: now.calibration.clone() });
    }

    /// Puts a calibration in force.
    pub fn calibrate(&self, calibration: Calibration) {
        let mut now = self.locked();
        let settings = Settings { calibration: Some(calibration.in_words()), ..now.settings.clone() };
        *now = Arc::new(Current { settings, calibration: Some(calibration) });
    }

    /// Puts a profile in force, or with `None` the weights as shipped.
    pub fn name_by(&self, profile: Option<ProfileMark>) {
        let mut now = self.locked();
        let settings = Settings { profile, ..now.settings.clone() };
        *now = Arc::new(Current { settings, calibration: now.calibration.clone() });
    }

    /// What cells are looked at with; none before the networks run.
    #[must_use]
    pub fn vision(&self) -> Option<Arc<Vision>> {
        self.0.vision.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts networks, light and colour in force.
    pub fn look_with(&self, vision: Arc<Vision>) {
        *self.0.vision.lock().unwrap_or_else(PoisonError::into_inner) = Some(vision);
    }

    fn locked(&self) -> MutexGuard<'_, Arc<Current>> {
        self.0.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
