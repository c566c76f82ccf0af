//! In-memory picture to draw on, then sent to whatever shows it.

use std::convert::Infallible;

use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;

use super::draw::{Theme, draw};
use crate::counting::session::snapshot::Snapshot;

/// Pixels of one colour type, row by row from the top left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canvas<C> {
    size: Size,
    pixels: Vec<C>,
}

impl<C: PixelColor> Canvas<C> {
    /// A canvas filled with one colour; width and height in px.
    #[must_use]
    pub fn new(width: u32, height: u32, colour: C) -> Self {
        let size = Size::new(width, height);
        Self { size, pixels: vec![colour; width as usize * height as usize] }
    }

    /// Draws a snapshot on a new canvas.
    #[must_use]
    pub fn of(snapshot: &Snapshot, width: u32, height: u32, theme: &Theme<C>) -> Self {
        let mut canvas = Self::new(width, height, theme.background);
        let Ok(()) = draw(&mut canvas, snapshot, theme);
        canvas
    }

    /// All pixels, row by row from the top left.
    #[must_use]
    pub fn pixels(&self) -> &[C] {
        &self.pixels
    }

    /// The pixel at a column and row; `None` outside.
    #[must_use]
    pub fn at(&self, x: u32, y: u32) -> Option<C> {
        if x >= self.size.width || y >= self.size.height {
            return None;
        }
        self.pixels.get(y as usize * self.size.width as usize + x as usize).copied()
    }

    /// One row of pixels; empty outside.
    #[must_use]
    pub fn row(&self, y: u32) -> &[C] {
        let width = self.size.width as usize;
        let start = y as usize * width;
        self.pixels.get(start..start + width).unwrap_or_default()
    }
}

impl<C> OriginDimensions for Canvas<C> {
    fn size(&self) -> Size {
        self.size
    }
}

impl<C: PixelColor> DrawTarget for Canvas<C> {
    type Color = C;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<C>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        let bounds = Rectangle::new(Point::zero(), self.size);
        for Pixel(point, colour) in pixels {
            if bounds.contains(point) {
                self.pixels[point.y as usize * self.size.width as usize + point.x as usize] = colour;
            }
        }
        Ok(())
    }
}
