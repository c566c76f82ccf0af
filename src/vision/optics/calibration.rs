//! Calibration of one camera with one objective: its light and scale, stored in the state folder.
//!
//! The file is TOML with its checksum in the first line. A calibration is refused for another camera, objective or
//! frame size, or if any byte of the file has changed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::domain::red_cell_colour::RedCellColour;
use crate::system::file;
use crate::system::zone;
use crate::vision::optics::flat_field::{Illumination, LightError};

/// Subfolder of the state folder that holds calibrations.
pub const FOLDER: &str = "calibrations";

/// Factor between the scale from red cells and the calibrated one from which another objective is suspected.
pub(crate) const OTHER_OBJECTIVE: f64 = 1.2;

/// Plausible scales of a microscope camera, um per pixel.
const SCALES: std::ops::RangeInclusive<f64> = 0.005..=10.0;

/// Camera and objective that a calibration or a result belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// Camera name: the driver's, or the one in the configuration.
    pub camera: String,
    /// Objective name, such as `100x`; empty if there is only one.
    pub objective: String,
}

impl Calibration {
    /// Camera, objective and time of the calibration.
    #[must_use]
    pub fn in_words(&self) -> String {
        let Setup { camera, objective } = &self.setup;
        let objective = if objective.is_empty() { String::new() } else { format!(", {objective}") };
        format!("{camera}{objective}, {}", zone::minute(self.taken))
    }
}

impl Setup {
    /// Path of its calibration file in a state folder.
    #[must_use]
    pub fn file(&self, state: &Path) -> PathBuf {
        let word = |text: &str| -> String {
            let text: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(40).collect();
            text.trim_matches('-').to_lowercase()
        };
        // Two names may map to the same file name; the hash keeps their files apart.
        let mut digits = String::new();
        for byte in &Sha256::digest(format!("{}\n{}", self.camera, self.objective))[..4] {
            let _ = write!(digits, "{byte:02x}"); // Writing to a String cannot fail.
        }
        let objective = if self.objective.is_empty() { "any".into() } else { word(&self.objective) };
        state.join(FOLDER).join(format!("{}_{objective}_{digits}.toml", word(&self.camera)))
    }

    /// Camera and objective for a person.
    #[must_use]
    pub fn words(&self) -> String {
        if self.objective.is_empty() {
            format!("{} without a named objective", self.camera)
        } else {
            format!("{} with objective {}", self.camera, self.objective)
        }
    }
}

/// Light and scale of a camera with an objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Version of the file format: 1.
    pub version: u32,
    /// Time of calibration.
    pub taken: Timestamp,
    /// Frame width, px.
    pub width: u32,
    /// Frame height, px.
    pub height: u32,
    /// Micrometres per pixel from red cells; `None` until calibrated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub um_per_px: Option<f64>,
    /// Colour of red cells, measured with the scale; `None` until then, or where too few were whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub red_cells: Option<RedCellColour>,
    /// Camera and objective it belongs to.
    pub setup: Setup,
    /// Light of the empty field; `None` until calibrated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub light: Option<Illumination>,
}

/// Why a calibration is refused.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    #[error("the calibration {} cannot be used: {problem}; check the disk and the permissions of its folder", path.display())]
    Disk { path: PathBuf, problem: std::io::Error },
    #[error("the calibration {} is damaged: {problem}; take it again with `leukoscope calibrate`", path.display())]
    Damaged { path: PathBuf, problem: CalibrationProblem },
    #[error(
        "there is no calibration of {of} ({}); put an empty field under the objective and run `leukoscope calibrate`, or set \
         flat_field = \"auto\" in [optics]", path.display()
    )]
    Missing { path: PathBuf, of: String },
    #[error(
        "the calibration {} is of {found}, not of {wanted}; run `leukoscope calibrate` for this one, or put the other back",
        path.display()
    )]
    OtherSetup { path: PathBuf, found: String, wanted: String },
    #[error(
        "the calibration is for frames of {}x{} px, and the camera gives {}x{} px; run `leukoscope calibrate` again, or set \
         width and height in [camera] back", wanted.0, wanted.1, found.0, found.1
    )]
    OtherSize { wanted: (u32, u32), found: (u32, u32) },
}

/// What is wrong with a calibration file's text.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationProblem {
    #[error("its first line is no checksum")]
    NoChecksum,
    #[error("its checksum does not fit what follows")]
    Checksum,
    #[error("{0}")]
    Toml(String),
    #[error("it has version {0}, and this program knows version 1")]
    Version(u32),
    #[error("its frames are {0}x{1} px")]
    Size(u32, u32),
    #[error("its scale is {0} um a pixel")]
    Scale(f64),
    #[error("its red cells have a colour that none can have")]
    RedCells,
    #[error(transparent)]
    Light(#[from] LightError),
}

