//! How frequent classes are, brought into the answer. Pure.
//!
//! A network learns with its training images how frequent each class is there; blood is composed otherwise. The answer is
//! brought to another composition by weighting each probability with (share there / share in training) and
//! normalising (Saerens, Latinne and Decaestecker 2002, Neural Computation 14, 21). The shares of one sample are estimated
//! from its own cells by the same authors' EM, held by a pseudo-count to what blood is usually made of.
//!
//! Platelets and UNK are mistakes of detection, not parts of a differential: their probabilities stay as they are, and the
//! white cells' classes share the rest.
//!
//! What the composition may do is bounded. A cell the network is sure of keeps its class, and counts as nothing else in
//! the estimate. Bands are told from segmented neutrophils, and the blasts from each other, by the network alone: each of
//! the two groups moves as one. The odds between any two classes change by at most [`MOST_ODDS`].

mod report;

use std::collections::BTreeMap;

pub use self::report::PrevalenceReport;
use crate::domain::class::{CellClass, Group};
use crate::domain::prevalence_mode::PrevalenceMode;
use crate::vision::prediction::Prediction;
use crate::vision::tempering::{DistanceCard, Tempering};

/// A number for each class, by [`CellClass::index`].
pub type ByClass = [f64; CellClass::ALL.len()];

/// How far the composition of usual blood is believed of a few images: the exponent (0 not at all, 1 wholly) of
/// (share in blood / share in training). A single cell says nothing about the slide it came from, and may have been
/// picked because it is rare, so that it is only nudged.
pub const TEMPER: f64 = 0.4;

/// White cells that the composition of usual blood weighs as much as, when a sample's own is estimated.
pub const PSEUDO_COUNT: f64 = 30.0;

/// White cells from which pictures without any other order are taken for one sample.
pub const ENOUGH_FOR_A_SAMPLE: u32 = 20;

/// Probability, 0..1, from which the composition has no say over a cell: of one class, or of blasts or neutrophils together.
pub const SURE: f64 = 0.8;

/// How far the composition may turn the odds between two classes. A class to which the network gives a tenth of what it
/// gives another does not overtake it, however rare the other seems to be.
pub const MOST_ODDS: f64 = 10.0;

/// EM ends when no share changes by more than this, or after so many rounds.
const CONVERGED: f64 = 1e-6;
const ROUNDS: usize = 200;

/// A composition, ready to be brought into answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Prevalence {
    form: PrevalenceMode,
    cells: u32,
    /// Share of each class among the white cells'.
    shares: ByClass,
    /// What probabilities are multiplied by; none where nothing is corrected.
    weights: Option<ByClass>,
    note: Option<&'static str>,
    tempering: Option<Tempering>,
}

impl Prevalence {
    /// Corrects nothing.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            form: PrevalenceMode::None,
            cells: 0,
            shares: [0.0; CellClass::ALL.len()],
            weights: None,
            note: None,
            tempering: None,
        }
    }

    /// Its form; [`PrevalenceMode::None`] also where another was asked for and the model states no shares of training.
    #[must_use]
    pub fn form(&self) -> PrevalenceMode {
        self.form
    }

    /// Whether it changes any answer.
    #[must_use]
    pub(crate) fn corrects(&self) -> bool {
        self.weights.is_some() || self.divisor() > 1.0
    }

    /// How unlike the cells of training those of the sample are.
    #[must_use]
    pub fn tempering(&self) -> Option<Tempering> {
        self.tempering
    }

    /// Number that logits are divided by, 1 or more.
    fn divisor(&self) -> f64 {
        self.tempering.map_or(1.0, |tempering| tempering.divisor)
    }

    /// Classes with probabilities that add up to 1, brought to this composition, most probable first.
    #[must_use]
    pub fn correct(&self, probabilities: &[(CellClass, f64)]) -> Vec<(CellClass, f64)> {
        let Some(weights) = &self.weights else { return probabilities.to_vec() };
        let white = |of: &dyn Fn(CellClass) -> f64| {
            let cells = probabilities.iter().filter(|(class, _)| is_white(*class));
            cells.map(|(class, p)| p * of(*class)).sum::<f64>()
        };
        let factor = white(&|_| 1.0) / white(&|class| weights[class.index()]);
        // Where no white class has any probability there is nothing to share out; a network that answers NaN knows nothing.
        let factor = if factor.is_finite() { factor } else { 0.0 };
        let corrected = |(class, p): &(CellClass, f64)| {
            (*class, if is_white(*class) && factor > 0.0 { p * weights[class.index()] * factor } else { *p })
        };
        let mut ranked: Vec<_> = probabilities.iter().map(corrected).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        ranked
    }

    /// The composition for outputs.
    #[must_use]
    pub fn report(&self) -> PrevalenceReport {
        let mut shares = BTreeMap::<CellClass, f64>::new();
        for class in CellClass::ALL {
            *shares.entry(class.answered_as()).or_default() += self.shares[class.index()];
        }
        let percent = shares.into_iter().filter(|(_, share)| *share > 0.0);
        PrevalenceReport {
            form: self.form,
            cells: self.cells,
            percent: percent.map(|(class, share)| (class, rounded(share * 100.0))).collect(),
            note: self.note.map(str::to_owned),
            tempering: self.tempering.map(|tempering| Tempering {
                away: rounded(tempering.away),
                divisor: rounded(tempering.divisor),
                ..tempering
            }),
        }
    }
}

