//! Classifies crops: the quantized network, calibrated probabilities, "unknown" if they are low, and saliency maps
//! that show which part of the crop decided.

pub mod saliency;

use image::RgbImage;

use crate::domain::class::CellClass;
use crate::vision::models::{ClassifierCard, ModelError, Models};
use crate::vision::net::{Array, Net, NetError};
use crate::vision::prediction::Prediction;
use crate::vision::profile::{Profile, ProfileMark};

use self::saliency::{Saliency, Version};

/// Crops per run; in a batch the int8 network takes less time per crop.
const BATCH: usize = 8;

/// The network's output `[N, classes, rows, columns]` whose mean over positions is the logits.
pub(super) const EVIDENCE: &str = "evidence";

/// The network's output `[N, 1]`: how far each cell lies from all that it learned.
const DISTANCE: &str = "distance";

/// Why a crop could not be classified.
#[derive(Debug, thiserror::Error)]
pub enum ClassifyError {
    #[error("the classifier takes crops of {wanted}x{wanted} px, this one is {width}x{height}")]
    Size { wanted: u32, width: u32, height: u32 },
    #[error("this classifier does not say where it looks; a model whose network has an output `evidence` does")]
    NoEvidence,
    #[error("the classifier does not know the class {0}")]
    Class(CellClass),
    #[error("the classifier failed: {0}")]
    Net(#[from] NetError),
}

/// Classifies cells from their crops.
#[derive(Debug)]
pub struct Classifier {
    net: Net,
    card: ClassifierCard,
    /// Index of the evidence output (one value per position), and its rows and columns.
    evidence: Option<(usize, (usize, usize))>,
    /// Index of the distance output.
    distance: Option<usize>,
    /// The profile whose last layer it has.
    profile: Option<ProfileMark>,
}

impl Classifier {
    /// Prepares the classifier of a models folder. `unknown_below` overrides the model's own threshold.
    ///
    /// # Errors
    /// If the network is broken, or its output does not have the shape that `model.toml` states.
    pub fn new(models: &Models, unknown_below: Option<f64>) -> Result<Self, ModelError> {
        let mut card = models.card.classifier.clone();
        card.unknown_below = unknown_below.unwrap_or(card.unknown_below);
        let mut blasts = card.classes.iter().filter(|class| class.answered_as() == CellClass::Bla);
        // The answer of a model is no better than the classes it is made of.
        if !card.experimental.contains(&CellClass::Bla) && blasts.all(|class| card.experimental.contains(class)) {
            card.experimental.push(CellClass::Bla);
        }
        let path = models.folder.join(&card.file);
        let unusable = |error: NetError| ModelError::Unusable { path: path.clone(), problem: error.to_string() };
        let mut net = Net::read(&models.classifier).map_err(unusable)?;
        if let Some(profile) = &models.profile {
            let missing =
                || ModelError::Shape { path: path.clone(), problem: format!("it has no output `{EVIDENCE}`") };
            let output = net.output(EVIDENCE).ok_or_else(missing)?;
            net = net.with_last_layer(output, &profile.layer()).map_err(unusable)?;
        }
        let side = card.size as usize;
        let answers = net.answers_to_pixels([1, side, side]).map_err(unusable)?;
        let found: [usize; 2] = answers.shape(0).map_err(unusable)?;
        let wanted = [1, card.classes.len()];
        if found != wanted {
            let problem = format!("for one crop of {side}x{side} px it answers {found:?} instead of {wanted:?}");
            return Err(ModelError::Shape { path, problem });
        }
        let evidence = match net.output(EVIDENCE) {
            None => None,
            Some(output) => {
                let found: [usize; 4] = answers.shape(output).map_err(unusable)?;
                let [_, classes, rows, columns] = found;
                if classes != card.classes.len() || rows == 0 || columns == 0 {
                    let problem =
                        format!("its evidence is {found:?} instead of [1, {}, rows, columns]", card.classes.len());
                    return Err(ModelError::Shape { path, problem });
                }
                Some((output, (rows, columns)))
            }
        };
        let distance = models.card.distance.and(net.output(DISTANCE));
        if models.card.distance.is_some() && distance.is_none() {
            return Err(ModelError::Shape { path, problem: format!("it has no output `{DISTANCE}`") });
        }
        Ok(Self { net, card, evidence, distance, profile: models.profile.as_ref().map(Profile::mark) })
    }

    /// Classes it knows, in the network's order.
    #[must_use]
    pub fn classes(&self) -> &[CellClass] {
        &self.card.classes
    }

    /// SHA-256 of its network as shipped, hexadecimal.
    #[must_use]
    pub(super) fn sha256(&self) -> &str {
        &self.card.sha256
    }

    /// Probability below which a cell is UNK, 0..1.
    #[must_use]
    pub fn unknown_below(&self) -> f64 {
        self.card.unknown_below
    }

