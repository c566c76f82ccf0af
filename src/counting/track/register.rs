//! Registration of two frames: the pattern of the cells proposes motions, the pixels confirm one.

use image::{GrayImage, imageops};

use crate::domain::class::Kind;
use crate::domain::geometry::Rect;
use crate::vision::detect::Detection;
use crate::vision::optics::field_of_view::FieldOfView;

use super::correlate::{self, GreyView, everywhere};
use super::votes::Votes;

/// A frame prepared for registration.
#[derive(Clone, Debug)]
pub(super) struct FrameView {
    /// The frame in grey, `THUMB` px wide.
    thumb: GreyView,
    /// The thumb reduced by a further factor of `COARSE`.
    coarse: GreyView,
    /// Frame pixels per thumb pixel.
    step: f64,
    cells: Vec<(Kind, (f64, f64), f64)>,
    width: f64,
    height: f64,
    /// The part that shows the slide.
    field: FieldOfView,
    /// Much less sharp than the frames around it, so its cells are unreliable.
    pub blurred: bool,
}

/// Evidence needed that two frames show the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// The cells of each must lie where the other has them, or the pixels must be the same.
    Cells,
    /// The stage is being followed: very similar pixels are enough.
    Followed,
    /// The same, with one of the frames out of focus: similar pixels are enough.
    Blurred,
    /// Many cells in both must match: any two places of the slide may be compared.
    ManyCells,
}

impl Demand {
    /// Correlation from which the pixels alone decide. Frames of one place at one focus have 0.99 or more.
    fn by_pixels(self) -> f64 {
        match self {
            Self::Cells => 0.97,
            Self::Followed => 0.9,
            Self::Blurred => 0.8,
            Self::ManyCells => f64::INFINITY,
        }
    }
}

/// Width of the grey thumb in which a motion is confirmed, px.
pub(super) const THUMB: u32 = 160;

/// Reduction factor of the picture in which every motion is tried.
pub(super) const COARSE: u32 = 4;

/// Cells compared by pattern, most certain first; more would only cost time.
const CELLS: usize = 150;

/// Least share of the frame that two frames must have in common.
const LEAST_OVERLAP: f64 = 0.12;

/// Same if the pixels alone decide.
const LEAST_OVERLAP_BY_PIXELS: f64 = 0.3;

/// Correlation of the common part from which two frames may show the same place.
const SAME_PLACE: f64 = 0.6;

/// Correlation from which no better motion is searched for.
const CLEAR: f64 = 0.9;

/// Size of the grey thumb for a frame of `width` x `height`, px.
#[must_use]
pub fn thumb_size(width: f64, height: f64) -> (u32, u32) {
    (THUMB, (f64::from(THUMB) * height / width).round().clamp(1.0, 4096.0) as u32)
}

/// Correlation needed if there are too few cells to confirm the motion.
const SAME_PLACE_WITHOUT_CELLS: f64 = 0.85;

/// With fewer cells than this, their pattern proves nothing.
const FEW_CELLS: u32 = 4;

/// Cells whose pattern proves a place without any other evidence.
const MANY_CELLS: u32 = 8;

/// Two cells closer than this share of their diameter match. In a crowded field one cell in eight matches by chance;
/// two thirds must.
const NEAR: f64 = 0.25;

impl FrameView {
    pub(super) fn new(grey: GrayImage, cells: &[Detection], field: &FieldOfView, blurred: bool) -> Self {
        let (width, height) = (f64::from(field.size().0), f64::from(field.size().1));
        let size = thumb_size(width, height);
        let thumb = if grey.dimensions() == size { grey } else { imageops::thumbnail(&grey, size.0, size.1) };
        let coarse = imageops::thumbnail(&thumb, (size.0 / COARSE).max(1), (size.1 / COARSE).max(1));
        let cells =
            cells.iter().take(CELLS).map(|cell| (cell.kind, cell.area.centre(), cell.area.diameter())).collect();
        Self {
            thumb: GreyView::new(thumb, field),
            coarse: GreyView::new(coarse, field),
            step: width / f64::from(THUMB),
            cells,
            width,
            height,
            field: field.clone(),
            blurred,
        }
    }

