//! The saliency map shows what the answer depends on: hiding salient pixels lowers the probability more than hiding as
//! many elsewhere (the deletion test of Samek et al. 2017).

use std::fs;
use std::path::PathBuf;

use crate::common::{complained, leukoscope, real, vision};
use image::{RgbImage, imageops};
use leukoscope::camera::picture::{list_pictures, read_picture};
use leukoscope::camera::simulated::{SimulatedMicroscope, SimulatedSettings};
use leukoscope::domain::class::CellClass;
use leukoscope::vision::Vision;

/// Share of the pixels that are hidden.
const HIDDEN: f64 = 0.15;

/// Random masks tried for each cell.
const RIVALS: usize = 4;

/// Real pictures used for each class.
const EACH: usize = 5;

/// The crop with the pixels of `mask` taken from a copy blurred until a cell is only a shade.
fn hidden(crop: &RgbImage, blurred: &RgbImage, mask: &[bool]) -> RgbImage {
    let mut picture = crop.clone();
    for ((pixel, blurred), _) in picture.pixels_mut().zip(blurred.pixels()).zip(mask).filter(|(_, hide)| **hide) {
        *pixel = *blurred;
    }
    picture
}

/// The probability of the original answer after hiding, summed over crops.
#[derive(Debug, Default)]
struct Tally {
    cells: usize,
    whole: f64,
    salient: f64,
    scattered: f64,
    elsewhere: f64,
}

impl Tally {
    /// Hides the salient pixels of a crop, as many scattered ones, and the salient shape moved elsewhere.
    fn add(&mut self, vision: &Vision, crop: &RgbImage, random: &mut fastrand::Rng) {
        let before = vision.classify(std::slice::from_ref(crop), None).unwrap().remove(0);
        let (class, whole) = before.ranked[0];
        let map = vision.saliency(crop, class, None).unwrap();
        let (side, pixels) = (map.side as usize, map.values.len());
        let count = (pixels as f64 * HIDDEN) as usize;
        let mut order: Vec<usize> = (0..pixels).collect();
        order.sort_by(|a, b| map.values[*b].total_cmp(&map.values[*a]));
        let mask_of = |hide: &[usize]| {
            let mut mask = vec![false; pixels];
            for at in hide {
                mask[*at] = true;
            }
            mask
        };
        let salient = mask_of(&order[..count]);
        let blurred = imageops::blur(crop, 12.0);
        let mut crops = vec![hidden(crop, &blurred, &salient)];
        for _ in 0..RIVALS {
            random.shuffle(&mut order);
            crops.push(hidden(crop, &blurred, &mask_of(&order[..count])));
        }
        for _ in 0..RIVALS {
            // Shifted by at least a quarter of the crop, wrapping around, so that the mask keeps its connectedness.
            let mut away = || random.usize(side / 4..side - side / 4);
            let (dx, dy) = (away(), away());
            let moved: Vec<bool> =
                (0..pixels).map(|at| salient[(at / side + dy) % side * side + (at % side + dx) % side]).collect();
            crops.push(hidden(crop, &blurred, &moved));
        }
        let after: Vec<f64> = vision
            .classify(&crops, None)
            .unwrap()
            .iter()
            .map(|opinion| opinion.ranked.iter().find(|(other, _)| *other == class).map_or(0.0, |(_, p)| *p))
            .collect();
        self.cells += 1;
        self.whole += whole;
        self.salient += after[0];
        self.scattered += after[1..=RIVALS].iter().sum::<f64>() / RIVALS as f64;
        self.elsewhere += after[1 + RIVALS..].iter().sum::<f64>() / RIVALS as f64;
    }

    fn check(&self) {
        let [whole, salient, scattered, elsewhere] =
            [self.whole, self.salient, self.scattered, self.elsewhere].map(|sum| sum / self.cells as f64);
        println!(
            "{} cells: the answer's probability {whole:.3}; {:.0} % hidden: the most salient {salient:.3}, \
             scattered {scattered:.3}, the same shape elsewhere {elsewhere:.3}",
            self.cells,
            HIDDEN * 100.0
        );
        assert!(whole - salient > whole - scattered, "scattered pixels matter more than salient ones");
        assert!(whole - salient > whole - elsewhere, "other places matter more than the salient one");
    }
}

/// The shipped models, if they support saliency.
fn explaining() -> Option<std::sync::Arc<Vision>> {
    let vision = vision();
    if vision.explains() {
        return Some(vision);
    }
    eprintln!("NOT TESTED: the shipped classifier has no output `evidence`");
    None
}

