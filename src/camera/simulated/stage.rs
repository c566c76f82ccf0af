//! Moving stage: a serpentine over the slide with short stops, as a technician or a motor moves it.

use super::chance::mix;

/// Frames per stretch; each stretch has one stop, at a random moment.
const STRETCH: u64 = 80;
/// Frames of that stop.
const STOP: u64 = 10;
/// Length of a lane, um.
const LANE: f64 = 2400.0;
/// Gap between two lanes, um: more than the largest cell, so that no cell is whole in both.
const GAP: f64 = 24.0;

/// Place of the field's top-left corner on the slide, um.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StagePosition {
    /// To the right.
    pub x_um: f64,
    /// Downwards.
    pub y_um: f64,
}

/// Path of the field over the slide.
#[derive(Clone, Copy, Debug)]
pub struct SimulatedStage {
    /// Seed for the stops.
    pub seed: u64,
    /// Motion per frame while moving, um.
    pub step_um: f64,
    /// Height of the field, um.
    pub field_height_um: f64,
}

impl SimulatedStage {
    /// Stage position at a frame, counted from 0. Never ends.
    #[must_use]
    pub fn at(&self, frame: u64) -> StagePosition {
        let way = self.moves(frame) as f64 * self.step_um;
        let pitch = self.field_height_um + GAP;
        let lane = (way / (LANE + pitch)).floor();
        let along = way - lane * (LANE + pitch);
        let x = along.min(LANE);
        let backwards = lane % 2.0 > 0.5;
        StagePosition { x_um: if backwards { LANE - x } else { x }, y_um: lane * pitch + (along - LANE).max(0.0) }
    }

    /// Steps made before a frame.
    fn moves(&self, frame: u64) -> u64 {
        let (stretch, within) = (frame / STRETCH, frame % STRETCH);
        let stop_at = 1 + mix(self.seed, stretch.cast_signed(), 77) % (STRETCH - STOP - 1);
        stretch * (STRETCH - STOP) + within - within.saturating_sub(stop_at).min(STOP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAGE: SimulatedStage = SimulatedStage { seed: 3, step_um: 5.0, field_height_um: 67.2 };

    #[test]
    fn the_stage_never_moves_more_than_a_step_between_frames() {
        for frame in 0..2000 {
            let (a, b) = (STAGE.at(frame), STAGE.at(frame + 1));
            let moved = (a.x_um - b.x_um).abs() + (a.y_um - b.y_um).abs();
            assert!(moved < 5.0 + 1e-6, "frame {frame} moved {moved} um");
        }
    }

    #[test]
    fn the_stage_stops_ten_frames_in_eighty() {
        let still = (0..800).filter(|&f| STAGE.at(f) == STAGE.at(f + 1)).count();
        assert_eq!(still, 100);
    }

    #[test]
    fn the_stage_turns_at_the_end_of_a_lane_and_comes_back_lower_down() {
        let lowest = (0..1400).map(|f| STAGE.at(f)).filter(|p| p.y_um > 67.2 + 24.0 - 1e-6);
        let mut xs = lowest.map(|p| p.x_um);
        let first = xs.next().unwrap();
        assert!(first > 2390.0, "{first}");
        assert!(xs.all(|x| x <= first));
    }
}
