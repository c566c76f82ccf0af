//! ST7789 and ILI9341: colour panels up to 240x320 on SPI, with a data/command line and usually a reset line.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use embedded_graphics::pixelcolor::Rgb565;
use embedded_hal::digital::{self, OutputPin};
use embedded_hal::spi::SpiDevice;
use gpiocdev::Request;
use gpiocdev::line::Value;
use linux_embedded_hal::spidev::{SpiModeFlags, SpidevOptions};
use linux_embedded_hal::{Delay, SpidevDevice};
use mipidsi::interface::{Interface, InterfaceKind};
use mipidsi::models::{ILI9341Rgb565, Model, ST7789};
use mipidsi::options::{ColorInversion, ColorOrder, Orientation, Rotation};
use mipidsi::{Builder, Display, NoResetPin};

use super::canvas::Canvas;
use super::draw::Theme;
use super::{DisplayError, Screen};
use crate::config::{ColourOrder, DisplayConfig, DisplayKind};
use crate::counting::session::snapshot::Snapshot;
use crate::outputs::hardware::cdev;

/// Largest SPI transfer of Linux's spidev, unless the kernel was configured otherwise.
const CHUNK: usize = 4096;

/// Display memory of both controllers, columns x rows; [`DisplayConfig::glass`] fits into it.
const MEMORY: (u16, u16) = (240, 320);

/// Commands and pixels over SPI, with a separate data/command line.
struct Wire<S, P> {
    spi: S,
    data: P,
}

#[derive(Debug, thiserror::Error)]
enum WireError {
    #[error("SPI: {0}")]
    Spi(String),
    #[error("data/command line: {0}")]
    Line(String),
}

impl<S: SpiDevice, P: OutputPin> Wire<S, P> {
    fn send(&mut self, is_data: bool, bytes: &[u8]) -> Result<(), WireError> {
        let state = digital::PinState::from(is_data);
        self.data.set_state(state).map_err(|error| WireError::Line(format!("{error:?}")))?;
        bytes
            .chunks(CHUNK)
            .try_for_each(|chunk| self.spi.write(chunk).map_err(|error| WireError::Spi(format!("{error:?}"))))
    }
}

impl<S: SpiDevice, P: OutputPin> Interface for Wire<S, P> {
    type Word = u8;
    type Error = WireError;

    const KIND: InterfaceKind = InterfaceKind::Serial4Line;

    fn send_command(&mut self, command: u8, args: &[u8]) -> Result<(), WireError> {
        self.send(false, &[command])?;
        self.send(true, args)
    }

    fn send_pixels<const N: usize>(&mut self, pixels: impl IntoIterator<Item = [u8; N]>) -> Result<(), WireError> {
        let bytes: Vec<u8> = pixels.into_iter().flatten().collect();
        self.send(true, &bytes)
    }

    fn send_repeated_pixel<const N: usize>(&mut self, pixel: [u8; N], count: u32) -> Result<(), WireError> {
        self.send_pixels(std::iter::repeat_n(pixel, count as usize))
    }
}

/// A GPIO output line of the kernel.
struct GpioLine(Request);

impl digital::ErrorType for GpioLine {
    type Error = GpioLineError;
}

