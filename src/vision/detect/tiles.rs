//! Divides a large image into overlapping tiles, so that the network's memory does not grow with the image. Pure.

use crate::domain::geometry::Rect;

/// Longest side of an image that is looked at in one piece, px at the detector's scale. The network takes 180 MB for a
/// square one.
const WHOLE: u32 = 2048;

/// Side of a tile, px: 40 MB for the network.
const TILE: u32 = 1024;

/// Least overlap of neighbouring tiles, px: twice the widest cell and what the network looks at around it.
const OVERLAP: u32 = 256;

/// A part of an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tile {
    across: Stretch,
    down: Stretch,
}

/// One side of a tile.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stretch {
    from: u32,
    length: u32,
    /// Cells whose middle lies from here to there are this tile's; its neighbours see the others better.
    home: (f64, f64),
}

impl Tile {
    /// Width, px.
    pub(super) fn width(&self) -> u32 {
        self.across.length
    }

    /// Height, px.
    pub(super) fn height(&self) -> u32 {
        self.down.length
    }

    /// Top-left corner, px of the image.
    pub(super) fn corner(&self) -> (f64, f64) {
        (f64::from(self.across.from), f64::from(self.down.from))
    }

    /// Where it lies, px of the image.
    pub(super) fn area(&self) -> Rect {
        let (x, y) = self.corner();
        Rect::new(x, y, f64::from(self.width()), f64::from(self.height()))
    }

    /// Whether a cell with its middle here (px of the image) is this tile's.
    pub(super) fn is_at_home(&self, (x, y): (f64, f64)) -> bool {
        let within = |at: f64, (from, to): (f64, f64)| at >= from && at < to;
        within(x, self.across.home) && within(y, self.down.home)
    }
}

/// The tiles of an image of `width` x `height` px, row by row; one for a small image.
pub(super) fn of(width: u32, height: u32) -> Vec<Tile> {
    let longest = if width.max(height) <= WHOLE { WHOLE } else { TILE };
    let across = stretches(width, longest);
    let down = stretches(height, longest);
    down.iter().flat_map(|down| across.iter().map(|across| Tile { across: *across, down: *down })).collect()
}

/// Divides `length` px into stretches of at most `longest` px with equal overlaps.
fn stretches(length: u32, longest: u32) -> Vec<Stretch> {
    if length <= longest {
        return vec![Stretch { from: 0, length, home: (f64::NEG_INFINITY, f64::INFINITY) }];
    }
    let last = (length - OVERLAP).div_ceil(longest - OVERLAP) - 1;
    let from = |number: u32| (u64::from(length - longest) * u64::from(number) / u64::from(last)) as u32;
    // Homes meet in the middle of an overlap.
    let border = |number: u32| f64::midpoint(f64::from(from(number + 1)), f64::from(from(number) + longest));
    let stretch = |number: u32| Stretch {
        from: from(number),
        length: longest,
        home: (
            if number == 0 { f64::NEG_INFINITY } else { border(number - 1) },
            if number == last { f64::INFINITY } else { border(number) },
        ),
    };
    (0..=last).map(stretch).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_place_is_at_home_in_one_tile_that_sees_it_well(
            (width, height) in (1_u32..9000, 1_u32..9000),
            (x, y) in (0.0..1.0, 0.0..1.0),
        ) {
            let tiles = of(width, height);
            let (x, y) = (x * f64::from(width), y * f64::from(height));
            let at_home: Vec<&Tile> = tiles.iter().filter(|tile| tile.is_at_home((x, y))).collect();
            prop_assert_eq!(at_home.len(), 1);
            let area = at_home[0].area();
            let reach = f64::from(OVERLAP) / 2.0 - 1.0;
            let near = |at: f64, from: f64, length: f64, all: u32| {
                (from <= at - reach || from == 0.0) && (from + length >= at + reach || (from + length - f64::from(all)).abs() < 1e-9)
            };
            prop_assert!(near(x, area.x, area.w, width) && near(y, area.y, area.h, height));
            prop_assert!(tiles.iter().all(|tile| tile.width() <= WHOLE && tile.height() <= WHOLE));
        }
    }
}
