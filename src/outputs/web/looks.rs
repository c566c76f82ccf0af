//! Whether a person had the time to look at the cells that a step of the review speaks of.
//!
//! Measured here, by the times of requests. A picture is seen from the moment this station sends it. A step is too quick
//!
//! - for a cell whose picture was not sent to this person, or less than one look ago;
//! - as a whole, if the cells seen since the first of its pictures was sent, its own among them, need more looks than there
//!   was time for: selecting many and confirming them at once takes as long as looking at each;
//! - as a whole, if it comes less than one look after the step before: a key held down, or a program.
//!
//! A client may tell when the key was pressed, by its own clock, and how many cells the press is about in all. The time helps
//! only against the last rule, for steps that waited together in a slow network; the others it cannot get around.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::store::records::{CellNumber, SessionId};

/// Pictures and steps remembered of one person; a session has a few hundred cells.
const MOST: usize = 20_000;

/// People remembered.
const PEOPLE: usize = 64;

/// What is remembered of everybody who reviews.
#[derive(Debug, Default)]
pub(super) struct Looks(HashMap<String, Person>);

#[derive(Debug, Default)]
struct Person {
    /// When the picture of each cell was first sent.
    shown: HashMap<(SessionId, CellNumber), Instant>,
    /// Steps with cells that were looked at, and how many, oldest first.
    seen: VecDeque<(Instant, u32)>,
    latest: Option<Step>,
}

/// A step of the review.
#[derive(Clone, Copy, Debug)]
struct Step {
    at: Instant,
    /// When its key was pressed by the client's clock, ms.
    pressed: Option<f64>,
    /// Whether it came too soon after the one before.
    hasty: bool,
    /// Cells of the press that were looked at.
    seen: u32,
}

/// What a client says of a press, besides the cells of one request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Press {
    /// When the key was pressed by its own clock, ms; the same for every request of one press.
    pub(super) pressed: Option<f64>,
    /// Cells of the press, in all its requests.
    pub(super) together: Option<u32>,
}

impl Looks {
    /// The picture of a cell is sent to this person, or that it has none is told.
    pub(super) fn showed(&mut self, by: &str, session: SessionId, cell: CellNumber, now: Instant) {
        let person = self.person(by);
        if person.shown.len() >= MOST {
            person.shown.retain(|(of, _), _| *of == session);
            if person.shown.len() >= MOST {
                person.shown.clear();
            }
        }
        person.shown.entry((session, cell)).or_insert(now);
    }

    /// Which of these cells the person cannot have looked at when confirming or naming them all in one step. `fastest` is the
    /// shortest time of one look.
    pub(super) fn too_quick(
        &mut self,
        by: &str,
        session: SessionId,
        cells: &BTreeSet<CellNumber>,
        (now, press): (Instant, Press),
        fastest: Duration,
    ) -> BTreeSet<CellNumber> {
        if fastest.is_zero() {
            return BTreeSet::new();
        }
        let person = self.person(by);
        let Press { pressed, together } = press;
        let hasty = person.is_hasty(now, pressed, fastest);
        let of_press = person.latest.filter(|step| same(step.pressed, pressed)).map_or(0, |step| step.seen);
        person.latest = Some(Step { at: now, pressed, hasty, seen: of_press });
        let since = |cell: &CellNumber| person.shown.get(&(session, *cell)).copied();
        let long_enough = |cell: &&CellNumber| since(cell).is_some_and(|at| now.duration_since(at) >= fastest);
        let seen: BTreeSet<CellNumber> = cells.iter().filter(long_enough).copied().collect();
        let Some(first) = seen.iter().filter_map(since).min() else { return cells.clone() };
        let count = u32::try_from(seen.len()).unwrap_or(u32::MAX);
        let before: u32 = person.seen.iter().filter(|(at, _)| *at >= first).map(|(_, cells)| cells).sum();
        let wanted = before.saturating_add(count.max(together.unwrap_or(0).saturating_sub(of_press)));
        let enough = now.duration_since(first) >= fastest.saturating_mul(wanted);
        if hasty || !enough {
            return cells.clone();
        }
        if person.seen.len() >= MOST {
            person.seen.pop_front();
        }
        person.seen.push_back((now, count));
        person.latest = Some(Step { at: now, pressed, hasty, seen: of_press.saturating_add(count) });
        cells.difference(&seen).copied().collect()
    }

    fn person(&mut self, by: &str) -> &mut Person {
        if self.0.len() >= PEOPLE && !self.0.contains_key(by) {
            // Whoever has not reviewed for the longest time; of their cells the pictures must be sent again.
            let idle = self.0.iter().min_by_key(|(_, person)| person.latest.map(|step| step.at));
            if let Some(name) = idle.map(|(name, _)| name.clone()) {
                self.0.remove(&name);
            }
        }
        self.0.entry(by.to_owned()).or_default()
    }
}

