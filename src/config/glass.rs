//! Which sizes the controllers of displays have.

use super::keys::Refusal;
use super::{DisplayConfig, DisplayKind};

/// Columns and rows that an SSD1306 is wired to.
const SSD1306: [(u32, u32); 2] = [(128, 64), (128, 32)];

/// Columns and rows that an SH1106 is wired to.
const SH1106: [(u32, u32); 1] = [(128, 64)];

/// Display memory of ST7789 and ILI9341, columns x rows. Glass may be smaller.
const MEMORY: (u32, u32) = (240, 320);

impl DisplayConfig {
    /// Columns and rows of the glass, before the picture is turned; `None` if the controller has no such size.
    #[must_use]
    pub fn glass(&self) -> Option<(u32, u32)> {
        let picture = (self.width, self.height);
        let glass = if self.rotation & 1 == 0 { picture } else { (self.height, self.width) };
        let wired = |sizes: &[(u32, u32)]| {
            // Turned by a quarter, the size of the glass itself may be written as well.
            let written = |size: &&(u32, u32)| **size == glass || self.rotation & 1 == 1 && **size == picture;
            sizes.iter().find(written).copied()
        };
        match self.kind {
            DisplayKind::None | DisplayKind::Terminal | DisplayKind::Png => Some(picture),
            DisplayKind::Ssd1306 => wired(&SSD1306),
            DisplayKind::Sh1106 => wired(&SH1106),
            DisplayKind::St7789 | DisplayKind::Ili9341 => {
                let fits = glass.0 > 0 && glass.1 > 0 && glass.0 <= MEMORY.0 && glass.1 <= MEMORY.1;
                fits.then_some(glass)
            }
        }
    }

    /// What is wrong with the size, if the controller has none such: the key to change, and what to write.
    pub(super) fn wrong_size(&self) -> Option<(&'static str, Refusal)> {
        if self.glass().is_some() {
            return None;
        }
        let Self { width, height, rotation, .. } = *self;
        let (name, sizes) = match self.kind {
            DisplayKind::Ssd1306 => ("SSD1306", "128x64 or 128x32"),
            DisplayKind::Sh1106 => ("SH1106", "128x64"),
            DisplayKind::Ili9341 => ("ILI9341", "at most 240x320, and at most 320x240 with rotation = 1 or 3"),
            _ => ("ST7789", "at most 240x320, and at most 320x240 with rotation = 1 or 3"),
        };
        let what = format!("{width}x{height} with rotation = {rotation} is no size of an {name}; it has {sizes}");
        let turned = Self { rotation: rotation ^ 1, ..self.clone() };
        let (key, write) = if turned.glass().is_some() {
            ("rotation", format!("rotation = {}", rotation ^ 1))
        } else {
            let (widest, highest) = match self.kind {
                DisplayKind::Ssd1306 if height == 32 => SSD1306[1],
                DisplayKind::Ssd1306 | DisplayKind::Sh1106 => SH1106[0],
                _ if rotation & 1 == 0 => MEMORY,
                _ => (MEMORY.1, MEMORY.0),
            };
            let panel = matches!(self.kind, DisplayKind::St7789 | DisplayKind::Ili9341);
            let width_fits = if panel { width <= widest } else { width == widest };
            if width_fits { ("height", format!("height = {highest}")) } else { ("width", format!("width = {widest}")) }
        };
        Some((key, Refusal { what, write }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn display(kind: DisplayKind, width: u32, height: u32, rotation: u8) -> DisplayConfig {
        DisplayConfig { kind, width, height, rotation, ..DisplayConfig::default() }
    }

    #[test]
    fn every_size_that_a_controller_has_is_its_glass_turned_back() {
        for (kind, width, height, rotation, glass) in [
            (DisplayKind::Ssd1306, 128, 64, 0, (128, 64)),
            (DisplayKind::Ssd1306, 128, 32, 2, (128, 32)),
            (DisplayKind::Ssd1306, 32, 128, 1, (128, 32)),
            (DisplayKind::Ssd1306, 128, 32, 3, (128, 32)),
            (DisplayKind::Sh1106, 64, 128, 3, (128, 64)),
            (DisplayKind::St7789, 240, 320, 2, (240, 320)),
            (DisplayKind::St7789, 320, 170, 1, (170, 320)),
            (DisplayKind::Ili9341, 320, 240, 3, (240, 320)),
        ] {
            assert_eq!(display(kind, width, height, rotation).glass(), Some(glass), "{kind:?} {width}x{height}");
        }
    }

    #[test]
    fn the_remedies_of_a_wrong_size_end_with_a_right_one() {
        for kind in [DisplayKind::Ssd1306, DisplayKind::Sh1106, DisplayKind::St7789, DisplayKind::Ili9341] {
            for (width, height) in [(320, 240), (64, 128), (32, 128), (128, 32), (16, 16), (480, 320), (4096, 4096)] {
                for rotation in 0..4 {
                    let mut tried = display(kind, width, height, rotation);
                    for _ in 0..3 {
                        let Some((key, Refusal { write, .. })) = tried.wrong_size() else { break };
                        let number: u32 = write.strip_prefix(&format!("{key} = ")).unwrap().parse().unwrap();
                        match key {
                            "rotation" => tried.rotation = number as u8,
                            "width" => tried.width = number,
                            _ => tried.height = number,
                        }
                    }
                    assert!(tried.glass().is_some(), "{kind:?} {width}x{height} {rotation} ends at {tried:?}");
                }
            }
        }
    }
}
