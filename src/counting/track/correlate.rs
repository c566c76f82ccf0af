//! Correlation of two small grey pictures.

use image::GrayImage;

/// Normalised cross-correlation, -1..=1, of the common part of two pictures of equal size after the field moved by
/// `motion` px from `before` to `now`; `None` if that part is too small or flat.
pub(super) fn correlation(before: &GrayImage, now: &GrayImage, motion: (i64, i64)) -> Option<f64> {
    const LEAST_SIDE: i64 = 8;
    let (width, height) = (i64::from(now.width()), i64::from(now.height()));
    let (columns, rows) = (width - motion.0.abs(), height - motion.1.abs());
    if columns < LEAST_SIDE || rows < LEAST_SIDE || before.dimensions() != now.dimensions() {
        return None;
    }
    let (x_before, x_now) = (motion.0.max(0), (-motion.0).max(0));
    let (y_before, y_now) = (motion.1.max(0), (-motion.1).max(0));
    let row_at = |x: i64, y: i64| {
        let from = (y * width + x) as usize;
        from..from + columns as usize
    };
    let (pixels_before, pixels_now) = (before.as_raw(), now.as_raw());
    let mut sums = [0_u64; 5];
    for row in 0..rows {
        let a = &pixels_before[row_at(x_before, y_before + row)];
        let b = &pixels_now[row_at(x_now, y_now + row)];
        // A row of up to 65 000 px of 255 x 255 fits in 32 bits.
        let mut line = [0_u32; 5];
        for (a, b) in a.iter().zip(b) {
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
    let [sum_a, sum_b, sum_aa, sum_bb, sum_ab] = sums.map(|sum| sum as f64);
    let count = (columns * rows) as f64;
    let (spread_a, spread_b) = (sum_aa - sum_a * sum_a / count, sum_bb - sum_b * sum_b / count);
    // Less than two grey levels of standard deviation is noise on empty background.
    if spread_a.min(spread_b) < 4.0 * count {
        return None;
    }
    Some((sum_ab - sum_a * sum_b / count) / (spread_a * spread_b).sqrt())
}

/// The few motions, px, with the highest correlation, best first. Tries every motion that leaves at least a share
/// `least` of the picture in common.
pub(super) fn everywhere(before: &GrayImage, now: &GrayImage, least: f64) -> Vec<(i64, i64)> {
    const FEW: usize = 3;
    const APART: i64 = 3;
    let (width, height) = (i64::from(now.width()), i64::from(now.height()));
    let mut tried: Vec<(f64, (i64, i64))> = Vec::new();
    for y in 1 - height..height {
        for x in 1 - width..width {
            let common = ((width - x.abs()) * (height - y.abs())) as f64;
            if common < least * (width * height) as f64 {
                continue;
            }
            tried.extend(correlation(before, now, (x, y)).map(|score| (score, (x, y))));
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

    fn scene(from: (i64, i64)) -> GrayImage {
        GrayImage::from_fn(40, 30, |x, y| {
            let (x, y) = (i64::from(x) + from.0, i64::from(y) + from.1);
            image::Luma([((x * x * 7 + y * y * 13 + x * y * 5).rem_euclid(97) * 2) as u8])
        })
    }

    #[test]
    fn a_motion_is_found_without_any_hint() {
        let found = everywhere(&scene((0, 0)), &scene((-9, 6)), 0.25);
        assert_eq!(found[0], (-9, 6));
        assert!(correlation(&scene((0, 0)), &scene((-9, 6)), found[0]).unwrap() > 0.999);
    }

    #[test]
    fn an_empty_field_agrees_with_nothing() {
        let empty = GrayImage::from_pixel(40, 30, image::Luma([235]));
        assert_eq!(correlation(&empty, &empty, (0, 0)), None);
    }
}
