//! The simulated stage over real pictures: as a camera, and what a count makes of it.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{Ledger, kind_of};
use image::{RgbImage, imageops};
use leukoscope::camera::pan::Pan;
use leukoscope::camera::pan::plan::{Plan, Waypoint};
use leukoscope::camera::picture::{list_pictures, read_picture};
use leukoscope::camera::{self, Capture};
use leukoscope::class::Kind;
use leukoscope::config::CameraConfig;
use leukoscope::counter::Counter;
use leukoscope::geometry::Rect;
use leukoscope::vision::Vision;

fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([(x % 251) as u8, (y % 241) as u8, ((x * 3 + y * 5) % 255) as u8])
    })
}

fn plain() -> Plan {
    Plan { noise: 0.0, flicker: 0.0, defocus: 0.0, pause_every: 0, ..Plan::default() }
}

fn point(x: f64, y: f64) -> Waypoint {
    Waypoint { x, y, ..Waypoint::default() }
}

#[test]
fn an_undisturbed_frame_is_the_scan_at_its_place_also_between_pixels() {
    let scan = picture(300, 200);
    let pan = Pan::new(scan.clone(), Plan { width: 100, height: 80, ..plain() });
    let frame = pan.draw(0, (30.0, 40.0));
    assert_eq!(frame, imageops::crop_imm(&scan, 30, 40, 100, 80).to_image());
    let between = pan.draw(0, (30.5, 40.0));
    for (x, y, pixel) in between.enumerate_pixels() {
        for channel in 0..3 {
            let (a, b) = (scan.get_pixel(x + 30, y + 40).0[channel], scan.get_pixel(x + 31, y + 40).0[channel]);
            assert_eq!(pixel.0[channel], (u16::from(a) + u16::from(b)).div_ceil(2) as u8);
        }
    }
    assert_eq!(pan.draw(0, (200.0, 120.0)).dimensions(), (100, 80), "the last place there is");
}

#[test]
fn light_noise_and_focus_change_frames_as_planned() {
    let grey = RgbImage::from_pixel(300, 200, image::Rgb([150; 3]));
    let plan = Plan { flicker: 0.1, noise: 2.0, defocus: 0.2, ..plain() };
    let pan = Pan::new(grey, plan);
    let means: Vec<f64> = (0..200)
        .map(|frame| pan.draw(frame, (0.0, 0.0)).iter().map(|v| f64::from(*v)).sum::<f64>() / (300.0 * 200.0 * 3.0))
        .collect();
    let (low, high) = (means.iter().copied().fold(f64::MAX, f64::min), means.iter().copied().fold(0.0, f64::max));
    assert!((134.9..138.0).contains(&low) && (162.0..165.1).contains(&high), "{low} to {high}");
    let first = pan.draw(0, (0.0, 0.0));
    let spread = first.iter().map(|v| (f64::from(*v) - means[0]).powi(2)).sum::<f64>() / (300.0 * 200.0 * 3.0);
    assert!((1.7..2.3).contains(&spread.sqrt()), "{}", spread.sqrt());
    assert_eq!(pan.draw(0, (0.0, 0.0)), first, "the same frame again");
    let blurred = (0..2000).filter(|frame| pan.is_defocused(*frame)).count();
    assert!((340..460).contains(&blurred), "{blurred} of 2000");
}

#[test]
fn a_box_is_seen_once_it_was_wholly_in_the_field() {
    let pan = Pan::new(
        picture(300, 200),
        Plan { width: 100, height: 80, step: 10.0, way: vec![point(0.0, 0.0), point(50.0, 0.0)], ..plain() },
    );
    let boxes =
        [Rect::new(120.0, 20.0, 30.0, 30.0), Rect::new(121.0, 20.0, 30.0, 30.0), Rect::new(10.0, 70.0, 20.0, 20.0)];
    assert_eq!(pan.seen(&boxes, 99, 0.0), [true, false, false]);
    assert_eq!(pan.seen(&boxes, 5, 0.0), [false, false, false]);
    assert_eq!(pan.seen(&boxes, 99, 1.0), [false, false, false]);
}

