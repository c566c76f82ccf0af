//! Screens compared with pictures that a reviewer can read, under `tests/outputs/screens`.
//!
//! `LEUKOSCOPE_SCREENS=write cargo test --test outputs display` rewrites them; with a folder in
//! `LEUKOSCOPE_SCREENS_PNG` the same screens are also written there as PNG files for viewing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use embedded_graphics::pixelcolor::{BinaryColor, Rgb888};
use embedded_graphics::prelude::*;
use image::{Rgb, RgbImage};
use leukoscope::counting::session::snapshot::{Ending, Phase, Snapshot};
use leukoscope::domain::class::CellClass;
use leukoscope::domain::counts::KindCounts;
use leukoscope::domain::flag::Flag;
use leukoscope::outputs::display::canvas::Canvas;
use leukoscope::outputs::display::draw::{Theme, draw};
use leukoscope::outputs::display::terminal::{braille, line};
use proptest::prelude::*;

/// A panel that rejects pixels outside its area.
struct Strict<C> {
    size: Size,
    dots: BTreeMap<(i32, i32), C>,
}

impl<C> Strict<C> {
    fn new(width: u32, height: u32) -> Self {
        Self { size: Size::new(width, height), dots: BTreeMap::new() }
    }
}

impl<C> OriginDimensions for Strict<C> {
    fn size(&self) -> Size {
        self.size
    }
}

impl<C: PixelColor> DrawTarget for Strict<C> {
    type Color = C;
    type Error = std::convert::Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<C>>>(&mut self, pixels: I) -> Result<(), Self::Error> {
        for Pixel(point, colour) in pixels {
            assert!(self.bounding_box().contains(point), "a dot at {point} is outside of {}", self.size);
            self.dots.insert((point.x, point.y), colour);
        }
        Ok(())
    }
}

fn one_colour(canvas: &Canvas<BinaryColor>) -> String {
    let Size { width, height } = canvas.size();
    let row =
        |y| (0..width).map(|x| if canvas.at(x, y) == Some(BinaryColor::On) { '#' } else { '.' }).collect::<String>();
    (0..height).map(row).fold(String::new(), |text, row| text + &row + "\n")
}

/// Bright pixels in braille, then every colour with its pixel count.
fn colours(canvas: &Canvas<Rgb888>) -> String {
    let Size { width, height } = canvas.size();
    let mut bright = Canvas::new(width, height, BinaryColor::Off);
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for (i, colour) in canvas.pixels().iter().enumerate() {
        let (r, g, b) = (colour.r(), colour.g(), colour.b());
        *counts.entry(format!("#{r:02x}{g:02x}{b:02x}")).or_default() += 1;
        let point = Point::new((i as u32 % width).cast_signed(), (i as u32 / width).cast_signed());
        let lit = BinaryColor::from(u32::from(r) + u32::from(g) + u32::from(b) > 420);
        let Ok(()) = Pixel(point, lit).draw(&mut bright);
    }
    let mut text = braille(&bright).join("\n");
    text.push('\n');
    for (colour, count) in counts {
        let _ = writeln!(text, "{colour} {count}");
    }
    text
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outputs/screens")
}

