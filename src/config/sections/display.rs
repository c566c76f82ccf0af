//! `[display]`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::keys::Accepts::{Device, File, Flag, Hex, OneOf, Whole};
use crate::config::keys::{key, optional};

section! {
    "display", DisplayConfig {
        /// "none", "terminal", "png" (a file), "ssd1306" or "sh1106" (I2C, monochrome), "st7789" or "ili9341" (SPI, colour).
        /// A service has no terminal: "none" there, or the panel that is wired.
        kind: DisplayKind = DisplayKind::Terminal =>
            key(OneOf(&["none", "terminal", "png", "ssd1306", "sh1106", "st7789", "ili9341"]));
        /// Size in pixels, 16 to 4096: of the panel, the file, or the terminal picture. SSD1306: 128x64 or 128x32, SH1106: 128x64,
        /// ST7789 and ILI9341: at most 240x320, turned 320x240.
        width: u32 = 128 => key(Whole(16, 4096)).unit("pixels");
        height: u32 = 64 => key(Whole(16, 4096)).unit("pixels");
        /// I2C bus of SSD1306 and SH1106.
        i2c_bus: PathBuf = "/dev/i2c-1".into() => key(Device);
        /// I2C address, 0x03 to 0x77; usually 0x3c or 0x3d.
        i2c_address: u8 = 0x3c => key(Hex(0x03, 0x77));
        /// SPI device of ST7789 and ILI9341.
        spi_device: PathBuf = "/dev/spidev0.0".into() => key(Device);
        /// SPI clock, hertz, 10000 to 125000000. Lower when the picture has wrong pixels.
        spi_hz: u32 = 32_000_000 => key(Whole(10_000, 125_000_000)).unit("hertz");
        /// GPIO chip of the next two lines.
        gpio_chip: PathBuf = "/dev/gpiochip0".into() => key(Device);
        /// Line of the data/command input, 0 to 1023.
        data_command_line: u32 = 25 => key(Whole(0, 1023)).unit("as a line of the GPIO chip");
        /// Line of the reset input, 0 to 1023, or "none" when it is tied high.
        reset_line: Option<u32> = Some(27) => optional(Whole(0, 1023)).unit("as a line of the GPIO chip");
        /// Quarter turns clockwise, 0 to 3.
        rotation: u8 = 0 => key(Whole(0, 3)).unit("quarter turns");
        /// Whether a colour panel is told to invert its colours. Set it when black and white are the wrong way round. Without it
        /// an ST7789 inverts, as its usual glass needs, and an ILI9341 does not.
        invert: Option<bool> = None => optional(Flag).example("true");
        /// Order of the colours of a colour panel: "auto" (ST7789 "rgb", ILI9341 "bgr"), "rgb" or "bgr". Change it when red and
        /// blue are the wrong way round.
        colour_order: ColourOrder = ColourOrder::Auto => key(OneOf(&["auto", "rgb", "bgr"]));
        /// File of a PNG display. Its folder must exist.
        png: PathBuf = "leukoscope.png".into() => key(File);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DisplayKind {
    None,
    Terminal,
    Png,
    Ssd1306,
    Sh1106,
    St7789,
    Ili9341,
}

/// The order in which a colour panel takes the parts of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColourOrder {
    /// That of most modules with this controller.
    Auto,
    Rgb,
    Bgr,
}