/// Error from the kernel about a line.
#[derive(Debug)]
struct GpioLineError(#[expect(dead_code, reason = "shown through Debug, all that embedded-hal's errors have")] String);

impl digital::Error for GpioLineError {
    fn kind(&self) -> digital::ErrorKind {
        digital::ErrorKind::Other
    }
}

impl OutputPin for GpioLine {
    fn set_low(&mut self) -> Result<(), GpioLineError> {
        self.0.set_lone_value(Value::Inactive).map_err(|error| GpioLineError(error.to_string()))
    }

    fn set_high(&mut self) -> Result<(), GpioLineError> {
        self.0.set_lone_value(Value::Active).map_err(|error| GpioLineError(error.to_string()))
    }
}

/// A panel on any SPI device and data/command line.
struct Panel<S: SpiDevice, P: OutputPin, M: Model<ColorFormat = Rgb565>> {
    display: Display<Wire<S, P>, M, NoResetPin>,
    name: String,
    size: (u32, u32),
    shown: Option<Canvas<Rgb565>>,
    /// Keeps the panel out of reset while it exists.
    _reset: Option<GpioLine>,
}

impl<S, P, M> Panel<S, P, M>
where
    S: SpiDevice,
    P: OutputPin,
    M: Model<ColorFormat = Rgb565>,
{
    /// Sends the range of rows that changed.
    fn push(&mut self, canvas: Canvas<Rgb565>) -> Result<(), WireError> {
        let (width, height) = self.size;
        let changed = |y: &u32| self.shown.as_ref().is_none_or(|shown| shown.row(*y) != canvas.row(*y));
        let (Some(first), Some(last)) = ((0..height).find(changed), (0..height).rev().find(changed)) else {
            return Ok(());
        };
        let rows = (first..=last).flat_map(|y| canvas.row(y).iter().copied());
        // After an error the panel's content is unknown.
        self.shown = None;
        self.display.set_pixels(0, first as u16, width as u16 - 1, last as u16, rows)?;
        self.shown = Some(canvas);
        Ok(())
    }
}

impl<S, P, M> Screen for Panel<S, P, M>
where
    S: SpiDevice + Send,
    P: OutputPin + Send,
    M: Model<ColorFormat = Rgb565> + Send,
{
    fn show(&mut self, snapshot: &Snapshot) -> Result<(), DisplayError> {
        let (width, height) = self.size;
        self.push(Canvas::of(snapshot, width, height, &Theme::colours()))
            .map_err(|error| DisplayError::Lost { device: self.name.clone(), problem: error.to_string() })
    }
}

/// Opens SPI and GPIO lines, resets the panel and initialises it.
///
/// # Errors
/// If a device cannot be opened, or such a panel cannot have this size.
pub fn open(config: &DisplayConfig) -> Result<Box<dyn Screen>, DisplayError> {
    let mount = Mount::of(config)?;
    let mut spi = SpidevDevice::open(&config.spi_device).map_err(|error| {
        let (problem, device) = (std::io::Error::other(error.to_string()), &config.spi_device);
        // The driver's error hides its kind; opening the file again reveals it.
        let problem = std::fs::OpenOptions::new().read(true).write(true).open(device).err().unwrap_or(problem);
        DisplayError::opening(device, &problem, "SPI", "spi")
    })?;
    let options =
        SpidevOptions::new().bits_per_word(8).max_speed_hz(config.spi_hz).mode(SpiModeFlags::SPI_MODE_0).build();
    spi.configure(&options).map_err(|error| DisplayError::Unusable {
        device: config.spi_device.display().to_string(),
        problem: format!("it does not take {} Hz in mode 0 ({error})", config.spi_hz),
        remedy: "set a lower `spi_hz` under [display], such as 16000000".into(),
    })?;
    let output = |number| {
        cdev::output(&config.gpio_chip, number).map(GpioLine).map_err(|error| DisplayError::Unusable {
            device: error.device,
            problem: error.problem,
            remedy: error.remedy,
        })
    };
    let wire = Wire { spi, data: output(config.data_command_line)? };
    let mut reset = config.reset_line.map(output).transpose()?;
    let name = mount.name(&config.spi_device);
    if let Some(line) = &mut reset {
        let failed = |error: GpioLineError| DisplayError::Lost {
            device: name.clone(),
            problem: format!("reset line: {error:?}"),
        };
        line.set_low().map_err(failed)?;
        thread::sleep(Duration::from_millis(1));
        line.set_high().map_err(failed)?;
        thread::sleep(Duration::from_millis(120));
    }
    Ok(match config.kind {
        DisplayKind::Ili9341 => Box::new(start(ILI9341Rgb565, wire, &mount, name, reset)?),
        _ => Box::new(start(ST7789, wire, &mount, name, reset)?),
    })
}

/// Placement of glass and picture on the controller's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mount {
    kind: DisplayKind,
    /// Width and height of the picture as seen by the user.
    picture: (u32, u32),
    /// Columns and rows of the glass.
    glass: (u16, u16),
    /// Offset of the glass in memory.
    offset: (u16, u16),
    quarter_turns: u8,
    order: ColorOrder,
    inversion: ColorInversion,
}

