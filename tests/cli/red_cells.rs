//! `count` grades red cells.

use std::fs;
use std::path::Path;

use crate::common::{complained, leukoscope, real, said};
use serde_json::Value;

/// Some real fields, copied so that no other file is among them.
fn fields() -> Option<tempfile::TempDir> {
    let from = real("fields/chula_rbc/val")?;
    let folder = tempfile::tempdir().unwrap();
    let mut pictures: Vec<_> = fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()).collect();
    pictures.retain(|path| path.extension().is_some_and(|ending| ending == "jpg"));
    pictures.sort();
    for path in pictures.iter().step_by(10).take(8) {
        fs::copy(path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    Some(folder)
}

fn count(folder: &Path, more: &[&str]) -> Value {
    let arguments = ["count", "--json", "--no-gate"].into_iter().chain(more.iter().copied());
    let ended = leukoscope(arguments.chain([folder.to_str().unwrap()]));
    assert_eq!(ended.status.code(), Some(0), "{}", complained(&ended));
    serde_json::from_str(&said(&ended)).unwrap()
}

#[test]
fn a_count_tells_what_its_red_cells_look_like_unless_it_is_asked_not_to() {
    let Some(folder) = fields() else { return };
    let told = count(folder.path(), &[]);
    let red = &told["red_cells"];
    let graded = red["graded"].as_u64().unwrap();
    assert!((80..=8 * 24).contains(&graded), "{graded} of 8 fields");
    assert!(graded <= told["counts"]["RBC"].as_u64().unwrap());
    let named: u64 = red["classes"].as_array().unwrap().iter().map(|line| line["count"].as_u64().unwrap()).sum();
    assert_eq!(named + red["not_categorised"].as_u64().unwrap(), graded);
    assert_eq!((&red["size"]["scale_known"], &red["size"]["macrocytes"]), (&false.into(), &Value::Null));
    assert!(red["hypochromia"]["of"].as_u64().unwrap() * 2 > graded, "most pale middles can be measured");
    let known = count(folder.path(), &["--um-per-px", "0.19"]);
    assert!(known["red_cells"]["size"]["macrocytes"].is_object());
    let without = count(folder.path(), &["--no-red-cells"]);
    assert_eq!((&without["red_cells"], &without["counts"]), (&Value::Null, &told["counts"]));
}
