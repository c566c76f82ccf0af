//! Prediction for a white cell from several frames.

use std::sync::Arc;

use image::RgbImage;

use crate::counting::track::glance::WHITE_LOOKS;
use crate::domain::class::{CellClass, Kind};
use crate::vision::Cell;
use crate::vision::detect::Detection;
use crate::vision::prediction::{Prediction, mean_distance};

/// Views pooled into the prediction: the sharpest ones.
const VIEWS: usize = WHITE_LOOKS as usize;

/// Frames between two views while there are fewer: neighbouring frames show nearly the same.
const APART: u64 = 3;

/// A further view replaces the least sharp one if it is this many times sharper.
const SHARPER: f64 = 1.15;

/// One classification of a cell.
#[derive(Clone, Debug)]
struct CellView {
    sharpness: f64,
    opinion: Prediction,
    score: f64,
}

/// A white cell and its views.
#[derive(Clone, Debug, Default)]
pub(super) struct White {
    views: Vec<CellView>,
    /// Frame of the latest view.
    pub latest: u64,
    /// Whether a platelet was detected at its place, too.
    twin: bool,
    /// Whether the tracker counts it.
    pub wanted: bool,
    /// Whether it was passed on to the session.
    pub told: bool,
    /// The sharpest crop, until it is passed on to the session.
    pub picture: Option<Arc<RgbImage>>,
}

impl White {
    /// Whether a view of this sharpness, at frame `now`, would add information.
    pub(crate) fn wants(&self, sharpness: f64, now: u64) -> bool {
        let Some(worst) = self.views.last() else { return true };
        if self.views.len() < VIEWS && now >= self.latest + APART {
            // A view much less sharp than the best would only add doubt.
            return sharpness * 2.0 > self.views[0].sharpness;
        }
        sharpness > SHARPER * worst.sharpness
    }

    /// Whether it has no view yet.
    pub(crate) fn is_unseen(&self) -> bool {
        self.views.is_empty()
    }

    /// Adds a view; `twin` means that a platelet was detected at its place.
    pub fn observe(
        &mut self,
        sharpness: f64,
        opinion: Prediction,
        score: f64,
        twin: bool,
        now: u64,
        picture: RgbImage,
    ) {
        self.twin |= twin;
        self.latest = now;
        if self.views.first().is_none_or(|best| sharpness > best.sharpness) {
            self.picture = Some(Arc::new(picture));
        }
        self.views.push(CellView { sharpness, opinion, score });
        self.views.sort_by(|a, b| b.sharpness.total_cmp(&a.sharpness));
        self.views.truncate(VIEWS);
        // Drops views that are blurred compared with the sharpest.
        let least = self.views[0].sharpness / 2.0;
        self.views.retain(|view| view.sharpness >= least);
    }

    /// Pooled prediction of its views: the geometric mean of their probabilities, weighted by sharpness.
    pub fn opinion(&self, unknown_below: f64) -> Option<Prediction> {
        let [first, others @ ..] = self.views.as_slice() else { return None };
        if others.is_empty() {
            return Some(first.opinion.clone());
        }
        let views: Vec<(&Prediction, f64)> = self.views.iter().map(|view| (&view.opinion, view.sharpness)).collect();
        Some(pooled(&views, unknown_below))
    }

    /// Kind it counts as under this prediction; `None` if both networks doubt that it is a cell, or if it is a
    /// platelet that was also detected as one.
    pub fn kind(&self, opinion: &Prediction) -> Option<Kind> {
        let score = self.views.iter().map(|view| view.score).sum::<f64>() / self.views.len().max(1) as f64;
        let area = crate::domain::geometry::Rect::default();
        let cell =
            Cell { detection: Detection { kind: Kind::Wbc, area, score }, opinion: Some(opinion.clone()), red: None };
        let twice = self.twin && opinion.class == CellClass::Plt;
        (cell.is_believed() && !twice).then(|| cell.kind())
    }
}

/// Normalised geometric mean of several predictions for one cell, each with a weight above 0.
fn pooled(views: &[(&Prediction, f64)], unknown_below: f64) -> Prediction {
    // A class that one view rules out is not ruled out for good.
    const LEAST: f64 = 1e-4;
    let weights: f64 = views.iter().map(|(_, weight)| weight.max(f64::MIN_POSITIVE)).sum();
    let of = |class: CellClass| {
        let sum: f64 = views
            .iter()
            .map(|(opinion, weight)| {
                let p = opinion.ranked.iter().find(|(other, _)| *other == class).map_or(0.0, |(_, p)| *p);
                weight.max(f64::MIN_POSITIVE) * p.max(LEAST).ln()
            })
            .sum();
        (sum / weights).exp()
    };
    let classes = views.first().map_or(&[][..], |(opinion, _)| &opinion.ranked);
    let mut ranked: Vec<(CellClass, f64)> = classes.iter().map(|(class, _)| (*class, of(*class))).collect();
    let sum: f64 = ranked.iter().map(|(_, p)| p).sum();
    for (_, p) in &mut ranked {
        *p /= sum;
    }
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let distance = mean_distance(views.iter().map(|(opinion, _)| *opinion));
    Prediction { distance, ..Prediction::of(ranked, unknown_below) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(ngs: f64) -> Prediction {
        let mut ranked = vec![(CellClass::Ngs, ngs), (CellClass::Lyt, 1.0 - ngs)];
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        Prediction::of(ranked, 0.6)
    }

    #[test]
    fn a_cell_first_seen_out_of_focus_takes_the_name_its_sharp_views_give() {
        let mut white = White::default();
        white.observe(0.02, says(0.1), 0.9, false, 1, RgbImage::default());
        assert_eq!(white.opinion(0.6).unwrap().class, CellClass::Lyt);
        assert!(white.wants(0.2, 2), "a much sharper view is taken at once");
        white.observe(0.2, says(0.97), 0.9, false, 2, RgbImage::default());
        let opinion = white.opinion(0.6).unwrap();
        assert_eq!(opinion, says(0.97), "the blurred view has no say any more");
        assert!(!white.wants(0.03, 9));
    }

    #[test]
    fn views_of_one_sharpness_speak_together_and_then_no_more_are_taken() {
        let mut white = White::default();
        for (frame, ngs) in [(0, 0.9), (3, 0.9), (6, 0.4)] {
            assert!(white.wants(0.1, frame));
            assert!(!white.wants(0.1, frame.saturating_sub(1)) || frame == 0);
            white.observe(0.1, says(ngs), 0.9, false, frame, RgbImage::default());
        }
        assert!(!white.wants(0.11, 99) && white.wants(0.12, 99));
        let opinion = white.opinion(0.6).unwrap();
        assert!((0.7..0.9).contains(&opinion.probability) && opinion.class == CellClass::Ngs, "{opinion}");
        assert!((opinion.ranked.iter().map(|(_, p)| p).sum::<f64>() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_platelet_found_as_a_white_cell_too_counts_once() {
        let mut white = White::default();
        let plt = Prediction::of(vec![(CellClass::Plt, 0.9), (CellClass::Lyt, 0.1)], 0.6);
        white.observe(0.1, plt.clone(), 0.9, true, 0, RgbImage::default());
        assert_eq!(white.kind(&plt), None);
        assert_eq!(white.kind(&says(0.9)), Some(Kind::Wbc));
    }
}