/// The class that stands for all those the composition moves as one. A composition that moved bands apart from segmented
/// neutrophils would hide a left shift; the lines of blasts were learned from too few images for any share to be known.
fn moved_as(class: CellClass) -> CellClass {
    match class.group() {
        Group::Neutrophils => CellClass::Ngs,
        _ => class.answered_as(),
    }
}

/// Shares summed over the classes that move as one, given to each of them.
fn joined(shares: &ByClass) -> ByClass {
    let mut sums = [0.0; CellClass::ALL.len()];
    for class in CellClass::ALL {
        sums[moved_as(*class).index()] += shares[class.index()];
    }
    std::array::from_fn(|at| sums[moved_as(CellClass::ALL[at]).index()])
}

/// The answer the network alone is sure of: a class, or the one that stands for blasts or neutrophils.
fn sure_of(probabilities: &[(CellClass, f64)]) -> Option<CellClass> {
    let mut sums = [0.0; CellClass::ALL.len()];
    for (class, probability) in probabilities {
        sums[moved_as(*class).index()] += probability;
    }
    CellClass::ALL.iter().copied().find(|class| sums[class.index()] >= SURE)
}

fn rounded(percent: f64) -> f64 {
    (percent * 1000.0).round() / 1000.0
}

/// Whether the composition of blood says anything about the class.
fn is_white(class: CellClass) -> bool {
    class.in_blood() > 0.0
}

/// Which composition to bring in, and what a model says of its training: all that turns answers into corrected ones.
#[derive(Clone, Debug, PartialEq)]
pub struct PriorShift {
    /// None: that of the sample where there are [`ENOUGH_FOR_A_SAMPLE`] white cells, else that of blood.
    form: Option<PrevalenceMode>,
    /// Shares of the white classes in training, and in usual blood; both add up to 1. None where a model states none.
    shares: Option<(ByClass, ByClass)>,
    unknown_below: f64,
    /// None where no probability is lowered.
    distance: Option<DistanceCard>,
}

impl PriorShift {
    /// `prior` holds the share of each of `classes` in training, in their order; without it nothing is corrected.
    /// `unknown_below` is the probability under which a cell is left without a name.
    #[must_use]
    pub fn new(form: Option<PrevalenceMode>, classes: &[CellClass], prior: Option<&[f64]>, unknown_below: f64) -> Self {
        let of = |share: &dyn Fn(usize, CellClass) -> f64| {
            let mut shares = [0.0; CellClass::ALL.len()];
            for (at, class) in classes.iter().enumerate().filter(|(_, class)| is_white(**class)) {
                shares[class.index()] = share(at, *class);
            }
            normalised(shares)
        };
        let shares = prior.and_then(|prior| {
            let training = of(&|at, _| prior.get(at).copied().unwrap_or(0.0))?;
            Some((training, of(&|_, class| class.in_blood())?))
        });
        Self { form, shares, unknown_below, distance: None }
    }