    /// Whether a cell lies inside the frame and its field of view.
    fn shows(&self, at: (f64, f64), size: f64) -> bool {
        let area = Rect::around(at, size, size);
        area.inside(self.width, self.height, 0.0) && self.field.holds(&area, 0.0)
    }
}

/// Motion of the field of view over the slide from `before` to `now`, in frame px; `None` if they have nothing in
/// common. `expected` is the motion if the stage goes on as before.
pub(super) fn motion(before: &FrameView, now: &FrameView, expected: (f64, f64), demand: Demand) -> Option<(f64, f64)> {
    if (before.width, before.height) != (now.width, now.height) {
        return None;
    }
    let mut best: Option<((f64, f64), f64)> = None;
    let mut look = |proposals: Vec<(f64, f64)>| {
        for proposal in proposals {
            if common(now, proposal) < LEAST_OVERLAP {
                continue;
            }
            let Some((exact, score)) = climb(before, now, proposal) else { continue };
            if best.is_none_or(|(_, so_far)| score > so_far) && agree(before, now, exact, score, demand) {
                best = Some((exact, score));
            }
        }
        best
    };
    // Only frames whose position is not yet clear go through the costlier searches.
    let mut found = look(vec![expected, (0.0, 0.0)]);
    if found.is_none_or(|(_, score)| score < CLEAR) {
        found = look(by_cells(before, now));
    }
    if found.is_none() && matches!(demand, Demand::Followed | Demand::Blurred) {
        let step = now.step * f64::from(COARSE);
        let tried = everywhere(&before.coarse, &now.coarse, LEAST_OVERLAP_BY_PIXELS);
        found = look(tried.into_iter().map(|at| (at.0 as f64 * step, at.1 as f64 * step)).collect());
    }
    found.map(|(exact, _)| polish(before, now, exact))
}

/// Whether cells and pixels confirm a motion. A dark white cell in the middle of two fields correlates well on its
/// own, but then the cells around it do not match.
fn agree(before: &FrameView, now: &FrameView, motion: (f64, f64), score: f64, demand: Demand) -> bool {
    if score < SAME_PLACE || common(now, motion) < LEAST_OVERLAP {
        return false;
    }
    let forth = met(before, now, motion);
    let back = met(now, before, (-motion.0, -motion.1));
    let expected = forth.1.min(back.1);
    let borne_out = |(met, expected): (u32, u32)| met * 3 >= expected * 2;
    let by_cells = borne_out(forth) && borne_out(back);
    match demand {
        Demand::ManyCells => expected >= MANY_CELLS && by_cells,
        _ if score >= demand.by_pixels() && common(now, motion) >= LEAST_OVERLAP_BY_PIXELS => true,
        _ if expected < FEW_CELLS => score >= SAME_PLACE_WITHOUT_CELLS,
        _ => by_cells,
    }
}

/// How alike two frames' cell patterns are: the most cells that match under any motion.
pub(super) fn likeness(before: &FrameView, now: &FrameView) -> u32 {
    votes(before, now).first().map_or(0, |(count, _)| *count)
}

/// Whole cells of `from` that the other view should show after `motion`, and how many it does: (met, expected).
fn met(from: &FrameView, to: &FrameView, motion: (f64, f64)) -> (u32, u32) {
    let (mut met, mut expected) = (0, 0);
    for (kind, at, size) in &from.cells {
        let place = (at.0 - motion.0, at.1 - motion.1);
        // What the edge of the field cuts has its middle elsewhere.
        let whole = from.field.holds(&Rect::around(*at, *size, *size), 0.0);
        if whole && to.shows(place, *size) {
            expected += 1;
            let near = |cell: &(Kind, (f64, f64), f64)| {
                cell.0 == *kind && (cell.1.0 - place.0).hypot(cell.1.1 - place.1) < NEAR * size
            };
            met += u32::from(to.cells.iter().any(near));
        }
    }
    (met, expected)
}

