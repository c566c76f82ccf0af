//! Recorded pictures: order, formats, and error messages for bad ones.

use std::fs;
use std::path::Path;

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use leukoscope::camera::picture::{PictureError, list_pictures, read_picture};
use leukoscope::camera::replay::{Playback, Replay};
use leukoscope::camera::{Camera, CameraError, Capture};
use leukoscope::config::CameraConfig;

fn tint(level: u8) -> RgbImage {
    RgbImage::from_pixel(32, 24, Rgb([level, 100, 50]))
}

fn level_of(capture: Capture) -> (u64, u8) {
    match capture {
        Capture::Frame(frame) => (frame.sequence, frame.pixels.get_pixel(3, 3).0[0]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_folder_plays_in_natural_order_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    for (name, level) in [("frame10.png", 30), ("frame2.PNG", 20), ("frame1.bmp", 10)] {
        tint(level).save(folder.path().join(name.to_lowercase())).unwrap();
        fs::rename(folder.path().join(name.to_lowercase()), folder.path().join(name)).unwrap();
    }
    fs::write(folder.path().join("notes.txt"), "no picture").unwrap();
    fs::write(folder.path().join(".frame0.png"), "hidden").unwrap();
    let mut replay = Replay::open(folder.path(), Playback::default()).unwrap();
    assert!(replay.waits_for_reader());
    assert_eq!(replay.pictures(), 3);
    let got: Vec<_> = (0..3).map(|_| level_of(replay.next_frame().unwrap())).collect();
    assert_eq!(got, [(0, 10), (1, 20), (2, 30)]);
    assert!(matches!(replay.next_frame().unwrap(), Capture::End));
    assert!(matches!(replay.next_frame().unwrap(), Capture::End));
}

#[test]
fn a_recording_repeats_on_request_with_sequence_numbers_going_on() {
    let folder = tempfile::tempdir().unwrap();
    tint(1).save(folder.path().join("a.png")).unwrap();
    tint(2).save(folder.path().join("b.png")).unwrap();
    let mut replay = Replay::open(folder.path(), Playback { repeat: true, frame_rate: None }).unwrap();
    let got: Vec<_> = (0..5).map(|_| level_of(replay.next_frame().unwrap())).collect();
    assert_eq!(got, [(0, 1), (1, 2), (2, 1), (3, 2), (4, 1)]);
}

#[test]
fn a_recording_without_one_good_picture_ends_even_if_it_should_repeat() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.png"), "no picture").unwrap();
    let mut replay = Replay::open(folder.path(), Playback { repeat: true, frame_rate: None }).unwrap();
    assert!(matches!(replay.next_frame().unwrap(), Capture::Damaged(_)));
    assert!(matches!(replay.next_frame().unwrap(), Capture::End));
}

#[test]
fn a_pattern_and_a_single_picture_play_too_and_a_frame_knows_its_file() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["x1.png", "x2.png", "y1.png"] {
        tint(9).save(folder.path().join(name)).unwrap();
    }
    assert_eq!(list_pictures(folder.path().join("x*.png")).unwrap().len(), 2);
    let mut one = Replay::open(folder.path().join("y1.png"), Playback::default()).unwrap();
    let Capture::Frame(frame) = one.next_frame().unwrap() else { panic!("no frame") };
    assert!(frame.source.unwrap().ends_with("y1.png"));
    assert!(matches!(one.next_frame().unwrap(), Capture::End));
}

#[test]
fn a_paced_recording_keeps_its_rate_and_is_live() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["1.png", "2.png", "3.png", "4.png"] {
        tint(9).save(folder.path().join(name)).unwrap();
    }
    let mut replay = Replay::open(folder.path(), Playback { repeat: false, frame_rate: Some(40.0) }).unwrap();
    assert!(!replay.waits_for_reader());
    let began = std::time::Instant::now();
    for _ in 0..4 {
        assert!(matches!(replay.next_frame().unwrap(), Capture::Frame(_)));
    }
    assert!(began.elapsed().as_millis() >= 74, "{:?}", began.elapsed());
}

