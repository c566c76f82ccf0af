//! Focus of a frame, judged against the frames before it.
//!
//! Sharpness differs a hundredfold between cameras, so a frame is compared with earlier frames of the same camera.
//! Fields of one camera vary down to a quarter of their median (`txl`, `iml` and each slide of `chula`, train); half
//! a micrometre of blur brings 98 % of them below a fifth of the median.

use std::collections::VecDeque;

use crate::domain::scale::MicrometresPerPixel;

/// Sharpness below this share of the median of recent frames in focus means blurred.
const OF_USUAL: f64 = 0.22;

/// Same, as a share of the recent best: a slow drift out of focus pulls the median down, but not this.
const OF_BEST: f64 = 0.08;

/// Sharpness below that of any field in focus: the least of 1,111 train fields is 0.024, of a low-cost camera's
/// 0.030; three quarters of a micrometre of blur leave 0.016 or less in 98 % of them.
const LEAST: f64 = 0.018;

/// Frames whose median is the usual sharpness.
const FRAMES: usize = 25;

/// Frames in focus needed before their median is a reference.
const ENOUGH: usize = 5;

/// Decay of the best per frame (half after 346), so that a worse slide is not judged by a good one.
const FADING: f64 = 0.998;

/// Decay of the usual per refused frame: after about 150 in a row even the worst frames are accepted again.
const YIELDING: f64 = 0.99;

/// Change of scale (as a factor) from which sharpness no longer compares.
const OTHER_SCALE: f64 = 1.3;

/// Change of scale (as a factor) from which a frame is not judged by those before it: another objective. Blurred cells
/// look larger, but by less.
const OTHER_OBJECTIVE: f64 = 1.45;

/// Sharpness of recent frames.
#[derive(Clone, Debug, Default)]
pub struct FocusHistory {
    best: f64,
    /// Sharpness of frames that were in focus.
    latest: VecDeque<f64>,
    /// Factor on the usual sharpness; below 1 after consecutive refusals.
    trust: f64,
    um_per_px: Option<MicrometresPerPixel>,
}

impl FocusHistory {
    /// Whether a frame of this sharpness is blurred.
    #[must_use]
    pub(crate) fn is_blurred(&self, sharpness: f64) -> bool {
        let usual = self.usual().map_or(0.0, |usual| OF_USUAL * usual * self.trust);
        let best = if self.latest.len() < ENOUGH { 0.0 } else { OF_BEST * self.best };
        sharpness < LEAST.max(usual).max(best)
    }

    /// Sharpness over the recent best, 0..=1; 1 for the first frame, unless it is blurred by any standard.
    #[must_use]
    pub(crate) fn relative(&self, sharpness: f64) -> f64 {
        let best = self.best.max(2.0 * LEAST);
        (sharpness / best).clamp(0.0, 1.0)
    }

    /// Whether frames of this scale were taken through another objective, so that their sharpness does not compare.
    #[must_use]
    pub(crate) fn is_of_another_objective(&self, um_per_px: Option<MicrometresPerPixel>) -> bool {
        um_per_px
            .zip(self.um_per_px)
            .is_some_and(|(now, before)| !(1.0 / OTHER_OBJECTIVE..OTHER_OBJECTIVE).contains(&now.over(before)))
    }

    /// Scale of recent frames, um per pixel, if known.
    #[must_use]
    pub fn um_per_px(&self) -> Option<MicrometresPerPixel> {
        self.um_per_px
    }

    /// Records a frame that shows something to focus on.
    pub fn note(&mut self, sharpness: f64, um_per_px: Option<MicrometresPerPixel>, in_focus: bool) {
        if let (Some(now), Some(before)) = (um_per_px, self.um_per_px)
            && in_focus
            && !(1.0 / OTHER_SCALE..OTHER_SCALE).contains(&now.over(before))
        {
            *self = Self::default();
        }
        self.best = (self.best * FADING).max(sharpness);
        if in_focus {
            self.um_per_px = um_per_px.or(self.um_per_px);
            if self.latest.len() == FRAMES {
                self.latest.pop_front();
            }
            self.latest.push_back(sharpness);
            self.trust = 1.0;
        } else {
            self.trust *= YIELDING;
        }
    }

    fn usual(&self) -> Option<f64> {
        if self.latest.len() < ENOUGH {
            return None;
        }
        let mut sorted: Vec<f64> = self.latest.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        Some(sorted[sorted.len() / 2])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn after(sharpnesses: impl IntoIterator<Item = f64>) -> FocusHistory {
        let mut history = FocusHistory::default();
        for sharpness in sharpnesses {
            let blurred = history.is_blurred(sharpness);
            history.note(sharpness, Some(MicrometresPerPixel::USUAL), !blurred);
        }
        history
    }

    #[test]
    fn a_blurred_frame_among_sharp_ones_is_noticed_at_once() {
        let history = after((0..20).map(|at| if at % 5 == 4 { 0.02 } else { 0.2 }));
        assert!(history.is_blurred(0.03));
        assert!(!history.is_blurred(0.08), "fields of one slide differ this much");
        assert!((history.relative(0.1) - 0.5).abs() < 0.05);
    }

    #[test]
    fn a_long_time_out_of_focus_does_not_become_the_usual() {
        let history = after([0.2; 30].into_iter().chain([0.03; 60]));
        assert!(history.is_blurred(0.03));
        assert!(!history.is_blurred(0.15));
    }

    #[test]
    fn a_slow_drift_is_noticed_in_the_end() {
        let drift = (0..400).map(|frame| 0.6 * 0.99_f64.powi(frame));
        let mut history = FocusHistory::default();
        let noticed = drift.enumerate().find(|(_, sharpness)| {
            let blurred = history.is_blurred(*sharpness);
            history.note(*sharpness, Some(MicrometresPerPixel::USUAL), !blurred);
            blurred
        });
        assert!(noticed.is_some_and(|(_, sharpness)| sharpness > LEAST), "{noticed:?}");
    }

    #[test]
    fn a_camera_that_is_never_sharp_is_used_as_it_is() {
        assert!(!after([0.03; 40]).is_blurred(0.03));
        assert!(after([]).is_blurred(0.01), "by any measure");
    }

    #[test]
    fn another_objective_begins_anew() {
        let mut history = after([0.3; 30]);
        history.note(0.1, Some(MicrometresPerPixel::USUAL.times(2.5)), true);
        assert!(!history.is_blurred(0.03));
    }

    proptest! {
        #[test]
        fn the_bar_stays_within_its_frame(sharpnesses in prop::collection::vec(0.0..20.0, 0..60), next in 0.0..20.0) {
            let bar = after(sharpnesses).relative(next);
            prop_assert!((0.0..=1.0).contains(&bar));
        }

        #[test]
        fn a_frame_as_sharp_as_the_best_is_never_blurred(sharpnesses in prop::collection::vec(0.02..1.0, 1..60)) {
            let best = sharpnesses.iter().copied().fold(0.0, f64::max);
            prop_assert!(!after(sharpnesses).is_blurred(best));
        }
    }
}
