//! From crops to classes: the quantized network, calibrated probabilities, and "unknown" where they are low.

mod opinion;

use image::RgbImage;

use crate::class::CellClass;
use crate::models::{ClassifierCard, ModelError, Models};
use crate::net::{Array, Net, NetError};

pub use opinion::{BLAST_KEPT, Opinion};

/// Crops run at once; a batch makes the int8 network faster a crop.
const BATCH: usize = 8;

/// Why a crop got no opinion.
#[derive(Debug, thiserror::Error)]
pub enum ClassifyError {
    #[error("the classifier takes crops of {wanted}x{wanted} px, this one is {width}x{height}")]
    Size { wanted: u32, width: u32, height: u32 },
    #[error("the classifier failed: {0}")]
    Net(#[from] NetError),
}

/// Names cells.
#[derive(Debug)]
pub struct Classifier {
    net: Net,
    card: ClassifierCard,
}

impl Classifier {
    /// Makes the classifier of a models folder ready. `unknown_below` overrides the model's own threshold.
    ///
    /// # Errors
    /// When the network is broken or answers in another shape than `model.toml` says.
    pub fn new(models: &Models, unknown_below: Option<f64>) -> Result<Self, ModelError> {
        let mut card = models.card.classifier.clone();
        card.unknown_below = unknown_below.unwrap_or(card.unknown_below);
        let path = models.folder.join(&card.file);
        let unusable = |error: NetError| ModelError::Unusable { path: path.clone(), problem: error.to_string() };
        let net = Net::read(&models.classifier).map_err(unusable)?;
        let side = card.size as usize;
        let answer: Array<2> =
            net.run(&Array { shape: [1, 3, side, side], values: vec![0.9; 3 * side * side] }).map_err(unusable)?;
        if answer.shape != [1, card.classes.len()] {
            return Err(ModelError::Shape {
                path,
                problem: format!(
                    "for one crop of {side}x{side} px it answers {:?} instead of {:?}",
                    answer.shape,
                    [1, card.classes.len()]
                ),
            });
        }
        Ok(Self { net, card })
    }

    /// The classes it knows, in the network's order.
    #[must_use]
    pub fn classes(&self) -> &[CellClass] {
        &self.card.classes
    }

    /// Probability under which the answer is UNK, 0..1.
    #[must_use]
    pub fn unknown_below(&self) -> f64 {
        self.card.unknown_below
    }

    /// Share of each class in training, in the order of the classes, if the model states it.
    #[must_use]
    pub fn prior(&self) -> Option<&[f64]> {
        self.card.prior.as_deref()
    }

    /// Says what each crop shows, in the order of the crops.
    ///
    /// # Errors
    /// When a crop has the wrong size, or the network fails.
    pub fn classify(&self, crops: &[RgbImage]) -> Result<Vec<Opinion>, ClassifyError> {
        let mut opinions = Vec::with_capacity(crops.len());
        let mut rest = crops;
        while !rest.is_empty() {
            // Two shapes only, so that two plans serve every number of crops.
            let count = if rest.len() >= BATCH { BATCH } else { 1 };
            let (batch, after) = rest.split_at(count);
            let answer: Array<2> = self.net.run(&self.input(batch)?)?;
            opinions.extend(answer.values.chunks(self.card.classes.len()).map(|logits| opinion(logits, &self.card)));
            rest = after;
        }
        Ok(opinions)
    }

    /// Planes R, G, B, value / 255, one crop after the other.
    fn input(&self, crops: &[RgbImage]) -> Result<Array<4>, ClassifyError> {
        let wanted = self.card.size;
        let plane = (wanted * wanted) as usize;
        let mut values = vec![0.0; crops.len() * 3 * plane];
        for (crop, target) in crops.iter().zip(values.chunks_exact_mut(3 * plane)) {
            let (width, height) = crop.dimensions();
            if (width, height) != (wanted, wanted) {
                return Err(ClassifyError::Size { wanted, width, height });
            }
            for (at, pixel) in crop.chunks_exact(3).enumerate() {
                for (channel, value) in pixel.iter().enumerate() {
                    target[channel * plane + at] = f32::from(*value) / 255.0;
                }
            }
        }
        Ok(Array { shape: [crops.len(), 3, wanted as usize, wanted as usize], values })
    }
}

/// Softmax of logits / temperature (Guo et al. 2017, "On Calibration of Modern Neural Networks"), and the answer.
fn opinion(logits: &[f32], card: &ClassifierCard) -> Opinion {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f64> = logits.iter().map(|logit| (f64::from(logit - highest) / card.temperature).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let mut ranked: Vec<(CellClass, f64)> =
        card.classes.iter().copied().zip(weights.into_iter().map(|weight| weight / sum)).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    Opinion::of(ranked, card.unknown_below)
}
