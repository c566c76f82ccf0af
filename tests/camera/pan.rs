//! The simulated stage over real pictures: as a camera, and as input to a count.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use crate::common::{Ledger, kind_of};
use image::{RgbImage, imageops};
use leukoscope::camera::pan::Pan;
use leukoscope::camera::pan::plan::{Plan, Waypoint};
use leukoscope::camera::picture::{list_pictures, read_picture};
use leukoscope::camera::{self, Capture};
use leukoscope::cli::validate::yolo;
use leukoscope::config::{CameraConfig, CameraSource};
use leukoscope::counting::counter::Counter;
use leukoscope::counting::track::CellId;
use leukoscope::domain::class::Kind;
use leukoscope::domain::geometry::Rect;
use leukoscope::vision::models::Models;
use leukoscope::vision::{Field, Vision};

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
    let config = CameraConfig { source: CameraSource::Pan(plan), ..CameraConfig::default() };
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
    let source = CameraSource::Pan(scan);
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
        let source = CameraSource::Pan(path.clone());
        let error = camera::open(&CameraConfig { source, ..CameraConfig::default() }).err().expect("it is refused");
        assert!(error.is_final(), "{error}");
        error.to_string()
    };
    assert!(refused("a.toml", "image = \"none.png\"").contains("none.png: there is no such file"));
    assert!(refused("b.toml", "image = \"none.png\"\nspeed = 4").contains("`speed`"));
    assert!(refused("c.png", "no picture").contains("c.png: not a JPEG"));
}

/// Fields in a folder with this name prefix and size.
fn fields(folder: &Path, beginning: &str, size: (u32, u32), most: usize) -> Vec<PathBuf> {
    let named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(beginning));
    let all = list_pictures(folder).expect("the pack is whole").into_iter().filter(named);
    all.filter(|path| image::image_dimensions(path).unwrap() == size).take(most).collect()
}

/// Waypoints of lanes over a whole scan, half a field apart.
fn lanes(scan: &RgbImage, field: (u32, u32)) -> Vec<Waypoint> {
    let (right, bottom) = (f64::from(scan.width() - field.0), f64::from(scan.height() - field.1));
    let mut way = Vec::new();
    let mut y = 0.0;
    loop {
        let lane = [point(0.0, y), point(right, y)];
        way.extend(if way.len() % 4 == 0 { lane } else { [lane[1], lane[0]] });
        if y >= bottom {
            return way;
        }
        y = (y + f64::from(field.1) / 2.0).min(bottom);
    }
}

/// The result for one kind of cell under a moving stage.
#[derive(Clone, Copy, Debug, Default)]
struct Figure {
    counted: usize,
    /// Found in a single pass over the whole scan, among the cells that came fully into view.
    at_once: usize,
    /// Found in [`LOOKS`] looks at the whole scan with the camera's light and noise, summed.
    looks: usize,
    /// Labelled by hand, among the cells that came fully into view; white cells only.
    labelled: usize,
    /// Counted cells that match a labelled one.
    right: usize,
    /// Counted cells in the same place as another counted cell of their kind.
    twice: usize,
}

impl std::ops::AddAssign for Figure {
    fn add_assign(&mut self, other: Self) {
        self.counted += other.counted;
        self.at_once += other.at_once;
        self.looks += other.looks;
        self.labelled += other.labelled;
        self.right += other.right;
        self.twice += other.twice;
    }
}

/// The white cells labelled by hand in a field, px.
fn labelled(path: &Path, size: (u32, u32)) -> Vec<Rect> {
    let boxes = yolo::parse(&std::fs::read_to_string(path.with_extension("txt")).unwrap()).unwrap();
    // According to the pack's README, chula labels only white cells; the others use class 0 for them.
    let all = path.components().any(|part| part.as_os_str() == "chula");
    let white = boxes.iter().filter(|area| all || area.class == 0);
    white.map(|area| area.in_pixels(size.0.into(), size.1.into())).collect()
}

/// Looks at a whole scan through the camera: its light and noise alone change which doubtful cells are found.
const LOOKS: usize = 3;

