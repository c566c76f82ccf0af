//! Which frames count: good fields of every source do, spoiled ones do not; and the advice given to the operator.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::{complained, models_folder, real, said, vision};
use image::{Rgb, RgbImage, imageops};
use leukoscope::camera::picture::{list_pictures, read_picture};
use leukoscope::camera::simulated::{SimulatedMicroscope, SimulatedSettings};
use leukoscope::counting::counter::Counter;
use leukoscope::vision::Vision;
use leukoscope::vision::quality::focus::FocusHistory;
use leukoscope::vision::quality::{Gate, Quality, Verdict, assess};
use serde_json::Value;

/// Judges a single picture.
fn judge(vision: &Vision, image: &RgbImage) -> Quality {
    let balanced = vision.balanced(image);
    let scale = vision.scale(&balanced).unwrap();
    // At a scale too coarse to tell cells apart none are looked for, as when counting.
    let fine = scale.filter(|scale| !scale.is_too_coarse());
    let cells = fine.map_or_else(Vec::new, |scale| vision.detect(&balanced, scale).unwrap());
    assess(image, &balanced, &cells, scale, &FocusHistory::default())
}

fn times(image: &RgbImage, factor: f64) -> RgbImage {
    let mut image = image.clone();
    image.iter_mut().for_each(|value| *value = (f64::from(*value) * factor).round().min(255.0) as u8);
    image
}

/// Some pictures of a part of the pack, evenly spaced.
fn some(part: &str, count: usize) -> Vec<PathBuf> {
    let Some(folder) = real(part) else { return Vec::new() };
    let all = list_pictures(folder).unwrap();
    all.iter().step_by((all.len() / count).max(1)).cloned().collect()
}

#[test]
fn good_fields_of_every_source_pass_and_spoiled_ones_do_not() {
    let vision = vision();
    for (part, count) in [("fields/txl/train", 12), ("fields/chula/train", 4), ("fields/iml/train", 3)] {
        for path in some(part, count) {
            let image = read_picture(&path).unwrap();
            let quality = judge(&vision, &image);
            assert_eq!(quality.verdict, Verdict::Good, "{}: {quality:?}", path.display());
            assert_eq!(judge(&vision, &times(&image, 0.25)).verdict, Verdict::TooDark, "{}", path.display());
            let bright = judge(&vision, &times(&image, 2.6)).verdict;
            assert_eq!(bright, Verdict::TooBright, "{}", path.display());
        }
    }
}

#[test]
fn an_empty_field_is_empty_and_a_dark_one_dark() {
    let vision = vision();
    let empty = RgbImage::from_fn(640, 480, |x, y| {
        let squared = (f64::from(x) / 320.0 - 1.0).powi(2) + (f64::from(y) / 240.0 - 1.0).powi(2);
        let light = 1.0 - 0.2 * squared;
        Rgb([230.0, 225.0, 215.0].map(|value: f64| (value * light + f64::from((x * 7 + y * 13) % 4)) as u8))
    });
    assert_eq!(judge(&vision, &empty).verdict, Verdict::Empty);
    assert_eq!(judge(&vision, &RgbImage::new(640, 480)).verdict, Verdict::TooDark);
}

#[test]
fn blurred_frames_of_a_moving_session_are_not_counted_and_the_others_are() {
    let microscope = SimulatedMicroscope::new(SimulatedSettings { seed: 11, ..SimulatedSettings::default() });
    let mut counter = Counter::new(vision());
    let (mut missed, mut wrong) = (Vec::new(), Vec::new());
    for index in 0..40 {
        let frame = microscope.draw(index).0;
        // After a start in focus, every fifth frame is heavily defocused.
        let blurred = index >= 8 && index % 5 == 0;
        let shown = if blurred { imageops::fast_blur(&frame, 6.0) } else { frame };
        let counted = counter.frame(&shown).unwrap();
        match (blurred, counted.quality.verdict) {
            (true, Verdict::Good) => missed.push((index, counted.quality)),
            (false, verdict) if verdict.refuses() => wrong.push((index, counted.quality)),
            _ => {}
        }
        assert!(!counted.quality.refused() || counted.cells.is_empty());
    }
    assert!(missed.is_empty() && wrong.is_empty(), "blurred but counted: {missed:?}; sharp but refused: {wrong:?}");
}

#[test]
fn an_open_gate_counts_what_a_shut_one_refuses_and_says_so() {
    let dark = times(&SimulatedMicroscope::new(SimulatedSettings::default()).draw(0).0, 0.25);
    let shut = Counter::new(vision()).frame(&dark).unwrap();
    assert!(shut.cells.is_empty() && shut.quality.verdict == Verdict::TooDark);
    let mut counter = Counter::behind(vision(), Gate::new(false));
    let open = counter.frame(&dark).unwrap();
    let cells = open.cells.len() + counter.finish().cells.len();
    assert!(cells > 10 && open.quality.verdict == Verdict::TooDark, "{cells} cells, {:?}", open.quality);
}

fn run(state: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_leukoscope"))
        .args(arguments)
        .env("LEUKOSCOPE_MODELS", models_folder())
        .env("LEUKOSCOPE_STATION_STATE", state)
        .env("LEUKOSCOPE_WEB_LISTEN", "none")
        .output()
        .expect("the program was built for this test")
}

