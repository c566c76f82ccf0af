//! Screens red cells for parasites: an experiment, and never an answer that there are none.
//!
//! The network learned from 41 cells of three slides. It says which cells a person should look at, no species and no stage.

use image::RgbImage;

use crate::domain::scale::MicrometresPerPixel;
use crate::vision::box_margin::box_of_cell;
use crate::vision::crop::CropForm;
use crate::vision::detect::Detection;
use crate::vision::models::{ModelError, Models};
use crate::vision::net::{Array, Net, NetError};
use crate::vision::red_cells::{RedCellError, graded};

/// The word of the finding in every output.
pub const LOOK_FOR_PARASITES: &str = "look-for-parasites";

/// Crops per run. Two sizes, so that two plans serve any number of cells.
const BATCH: usize = 8;

/// Answers of the network: nothing inside, something inside.
const ANSWERS: usize = 2;

/// Finds red cells with something inside.
#[derive(Debug)]
pub struct ParasiteScreen {
    net: Net,
    form: CropForm,
    limit: f64,
}

impl ParasiteScreen {
    /// Makes the network of a models folder ready; none where the folder has none.
    ///
    /// # Errors
    /// If it is broken, or its output does not have two answers a crop.
    pub fn new(models: &Models) -> Result<Option<Self>, ModelError> {
        let (Some(card), Some(bytes)) = (&models.card.parasites, &models.parasites) else { return Ok(None) };
        let path = models.folder.join(&card.file);
        let unusable = |error: NetError| ModelError::Unusable { path: path.clone(), problem: error.to_string() };
        let net = Net::read(bytes).map_err(unusable)?;
        let background = models.card.white_balance.level;
        let side = card.size as usize;
        let found: [usize; 2] =
            net.answers_to_pixels([1, side, side]).and_then(|answers| answers.shape(0)).map_err(unusable)?;
        let wanted = [1, ANSWERS];
        if found != wanted {
            let problem = format!("for one crop of {side}x{side} px it answers {found:?} instead of {wanted:?}");
            return Err(ModelError::Shape { path, problem });
        }
        // Training took boxes for cells when it measured; here a micrometre is one.
        let form = CropForm { size: card.size, um_per_px: box_of_cell(card.um_per_px), background };
        Ok(Some(Self { net, form, limit: card.limit }))
    }

    /// Which of the cells found in this white-balanced image a person should look at, each with its probability; in the order of
    /// `cells`. Only whole red cells that lie by themselves are looked at: a platelet on a cell is not something in it.
    ///
    /// # Errors
    /// When cropping or the network fails.
    pub fn look(
        &self,
        balanced: &RgbImage,
        um_per_px: MicrometresPerPixel,
        cells: &[Detection],
    ) -> Result<Vec<Option<f64>>, RedCellError> {
        let alone = graded(cells, balanced.dimensions());
        let wanted: Vec<usize> = (0..cells.len()).filter(|at| alone[*at]).collect();
        let side = self.form.size as usize;
        let mut looks = vec![None; cells.len()];
        let mut rest = wanted.as_slice();
        while !rest.is_empty() {
            let count = if rest.len() >= BATCH { BATCH } else { 1 };
            let (batch, after) = rest.split_at(count);
            let mut pixels = Vec::with_capacity(3 * count * side * side);
            for at in batch {
                pixels.extend(self.form.cut(balanced, cells[*at].area.centre(), um_per_px)?.into_raw());
            }
            let answer: Array<2> = self.net.run_pixels(&pixels, [count, side, side])?;
            for (at, logits) in batch.iter().zip(answer.values.chunks(ANSWERS)) {
                looks[*at] = probability(logits).filter(|probability| *probability >= self.limit);
            }
            rest = after;
        }
        Ok(looks)
    }
}

/// Probability of the second answer; none where the network answers nonsense.
fn probability(logits: &[f32]) -> Option<f64> {
    let &[without, with] = logits else { return None };
    let probability = 1.0 / (1.0 + f64::from(without - with).exp());
    probability.is_finite().then_some(probability)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surer_answer_is_the_more_probable_one_and_nonsense_is_none() {
        assert_eq!(probability(&[0.0, 0.0]), Some(0.5));
        assert!(probability(&[-2.0, 3.0]).unwrap() > 0.99 && probability(&[3.0, -2.0]).unwrap() < 0.01);
        assert_eq!(probability(&[f32::NAN, 0.0]), None);
        assert_eq!(probability(&[f32::INFINITY, f32::INFINITY]), None);
        assert_eq!(probability(&[1.0]), None);
    }
}
