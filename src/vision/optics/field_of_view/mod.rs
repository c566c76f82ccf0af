//! Field of view: the part of a picture that shows the slide. Through an eyepiece, or a tube wider than the sensor needs,
//! a round field stands in black. Pure.
//!
//! The black is no cell and no background: it must not enter any measurement of light, focus or density.

mod balanced;
mod stop;

use std::ops::Range;

use image::RgbImage;

pub use self::balanced::BalancedPicture;
use self::stop::{Edge, stop};
use crate::domain::geometry::Rect;

/// Side of the rectangle in which focus is measured, as a share of the field's: it fits into an ellipse.
const INSCRIBED: f64 = 0.68;

/// The convex part of a picture of one size that shows the slide.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldOfView {
    size: (u32, u32),
    /// Edges that are not the picture's own; empty if the whole picture is the field.
    edges: Vec<Edge>,
    /// Columns inside, for each row of pixels; empty if the whole picture is the field.
    rows: Vec<Range<u32>>,
}

impl FieldOfView {
    /// All of a picture of `size` px.
    #[must_use]
    pub fn whole(size: (u32, u32)) -> Self {
        Self { size, edges: Vec::new(), rows: Vec::new() }
    }

    /// Finds the field of a raw picture; the whole picture unless black surrounds a convex field.
    #[must_use]
    pub fn of(raw: &RgbImage) -> Self {
        let size = raw.dimensions();
        stop(raw).map_or_else(|| Self::whole(size), |edges| Self::within(size, edges))
    }

    fn within(size: (u32, u32), edges: Vec<Edge>) -> Self {
        let row = |y: u32| {
            let (mut left, mut right) = (0.0_f64, f64::from(size.0));
            for edge in &edges {
                let rest = edge.most - edge.down * (f64::from(y) + 0.5);
                if edge.across > 1e-9 {
                    right = right.min(rest / edge.across + 0.5);
                } else if edge.across < -1e-9 {
                    left = left.max(rest / edge.across + 0.5);
                } else if rest < 0.0 {
                    right = 0.0;
                }
            }
            let left = left.clamp(0.0, f64::from(size.0)) as u32;
            left..(right.clamp(0.0, f64::from(size.0)) as u32).max(left)
        };
        let rows = (0..size.1).map(row).collect();
        Self { size, edges, rows }
    }

    /// Whether the whole picture is the field.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.edges.is_empty()
    }

    /// Width and height of the picture, px.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// The columns of pixel row `y` that lie in the field.
    #[must_use]
    pub fn columns(&self, y: u32) -> Range<usize> {
        if self.is_whole() {
            return 0..self.size.0 as usize;
        }
        self.rows.get(y as usize).map_or(0..0, |row| row.start as usize..row.end as usize)
    }

    /// Whether the point `x`, `y` (px) lies in the field.
    #[must_use]
    pub fn contains(&self, (x, y): (f64, f64)) -> bool {
        self.edges.iter().all(|edge| x * edge.across + y * edge.down <= edge.most)
    }

    /// Whether the cell in the box `area`, an ellipse, lies in the field and at least `margin` px from its edges. The
    /// picture's own border is not looked at.
    #[must_use]
    pub fn holds(&self, area: &Rect, margin: f64) -> bool {
        let (x, y) = area.centre();
        self.edges.iter().all(|edge| {
            let reach = (edge.across * area.w / 2.0).hypot(edge.down * area.h / 2.0);
            x * edge.across + y * edge.down + reach + margin <= edge.most
        })
    }

    /// Share of the picture that is field, 0..=1.
    #[must_use]
    pub fn share(&self) -> f64 {
        if self.is_whole() {
            return 1.0;
        }
        let inside: u64 = self.rows.iter().map(|row| u64::from(row.end - row.start)).sum();
        inside as f64 / (f64::from(self.size.0) * f64::from(self.size.1))
    }

    /// The smallest upright box around the field, px.
    #[must_use]
    pub fn bounds(&self) -> Rect {
        let (width, height) = (f64::from(self.size.0), f64::from(self.size.1));
        let some = || self.rows.iter().enumerate().filter(|(_, row)| !row.is_empty());
        let (Some((top, _)), Some((bottom, _))) = (some().next(), some().next_back()) else {
            return Rect::new(0.0, 0.0, width, height);
        };
        let left = some().map(|(_, row)| row.start).min().map_or(0.0, f64::from);
        let right = some().map(|(_, row)| row.end).max().map_or(width, f64::from);
        Rect::new(left, top as f64, right - left, (bottom + 1 - top) as f64)
    }

    /// A box about the middle of the field that lies in it, px; the whole picture if that is the field.
    #[must_use]
    pub fn inner(&self) -> Rect {
        let bounds = self.bounds();
        if self.is_whole() {
            return bounds;
        }
        let around = |share: f64| Rect::around(bounds.centre(), bounds.w * share, bounds.h * share);
        let fits = |area: &Rect| {
            let (right, bottom) = (area.x + area.w, area.y + area.h);
            [(area.x, area.y), (right, area.y), (area.x, bottom), (right, bottom)].iter().all(|at| self.contains(*at))
        };
        let mut smaller = (0..8).map(|step| around(INSCRIBED * 0.9_f64.powi(step)));
        smaller.clone().find(fits).or_else(|| smaller.next_back()).unwrap_or(bounds)
    }

    /// The same field of the same picture at another size.
    #[must_use]
    pub fn resized(&self, size: (u32, u32)) -> Self {
        if self.is_whole() {
            return Self::whole(size);
        }
        let across = f64::from(self.size.0) / f64::from(size.0.max(1));
        let down = f64::from(self.size.1) / f64::from(size.1.max(1));
        let edges = self.edges.iter().map(|edge| {
            let (x, y) = (edge.across * across, edge.down * down);
            let length = x.hypot(y).max(f64::MIN_POSITIVE);
            Edge { across: x / length, down: y / length, most: edge.most / length }
        });
        Self::within(size, edges.collect())
    }

    /// Fills what lies outside with a grey level.
    pub fn blank_outside(&self, image: &mut RgbImage, level: u8) {
        if self.is_whole() || image.dimensions() != self.size {
            return;
        }
        let width = self.size.0 as usize * 3;
        for (line, row) in image.chunks_exact_mut(width.max(1)).zip(&self.rows) {
            line[..row.start as usize * 3].fill(level);
            line[row.end as usize * 3..].fill(level);
        }
    }
}
