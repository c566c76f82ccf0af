//! The camera of a station whose configuration says `choose`: found, chosen on the page, and kept in the state folder, since the
//! configuration file belongs to the installer. The program begins anew to use it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::camera;
use crate::config::{CameraSource, Config};
use crate::system::file;
use crate::system::stop::Stop;

/// File of the choice, in the state folder.
pub const FILE: &str = "camera.json";

/// The camera that was chosen on the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CameraChoice {
    pub source: CameraSource,
}

/// Why a choice cannot be read or kept.
#[derive(Debug, thiserror::Error)]
#[error(
    "{}: {problem}; the camera chosen on the page is kept there: check the disk, or delete it to choose anew", path.display()
)]
pub struct ChoiceError {
    path: PathBuf,
    problem: io::Error,
}

impl CameraChoice {
    /// The choice of a state folder, if one was made.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(state: &Path) -> Result<Option<Self>, ChoiceError> {
        let path = state.join(FILE);
        let read = file::read(&path).and_then(|bytes| serde_json::from_slice(&bytes).map_err(io::Error::from));
        match read {
            Ok(choice) => Ok(Some(choice)),
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(problem) => Err(ChoiceError { path, problem }),
        }
    }

    /// Puts the chosen camera into a configuration that says `choose`.
    ///
    /// # Errors
    /// If the choice cannot be read.
    pub fn apply(config: &mut Config) -> Result<(), ChoiceError> {
        if config.camera.source == CameraSource::Choose
            && let Some(choice) = Self::read(&config.state_folder())?
        {
            log::info!("the camera chosen on the page: {}", choice.source);
            config.camera.source = choice.source;
        }
        Ok(())
    }

    /// Keeps it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep(&self, state: &Path) -> Result<(), ChoiceError> {
        let path = state.join(FILE);
        let written = serde_json::to_vec(self).map_err(io::Error::from).and_then(|bytes| file::keep(&path, &bytes));
        written.map_err(|problem| ChoiceError { path, problem })
    }
}

/// A camera that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FoundCamera {
    /// Its source, as a configuration names it.
    pub source: String,
    /// The driver's name for it; empty if it gives none.
    pub name: String,
}

/// The cameras of this machine, then the simulated microscope. What is not in this list cannot be chosen on the page: a source
/// may also be a program.
#[must_use]
pub fn found() -> Vec<FoundCamera> {
    let devices = if cfg!(feature = "camera-v4l") { camera::devices() } else { Vec::new() };
    let devices = devices.into_iter().map(|device| {
        let source = CameraSource::V4l(device.path).to_string();
        FoundCamera { source, name: device.name }
    });
    let simulated = FoundCamera { source: CameraSource::Simulated.to_string(), name: String::new() };
    devices.chain([simulated]).collect()
}

/// Whether the camera is chosen on the page, and how the program begins anew with it.
#[derive(Clone, Debug, Default)]
pub struct CameraChooser {
    /// Whether the configuration says `choose`.
    asks: bool,
    again: Arc<AtomicBool>,
    stop: Stop,
}

impl CameraChooser {
    /// `asks`: the configuration says `choose`. `stop` ends the station.
    #[must_use]
    pub fn new(asks: bool, stop: Stop) -> Self {
        Self { asks, again: Arc::default(), stop }
    }

    /// Whether the camera is chosen on the page.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.asks
    }

    /// Ends the program so that it begins anew.
    pub fn begin_anew(&self) {
        self.again.store(true, Ordering::Relaxed);
        self.stop.request();
    }

    /// Whether the program is to begin anew once it has ended.
    #[must_use]
    pub fn begins_anew(&self) -> bool {
        self.again.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_choice_comes_back_as_it_was_kept_and_a_damaged_one_says_where_it_is() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(CameraChoice::read(state.path()).unwrap(), None);
        let choice = CameraChoice { source: "v4l:/dev/video2".parse().unwrap() };
        choice.keep(state.path()).unwrap();
        assert_eq!(CameraChoice::read(state.path()).unwrap(), Some(choice));
        for damaged in ["", "{}", "{\"source\": \"what\"}"] {
            fs::write(state.path().join(FILE), damaged).unwrap();
            assert!(CameraChoice::read(state.path()).unwrap_err().to_string().contains("camera.json"), "{damaged}");
        }
    }

    #[test]
    fn the_simulated_microscope_can_always_be_chosen_and_no_program_can() {
        let found = found();
        assert_eq!(found.last().unwrap().source, "simulated");
        assert!(found.iter().all(|camera| !camera.source.starts_with("command")));
    }
}
