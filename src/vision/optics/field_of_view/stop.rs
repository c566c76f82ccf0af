//! Finds the stop: the edges of a convex field that stands in black. Pure.

use std::collections::BTreeMap;

use image::RgbImage;

use crate::domain::geometry::Rect;
use crate::vision::optics::resample::{shrunk, shrunk_part};

/// Longest side of the raster on which the field is looked for, points.
const RASTER: u32 = 192;

/// Shortest side of a picture in which a field is looked for, px.
const SMALLEST: u32 = 96;

/// A point is black if its strongest channel is below this share of the background's. Stain leaves red or blue: the
/// darkest nuclei of the pack keep a third.
const BLACK: f64 = 0.2;

/// Level from which a point is black under no background: that share of full white, and two levels for rounding.
const NEVER_BLACK: u8 = 53;

/// Share of the points brighter than the background's level: less than the empty part of the smallest field.
const ABOVE_BACKGROUND: f64 = 0.02;

/// Background, 0..=255, below which the lamp is off, and nothing tells the field from the rest.
const LEAST_LIGHT: u8 = 32;

/// Share of the picture that must be outside: less is a dark cell cut by a corner.
const LEAST_OUTSIDE: f64 = 0.004;

/// Share of the picture that the field takes at least.
const LEAST_FIELD: f64 = 0.08;

/// Share of the outside that may be bright: reflections, letters.
const BRIGHT_OUTSIDE: f64 = 0.1;

/// Black area inside the field's hull that is connected to the outside, over the area outside: a field is convex, while
/// a dark cell at the border bulges into it.
const BULGES: f64 = 0.3;

/// Share of the background's brightness from which a point near the edge is lit well enough: the shadow of a stop out of
/// focus is wide.
const LIT: f64 = 0.4;

/// Share of the field that must be lit so well; with less, the light is uneven, and there is no shadow to cut off.
const MOSTLY_LIT: f64 = 0.6;

/// Raster steps by which the field ends before the last lit point, because a raster point may lie half in the shadow.
const RIM: f64 = 1.0;

/// Points `(x, y)` with `x * across + y * down <= most` are inside; the vector has length 1 in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Edge {
    pub(super) across: f64,
    pub(super) down: f64,
    pub(super) most: f64,
}

/// The edges of a field that stands in black; `None` if none does.
pub(super) fn stop(raw: &RgbImage) -> Option<Vec<Edge>> {
    let (width, height) = raw.dimensions();
    if width.min(height) < SMALLEST {
        return None;
    }
    let factor = (f64::from(RASTER) / f64::from(width.max(height))).min(1.0);
    let side = |length: u32| ((f64::from(length) * factor).round() as u32).max(3);
    if has_bright_border(raw, (side(width), side(height))) {
        return None;
    }
    let small = shrunk(raw, side(width), side(height));
    let (columns, rows) = (small.width() as usize, small.height() as usize);
    let levels: Vec<u8> = small.pixels().map(|pixel| pixel.0.into_iter().max().unwrap_or(0)).collect();
    let background = level_above(&levels, ABOVE_BACKGROUND);
    if background < LEAST_LIGHT {
        return None;
    }
    let bright: Vec<bool> = levels.iter().map(|level| f64::from(*level) >= BLACK * f64::from(background)).collect();
    // Most pictures show no black at the border at all.
    let border = |at: usize| {
        let (x, y) = (at % columns, at / columns);
        x == 0 || y == 0 || x == columns - 1 || y == rows - 1
    };
    if (0..bright.len()).all(|at| bright[at] || !border(at)) {
        return None;
    }
    let field = largest(&bright, columns);
    let hull = self::hull(&field, columns);
    let inside: Vec<bool> = (0..bright.len())
        .map(|at| {
            // Twice all lengths, so that the middle of a point is whole.
            let middle = (2 * whole(at % columns) + 1, 2 * whole(at / columns) + 1);
            sides(&hull).all(|(from, to)| turn((2 * from.0, 2 * from.1), (2 * to.0, 2 * to.1), middle) >= 0)
        })
        .collect();
    let all = inside.len() as f64;
    let outside = inside.iter().filter(|inside| !**inside).count() as f64;
    let bright_outside = inside.iter().zip(&bright).filter(|(inside, bright)| !**inside && **bright).count() as f64;
    let bulging = reached(&bright, &inside, columns) as f64;
    let stands_in_black = outside >= LEAST_OUTSIDE * all
        && all - outside >= LEAST_FIELD * all
        && bright_outside <= BRIGHT_OUTSIDE * outside
        && bulging <= BULGES * outside;
    if !stands_in_black {
        return None;
    }
    let lit: Vec<bool> = levels.iter().map(|level| f64::from(*level) >= LIT * f64::from(background)).collect();
    let without_shadow = self::hull(&largest(&lit, columns), columns);
    let hull = if area(&without_shadow) >= MOSTLY_LIT * area(&hull) { without_shadow } else { hull };
    let step = (f64::from(width) / columns as f64, f64::from(height) / rows as f64);
    let rim = RIM * f64::midpoint(step.0, step.1);
    let edges = sides(&hull).filter(|(from, to)| {
        // Along the picture's border the field simply goes on.
        let upright = from.0 == to.0 && (from.0 == 0 || from.0 == whole(columns));
        let level = from.1 == to.1 && (from.1 == 0 || from.1 == whole(rows));
        !upright && !level
    });
    let edges = edges.map(|(from, to)| {
        let place = |(x, y): (i64, i64)| (x as f64 * step.0, y as f64 * step.1);
        let (from, to) = (place(from), place(to));
        let (x, y) = (to.1 - from.1, from.0 - to.0);
        let length = x.hypot(y).max(f64::MIN_POSITIVE);
        let (across, down) = (x / length, y / length);
        Edge { across, down, most: from.0 * across + from.1 * down - rim }
    });
    Some(edges.collect())
}