    /// Corrects nothing.
    #[must_use]
    pub const fn off() -> Self {
        Self { form: Some(PrevalenceMode::None), shares: None, unknown_below: 0.0, distance: None }
    }

    /// The same, lowering the probabilities of samples whose cells are unlike those of training.
    #[must_use]
    pub(crate) fn tempered_by(self, distance: Option<DistanceCard>) -> Self {
        Self { distance, ..self }
    }

    /// The composition for these cells, going by what the network alone said of them.
    #[must_use]
    pub fn prevalence<'a>(&self, cells: impl IntoIterator<Item = &'a Prediction>) -> Prevalence {
        self.prevalence_after(&Prevalence::none(), cells)
    }

    /// The same; the estimate begins at `before`, which ends it sooner where a few cells were added since.
    #[must_use]
    pub(crate) fn prevalence_after<'a>(
        &self,
        before: &Prevalence,
        cells: impl IntoIterator<Item = &'a Prediction>,
    ) -> Prevalence {
        let cells: Vec<&Prediction> = cells.into_iter().map(Prediction::raw).collect();
        let tempering = self.distance.and_then(|card| card.tempering(cells.iter().filter_map(|cell| cell.distance)));
        let uncorrected = Prevalence { tempering, ..Prevalence::none() };
        if self.form == Some(PrevalenceMode::None) {
            return uncorrected;
        }
        let Some((training, blood)) = &self.shares else {
            let note = Some("not corrected: model.toml states no prior of the classifier");
            return Prevalence { note, ..uncorrected };
        };
        let divisor = uncorrected.divisor();
        let cells: Vec<ByClass> = if divisor > 1.0 {
            cells.iter().filter_map(|cell| white_part(&cell.tempered(divisor, self.unknown_below))).collect()
        } else {
            cells.into_iter().filter_map(white_part).collect()
        };
        let white = cells.iter().filter(|cell| cell.iter().sum::<f64>() >= 0.5).count() as u32;
        let automatic = if white >= ENOUGH_FOR_A_SAMPLE { PrevalenceMode::Sample } else { PrevalenceMode::Blood };
        let form = self.form.unwrap_or(automatic);
        if form == PrevalenceMode::Sample {
            let start = if before.form == PrevalenceMode::Sample { &before.shares } else { training };
            let shares = estimate(&cells, training, blood, start);
            return Prevalence { form, cells: white, shares, weights: Some(ratio(&shares, training)), ..uncorrected };
        }
        let weights = ratio(blood, training).map(|ratio| ratio.powf(TEMPER));
        // The composition that these weights stand for lies between that of training and that of blood.
        let shares = normalised(std::array::from_fn(|at| training[at] * weights[at])).unwrap_or(*training);
        Prevalence { form, cells: 0, shares, weights: Some(weights), ..uncorrected }
    }

    /// What is said of a cell under `prevalence`.
    #[must_use]
    pub fn apply(&self, opinion: &Prediction, prevalence: &Prevalence) -> Prediction {
        shifted(opinion, prevalence, self.unknown_below)
    }

    /// Brings `opinions` to the composition they make up together, or to that of usual blood, as the form says.
    pub fn correct_all<'a>(&self, opinions: impl IntoIterator<Item = &'a mut Prediction>) -> Prevalence {
        let opinions: Vec<&mut Prediction> = opinions.into_iter().collect();
        let prevalence = self.prevalence(opinions.iter().map(|opinion| &**opinion));
        for opinion in opinions {
            *opinion = self.apply(opinion, &prevalence);
        }
        prevalence
    }
}

