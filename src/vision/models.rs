//! Models folder: reads and checks `model.toml`, and checks each network against its sha256.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::domain::class::{CellClass, Kind};
use crate::system::file;
use crate::system::parallel::both;
use crate::vision::card_seal::{hexadecimal, seal_of};
use crate::vision::colour_map::StainCard;
use crate::vision::optics::white_balance::WhiteBalance;
use crate::vision::parasites_card::ParasitesCard;
use crate::vision::profile::{Profile, ProfileError, ProfileProblem};
use crate::vision::red_card::RedCellsCard;
use crate::vision::tempering::DistanceCard;

/// `model.toml`: what the networks expect, and how to read their outputs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    /// SHA-256 over all other values, hexadecimal: see [`crate::vision::card_seal`].
    #[serde(default)]
    pub card_sha256: String,
    pub white_balance: WhiteBalance,
    /// The colours that the classifier learned on; without it crops are classified in their own.
    pub stain: Option<StainCard>,
    /// What the classifier's output `distance` means; without it no probability is lowered for cells unlike those of training.
    pub distance: Option<DistanceCard>,
    pub detector: DetectorCard,
    pub classifier: ClassifierCard,
    /// The network of red cells; without it they are counted, and not named.
    pub red_cells: Option<RedCellsCard>,
    /// The network that screens red cells for parasites.
    pub parasites: Option<ParasitesCard>,
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
    /// `model.toml` was changed since it was written.
    #[error(
        "{} was changed since it was written: its values have the card_sha256 {found}, and in it stands {}; copy it again \
         from the release of these networks. If it was changed on purpose, check every value and write card_sha256 = \
         \"{found}\" above its first section", path.display(), if expected.is_empty() { "none" } else { expected.as_str() }
    )]
    Unsealed { path: PathBuf, found: String, expected: String },
    /// A network's bytes are not the released ones.
    #[error(
        "{} is not the file that model.toml describes (sha256 is {found}, should be {expected}); copy both files again from one release",
        path.display()
    )]
    Altered { path: PathBuf, found: String, expected: String },
    /// A network's input or output differs from what `model.toml` states.
    #[error("{}: {problem}; model.toml and network do not belong together, copy both again from one release", path.display())]
    Shape { path: PathBuf, problem: String },
    /// Another classifier than the running one lies in the folder.
    #[error("the models in {} were replaced since the program started; restart it first", folder.display())]
    Replaced { folder: PathBuf },
    /// The network could not be prepared to run.
    #[error("{} cannot be run: {problem}; copy it again from a release that fits this program", path.display())]
    Unusable { path: PathBuf, problem: String },
}

/// File that describes the networks.
pub const CARD: &str = "model.toml";

/// Folder of installed networks in a state folder, and the link in it to those in use.
pub const INSTALLED: &str = "models";
pub const CURRENT: &str = "current";

/// Content of a models folder, checked.
#[derive(Debug)]
pub struct Models {
    pub card: ModelCard,
    pub folder: PathBuf,
    /// Detector, ONNX.
    pub detector: Vec<u8>,
    /// Classifier, ONNX.
    pub classifier: Vec<u8>,
    /// Network of red cells, ONNX, where the card names one.
    pub red_cells: Option<Vec<u8>>,
    /// Network that screens for parasites, ONNX, where the card names one.
    pub parasites: Option<Vec<u8>>,
    /// The profile of a laboratory, whose last layer the classifier gets.
    pub profile: Option<Profile>,
}

