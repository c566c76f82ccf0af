//! `analyze`, `classify` and `count` on good and bad pictures, through the program itself.

use std::fs;
use std::path::Path;

use crate::common::{complained, leukoscope, real, said};
use image::{DynamicImage, RgbImage};
use leukoscope::camera::simulated::{SimulatedMicroscope, SimulatedSettings};
use serde_json::Value;

fn field(index: u64) -> RgbImage {
    SimulatedMicroscope::new(SimulatedSettings::default()).draw(index).0
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn arguments<'a>(command: &'a str, path: &'a Path) -> Vec<&'a str> {
    vec![command, path.to_str().unwrap(), "--json"]
}

#[test]
fn every_cell_has_the_promised_keys_and_lies_in_the_picture() {
    let folder = tempfile::tempdir().unwrap();
    field(0).save(folder.path().join("field.png")).unwrap();
    let output = leukoscope(arguments("analyze", folder.path()));
    assert_eq!(output.status.code(), Some(0), "{}", complained(&output));
    let [line] = &lines(&said(&output))[..] else { panic!("one line a picture") };
    assert_eq!((line["width"].as_u64(), line["height"].as_u64()), (Some(640), Some(480)));
    let scale = line["scale_um_per_px"].as_f64().unwrap();
    let real = SimulatedSettings::default().um_per_px;
    assert!((scale / real - 1.0).abs() < 0.1, "the red cells tell {scale} um/px, it is {real}");
    let cells = line["cells"].as_array().unwrap();
    assert!(cells.len() > 10, "{} cells", cells.len());
    for cell in cells {
        let number = |key: &str| cell[key].as_f64().unwrap_or_else(|| panic!("no {key} in {cell}"));
        assert!(number("x") >= 0.0 && number("x") + number("w") <= 640.1, "{cell}");
        assert!(number("y") >= 0.0 && number("y") + number("h") <= 480.1, "{cell}");
        assert!((0.0..=1.0).contains(&number("score")));
        assert!(["WBC", "RBC", "PLT"].contains(&cell["kind"].as_str().unwrap()));
        if cell["kind"] == "WBC" {
            assert!(cell["class"].is_string() && cell["top"][0][1].is_f64(), "{cell}");
        }
    }
}

#[test]
fn grey_sixteen_bit_and_transparent_pictures_show_the_same_cells() {
    let folder = tempfile::tempdir().unwrap();
    let colour = DynamicImage::from(field(0));
    colour.save(folder.path().join("a-colour.png")).unwrap();
    DynamicImage::from(colour.to_rgb16()).save(folder.path().join("b-sixteen.png")).unwrap();
    DynamicImage::from(colour.to_rgba8()).save(folder.path().join("c-alpha.png")).unwrap();
    DynamicImage::from(colour.to_luma8()).save(folder.path().join("d-grey.png")).unwrap();
    let output = leukoscope(arguments("analyze", folder.path()));
    assert_eq!(output.status.code(), Some(0), "{}", complained(&output));
    let lines = lines(&said(&output));
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0]["cells"], lines[1]["cells"]);
    assert_eq!(lines[0]["cells"], lines[2]["cells"]);
}

#[test]
fn one_bad_picture_is_named_and_the_others_are_done() {
    let folder = tempfile::tempdir().unwrap();
    field(0).save(folder.path().join("good.jpg")).unwrap();
    let whole = fs::read(folder.path().join("good.jpg")).unwrap();
    fs::write(folder.path().join("torn.jpg"), &whole[..whole.len() / 2]).unwrap();
    RgbImage::new(1, 1).save(folder.path().join("tiny.png")).unwrap();
    fs::write(folder.path().join("huge.bmp"), huge_bitmap_header()).unwrap();
    fs::write(folder.path().join("words.png"), "not a picture").unwrap();
    let output = leukoscope(arguments("analyze", folder.path()));
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(lines(&said(&output)).len(), 1);
    let complaint = complained(&output);
    for name in ["torn.jpg", "tiny.png", "huge.bmp", "words.png", "4 of 5 pictures"] {
        assert!(complaint.contains(name), "{name} is not in: {complaint}");
    }
    assert!(!complaint.contains("panicked"), "{complaint}");
}

