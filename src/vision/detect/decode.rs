//! From the detector's output to boxes: peaks, sizes, and one box a cell.

use crate::domain::class::Kind;
use crate::domain::geometry::Rect;
use crate::vision::detect::Detection;
use crate::vision::models::DetectorCard;
use crate::vision::net::Array;

/// Heat by kind, offset of the middle (2), logarithm of the size (2).
pub(super) const fn channels(kinds: usize) -> usize {
    kinds + 4
}

/// How much of a red cell or platelet may lie under a surer white cell before it is a part of that.
const PART_OF_WHITE_CELL: f64 = 0.5;

/// A size the network may answer, in its pixels (natural logarithm of 1 and 512).
const LOG_SIZE: std::ops::RangeInclusive<f32> = 0.0..=6.24;

/// Reads the answer `[1, kinds + 4, h, w]`; boxes are in pixels of the network's input, best first.
///
/// `thresholds` holds the lowest score of each kind, in the order of the card's kinds.
pub(super) fn decode(answer: &Array<4>, card: &DetectorCard, thresholds: &[f64]) -> Vec<Detection> {
    let [_, _, height, width] = answer.shape;
    let plane = |channel: usize| &answer.values[channel * height * width..(channel + 1) * height * width];
    let regression = card.kinds.len();
    let (dx, dy) = (plane(regression), plane(regression + 1));
    let (log_w, log_h) = (plane(regression + 2), plane(regression + 3));
    let stride = f64::from(card.stride);

    let mut found = Vec::new();
    for (channel, kind) in card.kinds.iter().copied().enumerate() {
        let heat = plane(channel);
        for (y, x) in peaks(heat, width, height, thresholds[channel] as f32) {
            let at = y * width + x;
            let centre = ((x as f64 + 0.5 + f64::from(dx[at])) * stride, (y as f64 + 0.5 + f64::from(dy[at])) * stride);
            let side = |log: f32| f64::from(log.clamp(*LOG_SIZE.start(), *LOG_SIZE.end())).exp();
            found.push(Detection {
                kind,
                area: Rect::around(centre, side(log_w[at]), side(log_h[at])),
                score: f64::from(heat[at]),
            });
        }
    }
    found.retain(|cell| cell.score.is_finite() && cell.area.x.is_finite() && cell.area.y.is_finite());
    one_box_a_cell(found, &card.nms_iou)
}

/// Places that are above `threshold` and not below any of their eight neighbours.
fn peaks(heat: &[f32], width: usize, height: usize, threshold: f32) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let value = heat[y * width + x];
            if value < threshold {
                continue;
            }
            let highest = (y.saturating_sub(1)..=(y + 1).min(height - 1))
                .flat_map(|ny| (x.saturating_sub(1)..=(x + 1).min(width - 1)).map(move |nx| ny * width + nx))
                .all(|at| heat[at] <= value);
            if highest {
                places.push((y, x));
            }
        }
    }
    places
}

/// Greedy non-maximum suppression; the boxes come back best first.
pub(super) fn one_box_a_cell(mut found: Vec<Detection>, nms_iou: &[f64]) -> Vec<Detection> {
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Detection> = Vec::with_capacity(found.len());
    for cell in found {
        let doubled = kept.iter().any(|better| {
            let overlap = better.area.iou(&cell.area);
            if better.kind == cell.kind {
                overlap > nms_iou[cell.kind.index()]
            } else {
                better.kind == Kind::Wbc && overlap > PART_OF_WHITE_CELL
            }
        });
        if !doubled {
            kept.push(cell);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn card() -> DetectorCard {
        DetectorCard {
            file: "detector.onnx".into(),
            sha256: String::new(),
            um_per_px: 0.225,
            size_multiple: 16,
            stride: 4,
            kinds: Kind::ALL.to_vec(),
            thresholds: vec![0.5; 3],
            nms_iou: vec![0.5; 3],
        }
    }

    /// An answer of 8 x 8 places in which everything is cold and every box is 16 px.
    fn cold() -> Array<4> {
        let mut values = vec![0.0; 7 * 64];
        values[5 * 64..].fill(16_f32.ln());
        Array { shape: [1, 7, 8, 8], values }
    }

    #[test]
    fn a_hot_place_is_one_cell_with_its_box() {
        let mut answer = cold();
        answer.values[64 + 3 * 8 + 2] = 0.9; // red cell at x 2, y 3
        answer.values[64 + 3 * 8 + 3] = 0.6; // its lower neighbour
        answer.values[3 * 64 + 3 * 8 + 2] = 0.25; // dx
        let cells = decode(&answer, &card(), &[0.5; 3]);
        assert_eq!(cells.len(), 1);
        assert_eq!(cells[0].kind, Kind::Rbc);
        let (x, y) = cells[0].area.centre();
        assert!((x - 11.0).abs() < 1e-3 && (y - 14.0).abs() < 1e-3);
        assert!((cells[0].area.w - 16.0).abs() < 1e-3);
    }

    #[test]
    fn a_red_cell_inside_a_surer_white_cell_is_part_of_it() {
        let mut answer = cold();
        answer.values[3 * 8 + 2] = 0.9;
        answer.values[64 + 3 * 8 + 2] = 0.8;
        let kinds: Vec<_> = decode(&answer, &card(), &[0.5; 3]).iter().map(|cell| cell.kind).collect();
        assert_eq!(kinds, [Kind::Wbc]);
    }

    proptest! {
        #[test]
        fn any_answer_gives_cells_that_are_apart_and_finite(values in prop::collection::vec(any::<f32>(), 7 * 36)) {
            let cells = decode(&Array { shape: [1, 7, 6, 6], values }, &card(), &[0.5; 3]);
            for (n, cell) in cells.iter().enumerate() {
                prop_assert!(cell.area.x.is_finite() && cell.area.w >= 1.0 && cell.score >= 0.5);
                for other in &cells[n + 1..] {
                    prop_assert!(other.score <= cell.score);
                    prop_assert!(other.kind != cell.kind || other.area.iou(&cell.area) <= 0.5);
                }
            }
        }
    }
}