impl Person {
    fn is_hasty(&self, now: Instant, pressed: Option<f64>, fastest: Duration) -> bool {
        let Some(Step { at, pressed: before, hasty, .. }) = self.latest else { return false };
        if now.duration_since(at) >= fastest {
            return false;
        }
        match (before, pressed) {
            // One press may take several requests.
            _ if same(before, pressed) => hasty,
            (Some(before), Some(pressed)) => pressed.is_nan() || pressed - before < fastest.as_secs_f64() * 1000.0,
            _ => true,
        }
    }
}

/// Whether two requests are of one press.
fn same(before: Option<f64>, pressed: Option<f64>) -> bool {
    before.is_some() && before.map(f64::to_bits) == pressed.map(f64::to_bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Duration = Duration::from_millis(150);

    struct Bench {
        looks: Looks,
        began: Instant,
    }

    impl Bench {
        /// The gallery shows cells 1 to `cells` at time 0.
        fn showing(cells: CellNumber) -> Self {
            let mut bench = Self { looks: Looks::default(), began: Instant::now() };
            (1..=cells).for_each(|cell| bench.looks.showed("rita", 7, cell, bench.began));
            bench
        }

        fn press(&mut self, at: Instant, cells: impl IntoIterator<Item = CellNumber>, press: Press) -> usize {
            self.looks.too_quick("rita", 7, &cells.into_iter().collect(), (at, press), LOOK).len()
        }

        fn step(&mut self, ms: u64, cells: impl IntoIterator<Item = CellNumber>, pressed: Option<f64>) -> usize {
            let at = self.began + Duration::from_millis(ms);
            self.press(at, cells, Press { pressed, together: None })
        }
    }

    #[test]
    fn a_person_who_looks_at_each_cell_is_never_too_quick() {
        let mut bench = Bench::showing(137);
        let quick: usize = (1_i64..=137).map(|cell| bench.step(160 * cell.unsigned_abs(), [cell], None)).sum();
        assert_eq!(quick, 0);
    }

    #[test]
    fn a_program_that_confirms_137_cells_in_a_second_has_seen_one() {
        let mut bench = Bench::showing(137);
        let quick: usize = (1_i64..=137).map(|cell| bench.step(60_000 + 7 * cell.unsigned_abs(), [cell], None)).sum();
        assert_eq!(quick, 136, "however long the pictures were there before");
    }

    #[test]
    fn a_program_that_lies_about_its_clock_gains_no_time() {
        let mut bench = Bench::showing(137);
        let lie = |cell: i64| Some(1000.0 * cell as f64);
        let quick: usize = (1_i64..=137).map(|cell| bench.step(200 + 7 * cell.unsigned_abs(), [cell], lie(cell))).sum();
        assert!(quick >= 130, "{quick}");
    }

    #[test]
    fn many_cells_at_once_take_as_long_as_looking_at_each() {
        assert_eq!(Bench::showing(137).step(137 * 150 - 1, 1..=137, None), 137);
        assert_eq!(Bench::showing(137).step(137 * 150, 1..=137, None), 0);
        let mut bench = Bench::showing(40);
        assert_eq!(bench.step(3000, 1..=20, None), 0);
        assert_eq!(bench.step(3200, 21..=40, None), 20, "the same three seconds are not used twice");
        assert_eq!(bench.step(6000, 21..=40, None), 0, "and looking after all counts");
    }

    #[test]
    fn a_cell_whose_picture_was_never_sent_was_not_seen() {
        let mut bench = Bench::showing(2);
        assert_eq!(bench.step(9000, [1, 2, 3], None), 1);
        bench.looks.showed("rita", 7, 3, bench.began + Duration::from_millis(9950));
        assert_eq!(bench.step(10_000, [3], None), 1, "50 ms ago");
        assert_eq!(bench.step(10_200, [3], None), 0);
    }

    #[test]
    fn presses_that_waited_together_in_the_network_are_told_apart_by_the_times_of_the_keys() {
        let mut bench = Bench::showing(10);
        let quick: usize = (1_i64..=10).map(|cell| bench.step(4000, [cell], Some(300.0 * cell as f64))).sum();
        assert_eq!(quick, 0);
        let mut held = Bench::showing(10);
        let quick: usize = (1_i64..=10).map(|cell| held.step(4000, [cell], Some(30.0 * cell as f64))).sum();
        assert_eq!(quick, 9, "a key held down");
    }

    #[test]
    fn one_press_may_take_several_requests() {
        let mut bench = Bench::showing(10);
        assert_eq!(bench.step(4000, 1..=5, Some(3990.5)), 0);
        assert_eq!(bench.step(4004, 6..=10, Some(3990.5)), 0);
        assert_eq!(bench.step(4008, [1], None), 1);
    }

    #[test]
    fn a_press_on_many_cells_is_judged_as_one_however_many_requests_it_takes() {
        let press = Press { pressed: Some(1.0), together: Some(10) };
        for (ms, quick) in [(10 * 150 - 1, [1, 4, 5]), (10 * 150, [0, 0, 0])] {
            let mut bench = Bench::showing(10);
            let at = bench.began + Duration::from_millis(ms);
            assert_eq!(
                [bench.press(at, [1], press), bench.press(at, 2..=5, press), bench.press(at, 6..=10, press)],
                quick
            );
        }
    }
}
