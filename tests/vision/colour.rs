//! Colour by the red cell, through the program itself.

use std::path::Path;

use crate::common::{complained, leukoscope, models_with, said, with_stain};
use image::{Rgb, RgbImage};
use leukoscope::camera::simulated::{SimulatedMicroscope, SimulatedSettings};
use serde_json::Value;

/// Fields with white cells.
const FIELDS: [u64; 4] = [0, 40, 80, 120];

/// What a picture of the same slide under another stain and camera does to the densities of red, green and blue.
const OTHER_STAIN: [f64; 3] = [1.5, 0.55, 1.2];

fn analyzed(folder: &Path, models: Option<&Path>) -> Vec<Value> {
    let mut arguments = vec!["analyze", folder.to_str().unwrap(), "--json", "--prevalence", "none"];
    arguments.extend(models.iter().flat_map(|models| ["--models", models.to_str().unwrap()]));
    let output = leukoscope(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", complained(&output));
    said(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The picture with the optical densities of each channel multiplied.
fn restained(picture: &RgbImage, gains: [f64; 3]) -> RgbImage {
    let background: [f64; 3] = std::array::from_fn(|channel| {
        let mut values: Vec<u8> = picture.pixels().map(|pixel| pixel.0[channel]).collect();
        values.sort_unstable();
        f64::from(values[values.len() * 95 / 100])
    });
    let mut other = picture.clone();
    for pixel in other.pixels_mut() {
        for ((value, gain), background) in pixel.0.iter_mut().zip(gains).zip(background) {
            *value = (background * (f64::from(*value).max(1.0) / background).powf(gain)).round().min(255.0) as u8;
        }
    }
    other
}

/// Folders with fields of one slide, as drawn and under the other stain.
fn slides() -> [tempfile::TempDir; 2] {
    let microscope = SimulatedMicroscope::new(SimulatedSettings::default());
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    for field in FIELDS {
        let picture = microscope.draw(field).0;
        picture.save(folders[0].path().join(format!("{field:03}.png"))).unwrap();
        restained(&picture, OTHER_STAIN).save(folders[1].path().join(format!("{field:03}.png"))).unwrap();
    }
    folders
}

fn density(line: &Value) -> [f64; 3] {
    let found = line["red_cell_density"].as_array().unwrap_or_else(|| panic!("no colour in {line}"));
    std::array::from_fn(|channel| found[channel].as_f64().unwrap())
}

/// Largest difference between the probabilities of the first class of the white cells of two runs.
fn difference(one: &[Value], other: &[Value]) -> f64 {
    let whites = |lines: &[Value]| -> Vec<Value> {
        let cells = lines.iter().flat_map(|line| line["cells"].as_array().unwrap().clone());
        cells.filter(|cell| cell["kind"] == "WBC").collect()
    };
    let (one, other) = (whites(one), whites(other));
    assert!(one.len() >= 3, "{} white cells make no measurement", one.len());
    let middle =
        |cell: &Value, place: &str, length: &str| cell[place].as_f64().unwrap() + cell[length].as_f64().unwrap() / 2.0;
    let same = |a: &Value, b: &Value| {
        (middle(a, "x", "w") - middle(b, "x", "w")).hypot(middle(a, "y", "h") - middle(b, "y", "h")) < 10.0
    };
    let of = |cell: &Value, class: &Value| {
        let top = cell["top"].as_array().unwrap();
        top.iter().find(|pair| pair[0] == *class).map_or(0.0, |pair| pair[1].as_f64().unwrap())
    };
    let pairs = one.iter().filter_map(|cell| Some((cell, other.iter().find(|found| same(cell, found))?)));
    pairs.map(|(a, b)| (of(a, &a["top"][0][0]) - of(b, &a["top"][0][0])).abs()).fold(0.0, f64::max)
}

#[test]
fn analyze_says_the_density_of_the_red_cells_and_none_of_an_empty_field() {
    let [slide, other] = slides();
    let (drawn, restained) = (analyzed(slide.path(), None), analyzed(other.path(), None));
    for (one, other) in drawn.iter().zip(&restained) {
        let (one, other) = (density(one), density(other));
        for channel in 0..3 {
            let gain = other[channel] / one[channel];
            assert!((gain / OTHER_STAIN[channel] - 1.0).abs() < 0.15, "{one:?} became {other:?}");
        }
    }
    let empty = tempfile::tempdir().unwrap();
    RgbImage::from_pixel(320, 240, Rgb([210, 205, 200])).save(empty.path().join("empty.png")).unwrap();
    assert_eq!(analyzed(empty.path(), None)[0]["red_cell_density"], Value::Null);
}

#[test]
fn a_slide_under_another_stain_is_named_as_under_the_one_that_was_learned() {
    let [slide, other] = slides();
    let home = density(&analyzed(slide.path(), None)[0]);
    let models = |way: f64| {
        models_with(|card| with_stain(&card, &format!("red_cell = {home:?}\ngains = [0.35, 2.2]\nway = {way:?}")))
    };
    let (whole, none) = (models(1.0), models(0.0));
    let learned = analyzed(slide.path(), Some(none.path()));
    let mapped = difference(&learned, &analyzed(other.path(), Some(whole.path())));
    let plain = difference(&learned, &analyzed(other.path(), Some(none.path())));
    assert!(mapped < 0.2 && mapped < 0.5 * plain, "by {mapped} with the map, by {plain} without");
}

#[test]
fn a_card_with_a_stain_that_none_has_is_refused() {
    for wrong in [
        "red_cell = [0.2, 0.0, 0.2]\ngains = [0.35, 2.2]\nway = 0.5",
        "red_cell = [0.2, 0.3, 0.2]\ngains = [2.0, 2.2]\nway = 0.5",
        "red_cell = [0.2, 0.3, 0.2]\ngains = [0.35, 2.2]\nway = 1.5",
    ] {
        let models = models_with(|card| with_stain(&card, wrong));
        let output = leukoscope(["analyze", "x.png", "--models", models.path().to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2));
        assert!(complained(&output).contains("stain."), "{}", complained(&output));
    }
}

#[test]
fn a_slide_unlike_those_of_training_makes_less_sure_and_is_flagged() {
    let [slide, _] = slides();
    let counted = |home: f64| {
        // A network for which every drawn cell lies far from, or near, what it learned.
        let models = models_with(|card| {
            let (before, after) = card.split_once("\nhome = ").expect("the shipped card has a distance");
            format!("{before}\nhome = {home}\n{}", after.split_once('\n').unwrap().1)
        });
        let (folder, models) = (slide.path().to_str().unwrap(), models.path().to_str().unwrap());
        let output = leukoscope(["count", folder, "--json", "--models", models]);
        assert_eq!(output.status.code(), Some(0), "{}", complained(&output));
        serde_json::from_str::<Value>(&said(&output)).unwrap()
    };
    let (near, far) = (counted(20.0), counted(0.05));
    let divisor = |result: &Value| result["prevalence"]["tempering"]["divisor"].as_f64().unwrap();
    assert_eq!((divisor(&near), divisor(&far)), (1.0, 4.0));
    let unclassified = |result: &Value| result["classes"]["UNK"].as_u64().unwrap_or(0);
    assert!(unclassified(&far) > unclassified(&near), "{near} {far}");
}
