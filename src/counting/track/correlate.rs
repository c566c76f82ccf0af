//! Correlation of two small grey pictures.

use std::ops::Range;

use image::GrayImage;

use crate::vision::optics::field_of_view::FieldOfView;

/// A motion is tried by one in this many rows first.
const SOME_ROWS: usize = 4;

/// Correlation of some rows from which all are compared: less than two frames of one place have, since fewer pixels say it
/// less exactly.
const WORTH_ALL_ROWS: f64 = 0.5;

/// A grey picture, and the part of it that shows the slide.
#[derive(Clone, Debug)]
pub(super) struct GreyView {
    pub(super) pixels: GrayImage,
    pub(super) view: FieldOfView,
}

impl GreyView {
    /// A picture of the field `view`, which may be of another size.
    pub(super) fn new(pixels: GrayImage, view: &FieldOfView) -> Self {
        Self { view: view.resized(pixels.dimensions()), pixels }
    }

    /// The columns of row `y` that lie in the field, from column `from` on and counted from there; and their pixels.
    fn row(&self, y: i64, from: i64) -> (Range<usize>, &[u8]) {
        let (y, from) = (y as usize, from as usize);
        let width = self.pixels.width() as usize;
        let seen = self.view.columns(y as u32);
        (seen.start.saturating_sub(from)..seen.end.saturating_sub(from), &self.pixels.as_raw()[y * width + from..])
    }
}

/// Normalised cross-correlation, -1..=1, of the common part of two pictures of equal size after the field moved by
/// `motion` px from `before` to `now`, by one in `every` rows; `None` if that part is too small or flat.
pub(super) fn correlation(before: &GreyView, now: &GreyView, motion: (i64, i64), every: usize) -> Option<f64> {
    const LEAST_SIDE: i64 = 8;
    let (width, height) = (i64::from(now.pixels.width()), i64::from(now.pixels.height()));
    let (columns, rows) = (width - motion.0.abs(), height - motion.1.abs());
    if columns < LEAST_SIDE || rows < LEAST_SIDE || before.pixels.dimensions() != now.pixels.dimensions() {
        return None;
    }
    let (x_before, x_now) = (motion.0.max(0), (-motion.0).max(0));
    let (y_before, y_now) = (motion.1.max(0), (-motion.1).max(0));
    let mut sums = [0_u64; 5];
    let mut count = 0;
    for row in (0..rows).step_by(every) {
        let (seen_before, a) = before.row(y_before + row, x_before);
        let (seen_now, b) = now.row(y_now + row, x_now);
        let from = seen_before.start.max(seen_now.start);
        let to = seen_before.end.min(seen_now.end).min(columns as usize);
        if from >= to {
            continue;
        }
        count += to - from;
        // A row of up to 65 000 px of 255 x 255 fits in 32 bits.
        let mut line = [0_u32; 5];
        for (a, b) in a[from..to].iter().zip(&b[from..to]) {
            let (a, b) = (u32::from(*a), u32::from(*b));
            line[0] += a;
            line[1] += b;
            line[2] += a * a;
            line[3] += b * b;
            line[4] += a * b;
        }
        for (sum, line) in sums.iter_mut().zip(line) {
            *sum += u64::from(line);
        }
    }
    if i64::try_from(count * every).is_ok_and(|count| count < LEAST_SIDE * LEAST_SIDE) {
        return None;
    }
    let [sum_a, sum_b, sum_aa, sum_bb, sum_ab] = sums.map(|sum| sum as f64);
    let count = count as f64;
    let (spread_a, spread_b) = (sum_aa - sum_a * sum_a / count, sum_bb - sum_b * sum_b / count);
    // Less than two grey levels of standard deviation is noise on empty background.
    if spread_a.min(spread_b) < 4.0 * count {
        return None;
    }
    Some((sum_ab - sum_a * sum_b / count) / (spread_a * spread_b).sqrt())
}

/// Climbs from a motion, px, to the nearby one with the highest correlation, and returns that, too: by some of the rows first,
/// where most climbs end.
pub(super) fn climb(before: &GreyView, now: &GreyView, from: (i64, i64)) -> Option<((i64, i64), f64)> {
    const STEPS: usize = 8;
    let (near, score) = highest(before, now, from, STEPS, SOME_ROWS)?;
    if score < WORTH_ALL_ROWS {
        return None;
    }
    highest(before, now, near, STEPS, 1)
}