    /// Share of each class in training, in the order of the classes, if the model states it.
    #[must_use]
    pub fn prior(&self) -> Option<&[f64]> {
        self.card.prior.as_deref()
    }

    /// Classes with too few training examples to rely on; BLA among them if every blast class is.
    #[must_use]
    pub fn experimental(&self) -> &[CellClass] {
        &self.card.experimental
    }

    /// The profile of a laboratory whose last layer it has, if any.
    #[must_use]
    pub fn profile(&self) -> Option<&ProfileMark> {
        self.profile.as_ref()
    }

    /// Classifies crops; predictions come in the order of the crops.
    ///
    /// # Errors
    /// If a crop has the wrong size, or the network fails.
    pub fn classify(&self, crops: &[RgbImage]) -> Result<Vec<Prediction>, ClassifyError> {
        let mut opinions = Vec::with_capacity(crops.len());
        let mut rest = crops;
        while !rest.is_empty() {
            // Only two batch sizes, so that two plans serve any number of crops.
            let count = if rest.len() >= BATCH { BATCH } else { 1 };
            let (batch, after) = rest.split_at(count);
            let (pixels, shape) = pixels(batch, self.card.size)?;
            let (answer, distances): (Array<2>, Vec<f32>) = match self.distance {
                None => (self.net.run_pixels(&pixels, shape)?, Vec::new()),
                Some(output) => {
                    let (answer, distances): (_, Array<2>) = self.net.run_pixels_with(&pixels, shape, output)?;
                    (answer, distances.values)
                }
            };
            let mut distances = distances.into_iter().map(f64::from);
            let opinion = |logits| Prediction { distance: distances.next(), ..opinion(logits, &self.card) };
            opinions.extend(answer.values.chunks(self.card.classes.len()).map(opinion));
            rest = after;
        }
        Ok(opinions)
    }

    /// Whether the model can make saliency maps.
    #[must_use]
    pub fn explains(&self) -> bool {
        self.evidence.is_some()
    }

    /// Maps where in a crop the evidence for `class`, and against the other classes, lies. Costs four
    /// classifications.
    ///
    /// # Errors
    /// If the crop has the wrong size, the model gives no evidence or does not know the class, or the network fails.
    pub fn saliency(&self, crop: &RgbImage, class: CellClass) -> Result<Saliency, ClassifyError> {
        let (output, (rows, columns)) = self.evidence.ok_or(ClassifyError::NoEvidence)?;
        let classes = self.card.classes.len();
        let chosen = self.card.classes.iter().position(|known| *known == class).ok_or(ClassifyError::Class(class))?;
        let crops = Version::ALL.map(|version| version.of(crop));
        let (pixels, shape) = pixels(&crops, self.card.size)?;
        let (_, evidence): (Array<2>, Array<4>) = self.net.run_pixels_with(&pixels, shape, output)?;
        let positions = rows * columns;
        // Against the mean of all others: in the deletion test this localises better than against the runner-up.
        let maps: Vec<Vec<f32>> = evidence
            .values
            .chunks_exact(classes * positions)
            .map(|planes| {
                let of = |class: usize, at: usize| planes[class * positions + at];
                let others = |at| (0..classes).filter(|class| *class != chosen).map(|class| of(class, at)).sum::<f32>();
                (0..positions).map(|at| of(chosen, at) - others(at) / (classes - 1) as f32).collect()
            })
            .collect();
        Ok(Saliency::of(self.card.size, (rows, columns), Version::ALL.into_iter().zip(maps.iter().map(Vec::as_slice))))
    }
}

/// Pixels of crops of `wanted` x `wanted` px, one crop after the other; and their number, height and width.
pub(super) fn pixels(crops: &[RgbImage], wanted: u32) -> Result<(Vec<u8>, [usize; 3]), ClassifyError> {
    if let Some((width, height)) = crops.iter().map(RgbImage::dimensions).find(|size| *size != (wanted, wanted)) {
        return Err(ClassifyError::Size { wanted, width, height });
    }
    let pixels: Vec<&[u8]> = crops.iter().map(|crop| crop.as_raw().as_slice()).collect();
    Ok((pixels.concat(), [crops.len(), wanted as usize, wanted as usize]))
}

/// Prediction from softmax of logits / temperature (Guo et al. 2017, "On Calibration of Modern Neural Networks").
pub(super) fn opinion(logits: &[f32], card: &ClassifierCard) -> Prediction {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f64> = logits.iter().map(|logit| (f64::from(logit - highest) / card.temperature).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let mut ranked: Vec<(CellClass, f64)> =
        card.classes.iter().copied().zip(weights.into_iter().map(|weight| weight / sum)).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    Prediction::of(ranked, card.unknown_below)
}
