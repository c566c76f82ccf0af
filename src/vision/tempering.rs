//! Lowers the probabilities of a sample whose cells are unlike those that the classifier learned from. Pure.
//!
//! A network is as sure of cells under a stain it never saw as at home, and wrong more often. How far its features of a cell
//! lie from all that it learned says so (Mahalanobis distance, `models/training/distance.py`); the logits of a whole sample are
//! divided by one number that grows with the median of that distance. The numbers were fitted to laboratories that were left
//! out of training.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// White cells of usual distance that a sample's own are taken together with: a single cell may well be an odd one at home.
const USUAL_CELLS: f64 = 4.0;

/// White cells from which a sample is called unfamiliar.
const ENOUGH: usize = 20;

/// From this on a sample is called unfamiliar: a probability of 0.9 against one other class has become 0.84.
const UNFAMILIAR: f64 = 1.3;

/// `[distance]` of `model.toml`: what the network's output `distance` means.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DistanceCard {
    /// Median distance of cells of the laboratories of training that it did not learn from.
    pub home: f64,
    /// Distance in parts of `home` from which probabilities are lowered.
    pub from: f64,
    /// Growth of the logarithm of the divisor with distance in parts of `home`.
    pub rate: f64,
    /// Largest divisor.
    pub most: f64,
}

/// How unlike the cells of training those of a sample are, and what was done about it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Tempering {
    /// Median distance of the white cells from all that the classifier learned, in parts of that of laboratories it learned from.
    pub away: f64,
    /// Number that the logits were divided by, 1 or more.
    pub divisor: f64,
    /// Whether a person must be told.
    pub unfamiliar: bool,
}

impl DistanceCard {
    /// The tempering of a sample with these distances of its white cells; none without any.
    #[must_use]
    pub fn tempering(&self, distances: impl IntoIterator<Item = f64>) -> Option<Tempering> {
        let mut distances: Vec<f64> = distances.into_iter().filter(|distance| distance.is_finite()).collect();
        if distances.is_empty() {
            return None;
        }
        let cells = distances.len();
        let (_, median, _) = distances.select_nth_unstable_by(cells / 2, f64::total_cmp);
        let believed = cells as f64 / (cells as f64 + USUAL_CELLS);
        let away = 1.0 + believed * (*median / self.home - 1.0);
        let divisor = (self.rate * (away - self.from)).exp().clamp(1.0, self.most);
        Some(Tempering { away, divisor, unfamiliar: cells >= ENOUGH && divisor >= UNFAMILIAR })
    }

    /// Refuses numbers that no network has.
    pub(crate) fn check(&self) -> Result<(), String> {
        let limits = [
            ("home", self.home, 0.05, 20.0),
            ("from", self.from, 1.0, 10.0),
            ("rate", self.rate, 0.0, 50.0),
            ("most", self.most, 1.0, 20.0),
        ];
        for (name, value, low, high) in limits {
            if !(low..=high).contains(&value) {
                return Err(format!("distance.{name} is {value}, not {low} to {high}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: DistanceCard = DistanceCard { home: 0.8, from: 1.15, rate: 4.0, most: 4.0 };

    #[test]
    fn a_sample_like_those_of_training_is_left_as_it_is() {
        let tempering = CARD.tempering([0.7, 0.8, 0.9, 3.0].repeat(30)).unwrap();
        assert_eq!((tempering.divisor, tempering.unfamiliar), (1.0, false));
        assert_eq!(CARD.tempering([]), None);
        assert_eq!(CARD.tempering([f64::NAN]), None);
    }

    #[test]
    fn the_further_a_sample_lies_the_more_its_logits_are_divided_up_to_the_limit() {
        let divisors: Vec<f64> =
            [1.0, 1.2, 1.4, 9.0].map(|away| CARD.tempering(vec![0.8 * away; 996]).unwrap().divisor).to_vec();
        assert!(
            divisors.is_sorted() && divisors.first() == Some(&1.0) && divisors.last() == Some(&4.0),
            "{divisors:?}"
        );
        assert!((divisors[2] - 1.0_f64.exp()).abs() < 0.03, "{divisors:?}");
    }

    #[test]
    fn a_few_odd_cells_make_no_unfamiliar_sample() {
        let (few, many) = (CARD.tempering([1.6; 2]).unwrap(), CARD.tempering([1.6; 20]).unwrap());
        assert!(few.away < many.away && !few.unfamiliar && many.unfamiliar, "{few:?} {many:?}");
    }
}