/// The header of a 20,000 x 20,000 px bitmap, without its pixels.
fn huge_bitmap_header() -> Vec<u8> {
    let mut bytes = b"BM".to_vec();
    bytes.extend([0; 8]);
    bytes.extend(54_u32.to_le_bytes());
    bytes.extend(40_u32.to_le_bytes());
    bytes.extend(20_000_i32.to_le_bytes());
    bytes.extend(20_000_i32.to_le_bytes());
    bytes.extend(1_u16.to_le_bytes());
    bytes.extend(24_u16.to_le_bytes());
    bytes.extend([0; 24]);
    bytes
}

#[test]
fn an_empty_folder_and_a_missing_path_are_wrong_input() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["analyze", "classify", "count"] {
        let output = leukoscope(arguments(command, folder.path()));
        assert_eq!(output.status.code(), Some(2), "{command}");
        assert!(complained(&output).contains("no pictures"), "{}", complained(&output));
        let output = leukoscope(arguments(command, &folder.path().join("nowhere")));
        assert_eq!(output.status.code(), Some(2), "{command}");
        assert!(complained(&output).contains("nowhere"), "{}", complained(&output));
    }
}

#[test]
fn an_empty_field_has_no_cells_and_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    RgbImage::from_pixel(640, 480, image::Rgb([230, 225, 210])).save(folder.path().join("empty.png")).unwrap();
    RgbImage::new(320, 240).save(folder.path().join("lamp-off.png")).unwrap();
    for command in ["analyze", "classify", "count"] {
        let output = leukoscope(arguments(command, folder.path()));
        assert_eq!(output.status.code(), Some(0), "{command}: {}", complained(&output));
    }
    let output = leukoscope(arguments("analyze", folder.path()));
    assert!(lines(&said(&output)).iter().all(|line| line["cells"].as_array().unwrap().is_empty()));
}

