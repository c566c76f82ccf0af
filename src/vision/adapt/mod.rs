//! Learns the classifier's last layer anew from the labelled cells of one laboratory.
//!
//! The layer is multinomial logistic regression on the network's pooled features. The new weights are the most probable
//! ones under a Gaussian prior around the shipped weights, so that few cells move them little and many cells as far as
//! needed. A cell labelled with a group counts by the sum of the probabilities of its classes.
//!
//! Classes without a labelled cell would be forgotten: everything labelled pulls away from them. [`Anchors`] stand in for
//! them, moved by what separates the labelled classes here from the same classes in training.

pub mod anchors;
mod objective;
pub mod solver;

use image::RgbImage;
use image::imageops::{flip_horizontal, rotate90, rotate180};

use crate::domain::class::CellClass;
use crate::vision::adapt::anchors::{Anchors, AnchorsError};
use crate::vision::adapt::objective::{Objective, Sample};
use crate::vision::classify::{ClassifyError, EVIDENCE, opinion, pixels};
use crate::vision::models::{ClassifierCard, Models};
use crate::vision::net::{Array, LastLayer, Net, NetError};
use crate::vision::prediction::Prediction;

/// Precision of the prior of each weight, where features are in parts of their root mean square: chosen on cells of
/// laboratories that are quoted nowhere (see `docs/decisions.md`).
const PRIOR: f64 = 1.0;

/// Weight of all anchors of a class together, in cells: as many as most classes have, so that rare ones hold as well.
const ANCHORS: f64 = 20.0;

/// Crops per run of the network.
const BATCH: usize = 8;

