//! What is said of one cell, with and without the frequency of its class brought in.

use std::fmt;

use crate::domain::class::{CellClass, Group};

/// What the classifier says of one cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The answer: the most probable class, all blasts together as BLA, or UNK where even that is too improbable.
    pub class: CellClass,
    /// Probability of the most probable answer, 0..=1; of `class` where `kept`.
    pub probability: f64,
    /// Every class of the model with its probability, most probable first; they add up to 1. Blasts stand here by their
    /// lines.
    pub ranked: Vec<(CellClass, f64)>,
    /// What the network alone says, where the above was brought to a composition of the sample.
    pub uncorrected: Option<Box<Prediction>>,
    /// The class is the network's own, and the composition of the sample would have changed it.
    pub kept: bool,
    /// How far the cell lies from all that the network learned, see [`crate::vision::tempering`]; none where a model does not say.
    pub distance: Option<f64>,
}

/// Note on a blast whose [`Prediction::kept`] is set.
pub const BLAST_KEPT: &str = "blast by the uncorrected answer";

/// Note on any other cell whose [`Prediction::kept`] is set.
pub const SURE_KEPT: &str = "the network alone is sure; the sample's composition speaks against it";

impl Prediction {
    /// The network's own answer from its probabilities, most probable first; UNK where none reaches `unknown_below`.
    #[must_use]
    pub fn of(ranked: Vec<(CellClass, f64)>, unknown_below: f64) -> Self {
        let (top, probability) = leading(&ranked);
        // A network that answers NaN knows nothing.
        let sure = probability >= unknown_below && probability.is_finite();
        let class = if sure { top } else { CellClass::Unk };
        Self { class, probability, ranked, uncorrected: None, kept: false, distance: None }
    }

    /// The mean of what the network says of several views of one cell, all by the same model.
    #[must_use]
    pub fn mean(views: &[Self], unknown_below: f64) -> Self {
        let first = views.first().map_or(&[][..], |view| &view.ranked);
        let of = |class: CellClass| {
            let each = views.iter().flat_map(|view| &view.ranked).filter(|(other, _)| *other == class);
            each.map(|(_, probability)| probability).sum::<f64>() / views.len() as f64
        };
        let mut ranked: Vec<(CellClass, f64)> = first.iter().map(|(class, _)| (*class, of(*class))).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        Self { distance: mean_distance(views), ..Self::of(ranked, unknown_below) }
    }

    /// The same with the logits divided by `divisor`, 1 or more: less sure, in the same order.
    #[must_use]
    pub fn tempered(&self, divisor: f64, unknown_below: f64) -> Self {
        let weights: Vec<f64> = self.ranked.iter().map(|(_, probability)| probability.powf(1.0 / divisor)).collect();
        let sum: f64 = weights.iter().sum();
        let ranked = self.ranked.iter().zip(weights).map(|((class, _), weight)| (*class, weight / sum)).collect();
        Self { distance: self.distance, ..Self::of(ranked, unknown_below) }
    }

    /// What the network alone says.
    #[must_use]
    pub fn raw(&self) -> &Self {
        self.uncorrected.as_deref().unwrap_or(self)
    }

    /// The answer if one had to be given: the most probable one, or the blast that was kept.
    #[must_use]
    pub fn forced(&self) -> CellClass {
        if self.is_blast_kept() { self.class } else { leading(&self.ranked).0 }
    }

    /// The most probable of the model's own classes that stand for the answer, even where no name is given.
    #[must_use]
    pub fn finest(&self) -> Option<CellClass> {
        let answer = self.forced();
        self.ranked.iter().map(|(class, _)| *class).find(|class| class.answered_as() == answer)
    }

    /// The network's answer where it is another one than this, or a kept blast with another probability.
    #[must_use]
    pub fn other_answer(&self) -> Option<&Self> {
        let alone = self.uncorrected.as_deref()?;
        (alone.class != self.class || self.is_doubtful_blast()).then_some(alone)
    }

    /// Whether it stays a blast only because the network alone names one.
    #[must_use]
    pub fn is_blast_kept(&self) -> bool {
        self.kept && self.class.group() == Group::Blasts
    }

    /// Whether it is a kept blast whose probability is the composition's, which speaks against it.
    fn is_doubtful_blast(&self) -> bool {
        self.is_blast_kept() && self.ranked != self.raw().ranked
    }

    /// What a person should know of a cell whose class was kept.
    #[must_use]
    pub fn note(&self) -> Option<&'static str> {
        self.kept.then_some(if self.is_blast_kept() { BLAST_KEPT } else { SURE_KEPT })
    }
}

/// The mean distance of several views of one cell; none where the model says none.
pub(crate) fn mean_distance<'a>(views: impl IntoIterator<Item = &'a Prediction>) -> Option<f64> {
    let distances: Vec<f64> = views.into_iter().filter_map(|view| view.distance).collect();
    (!distances.is_empty()).then(|| distances.iter().sum::<f64>() / distances.len() as f64)
}

/// The most probable answer of classes in this order, and its probability. Blasts count together.
fn leading(ranked: &[(CellClass, f64)]) -> (CellClass, f64) {
    let is_blast = |class: CellClass| class.group() == Group::Blasts;
    let blasts: f64 = ranked.iter().filter(|(class, _)| is_blast(*class)).map(|(_, p)| p).sum();
    let other = ranked.iter().copied().find(|(class, _)| !is_blast(*class)).unwrap_or((CellClass::Unk, 0.0));
    if blasts > other.1 { (CellClass::Bla, blasts) } else { other }
}

impl fmt::Display for Prediction {
    /// `NGS 98 %`, or `UNK (NGS 54 %)` where the most probable class is not probable enough, or
    /// `BLA 30 % (uncorrected 75 %)` where a doubtful blast was kept.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.probability * 100.0;
        if self.is_doubtful_blast() {
            let alone = self.raw().probability * 100.0;
            return write!(f, "{} {percent:.0} % (uncorrected {alone:.0} %)", self.class);
        }
        match leading(&self.ranked).0 {
            top if top != self.class => write!(f, "{} ({top} {percent:.0} %)", self.class),
            _ => write!(f, "{} {percent:.0} %", self.class),
        }
    }
}