/// Compares a picture with its file, and lists the rows that differ.
fn compare(name: &str, picture: &str) -> Result<(), String> {
    let path = folder().join(format!("{name}.txt"));
    if std::env::var("LEUKOSCOPE_SCREENS").is_ok_and(|value| value == "write") {
        return std::fs::write(&path, picture).map_err(|error| format!("{}: {error}", path.display()));
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    if expected == picture {
        return Ok(());
    }
    let mut report = format!("{} differs (- file, + now):\n", path.display());
    let (old, new): (Vec<_>, Vec<_>) = (expected.lines().collect(), picture.lines().collect());
    for row in 0..old.len().max(new.len()) {
        let (old, new) = (old.get(row), new.get(row));
        if old != new {
            let _ = writeln!(report, "{row:3} - {}\n    + {}", old.unwrap_or(&""), new.unwrap_or(&""));
        }
    }
    report.push_str("if this is meant: LEUKOSCOPE_SCREENS=write cargo test --test outputs display\n");
    Err(report)
}

fn png(name: &str, size: Size, times: u32, colour: impl Fn(u32, u32) -> Rgb<u8>) {
    if let Ok(folder) = std::env::var("LEUKOSCOPE_SCREENS_PNG") {
        let picture = RgbImage::from_fn(size.width * times, size.height * times, |x, y| colour(x / times, y / times));
        picture.save(Path::new(&folder).join(format!("{name}.png"))).unwrap();
    }
}

fn all_match(pictures: impl Iterator<Item = Result<(), String>>) {
    let wrong: Vec<String> = pictures.filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn one_colour_screens(width: u32, height: u32) {
    all_match(crate::samples::all().into_iter().map(|(name, snapshot)| {
        let canvas = Canvas::of(&snapshot, width, height, &Theme::ONE_COLOUR);
        let name = format!("{width}x{height}_{name}");
        png(&name, canvas.size(), 4, |x, y| {
            Rgb(if canvas.at(x, y) == Some(BinaryColor::On) { [170, 220, 255] } else { [0; 3] })
        });
        compare(&name, &one_colour(&canvas))
    }));
}

fn colour_screens(width: u32, height: u32) {
    all_match(crate::samples::all().into_iter().map(|(name, snapshot)| {
        let canvas: Canvas<Rgb888> = Canvas::of(&snapshot, width, height, &Theme::colours());
        let name = format!("{width}x{height}_{name}");
        png(&name, canvas.size(), 2, |x, y| canvas.at(x, y).map_or(Rgb([0; 3]), |c| Rgb([c.r(), c.g(), c.b()])));
        compare(&name, &colours(&canvas))
    }));
}

#[test]
fn screens_of_128x64_look_as_in_their_pictures() {
    one_colour_screens(128, 64);
}

#[test]
fn screens_of_128x32_look_as_in_their_pictures() {
    one_colour_screens(128, 32);
}

#[test]
fn screens_of_64x128_look_as_in_their_pictures() {
    one_colour_screens(64, 128);
}

#[test]
fn screens_of_240x240_look_as_in_their_pictures() {
    colour_screens(240, 240);
}

#[test]
fn screens_of_320x240_look_as_in_their_pictures() {
    colour_screens(320, 240);
}

#[test]
fn screens_of_240x135_look_as_in_their_pictures() {
    colour_screens(240, 135);
}

#[test]
fn a_plain_line_says_what_the_picture_says() {
    assert_eq!(
        line(&crate::samples::trouble_when_done()),
        "S-0042: done unsigned (target reached) 100/100  WBC 117  RBC 2411  PLT 188  MYO 41%  NGS 30%  LYT 22%  MON 7%  \
         UNK 15%  ! BLASTS?  ! MANY UNKNOWN  ! MAY OVERLAP  trouble: serial /dev/ttyUSB0: unplugged"
    );
}

#[test]
fn a_panel_of_twice_the_size_shows_the_same_with_larger_dots() {
    let snapshot = crate::samples::done_with_flags();
    let small = Canvas::of(&snapshot, 320, 240, &Theme::<Rgb888>::colours());
    let large = Canvas::of(&snapshot, 640, 480, &Theme::<Rgb888>::colours());
    for y in 0..480 {
        for x in 0..640 {
            assert_eq!(large.at(x, y), small.at(x / 2, y / 2), "at {x}, {y}");
        }
    }
}

/// Screens that a person must tell apart differ on every panel.
#[test]
fn flag_and_trouble_change_the_picture_on_every_panel() {
    for (width, height) in [(128, 64), (64, 128), (128, 32), (240, 135), (240, 240), (320, 240), (480, 320)] {
        let picture = |snapshot: &Snapshot| Canvas::of(snapshot, width, height, &Theme::ONE_COLOUR);
        assert_ne!(
            picture(&crate::samples::done_well()),
            picture(&crate::samples::done_with_flags()),
            "flag at {width}x{height}"
        );
        assert_ne!(
            picture(&crate::samples::trouble_when_done()),
            picture(&crate::samples::done_with_flags()),
            "trouble at {width}x{height}"
        );
        assert_ne!(
            picture(&crate::samples::out_of_focus()),
            picture(&crate::samples::in_focus()),
            "advice at {width}x{height}"
        );
        assert_ne!(
            picture(&crate::samples::trouble()),
            picture(&crate::samples::counting_at_37()),
            "trouble at {width}x{height}"
        );
    }
}

prop_compose! {
    fn snapshots()(
        words in ("\\PC{0,40}", prop::option::of("\\PC{0,200}")),
        phase in prop::sample::select(vec![Phase::Waiting, Phase::Counting, Phase::Done]),
        ending in prop::sample::select(vec![None, Some(Ending::TargetReached), Some(Ending::Stopped), Some(Ending::RecordingOver)]),
        numbers in (any::<u32>(), 0u32..300, any::<u32>(), any::<u32>()),
        classes in prop::collection::vec((prop::sample::select(CellClass::ALL.to_vec()), any::<u32>(), -1e3f64..1e3, prop::num::f64::ANY), 0..17),
        flags in prop::collection::vec(prop::sample::select(vec![Flag::Blasts, Flag::NucleatedRedCells, Flag::FewCells]), 0..4),
    ) -> Snapshot {
        Snapshot {
            sample: words.0,
            trouble: words.1,
            phase,
            ending,
            target: numbers.0,
            counted: numbers.1,
            kinds: KindCounts { wbc: numbers.2, rbc: numbers.3, plt: numbers.1 },
            classes: classes.into_iter().map(|(class, count, percent, end)| crate::samples::class(class, count, percent, end, percent)).collect(),
            flags,
            ..crate::samples::waiting()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_snapshot_is_drawn_outside_of_any_panel(snapshot in snapshots(), width in 0u32..520, height in 0u32..420) {
        let Ok(()) = draw(&mut Strict::new(width, height), &snapshot, &Theme::ONE_COLOUR);
    }

    #[test]
    fn no_snapshot_is_drawn_outside_of_a_small_panel(snapshot in snapshots(), width in 0u32..140, height in 0u32..140) {
        let Ok(()) = draw(&mut Strict::new(width, height), &snapshot, &Theme::<Rgb888>::colours());
    }
}
