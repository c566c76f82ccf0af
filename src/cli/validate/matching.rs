//! Matches detected boxes to labelled ones, and computes average precision. Pure.

use crate::domain::geometry::Rect;

/// Outcome for a detected box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoxMatch {
    /// Matches the labelled box with this index.
    Hit(usize),
    /// Matches no labelled box.
    Extra,
    /// Lies in an ignored box, so it counts neither way.
    Ignored,
}

/// Matches `found` (best first) to `truth`: each takes the free labelled box it overlaps most, if by at least
/// `least_iou` (0..1). A box that only overlaps an `ignored` one is set aside.
#[must_use]
pub fn pair(found: &[Rect], truth: &[Rect], ignored: &[Rect], least_iou: f64) -> Vec<BoxMatch> {
    let mut taken = vec![false; truth.len()];
    let mut verdicts = Vec::with_capacity(found.len());
    for area in found {
        let free = truth.iter().enumerate().filter(|(at, _)| !taken[*at]);
        let overlaps = free.map(|(at, marked)| (at, marked.iou(area))).filter(|(_, iou)| *iou >= least_iou);
        verdicts.push(match overlaps.max_by(|a, b| a.1.total_cmp(&b.1)) {
            Some((at, _)) => {
                taken[at] = true;
                BoxMatch::Hit(at)
            }
            None if ignored.iter().any(|other| other.iou(area) >= least_iou) => BoxMatch::Ignored,
            None => BoxMatch::Extra,
        });
    }
    verdicts
}

/// Point of a precision-recall curve.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct CurvePoint {
    /// 0..=1.
    pub recall: f64,
    /// 0..=1.
    pub precision: f64,
}

/// Precision over recall as the score threshold falls: `found` best first, each with whether it is a hit and how
/// often it counts; `truth` is the number of labelled boxes. Precision is the highest at this recall or above.
#[must_use]
pub(crate) fn curve(found: impl IntoIterator<Item = (bool, u32)>, truth: u32) -> Vec<CurvePoint> {
    let (mut hits, mut all) = (0, 0);
    let mut points = Vec::new();
    for (hit, times) in found {
        all += times;
        if hit && times > 0 {
            hits += times;
            let recall = f64::from(hits) / f64::from(truth.max(1));
            points.push(CurvePoint { recall, precision: f64::from(hits) / f64::from(all) });
        }
    }
    let mut highest = 0.0_f64;
    for point in points.iter_mut().rev() {
        highest = highest.max(point.precision);
        point.precision = highest;
    }
    points
}

/// Area under a curve, using every point (PASCAL VOC from 2010 on), 0..=1.
#[must_use]
pub(crate) fn average_precision(curve: &[CurvePoint]) -> f64 {
    let mut reached = 0.0;
    let mut area = 0.0;
    for point in curve {
        area += (point.recall - reached) * point.precision;
        reached = point.recall;
    }
    area
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn average_precision_is_the_area_under_the_envelope() {
        // Hit, miss, hit, hit, miss with 4 marked: precision 1, -, 2/3, 3/4 at recall 1/4, -, 1/2, 3/4; the envelope is
        // 1, 3/4, 3/4, so the area is 1/4 + 3/16 + 3/16 = 5/8. The fourth is never found.
        let found = [true, false, true, true, false].map(|hit| (hit, 1));
        let curve = curve(found, 4);
        assert!((average_precision(&curve) - 0.625).abs() < 1e-12, "{curve:?}");
    }

    #[test]
    fn a_box_is_matched_once_and_the_second_one_is_extra() {
        let cell = Rect::new(10.0, 10.0, 20.0, 20.0);
        let nearly = cell.moved((2.0, 0.0));
        assert_eq!(pair(&[nearly, cell], &[cell], &[], 0.5), [BoxMatch::Hit(0), BoxMatch::Extra]);
    }

    #[test]
    fn what_meets_only_an_ignored_box_counts_neither_way() {
        let (cell, other) = (Rect::new(0.0, 0.0, 20.0, 20.0), Rect::new(50.0, 0.0, 20.0, 20.0));
        let verdicts = pair(&[other, cell, cell.moved((0.0, 90.0))], &[cell], &[other], 0.5);
        assert_eq!(verdicts, [BoxMatch::Ignored, BoxMatch::Hit(0), BoxMatch::Extra]);
    }

    fn boxes() -> impl Strategy<Value = Vec<Rect>> {
        let one = (0.0..60.0, 0.0..60.0, 1.0..30.0, 1.0..30.0).prop_map(|(x, y, w, h)| Rect::new(x, y, w, h));
        prop::collection::vec(one, 0..12)
    }

    proptest! {
        #[test]
        fn no_marked_box_is_found_twice(found in boxes(), truth in boxes(), ignored in boxes()) {
            let verdicts = pair(&found, &truth, &ignored, 0.3);
            prop_assert_eq!(verdicts.len(), found.len());
            let mut hits: Vec<usize> = verdicts.iter().filter_map(|verdict| match verdict {
                BoxMatch::Hit(at) => Some(*at),
                _ => None,
            }).collect();
            let all = hits.len();
            hits.sort_unstable();
            hits.dedup();
            prop_assert_eq!(hits.len(), all);
            prop_assert!(all <= truth.len());
        }

        #[test]
        fn average_precision_is_a_share_and_counting_all_twice_changes_nothing(
            found in prop::collection::vec(any::<bool>(), 0..40), more in 0_u32..10,
        ) {
            let truth = found.iter().filter(|hit| **hit).count() as u32 + more;
            let area = |times: u32| average_precision(&curve(found.iter().map(|hit| (*hit, times)), truth * times));
            prop_assert!((0.0..=1.0 + 1e-9).contains(&area(1)));
            prop_assert!((area(1) - area(2)).abs() < 1e-9);
        }
    }
}
