//! SSD1306: 128x64 dots, one colour, on I2C.

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

type Driver<I> = Ssd1306<I2CInterface<I>, DisplaySize128x64, BufferedGraphicsMode<DisplaySize128x64>>;

/// The display on any I2C bus.
#[expect(missing_debug_implementations, reason = "the driver's interface has none")]
pub struct Ssd1306Display<I> {
    driver: Driver<I>,
    shown: Option<Canvas<BinaryColor>>,
}

impl<I: I2c> Ssd1306Display<I> {
    /// Initialises the controller. `quarter_turns` clockwise, 0..=3.
    ///
    /// # Errors
    /// If nothing answers at this address.
    pub fn start(mut i2c: I, address: u8, quarter_turns: u8) -> Result<Self, StartError<I::Error>> {
        // The driver hides the bus's own error, so probe here.
        i2c.write(address, &NOP).map_err(StartError::NoAnswer)?;
        let turned = match quarter_turns & 3 {
            0 => DisplayRotation::Rotate0,
            1 => DisplayRotation::Rotate90,
            2 => DisplayRotation::Rotate180,
            _ => DisplayRotation::Rotate270,
        };
        let interface = I2CDisplayInterface::new_custom_address(i2c, address);
        let mut driver = Ssd1306::new(interface, DisplaySize128x64, turned).into_buffered_graphics_mode();
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

struct Ssd1306Module {
    display: Ssd1306Display<I2cdev>,
    path: PathBuf,
    quarter_turns: u8,
}

fn lost(path: &Path, problem: String) -> DisplayError {
    DisplayError::Lost { device: format!("SSD1306 on {}", path.display()), problem }
}

impl Screen for Ssd1306Module {
    fn show(&mut self, snapshot: &Snapshot) -> Result<(), DisplayError> {
        let (width, height) = picture_size(self.quarter_turns);
        let canvas = Canvas::of(snapshot, width, height, &Theme::ONE_COLOUR);
        self.display.write(canvas).map_err(|problem| lost(&self.path, problem))
    }
}

/// Opens the bus and initialises the display.
///
/// # Errors
/// If the bus cannot be opened or nothing answers at the address.
pub fn open(config: &config::DisplayConfig) -> Result<Box<dyn Screen>, DisplayError> {
    let quarter_turns = rotation(config);
    let display =
        Ssd1306Display::start(bus(config)?, config.i2c_address, quarter_turns).map_err(|error| match error {
            StartError::NoAnswer(error) => no_answer("SSD1306", config, &error),
            StartError::Driver(problem) => lost(&config.i2c_bus, problem),
        })?;
    Ok(Box::new(Ssd1306Module { display, path: config.i2c_bus.clone(), quarter_turns }))
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

/// Width and height of the picture once the 128x64 glass is rotated.
pub(super) const fn picture_size(quarter_turns: u8) -> (u32, u32) {
    if quarter_turns & 1 == 0 { (128, 64) } else { (64, 128) }
}
