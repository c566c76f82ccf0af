//! Models folder: reads and checks `model.toml`, and checks each network against its sha256.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::domain::class::{CellClass, Kind};
use crate::system::file;
use crate::vision::optics::white_balance::WhiteBalance;

/// `model.toml`: what the two networks expect, and how to read their outputs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    pub white_balance: WhiteBalance,
    pub detector: DetectorCard,
    pub classifier: ClassifierCard,
    /// Sources of the training images.
    #[serde(default)]
    pub training: Vec<TrainingSource>,
}

/// `[detector]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorCard {
    pub file: PathBuf,
    pub sha256: String,
    /// Working scale, micrometres per pixel, as measured in training: a red cell's box is 7.2 um wide.
    pub um_per_px: f64,
    /// Sides of the input must be multiples of this.
    pub size_multiple: u32,
    /// Input pixels per output position.
    pub stride: u32,
    /// Kinds of the heat map channels.
    pub kinds: Vec<Kind>,
    /// Score from which a detection counts, by kind.
    pub thresholds: Vec<f64>,
    /// Overlap (intersection over union) above which two boxes of one kind are the same cell, by kind.
    pub nms_iou: Vec<f64>,
}

/// `[classifier]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifierCard {
    pub file: PathBuf,
    pub sha256: String,
    /// Scale of crops, micrometres per pixel, as measured in training: a red cell's box is 7.2 um wide.
    pub um_per_px: f64,
    /// Width and height of crops, px.
    pub size: u32,
    /// Classes of the outputs, in order.
    pub classes: Vec<CellClass>,
    /// Divides the logits before the softmax, so that probabilities match frequencies (Guo et al. 2017).
    pub temperature: f64,
    /// Probability below which a cell is UNK.
    pub unknown_below: f64,
    /// Share of each class in training, in the order of `classes`; without it predictions cannot be adjusted to the
    /// prevalence in a sample.
    pub prior: Option<Vec<f64>>,
    /// Classes with too few training examples to rely on.
    #[serde(default)]
    pub experimental: Vec<CellClass>,
}

/// One source of training images.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingSource {
    pub source: String,
    pub what: String,
    pub licence: String,
    pub images: u64,
}

/// Why models are refused.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file is missing or cannot be read.
    #[error("cannot read {}: {source}; put the models folder there or name it with [models] folder or LEUKOSCOPE_MODELS", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// `model.toml` is not valid.
    #[error("{}: {problem}; install the model.toml that belongs to these networks", path.display())]
    Card { path: PathBuf, problem: String },
    /// A network's bytes are not the released ones.
    #[error(
        "{} is not the file that model.toml describes (sha256 is {found}, should be {expected}); copy both files again from one release",
        path.display()
    )]
    Altered { path: PathBuf, found: String, expected: String },
    /// A network's input or output differs from what `model.toml` states.
    #[error("{}: {problem}; model.toml and network do not belong together, copy both again from one release", path.display())]
    Shape { path: PathBuf, problem: String },
    /// The network could not be prepared to run.
    #[error("{} cannot be run: {problem}; copy it again from a release that fits this program", path.display())]
    Unusable { path: PathBuf, problem: String },
}

/// Content of a models folder, checked.
#[derive(Debug)]
pub struct Models {
    pub card: ModelCard,
    pub folder: PathBuf,
    /// Detector, ONNX.
    pub detector: Vec<u8>,
    /// Classifier, ONNX.
    pub classifier: Vec<u8>,
}

impl Models {
    /// Reads `model.toml` and the networks in `folder`.
    ///
    /// # Errors
    /// If a file is missing, `model.toml` is invalid, or a network is not the one it describes.
    pub fn read(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join("model.toml");
        let text =
            file::read_to_string(&path).map_err(|source| ModelError::Unreadable { path: path.clone(), source })?;
        let card: ModelCard = toml::from_str(&text)
            .map_err(|error| ModelError::Card { path: path.clone(), problem: error.message().to_owned() })?;
        card.check().map_err(|problem| ModelError::Card { path: path.clone(), problem })?;
        let detector = read_checked(&folder.join(&card.detector.file), &card.detector.sha256)?;
        let classifier = read_checked(&folder.join(&card.classifier.file), &card.classifier.sha256)?;
        Ok(Self { card, folder: folder.to_owned(), detector, classifier })
    }

