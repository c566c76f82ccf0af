//! Statistics on the command line.

use std::fs;
use std::path::Path;

use crate::common::{complained, leukoscope, models_folder, real, said};
use leukoscope::camera::simulated::{SimulatedMicroscope, SimulatedSettings};
use leukoscope::counting::statistics::confusion::{ConfusionMatrix, FILE};
use leukoscope::vision::models::Models;
use serde_json::Value;

/// A folder of separate simulated fields.
fn recording() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let microscope = SimulatedMicroscope::new(SimulatedSettings::default());
    for index in [0, 40, 80, 120] {
        microscope.draw(index).0.save(folder.path().join(format!("{index:03}.png"))).unwrap();
    }
    folder
}

fn count(folder: &Path, more: &[&str]) -> Value {
    let output = leukoscope([&["count", folder.to_str().unwrap(), "--json"], more].concat());
    serde_json::from_str(&said(&output)).unwrap_or_else(|_| panic!("{}", complained(&output)))
}

#[test]
fn a_count_gives_groups_simultaneous_intervals_and_the_evidence_of_its_flags() {
    let recording = recording();
    let limits = recording.path().join("limits.toml");
    fs::write(&limits, "[flags]\nunclassified_percent = 0.0\nbands_percent = 0.0\nblasts_percent = 100.0\n").unwrap();
    let counted = count(recording.path(), &["--config", limits.to_str().unwrap()]);
    for (class, alone) in counted["percent"].as_object().unwrap() {
        if let Some(together) = counted["simultaneous"]["percent"].get(class) {
            let end = |interval: &Value, at: usize| interval[at].as_f64().unwrap();
            assert!(end(together, 1) <= end(alone, 1) + 1e-3 && end(alone, 2) <= end(together, 2) + 1e-3, "{class}");
        }
    }
    let groups = counted["groups"].as_object().unwrap();
    let sum: f64 = groups.values().map(|figure| figure[0].as_f64().unwrap()).sum();
    assert!((sum - 100.0).abs() < 0.01, "{groups:?}");
    let flagged = |flag: &str| counted["flags"].as_array().unwrap().iter().any(|raised| raised == flag);
    for evidence in counted["evidence"].as_array().unwrap() {
        assert!(flagged(evidence["flag"].as_str().unwrap()), "{evidence}");
        assert!(evidence["figure"][0].as_f64() >= evidence["limit"].as_f64());
    }
    assert!(!flagged("blasts"), "the limit of the configuration holds");
}

#[test]
fn a_red_count_gives_estimates_once_there_are_red_cells_enough() {
    let recording = recording();
    let red_cells = |counted: &Value| counted["counts"]["RBC"].as_u64().unwrap();
    let counted = count(recording.path(), &["--red-count", "4.5"]);
    assert_eq!(counted["per_red_cell"]["red_count"], 4.5);
    if red_cells(&counted) < 1000 {
        assert!(counted["per_red_cell"]["note"].as_str().unwrap().contains("it takes 1000"), "{counted}");
        assert!(counted["per_red_cell"].get("estimates").is_none());
    } else {
        assert!(counted["per_red_cell"]["estimates"]["WBC_per_ul"][0].as_f64().unwrap() > 0.0);
    }
    assert!(count(recording.path(), &[])["per_red_cell"].get("red_count").is_none());
    let refused = leukoscope(["count", recording.path().to_str().unwrap(), "--red-count", "4500000"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(complained(&refused).contains("in 10^12 a litre"), "{}", complained(&refused));
}

#[test]
fn the_matrix_that_validate_writes_is_the_one_that_count_corrects_by() {
    let Some(pack) = real("cells/pbc/val") else { return };
    let folder = tempfile::tempdir().unwrap();
    for class in ["EOS", "LYT"] {
        fs::create_dir(folder.path().join(class)).unwrap();
        let mut pictures: Vec<_> = fs::read_dir(pack.join(class)).unwrap().map(|entry| entry.unwrap().path()).collect();
        pictures.sort();
        for path in pictures.iter().take(6) {
            fs::copy(path, folder.path().join(class).join(path.file_name().unwrap())).unwrap();
        }
    }
    let recording = recording();
    let matrix = recording.path().join(FILE);
    let (cells, file) = (folder.path().to_str().unwrap(), matrix.to_str().unwrap());
    let output = leukoscope(["validate", "cells", cells, "--confusion", file, "--measured-on", "our slides"]);
    assert_eq!(output.status.code(), Some(0), "{}", complained(&output));
    let written = ConfusionMatrix::read(&matrix).unwrap();
    assert_eq!(written.measured_on, "our slides");
    for counts in written.cells.values() {
        assert_eq!(counts.iter().sum::<u32>(), 6);
    }
    let corrected = &count(recording.path(), &["--confusion", file])["corrected"];
    assert_eq!(corrected["measured_on"], "our slides");
    assert!(
        corrected["note"]
            .as_str()
            .unwrap()
            .starts_with("not corrected for the classifier's errors: the matrix has 30 cells of fewer")
    );

    let other = written.to_toml().replace(&written.classifier_sha256, "00");
    fs::write(&matrix, other).unwrap();
    let corrected = &count(recording.path(), &["--confusion", file])["corrected"];
    assert!(corrected["note"].as_str().unwrap().contains("another classifier"), "{corrected}");

    let missing = leukoscope(["count", recording.path().to_str().unwrap(), "--confusion", "/nowhere.toml"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(complained(&missing).contains("cannot read /nowhere.toml"), "{}", complained(&missing));
}

#[test]
fn the_shipped_matrix_belongs_to_the_shipped_classifier() {
    let models = Models::read(&models_folder()).unwrap();
    let matrix = ConfusionMatrix::read(&models_folder().join(FILE)).unwrap();
    let card = &models.card.classifier;
    assert_eq!(
        matrix.stranger(&card.sha256, card.unknown_below),
        None,
        "write it anew: leukoscope validate cells ../shared/data/cells/pbc/val --confusion models/{FILE} --measured-on …"
    );
}
