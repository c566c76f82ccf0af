//! Boxes in pixels.

use serde::{Deserialize, Serialize};

/// An upright box: top-left corner `x`, `y` and size `w`, `h`, in pixels of its image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rect {
    pub x: f64,
    pub y: f64,
    pub w: f64,
    pub h: f64,
}

impl Rect {
    /// A box from its top-left corner and size.
    #[must_use]
    pub const fn new(x: f64, y: f64, w: f64, h: f64) -> Self {
        Self { x, y, w, h }
    }

    /// A box from its centre and size.
    #[must_use]
    pub fn around(centre: (f64, f64), w: f64, h: f64) -> Self {
        Self::new(centre.0 - w / 2.0, centre.1 - h / 2.0, w, h)
    }

    /// The centre.
    #[must_use]
    pub fn centre(&self) -> (f64, f64) {
        (self.x + self.w / 2.0, self.y + self.h / 2.0)
    }

    /// Mean of width and height, the diameter of a round cell.
    #[must_use]
    pub fn diameter(&self) -> f64 {
        f64::midpoint(self.w, self.h)
    }

    /// Width times height; 0 for a box with a negative side.
    #[must_use]
    pub fn area(&self) -> f64 {
        self.w.max(0.0) * self.h.max(0.0)
    }

    /// The part inside an image of `width` x `height`.
    #[must_use]
    pub fn clipped(&self, width: f64, height: f64) -> Self {
        let (x, y) = (self.x.clamp(0.0, width), self.y.clamp(0.0, height));
        let (right, bottom) = ((self.x + self.w).clamp(0.0, width), (self.y + self.h).clamp(0.0, height));
        Self::new(x, y, right - x, bottom - y)
    }

    /// Intersection over union, 0..=1.
    #[must_use]
    pub fn iou(&self, other: &Self) -> f64 {
        let w = (self.x + self.w).min(other.x + other.w) - self.x.max(other.x);
        let h = (self.y + self.h).min(other.y + other.h) - self.y.max(other.y);
        if w <= 0.0 || h <= 0.0 {
            return 0.0;
        }
        let both = w * h;
        both / (self.area() + other.area() - both)
    }

    /// Whether the box lies at least `margin` inside an image of `width` x `height`.
    #[must_use]
    pub fn inside(&self, width: f64, height: f64, margin: f64) -> bool {
        self.x >= margin && self.y >= margin && self.x + self.w <= width - margin && self.y + self.h <= height - margin
    }

    /// The same box with every length multiplied by `factor`.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        Self::new(self.x * factor, self.y * factor, self.w * factor, self.h * factor)
    }

    /// The same box moved by `by`.
    #[must_use]
    pub fn moved(&self, by: (f64, f64)) -> Self {
        Self::new(self.x + by.0, self.y + by.1, self.w, self.h)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn boxes() -> impl Strategy<Value = Rect> {
        (-50.0..50.0, -50.0..50.0, 0.1..80.0, 0.1..80.0).prop_map(|(x, y, w, h)| Rect::new(x, y, w, h))
    }

    proptest! {
        #[test]
        fn overlap_is_symmetric_and_a_share(a in boxes(), b in boxes()) {
            let iou = a.iou(&b);
            prop_assert!((0.0..=1.0 + 1e-9).contains(&iou));
            prop_assert!((iou - b.iou(&a)).abs() < 1e-12);
            prop_assert!((a.iou(&a) - 1.0).abs() < 1e-9);
        }

        #[test]
        fn a_clipped_box_lies_in_the_image(a in boxes()) {
            prop_assert!(a.clipped(60.0, 40.0).inside(60.0, 40.0, -1e-9));
        }

        #[test]
        fn overlap_does_not_depend_on_the_scale(a in boxes(), b in boxes(), factor in 0.1..10.0) {
            prop_assert!((a.iou(&b) - a.scaled(factor).iou(&b.scaled(factor))).abs() < 1e-9);
        }
    }
}
