//! Path of a simulated stage, frame by frame.

use super::plan::{Plan, Waypoint};
use crate::camera::simulated::chance::{mix, normal};

/// Change of direction of a hand per frame, radians.
const TURN: f64 = 0.12;

/// Places of the field's top-left corner on the scan, px, one per frame. The same plan gives the same places.
#[derive(Clone, Debug)]
pub struct Course {
    /// How far the corner can go to the right and down.
    room: (f64, f64),
    step: f64,
    at: (f64, f64),
    frame: u64,
    frames: Option<u64>,
    pause: (u64, u64),
    guide: Guide,
}

#[derive(Clone, Debug)]
enum Guide {
    /// Through these places; `next` is the one it moves to, and `rest` the frames it still stays here.
    Way { way: Vec<Waypoint>, next: usize, rest: u32 },
    /// Random walk of a hand; the heading is in radians.
    Walk { rng: fastrand::Rng, heading: f64 },
}

impl Course {
    /// Path of `plan`; the corner can go `room` px to the right and down.
    pub(super) fn new(plan: &Plan, room: (f64, f64)) -> Self {
        let room = (room.0.max(0.0), room.1.max(0.0));
        let (at, guide) = if let Some(first) = plan.way.first() {
            let at = (first.x.clamp(0.0, room.0), first.y.clamp(0.0, room.1));
            (at, Guide::Way { way: plan.way.clone(), next: 1, rest: first.rest })
        } else {
            let mut rng = fastrand::Rng::with_seed(mix(plan.seed, 41, 0));
            let at = (rng.f64() * room.0, rng.f64() * room.1);
            let heading = rng.f64() * std::f64::consts::TAU;
            (at, Guide::Walk { rng, heading })
        };
        Self {
            room,
            step: plan.step,
            at,
            frame: 0,
            frames: plan.frames,
            pause: (u64::from(plan.pause_every), u64::from(plan.pause_frames)),
            guide,
        }
    }

    /// Whether the stage pauses before this frame.
    fn pauses(&self) -> bool {
        let (every, frames) = self.pause;
        every > 0 && self.frame >= every && self.frame % every < frames.min(every - 1)
    }

    /// Moves on by one frame; false if the path has ended.
    fn advance(&mut self) -> bool {
        if self.pauses() {
            return true;
        }
        match &mut self.guide {
            Guide::Way { rest, .. } if *rest > 0 => *rest -= 1,
            Guide::Way { way, next, rest } => {
                let Some(point) = way.get(*next) else { return false };
                let to = (point.x.clamp(0.0, self.room.0), point.y.clamp(0.0, self.room.1));
                let far = (to.0 - self.at.0).hypot(to.1 - self.at.1);
                if point.jump || far <= self.step {
                    self.at = to;
                    *rest = point.rest;
                    *next += 1;
                } else {
                    let part = self.step / far;
                    self.at = (self.at.0 + (to.0 - self.at.0) * part, self.at.1 + (to.1 - self.at.1) * part);
                }
            }
            Guide::Walk { rng, heading } => {
                *heading += TURN * f64::from(normal(rng));
                let (x, turned_x) = mirrored(self.at.0 + self.step * heading.cos(), self.room.0);
                let (y, turned_y) = mirrored(self.at.1 + self.step * heading.sin(), self.room.1);
                if turned_x {
                    *heading = std::f64::consts::PI - *heading;
                }
                if turned_y {
                    *heading = -*heading;
                }
                self.at = (x, y);
            }
        }
        true
    }
}

/// Reflects a place at the ends 0 and `room`, and tells whether it did.
fn mirrored(place: f64, room: f64) -> (f64, bool) {
    if place < 0.0 {
        ((-place).min(room), true)
    } else if place > room {
        ((2.0 * room - place).max(0.0), true)
    } else {
        (place, false)
    }
}

impl Iterator for Course {
    type Item = (f64, f64);

    fn next(&mut self) -> Option<(f64, f64)> {
        if self.frames.is_some_and(|frames| self.frame >= frames) || (self.frame > 0 && !self.advance()) {
            return None;
        }
        self.frame += 1;
        Some(self.at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn places(plan: &Plan, room: (f64, f64), most: usize) -> Vec<(f64, f64)> {
        Course::new(plan, room).take(most).collect()
    }

    fn still() -> Plan {
        Plan { pause_every: 0, ..Plan::default() }
    }

    fn point(x: f64, y: f64) -> Waypoint {
        Waypoint { x, y, ..Waypoint::default() }
    }

    #[test]
    fn a_way_is_gone_in_steps_and_ends_at_its_last_place() {
        let rest = Waypoint { rest: 2, ..point(25.0, 0.0) };
        let jump = Waypoint { jump: true, ..point(90.0, 900.0) };
        let plan = Plan { way: vec![point(0.0, 0.0), rest, jump], step: 10.0, ..still() };
        let xs: Vec<f64> = places(&plan, (100.0, 100.0), 99).iter().map(|at| at.0).collect();
        assert_eq!(xs, [0.0, 10.0, 20.0, 25.0, 25.0, 25.0, 90.0]);
        assert!((places(&plan, (100.0, 100.0), 99).last().unwrap().1 - 100.0).abs() < 1e-9, "brought to the edge");
    }

    #[test]
    fn pauses_come_as_often_and_stay_as_long_as_planned() {
        let plan = Plan { pause_every: 20, pause_frames: 5, step: 3.0, ..Plan::default() };
        let at = places(&plan, (5e4, 5e4), 220);
        let still = at.windows(2).filter(|pair| pair[0] == pair[1]).count();
        assert_eq!(still, 50);
    }

    proptest! {
        #[test]
        fn every_step_is_as_long_as_planned_at_most_and_stays_on_the_scan(
            seed in any::<u64>(), step in 0.0..80.0, room in (0.0..900.0, 0.0..700.0),
        ) {
            let plan = Plan { step, seed, ..still() };
            let at = places(&plan, room, 300);
            prop_assert_eq!(at.len(), 300);
            prop_assert_eq!(&at, &places(&plan, room, 300));
            for pair in at.windows(2) {
                prop_assert!((pair[0].0 - pair[1].0).hypot(pair[0].1 - pair[1].1) <= step + 1e-9);
            }
            prop_assert!(at.iter().all(|(x, y)| (0.0..=room.0).contains(x) && (0.0..=room.1).contains(y)));
        }
    }
}
