//! What a count tells of platelets beyond their number.

use std::fs;
use std::path::Path;

use crate::common::{complained, leukoscope, real, said};
use image::RgbImage;
use leukoscope::camera::simulated::{SimulatedMicroscope, SimulatedSettings};
use leukoscope::domain::geometry::Rect;
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
        name.starts_with(begin) && path.extension().is_none_or(|extension| extension != "txt")
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
fn clumps_set_into_real_fields_raise_the_flag_and_take_the_estimate_away() {
    let Some(pack) = real("fields/txl/val") else { return };
    let folder = fields(&pack, "bccd_", 40);
    let mut clumped = 0;
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let boxes = fs::read_to_string(pack.join(path.file_name().unwrap()).with_extension("txt")).unwrap();
        let field = image::open(&path).unwrap().to_rgb8();
        fs::remove_file(&path).unwrap();
        if let Some(field) = with_clump(&field, &boxes) {
            field.save(path.with_extension("png")).unwrap();
            clumped += 1;
        }
    }
    assert!(clumped >= 5, "{clumped}");
    let counted = count(folder.path(), &[]);
    let platelets = &counted["platelets"];
    assert!(platelets["touching"].as_u64().unwrap() >= clumped, "{platelets}");
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

/// The field with six copies of its first boxed platelet around it, each touching it; `None` if none lies away from the border.
fn with_clump(field: &RgbImage, boxes: &str) -> Option<RgbImage> {
    let (width, height) = (f64::from(field.width()), f64::from(field.height()));
    let platelet = boxes.lines().filter_map(|line| line.strip_prefix("2 ")).find_map(|line| {
        let numbers: Vec<f64> = line.split_whitespace().map(|word| word.parse().unwrap()).collect();
        let area = Rect::around((numbers[0] * width, numbers[1] * height), numbers[2] * width, numbers[3] * height);
        area.inside(width, height, 60.0).then_some(area)
    })?;
    let mut clumped = field.clone();
    for (across, down) in [(1.0, 0.0), (-1.0, 0.0), (0.5, 0.87), (-0.5, 0.87), (0.5, -0.87), (-0.5, -0.87)] {
        let (x, y) = (platelet.x + 1.05 * across * platelet.w, platelet.y + 1.05 * down * platelet.h);
        for (column, row) in
            (0..platelet.w as u32).flat_map(|column| (0..platelet.h as u32).map(move |row| (column, row)))
        {
            let above = *field.get_pixel(platelet.x as u32 + column, platelet.y as u32 + row);
            if let Some(below) = clumped.get_pixel_mut_checked(x as u32 + column, y as u32 + row) {
                // The darker of both, so that the background of the copy covers nothing.
                for (below, above) in below.0.iter_mut().zip(above.0) {
                    *below = above.min(*below);
                }
            }
        }
    }
    Some(clumped)
}
