//! What a count tells of platelets beyond their number.

use std::fs;
use std::path::Path;

use crate::common::{complained, leukoscope, real, said};
use image::RgbImage;
use leukoscope::camera::simulated::{SimulatedMicroscope, SimulatedSettings, TruthCell};
use leukoscope::domain::class::Kind;
use serde_json::{Value, json};

fn count(folder: &Path, more: &[&str]) -> Value {
    let output = leukoscope([&["count", folder.to_str().unwrap(), "--json"], more].concat());
    serde_json::from_str(&said(&output)).unwrap_or_else(|_| panic!("{}", complained(&output)))
}

/// The first fields of one laboratory.
fn fields(from: &Path, begin: &str, most: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut names: Vec<_> = fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let pictures = names.iter().filter(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(begin) && !path.extension().is_some_and(|extension| extension == "txt")
    });
    for path in pictures.take(most) {
        fs::copy(path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    folder
}

fn notes(counted: &Value) -> &Value {
    &counted["platelets"]["notes"]
}

#[test]
fn real_fields_give_an_estimate_that_says_what_its_scale_rests_on() {
    let Some(pack) = real("fields/txl/val") else { return };
    let folder = fields(&pack, "bccd_", 25);
    let measured = count(folder.path(), &[]);
    let platelets = &measured["platelets"];
    assert!(platelets["fields"].as_u64().unwrap() >= 20, "{platelets}");
    assert_eq!(notes(&measured), &json!(["scale-by-red-cells"]));
    let end = |of: &Value, at: usize| of["PLT_per_ul_by_fields"][at].as_f64().unwrap();
    let (value, low, high) = (end(platelets, 0), end(platelets, 1), end(platelets, 2));
    // Blood of people without a known disease of the platelets.
    assert!(low < 400_000.0 && high > 150_000.0 && low < value && value < high, "{platelets}");
    assert!(!measured["flags"].as_array().unwrap().contains(&json!("platelet-clumps")), "{platelets}");

    let stated = count(folder.path(), &["--um-per-px", "0.078"]);
    assert_eq!(notes(&stated), &json!([]), "{}", stated["platelets"]);
}

#[test]
fn drawn_clumps_raise_the_flag_and_take_the_estimate_away() {
    let microscope = SimulatedMicroscope::new(SimulatedSettings::default());
    let (plain, clumped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for index in 0..12 {
        let (field, cells) = microscope.draw(index * 40);
        let name = format!("{index:03}.png");
        with_clump(&field, &cells).as_ref().unwrap_or(&field).save(clumped.path().join(&name)).unwrap();
        field.save(plain.path().join(&name)).unwrap();
    }
    let plain = count(plain.path(), &[]);
    assert_eq!(plain["platelets"]["clumps"], 0, "{}", plain["platelets"]);
    assert!(plain["platelets"]["PLT_per_ul_by_fields"][0].as_f64().unwrap() > 0.0);

    let counted = count(clumped.path(), &[]);
    let platelets = &counted["platelets"];
    assert!(platelets["in_clumps"].as_u64().unwrap() > 12, "{platelets}");
    assert!(counted["flags"].as_array().unwrap().contains(&json!("platelet-clumps")), "{platelets}");
    assert!(notes(&counted).as_array().unwrap().contains(&json!("platelet-clumps")));
    assert!(platelets.get("PLT_per_ul_by_fields").is_none(), "{platelets}");
}

#[test]
fn a_few_fields_give_no_estimate_and_say_how_many_it_takes() {
    let folder = tempfile::tempdir().unwrap();
    let microscope = SimulatedMicroscope::new(SimulatedSettings::default());
    for index in 0..4 {
        microscope.draw(index * 40).0.save(folder.path().join(format!("{index:03}.png"))).unwrap();
    }
    let counted = count(folder.path(), &[]);
    assert!(counted["platelets"].get("PLT_per_ul_by_fields").is_none());
    assert!(notes(&counted).as_array().unwrap().contains(&json!("few-fields")), "{}", counted["platelets"]);
}

/// The same field with six copies of its first whole platelet around it, as close as they can lie.
fn with_clump(field: &RgbImage, cells: &[TruthCell]) -> Option<RgbImage> {
    let platelet = cells.iter().find(|cell| cell.kind == Kind::Plt && cell.whole)?;
    let mut clumped = field.clone();
    let (left, top) = (i64::from(platelet.x as i32), i64::from(platelet.y as i32));
    let (width, height) = (platelet.w as i64 + 2, platelet.h as i64 + 2);
    for (across, down) in [(1.0, 0.0), (-1.0, 0.0), (0.5, 0.87), (-0.5, 0.87), (0.5, -0.87), (-0.5, -0.87)] {
        let off = ((across * platelet.w) as i64, (down * platelet.h) as i64);
        for (x, y) in (0..width).flat_map(|x| (0..height).map(move |y| (left + x, top + y))) {
            let pixel = |x: i64, y: i64| Some((u32::try_from(x).ok()?, u32::try_from(y).ok()?));
            let (Some(from), Some(to)) = (pixel(x, y), pixel(x + off.0, y + off.1)) else { continue };
            let (Some(above), Some(below)) =
                (field.get_pixel_checked(from.0, from.1), clumped.get_pixel_mut_checked(to.0, to.1))
            else {
                continue;
            };
            // The darker of both, so that the background of the copy covers nothing.
            for (below, above) in below.0.iter_mut().zip(above.0) {
                *below = above.min(*below);
            }
        }
    }
    Some(clumped)
}
