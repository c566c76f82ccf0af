//! What is in force: settings, limits and calibration, in one place that everybody reads and that is changed here only.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::{Flags, SessionConfig};
use crate::store::records::Settings;
use crate::vision::optics::calibration::Calibration;

/// The one place; clones share it.
#[derive(Clone, Debug)]
pub struct InForce(Arc<Places>);

#[derive(Debug)]
struct Places {
    now: Mutex<Arc<Current>>,
    /// Held while limits change, which are in a file too: one change after the other.
    changing: Mutex<()>,
}

/// What is in force at one moment.
#[derive(Clone, Debug)]
pub struct Current {
    /// Limits of counts and flags, and what each session's record says of models, camera and calibration.
    pub settings: Settings,
    /// What is known of camera and objective, if they were calibrated; `settings` names it in words.
    pub calibration: Option<Calibration>,
}

impl InForce {
    /// What holds at the start; `settings` come to name this calibration.
    #[must_use]
    pub fn new(settings: Settings, calibration: Option<Calibration>) -> Self {
        let settings = Settings { calibration: calibration.as_ref().map(Calibration::in_words), ..settings };
        let now = Mutex::new(Arc::new(Current { settings, calibration }));
        Self(Arc::new(Places { now, changing: Mutex::default() }))
    }

    /// What holds now. It costs next to nothing to ask, and what was given stays as it is.
    #[must_use]
    pub fn now(&self) -> Arc<Current> {
        Arc::clone(&self.locked())
    }

    /// Changes the limits: `work` is given those that hold and gives the new ones. Where they are kept in a file, `work`
    /// does that, too: no other change of limits comes in between.
    ///
    /// # Errors
    /// Those of `work`; nothing changes then.
    pub fn change_limits<E>(&self, work: impl FnOnce(&Settings) -> Result<(SessionConfig, Flags), E>) -> Result<(), E> {
        let _one_at_a_time = self.0.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let (session, flags) = work(&self.now().settings)?;
        let mut now = self.locked();
        let settings = Settings { session, flags, ..now.settings.clone() };
        *now = Arc::new(Current { settings, calibration: now.calibration.clone() });
        Ok(())
    }

    /// Puts a calibration in force.
    pub fn calibrate(&self, calibration: Calibration) {
        let mut now = self.locked();
        let settings = Settings { calibration: Some(calibration.in_words()), ..now.settings.clone() };
        *now = Arc::new(Current { settings, calibration: Some(calibration) });
    }

    fn locked(&self) -> MutexGuard<'_, Arc<Current>> {
        self.0.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
