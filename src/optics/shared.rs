//! One scale for images of one microscope. Pure.
//!
//! A single-cell image shows a few red cells or none, so that its own scale is noisy or a guess. Pictures of one size that
//! lie together come from one camera at one magnification, and know better together.

use std::collections::BTreeMap;

use crate::optics::scale::{Scale, ScaleSource, Told};

/// Images that must tell a scale before it is shared.
const ENOUGH: usize = 5;

/// Share of the images that must show red cells before these decide; below it they are taken for mistakes of detection.
const SHARE: f64 = 0.2;

/// Interquartile range over median from which scales do not agree: the images come from several microscopes.
const SPREAD: f64 = 0.2;

/// Images that are taken for one microscope's: pictures of one size from one path of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// Which of the paths.
    pub root: usize,
    /// Width and height, px.
    pub size: (u32, u32),
}

/// A scale shared by images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shared {
    pub images: usize,
    pub scale: Scale,
}

/// The scale that the red cells of a group's images agree on.
#[must_use]
pub fn by_red_cells(told: &[Told]) -> Option<Scale> {
    let red = sorted(told.iter().filter(|told| told.stated.is_none()).filter_map(|told| told.red_cells));
    let at = |part: f64| red[((red.len() - 1) as f64 * part).round() as usize];
    let decide = red.len() >= ENOUGH && red.len() as f64 >= SHARE * told.len() as f64;
    (decide && (at(0.75) - at(0.25)) / at(0.5) < SPREAD)
        .then(|| Scale { um_per_px: at(0.5), source: ScaleSource::SharedRedCells })
}

/// The same; where hardly an image shows red cells, what the white cells of all tell.
#[must_use]
pub fn by_any_cells(told: &[Told]) -> Option<Scale> {
    let red = told.iter().filter(|told| told.red_cells.is_some()).count();
    let white = sorted(told.iter().filter(|told| told.stated.is_none()).filter_map(|told| told.white_cells));
    let by_white = || {
        ((red as f64) < SHARE * told.len() as f64 && white.len() >= ENOUGH)
            .then(|| Scale { um_per_px: white[white.len() / 2], source: ScaleSource::SharedWhiteCells })
    };
    by_red_cells(told).or_else(by_white)
}

/// The groups that share a scale by the rule `agree`.
#[must_use]
pub fn groups(images: &[(Group, Told)], agree: impl Fn(&[Told]) -> Option<Scale>) -> BTreeMap<Group, Shared> {
    let mut groups: BTreeMap<Group, Vec<Told>> = BTreeMap::new();
    for (group, told) in images {
        groups.entry(*group).or_default().push(*told);
    }
    let shared = |(group, told): (Group, Vec<Told>)| Some((group, Shared { images: told.len(), scale: agree(&told)? }));
    groups.into_iter().filter_map(shared).collect()
}

/// Says in the log which images share a scale.
pub fn log(groups: &BTreeMap<Group, Shared>) {
    for (Group { size: (width, height), .. }, Shared { images, scale }) in groups {
        let from = if scale.source.is_guess() { "white" } else { "red" };
        log::info!("{images} images of {width}x{height} px share {:.3} um/px, from {from} cells", scale.um_per_px);
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn red(um_per_px: f64) -> Told {
        Told { red_cells: Some(um_per_px), white_cells: Some(0.5), stated: None }
    }

    fn white(um_per_px: f64) -> Told {
        Told { white_cells: Some(um_per_px), ..Told::default() }
    }

    #[test]
    fn red_cells_of_a_fifth_of_the_images_decide_for_all() {
        let mut told = vec![white(0.3); 20];
        told.extend([0.10, 0.09, 0.10, 0.11, 0.10].map(red));
        assert_eq!(by_any_cells(&told), Some(Scale { um_per_px: 0.10, source: ScaleSource::SharedRedCells }));
        told.push(white(0.3));
        assert_eq!(by_any_cells(&told).unwrap().source, ScaleSource::SharedWhiteCells, "5 of 26 are too few");
    }

    #[test]
    fn images_whose_red_cells_disagree_keep_their_own_scales() {
        let told: Vec<Told> = [0.1, 0.1, 0.1, 0.2, 0.2, 0.2].map(red).to_vec();
        assert_eq!(by_any_cells(&told), None);
    }

    #[test]
    fn without_red_cells_the_usual_white_cell_of_the_group_decides() {
        let told: Vec<Told> = [0.15, 0.18, 0.2, 0.22, 0.3].map(white).to_vec();
        assert_eq!(by_any_cells(&told), Some(Scale { um_per_px: 0.2, source: ScaleSource::SharedWhiteCells }));
        assert_eq!(by_red_cells(&told), None);
    }

    #[test]
    fn a_few_images_keep_their_own_scales() {
        assert_eq!(by_any_cells(&[red(0.1), red(0.1), red(0.1), white(0.2)]), None);
        assert_eq!(by_any_cells(&[white(0.2); 4]), None);
    }

    #[test]
    fn a_stated_scale_is_not_voted_on() {
        let stated = Told { stated: Some(0.1), ..red(0.2) };
        assert_eq!(by_any_cells(&[stated; 9]), None);
    }

    #[test]
    fn pictures_of_other_sizes_or_from_other_paths_are_other_groups() {
        let of = |root, width| Group { root, size: (width, 100) };
        let mut images = vec![(of(0, 100), red(0.1)); 6];
        images.extend(vec![(of(0, 90), red(0.2)); 6]);
        images.extend(vec![(of(1, 100), red(0.4)); 6]);
        images.extend(vec![(of(2, 100), red(0.4)); 2]);
        let found = groups(&images, by_any_cells);
        let scales: Vec<f64> = found.values().map(|shared| shared.scale.um_per_px).collect();
        assert_eq!(scales, [0.2, 0.1, 0.4]);
        assert!(found.values().all(|shared| shared.images == 6));
    }
}
