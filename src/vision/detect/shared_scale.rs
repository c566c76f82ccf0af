//! One scale for images of one microscope. Pure.
//!
//! A single-cell image shows a few red cells or none, so that its own scale is noisy or a guess. Pictures of one size that
//! lie together come from one camera at one magnification, and know better together.

use std::collections::BTreeMap;

use crate::domain::red_cell_colour::RedCellColour;
use crate::domain::scale::MicrometresPerPixel;
use crate::vision::detect::scale::{Scale, ScaleEstimates, ScaleSource};

/// Images that must tell a scale before it is shared.
const ENOUGH: usize = 5;

/// Share of the images that must show red cells before these decide; below it they are taken for mistakes of detection.
const SHARE: f64 = 0.2;

/// Interquartile range over median from which scales do not agree: the images come from several microscopes.
const SPREAD: f64 = 0.2;

/// Images that are taken for one microscope's: pictures of one size that lie together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageGroup {
    /// Which of the folders.
    pub root: usize,
    /// Width and height, px.
    pub size: (u32, u32),
}

/// A scale shared by images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SharedScale {
    pub images: usize,
    pub scale: Scale,
}

/// The scale that the red cells of a group's images agree on.
#[must_use]
pub fn by_red_cells(told: &[ScaleEstimates]) -> Option<Scale> {
    let red = sorted(told, |told| told.red_cells);
    let decide = red.len() >= ENOUGH && red.len() as f64 >= SHARE * told.len() as f64 && spread(&red) < SPREAD;
    decide.then(|| Scale { um_per_px: median(&red), source: ScaleSource::SharedRedCells })
}

/// The same; else what the white cells of all tell, where hardly an image shows red cells, or where what is taken for red
/// cells contradicts itself more than the white cells do.
///
/// Pictures of several microscopes have white cells that differ as much as their red cells and more, since white cells
/// differ in any blood. Where red cells are lysed, what is left of them has no size at all.
#[must_use]
pub fn by_any_cells(told: &[ScaleEstimates]) -> Option<Scale> {
    let agreed = by_red_cells(told);
    if agreed.is_some() {
        return agreed;
    }
    let (red, white) = (sorted(told, |told| told.red_cells), sorted(told, |told| told.white_cells));
    let few = (red.len() as f64) < SHARE * told.len() as f64;
    let decide = white.len() >= ENOUGH && (few || red.len() >= ENOUGH && spread(&white) < spread(&red));
    decide.then(|| Scale { um_per_px: median(&white), source: ScaleSource::SharedWhiteCells })
}

/// The groups that share a scale by the rule `agree`.
#[must_use]
pub fn groups(
    images: &[(ImageGroup, ScaleEstimates)],
    agree: impl Fn(&[ScaleEstimates]) -> Option<Scale>,
) -> BTreeMap<ImageGroup, SharedScale> {
    let mut groups: BTreeMap<ImageGroup, Vec<ScaleEstimates>> = BTreeMap::new();
    for (group, told) in images {
        groups.entry(*group).or_default().push(*told);
    }
    let shared = |(group, told): (ImageGroup, Vec<ScaleEstimates>)| {
        Some((group, SharedScale { images: told.len(), scale: agree(&told)? }))
    };
    groups.into_iter().filter_map(shared).collect()
}

/// The colour that the red cells of each group have, where enough of its images tell one: for the images that do not.
#[must_use]
pub fn colours(
    images: impl IntoIterator<Item = (ImageGroup, Option<RedCellColour>)>,
) -> BTreeMap<ImageGroup, RedCellColour> {
    let mut groups: BTreeMap<ImageGroup, Vec<RedCellColour>> = BTreeMap::new();
    for (group, colour) in images {
        groups.entry(group).or_default().extend(colour);
    }
    groups.retain(|_, colours| colours.len() >= ENOUGH);
    groups.into_iter().filter_map(|(group, colours)| Some((group, RedCellColour::median(&colours)?))).collect()
}

/// Says in the log which images share a scale.
pub fn log(groups: &BTreeMap<ImageGroup, SharedScale>) {
    for (ImageGroup { size: (width, height), .. }, SharedScale { images, scale }) in groups {
        let from = if scale.source.is_guess() { "white" } else { "red" };
        log::info!(
            "{images} images of {width}x{height} px share {:.3} um/px, from {from} cells",
            scale.um_per_px.get()
        );
    }
}

/// Scales told, lowest first. One that a person states is not voted on.
fn sorted(
    told: &[ScaleEstimates],
    of: impl Fn(&ScaleEstimates) -> Option<MicrometresPerPixel>,
) -> Vec<MicrometresPerPixel> {
    let mut scales: Vec<_> = told.iter().filter(|told| told.stated.is_none()).filter_map(of).collect();
    scales.sort();
    scales
}