/// Why nothing can be learned with these models.
#[derive(Debug, thiserror::Error)]
pub enum AdaptError {
    #[error("the classifier cannot be adapted: {0}; use models whose network has an output `{EVIDENCE}`")]
    Net(#[from] NetError),
    #[error(transparent)]
    Classify(#[from] ClassifyError),
    #[error(transparent)]
    Anchors(#[from] AnchorsError),
}

/// A labelled cell as its last layer sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledCell {
    /// Pooled features of its views. The program names it by the mean of the first `seen`; all are learned from.
    pub views: Vec<Vec<f64>>,
    /// Views that decide its name, 1...
    pub seen: usize,
    /// Number of its label, equal for cells with the same label.
    pub label: usize,
    /// Whether each class is right, in the network's order.
    pub right: Vec<bool>,
}

/// A training cell that stands in for a class without labelled cells.
struct Anchor {
    features: Vec<f64>,
    right: Vec<bool>,
    /// In cells.
    weight: f64,
}

/// The shipped classifier, ready to learn from cells.
#[derive(Debug)]
pub struct Adapter {
    net: Net,
    features: usize,
    size: u32,
    base: LastLayer,
    card: ClassifierCard,
    anchors: Anchors,
}

impl Adapter {
    /// Prepares the classifier of a models folder, without any profile. `unknown_below` overrides the model's own limit.
    ///
    /// # Errors
    /// If its last layer cannot be taken apart, or its anchors are damaged.
    pub fn new(models: &Models, unknown_below: Option<f64>) -> Result<Self, AdaptError> {
        let mut card = models.card.classifier.clone();
        card.unknown_below = unknown_below.unwrap_or(card.unknown_below);
        let net = Net::read(&models.classifier)?;
        let output = net.output(EVIDENCE).ok_or(ClassifyError::NoEvidence)?;
        let base = net.last_layer(output)?;
        let (net, features) = net.with_features(output)?;
        let anchors = Anchors::find(&models.folder, &card.sha256, base.features)?;
        if anchors.is_none() {
            log::warn!(
                "{} has no {}: classes without labelled cells will be forgotten",
                models.folder.display(),
                anchors::FILE
            );
        }
        Ok(Self { net, features, size: card.size, base, card, anchors: anchors.unwrap_or_default() })
    }

    /// A labelled cell from the crops that decide its name; `right` says of each class whether the label allows it.
    ///
    /// # Errors
    /// If a crop has the wrong size, or the network fails.
    pub fn cell(&self, crops: &[RgbImage], label: usize, right: Vec<bool>) -> Result<LabelledCell, AdaptError> {
        let mut all = crops.to_vec();
        // A cell has no up and no left: turned and mirrored it teaches the same.
        if let Some(middle) = crops.get(crops.len() / 2) {
            all.extend([rotate90(middle), rotate180(middle), flip_horizontal(middle)]);
        }
        Ok(LabelledCell { views: self.features(&all)?, seen: crops.len(), label, right })
    }

    /// The pooled features of crops, in their order.
    ///
    /// # Errors
    /// If a crop has the wrong size, or the network fails.
    pub fn features(&self, crops: &[RgbImage]) -> Result<Vec<Vec<f64>>, AdaptError> {
        let mut views = Vec::with_capacity(crops.len());
        for batch in crops.chunks(BATCH) {
            let (pixels, shape) = pixels(batch, self.size)?;
            let (_, map): (Array<2>, Array<4>) = self.net.run_pixels_with(&pixels, shape, self.features)?;
            let [_, features, rows, columns] = map.shape;
            let places = rows * columns;
            let pooled = |planes: &[f32]| {
                let mean = |plane: &[f32]| plane.iter().map(|value| f64::from(*value)).sum::<f64>() / places as f64;
                planes.chunks_exact(places).map(mean).collect()
            };
            views.extend(map.values.chunks_exact(features * places).map(pooled));
        }
        Ok(views)
    }

    /// The shipped last layer.
    #[must_use]
    pub fn shipped(&self) -> &LastLayer {
        &self.base
    }

    /// The classes, in the network's order.
    #[must_use]
    pub fn classes(&self) -> &[CellClass] {
        &self.card.classes
    }

    /// Probability below which a cell is UNK, 0..1.
    #[must_use]
    pub fn unknown_below(&self) -> f64 {
        self.card.unknown_below
    }

    /// The last layer that these cells teach; the shipped one without any.
    #[must_use]
    pub fn learn(&self, cells: &[&LabelledCell]) -> LastLayer {
        if cells.is_empty() {
            return self.base.clone();
        }
        let moved = self.moved_anchors(cells);
        let own = cells.iter().flat_map(|cell| {
            let weight = 1.0 / cell.views.len() as f64;
            cell.views.iter().map(move |view| Sample { features: view, right: &cell.right, weight })
        });
        let anchors =
            moved.iter().map(|Anchor { features, right, weight }| Sample { features, right, weight: *weight });
        let objective = Objective::new(&self.base, self.card.temperature, PRIOR, own.collect(), anchors.collect());
        objective.solved()
    }

    /// Anchors of the classes that no label allows, moved by the mean difference between the labelled classes here and
    /// in training.
    fn moved_anchors(&self, cells: &[&LabelledCell]) -> Vec<Anchor> {
        let features = self.base.features;
        let mean = |rows: &mut dyn Iterator<Item = &Vec<f64>>| {
            let (mut sum, mut count) = (vec![0.0; features], 0.0);
            for row in rows {
                solver::add(&mut sum, 1.0, row);
                count += 1.0;
            }
            (count > 0.0).then(|| sum.into_iter().map(|value| value / count).collect::<Vec<f64>>())
        };
        let of_class = |at: usize| self.anchors.cells.get(&self.card.classes[at]);
        let mut labels: Vec<&LabelledCell> = cells.to_vec();
        labels.sort_by_key(|cell| cell.label);
        let (mut shift, mut weights) = (vec![0.0; features], 0.0);
        for group in labels.chunk_by(|a, b| a.label == b.label) {
            let right = &group[0].right;
            let here = mean(&mut group.iter().flat_map(|cell| &cell.views));
            let allowed = (0..right.len()).filter(|at| right[*at]);
            let there = mean(&mut allowed.filter_map(of_class).flatten());
            if let (Some(here), Some(there)) = (here, there) {
                // A class of few cells says less of the laboratory than one of many.
                let weight = group.len() as f64 / (group.len() as f64 + 2.0);
                solver::add(&mut shift, weight, &here);
                solver::add(&mut shift, -weight, &there);
                weights += weight;
            }
        }
        if weights > 0.0 {
            for value in &mut shift {
                *value /= weights;
            }
        }
        let labelled = |at: usize| cells.iter().any(|cell| cell.right[at]);
        let mut moved = Vec::new();
        for at in (0..self.card.classes.len()).filter(|at| !labelled(*at)) {
            let right: Vec<bool> = (0..self.card.classes.len()).map(|other| other == at).collect();
            let own = of_class(at).map_or(&[][..], Vec::as_slice);
            for cell in own {
                // Features are outputs of rectifiers, never below 0.
                let features = cell.iter().zip(&shift).map(|(value, shift)| (value + shift).max(0.0)).collect();
                moved.push(Anchor { features, right: right.clone(), weight: ANCHORS / own.len() as f64 });
            }
        }
        moved
    }

    /// What a last layer says of a cell, as the program would.
    #[must_use]
    pub fn named(&self, layer: &LastLayer, cell: &LabelledCell) -> Prediction {
        let seen = cell.views.get(..cell.seen).unwrap_or(&cell.views);
        let views: Vec<Prediction> = seen.iter().map(|view| opinion(&logits(layer, view), &self.card)).collect();
        Prediction::mean(&views, self.card.unknown_below)
    }

    /// Of the anchors of each class that none of these labels allows: how many there are, and how many of them the shipped
    /// and the new layer give their own class.
    #[must_use]
    pub fn kept(&self, layer: &LastLayer, cells: &[&LabelledCell]) -> Vec<(CellClass, [u32; 3])> {
        let moved = self.moved_anchors(cells);
        let classes = self.card.classes.iter().enumerate();
        let kept = classes.filter_map(|(at, class)| {
            let own: Vec<&[f64]> =
                moved.iter().filter(|anchor| anchor.right[at]).map(|anchor| anchor.features.as_slice()).collect();
            let right = |layer: &LastLayer| {
                own.iter().filter(|row| opinion(&logits(layer, row), &self.card).forced() == *class).count() as u32
            };
            (!own.is_empty()).then(|| (*class, [own.len() as u32, right(&self.base), right(layer)]))
        });
        kept.collect()
    }
}

fn logits(layer: &LastLayer, features: &[f64]) -> Vec<f32> {
    let rows = layer.weights.chunks_exact(layer.features.max(1)).zip(&layer.bias);
    let logit = |(row, bias): (&[f32], &f32)| {
        let sum: f64 = row.iter().zip(features).map(|(weight, feature)| f64::from(*weight) * feature).sum();
        (sum + f64::from(*bias)) as f32
    };
    rows.map(logit).collect()
}
