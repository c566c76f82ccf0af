//! SSD1306: 128x64 or 128x32 dots, one colour, on I2C.

use std::io;
use std::path::{Path, PathBuf};

use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::prelude::*;
use embedded_hal::i2c::I2c;
use linux_embedded_hal::{I2CError, I2cdev};
use ssd1306::mode::BufferedGraphicsMode;
use ssd1306::prelude::*;
use ssd1306::{I2CDisplayInterface, Ssd1306};

use super::canvas::Canvas;
use super::draw::Theme;
use super::{DisplayError, Screen};
use crate::config;
use crate::counting::session::snapshot::Snapshot;

/// "No operation": only tests whether a device answers.
const NOP: [u8; 2] = [0x00, 0xe3];

type Driver<I, S> = Ssd1306<I2CInterface<I>, S, BufferedGraphicsMode<S>>;

/// The display on any I2C bus.
#[expect(missing_debug_implementations, reason = "the driver's interface has none")]
pub struct Ssd1306Display<I, S: DisplaySize = DisplaySize128x64> {
    driver: Driver<I, S>,
    shown: Option<Canvas<BinaryColor>>,
}

impl<I: I2c> Ssd1306Display<I> {
    /// Initialises a controller with 128x64 dots. `quarter_turns` clockwise, 0..=3.
    ///
    /// # Errors
    /// If nothing answers at this address.
    pub fn start(i2c: I, address: u8, quarter_turns: u8) -> Result<Self, StartError<I::Error>> {
        Self::start_with(i2c, address, quarter_turns, DisplaySize128x64)
    }
}

impl<I: I2c> Ssd1306Display<I, DisplaySize128x32> {
    /// Initialises a controller with 128x32 dots, whose rows are wired otherwise.
    ///
    /// # Errors
    /// If nothing answers at this address.
    pub fn start_low(i2c: I, address: u8, quarter_turns: u8) -> Result<Self, StartError<I::Error>> {
        Self::start_with(i2c, address, quarter_turns, DisplaySize128x32)
    }
}

impl<I: I2c, S: DisplaySize> Ssd1306Display<I, S> {
    fn start_with(mut i2c: I, address: u8, quarter_turns: u8, size: S) -> Result<Self, StartError<I::Error>> {
        // The driver hides the bus's own error, so probe here.
        i2c.write(address, &NOP).map_err(StartError::NoAnswer)?;
        let turned = match quarter_turns & 3 {
            0 => DisplayRotation::Rotate0,
            1 => DisplayRotation::Rotate90,
            2 => DisplayRotation::Rotate180,
            _ => DisplayRotation::Rotate270,
        };
        let interface = I2CDisplayInterface::new_custom_address(i2c, address);
        let mut driver = Ssd1306::new(interface, size, turned).into_buffered_graphics_mode();
        driver.init().map_err(|error| StartError::Driver(format!("{error:?}")))?;
        Ok(Self { driver, shown: None })
    }

    /// Writes the picture, if it changed.
    ///
    /// # Errors
    /// Message of the driver.
    pub fn write(&mut self, canvas: Canvas<BinaryColor>) -> Result<(), String> {
        if self.shown.as_ref() == Some(&canvas) {
            return Ok(());
        }
        let area = self.driver.bounding_box();
        let pixels = canvas.pixels().iter().copied();
        self.driver.fill_contiguous(&area, pixels).map_err(|error| format!("{error:?}"))?;
        self.driver.flush().map_err(|error| format!("{error:?}"))?;
        self.shown = Some(canvas);
        Ok(())
    }
}

/// Why a display could not be initialised.
#[derive(Debug)]
pub enum StartError<E> {
    /// Nothing answers at the address.
    NoAnswer(E),
    /// It answered at first, then failed.
    Driver(String),
}

struct Ssd1306Module<S: DisplaySize> {
    display: Ssd1306Display<I2cdev, S>,
    path: PathBuf,
    picture: (u32, u32),
}

fn lost(path: &Path, problem: String) -> DisplayError {
    DisplayError::Lost { device: format!("SSD1306 on {}", path.display()), problem }
}

impl<S: DisplaySize + Send> Screen for Ssd1306Module<S>
where
    S::Buffer: Send,
{
    fn show(&mut self, snapshot: &Snapshot) -> Result<(), DisplayError> {
        let (width, height) = self.picture;
        let canvas = Canvas::of(snapshot, width, height, &Theme::ONE_COLOUR);
        self.display.write(canvas).map_err(|problem| lost(&self.path, problem))
    }
}

/// Opens the bus and initialises the display.
///
/// # Errors
/// If the bus cannot be opened, nothing answers at the address, or no such display has this size.
pub fn open(config: &config::DisplayConfig) -> Result<Box<dyn Screen>, DisplayError> {
    let glass = glass("SSD1306", config)?;
    let (i2c, address, turns) = (bus(config)?, config.i2c_address, rotation(config));
    let (path, picture) = (config.i2c_bus.clone(), picture_size(glass, turns));
    let failed = |error: StartError<I2CError>| match error {
        StartError::NoAnswer(error) => no_answer("SSD1306", config, &error),
        StartError::Driver(problem) => lost(&config.i2c_bus, problem),
    };
    Ok(if glass.1 == 32 {
        let display = Ssd1306Display::start_low(i2c, address, turns).map_err(failed)?;
        Box::new(Ssd1306Module { display, path, picture })
    } else {
        let display = Ssd1306Display::start(i2c, address, turns).map_err(failed)?;
        Box::new(Ssd1306Module { display, path, picture })
    })
}

/// Columns and rows of the configured glass.
pub(super) fn glass(name: &str, config: &config::DisplayConfig) -> Result<(u32, u32), DisplayError> {
    config.glass().ok_or_else(|| DisplayError::Unusable {
        device: format!("{name} on {}", config.i2c_bus.display()),
        problem: format!("{}x{} is no size of such a display", config.width, config.height),
        remedy: "set `width = 128` and `height = 64` under [display]; an SSD1306 may also have `height = 32`".into(),
    })
}

/// Opens the configured I2C bus.
pub(super) fn bus(config: &config::DisplayConfig) -> Result<I2cdev, DisplayError> {
    I2cdev::new(&config.i2c_bus).map_err(|error| {
        let problem = match error {
            linux_embedded_hal::i2cdev::linux::LinuxI2CError::Errno(code) => io::Error::from_raw_os_error(code),
            linux_embedded_hal::i2cdev::linux::LinuxI2CError::Io(error) => error,
        };
        DisplayError::opening(&config.i2c_bus, &problem, "I2C", "i2c")
    })
}

/// Error for a display that does not answer.
pub(super) fn no_answer(name: &str, config: &config::DisplayConfig, error: &I2CError) -> DisplayError {
    DisplayError::Unusable {
        device: format!("{name} on {}", config.i2c_bus.display()),
        problem: format!("no answer at address 0x{:02x} ({error})", config.i2c_address),
        remedy: "check power, SDA and SCL, and try `i2c_address = 0x3d`; `leukoscope devices` lists the buses".into(),
    }
}

/// Quarter turns clockwise, 0..=3.
pub(super) fn rotation(config: &config::DisplayConfig) -> u8 {
    config.rotation & 3
}

/// Width and height of the picture once the glass is turned.
pub(super) const fn picture_size(glass: (u32, u32), quarter_turns: u8) -> (u32, u32) {
    if quarter_turns & 1 == 0 { glass } else { (glass.1, glass.0) }
}
