//! Mismatched or damaged models are refused with a message that says which.

use std::fs;
use std::path::Path;

use crate::common::{complained, copy_of_the_models, leukoscope, models_folder};
use leukoscope::vision::Vision;
use leukoscope::vision::card_seal::sealed;
use leukoscope::vision::models::{ModelError, Models};

/// Changes the card as a release would, seal included.
fn change_card(folder: &Path, from: &str, to: &str) {
    let path = folder.join("model.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "model.toml has no `{from}`");
    fs::write(path, sealed(&text.replacen(from, to, 1)).unwrap()).unwrap();
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
        fs::write(&path, sealed(&with).unwrap()).unwrap();
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

#[test]
fn a_class_name_swapped_or_a_scale_flipped_by_hand_is_refused_with_the_remedy() {
    for (from, to) in [
        ("\"MYB\", \"MYO\"", "\"MYO\", \"MYB\""),
        ("um_per_px = 0.165", "um_per_px = 0.225"),
        ("unknown_below = 0.", "unknown_below = 0.1"),
        ("level = 235", "level = 200"),
        ("experimental = [\"KSC\", ", "experimental = ["),
    ] {
        let folder = copy_of_the_models();
        let path = folder.path().join("model.toml");
        let card = fs::read_to_string(&path).unwrap();
        assert!(card.contains(from), "{from}");
        fs::write(&path, card.replacen(from, to, 1)).unwrap();
        let models = folder.path().to_str().unwrap();
        let output = leukoscope(["classify", "x.png", "--models", models]);
        assert_eq!(output.status.code(), Some(2), "{from}");
        let said = complained(&output);
        assert!(said.contains("was changed since it was written") && said.contains("card_sha256 = "), "{said}");
        // The remedy is complete: the value in it makes the card valid again.
        let (_, seal) = said.split_once("write card_sha256 = \"").unwrap();
        let seal = seal.split('"').next().unwrap();
        let changed = fs::read_to_string(&path).unwrap();
        let old = changed.lines().find(|line| line.starts_with("card_sha256")).unwrap().to_owned();
        fs::write(&path, changed.replacen(&old, &format!("card_sha256 = \"{seal}\""), 1)).unwrap();
        Models::read(folder.path()).unwrap();
        // Nor may the seal be left out.
        fs::write(&path, changed.replacen(&old, "", 1)).unwrap();
        assert!(refusal(folder.path()).contains("in it stands none"));
    }
}

#[test]
fn a_comment_or_another_line_end_in_the_card_changes_nothing() {
    let folder = copy_of_the_models();
    let path = folder.path().join("model.toml");
    let card = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("# copied by Ana\n{}", card.replace('\n', "\r\n"))).unwrap();
    Models::read(folder.path()).unwrap();
}

/// Every number of a card as text, with its place in the text.
fn numbers(card: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in card.split_inclusive('\n') {
        let plain = line.split_once(" = ").filter(|(_, value)| !value.starts_with('"') && !value.contains("[\""));
        if let Some((name, values)) = plain {
            let mut at = start + name.len() + 3;
            for part in values.split_inclusive([',', '[', ']', '\n', ' ']) {
                let number = part.trim_end_matches([',', '[', ']', '\n', ' ']);
                if number.parse::<f64>().is_ok() {
                    found.push((at, number.to_owned()));
                }
                at += part.len();
            }
        }
        start += line.len();
    }
    found
}

#[test]
fn any_number_of_the_card_changed_to_a_wild_one_is_refused() {
    let card = fs::read_to_string(models_folder().join("model.toml")).unwrap();
    let all = numbers(&card);
    assert!(all.len() > 30, "{all:?}");
    for (at, number) in all {
        for wild in ["-1", "1e300", "-1e-300", "nan", "inf", "-inf", "1000000000000", "-0.5", "9223372036854775807"] {
            let changed = format!("{}{wild}{}", &card[..at], &card[at + number.len()..]);
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("model.toml"), sealed(&changed).unwrap()).unwrap();
            // The networks are not there: the card alone must be refused.
            match Models::read(folder.path()).map(drop) {
                Err(ModelError::Card { problem, .. }) => assert!(!problem.is_empty()),
                other => panic!("{number} at {at} as {wild}: {other:?}"),
            }
        }
    }
}
