//! Votes of pairs of cells for the motion between two frames, in bins.

/// Bins a side, at most: cells of two pixels in a frame of thousands give no more peaks than this resolves.
const MOST_SIDE: f64 = 1024.0;

/// Votes by motion: how many, and the sums of their motions, px.
pub(super) struct Votes {
    /// Side of a bin, px.
    bin: f64,
    /// Bins from the middle one to the outermost, across and down.
    reach: (i64, i64),
    bins: Vec<(u32, f64, f64)>,
}

impl Votes {
    /// Room for the motions between cells at these places, px, in bins of about `bin` px.
    pub(super) fn new(bin: f64, places: &(impl Iterator<Item = (f64, f64)> + Clone)) -> Self {
        let spread = |part: fn((f64, f64)) -> f64| {
            let of = places.clone().map(part);
            let (low, high) = of.fold((f64::MAX, f64::MIN), |(low, high), at| (low.min(at), high.max(at)));
            (high - low).max(0.0)
        };
        let (width, height) = (spread(|at| at.0), spread(|at| at.1));
        let bin = bin.max(2.0 * width.max(height) / MOST_SIDE);
        // A bin more on each side, so that every bin with votes has neighbours.
        let reach = |length: f64| (length / bin).round() as i64 + 1;
        let reach = (reach(width), reach(height));
        Self { bin, reach, bins: vec![(0, 0.0, 0.0); ((2 * reach.0 + 1) * (2 * reach.1 + 1)) as usize] }
    }

    fn at(&self, column: i64, row: i64) -> usize {
        ((row + self.reach.1) * (2 * self.reach.0 + 1) + column + self.reach.0) as usize
    }

    /// One vote.
    pub(super) fn add(&mut self, motion: (f64, f64)) {
        let at = self.at((motion.0 / self.bin).round() as i64, (motion.1 / self.bin).round() as i64);
        if let Some(vote) = self.bins.get_mut(at) {
            *vote = (vote.0 + 1, vote.1 + motion.0, vote.2 + motion.1);
        }
    }

    /// Every bin with votes, joined with the bins around it, since a peak may fall between bins: number of votes, from two on, and
    /// their mean motion.
    pub(super) fn peaks(&self) -> Vec<(u32, (f64, f64))> {
        let mut peaks = Vec::new();
        for row in 1 - self.reach.1..self.reach.1 {
            for column in 1 - self.reach.0..self.reach.0 {
                if self.bins[self.at(column, row)].0 == 0 {
                    continue;
                }
                let around = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (column + dx, row + dy)));
                let (count, x, y) = around
                    .map(|(column, row)| self.bins[self.at(column, row)])
                    .fold((0, 0.0, 0.0), |sum, vote| (sum.0 + vote.0, sum.1 + vote.1, sum.2 + vote.2));
                if count >= 2 {
                    peaks.push((count, (x / f64::from(count), y / f64::from(count))));
                }
            }
        }
        peaks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cells_that_all_moved_alike_are_the_highest_peak(
            places in prop::collection::vec((0.0..640.0, 0.0..480.0), 3..40), by in (-60.0..60.0, -60.0..60.0), bin in 0.001..40.0_f64,
        ) {
            let moved = places.iter().map(|at: &(f64, f64)| (at.0 - by.0, at.1 - by.1));
            let mut votes = Votes::new(bin, &places.iter().copied().chain(moved.clone()));
            for before in &places {
                for now in moved.clone() {
                    votes.add((before.0 - now.0, before.1 - now.1));
                }
            }
            let most = votes.peaks().into_iter().map(|peak| peak.0).max();
            prop_assert!(most >= Some(places.len() as u32));
        }
    }
}
