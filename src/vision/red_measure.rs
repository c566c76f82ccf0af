//! The width of a red cell's pale middle, measured in its crop.
//!
//! The cell is what is darker than its surroundings in green, where haemoglobin takes most light away, with its holes filled. Its
//! pale middle is the part that takes away less than 0.6 of what the rim does. Found on the train split of Chula RBC-12
//! (`docs/statistics.md` has the figures).

use image::RgbImage;

/// A pixel belongs to the cell from this share of Otsu's threshold on, so that the cell does not lose its blurred edge.
const EDGE: f64 = 0.8;

/// Percentile of the darkness inside the cell that stands for its rim.
const RIM: f64 = 0.8;

/// A pixel is pale below this share of the rim's darkness.
const PALE_BELOW: f64 = 0.6;

/// Distances from the edge, as shares of the radius: nearer pixels are blurred with the background, and neither rim nor pale.
const RIM_INSIDE: f64 = 0.1;
const PALE_INSIDE: f64 = 0.12;

/// Smallest cell that is measured, as a share of the crop: a cell of 7.2 um covers a fifth.
const LEAST_AREA: f64 = 0.05;

/// Diameter of a disc as large as the pale part of the cell in the middle of a crop, as a share of one as large as the cell, 0..=1.
/// The crop's background is this bright. None where no cell stands out there, or it is cut or touches others.
pub(super) fn pallor(crop: &RgbImage, background: u8) -> Option<f64> {
    let (width, height) = (crop.width() as usize, crop.height() as usize);
    if width < 8 || height < 8 {
        return None;
    }
    let dark: Vec<u8> = crop.chunks_exact(3).map(|pixel| background.saturating_sub(pixel[1])).collect();
    let limit = EDGE * f64::from(otsu(&dark)?);
    let outside = reached(&dark, width, limit);
    let mut cell = vec![false; dark.len()];
    let mut left = vec![(height / 2) * width + width / 2];
    if outside[left[0]] {
        return None;
    }
    cell[left[0]] = true;
    let mut area = 0_u32;
    while let Some(at) = left.pop() {
        area += 1;
        // At the crop's border it is cut, or joined to others.
        let next = neighbours(at, width, height)?;
        for next in next {
            if !outside[next] && !std::mem::replace(&mut cell[next], true) {
                left.push(next);
            }
        }
    }
    let area = f64::from(area);
    if area < LEAST_AREA * dark.len() as f64 {
        return None;
    }
    let radius = (area / std::f64::consts::PI).sqrt();
    let depth = depths(&cell, width);
    // A plain loop, here and where density is measured: without link-time optimization a filter is called for each pixel.
    let deeper = |share: f64| {
        let mut values = Vec::with_capacity(dark.len());
        for (dark, depth) in dark.iter().zip(&depth) {
            if f64::from(*depth) > share * radius {
                values.push(*dark);
            }
        }
        values
    };
    let mut inside = deeper(RIM_INSIDE);
    inside.sort_unstable();
    let rim = *inside.get((inside.len() as f64 * RIM) as usize)?;
    let pale_below = PALE_BELOW * f64::from(rim);
    let pale = deeper(PALE_INSIDE).iter().filter(|dark| f64::from(**dark) < pale_below).count();
    Some((pale as f64 / area).sqrt())
}

/// The four pixels beside one; none at the border.
fn neighbours(at: usize, width: usize, height: usize) -> Option<[usize; 4]> {
    let (x, y) = (at % width, at / width);
    let inside = (1..width - 1).contains(&x) && (1..height - 1).contains(&y);
    inside.then(|| [at - 1, at + 1, at - width, at + width])
}

/// The threshold that parts the values best into two groups (Otsu 1979); none where all are the same.
fn otsu(values: &[u8]) -> Option<u8> {
    let mut histogram = [0_u32; 256];
    for value in values {
        histogram[usize::from(*value)] += 1;
    }
    let all = values.len() as f64;
    let sum: f64 = histogram.iter().zip(0_u32..).map(|(count, value)| f64::from(*count) * f64::from(value)).sum();
    let (mut below, mut sum_below) = (0.0, 0.0);
    let mut best: Option<(f64, u8)> = None;
    for (count, value) in histogram.iter().zip(0_u8..=255) {
        below += f64::from(*count);
        sum_below += f64::from(*count) * f64::from(value);
        let above = all - below;
        if below > 0.0 && above > 0.0 {
            let between = below * above * (sum_below / below - (sum - sum_below) / above).powi(2);
            if best.is_none_or(|(most, _)| between > most) {
                best = Some((between, value));
            }
        }
    }
    best.map(|(_, value)| value)
}