/// What the network says of a cell, tempered and brought to `prevalence`. What it is sure of gets no other name; a blast that it
/// names in some doubt stays one, with the probability that `prevalence` leaves it.
fn shifted(prediction: &Prediction, prevalence: &Prevalence, unknown_below: f64) -> Prediction {
    let raw = prediction.raw();
    if !prevalence.corrects() {
        return raw.clone();
    }
    let divisor = prevalence.divisor();
    let alone = if divisor > 1.0 { raw.tempered(divisor, unknown_below) } else { raw.clone() };
    let mut corrected = Prediction::of(prevalence.correct(&alone.ranked), unknown_below);
    if overrules(&corrected, raw) {
        // In an unfamiliar sample it may be too doubtful for any name.
        corrected = Prediction { kept: alone.class == raw.class, ..alone };
    } else if raw.class.group() == Group::Blasts && corrected.class.group() != Group::Blasts {
        let blasts = corrected.ranked.iter().filter(|(class, _)| class.group() == Group::Blasts);
        corrected.probability = blasts.map(|(_, probability)| probability).sum();
        corrected.class = raw.class;
        corrected.kept = true;
    }
    corrected.uncorrected = Some(Box::new(raw.clone()));
    corrected
}

/// Whether the correction takes away what the network alone is sure of. To name a cell that it left without a name, as one
/// of those it is sure of together, takes nothing away.
fn overrules(corrected: &Prediction, raw: &Prediction) -> bool {
    let named_within = |sure| raw.class == CellClass::Unk && moved_as(corrected.class) == sure;
    sure_of(&raw.ranked).is_some_and(|sure| corrected.class != raw.class && !named_within(sure))
}

fn normalised(shares: ByClass) -> Option<ByClass> {
    let sum: f64 = shares.iter().sum();
    (sum > 0.0 && sum.is_finite()).then(|| shares.map(|share| share / sum))
}

/// What a cell says of the composition: the network's probabilities of the white classes, which add up to the probability
/// that it is a white cell. One that the network is sure of counts as what it is.
fn white_part(opinion: &Prediction) -> Option<ByClass> {
    let ranked = &opinion.raw().ranked;
    let mut cell = [0.0; CellClass::ALL.len()];
    for (class, probability) in ranked.iter().filter(|(class, _)| is_white(*class)) {
        cell[class.index()] = *probability;
    }
    let sum: f64 = cell.iter().sum();
    if let Some(sure) = sure_of(ranked).filter(|sure| is_white(*sure)) {
        let whole = joined(&cell)[sure.index()];
        for class in CellClass::ALL {
            cell[class.index()] *= if moved_as(*class) == sure { sum / whole } else { 0.0 };
        }
    }
    (sum > 0.0 && sum.is_finite()).then_some(cell)
}

/// (Share / share in training) of each class, taken over all that move as one with it, and not less than the greatest
/// divided by [`MOST_ODDS`].
fn ratio(shares: &ByClass, training: &ByClass) -> ByClass {
    let (joined_shares, joined_training) = (joined(shares), joined(training));
    let ratio: ByClass =
        std::array::from_fn(|at| if training[at] > 0.0 { joined_shares[at] / joined_training[at] } else { 0.0 });
    let least = ratio.iter().copied().fold(0.0, f64::max) / MOST_ODDS;
    std::array::from_fn(|at| if training[at] > 0.0 { ratio[at].max(least) } else { 0.0 })
}

/// The most probable composition of a sample (Saerens et al. 2002), with a Dirichlet prior of [`PSEUDO_COUNT`] cells of
/// usual blood. Each cell counts by its probability to be a white cell.
fn estimate(cells: &[ByClass], training: &ByClass, blood: &ByClass, start: &ByClass) -> ByClass {
    let white: f64 = cells.iter().flatten().sum();
    let mut shares = *start;
    for _ in 0..ROUNDS {
        let mut next = blood.map(|share| share * PSEUDO_COUNT);
        let weights = ratio(&shares, training);
        for cell in cells {
            let weighted: ByClass = std::array::from_fn(|at| cell[at] * weights[at]);
            let sum: f64 = weighted.iter().sum();
            if sum > 0.0 {
                let factor = cell.iter().sum::<f64>() / sum;
                next.iter_mut().zip(&weighted).for_each(|(next, part)| *next += part * factor);
            }
        }
        next = next.map(|share| share / (white + PSEUDO_COUNT));
        let change = next.iter().zip(&shares).map(|(next, share)| (next - share).abs()).fold(0.0, f64::max);
        shares = next;
        if change < CONVERGED {
            break;
        }
    }
    shares
}

#[cfg(test)]
mod tests;
