//! `adapt` and the profiles it writes, by the user's door. The cells are drawn in a stain that no network was trained on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};
use jiff::Timestamp;
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::store::Store;
use leukoscope::store::records::CellChange;
use leukoscope::vision::crop::CropForm;
use leukoscope::vision::models::Models;
use leukoscope::vision::optics::calibration::Setup;
use leukoscope::vision::profile::Profile;
use serde_json::Value;

use crate::common::stored::{cell, result, start};
use crate::common::{complained, leukoscope, models_folder, said};

/// Scale of the drawn cells, um per pixel; stated, so that nothing has to be measured.
const UM_PER_PX: &str = "0.165";

/// Draws a cell of a class in the middle of 128x128 px: each class has its own nucleus and cytoplasm, in greens.
fn drawn(class: &str, seed: u64) -> RgbImage {
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

/// A folder with so many drawn cells of each class; seeds begin at `from`.
fn folder(classes: &[(&str, u64)], from: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (class, count) in classes {
        let place = folder.path().join(class);
        fs::create_dir_all(&place).unwrap();
        for number in from..from + count {
            drawn(class, number).save(place.join(format!("{number:03}.png"))).unwrap();
        }
    }
    folder
}

const FOUR: [(&str, u64); 4] = [("EOS", 8), ("LYT", 8), ("MON", 8), ("NEU", 8)];

fn adapt(dir: &Path, output: &Path, more: &[&str]) -> Output {
    let [dir, output] = [dir, output].map(|path| path.to_str().unwrap());
    leukoscope([&["adapt", dir, "--output", output, "--um-per-px", UM_PER_PX], more].concat())
}

/// The lines of `classify --json` on the drawn cells of a folder, and how many have an answer of their folder's class.
fn classified(dir: &Path, profile: Option<&Path>) -> (Vec<Value>, usize) {
    let mut arguments = vec!["classify", "--json", "--recursive", "--prevalence", "none", "--um-per-px", UM_PER_PX];
    arguments.push(dir.to_str().unwrap());
    if let Some(profile) = profile {
        arguments.extend(["--profile", profile.to_str().unwrap()]);
    }
    let output = leukoscope(arguments);
    assert!(output.status.success(), "{}", complained(&output));
    let lines: Vec<Value> = said(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let right = |line: &&Value| {
        let folder = PathBuf::from(line["image"].as_str().unwrap());
        let label = folder.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        let top = line["top"][0][0].as_str().unwrap();
        top == label || label == "NEU" && (top == "NGS" || top == "NGB")
    };
    let count = lines.iter().filter(right).count();
    (lines, count)
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{}{}", said(output), complained(output));
    complained(output)
}

#[test]
fn eight_cells_of_each_class_teach_a_stain_and_every_answer_names_the_profile() {
    let (taught, unseen, out) = (folder(&FOUR, 0), folder(&FOUR, 500), tempfile::tempdir().unwrap());
    let profile = out.path().join("ward.toml");
    let output = adapt(taught.path(), &profile, &["--json"]);
    assert!(output.status.success(), "{}", complained(&output));
    let report: Value = serde_json::from_str(&said(&output)).unwrap();
    assert_eq!((&report["profile"]["name"], &report["profile"]["cells"]), (&"ward".into(), &32.into()));
    assert_eq!((&report["divided_by"], &report["parts"]), (&"cell".into(), &5.into()));
    let [before, after] = ["accuracy_before", "accuracy_after"].map(|key| report[key][0].as_f64().unwrap());
    assert!(after > before, "{report}");
    for key in ["accuracy_before", "accuracy_after"] {
        let [value, low, high] = [0, 1, 2].map(|at| report[key][at].as_f64().unwrap());
        assert!(0.0 <= low && low <= value && value <= high && high <= 1.0);
    }
    assert_eq!(report["by_label"]["EOS"]["cells"], 8);
    assert!(report["without_cells"]["MYO"].is_array(), "{report}");

    let (plain, right_before) = classified(unseen.path(), None);
    let (named, right_after) = classified(unseen.path(), Some(&profile));
    assert!(right_after > right_before && right_after >= 28, "{right_before} and {right_after} of 32");
    assert!(plain.iter().all(|line| line.get("profile").is_none()));
    assert!(named.iter().all(|line| line["profile"] == report["profile"]), "{}", named[0]);

    // The figures of `validate cells` are of the same weights.
    let output = leukoscope([
        "validate",
        "cells",
        unseen.path().to_str().unwrap(),
        "--json",
        "--prevalence",
        "none",
        "--um-per-px",
        UM_PER_PX,
        "--profile",
        profile.to_str().unwrap(),
    ]);
    let measured: Value = serde_json::from_str(&said(&output)).unwrap();
    assert_eq!(measured["profile"], report["profile"]);
    assert!((measured["accuracy"][0].as_f64().unwrap() - right_after as f64 / 32.0).abs() < 0.1, "{measured}");
}

#[test]
fn a_class_of_four_cells_is_refused_and_can_be_left_out() {
    let cells = folder(&[("EOS", 8), ("LYT", 8), ("MON", 4)], 0);
    let profile = cells.path().with_extension("toml");
    let said = refused(&adapt(cells.path(), &profile, &[]));
    assert!(said.contains("MON (4)") && said.contains("--without"), "{said}");
    assert!(said.contains("NEU (0)"), "a class that every blood holds is missed, too: {said}");
    assert!(!profile.exists());
    let output = adapt(cells.path(), &profile, &["--without", "MON,NEU"]);
    assert!(output.status.success(), "{}", complained(&output));
    fs::remove_file(profile).unwrap();
    let said = refused(&adapt(cells.path(), Path::new("x.toml"), &["--without", "MON,LYT"]));
    assert!(said.contains("two classes"), "{said}");
    let said = refused(&adapt(cells.path(), Path::new("x.toml"), &["--without", "MONO"]));
    assert!(said.contains("`MONO`"), "{said}");
}

#[test]
fn the_same_picture_under_two_classes_is_refused_with_both_places() {
    let cells = folder(&[("EOS", 6), ("LYT", 6)], 0);
    // The same pixels in another format.
    drawn("EOS", 3).save(cells.path().join("LYT/again.bmp")).unwrap();
    let said = refused(&adapt(cells.path(), Path::new("x.toml"), &["--without", "MON,NEU"]));
    assert!(said.contains("two labels") && said.contains("EOS/003.png") && said.contains("LYT/again.bmp"), "{said}");
}

#[test]
fn where_the_network_is_right_already_nothing_is_written() {
    // Every cell lies in the folder of what the network calls it.
    let cells = folder(&[("EOS", 12), ("LYT", 12), ("MON", 12), ("NGS", 12)], 0);
    let sorted = tempfile::tempdir().unwrap();
    for (number, line) in classified(cells.path(), None).0.iter().enumerate() {
        let to = sorted.path().join(line["top"][0][0].as_str().unwrap());
        fs::create_dir_all(&to).unwrap();
        fs::copy(line["image"].as_str().unwrap(), to.join(format!("{number:03}.png"))).unwrap();
    }
    let few = |entry: &PathBuf| fs::read_dir(entry).unwrap().count() < 5;
    let folders: Vec<PathBuf> = fs::read_dir(sorted.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.iter().filter(|folder| few(folder)).for_each(|folder| fs::remove_dir_all(folder).unwrap());
    assert!(folders.iter().filter(|folder| folder.exists()).count() >= 2, "{folders:?}");
    let profile = sorted.path().join("x.toml");
    let has = |codes: &[&str]| codes.iter().any(|code| sorted.path().join(code).exists());
    let blood = [("NEU", &["NGS", "NGB"][..]), ("LYT", &["LYT"]), ("MON", &["MON"]), ("EOS", &["EOS"])];
    let missing: Vec<&str> = blood.iter().filter(|(_, codes)| !has(codes)).map(|(label, _)| *label).collect();
    let without = missing.join(",");
    let more: &[&str] = if missing.is_empty() { &[] } else { &["--without", &without] };
    let said = refused(&adapt(sorted.path(), &profile, more));
    assert!(said.contains("does not help") && !profile.exists(), "{said}");
}

#[test]
fn a_profile_of_another_classifier_or_with_one_number_changed_is_refused() {
    let cells = folder(&FOUR, 0);
    let out = tempfile::tempdir().unwrap();
    let profile = out.path().join("p.toml");
    let output = adapt(cells.path(), &profile, &["--camera", "cam 1", "--objective", "100x"]);
    assert!(output.status.success(), "{}", complained(&output));
    let text = fs::read_to_string(&profile).unwrap();
    let classify = || {
        let picture = cells.path().join("EOS/000.png");
        leukoscope([
            "classify",
            picture.to_str().unwrap(),
            "--um-per-px",
            UM_PER_PX,
            "--profile",
            profile.to_str().unwrap(),
        ])
    };
    fs::write(
        &profile,
        text.replace("right_before", "right_before ").replace("objective = \"100x\"", "objective = \"40x\""),
    )
    .unwrap();
    assert!(refused(&classify()).contains("damaged"));
    let sha256 = Models::read(&models_folder()).unwrap().card.classifier.sha256;
    fs::write(&profile, Profile::sealed(&text.replace(&sha256, &"0".repeat(64))).unwrap()).unwrap();
    assert!(refused(&classify()).contains("another classifier"));
    fs::write(&profile, "no profile").unwrap();
    assert!(refused(&classify()).contains("damaged"));
    fs::remove_file(&profile).unwrap();
    assert!(refused(&classify()).contains("leukoscope adapt"));

    // The daemon takes it for the camera and objective it was learned with, and for no other.
    fs::write(&profile, &text).unwrap();
    let config = out.path().join("leukoscope.toml");
    let check = |optics: &str| {
        let text = format!("[optics]\n{optics}\n[models]\nprofile = \"{}\"\n", profile.display());
        fs::write(&config, text).unwrap();
        leukoscope(["check-config", config.to_str().unwrap()])
    };
    let taken = check("camera = \"cam 1\"\nobjective = \"100x\"");
    assert!(taken.status.success(), "{}{}", said(&taken), complained(&taken));
    for other in ["camera = \"cam 1\"\nobjective = \"40x\"", "objective = \"100x\""] {
        let said = refused(&check(other));
        assert!(said.contains("cam 1 with objective 100x") && said.contains("profile"), "{said}");
        let output = Command::new(env!("CARGO_BIN_EXE_leukoscope"))
            .args(["run", "--for", "5", "--display", "none", "--config"])
            .arg(&config)
            .env("LEUKOSCOPE_MODELS", models_folder())
            .env("LEUKOSCOPE_STATION_STATE", out.path().join("state"))
            .output()
            .unwrap();
        assert!(refused(&output).contains("cam 1 with objective 100x"));
    }
}

#[test]
fn a_count_with_a_profile_names_it_in_its_result_in_the_session_and_in_the_trail() {
    let cells = folder(&FOUR, 0);
    let out = tempfile::tempdir().unwrap();
    let (profile, state) = (out.path().join("ward.toml"), out.path().join("state"));
    let output = adapt(cells.path(), &profile, &["--camera", "simulated"]);
    assert!(output.status.success(), "{}", complained(&output));
    let mark = Profile::parse(&fs::read_to_string(&profile).unwrap()).unwrap().mark();
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_leukoscope"))
            .args(arguments)
            .env("LEUKOSCOPE_MODELS", models_folder())
            .env("LEUKOSCOPE_STATION_STATE", &state)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", complained(&output));
        said(&output)
    };
    let path = profile.to_str().unwrap();
    run(&["run", "--for", "6", "--display", "none", "--serial", "none", "--profile", path]);
    let result: Value = serde_json::from_str(run(&["sessions", "--json"]).lines().next().unwrap()).unwrap();
    assert_eq!(result["profile"], serde_json::to_value(&mark).unwrap(), "{result}");
    let report = out.path().join("report.json");
    run(&["report", "1", "--output", report.to_str().unwrap()]);
    assert!(fs::read_to_string(report).unwrap().contains(&mark.sha256));
    let trail = Store::open_to_read(&state).unwrap().unwrap().audit(None, None, 1000).unwrap();
    let begun = trail.iter().find(|line| line.action == "begin").unwrap();
    assert_eq!(begun.detail["profile"]["sha256"], *mark.sha256);
}

/// A store with a session of drawn cells: those below `looked_at` of each class with a reviewer's class.
fn store(state: &Path, classes: &[&str], each: u64, looked_at: u64, objective: &str) {
    let form = CropForm::of(&Models::read(&models_folder()).unwrap().card);
    let store = Store::open(state).unwrap();
    let mut begun = start("A-1");
    begun.settings.um_per_px = Some(form.um_per_px);
    begun.settings.taken_with = Some(Setup { camera: "cam 1".into(), objective: objective.into() });
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
}

#[test]
fn only_cells_that_a_reviewer_looked_at_are_learned_from_and_the_trail_says_so() {
    let out = tempfile::tempdir().unwrap();
    let state = out.path().join("state");
    store(&state, &["EOS", "LYT", "MON"], 9, 6, "100x");
    store(&state, &["EOS", "LYT", "MON"], 9, 6, "100x");
    store(&state, &["EOS", "LYT"], 3, 0, "40x");
    let profile = out.path().join("ward.toml");
    let run = |sessions: &str| {
        Command::new(env!("CARGO_BIN_EXE_leukoscope"))
            .args([
                "adapt",
                "--json",
                "--without",
                "NEU",
                "--sessions",
                sessions,
                "--output",
                profile.to_str().unwrap(),
            ])
            .env("LEUKOSCOPE_MODELS", models_folder())
            .env("LEUKOSCOPE_STATION_STATE", &state)
            .output()
            .unwrap()
    };
    assert!(refused(&run("1,9")).contains("no session 9"));
    let said_of_two = refused(&run("1,3"));
    assert!(said_of_two.contains("40x") && said_of_two.contains("100x"), "{said_of_two}");
    assert!(refused(&run("3")).contains("no reviewer has looked"));
    let output = run("1,2");
    assert!(output.status.success(), "{}", complained(&output));
    let report: Value = serde_json::from_str(&said(&output)).unwrap();
    assert_eq!(report["profile"]["cells"], 36, "6 of 9 cells of 3 classes in 2 sessions: {report}");
    assert_eq!(report["setup"]["objective"], "100x");
    let trail = Store::open_to_read(&state).unwrap().unwrap().audit(None, None, 1000).unwrap();
    let noted: Vec<_> = trail.iter().filter(|line| line.action == "adapt").collect();
    assert_eq!(noted.len(), 2);
    assert_eq!(noted[0].detail["profile"], report["profile"]);
}