#[test]
fn a_stated_scale_out_of_range_is_refused_with_the_range() {
    let output = leukoscope(["analyze", "x.png", "--um-per-px", "7"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(complained(&output).contains("0.01 to 2"), "{}", complained(&output));
}

#[test]
fn annotated_pictures_have_the_size_of_the_field() {
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("field.png");
    field(0).save(&picture).unwrap();
    let drawn = folder.path().join("drawn");
    let output = leukoscope(["analyze", picture.to_str().unwrap(), "--annotate", drawn.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", complained(&output));
    let annotated = image::open(drawn.join("field.png")).unwrap().to_rgb8();
    assert_eq!(annotated.dimensions(), (640, 480));
    assert_ne!(annotated, field(0));
}

#[test]
fn the_same_field_twice_is_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["1.png", "2.png", "3.png"] {
        field(3).save(folder.path().join(name)).unwrap();
    }
    let output = leukoscope(arguments("count", folder.path()));
    let thrice: Value = serde_json::from_str(&said(&output)).unwrap();
    assert_eq!(thrice["frames"], 3);
    let truth = SimulatedMicroscope::new(SimulatedSettings::default()).truth(3);
    let whole = truth.iter().filter(|cell| cell.whole).count() as f64;
    let counted: f64 = ["WBC", "RBC", "PLT"].iter().map(|kind| thrice["counts"][kind].as_f64().unwrap()).sum();
    assert!((counted - whole).abs() <= 0.15 * whole, "{counted} counted, {whole} were there");
}

#[test]
fn fields_that_have_nothing_in_common_are_each_counted_in_full() {
    let Some(folder) = real("fields/txl/test") else { return };
    // Single fields, each with a white cell in the middle: similar composition, but no overlap.
    let pattern = folder.join("pbc_*a*.jpg");
    let count = |path: &Path| {
        let output = leukoscope(arguments("count", path));
        let json: Value = serde_json::from_str(&said(&output)).unwrap_or_else(|_| panic!("{}", complained(&output)));
        let sum: u64 = ["WBC", "RBC", "PLT"].iter().map(|kind| json["counts"][kind].as_u64().unwrap()).sum();
        (sum, json["flags"].to_string())
    };
    let (together, flags) = count(&pattern);
    let apart: u64 = leukoscope::camera::picture::list_pictures(&pattern).unwrap().iter().map(|one| count(one).0).sum();
    assert!(!flags.contains("possible-overlap"), "{flags}");
    // The scale carried from field to field can move a box across a threshold.
    assert!((together as f64 - apart as f64).abs() <= 0.03 * apart as f64, "{together} together, {apart} apart");
}

#[test]
fn real_fields_show_their_white_cell() {
    let Some(folder) = real("fields/txl/test") else { return };
    let mut pictures: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end != "txt"))
        .collect();
    pictures.sort();
    // Every twelfth picture keeps the test short; `validate fields` measures all.
    let (mut found, mut there) = (0, 0);
    for picture in pictures.iter().step_by(12) {
        let output = leukoscope(arguments("analyze", picture));
        assert_eq!(output.status.code(), Some(0), "{}", complained(&output));
        let line: Value = serde_json::from_str(&said(&output)).unwrap();
        let white = line["cells"].as_array().unwrap().iter().filter(|cell| cell["kind"] == "WBC").count();
        let labels = fs::read_to_string(picture.with_extension("txt")).unwrap();
        let labelled = labels.lines().filter(|line| line.starts_with("0 ")).count();
        found += white.min(labelled);
        there += labelled;
    }
    assert!(there > 5, "{there} white cells are labelled");
    assert!(f64::from(found as u32) >= 0.9 * f64::from(there as u32), "{found} of {there} white cells");
}

/// The shipped models, changed to declare that all classes were equally frequent in training.
fn models_with_a_prior() -> tempfile::TempDir {
    let shipped = leukoscope::vision::models::Models::read(&crate::common::models_folder()).unwrap();
    let classes = shipped.card.classifier.classes.len();
    crate::common::models_with(|card| {
        let without: Vec<&str> = card.lines().filter(|line| !line.starts_with("prior")).collect();
        let prior = format!("[classifier]\nprior = {:?}", vec![1.0 / classes as f64; classes]);
        without.join("\n").replacen("[classifier]", &prior, 1)
    })
}

#[test]
fn names_are_brought_to_usual_blood_and_what_the_network_alone_says_is_shown() {
    let Some(folder) = real("cells/pbc/val/MMZ") else { return };
    let models = models_with_a_prior();
    let mut pictures: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    pictures.sort();
    let classify = |form: &str| {
        let mut arguments =
            vec!["classify", "--json", "--models", models.path().to_str().unwrap(), "--prevalence", form];
        arguments.extend(pictures.iter().take(12).map(|path| path.to_str().unwrap()));
        let output = leukoscope(arguments);
        assert_eq!(output.status.code(), Some(0), "{}", complained(&output));
        lines(&said(&output))
    };
    let (alone, brought) = (classify("none"), classify("blood"));
    assert!(alone.iter().all(|line| line.get("uncorrected").is_none()));
    for (alone, brought) in alone.iter().zip(&brought) {
        // What the network is sure of stays as it is, with a note.
        let kept = brought["note"].as_str().is_some_and(|note| note.contains("speaks against it"));
        assert_eq!(alone["top"] == brought["top"], kept, "{brought}");
        if alone["class"] == brought["class"] {
            assert!(brought.get("uncorrected").is_none());
        } else {
            assert_eq!(brought["uncorrected"]["class"], alone["class"]);
            assert_eq!(brought["uncorrected"]["probability"], alone["probability"]);
        }
    }
}

#[test]
fn a_blast_is_answered_as_one_and_its_line_stands_beside() {
    // Of the images that today's networks learned from; there are no others of blasts by line.
    let Some(folder) = real("cells/lmu/train/MYO") else { return };
    let folder = folder.to_str().unwrap();
    let lines = lines(&said(&leukoscope(["classify", "--json", "--um-per-px", "0.088", folder])));
    assert!(!lines.is_empty());
    for line in lines {
        assert_eq!(line["class"], "BLA", "{line}");
        let top = line["top"].as_array().unwrap();
        let sum = |of: &dyn Fn(&str) -> bool| -> f64 {
            top.iter().filter(|one| of(one[0].as_str().unwrap())).map(|one| one[1].as_f64().unwrap()).sum()
        };
        assert!((sum(&|_| true) - 1.0).abs() < 1e-4);
        let blasts = sum(&|code| ["MYO", "MOB", "PMB", "BLA"].contains(&code));
        assert!((line["probability"].as_f64().unwrap() - blasts).abs() < 1e-4, "{line}");
        assert_eq!(top[0][0], "MYO");
        assert!(line["note"].as_str().unwrap().contains("experimental"), "{line}");
    }
}

#[test]
fn a_recording_says_what_it_was_brought_to_and_what_the_network_alone_counts() {
    let folder = tempfile::tempdir().unwrap();
    for index in [0, 40, 80, 120] {
        field(index).save(folder.path().join(format!("{index}.png"))).unwrap();
    }
    let models = models_with_a_prior();
    let count = |form: &str| -> Value {
        let path = folder.path().to_str().unwrap();
        let models = models.path().to_str().unwrap();
        let output = leukoscope(["count", path, "--json", "--models", models, "--prevalence", form]);
        serde_json::from_str(&said(&output)).unwrap_or_else(|_| panic!("{}", complained(&output)))
    };
    let (alone, brought) = (count("none"), count("sample"));
    assert_eq!(alone["classes"], brought["classes_uncorrected"]);
    assert_eq!(alone["classes"], alone["classes_uncorrected"]);
    assert_eq!((&alone["prevalence"]["form"], &brought["prevalence"]["form"]), (&"none".into(), &"sample".into()));
    let sum: f64 = brought["prevalence"]["percent"].as_object().unwrap().values().map(|p| p.as_f64().unwrap()).sum();
    assert!((sum - 100.0).abs() < 0.05, "{sum}");
}

#[test]
fn an_unknown_form_of_prevalence_is_refused_with_those_there_are() {
    let output = leukoscope(["classify", "x.png", "--prevalence", "guess"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(complained(&output).contains("none, blood or sample"), "{}", complained(&output));
}

#[test]
fn single_cells_of_one_microscope_share_the_scale_their_red_cells_agree_on() {
    let Some(folder) = real("cells/pbc/val/EOS") else { return };
    let mut pictures: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    pictures.sort();
    pictures.retain(|path| image::image_dimensions(path).unwrap() == (252, 254));
    let together = tempfile::tempdir().unwrap();
    for path in pictures.iter().take(8) {
        fs::copy(path, together.path().join(path.file_name().unwrap())).unwrap();
    }
    let shared = lines(&said(&leukoscope(["classify", "--json", together.path().to_str().unwrap()])));
    assert_eq!(shared.len(), 8);
    for line in &shared {
        let scale = (&line["scale_from"], &line["scale_um_per_px"]);
        assert_eq!(scale, (&"shared-red-cells".into(), &shared[0]["scale_um_per_px"]));
    }
    let mut one_by_one = vec!["classify", "--json"];
    one_by_one.extend(pictures.iter().take(8).map(|path| path.to_str().unwrap()));
    let named = lines(&said(&leukoscope(one_by_one)));
    assert_eq!(named[0]["scale_um_per_px"], shared[0]["scale_um_per_px"]);
    let alone = lines(&said(&leukoscope(["classify", "--json", pictures[0].to_str().unwrap()])));
    assert_eq!(alone[0]["scale_from"], "red-cells");
}
