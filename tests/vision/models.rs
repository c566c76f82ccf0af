//! Mismatched or damaged models are refused with a message that says which.

use std::fs;
use std::path::Path;

use crate::common::{complained, leukoscope, models_folder};
use leukoscope::vision::Vision;
use leukoscope::vision::models::{ModelError, Models};
use tempfile::TempDir;

fn copy_of_the_models() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["model.toml", "cells.onnx", "detector.onnx"] {
        fs::copy(models_folder().join(file), folder.path().join(file)).unwrap();
    }
    folder
}

fn change_card(folder: &Path, from: &str, to: &str) {
    let path = folder.join("model.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "model.toml has no `{from}`");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

fn refusal(folder: &Path) -> String {
    let models = Models::read(folder);
    match models.and_then(|models| Vision::new(&models, None, None).map(drop)) {
        Ok(()) => panic!("these models must be refused"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn one_changed_byte_is_noticed_and_the_file_named() {
    let folder = copy_of_the_models();
    let path = folder.path().join("cells.onnx");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let sentence = refusal(folder.path());
    assert!(sentence.contains("cells.onnx is not the file that model.toml describes"), "{sentence}");
}

#[test]
fn a_missing_network_is_named_with_the_remedy() {
    let folder = copy_of_the_models();
    fs::remove_file(folder.path().join("detector.onnx")).unwrap();
    let error = Models::read(folder.path()).unwrap_err();
    assert!(matches!(error, ModelError::Unreadable { .. }));
    let sentence = error.to_string();
    assert!(sentence.contains("detector.onnx") && sentence.contains("LEUKOSCOPE_MODELS"), "{sentence}");
}

#[test]
fn a_class_too_few_means_another_network() {
    let folder = copy_of_the_models();
    change_card(folder.path(), ", \"UNK\"", "");
    change_card(folder.path(), "prior = ", "#");
    let sentence = refusal(folder.path());
    assert!(sentence.contains("cells.onnx") && sentence.contains("instead of"), "{sentence}");
}

#[test]
fn another_stride_means_another_network() {
    let folder = copy_of_the_models();
    change_card(folder.path(), "stride = 4", "stride = 8");
    let sentence = refusal(folder.path());
    assert!(sentence.contains("detector.onnx") && sentence.contains("do not belong together"), "{sentence}");
}

#[test]
fn a_class_nobody_knows_is_named() {
    let folder = copy_of_the_models();
    change_card(folder.path(), "\"NGS\"", "\"NGX\"");
    let sentence = refusal(folder.path());
    assert!(sentence.contains("`NGX` is no class of cells"), "{sentence}");
}

#[test]
fn the_program_ends_with_exit_code_2_when_the_models_are_not_there() {
    let empty = tempfile::tempdir().unwrap();
    for command in [&["classify", "x.png"][..], &["run", "--for", "1", "--display", "none", "--serial", "none"]] {
        let output = leukoscope(command.iter().copied().chain(["--models", empty.path().to_str().unwrap()]));
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        assert!(complained(&output).contains("model.toml"), "{}", complained(&output));
    }
}

#[test]
fn shares_of_training_that_are_none_are_refused() {
    let classes = Models::read(&models_folder()).unwrap().card.classifier.classes.len();
    let prior = |shares: Vec<f64>| {
        let folder = copy_of_the_models();
        let path = folder.path().join("model.toml");
        let card = fs::read_to_string(&path).unwrap();
        let without: Vec<&str> = card.lines().filter(|line| !line.starts_with("prior")).collect();
        let with = without.join("\n").replacen("[classifier]", &format!("[classifier]\nprior = {shares:?}"), 1);
        fs::write(&path, with).unwrap();
        Models::read(folder.path()).map(|models| models.card.classifier.prior).map_err(|error| error.to_string())
    };
    let even = vec![1.0 / classes as f64; classes];
    assert_eq!(prior(even.clone()).unwrap(), Some(even.clone()));
    assert!(prior(even[1..].to_vec()).unwrap_err().contains(&format!("{} values for {classes} classes", classes - 1)));
    assert!(prior(vec![0.5; classes]).unwrap_err().contains("adds up to"));
    let mut none = even;
    none[0] = 0.0;
    assert!(prior(none).unwrap_err().contains("not between 0 and 1"));
}