#[test]
fn the_camera_plays_a_plan_to_its_end_and_again_where_that_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    picture(300, 200).save(folder.path().join("scan.png")).unwrap();
    let plan = folder.path().join("plan.toml");
    let text = "image = \"scan.png\"\nwidth = 64\nheight = 48\nstep = 20\nframe_rate = 0\nway = [{x = 0, y = 0}, {x = 60, y = 0}]";
    std::fs::write(&plan, text).unwrap();
    let config = CameraConfig { source: format!("pan:{}", plan.display()), ..CameraConfig::default() };
    let mut once = camera::open(&config).unwrap();
    assert!(once.waits_for_reader() && once.describe().contains("300 x 200 px"), "{}", once.describe());
    for number in 0..4 {
        let Capture::Frame(frame) = once.next_frame().unwrap() else { panic!("frame {number} is missing") };
        assert_eq!((frame.sequence, frame.width(), frame.height()), (number, 64, 48));
    }
    assert!(matches!(once.next_frame().unwrap(), Capture::End) && matches!(once.next_frame().unwrap(), Capture::End));
    let mut again = camera::open(&CameraConfig { repeat: true, ..config }).unwrap();
    assert!((0..20).all(|_| matches!(again.next_frame().unwrap(), Capture::Frame(_))));
}

#[test]
fn a_bare_picture_is_walked_over_with_the_size_and_seed_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let scan = folder.path().join("scan.png");
    picture(300, 200).save(&scan).unwrap();
    let source = format!("pan:{}", scan.display());
    let config = CameraConfig { source, width: 640, height: 100, frame_rate: 200.0, ..CameraConfig::default() };
    let frame = |config: &CameraConfig| match camera::open(config).unwrap().next_frame().unwrap() {
        Capture::Frame(frame) => frame.pixels,
        other => panic!("{other:?}"),
    };
    assert_eq!(frame(&config).dimensions(), (300, 100), "no wider than the scan");
    assert_eq!(frame(&config), frame(&config));
    assert_ne!(frame(&config), frame(&CameraConfig { seed: 8, ..config.clone() }));
}

#[test]
fn what_cannot_be_played_is_refused_for_good_with_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let source = format!("pan:{}", path.display());
        let error = camera::open(&CameraConfig { source, ..CameraConfig::default() }).err().expect("it is refused");
        assert!(error.is_final(), "{error}");
        error.to_string()
    };
    assert!(refused("a.toml", "image = \"none.png\"").contains("none.png: there is no such file"));
    assert!(refused("b.toml", "image = \"none.png\"\nspeed = 4").contains("`speed`"));
    assert!(refused("c.png", "no picture").contains("c.png: not a JPEG"));
}

/// Fields of one size laid side by side, `columns` in a row.
fn mosaic(fields: &[PathBuf], columns: u32) -> RgbImage {
    let fields: Vec<RgbImage> = fields.iter().map(|path| read_picture(path).expect("the pack is whole")).collect();
    let (width, height) = fields[0].dimensions();
    let rows = fields.len() as u32 / columns;
    let mut scan = RgbImage::new(width * columns, height * rows);
    for (at, field) in (0..columns * rows).zip(&fields) {
        imageops::replace(&mut scan, field, i64::from(at % columns * width), i64::from(at / columns * height));
    }
    scan
}

/// Fields of a folder whose names begin so, all of the first one's size.
fn fields(folder: &Path, beginning: &str, most: usize) -> Vec<PathBuf> {
    let named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(beginning));
    let all: Vec<PathBuf> = list_pictures(folder).expect("the pack is whole").into_iter().filter(named).collect();
    let size = image::image_dimensions(&all[0]).unwrap();
    all.into_iter().filter(|path| image::image_dimensions(path).unwrap() == size).take(most).collect()
}

/// Lanes over a scan, off its edges, where cells are cut for good.
fn lanes(scan: &RgbImage) -> Vec<Waypoint> {
    const EDGE: f64 = 100.0;
    let (right, bottom) = (f64::from(scan.width()) - 640.0 - EDGE, f64::from(scan.height()) - 480.0 - EDGE);
    let mut way = Vec::new();
    let mut y = EDGE;
    loop {
        let lane = [point(EDGE, y), point(right, y)];
        way.extend(if way.len() % 4 == 0 { lane } else { [lane[1], lane[0]] });
        if y >= bottom {
            return way;
        }
        y = (y + 240.0).min(bottom);
    }
}