impl Mount {
    fn of(config: &DisplayConfig) -> Result<Self, DisplayError> {
        let quarter_turns = config.rotation & 3;
        let (width, height) = (config.width, config.height);
        let glass = config.glass().ok_or_else(|| DisplayError::Unusable {
            device: config.spi_device.display().to_string(),
            problem: format!("{width}x{height} with rotation {quarter_turns} is no size of such a panel"),
            remedy: "set `width` and `height` under [display] to at most 240x320 upright, \
                     or 320x240 with `rotation = 1` or `3`"
                .into(),
        })?;
        let glass = (glass.0 as u16, glass.1 as u16);
        // Glass smaller than the memory is centred on it (135x240, 170x320, 240x280); 240x240 glass is at its start.
        let offset = if glass == (240, 240) { (0, 0) } else { ((MEMORY.0 - glass.0) / 2, (MEMORY.1 - glass.1) / 2) };
        // ST7789 modules have IPS glass, which shows inverted colours; ILI9341 modules use BGR order. Both kinds are sold
        // either way.
        let ili9341 = config.kind == DisplayKind::Ili9341;
        let order = match config.colour_order {
            ColourOrder::Auto if ili9341 => ColorOrder::Bgr,
            ColourOrder::Auto | ColourOrder::Rgb => ColorOrder::Rgb,
            ColourOrder::Bgr => ColorOrder::Bgr,
        };
        let inversion =
            if config.invert.unwrap_or(!ili9341) { ColorInversion::Inverted } else { ColorInversion::Normal };
        Ok(Self { kind: config.kind, picture: (width, height), glass, offset, quarter_turns, order, inversion })
    }

    fn name(&self, device: &std::path::Path) -> String {
        let device: PathBuf = device.into();
        let kind = if self.kind == DisplayKind::Ili9341 { "ILI9341" } else { "ST7789" };
        format!("{kind} on {}", device.display())
    }
}