impl Calibration {
    /// A calibration with neither light nor scale yet.
    #[must_use]
    pub fn new(setup: Setup, size: (u32, u32), taken: Timestamp) -> Self {
        Self { version: 1, taken, width: size.0, height: size.1, um_per_px: None, red_cells: None, setup, light: None }
    }

    /// Parses a calibration file.
    ///
    /// # Errors
    /// If anything in it differs from what this program writes.
    pub fn parse(text: &str) -> Result<Self, CalibrationProblem> {
        let (first, body) = text.split_once('\n').ok_or(CalibrationProblem::NoChecksum)?;
        let stated = first.trim_end().strip_prefix("# sha256 ").ok_or(CalibrationProblem::NoChecksum)?;
        if stated != checksum(body) {
            return Err(CalibrationProblem::Checksum);
        }
        let read: Self = toml::from_str(body).map_err(|error| CalibrationProblem::Toml(error.message().to_owned()))?;
        read.check()?;
        Ok(read)
    }

    /// Text of its file.
    ///
    /// # Errors
    /// Never for a calibration made by this program: only if it could not be written as TOML.
    pub fn text(&self) -> Result<String, CalibrationProblem> {
        let body = toml::to_string(self).map_err(|error| CalibrationProblem::Toml(error.to_string()))?;
        Ok(Self::sealed(&body))
    }

    /// Prefixes a text with its checksum, as in a file.
    #[must_use]
    pub fn sealed(body: &str) -> String {
        format!("# sha256 {}\n{body}", checksum(body))
    }

    fn check(&self) -> Result<(), CalibrationProblem> {
        if self.version != 1 {
            return Err(CalibrationProblem::Version(self.version));
        }
        if !(16..=16_384).contains(&self.width) || !(16..=16_384).contains(&self.height) {
            return Err(CalibrationProblem::Size(self.width, self.height));
        }
        if let Some(scale) = self.um_per_px.filter(|scale| !SCALES.contains(scale)) {
            return Err(CalibrationProblem::Scale(scale));
        }
        if self.red_cells.is_some_and(|colour| !colour.is_plausible()) {
            return Err(CalibrationProblem::RedCells);
        }
        Ok(self.light.as_ref().map_or(Ok(()), Illumination::check)?)
    }

    /// Reads a calibration file without checking which setup it belongs to.
    ///
    /// # Errors
    /// If it cannot be read or is damaged.
    pub fn read(path: &Path) -> Result<Self, CalibrationError> {
        let text =
            file::read_to_string(path).map_err(|problem| CalibrationError::Disk { path: path.to_owned(), problem })?;
        Self::parse(&text).map_err(|problem| CalibrationError::Damaged { path: path.to_owned(), problem })
    }

    /// Reads the calibration of `setup` from a state folder; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be read, is damaged or belongs to another setup.
    pub fn find(state: &Path, setup: &Setup) -> Result<Option<Self>, CalibrationError> {
        let path = setup.file(state);
        if !path.exists() {
            return Ok(None);
        }
        let read = Self::read(&path)?;
        if read.setup != *setup {
            return Err(CalibrationError::OtherSetup { path, found: read.setup.words(), wanted: setup.words() });
        }
        Ok(Some(read))
    }

    /// As [`Self::find`], but a missing calibration is an error.
    ///
    /// # Errors
    /// As [`Self::find`], and if there is none.
    pub fn demand(state: &Path, setup: &Setup) -> Result<Self, CalibrationError> {
        Self::find(state, setup)?
            .ok_or_else(|| CalibrationError::Missing { path: setup.file(state), of: setup.words() })
    }

    /// Writes it to a state folder atomically: a power cut leaves either the old or the new one.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn store(&self, state: &Path) -> Result<PathBuf, CalibrationError> {
        let path = self.setup.file(state);
        let disk = |problem| CalibrationError::Disk { path: path.clone(), problem };
        let text = self.text().map_err(|problem| CalibrationError::Damaged { path: path.clone(), problem })?;
        let folder = state.join(FOLDER);
        fs::create_dir_all(&folder).map_err(disk)?;
        file::keep(&path, text.as_bytes()).map_err(disk)?;
        Ok(path)
    }

    /// Checks that frames have the size it was taken at.
    ///
    /// # Errors
    /// If the sizes differ.
    pub fn fits(&self, found: (u32, u32)) -> Result<(), CalibrationError> {
        let wanted = (self.width, self.height);
        if found == wanted { Ok(()) } else { Err(CalibrationError::OtherSize { wanted, found }) }
    }
}