/// White cells, red cells and platelets: counted by a moving stage, and those that one look at the whole scan finds of
/// what came into view.
fn panned(vision: &Arc<Vision>, scan: RgbImage, step: f64) -> [(usize, usize); 3] {
    let at_once = vision.analyze(&scan).unwrap();
    let way = lanes(&scan);
    let plan = Plan {
        way,
        step,
        seed: 4,
        flicker: 0.1,
        noise: 1.5,
        defocus: 0.2,
        blur: 3.0,
        pause_every: 40,
        pause_frames: 5,
        ..Plan::default()
    };
    let pan = Pan::new(scan, plan);
    let mut counter = Counter::new(Arc::clone(vision));
    let mut ledger = Ledger::default();
    let mut frames = 0;
    for (frame, at) in (0..).zip(pan.course()) {
        let counted = counter.frame(&pan.draw(frame, at)).unwrap();
        assert!(!counted.jumped, "lost at frame {frame}");
        ledger.take(counted);
        frames = frame + 1;
    }
    ledger.count(counter.finish());
    let result = Kind::ALL.map(|kind| {
        let boxes: Vec<Rect> =
            at_once.cells.iter().filter(|cell| cell.kind() == kind).map(|cell| cell.detection.area).collect();
        // The program takes a cell for whole where so much of it is left to the border.
        let with_border = |area: &Rect| {
            let border = if kind == Kind::Wbc { 0.08 } else { 0.05 } * area.w.max(area.h);
            Rect::new(area.x - border, area.y - border, area.w + 2.0 * border, area.h + 2.0 * border)
        };
        let boxes: Vec<Rect> = boxes.iter().map(with_border).collect();
        let there = pan.seen(&boxes, frames, 0.0).into_iter().filter(|seen| *seen).count();
        (ledger.0.values().filter(|cell| kind_of(cell) == kind).count(), there)
    });
    eprintln!("{step} px a frame, {frames} frames: {:?} counted and at once {result:?}", Kind::ALL);
    result
}

#[test]
fn white_cells_of_real_fields_are_counted_as_often_as_one_look_at_the_whole_finds_them() {
    let Some(folder) = common::real("fields/txl/val") else { return };
    let scan = mosaic(&fields(&folder, "pbc_", 24), 6);
    let [(white, there), ..] = panned(&common::vision(), scan, 60.0);
    assert!(there >= 10, "{there} white cells make no measurement");
    assert!(white.abs_diff(there) <= 1, "{white} counted, {there} there");
}

/// `cargo test --release --test pan -- --ignored --nocapture`: the figures of the documentation. Not passed so far: docs/decisions.md, Counting.
#[test]
#[ignore = "thousands of frames take minutes"]
fn the_count_error_of_white_cells_over_real_fields_is_two_percent_at_most() {
    let vision = common::vision();
    let mut missed = Vec::new();
    for step in [60.0, 10.0] {
        let (mut counted, mut there) = (0, 0);
        for (part, beginning, most, columns) in [
            ("fields/txl/test", "pbc_", 30, 6),
            ("fields/txl/test", "bccd_", 16, 4),
            ("fields/chula/test", "", 6, 3),
            ("fields/iml/train", "", 4, 2),
        ] {
            let Some(folder) = common::real(part) else { continue };
            let chosen = fields(&folder, beginning, most);
            eprintln!("{part} {beginning}, {} fields", chosen.len());
            let [(white, at_once), ..] = panned(&vision, mosaic(&chosen, columns), step);
            counted += white;
            there += at_once;
        }
        eprintln!("{step} px a frame: {counted} white cells counted, {there} there");
        if counted.abs_diff(there) as f64 > 0.02 * there as f64 {
            missed.push((step, counted, there));
        }
    }
    assert!(missed.is_empty(), "px a frame, counted, there: {missed:?}");
}
