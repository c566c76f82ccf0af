//! Says what red cells look like: which of them can be judged, and the network's answer for each.

use image::RgbImage;

use crate::domain::class::Kind;
use crate::domain::red_class::RedClass;
use crate::domain::scale::MicrometresPerPixel;
use crate::vision::box_margin::{box_of_cell, cell_in_box};
use crate::vision::crop::CropForm;
use crate::vision::detect::Detection;
use crate::vision::models::{ModelError, Models};
use crate::vision::net::{Array, Net, NetError};
use crate::vision::optics::resample::ResampleError;
use crate::vision::red_card::RedCellsCard;
use crate::vision::red_measure::pallor;

/// Crops per run. Two sizes, so that two plans serve any number of cells.
const BATCH: usize = 8;

/// Distance of two cells' middles, in the mean of their boxes' widths, below which they overlap: boxes are 1.12 times as wide
/// as cells, so discs that just touch lie at 0.89.
const OVERLAP: f64 = 0.8;

/// Distance from the border, px, below which a cell may be cut.
const MARGIN: f64 = 2.0;

/// Why red cells could not be named.
#[derive(Debug, thiserror::Error)]
pub enum RedCellError {
    #[error(transparent)]
    Crop(#[from] ResampleError),
    #[error("the network of red cells failed: {0}")]
    Net(#[from] NetError),
}

/// What the network says of one red cell.
#[derive(Clone, Debug, PartialEq)]
pub struct RedOpinion {
    /// The answer: the most probable class, or UNK where even that is too improbable.
    pub class: RedClass,
    /// Probability of the most probable class, 0..=1.
    pub probability: f64,
    /// Every class of the model with its probability, most probable first; they add up to 1.
    pub ranked: Vec<(RedClass, f64)>,
    /// Whether the cell counts for the film's grades: it is whole, and lies by itself.
    pub graded: bool,
    /// Its diameter, um: that of a disc as large as its box says. Only as true as the scale.
    pub diameter_um: f64,
    /// Width of its pale middle as a share of its diameter, 0..=1; none where that can't be told.
    pub pallor: Option<f64>,
}

/// A look at one red cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RedLook {
    pub opinion: RedOpinion,
    /// What the network saw; none where it did not look.
    pub crop: Option<RgbImage>,
}

impl RedOpinion {
    /// The class in force and its probability, from probabilities, most probable first; UNK where none reaches
    /// `unknown_below`.
    fn answer(ranked: &[(RedClass, f64)], unknown_below: f64) -> (RedClass, f64) {
        let (top, probability) = ranked.first().copied().unwrap_or((RedClass::Unk, 0.0));
        // A network that answers NaN knows nothing.
        let sure = probability >= unknown_below && probability.is_finite();
        (if sure { top } else { RedClass::Unk }, probability)
    }
}

/// Names red cells.
#[derive(Debug)]
pub struct RedClassifier {
    net: Net,
    card: RedCellsCard,
    form: CropForm,
}

impl RedClassifier {
    /// Makes the network of a models folder ready; none where the folder has none.
    ///
    /// # Errors
    /// If it is broken, or its output does not have the shape that `model.toml` states.
    pub fn new(models: &Models) -> Result<Option<Self>, ModelError> {
        let (Some(card), Some(bytes)) = (&models.card.red_cells, &models.red_cells) else { return Ok(None) };
        let path = models.folder.join(&card.file);
        let unusable = |error: NetError| ModelError::Unusable { path: path.clone(), problem: error.to_string() };
        let net = Net::read(bytes).map_err(unusable)?;
        let side = card.size as usize;
        let found: [usize; 2] =
            net.answers_to_pixels([1, side, side]).and_then(|answers| answers.shape(0)).map_err(unusable)?;
        let wanted = [1, card.classes.len()];
        if found != wanted {
            let problem = format!("for one crop of {side}x{side} px it answers {found:?} instead of {wanted:?}");
            return Err(ModelError::Shape { path, problem });
        }
        let form = CropForm {
            size: card.size,
            // Training took boxes for cells when it measured; here a micrometre is one.
            um_per_px: box_of_cell(card.um_per_px),
            background: models.card.white_balance.level,
        };
        Ok(Some(Self { net, card: card.clone(), form }))
    }

    /// Classes it knows, in the network's order.
    #[must_use]
    pub fn classes(&self) -> &[RedClass] {
        &self.card.classes
    }

    /// Probability below which a cell is not categorised, 0..1.
    #[must_use]
    pub fn unknown_below(&self) -> f64 {
        self.card.unknown_below
    }

    /// What it says of the red cells among `cells`, found in this white-balanced image; none for the others. In the order of
    /// `cells`.
    ///
    /// # Errors
    /// When cropping or the network fails.
    pub fn name(
        &self,
        balanced: &RgbImage,
        um_per_px: MicrometresPerPixel,
        cells: &[Detection],
    ) -> Result<Vec<Option<RedOpinion>>, RedCellError> {
        let red: Vec<usize> = (0..cells.len()).filter(|at| cells[*at].kind == Kind::Rbc).collect();
        let graded = graded(cells, balanced.dimensions());
        let all = vec![true; cells.len()];
        let looks = self.look_at(balanced, um_per_px, cells, &red, &all)?;
        let mut opinions: Vec<Option<RedOpinion>> = vec![None; cells.len()];
        for (at, RedLook { opinion, .. }) in red.into_iter().zip(looks) {
            opinions[at] = Some(RedOpinion { graded: graded[at], ..opinion });
        }
        Ok(opinions)
    }