impl Models {
    /// Reads `model.toml` and the networks in `folder`.
    ///
    /// # Errors
    /// If a file is missing, `model.toml` is invalid, or a network is not the one it describes.
    pub fn read(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join(CARD);
        let text =
            file::read_to_string(&path).map_err(|source| ModelError::Unreadable { path: path.clone(), source })?;
        let card: ModelCard = toml::from_str(&text)
            .map_err(|error| ModelError::Card { path: path.clone(), problem: error.message().to_owned() })?;
        card.check().map_err(|problem| ModelError::Card { path: path.clone(), problem })?;
        let seal = seal_of(&text).unwrap_or_default();
        if !seal.eq_ignore_ascii_case(&card.card_sha256) {
            return Err(ModelError::Unsealed { path, found: seal, expected: card.card_sha256 });
        }
        let network = |file: &Path, sha256: &str| read_checked(&folder.join(file), sha256);
        let others = || -> Result<_, ModelError> {
            let detector = network(&card.detector.file, &card.detector.sha256)?;
            let red = card.red_cells.as_ref().map(|red| network(&red.file, &red.sha256)).transpose()?;
            let parasites = card.parasites.as_ref().map(|screen| network(&screen.file, &screen.sha256)).transpose()?;
            Ok((detector, red, parasites))
        };
        // Hashing takes a while on a board, and the classifier's file is as large as all others.
        let (others, classifier) = both(others, || network(&card.classifier.file, &card.classifier.sha256));
        let ((detector, red_cells, parasites), classifier) = (others?, classifier?);
        Ok(Self { card, folder: folder.to_owned(), detector, classifier, red_cells, parasites, profile: None })
    }

    /// The same with the profile in this file.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, or was learned with another classifier.
    pub fn with_profile(self, path: &Path) -> Result<Self, ProfileError> {
        let profile = Profile::read(path)?;
        self.check_profile(path, &profile)?;
        Ok(Self { profile: Some(profile), ..self })
    }

    /// Refuses the profile in this file if it was learned with another classifier.
    ///
    /// # Errors
    /// The refusal.
    pub fn check_profile(&self, path: &Path, profile: &Profile) -> Result<(), ProfileError> {
        let ClassifierCard { sha256, classes, .. } = &self.card.classifier;
        let path = path.to_owned();
        if !profile.classifier_sha256.eq_ignore_ascii_case(sha256) {
            let found = profile.classifier_sha256.clone();
            return Err(ProfileError::OtherClassifier { path, found, wanted: sha256.clone() });
        }
        if profile.classes != *classes {
            let problem = ProfileProblem::Value("its classes are not the classifier's".into());
            return Err(ProfileError::Damaged { path, problem });
        }
        Ok(())
    }

    /// What tells the weights that name cells from all others: the classifier's SHA-256, or the profile's where there is
    /// one. Hexadecimal.
    #[must_use]
    pub fn weights_sha256(&self) -> &str {
        self.profile.as_ref().map_or(&self.card.classifier.sha256, |profile| &profile.profile_sha256)
    }

    /// Finds the models folder: the requested one, else `$LEUKOSCOPE_MODELS`, else what `leukoscope model install` put into
    /// the state folder `state`, else the shipped one.
    #[must_use]
    pub fn folder(asked: Option<&Path>, state: &Path) -> PathBuf {
        if let Some(asked) = asked {
            return asked.to_owned();
        }
        if let Some(folder) = std::env::var_os("LEUKOSCOPE_MODELS") {
            return folder.into();
        }
        let current = state.join(INSTALLED).join(CURRENT);
        // The link counts even if it leads nowhere: networks that are gone are told of, not replaced by others in silence.
        if current.is_symlink() { current } else { Self::shipped() }
    }

    /// The folder that came with the program, else `models` in the source tree it was built from.
    #[must_use]
    pub fn shipped() -> PathBuf {
        let installed = PathBuf::from("/usr/share/leukoscope/models");
        if installed.join(CARD).exists() {
            return installed;
        }
        Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("models")
    }
}

impl ModelCard {
    /// The networks' files.
    #[must_use]
    pub fn networks(&self) -> Vec<&PathBuf> {
        let red = self.red_cells.as_ref().map(|red| &red.file);
        let parasites = self.parasites.as_ref().map(|screen| &screen.file);
        [&self.detector.file, &self.classifier.file].into_iter().chain(red).chain(parasites).collect()
    }