#[test]
fn a_count_says_how_many_frames_were_refused_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let microscope = SimulatedMicroscope::new(SimulatedSettings::default());
    for index in 0..3 {
        microscope.draw(index).0.save(folder.path().join(format!("frame{index}.png"))).unwrap();
    }
    times(&microscope.draw(3).0, 0.2).save(folder.path().join("frame3.png")).unwrap();
    let state = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let output = run(state.path(), &["count", path, "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", complained(&output));
    let gated: Value = serde_json::from_str(&said(&output)).unwrap();
    assert_eq!((gated["frames"].as_u64(), gated["frames_refused"].as_u64()), (Some(4), Some(1)));
    assert_eq!(gated["refused"]["too-dark"], 1);
    let output = run(state.path(), &["count", path, "--json", "--no-gate"]);
    let open: Value = serde_json::from_str(&said(&output)).unwrap();
    assert_eq!(open["frames_refused"], 0);
    assert!(open["counts"]["RBC"].as_u64() >= gated["counts"]["RBC"].as_u64());
    let output = run(state.path(), &["analyze", &format!("{path}/frame3.png"), "--json"]);
    let line: Value = serde_json::from_str(&said(&output)).unwrap();
    assert_eq!(line["quality"]["verdict"], "too-dark");
    assert!(line["quality"]["advice"].as_str().unwrap().contains("more light"));
}

#[test]
fn light_is_calibrated_on_an_empty_field_and_refused_where_it_does_not_fit() {
    let (state, pictures) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let shade = |x: u32, y: u32, size: (u32, u32)| {
        let place = |at: u32, of: u32| f64::from(at) / f64::from(of) * 2.0 - 1.0;
        1.0 - 0.25 * (place(x, size.0).powi(2) + place(y, size.1).powi(2))
    };
    let empty = RgbImage::from_fn(640, 480, |x, y| {
        Rgb([225.0, 220.0, 210.0].map(|value: f64| (value * shade(x, y, (640, 480))) as u8))
    });
    let mut field = SimulatedMicroscope::new(SimulatedSettings::default()).draw(0).0;
    for (x, y, pixel) in field.enumerate_pixels_mut() {
        *pixel = Rgb(pixel.0.map(|value| (f64::from(value) * shade(x, y, (640, 480))) as u8));
    }
    for (name, image) in [("empty", &empty), ("cells", &field)] {
        fs::create_dir(pictures.path().join(name)).unwrap();
        image.save(pictures.path().join(name).join("1.png")).unwrap();
    }
    RgbImage::from_pixel(320, 240, Rgb([200; 3])).save(pictures.path().join("small.png")).unwrap();
    let path = |name: &str| pictures.path().join(name).to_str().unwrap().to_owned();
    let camera = |name: &str| format!("replay:{}", path(name));
    let config = pictures.path().join("config.toml");
    fs::write(&config, "[optics]\ncamera = \"bench camera\"\nobjective = \"100x\"\nflat_field = \"stored\"\n").unwrap();
    let config = config.to_str().unwrap();
    let serve = |camera: &str| {
        let arguments =
            ["run", "--config", config, "--camera", camera, "--display", "none", "--serial", "none", "--for", "0.2"];
        run(state.path(), &arguments)
    };

    let output = serve(&camera("cells"));
    assert_eq!(output.status.code(), Some(2));
    assert!(complained(&output).contains("leukoscope calibrate"), "{}", complained(&output));

    let output = run(state.path(), &["calibrate", "--config", config, "--camera", &camera("cells")]);
    assert_eq!(output.status.code(), Some(2), "cells are no empty field");
    assert!(complained(&output).contains("no empty field"), "{}", complained(&output));

    let output = run(state.path(), &["calibrate", "--config", config, "--camera", &camera("empty")]);
    assert_eq!(output.status.code(), Some(0), "{}", complained(&output));
    let kept = said(&output);
    let file = kept.lines().find_map(|line| line.strip_prefix("kept in ")).unwrap().to_owned();
    let output = run(state.path(), &["calibrate", "--scale", "--config", config, "--camera", &camera("cells")]);
    assert_eq!(output.status.code(), Some(0), "{}", complained(&output));
    assert!(said(&output).contains("um a pixel"), "{}", said(&output));

    assert_eq!(serve(&camera("cells")).status.code(), Some(0));
    let output = serve(&camera("small.png"));
    assert_eq!(output.status.code(), Some(2));
    assert!(
        complained(&output).contains("640x480") && complained(&output).contains("320x240"),
        "{}",
        complained(&output)
    );

    let cells = path("cells");
    let lit = run(state.path(), &["analyze", &cells, "--json", "--flat-field", &file]);
    assert_eq!(lit.status.code(), Some(0), "{}", complained(&lit));
    let output = run(state.path(), &["analyze", &path("small.png"), "--json", "--flat-field", &file]);
    assert_eq!(output.status.code(), Some(2), "another size");

    let damaged = fs::read_to_string(&file).unwrap().replacen("100x", "40x", 1);
    fs::write(&file, damaged).unwrap();
    let output = serve(&camera("cells"));
    assert_eq!(output.status.code(), Some(2));
    assert!(complained(&output).contains("damaged"), "{}", complained(&output));
}
