//! `adapt` and the profiles it writes, by the user's door. The cells are drawn in a stain that no network was trained on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use leukoscope::store::Store;
use leukoscope::vision::models::Models;
use leukoscope::vision::profile::Profile;
use serde_json::Value;

use crate::common::drawn::{drawn, session_of_drawn};
use crate::common::stored::taken_with;
use crate::common::{complained, leukoscope, models_folder, said};

/// Scale of the drawn cells, um per pixel; stated, so that nothing has to be measured.
const UM_PER_PX: &str = "0.165";

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

#[test]
fn only_cells_that_a_reviewer_looked_at_are_learned_from_and_the_trail_says_so() {
    let out = tempfile::tempdir().unwrap();
    let state = out.path().join("state");
    let with = |objective: &str| taken_with("cam 1", objective);
    for _ in 0..2 {
        session_of_drawn(&Store::open(&state).unwrap(), &["EOS", "LYT", "MON"], 9, 6, with("100x"));
    }
    session_of_drawn(&Store::open(&state).unwrap(), &["EOS", "LYT"], 3, 0, with("40x"));
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
