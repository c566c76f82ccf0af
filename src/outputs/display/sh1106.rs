//! SH1106: 128x64 dots, one colour, on I2C. Like an SSD1306, but with 132 columns of memory and pages written one by
//! one.

use std::path::PathBuf;

use embedded_graphics::pixelcolor::BinaryColor;
use embedded_hal::i2c::I2c;
use linux_embedded_hal::I2cdev;

use super::canvas::Canvas;
use super::draw::Theme;
use super::ssd1306::{bus, glass, no_answer, picture_size, rotation};
use super::{DisplayError, Screen};
use crate::config::DisplayConfig;
use crate::counting::session::snapshot::Snapshot;

const WIDTH: usize = 128;
const PAGES: usize = 8;
/// The 128 columns of glass are centred on the 132 of memory.
const FIRST_COLUMN: u8 = 2;

/// Control bytes before commands and before data.
const COMMANDS: u8 = 0x00;
const DATA: u8 = 0x40;

/// Initialisation sequence, datasheet SH1106 v2.3: charge pump on, 64 rows, glass mounted as usual.
const INIT: [u8; 24] = [
    0xae, // off while it is set up
    0xd5, 0x80, // clock
    0xa8, 0x3f, // 64 rows
    0xd3, 0x00, // no shift
    0x40, // start at row 0
    0xad, 0x8b, // charge pump on
    0xa1, // column 0 on the left
    0xc8, // row 0 at the top
    0xda, 0x12, // rows alternate between the two sides
    0x81, 0x80, // contrast
    0xd9, 0x22, // pre-charge
    0xdb, 0x35, // level of unselected rows
    0xa4, // show the memory
    0xa6, // lit is lit
    0x32, // pump at 8 V
    0xaf, // on
];

/// One page: 8 rows, a byte per column, bit 0 on top.
type Page = [u8; WIDTH];

/// The display on any I2C bus.
#[derive(Debug)]
pub struct Sh1106<I> {
    i2c: I,
    address: u8,
    quarter_turns: u8,
    shown: [Option<Page>; PAGES],
}

impl<I: I2c> Sh1106<I> {
    /// Initialises the controller. `quarter_turns` clockwise, 0..=3.
    ///
    /// # Errors
    /// If nothing answers at this address.
    pub fn start(mut i2c: I, address: u8, quarter_turns: u8) -> Result<Self, I::Error> {
        let mut message = [COMMANDS; INIT.len() + 1];
        message[1..].copy_from_slice(&INIT);
        i2c.write(address, &message)?;
        Ok(Self { i2c, address, quarter_turns, shown: [None; PAGES] })
    }

    /// Writes the pages that changed.
    ///
    /// # Errors
    /// Those of the bus; the next call retries what was not written.
    pub fn write(&mut self, canvas: &Canvas<BinaryColor>) -> Result<(), I::Error> {
        for (number, shown) in self.shown.iter_mut().enumerate() {
            let page = page(canvas, number, self.quarter_turns);
            if *shown == Some(page) {
                continue;
            }
            let cursor = [COMMANDS, 0xb0 | number as u8, FIRST_COLUMN & 0x0f, 0x10 | FIRST_COLUMN >> 4];
            self.i2c.write(self.address, &cursor)?;
            let mut message = [DATA; WIDTH + 1];
            message[1..].copy_from_slice(&page);
            self.i2c.write(self.address, &message)?;
            *shown = Some(page);
        }
        Ok(())
    }
}

fn page(canvas: &Canvas<BinaryColor>, number: usize, quarter_turns: u8) -> Page {
    let mut page = [0; WIDTH];
    for (column, byte) in page.iter_mut().enumerate() {
        for bit in 0..8 {
            let (x, y) = (column as u32, (number * 8 + bit) as u32);
            // Maps glass to picture: the inverse of rotating the picture clockwise.
            let (x, y) = match quarter_turns & 3 {
                0 => (x, y),
                1 => (y, 127 - x),
                2 => (127 - x, 63 - y),
                _ => (63 - y, x),
            };
            *byte |= u8::from(canvas.at(x, y) == Some(BinaryColor::On)) << bit;
        }
    }
    page
}

struct Sh1106Module {
    display: Sh1106<I2cdev>,
    path: PathBuf,
    picture: (u32, u32),
}

impl Screen for Sh1106Module {
    fn show(&mut self, snapshot: &Snapshot) -> Result<(), DisplayError> {
        let (width, height) = self.picture;
        let canvas = Canvas::of(snapshot, width, height, &Theme::ONE_COLOUR);
        self.display.write(&canvas).map_err(|error| DisplayError::Lost {
            device: format!("SH1106 on {}", self.path.display()),
            problem: error.to_string(),
        })
    }
}

/// Opens the bus and initialises the display.
///
/// # Errors
/// If the bus cannot be opened, nothing answers at the address, or no such display has this size.
pub fn open(config: &DisplayConfig) -> Result<Box<dyn Screen>, DisplayError> {
    let picture = picture_size(glass("SH1106", config)?, rotation(config));
    let display = Sh1106::start(bus(config)?, config.i2c_address, rotation(config))
        .map_err(|error| no_answer("SH1106", config, &error))?;
    Ok(Box::new(Sh1106Module { display, path: config.i2c_bus.clone(), picture }))
}
