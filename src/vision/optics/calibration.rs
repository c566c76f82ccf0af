//! A calibration of one camera behind one objective: its light and its scale, kept in the state folder.
//!
//! The file is TOML with its checksum in the first line. A calibration is refused for another camera, objective or frame
//! size, and when a byte of it changed.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::vision::optics::flat_field::{Illumination, LightError};

/// Folder of the calibrations in the state folder.
pub const FOLDER: &str = "calibrations";

/// How far the scale of the red cells may be off a calibration's before another objective is suspected, as a factor.
pub const OTHER_OBJECTIVE: f64 = 1.2;

/// Scales that are one of a microscope's camera, um a pixel.
const SCALES: std::ops::RangeInclusive<f64> = 0.005..=10.0;

/// What a calibration belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// Name of the camera: its driver's, or the one in the configuration.
    pub camera: String,
    /// Name of the objective, such as `100x`; empty where there is one only.
    pub objective: String,
}

impl Calibration {
    /// What it belongs to and when it was taken.
    #[must_use]
    pub fn in_words(&self) -> String {
        let Setup { camera, objective } = &self.setup;
        let objective = if objective.is_empty() { String::new() } else { format!(", {objective}") };
        format!("{camera}{objective}, {}", self.taken.strftime("%Y-%m-%d %H:%M UTC"))
    }
}

impl Setup {
    /// The file of its calibration in a state folder.
    #[must_use]
    pub fn file(&self, state: &Path) -> PathBuf {
        let word = |text: &str| -> String {
            let text: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(40).collect();
            text.trim_matches('-').to_lowercase()
        };
        // Two names may give one word; the number keeps their files apart.
        let mut digits = String::new();
        for byte in &Sha256::digest(format!("{}\n{}", self.camera, self.objective))[..4] {
            let _ = write!(digits, "{byte:02x}"); // Writing to a String cannot fail.
        }
        let objective = if self.objective.is_empty() { "any".into() } else { word(&self.objective) };
        state.join(FOLDER).join(format!("{}_{objective}_{digits}.toml", word(&self.camera)))
    }

    fn words(&self) -> String {
        if self.objective.is_empty() {
            format!("{} without a named objective", self.camera)
        } else {
            format!("{} with objective {}", self.camera, self.objective)
        }
    }
}

/// What is known of a camera behind an objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Form of the file: 1.
    pub version: u32,
    /// When it was taken.
    pub taken: Timestamp,
    /// Width of the frames, px.
    pub width: u32,
    /// Height of the frames, px.
    pub height: u32,
    /// Micrometres a pixel by red cells; none until it was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub um_per_px: Option<f64>,
    /// What it belongs to.
    pub setup: Setup,
    /// Light of the empty field; none until it was taken.
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

/// What is wrong with the text of a calibration.
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
    #[error(transparent)]
    Light(#[from] LightError),
}

impl Calibration {
    /// A calibration that knows nothing yet.
    #[must_use]
    pub fn new(setup: Setup, size: (u32, u32), taken: Timestamp) -> Self {
        Self { version: 1, taken, width: size.0, height: size.1, um_per_px: None, setup, light: None }
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// When anything in it is not what this program wrote.
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

    /// The text of its file.
    ///
    /// # Errors
    /// Never for a calibration made by this program; its form would not fit TOML.
    pub fn text(&self) -> Result<String, CalibrationProblem> {
        let body = toml::to_string(self).map_err(|error| CalibrationProblem::Toml(error.to_string()))?;
        Ok(Self::sealed(&body))
    }

    /// A text with the checksum that fits it in front, as in a file.
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
        Ok(self.light.as_ref().map_or(Ok(()), Illumination::check)?)
    }

    /// Reads a file whatever it belongs to.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub fn read(path: &Path) -> Result<Self, CalibrationError> {
        let text =
            fs::read_to_string(path).map_err(|problem| CalibrationError::Disk { path: path.to_owned(), problem })?;
        Self::parse(&text).map_err(|problem| CalibrationError::Damaged { path: path.to_owned(), problem })
    }

    /// The calibration of `setup` in a state folder; none if none was taken.
    ///
    /// # Errors
    /// When there is one that cannot be read, is damaged or belongs to something else.
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

    /// The same where one must be there.
    ///
    /// # Errors
    /// As [`Self::find`], and when none was taken.
    pub fn demand(state: &Path, setup: &Setup) -> Result<Self, CalibrationError> {
        Self::find(state, setup)?
            .ok_or_else(|| CalibrationError::Missing { path: setup.file(state), of: setup.words() })
    }

    /// Writes it into a state folder, in one step: a power cut leaves the old one or the new one.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn store(&self, state: &Path) -> Result<PathBuf, CalibrationError> {
        let path = self.setup.file(state);
        let disk = |problem| CalibrationError::Disk { path: path.clone(), problem };
        let text = self.text().map_err(|problem| CalibrationError::Damaged { path: path.clone(), problem })?;
        let folder = state.join(FOLDER);
        fs::create_dir_all(&folder).map_err(disk)?;
        let mut file = tempfile::NamedTempFile::new_in(&folder).map_err(disk)?;
        file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(disk)?;
        file.persist(&path).map_err(|error| disk(error.error))?;
        fs::File::open(&folder).and_then(|folder| folder.sync_all()).map_err(disk)?;
        Ok(path)
    }

    /// Holds the size of frames against its own.
    ///
    /// # Errors
    /// When they differ.
    pub fn fits(&self, found: (u32, u32)) -> Result<(), CalibrationError> {
        let wanted = (self.width, self.height);
        if found == wanted { Ok(()) } else { Err(CalibrationError::OtherSize { wanted, found }) }
    }
}

/// Why a live scale does not fit a calibration's, in words; none where it does.
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
        Calibration { um_per_px: Some(0.1), light, ..Calibration::new(setup(), (128, 96), Timestamp::UNIX_EPOCH) }
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
        // Copied under another's name it is refused.
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
            // Also behind a checksum that fits.
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