/// The motion with the highest correlation that at most `steps` steps uphill from `at` reach, and its correlation, by one in
/// `every` rows.
fn highest(
    before: &GreyView,
    now: &GreyView,
    mut at: (i64, i64),
    steps: usize,
    every: usize,
) -> Option<((i64, i64), f64)> {
    let score = |place| correlation(before, now, place, every);
    let mut best = score(at)?;
    let mut tried = None;
    let beside = |a: (i64, i64), b: (i64, i64)| (a.0 - b.0).abs() <= 1 && (a.1 - b.1).abs() <= 1;
    for _ in 0..steps {
        let next = (-1..=1)
            .flat_map(|dy| (-1..=1).map(move |dx| (at.0 + dx, at.1 + dy)))
            // None of those around the place before is higher than this one.
            .filter(|place| *place != at && tried.is_none_or(|tried| !beside(*place, tried)))
            .filter_map(|place| score(place).map(|score| (place, score)))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        let Some(next) = next.filter(|next| next.1 > best) else { break };
        tried = Some(at);
        (at, best) = next;
    }
    Some((at, best))
}

/// The motion with the highest correlation to a fraction of a pixel, half a pixel at most from `at`, and the correlation there:
/// the vertex of the parabola through three neighbours across and down.
pub(super) fn peak(before: &GreyView, now: &GreyView, at: (i64, i64)) -> ((f64, f64), f64) {
    let score = |dx: i64, dy: i64| correlation(before, now, (at.0 + dx, at.1 + dy), 1).unwrap_or(0.0);
    let middle = score(0, 0);
    let vertex = |low: f64, high: f64| {
        let bend = low - 2.0 * middle + high;
        let off = if bend < -1e-9 { (0.5 * (low - high) / bend).clamp(-0.5, 0.5) } else { 0.0 };
        (off, off * (high - low) / 4.0)
    };
    let (across, down) = (vertex(score(-1, 0), score(1, 0)), vertex(score(0, -1), score(0, 1)));
    ((at.0 as f64 + across.0, at.1 as f64 + down.0), (middle + across.1 + down.1).min(1.0))
}

/// The few motions, px, with the highest correlation, best first. Tries every motion that leaves at least a share
/// `least` of the picture in common.
pub(super) fn everywhere(before: &GreyView, now: &GreyView, least: f64) -> Vec<(i64, i64)> {
    const FEW: usize = 3;
    const APART: i64 = 3;
    let (width, height) = (i64::from(now.pixels.width()), i64::from(now.pixels.height()));
    let mut tried: Vec<(f64, (i64, i64))> = Vec::new();
    for y in 1 - height..height {
        for x in 1 - width..width {
            let common = ((width - x.abs()) * (height - y.abs())) as f64;
            if common < least * (width * height) as f64 {
                continue;
            }
            tried.extend(correlation(before, now, (x, y), 1).map(|score| (score, (x, y))));
        }
    }
    tried.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut chosen: Vec<(i64, i64)> = Vec::new();
    for (_, (x, y)) in tried {
        if chosen.iter().all(|other| (other.0 - x).abs() + (other.1 - y).abs() > APART) {
            chosen.push((x, y));
        }
        if chosen.len() == FEW {
            break;
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(pixels: GrayImage) -> GreyView {
        GreyView::new(pixels, &FieldOfView::whole((640, 480)))
    }

    fn scene(from: (i64, i64)) -> GreyView {
        all(GrayImage::from_fn(40, 30, |x, y| {
            let (x, y) = (i64::from(x) + from.0, i64::from(y) + from.1);
            image::Luma([((x * x * 7 + y * y * 13 + x * y * 5).rem_euclid(97) * 2) as u8])
        }))
    }

    #[test]
    fn a_motion_is_found_without_any_hint() {
        let found = everywhere(&scene((0, 0)), &scene((-9, 6)), 0.25);
        assert_eq!(found[0], (-9, 6));
        assert!(correlation(&scene((0, 0)), &scene((-9, 6)), found[0], 1).unwrap() > 0.999);
    }

    #[test]
    fn an_empty_field_agrees_with_nothing() {
        let empty = all(GrayImage::from_pixel(40, 30, image::Luma([235])));
        assert_eq!(correlation(&empty, &empty, (0, 0), 1), None);
    }
}