    /// Looks at some of the cells found in this white-balanced image: those at `wanted`, in this order. The network names only those
    /// that are `graded` (in the order of `cells`); the others have no class.
    ///
    /// # Errors
    /// When cropping or the network fails.
    pub(crate) fn look_at(
        &self,
        balanced: &RgbImage,
        um_per_px: MicrometresPerPixel,
        cells: &[Detection],
        wanted: &[usize],
        graded: &[bool],
    ) -> Result<Vec<RedLook>, RedCellError> {
        let side = self.card.size as usize;
        let mut looks: Vec<RedLook> =
            wanted.iter().map(|at| RedLook { opinion: unnamed(&cells[*at], um_per_px), crop: None }).collect();
        let named: Vec<usize> = (0..wanted.len()).filter(|nth| graded[wanted[*nth]]).collect();
        let mut rest = named.as_slice();
        while !rest.is_empty() {
            let count = if rest.len() >= BATCH { BATCH } else { 1 };
            let (batch, after) = rest.split_at(count);
            let mut pixels = Vec::with_capacity(3 * count * side * side);
            for nth in batch {
                let crop = self.form.cut(balanced, cells[wanted[*nth]].area.centre(), um_per_px)?;
                pixels.extend_from_slice(&crop);
                looks[*nth].crop = Some(crop);
            }
            let answer: Array<2> = self.net.run_pixels(&pixels, [count, side, side])?;
            for (nth, logits) in batch.iter().zip(answer.values.chunks(self.card.classes.len())) {
                let RedLook { opinion, crop } = &mut looks[*nth];
                let ranked = self.ranked(logits);
                let (class, probability) = RedOpinion::answer(&ranked, self.card.unknown_below);
                let pallor = crop.as_ref().and_then(|crop| pallor(crop, self.form.background));
                *opinion = RedOpinion { class, probability, ranked, graded: true, pallor, ..opinion.clone() };
            }
            rest = after;
        }
        Ok(looks)
    }

    /// Every class with its probability, most probable first.
    fn ranked(&self, logits: &[f32]) -> Vec<(RedClass, f64)> {
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weight = |logit: &f32| (f64::from(logit - highest) / self.card.temperature).exp();
        let weights: Vec<f64> = logits.iter().map(weight).collect();
        let sum: f64 = weights.iter().sum();
        let mut ranked: Vec<(RedClass, f64)> =
            self.card.classes.iter().copied().zip(weights.into_iter().map(|weight| weight / sum)).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        ranked
    }
}

/// A cell that the network did not look at.
fn unnamed(cell: &Detection, um_per_px: MicrometresPerPixel) -> RedOpinion {
    let diameter_um = cell_in_box((cell.area.w * cell.area.h).sqrt()) * um_per_px.get();
    RedOpinion { class: RedClass::Unk, probability: 0.0, ranked: Vec::new(), graded: false, diameter_um, pallor: None }
}

/// Which cells are whole red cells that lie by themselves, in the order of `cells`; an image of this size, px.
#[must_use]
pub fn graded(cells: &[Detection], (width, height): (u32, u32)) -> Vec<bool> {
    let whole = |cell: &Detection| {
        let area = cell.area;
        area.x > MARGIN
            && area.y > MARGIN
            && area.x + area.w < f64::from(width) - MARGIN
            && area.y + area.h < f64::from(height) - MARGIN
    };
    let apart = |a: &Detection, b: &Detection| {
        let ((ax, ay), (bx, by)) = (a.area.centre(), b.area.centre());
        let width = (a.area.w + a.area.h + b.area.w + b.area.h) / 4.0;
        (ax - bx).hypot(ay - by) >= OVERLAP * width
    };
    let alone = |at: usize, cell: &Detection| {
        cells.iter().enumerate().all(|(other_at, other)| other_at == at || apart(cell, other))
    };
    let judged = |(at, cell): (usize, &Detection)| cell.kind == Kind::Rbc && whole(cell) && alone(at, cell);
    cells.iter().enumerate().map(judged).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::geometry::Rect;

    fn found(kind: Kind, x: f64, y: f64, side: f64) -> Detection {
        Detection { kind, area: Rect::around((x, y), side, side), score: 0.9 }
    }

    #[test]
    fn cells_that_overlap_or_touch_the_border_are_not_graded() {
        let cells = [
            found(Kind::Rbc, 30.0, 50.0, 40.0),
            found(Kind::Rbc, 66.0, 50.0, 40.0),  // touches the first
            found(Kind::Rbc, 150.0, 50.0, 40.0), // the next lies on it
            found(Kind::Rbc, 175.0, 50.0, 40.0),
            found(Kind::Rbc, 20.0, 150.0, 40.0), // at the border
            found(Kind::Rbc, 100.0, 150.0, 40.0),
            found(Kind::Plt, 108.0, 150.0, 14.0), // on the red cell before
            found(Kind::Wbc, 170.0, 150.0, 50.0),
        ];
        assert_eq!(graded(&cells, (200, 200)), [true, true, false, false, false, false, false, false]);
    }

    #[test]
    fn an_answer_below_the_limit_is_no_name_and_a_broken_one_neither() {
        let of = |p: f64| RedOpinion::answer(&[(RedClass::Target, p), (RedClass::Normal, 1.0 - p)], 0.5).0;
        assert_eq!((of(0.8), of(0.4), of(f64::NAN)), (RedClass::Target, RedClass::Unk, RedClass::Unk));
        assert_eq!(RedOpinion::answer(&[], 0.0).0, RedClass::Unk);
    }
}