/// Which pixels are background: no darker than the limit, and joined to the border by such.
fn reached(dark: &[u8], width: usize, limit: f64) -> Vec<bool> {
    let height = dark.len() / width;
    let light = |at: usize| f64::from(dark[at]) <= limit;
    let mut outside = vec![false; dark.len()];
    let mut left: Vec<usize> =
        (0..dark.len()).filter(|at| neighbours(*at, width, height).is_none() && light(*at)).collect();
    for at in &left {
        outside[*at] = true;
    }
    while let Some(at) = left.pop() {
        let (x, y) = (at % width, at / width);
        let beside = [
            (x > 0).then(|| at - 1),
            (x + 1 < width).then(|| at + 1),
            (y > 0).then(|| at - width),
            (y + 1 < height).then(|| at + width),
        ];
        for next in beside.into_iter().flatten() {
            if light(next) && !std::mem::replace(&mut outside[next], true) {
                left.push(next);
            }
        }
    }
    outside
}

/// Distance of each pixel of the cell from its edge, px; 0 outside. By the chamfer distance of 3 and 4 thirds (Borgefors 1986), a
/// few per cent from the true one. The cell does not touch the border.
fn depths(cell: &[bool], width: usize) -> Vec<f32> {
    const STRAIGHT: f32 = 1.0;
    const DIAGONAL: f32 = 4.0 / 3.0;
    let mut depth: Vec<f32> = cell.iter().map(|inside| if *inside { f32::MAX } else { 0.0 }).collect();
    let before = |depth: &[f32], at: usize| {
        let of = |back: usize, step: f32| depth[at - back] + step;
        of(1, STRAIGHT).min(of(width, STRAIGHT)).min(of(width + 1, DIAGONAL)).min(of(width - 1, DIAGONAL))
    };
    let after = |depth: &[f32], at: usize| {
        let of = |on: usize, step: f32| depth[at + on] + step;
        of(1, STRAIGHT).min(of(width, STRAIGHT)).min(of(width + 1, DIAGONAL)).min(of(width - 1, DIAGONAL))
    };
    let inside: Vec<usize> = (0..cell.len()).filter(|at| cell[*at]).collect();
    for at in &inside {
        depth[*at] = before(&depth, *at);
    }
    for at in inside.iter().rev() {
        depth[*at] = depth[*at].min(after(&depth, *at));
    }
    depth
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A disc of this radius with a paler middle, px, on a background of 235.
    fn drawn(radius: f64, pale: f64, middle: f64) -> RgbImage {
        RgbImage::from_fn(64, 64, |x, y| {
            let far = (f64::from(x) + 0.5 - middle).hypot(f64::from(y) + 0.5 - middle);
            let green = if far > radius {
                235
            } else if far < pale {
                205
            } else {
                135
            };
            image::Rgb([220, green, 200])
        })
    }

    #[test]
    fn a_pale_middle_is_as_wide_as_it_was_drawn() {
        for (radius, pale) in [(16.0, 8.0), (14.0, 4.0), (18.0, 12.0), (16.0, 0.0)] {
            let share = pallor(&drawn(radius, pale, 32.0), 235).unwrap();
            assert!((share - pale / radius).abs() < 0.05, "{share} for {pale} of {radius}");
        }
    }

    #[test]
    fn a_cell_that_is_cut_or_not_there_is_not_measured() {
        assert_eq!(pallor(&drawn(16.0, 5.0, 12.0), 235), None, "cut");
        assert_eq!(pallor(&RgbImage::from_pixel(64, 64, image::Rgb([235; 3])), 235), None);
        assert_eq!(pallor(&drawn(3.0, 0.0, 32.0), 235), None, "a speck");
        assert_eq!(pallor(&RgbImage::new(0, 0), 235), None);
    }

    proptest! {
        #[test]
        fn any_picture_gives_a_share_or_nothing(bytes in prop::collection::vec(any::<u8>(), 3 * 24 * 24), background: u8) {
            let crop = RgbImage::from_raw(24, 24, bytes).unwrap();
            let share = pallor(&crop, background);
            prop_assert!(share.is_none_or(|share| (0.0..=1.0).contains(&share)));
        }
    }
}