/// What single looks find in a whole scan: as it is, then as the camera shows it in sharp frames.
fn single_looks(vision: &Vision, scan: &RgbImage, plan: &Plan) -> Vec<Field> {
    let whole = Plan { width: scan.width(), height: scan.height(), ..plan.clone() };
    let still = Pan::new(scan.clone(), whole);
    let sharp = (0..).filter(|frame| !still.is_defocused(*frame)).take(LOOKS);
    let drawn = sharp.map(|frame| still.draw(frame, (0.0, 0.0)));
    std::iter::once(scan.clone()).chain(drawn).map(|picture| vision.analyze(&picture).unwrap()).collect()
}

/// Counts white cells, red cells and platelets of one scan under a stage that moves `step` px a frame.
fn panned(vision: &Arc<Vision>, path: &Path, field: (u32, u32), step: f64) -> [Figure; 3] {
    let scan = read_picture(path).expect("the pack is whole");
    let labels = labelled(path, scan.dimensions());
    let way = lanes(&scan, field);
    let plan = Plan {
        width: field.0,
        height: field.1,
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
    let single = single_looks(vision, &scan, &plan);
    let pan = Pan::new(scan, plan);
    let mut counter = Counter::new(Arc::clone(vision));
    let mut ledger = Ledger::default();
    let mut boxes: BTreeMap<CellId, Rect> = BTreeMap::new();
    let mut frames = 0;
    for (frame, at) in (0..).zip(pan.course()) {
        let counted = counter.frame(&pan.draw(frame, at)).unwrap();
        assert!(!counted.jumped, "lost at frame {frame}");
        for (name, cell) in counted.names.iter().zip(&counted.in_view) {
            let area = Rect { x: cell.area.x + at.0, y: cell.area.y + at.1, ..cell.area };
            name.and_then(|name| boxes.insert(name, area));
        }
        ledger.take(counted);
        frames = frame + 1;
    }
    ledger.take(counter.finish());
    Kind::ALL.map(|kind| {
        // The tracker accepts a cell cut by the border as whole up to this share of its size.
        let share = if kind == Kind::Wbc { 0.08 } else { 0.05 };
        let seen = |areas: &[Rect]| {
            let wide = areas.iter().map(|area| {
                let border = share * area.w.max(area.h);
                Rect::new(area.x - border, area.y - border, area.w + 2.0 * border, area.h + 2.0 * border)
            });
            pan.seen(&wide.collect::<Vec<_>>(), frames, 0.0)
        };
        let shown = |look: &Field| {
            let found = look.cells.iter().filter(|cell| cell.kind() == kind).map(|cell| cell.detection.area);
            seen(&found.collect::<Vec<_>>()).into_iter().filter(|seen| *seen).count()
        };
        let (at_once, looks) = (shown(&single[0]), single[1..].iter().map(shown).sum());
        let counting = ledger.0.values().filter(|cell| kind_of(cell) == kind);
        let places: Vec<Option<&Rect>> = counting.map(|cell| boxes.get(&cell.id)).collect();
        let meets = |a: &Rect, b: &Rect| a.iou(b) > 0.3;
        let before = |at: usize, area: &Rect| places[..at].iter().flatten().any(|other| meets(area, other));
        let twice = places.iter().enumerate().filter(|(at, area)| area.is_some_and(|area| before(*at, area))).count();
        let labels = if kind == Kind::Wbc { labels.as_slice() } else { &[] };
        let shown: Vec<&Rect> =
            labels.iter().zip(seen(labels)).filter_map(|(area, seen)| seen.then_some(area)).collect();
        let right = shown.iter().filter(|label| places.iter().flatten().any(|area| meets(area, label))).count();
        Figure { counted: places.len(), at_once, looks, labelled: shown.len(), right, twice }
    })
}

/// Real fields of a split that are larger than the camera frame used here: part, name prefix, size of the fields, size
/// of the frame, number of fields.
type Source = (&'static str, &'static str, (u32, u32), (u32, u32), usize);

/// What looks at the fields of one microscope as a calibrated station does: at the scale that most of them tell. Among chula's
/// are fields without red cells, of which each look alone would guess another scale.
fn calibrated(fields: &[PathBuf]) -> Arc<Vision> {
    let vision = crate::common::vision();
    let told = fields.iter().filter_map(|path| {
        let balanced = vision.balanced(&read_picture(path).expect("the pack is whole"));
        vision.scale(&balanced).unwrap().map(|scale| scale.um_per_px.get())
    });
    let mut told: Vec<f64> = told.collect();
    told.sort_by(f64::total_cmp);
    let models = Models::read(&crate::common::models_folder()).unwrap();
    Arc::new(Vision::new(&models, told.get(told.len() / 2).copied(), None).unwrap())
}

/// Counts over real fields, summed for each kind.
fn over(sources: &[Source], step: f64) -> [Figure; 3] {
    let mut sum = [Figure::default(); 3];
    for (part, beginning, size, frame, most) in sources {
        let Some(folder) = crate::common::real(part) else { continue };
        let mut of_source = [Figure::default(); 3];
        let chosen = fields(&folder, beginning, *size, *most);
        let vision = calibrated(&chosen);
        let next = AtomicUsize::new(0);
        let (done, figures) = mpsc::channel();
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(1, NonZero::get) {
                let (done, next, chosen, vision) = (done.clone(), &next, &chosen, &vision);
                scope.spawn(move || {
                    while let Some(field) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                        done.send((field, panned(vision, field, *frame, step))).unwrap();
                    }
                });
            }
            drop(done);
            for (field, figures) in figures {
                of_source.iter_mut().zip(figures).for_each(|(sum, figure)| *sum += figure);
                let few = figures.map(|figure| (figure.counted, figure.at_once, figure.looks));
                eprintln!("{}, {step} px a frame: counted, at once, in {LOOKS} looks {few:?}", field.display());
            }
        });
        eprintln!("{part} {beginning}, {} fields, {step} px a frame: {:?} {of_source:?}", chosen.len(), Kind::ALL);
        sum.iter_mut().zip(of_source).for_each(|(sum, figure)| *sum += figure);
    }
    sum
}