    /// Refuses every number outside the range in which such a network can work at all.
    fn check(&self) -> Result<(), String> {
        within("white_balance.percentile", self.white_balance.percentile, 0.5, 0.9999)?;
        within("white_balance.level", f64::from(self.white_balance.level), 128.0, 255.0)?;
        self.stain.as_ref().map_or(Ok(()), StainCard::check)?;
        self.distance.as_ref().map_or(Ok(()), DistanceCard::check)?;
        self.detector.check()?;
        self.classifier.check()?;
        self.red_cells.as_ref().map_or(Ok(()), RedCellsCard::check)?;
        self.parasites.as_ref().map_or(Ok(()), ParasitesCard::check)?;
        for source in &self.training {
            if source.images > MOST_IMAGES {
                return Err(format!("training.images is {}, not 0 to {MOST_IMAGES}", source.images));
            }
        }
        Ok(())
    }
}

/// Most images of one source of training: more is a slip of the pen.
const MOST_IMAGES: u64 = 100_000_000;

/// Plausible scales of the networks, um per pixel: finer than any objective resolves, and a white cell of 10 px.
const SCALES: (f64, f64) = (0.02, 1.2);

fn within(name: &str, value: f64, low: f64, high: f64) -> Result<(), String> {
    // A NaN is in no range.
    if (low..=high).contains(&value) { Ok(()) } else { Err(format!("{name} is {value}, not {low} to {high}")) }
}

impl DetectorCard {
    fn check(&self) -> Result<(), String> {
        within("detector.um_per_px", self.um_per_px, SCALES.0, SCALES.1)?;
        within("detector.stride", f64::from(self.stride), 1.0, 32.0)?;
        within("detector.size_multiple", f64::from(self.size_multiple), 1.0, 256.0)?;
        if !self.size_multiple.is_multiple_of(self.stride) {
            return Err("detector.size_multiple is not a multiple of detector.stride".into());
        }
        if self.kinds != Kind::ALL {
            return Err("detector.kinds is not [\"WBC\", \"RBC\", \"PLT\"]".into());
        }
        for (name, values) in [("thresholds", &self.thresholds), ("nms_iou", &self.nms_iou)] {
            if values.len() != self.kinds.len() {
                return Err(format!("detector.{name} has {} values for {} kinds", values.len(), self.kinds.len()));
            }
            for value in values {
                within(&format!("detector.{name}"), *value, 0.02, 0.98)?;
            }
        }
        Ok(())
    }
}

impl ClassifierCard {
    fn check(&self) -> Result<(), String> {
        within("classifier.um_per_px", self.um_per_px, SCALES.0, SCALES.1)?;
        within("classifier.size", f64::from(self.size), 16.0, 512.0)?;
        within("classifier.temperature", self.temperature, 0.05, 20.0)?;
        within("classifier.unknown_below", self.unknown_below, 0.0, 0.99)?;
        if self.classes.len() < 2 {
            return Err("classifier.classes names fewer than two classes".into());
        }
        let mut once = self.classes.clone();
        once.sort_unstable();
        if let Some(twice) = once.iter().zip(&once[1..]).find_map(|(one, next)| (one == next).then_some(one)) {
            return Err(format!("classifier.classes names {twice} twice"));
        }
        if let Some(class) = self.classes.iter().find(|class| class.by_people_alone()) {
            return Err(format!("classifier.classes names {class}, which only a person gives"));
        }
        let Some(prior) = &self.prior else { return Ok(()) };
        if prior.len() != self.classes.len() {
            let (values, classes) = (prior.len(), self.classes.len());
            return Err(format!("classifier.prior has {values} values for {classes} classes"));
        }
        if let Some(value) = prior.iter().find(|value| !(**value > 0.0 && **value < 1.0)) {
            return Err(format!("classifier.prior is {value}, not between 0 and 1"));
        }
        let sum: f64 = prior.iter().sum();
        if (sum - 1.0).abs() > 0.01 {
            return Err(format!("classifier.prior adds up to {sum}, not to 1"));
        }
        Ok(())
    }
}

fn read_checked(path: &Path, expected: &str) -> Result<Vec<u8>, ModelError> {
    let bytes = file::read(path).map_err(|source| ModelError::Unreadable { path: path.to_owned(), source })?;
    let found = hexadecimal(&Sha256::digest(&bytes));
    if !found.eq_ignore_ascii_case(expected) {
        return Err(ModelError::Altered { path: path.to_owned(), found, expected: expected.to_owned() });
    }
    Ok(bytes)
}