/// Whether no point at the border of the raster of `size` points can be black, whatever the background is: so it is in most
/// pictures, and then the raster need not be made.
fn has_bright_border(raw: &RgbImage, size: (u32, u32)) -> bool {
    let (width, height) = (f64::from(raw.width()), f64::from(raw.height()));
    let (across, down) = (width / f64::from(size.0), height / f64::from(size.1));
    let strips = [
        (Rect::new(0.0, 0.0, width, down), (size.0, 1)),
        (Rect::new(0.0, height - down, width, down), (size.0, 1)),
        (Rect::new(0.0, 0.0, across, height), (1, size.1)),
        (Rect::new(width - across, 0.0, across, height), (1, size.1)),
    ];
    let bright = |pixel: &image::Rgb<u8>| pixel.0.into_iter().max() >= Some(NEVER_BLACK);
    strips.into_iter().all(|(part, points)| {
        shrunk_part(raw, part, points.0, points.1).is_some_and(|strip| strip.pixels().all(bright))
    })
}

/// A place on the coarse picture, which has some thousand points, as a signed number.
fn whole(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}

/// The level that this share of the points lies above.
fn level_above(levels: &[u8], share: f64) -> u8 {
    let mut histogram = [0_usize; 256];
    for level in levels {
        histogram[usize::from(*level)] += 1;
    }
    let mut above = 0;
    let found = (0..=u8::MAX).rev().find(|level| {
        above += histogram[usize::from(*level)];
        above as f64 >= share * levels.len() as f64
    });
    found.unwrap_or(0)
}

/// Points next to `at`: left, right, above, below.
fn neighbours(at: usize, columns: usize, count: usize) -> impl Iterator<Item = usize> {
    let x = at % columns;
    [
        (x > 0).then(|| at.wrapping_sub(1)),
        (x + 1 < columns).then_some(at + 1),
        at.checked_sub(columns),
        (at + columns < count).then_some(at + columns),
    ]
    .into_iter()
    .flatten()
}

/// The largest connected set of bright points.
fn largest(bright: &[bool], columns: usize) -> Vec<usize> {
    let mut seen = vec![false; bright.len()];
    let mut best = Vec::new();
    for start in 0..bright.len() {
        if seen[start] || !bright[start] {
            continue;
        }
        seen[start] = true;
        let mut found = vec![start];
        let mut next = 0;
        while let Some(at) = found.get(next).copied() {
            next += 1;
            for beside in neighbours(at, columns, bright.len()) {
                if bright[beside] && !seen[beside] {
                    seen[beside] = true;
                    found.push(beside);
                }
            }
        }
        if found.len() > best.len() {
            best = found;
        }
    }
    best
}

/// Number of black points inside the hull that black connects with the outside.
fn reached(bright: &[bool], inside: &[bool], columns: usize) -> usize {
    let mut open: Vec<usize> = (0..bright.len()).filter(|at| !inside[*at] && !bright[*at]).collect();
    let mut seen = vec![false; bright.len()];
    for at in &open {
        seen[*at] = true;
    }
    let mut count = 0;
    while let Some(at) = open.pop() {
        for beside in neighbours(at, columns, bright.len()) {
            if !bright[beside] && !seen[beside] {
                seen[beside] = true;
                count += usize::from(inside[beside]);
                open.push(beside);
            }
        }
    }
    count
}

/// The convex hull of raster points, each a unit square, clockwise as the picture is seen (Andrew 1979).
fn hull(field: &[usize], columns: usize) -> Vec<(i64, i64)> {
    let mut ends: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for at in field {
        let (x, y) = (at % columns, at / columns);
        let row = ends.entry(y).or_insert((x, x));
        *row = (row.0.min(x), row.1.max(x));
    }
    let mut corners: Vec<(i64, i64)> = ends
        .into_iter()
        .flat_map(|(y, (left, right))| {
            let (top, left, right) = (whole(y), whole(left), whole(right) + 1);
            [(left, top), (right, top), (left, top + 1), (right, top + 1)]
        })
        .collect();
    corners.sort_unstable();
    corners.dedup();
    let mut whole = half_hull(corners.iter().copied());
    whole.extend(half_hull(corners.iter().rev().copied()));
    whole
}

/// One half of the hull of sorted points, without its last point, which begins the other half.
fn half_hull(points: impl Iterator<Item = (i64, i64)>) -> Vec<(i64, i64)> {
    let mut chain: Vec<(i64, i64)> = Vec::new();
    for point in points {
        while let [.., a, b] = chain[..]
            && turn(a, b, point) <= 0
        {
            chain.pop();
        }
        chain.push(point);
    }
    chain.pop();
    chain
}

/// Above 0 if the way from `a` over `b` to `c` turns as the hull does.
fn turn(a: (i64, i64), b: (i64, i64), c: (i64, i64)) -> i64 {
    (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0)
}

/// Area of a closed polygon whose sides turn as the hull's do.
fn area(polygon: &[(i64, i64)]) -> f64 {
    sides(polygon).map(|(from, to)| from.0 * to.1 - from.1 * to.0).sum::<i64>() as f64 / 2.0
}

/// The sides of a closed polygon.
fn sides(polygon: &[(i64, i64)]) -> impl Iterator<Item = ((i64, i64), (i64, i64))> {
    polygon.iter().copied().zip(polygon.iter().copied().cycle().skip(1))
}