    /// Finds the models folder: the requested one, else `$LEUKOSCOPE_MODELS`, else the installed folder, else
    /// `models` in the source tree this program was built from.
    #[must_use]
    pub fn folder(asked: Option<&Path>) -> PathBuf {
        if let Some(asked) = asked {
            return asked.to_owned();
        }
        if let Some(folder) = std::env::var_os("LEUKOSCOPE_MODELS") {
            return folder.into();
        }
        let installed = PathBuf::from("/usr/share/leukoscope/models");
        if installed.join("model.toml").exists() {
            return installed;
        }
        Path::new(env!("CARGO_MANIFEST_DIR")).join("models")
    }
}

impl ModelCard {
    fn check(&self) -> Result<(), String> {
        let share = |name: &str, value: f64| {
            (value > 0.0 && value < 1.0).then_some(()).ok_or(format!("{name} is {value}, not between 0 and 1"))
        };
        let scale = |name: &str, value: f64| {
            (0.01..=2.0).contains(&value).then_some(()).ok_or(format!("{name} is {value}, not 0.01 to 2 um a pixel"))
        };
        share("white_balance.percentile", self.white_balance.percentile)?;
        if self.white_balance.level == 0 {
            return Err("white_balance.level is 0, not 1 to 255".into());
        }
        let detector = &self.detector;
        scale("detector.um_per_px", detector.um_per_px)?;
        if detector.stride == 0
            || detector.size_multiple == 0
            || !detector.size_multiple.is_multiple_of(detector.stride)
        {
            return Err("detector.size_multiple is not a multiple of detector.stride".into());
        }
        if detector.kinds != Kind::ALL {
            return Err("detector.kinds is not [\"WBC\", \"RBC\", \"PLT\"]".into());
        }
        for (name, values) in [("thresholds", &detector.thresholds), ("nms_iou", &detector.nms_iou)] {
            if values.len() != detector.kinds.len() {
                return Err(format!("detector.{name} has {} values for {} kinds", values.len(), detector.kinds.len()));
            }
            for value in values {
                share(&format!("detector.{name}"), *value)?;
            }
        }
        let classifier = &self.classifier;
        scale("classifier.um_per_px", classifier.um_per_px)?;
        if !(16..=512).contains(&classifier.size) {
            return Err(format!("classifier.size is {}, not 16 to 512", classifier.size));
        }
        if classifier.classes.len() < 2 {
            return Err("classifier.classes names fewer than two classes".into());
        }
        let mut once = classifier.classes.clone();
        once.sort_unstable();
        if let Some(twice) = once.iter().zip(&once[1..]).find_map(|(one, next)| (one == next).then_some(one)) {
            return Err(format!("classifier.classes names {twice} twice"));
        }
        if !(classifier.temperature > 0.0 && classifier.temperature.is_finite()) {
            return Err(format!("classifier.temperature is {}, not above 0", classifier.temperature));
        }
        if !(0.0..1.0).contains(&classifier.unknown_below) {
            return Err(format!("classifier.unknown_below is {}, not 0 to 1", classifier.unknown_below));
        }
        if let Some(prior) = &classifier.prior {
            if prior.len() != classifier.classes.len() {
                let (values, classes) = (prior.len(), classifier.classes.len());
                return Err(format!("classifier.prior has {values} values for {classes} classes"));
            }
            for value in prior {
                share("classifier.prior", *value)?;
            }
            let sum: f64 = prior.iter().sum();
            if (sum - 1.0).abs() > 0.01 {
                return Err(format!("classifier.prior adds up to {sum}, not to 1"));
            }
        }
        Ok(())
    }
}

fn read_checked(path: &Path, expected: &str) -> Result<Vec<u8>, ModelError> {
    let bytes = file::read(path).map_err(|source| ModelError::Unreadable { path: path.to_owned(), source })?;
    let mut found = String::with_capacity(64);
    for byte in Sha256::digest(&bytes) {
        let _ = write!(found, "{byte:02x}"); // Writing to a String cannot fail.
    }
    if !found.eq_ignore_ascii_case(expected) {
        return Err(ModelError::Altered { path: path.to_owned(), found, expected: expected.to_owned() });
    }
    Ok(bytes)
}