/// Share of the frame still in view after a motion.
fn common(view: &FrameView, motion: (f64, f64)) -> f64 {
    let x = (1.0 - motion.0.abs() / view.width).max(0.0);
    let y = (1.0 - motion.1.abs() / view.height).max(0.0);
    x * y
}

/// The few motions under which most cells of the two frames match.
fn by_cells(before: &FrameView, now: &FrameView) -> Vec<(f64, f64)> {
    votes(before, now).into_iter().map(|(_, motion)| motion).collect()
}

/// Same, with the number of cell pairs that support each, most first.
fn votes(before: &FrameView, now: &FrameView) -> Vec<(u32, (f64, f64))> {
    let mut diameters: Vec<f64> = now.cells.iter().map(|cell| cell.2).collect();
    diameters.sort_by(f64::total_cmp);
    let Some(diameter) = diameters.get(diameters.len() / 2) else { return Vec::new() };
    let bin = (diameter / 5.0).max(2.0);
    let mut votes = Votes::new(bin, &before.cells.iter().chain(&now.cells).map(|cell| cell.1));
    for (kind, at, size) in &before.cells {
        for (kind_now, at_now, size_now) in &now.cells {
            if kind == kind_now && (0.75..1.34).contains(&(size / size_now)) {
                // The cell lies still on the slide, so the field moved by as much as the cell moved back.
                votes.add((at.0 - at_now.0, at.1 - at_now.1));
            }
        }
    }
    let mut peaks = votes.peaks();
    // Of equal ones the order says nothing, so it goes by position.
    peaks.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.0.total_cmp(&b.1.0)).then(a.1.1.total_cmp(&b.1.1)));
    let mut chosen: Vec<(u32, (f64, f64))> = Vec::new();
    for (count, motion) in peaks {
        if chosen.iter().all(|(_, other)| (other.0 - motion.0).hypot(other.1 - motion.1) > 2.0 * bin) {
            chosen.push((count, motion));
        }
        if chosen.len() == 6 {
            break;
        }
    }
    chosen
}

/// Climbs from a proposal to the nearby whole-pixel motion (of the thumbs) with the highest correlation.
fn climb(before: &FrameView, now: &FrameView, from: (f64, f64)) -> Option<((f64, f64), f64)> {
    let step = now.step;
    let start = ((from.0 / step).round() as i64, (from.1 / step).round() as i64);
    let (at, score) = correlate::climb(&before.thumb, &now.thumb, start)?;
    Some(((at.0 as f64 * step, at.1 as f64 * step), score))
}

/// Refines a motion to a fraction of a pixel: from the cells both frames show, else from the correlation's peak.
fn polish(before: &FrameView, now: &FrameView, motion: (f64, f64)) -> (f64, f64) {
    let mut off: Vec<(f64, f64)> = Vec::new();
    for (kind, at, size) in &before.cells {
        let nearest = now
            .cells
            .iter()
            .filter(|(of, ..)| of == kind)
            .map(|(_, at_now, _)| (at.0 - at_now.0 - motion.0, at.1 - at_now.1 - motion.1))
            .min_by(|a, b| a.0.hypot(a.1).total_cmp(&b.0.hypot(b.1)));
        off.extend(nearest.filter(|o| o.0.hypot(o.1) < 0.25 * size));
    }
    if off.len() >= 4 {
        let mut median = |part: fn(&(f64, f64)) -> f64| {
            off.sort_by(|a, b| part(a).total_cmp(&part(b)));
            part(&off[off.len() / 2])
        };
        return (motion.0 + median(|o| o.0), motion.1 + median(|o| o.1));
    }
    let at = ((motion.0 / now.step).round() as i64, (motion.1 / now.step).round() as i64);
    let (exact, _) = correlate::peak(&before.thumb, &now.thumb, at);
    (exact.0 * now.step, exact.1 * now.step)
}
