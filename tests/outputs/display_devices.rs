//! Displays as devices: bus traffic, file contents, and failures.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::prelude::*;
use embedded_hal::i2c::{self, ErrorKind, ErrorType, I2c, Operation};
use leukoscope::config::{DisplayConfig, DisplayKind};
use leukoscope::counting::session::snapshot::Snapshot;
use leukoscope::outputs::display::canvas::Canvas;
use leukoscope::outputs::display::sh1106::Sh1106;
use leukoscope::outputs::display::ssd1306::Ssd1306Display;
use leukoscope::outputs::display::{DisplayError, Screen, open, run, run_once};
use leukoscope::system::latest::Latest;
use leukoscope::system::stop::Stop;

/// Address and bytes of each write.
type Writes = Vec<(u8, Vec<u8>)>;

/// A bus that records what is written, or fails.
#[derive(Clone, Default)]
struct Bus {
    written: Rc<RefCell<Writes>>,
    broken: Rc<RefCell<bool>>,
}

impl ErrorType for Bus {
    type Error = ErrorKind;
}

impl I2c for Bus {
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), ErrorKind> {
        if *self.broken.borrow() {
            return Err(ErrorKind::NoAcknowledge(i2c::NoAcknowledgeSource::Address));
        }
        for operation in operations {
            match operation {
                Operation::Write(bytes) => self.written.borrow_mut().push((address, bytes.to_vec())),
                Operation::Read(_) => panic!("nothing is read from a display"),
            }
        }
        Ok(())
    }
}

fn dots(width: u32, height: u32, dots: &[(i32, i32)]) -> Canvas<BinaryColor> {
    let mut canvas = Canvas::new(width, height, BinaryColor::Off);
    let Ok(()) = canvas.draw_iter(dots.iter().map(|&(x, y)| Pixel(Point::new(x, y), BinaryColor::On)));
    canvas
}

/// The data bytes of each page written, by page number.
fn pages(bus: &Bus) -> Vec<(u8, Vec<u8>)> {
    let written: Vec<_> = bus.written.take();
    written
        .chunks(2)
        .map(|pair| {
            let (cursor, data) = (&pair[0].1, &pair[1].1);
            assert_eq!(cursor[0], 0x00, "commands");
            assert_eq!(cursor[2..], [0x02, 0x10], "column 2");
            assert_eq!((data[0], data.len()), (0x40, 129), "data");
            (cursor[1] - 0xb0, data[1..].to_vec())
        })
        .collect()
}

#[test]
fn sh1106_is_set_up_with_its_charge_pump_and_switched_on_last() {
    let bus = Bus::default();
    Sh1106::start(bus.clone(), 0x3c, 0).unwrap();
    let written = bus.written.take();
    assert_eq!(written.len(), 1);
    let (address, bytes) = &written[0];
    assert_eq!((*address, bytes[0], bytes[1]), (0x3c, 0x00, 0xae));
    assert!(bytes.windows(2).any(|pair| pair == [0xad, 0x8b]));
    assert_eq!(bytes.last(), Some(&0xaf));
}