#[test]
fn white_cells_of_real_fields_are_counted_once_and_as_often_as_persons_marked_them() {
    let sources = [("fields/txl/val", "bccd_", (640, 480), (480, 360), 12)];
    let [white, ..] = over(&sources, 60.0);
    assert!(crate::common::real("fields/txl/val").is_none() || white.labelled >= 6, "{white:?} makes no measurement");
    // A tolerance of one cell: rounding differs between processors and can tip a borderline cell.
    assert!(white.counted.abs_diff(white.labelled) <= 1 && white.right + 1 >= white.labelled, "{white:?}");
    assert_eq!(white.twice, 0, "{white:?}");
}

/// Counts over the fields of the test part that are larger than a camera frame, against one look at each whole field.
fn counts_like_one_look(step: f64) {
    let sources = [
        ("fields/chula/test", "", (1152, 720), (640, 480), 175),
        ("fields/txl/test", "bccd_", (640, 480), (480, 360), 19),
        ("fields/iml/train", "", (1280, 960), (640, 480), 8),
    ];
    let figures = over(&sources, step);
    eprintln!("{step} px a frame: {:?} {figures:?}", Kind::ALL);
    let errors = figures.map(|of| of.counted.abs_diff(of.at_once) as f64 / of.at_once.max(1) as f64);
    let allowed = [0.02, 0.03, 0.10];
    assert!(errors.iter().zip(allowed).all(|(error, allowed)| *error <= allowed), "{errors:?}: {figures:?}");
}

/// Produces the figures in the documentation: `cargo test --release --test camera pan -- --ignored --nocapture`.
#[test]
#[ignore = "thousands of frames take minutes"]
fn a_fast_stage_counts_white_cells_to_two_red_to_three_and_platelets_to_ten_percent_of_one_look() {
    counts_like_one_look(60.0);
}

/// Same, at the usual pace of a hand.
#[test]
#[ignore = "thousands of frames take minutes"]
fn a_usual_stage_counts_white_cells_to_two_red_to_three_and_platelets_to_ten_percent_of_one_look() {
    counts_like_one_look(36.0);
}

/// Same.
#[test]
#[ignore = "tens of thousands of frames take an hour"]
fn a_slow_stage_counts_white_cells_to_two_red_to_three_and_platelets_to_ten_percent_of_one_look() {
    counts_like_one_look(10.0);
}
