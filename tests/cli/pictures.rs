//! Folders and files of pictures as people have them, through `count` and `analyze`.

use std::fs::{self, File};

use tiff::encoder::{TiffEncoder, colortype};

use crate::common::{cases, complained, leukoscope, said};

/// A bright field without a cell.
fn blank() -> image::RgbImage {
    image::RgbImage::from_fn(96, 64, |x, y| image::Rgb([225 + (x % 7) as u8, 222 + (y % 5) as u8, 226]))
}

#[test]
fn a_folder_with_other_files_says_what_was_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("more")).unwrap();
    for name in ["1.JPG", "2.jpeg", "more/3.jpg"] {
        blank().save(at(name)).unwrap();
    }
    fs::write(at("4.jp2"), "none of ours").unwrap();
    let counted = leukoscope(["count", folder.path().to_str().unwrap()]);
    assert!(said(&counted).contains("2 frames, 0 skipped"), "{}", said(&counted));
    let words = complained(&counted);
    assert!(words.contains("left out 1 .jp2 (not read; save it as PNG or TIFF), 1 subfolder; --recursive"), "{words}");
    let counted = leukoscope(["count", "--recursive", folder.path().to_str().unwrap()]);
    assert!(said(&counted).contains("3 frames, 0 skipped"), "{}", said(&counted));
}

#[test]
fn every_image_of_a_tiff_is_counted_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("three.tif");
    let mut encoder = TiffEncoder::new(File::create(&path).unwrap()).unwrap();
    for _ in 0..3 {
        encoder.write_image::<colortype::RGB8>(96, 64, &blank()).unwrap();
    }
    let path = path.to_str().unwrap();
    assert!(said(&leukoscope(["count", path])).contains("3 frames, 0 skipped"));
    let lines = said(&leukoscope(["analyze", "--json", path]));
    for number in 1..=3 {
        assert!(lines.contains(&format!("three.tif#{number}\"")), "{lines}");
    }
    let one = said(&leukoscope(["analyze", "--json", &format!("{path}#2")]));
    assert!(one.lines().count() == 1 && one.contains("three.tif#2"), "{one}");
}

#[test]
fn users_pictures_that_failed_give_their_cells() {
    let Some(cases) = cases() else { return };
    let analyzed = |name: &str| said(&leukoscope(["analyze", cases.join(name).to_str().unwrap()]));
    for (name, wanted) in [
        ("09-mjpeg-frame-without-dht/frame.jpg", "WBC 1 (NGS"),
        ("10-file-with-several-images/thumbnail-first.tif", "WBC 1 (NGS"),
        ("13-twelve-bits-in-sixteen/12bit.tif", "WBC 1 (NGS"),
        ("14-alpha-all-zero/extra.tif", "WBC 1 (NGS"),
        ("14-alpha-all-zero/v5.bmp", "WBC 1 (NGS"),
        ("17-tiff-kinds-called-no-tiff/t_big.tif", "WBC 1 (NGS"),
        ("17-tiff-kinds-called-no-tiff/t_pal.tif", "WBC 1 (NGS"),
        ("19-mjpeg-no-eoi-and-stray-bytes/no-eoi.jpg", "WBC 1 (NGS"),
    ] {
        let line = analyzed(name);
        assert!(line.contains(wanted) && !line.contains("light"), "{name}: {line}");
    }
    let counted = leukoscope(["count", cases.join("05-tiled-planar-tiff-panics").to_str().unwrap()]);
    assert!(said(&counted).contains("2 frames, 1 skipped"), "{}", said(&counted));
    assert!(complained(&counted).contains("2-planar-tiled.tif"));
}