#[test]
fn sh1106_gets_all_pages_once_and_then_only_those_that_changed() {
    let bus = Bus::default();
    let mut display = Sh1106::start(bus.clone(), 0x3c, 0).unwrap();
    bus.written.take();

    display.write(&dots(128, 64, &[(0, 0), (127, 7), (5, 63)])).unwrap();
    let written = pages(&bus);
    assert_eq!(written.iter().map(|(page, _)| *page).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!((written[0].1[0], written[0].1[127]), (0b0000_0001, 0b1000_0000));
    assert_eq!(written[7].1[5], 0b1000_0000);
    assert_eq!(written.iter().flat_map(|(_, bytes)| bytes).map(|byte| byte.count_ones()).sum::<u32>(), 3);

    display.write(&dots(128, 64, &[(0, 0), (127, 7), (5, 63), (64, 20)])).unwrap();
    let written = pages(&bus);
    assert_eq!(written.len(), 1);
    assert_eq!((written[0].0, written[0].1[64]), (2, 0b0001_0000));

    display.write(&dots(128, 64, &[(0, 0), (127, 7), (5, 63), (64, 20)])).unwrap();
    assert!(pages(&bus).is_empty());
}

#[test]
fn sh1106_turns_the_picture_clockwise() {
    // The upper left pixel of the picture moves to the upper right, lower right and lower left corner of the glass.
    for (turns, size, page, column, bit) in
        [(0, (128, 64), 0, 0, 0), (1, (64, 128), 0, 127, 0), (2, (128, 64), 7, 127, 7), (3, (64, 128), 7, 0, 7)]
    {
        let bus = Bus::default();
        let mut display = Sh1106::start(bus.clone(), 0x3c, turns).unwrap();
        bus.written.take();
        display.write(&dots(size.0, size.1, &[(0, 0)])).unwrap();
        let lit: Vec<_> = pages(&bus)
            .into_iter()
            .flat_map(|(page, bytes)| bytes.into_iter().enumerate().map(move |(column, byte)| (page, column, byte)))
            .filter(|(_, _, byte)| *byte != 0)
            .collect();
        assert_eq!(lit, [(page, column, 1 << bit)], "{turns} quarter turns");
    }
}

#[test]
fn sh1106_writes_a_page_again_that_did_not_get_through() {
    let bus = Bus::default();
    let mut display = Sh1106::start(bus.clone(), 0x3c, 0).unwrap();
    let picture = dots(128, 64, &[(3, 3)]);
    *bus.broken.borrow_mut() = true;
    assert!(display.write(&picture).is_err());
    *bus.broken.borrow_mut() = false;
    bus.written.take();
    display.write(&picture).unwrap();
    assert_eq!(pages(&bus).len(), 8);
}

#[test]
fn ssd1306_shows_the_dots_of_the_picture_turned_clockwise_and_nothing_twice() {
    for (turns, size, page, column, bit) in
        [(0, (128, 64), 0, 0, 0), (1, (64, 128), 0, 127, 0), (2, (128, 64), 7, 127, 7), (3, (64, 128), 7, 0, 7)]
    {
        let bus = Bus::default();
        let mut display = Ssd1306Display::start(bus.clone(), 0x3d, turns).unwrap();
        let setup = bus.written.take();
        assert!(setup.iter().all(|(address, bytes)| *address == 0x3d && bytes[0] == 0x00), "commands only");
        // The controller turns by 180 degrees itself, through its commands to mirror columns and rows.
        let command = |code: u8| setup.iter().any(|(_, bytes)| bytes[1..] == [code]);
        let mirrored = (command(0xa1), command(0xc8));
        assert!(mirrored.0 || command(0xa0));
        assert!(mirrored.1 || command(0xc0));

        display.write(dots(size.0, size.1, &[(0, 0)])).unwrap();
        let memory: Vec<u8> = bus
            .written
            .take()
            .into_iter()
            .filter(|(_, bytes)| bytes[0] == 0x40)
            .flat_map(|(_, bytes)| bytes[1..].to_vec())
            .collect();
        assert_eq!(memory.len(), 1024);
        let lit: Vec<_> = (0..1024).filter(|&i| memory[i] != 0).collect();
        assert_eq!(lit.len(), 1, "{turns} quarter turns");
        // The glass as most modules mount it: A1 and C8 put column 0, row 0 at the upper left.
        let (at, byte) = (lit[0], memory[lit[0]]);
        let x = if mirrored.0 { at % 128 } else { 127 - at % 128 };
        let y = at / 128 * 8 + byte.trailing_zeros() as usize;
        let y = if mirrored.1 { y } else { 63 - y };
        assert_eq!((byte.count_ones(), x, y), (1, column, page * 8 + bit), "{turns} quarter turns");

        display.write(dots(size.0, size.1, &[(0, 0)])).unwrap();
        assert!(bus.written.take().is_empty());
    }
}

#[test]
fn ssd1306_with_32_rows_is_set_up_for_them_and_gets_them_all() {
    let bus = Bus::default();
    let mut display = Ssd1306Display::start_low(bus.clone(), 0x3c, 0).unwrap();
    let commands: Vec<u8> = bus.written.take().iter().flat_map(|(_, bytes)| bytes[1..].to_vec()).collect();
    // Datasheet, A8h: 32 rows; DAh: rows one after the other, where 64 rows alternate between the two sides.
    assert!(commands.windows(2).any(|pair| pair == [0xa8, 31]), "{commands:02x?}");
    assert!(commands.windows(2).any(|pair| pair == [0xda, 0x02]), "{commands:02x?}");
    display.write(dots(128, 32, &[(0, 0), (127, 31)])).unwrap();
    let written = bus.written.take();
    let data: Vec<u8> =
        written.iter().filter(|(_, bytes)| bytes[0] == 0x40).flat_map(|(_, bytes)| bytes[1..].to_vec()).collect();
    assert_eq!((data.len(), data.iter().map(|byte| byte.count_ones()).sum::<u32>()), (512, 2));
}

#[test]
fn a_png_is_whole_has_the_size_asked_for_and_leaves_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("display.png");
    let config = DisplayConfig {
        kind: DisplayKind::Png,
        width: 240,
        height: 135,
        png: path.clone(),
        ..DisplayConfig::default()
    };
    let mut screen = open(&config).unwrap();
    for snapshot in [crate::samples::counting_at_37(), crate::samples::done_with_flags()] {
        screen.show(&snapshot).unwrap();
        let picture = image::open(&path).unwrap();
        assert_eq!((picture.width(), picture.height()), (240, 135));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn an_unchanged_picture_is_not_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("display.png");
    let config = DisplayConfig { kind: DisplayKind::Png, png: path.clone(), ..DisplayConfig::default() };
    let mut screen = open(&config).unwrap();
    screen.show(&crate::samples::waiting()).unwrap();
    std::fs::remove_file(&path).unwrap();
    screen.show(&crate::samples::waiting()).unwrap();
    assert!(!path.exists());
}

fn sentence(config: &DisplayConfig) -> String {
    open(config).err().expect("no such display").to_string()
}

#[test]
fn a_display_that_is_not_there_is_named_with_a_remedy() {
    let nowhere = DisplayConfig {
        i2c_bus: "/dev/i2c-none".into(),
        spi_device: "/dev/spidev-none".into(),
        png: "/nowhere/at/all.png".into(),
        width: 240,
        height: 240,
        ..DisplayConfig::default()
    };
    for (kind, device, remedy) in [
        (DisplayKind::Ssd1306, "/dev/i2c-none", "leukoscope devices"),
        (DisplayKind::Sh1106, "/dev/i2c-none", "leukoscope devices"),
        (DisplayKind::St7789, "/dev/spidev-none", "leukoscope devices"),
        (DisplayKind::Ili9341, "/dev/spidev-none", "leukoscope devices"),
        (DisplayKind::Png, "/nowhere/at/all.png", "make the folder"),
    ] {
        let size = if matches!(kind, DisplayKind::Ssd1306 | DisplayKind::Sh1106) { (128, 64) } else { (240, 240) };
        let words = sentence(&DisplayConfig { kind, width: size.0, height: size.1, ..nowhere.clone() });
        assert!(words.contains(device) && words.contains(remedy), "{words}");
    }
}

#[test]
fn a_size_no_panel_has_is_refused_before_any_device_is_touched() {
    let config = DisplayConfig { kind: DisplayKind::Ili9341, width: 320, height: 240, ..DisplayConfig::default() };
    let words = sentence(&config);
    assert!(words.contains("320x240") && words.contains("rotation = 1"), "{words}");
    let words = sentence(&DisplayConfig { rotation: 1, spi_device: "/dev/spidev-none".into(), ..config });
    assert!(words.contains("/dev/spidev-none"), "{words}");
}

/// Records the samples it was shown, and fails at some of them.
struct Recorder {
    shown: Arc<Mutex<Vec<String>>>,
    fails_at: Option<&'static str>,
    stop: Stop,
    last: &'static str,
}

impl Screen for Recorder {
    fn show(&mut self, snapshot: &Snapshot) -> Result<(), DisplayError> {
        if self.fails_at == Some(snapshot.sample.as_str()) {
            return Err(DisplayError::Lost { device: "recorder".into(), problem: "unplugged".into() });
        }
        self.shown.lock().unwrap().push(snapshot.sample.clone());
        if snapshot.sample == self.last {
            self.stop.request();
        }
        Ok(())
    }
}

fn sample(name: &str) -> Arc<Snapshot> {
    Arc::new(Snapshot { sample: name.into(), ..crate::samples::waiting() })
}

#[test]
fn after_a_failure_the_snapshot_that_was_not_shown_is_shown_first() {
    let (newest, stop, shown) = (Latest::default(), Stop::new(), Arc::new(Mutex::new(Vec::new())));
    let recorder =
        |fails_at| Box::new(Recorder { shown: Arc::clone(&shown), fails_at, stop: stop.clone(), last: "two" });
    let (mut last, mut worked) = (None, 0);
    newest.put(sample("one"));
    let error = run_once(recorder(Some("one")), &newest, &mut last, &stop, &mut || worked += 1).unwrap_err();
    assert_eq!(error.to_string(), "display recorder failed: unplugged; check its plug and cable, it is tried again");
    newest.put(sample("two"));
    run_once(recorder(None), &newest, &mut last, &stop, &mut || worked += 1).unwrap();
    assert_eq!((shown.lock().unwrap().as_slice(), worked), (["one".to_owned(), "two".to_owned()].as_slice(), 2));
}

#[test]
fn the_snapshot_put_before_the_end_is_still_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("display.png");
    let config = DisplayConfig { kind: DisplayKind::Png, png: path.clone(), ..DisplayConfig::default() };
    let (newest, stop) = (Latest::default(), Stop::new());
    let (seen, after) = (newest.clone(), stop.clone());
    std::thread::scope(|scope| {
        scope.spawn(|| run(&config, &seen, &after, &|trouble| panic!("{trouble:?}")));
        newest.put_when_free(sample("one"), Duration::from_secs(5)).unwrap();
        newest.put_when_free(sample("two"), Duration::from_secs(5)).unwrap();
        stop.request();
    });
    assert!(path.exists());
    assert!(newest.take(Duration::ZERO).is_none(), "the last snapshot was taken");
}

#[test]
fn a_missing_display_is_told_once_and_ends_with_the_program() {
    let config =
        DisplayConfig { kind: DisplayKind::Ssd1306, i2c_bus: "/dev/i2c-none".into(), ..DisplayConfig::default() };
    let (newest, stop, told) = (Latest::default(), Stop::new(), RefCell::new(Vec::new()));
    run(&config, &newest, &stop, &|trouble| {
        if trouble.is_some() {
            stop.request();
        }
        told.borrow_mut().push(trouble);
    });
    let told = told.into_inner();
    assert!(told[0].as_deref().is_some_and(|words| words.contains("/dev/i2c-none")), "{told:?}");
    assert_eq!(told[1..], [None]);
}