/// Why the scale measured live does not fit the calibrated one, in words; `None` if it fits.
#[must_use]
pub fn scale_doubt(calibrated: f64, live: f64) -> Option<String> {
    let factor = (live / calibrated).max(calibrated / live);
    (factor > OTHER_OBJECTIVE).then(|| {
        format!(
            "the red cells say {live:.3} um/px, the calibration {calibrated:.3}: another objective? Set objective in [optics], \
             or run `leukoscope calibrate --scale`"
        )
    })
}

fn checksum(body: &str) -> String {
    Sha256::digest(body).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // Writing to a String cannot fail.
        text
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn setup() -> Setup {
        Setup { camera: "USB Microscope".into(), objective: "100x".into() }
    }

    fn calibration() -> Calibration {
        let picture = image::RgbImage::from_fn(128, 96, |x, y| image::Rgb([200 - (x / 2) as u8, 190 - y as u8, 180]));
        let light = Illumination::of_empty(&[picture]);
        let red_cells = Some(RedCellColour([0.2, 0.3, 0.25]));
        Calibration {
            um_per_px: Some(0.1),
            red_cells,
            light,
            ..Calibration::new(setup(), (128, 96), Timestamp::UNIX_EPOCH)
        }
    }

    #[test]
    fn what_is_stored_is_found_for_the_same_camera_and_objective_only() {
        let state = tempfile::tempdir().unwrap();
        let path = calibration().store(state.path()).unwrap();
        assert_eq!(Calibration::find(state.path(), &setup()).unwrap(), Some(calibration()));
        let other = Setup { objective: "40x".into(), ..setup() };
        assert_eq!(Calibration::find(state.path(), &other).unwrap(), None);
        let missing = Calibration::demand(state.path(), &other).unwrap_err().to_string();
        assert!(missing.contains("leukoscope calibrate") && missing.contains("40x"), "{missing}");
        // A copy under another setup's file name is refused.
        fs::copy(path, other.file(state.path())).unwrap();
        let refused = Calibration::find(state.path(), &other).unwrap_err().to_string();
        assert!(refused.contains("100x") && refused.contains("40x"), "{refused}");
    }

    #[test]
    fn frames_of_another_size_are_refused_with_what_to_do() {
        assert!(calibration().fits((128, 96)).is_ok());
        let refused = calibration().fits((640, 480)).unwrap_err().to_string();
        assert!(
            refused.contains("128x96") && refused.contains("640x480") && refused.contains("calibrate"),
            "{refused}"
        );
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let text = calibration().text().unwrap();
        let damaged = text.replacen("100x", "400x", 1);
        assert!(matches!(Calibration::parse(&damaged), Err(CalibrationProblem::Checksum)));
        assert!(matches!(Calibration::parse("version = 1\n"), Err(CalibrationProblem::NoChecksum)));
    }

    #[test]
    fn values_that_cannot_be_are_refused_even_under_a_right_checksum() {
        for wrong in [
            Calibration { version: 2, ..calibration() },
            Calibration { width: 0, ..calibration() },
            Calibration { um_per_px: Some(0.0), ..calibration() },
            Calibration { um_per_px: Some(f64::NAN), ..calibration() },
            Calibration { red_cells: Some(RedCellColour([0.2, 9.0, 0.2])), ..calibration() },
            Calibration { red_cells: Some(RedCellColour([f64::NAN; 3])), ..calibration() },
        ] {
            assert!(Calibration::parse(&wrong.text().unwrap()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn another_objective_is_suspected_from_a_fifth_on() {
        assert_eq!(scale_doubt(0.1, 0.115), None);
        assert!(scale_doubt(0.1, 0.13).unwrap().contains("another objective?"));
        assert!(scale_doubt(0.1, 0.05).is_some());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
            prop_assert!(Calibration::parse(&text).is_err());
            // The same text with a valid checksum must not panic either.
            let _ = Calibration::parse(&Calibration::sealed(&text));
        }

        #[test]
        fn names_of_any_kind_give_a_file_in_the_folder(camera in "\\PC{0,60}", objective in "\\PC{0,60}") {
            let state = Path::new("/state");
            let file = Setup { camera, objective }.file(state);
            prop_assert_eq!(file.parent().unwrap(), state.join(FOLDER));
            let name = file.file_name().unwrap().to_str().unwrap();
            prop_assert!(name.len() < 120 && name.is_ascii());
        }
    }
}