fn start<S: SpiDevice, P: OutputPin, M: Model<ColorFormat = Rgb565>>(
    model: M,
    wire: Wire<S, P>,
    mount: &Mount,
    name: String,
    reset: Option<GpioLine>,
) -> Result<Panel<S, P, M>, DisplayError> {
    let rotation = match mount.quarter_turns {
        0 => Rotation::Deg0,
        1 => Rotation::Deg90,
        2 => Rotation::Deg180,
        _ => Rotation::Deg270,
    };
    // ILI9341 modules are mirrored.
    let orientation = if mount.kind == DisplayKind::Ili9341 {
        Orientation::new().flip_horizontal().rotate(rotation)
    } else {
        Orientation::new().rotate(rotation)
    };
    let display = Builder::new(model, wire)
        .display_size(mount.glass.0, mount.glass.1)
        .display_offset(mount.offset.0, mount.offset.1)
        .color_order(mount.order)
        .invert_colors(mount.inversion)
        .orientation(orientation)
        .init(&mut Delay)
        .map_err(|error| DisplayError::Lost { device: name.clone(), problem: format!("{error:?}") })?;
    Ok(Panel { display, name, size: mount.picture, shown: None, _reset: reset })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::convert::Infallible;
    use std::rc::Rc;

    use embedded_graphics::prelude::*;
    use embedded_hal::spi::{ErrorType, Operation};

    use super::*;

    /// Bytes sent over the wire, each with whether it was data.
    type Sent = Rc<RefCell<Vec<(bool, Vec<u8>)>>>;

    struct Spi(Sent, Rc<RefCell<bool>>);

    impl ErrorType for Spi {
        type Error = Infallible;
    }

    impl SpiDevice for Spi {
        fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), Infallible> {
            for operation in operations {
                let Operation::Write(bytes) = operation else { panic!("a panel is only written to") };
                assert!(bytes.len() <= CHUNK, "{} bytes at once", bytes.len());
                self.0.borrow_mut().push((*self.1.borrow(), bytes.to_vec()));
            }
            Ok(())
        }
    }

    struct Data(Rc<RefCell<bool>>);

    impl digital::ErrorType for Data {
        type Error = Infallible;
    }

    impl OutputPin for Data {
        fn set_low(&mut self) -> Result<(), Infallible> {
            *self.0.borrow_mut() = false;
            Ok(())
        }

        fn set_high(&mut self) -> Result<(), Infallible> {
            *self.0.borrow_mut() = true;
            Ok(())
        }
    }

    fn wire() -> (Sent, Wire<Spi, Data>) {
        let (sent, level) = (Sent::default(), Rc::default());
        (Rc::clone(&sent), Wire { spi: Spi(sent, Rc::clone(&level)), data: Data(level) })
    }

    /// Data of the last command of this kind.
    fn data_of(sent: &Sent, command: u8) -> Vec<u8> {
        let sent = sent.borrow();
        let at =
            sent.iter().rposition(|(is_data, bytes)| !is_data && bytes == &[command]).expect("the command was sent");
        sent[at + 1..].iter().take_while(|(is_data, _)| *is_data).flat_map(|(_, bytes)| bytes.clone()).collect()
    }

    fn config(kind: DisplayKind, width: u32, height: u32, rotation: u8) -> DisplayConfig {
        DisplayConfig { kind, width, height, rotation, ..DisplayConfig::default() }
    }

    #[test]
    fn ili9341_is_turned_as_its_makers_do() {
        // Adafruit_ILI9341::setRotation: column order and BGR; rows and columns swapped; and so on.
        for (rotation, width, height, expected) in
            [(0, 240, 320, 0x48), (1, 320, 240, 0x28), (2, 240, 320, 0x88), (3, 320, 240, 0xe8)]
        {
            let (sent, wire) = wire();
            let mount = Mount::of(&config(DisplayKind::Ili9341, width, height, rotation)).unwrap();
            start(ILI9341Rgb565, wire, &mount, "test".into(), None).unwrap();
            assert_eq!(data_of(&sent, 0x36), [expected], "{rotation} quarter turns");
            assert!(sent.borrow().iter().any(|(_, bytes)| bytes == &[0x20]), "colours as they are");
        }
    }

    #[test]
    fn colours_are_inverted_and_ordered_as_set_and_else_as_most_modules_of_the_kind_need() {
        use ColourOrder::{Auto, Bgr, Rgb};
        for (kind, invert, colour_order, inverted, bgr) in [
            (DisplayKind::St7789, None, Auto, true, false),
            (DisplayKind::Ili9341, None, Auto, false, true),
            (DisplayKind::St7789, Some(false), Bgr, false, true),
            (DisplayKind::Ili9341, Some(true), Rgb, true, false),
        ] {
            let (sent, wire) = wire();
            let config = DisplayConfig { invert, colour_order, ..config(kind, 240, 320, 0) };
            let mount = Mount::of(&config).unwrap();
            if kind == DisplayKind::Ili9341 {
                start(ILI9341Rgb565, wire, &mount, "test".into(), None).unwrap();
            } else {
                start(ST7789, wire, &mount, "test".into(), None).unwrap();
            }
            assert_eq!(data_of(&sent, 0x36)[0] & 0x08 != 0, bgr, "{config:?}");
            let last = sent.borrow().iter().rev().find_map(|(is_data, bytes)| {
                (!is_data && matches!(bytes[..], [0x20 | 0x21])).then(|| bytes[0] == 0x21)
            });
            assert_eq!(last, Some(inverted), "{config:?}");
        }
    }

    #[test]
    fn only_rows_that_changed_are_sent_where_the_glass_lies() {
        let (sent, wire) = wire();
        let mount = Mount::of(&config(DisplayKind::St7789, 135, 240, 0)).unwrap();
        let mut panel = start(ST7789, wire, &mount, "test".into(), None).unwrap();
        assert!(sent.borrow().iter().any(|(_, bytes)| bytes == &[0x21]), "the complement, for IPS glass");
        let mut canvas = Canvas::new(135, 240, Rgb565::BLACK);
        panel.push(canvas.clone()).unwrap();
        assert_eq!(data_of(&sent, 0x2a), [0, 52, 0, 186]);
        assert_eq!(data_of(&sent, 0x2b), [0, 40, 1, 23]);
        assert_eq!(data_of(&sent, 0x2c), vec![0; 135 * 240 * 2]);

        let Ok(()) = canvas.draw_iter([Pixel(Point::new(1, 9), Rgb565::RED)]);
        panel.push(canvas.clone()).unwrap();
        assert_eq!(data_of(&sent, 0x2b), [0, 49, 0, 49]);
        let row = data_of(&sent, 0x2c);
        assert_eq!((row.len(), &row[..6]), (270, [0, 0, 0xf8, 0, 0, 0].as_slice()));

        let before = sent.borrow().len();
        panel.push(canvas).unwrap();
        assert_eq!(sent.borrow().len(), before, "nothing changed, nothing is sent");
    }
}