/// The upper median; `sorted` holds at least one.
fn median(sorted: &[MicrometresPerPixel]) -> MicrometresPerPixel {
    sorted[sorted.len() / 2]
}

/// Interquartile range over median; `sorted` holds at least one.
fn spread(sorted: &[MicrometresPerPixel]) -> f64 {
    let at = |part: f64| sorted[((sorted.len() - 1) as f64 * part).round() as usize].get();
    (at(0.75) - at(0.25)) / median(sorted).get()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn um(um_per_px: f64) -> Option<MicrometresPerPixel> {
        MicrometresPerPixel::new(um_per_px)
    }

    fn shared(um_per_px: f64, source: ScaleSource) -> Option<Scale> {
        Some(Scale { um_per_px: um(um_per_px)?, source })
    }

    fn red(um_per_px: f64) -> ScaleEstimates {
        ScaleEstimates { red_cells: um(um_per_px), white_cells: um(0.5), ..ScaleEstimates::default() }
    }

    fn white(um_per_px: f64) -> ScaleEstimates {
        ScaleEstimates { white_cells: um(um_per_px), ..ScaleEstimates::default() }
    }

    #[test]
    fn red_cells_of_a_fifth_of_the_images_decide_for_all() {
        let mut told = vec![white(0.3); 20];
        told.extend([0.10, 0.09, 0.10, 0.11, 0.10].map(red));
        assert_eq!(by_any_cells(&told), shared(0.10, ScaleSource::SharedRedCells));
        told.push(white(0.3));
        assert_eq!(by_any_cells(&told).unwrap().source, ScaleSource::SharedWhiteCells, "5 of 26 are too few");
    }

    #[test]
    fn images_of_two_microscopes_keep_their_own_scales() {
        let both = |red_cells: f64, white_cells: f64| ScaleEstimates { white_cells: um(white_cells), ..red(red_cells) };
        let told = [both(0.1, 0.09), both(0.1, 0.1), both(0.1, 0.12), both(0.2, 0.19), both(0.2, 0.2), both(0.2, 0.26)];
        assert_eq!(by_any_cells(&told), None);
    }

    #[test]
    fn what_is_taken_for_red_cells_is_not_believed_where_it_contradicts_itself() {
        let told: Vec<ScaleEstimates> = [0.1, 0.3, 0.1, 0.25, 0.4, 0.2].map(red).to_vec();
        assert_eq!(by_any_cells(&told), shared(0.5, ScaleSource::SharedWhiteCells));
    }

    #[test]
    fn without_red_cells_the_usual_white_cell_of_the_group_decides() {
        let told: Vec<ScaleEstimates> = [0.15, 0.18, 0.2, 0.22, 0.3].map(white).to_vec();
        assert_eq!(by_any_cells(&told), shared(0.2, ScaleSource::SharedWhiteCells));
        assert_eq!(by_red_cells(&told), None);
    }

    #[test]
    fn a_few_images_keep_their_own_scales() {
        assert_eq!(by_any_cells(&[red(0.1), red(0.1), red(0.1), white(0.2)]), None);
        assert_eq!(by_any_cells(&[white(0.2); 4]), None);
    }

    #[test]
    fn a_stated_scale_is_not_voted_on() {
        let stated = ScaleEstimates { stated: um(0.1), ..red(0.2) };
        assert_eq!(by_any_cells(&[stated; 9]), None);
    }

    #[test]
    fn pictures_without_red_cells_take_the_colour_that_five_others_tell() {
        let of = |root| ImageGroup { root, size: (100, 100) };
        let colour = |red| Some(RedCellColour([red, 0.3, 0.2]));
        let told = [0.2, 0.1, 0.3, 0.2, 0.9].map(|red| (of(0), colour(red)));
        let few = [(of(1), colour(0.2)), (of(1), None), (of(2), None)];
        let found = colours(told.into_iter().chain(few));
        assert_eq!(found, BTreeMap::from([(of(0), RedCellColour([0.2, 0.3, 0.2]))]));
    }

    #[test]
    fn pictures_of_other_sizes_or_from_other_paths_are_other_groups() {
        let of = |root, width| ImageGroup { root, size: (width, 100) };
        let mut images = vec![(of(0, 100), red(0.1)); 6];
        images.extend(vec![(of(0, 90), red(0.2)); 6]);
        images.extend(vec![(of(1, 100), red(0.4)); 6]);
        images.extend(vec![(of(2, 100), red(0.4)); 2]);
        let found = groups(&images, by_any_cells);
        let scales: Vec<f64> = found.values().map(|shared| shared.scale.um_per_px.get()).collect();
        assert_eq!(scales, [0.2, 0.1, 0.4]);
        assert!(found.values().all(|shared| shared.images == 6));
    }
}
