//! Cells drawn in a stain that no network was trained on.

use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};
use jiff::Timestamp;
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::store::Store;
use leukoscope::store::records::{CellChange, SessionId};
use leukoscope::vision::crop::CropForm;
use leukoscope::vision::models::Models;
use leukoscope::vision::optics::calibration::Setup;

use super::models_folder;
use super::stored::{cell, result, start};

/// Draws a cell of a class in the middle of 128x128 px: each class has its own nucleus and cytoplasm, in greens.
pub fn drawn(class: &str, seed: u64) -> RgbImage {
    let mut random = fastrand::Rng::with_seed(seed * 31 + class.bytes().map(u64::from).sum::<u64>());
    let mut about = |middle: f64, spread: f64| middle + spread * (random.f64() * 2.0 - 1.0);
    let middle = (about(64.0, 4.0), about(64.0, 4.0));
    // Radius of the cell, radius and places of the nucleus's lobes, cytoplasm, granules.
    let (radius, lobe, lobes, cytoplasm, granular) = match class {
        "LYT" => (about(24.0, 3.0), about(19.0, 2.0), 1, [150.0, 205.0, 190.0], false),
        "EOS" => (about(38.0, 4.0), about(13.0, 1.5), 2, [215.0, 190.0, 110.0], true),
        "MON" => (about(46.0, 4.0), about(26.0, 3.0), 1, [190.0, 200.0, 180.0], false),
        _ => (about(38.0, 4.0), about(11.0, 1.5), 3, [205.0, 225.0, 205.0], false),
    };
    let turn = about(0.0, 3.0);
    let places: Vec<(f64, f64)> = (0..lobes)
        .map(|at| {
            let angle = turn + f64::from(at) * 2.2;
            let away = if lobes == 1 { 0.0 } else { lobe * 1.05 };
            (middle.0 + away * angle.cos(), middle.1 + away * angle.sin())
        })
        .collect();
    let shade = about(1.0, 0.06);
    RgbImage::from_fn(128, 128, |x, y| {
        let (x, y) = (f64::from(x), f64::from(y));
        let inside = |(cx, cy): (f64, f64), radius: f64| (x - cx).hypot(y - cy) < radius;
        let grain = ((x * 0.9).sin() * (y * 1.1).cos()) * if granular { 30.0 } else { 5.0 };
        let colour = if places.iter().any(|place| inside(*place, lobe)) {
            [40.0, 95.0, 70.0]
        } else if inside(middle, radius) {
            cytoplasm.map(|value| value + grain)
        } else {
            [235.0, 240.0, 225.0]
        };
        Rgb(colour.map(|value: f64| (value * shade).clamp(0.0, 255.0) as u8))
    })
}

/// A session of so many drawn cells of each class: those below `looked_at` with a reviewer's class.
pub fn session_of_drawn(store: &Store, classes: &[&str], each: u64, looked_at: u64, with: Setup) -> SessionId {
    let form = CropForm::of(&Models::read(&models_folder()).unwrap().card);
    let mut begun = start("A-1");
    begun.settings.um_per_px = Some(form.um_per_px);
    begun.settings.taken_with = Some(with);
    let id = store.begin(&begun).unwrap();
    let mut changes = Vec::new();
    let mut reviewed = Vec::new();
    for (class, first) in classes.iter().zip((1_i64..).step_by(100)) {
        for (number, cell_number) in (0..each).zip(first..) {
            let mut crop = Vec::new();
            JpegEncoder::new_with_quality(&mut crop, 90)
                .encode_image(&drawn(class, number + 40 * id.unsigned_abs()))
                .unwrap();
            changes.push(CellChange::Put {
                cell: cell(cell_number, Kind::Wbc, Some(CellClass::Bas), 0.5),
                crop: Some(crop),
            });
            if number < looked_at {
                reviewed.push((cell_number, class.parse().unwrap()));
            }
        }
    }
    store.finish(id, &changes, &result("A-1"), &begun.settings).unwrap();
    for (number, class) in reviewed {
        store.reclassify(id, number, Some(class), "ann", Timestamp::now()).unwrap();
    }
    id
}