#[test]
fn every_format_and_depth_becomes_rgb() {
    let folder = tempfile::tempdir().unwrap();
    let save = |name: &str, picture: DynamicImage| {
        let path = folder.path().join(name);
        picture.save(&path).unwrap();
        read_picture(&path).unwrap().get_pixel(5, 5).0
    };
    let near = |got: [u8; 3], want: [u8; 3]| got.iter().zip(want).all(|(g, w)| g.abs_diff(w) <= 3);
    assert_eq!(save("grey.png", GrayImage::from_pixel(20, 20, Luma([77])).into()), [77; 3]);
    let deep = ImageBuffer::<Luma<u16>, _>::from_pixel(20, 20, Luma([200 * 257]));
    assert_eq!(save("deep.png", deep.into()), [200; 3]);
    let deep = ImageBuffer::<Rgb<u16>, _>::from_pixel(20, 20, Rgb([0, 128 * 257, 65535]));
    assert_eq!(save("deep.tiff", deep.into()), [0, 128, 255]);
    for (alpha, want) in [(0, [200, 10, 0]), (255, [200, 10, 0]), (51, [244, 206, 204])] {
        assert_eq!(save("alpha.png", RgbaImage::from_pixel(20, 20, Rgba([200, 10, 0, alpha])).into()), want);
    }
    assert_eq!(save("plain.bmp", tint(90).into()), [90, 100, 50]);
    assert_eq!(save("plain.tif", tint(90).into()), [90, 100, 50]);
    assert!(near(save("plain.jpg", tint(90).into()), [90, 100, 50]));
}

#[test]
fn a_jpeg_cut_short_is_damaged_wherever_it_was_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.jpg");
    RgbImage::from_fn(64, 64, |x, y| Rgb([x as u8 * 3, y as u8 * 3, 40])).save(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    assert!(read_picture(&path).is_ok());
    for length in [0, 1, 2, 20, whole.len() / 2, whole.len() - 4, whole.len() - 3] {
        fs::write(&path, &whole[..length]).unwrap();
        let error = read_picture(&path).expect_err("a cut picture");
        assert!(error.to_string().contains("cut.jpg"), "{error}");
    }
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let mut replay = Replay::open(&path, Playback::default()).unwrap();
    match replay.next_frame().unwrap() {
        Capture::Damaged(words) => assert!(words.contains("its end or a piece of it is missing"), "{words}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn other_formats_cut_short_are_damaged_too() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.png", "a.bmp", "a.tiff"] {
        let path = folder.path().join(name);
        RgbImage::from_fn(64, 64, |x, y| Rgb([x as u8 * 3, y as u8 * 3, (x * y) as u8])).save(&path).unwrap();
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        assert!(read_picture(&path).is_err(), "{name}");
    }
}

#[test]
fn pictures_too_small_or_too_large_are_refused_from_their_header() {
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("small.png");
    RgbImage::new(15, 400).save(&small).unwrap();
    assert!(matches!(read_picture(&small), Err(PictureError::TooSmall { width: 15, height: 400, .. })));
    for (width, height) in [(16_385, 20), (9000, 9000), (60_000, 60_000)] {
        let path = folder.path().join("large.bmp");
        fs::write(&path, bmp_header(width, height)).unwrap();
        let error = read_picture(&path).unwrap_err();
        assert!(matches!(error, PictureError::TooLarge { .. }), "{error}");
        assert!(error.to_string().contains("cut it into tiles"));
    }
}

/// The header of a 24-bit BMP without its pixels.
fn bmp_header(width: i32, height: i32) -> Vec<u8> {
    let mut bytes = b"BM".to_vec();
    bytes.extend([0; 8]);
    bytes.extend(54_u32.to_le_bytes());
    bytes.extend(40_u32.to_le_bytes());
    bytes.extend(width.to_le_bytes());
    bytes.extend(height.to_le_bytes());
    bytes.extend([1, 0, 24, 0]);
    bytes.extend([0; 24]);
    bytes
}

#[test]
fn what_is_not_there_or_no_picture_is_said_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let said = |path: &Path| list_pictures(path).unwrap_err().to_string();
    assert!(said(&folder.path().join("nowhere")).ends_with("there is no such file or folder; check the spelling"));
    assert!(said(folder.path()).contains("no pictures here"));
    assert!(said(&folder.path().join("*.png")).contains("no pictures here"));
    assert!(said(&folder.path().join("a***")).contains("not a pattern"));
    let text = folder.path().join("notes.png");
    fs::write(&text, "just words, nothing else in here").unwrap();
    assert!(read_picture(&text).unwrap_err().to_string().contains("not a JPEG, PNG, BMP, TIFF or WebP picture"));
    assert!(matches!(read_picture(folder.path()), Err(PictureError::Unreadable { .. })));
}

#[test]
fn a_camera_is_opened_by_the_words_for_it() {
    let folder = tempfile::tempdir().unwrap();
    tint(5).save(folder.path().join("a.png")).unwrap();
    let open = |words: &str| {
        leukoscope::camera::open(&CameraConfig { source: words.parse().unwrap(), ..CameraConfig::default() })
    };
    let mut replay = open(&format!("replay:{}", folder.path().display())).unwrap();
    assert_eq!(level_of(replay.next_frame().unwrap()), (0, 5));
    assert!(open("simulated").unwrap().describe().contains("640 x 480"));
    assert!(matches!(open("replay:/nowhere/at/all"), Err(CameraError::Recording(_))));
    assert!(open("v4l:/dev/video987").is_err());
}
