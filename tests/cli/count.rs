//! `count` on folders whose pictures are mostly unreadable.

use std::fs;
use std::path::Path;

use crate::common::{complained, leukoscope, said};
use image::{Rgb, RgbImage};

fn folder(whole: u32, broken: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let name = |number: u32| folder.path().join(format!("{number}.png"));
    for number in 0..whole {
        RgbImage::from_pixel(160, 120, Rgb([220, 200, 210])).save(name(number)).unwrap();
    }
    for number in whole..whole + broken {
        fs::write(name(number), "no picture").unwrap();
    }
    folder
}

fn count(folder: &Path) -> std::process::Output {
    leukoscope(["count", "--json", "--no-gate", folder.to_str().unwrap()])
}

#[test]
fn a_count_of_few_of_the_pictures_is_printed_and_its_exit_code_says_so() {
    let most_broken = folder(1, 2);
    let ended = count(most_broken.path());
    assert_eq!(ended.status.code(), Some(1), "{}", complained(&ended));
    assert!(complained(&ended).contains("2 of 3 pictures could not be read"), "{}", complained(&ended));
    assert!(said(&ended).contains("\"frames_skipped\":2"), "{}", said(&ended));
    let half_broken = folder(1, 1);
    assert_eq!(count(half_broken.path()).status.code(), Some(0));
}
