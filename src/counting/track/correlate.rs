//! Correlation of two small grey pictures.

use std::ops::Range;

use image::GrayImage;

use crate::vision::optics::field_of_view::FieldOfView;

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