#[test]
fn hiding_what_is_salient_costs_the_answer_more_than_hiding_anything_else_on_real_cells() {
    let (Some(vision), Some(folder)) = (explaining(), real("cells/pbc/test")) else { return };
    let mut random = fastrand::Rng::with_seed(4);
    let mut tally = Tally::default();
    let mut classes: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    classes.sort();
    for class in classes {
        for path in list_pictures(&class).unwrap().iter().take(EACH) {
            let balanced = vision.balanced(&read_picture(path).unwrap());
            let scale = vision.scale(&balanced).unwrap();
            let crop = vision.middle(&balanced, scale).unwrap();
            tally.add(&vision, &crop, &mut random);
        }
    }
    tally.check();
}

#[test]
fn a_map_is_of_the_crop_and_within_its_range_for_every_class() {
    let Some(vision) = explaining() else { return };
    let crop = simulated_cells(&vision, 1).remove(0);
    for class in vision.classes() {
        let map = vision.saliency(&crop, *class, None).unwrap();
        assert_eq!((map.side, map.values.len()), (crop.width(), (crop.width() * crop.height()) as usize));
        assert!(map.values.iter().all(|value| (0.0..=1.0).contains(value)));
        let drawn = map.beside(&crop, 2);
        assert_eq!(drawn.get_pixel(10, 10).0.len(), 3);
        assert!(drawn.width() > 4 * crop.width() && drawn.height() == 2 * crop.height());
    }
    let unknown = CellClass::ALL.iter().find(|class| !vision.classes().contains(class));
    assert!(unknown.is_none_or(|class| vision.saliency(&crop, *class, None).is_err()));
}

#[test]
fn hiding_what_is_salient_costs_the_answer_more_on_simulated_cells_too() {
    let Some(vision) = explaining() else { return };
    let mut random = fastrand::Rng::with_seed(5);
    let mut tally = Tally::default();
    for crop in simulated_cells(&vision, 12) {
        tally.add(&vision, &crop, &mut random);
    }
    tally.check();
}

/// A simulated field in which white cells are found.
fn field_with_white_cells(vision: &Vision) -> RgbImage {
    let microscope = SimulatedMicroscope::new(SimulatedSettings::default());
    let with_white = |image: &RgbImage| vision.analyze(image).unwrap().cells.iter().any(|cell| cell.opinion.is_some());
    (0..).step_by(40).map(|number| microscope.draw(number).0).find(with_white).unwrap()
}

/// Crops of white cells from simulated fields.
fn simulated_cells(vision: &Vision, wanted: usize) -> Vec<RgbImage> {
    let microscope = SimulatedMicroscope::new(SimulatedSettings::default());
    let mut crops = Vec::new();
    for number in (0..).step_by(40) {
        let image = microscope.draw(number).0;
        let field = vision.analyze(&image).unwrap();
        let centres = field.cells.iter().filter(|cell| cell.opinion.is_some()).map(|cell| cell.detection.area.centre());
        if let Some(scale) = field.scale {
            crops.extend(vision.crops(&vision.balanced(&image), scale, centres).unwrap());
        }
        if crops.len() >= wanted {
            break;
        }
    }
    crops.truncate(wanted);
    crops
}

#[test]
fn classify_and_analyze_write_a_picture_for_each_cell_or_say_why_not() {
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("field.png");
    field_with_white_cells(&vision()).save(&picture).unwrap();
    for command in ["analyze", "classify"] {
        let target = folder.path().join(command);
        let output = leukoscope([command.as_ref(), picture.as_os_str(), "--saliency".as_ref(), target.as_os_str()]);
        if !vision().explains() {
            assert_eq!(output.status.code(), Some(2));
            assert!(complained(&output).contains("does not say where it looks"), "{}", complained(&output));
            continue;
        }
        assert!(output.status.success(), "{}", complained(&output));
        let written: Vec<_> = list_pictures(&target).unwrap();
        assert!(command == "analyze" || written.len() == 1, "{written:?}");
        for path in written {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let parts: Vec<&str> = name.trim_end_matches(".png").split('_').collect();
            let known = CellClass::ALL.iter().any(|class| class.to_string() == parts[2]);
            assert!(parts[0] == "field" && parts[1].parse::<u32>().is_ok() && known, "{name}");
            read_picture(&path).unwrap();
        }
    }
}
