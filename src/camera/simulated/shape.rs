//! Outlines of cells and nuclei, as signed depth in um: positive inside, negative outside.

use std::f32::consts::TAU;

use super::chance::{between, noise, normal};

/// A round body with an irregular outline.
#[derive(Clone, Debug)]
pub struct Blob {
    x: f32,
    y: f32,
    pub radius: f32,
    /// Relative amplitude and phase of the outline's waves, two to six per turn.
    waves: [(f32, f32); 5],
}

impl Blob {
    /// A blob at `x`, `y` (um) whose outline deviates by about `irregular` of its radius.
    pub fn new(rng: &mut fastrand::Rng, x: f32, y: f32, radius: f32, irregular: f32) -> Self {
        let mut wave = 1.0;
        let waves = std::array::from_fn(|_| {
            wave += 1.0;
            (normal(rng) * irregular * 1.6 / wave, rng.f32() * TAU)
        });
        Self { x, y, radius, waves }
    }

    /// Distance from the centre, 1 at the outline.
    pub(crate) fn relative(&self, x: f32, y: f32) -> f32 {
        let (dx, dy) = (x - self.x, y - self.y);
        let distance = dx.hypot(dy);
        if distance > self.radius * 1.7 {
            return 2.0;
        }
        let angle = dy.atan2(dx);
        let mut edge = 1.0;
        let mut wave = 1.0;
        for (amplitude, phase) in self.waves {
            wave += 1.0;
            edge += amplitude * (wave * angle + phase).sin();
        }
        distance / (self.radius * edge)
    }

    pub fn depth(&self, x: f32, y: f32) -> f32 {
        (1.0 - self.relative(x, y)) * self.radius
    }
}

/// Shape of a nucleus.
#[derive(Clone, Debug)]
pub enum Nucleus {
    /// Lobes (centre, radius), each joined to the next by a thread of this half-width.
    Lobes { lobes: Vec<(f32, f32, f32)>, thread: f32 },
    /// An arc: centre, radius, direction of its opening, half its sweep (radians) and half its width.
    Band { x: f32, y: f32, radius: f32, opening: f32, half_sweep: f32, half_width: f32 },
    /// Round or oval, with an indentation (centre, radius) for kidney shapes.
    Body { body: Blob, dent: Option<(f32, f32, f32)> },
}

impl Nucleus {
    /// `count` lobes along an arc inside a cell of this radius.
    pub(crate) fn lobes(rng: &mut fastrand::Rng, cell: f32, count: usize, size: f32, thread: f32) -> Self {
        let start = rng.f32() * TAU;
        let sweep = TAU * between(rng, 0.55, 0.80);
        let ring = cell * between(rng, 0.44, 0.52);
        let lobes = (0..count)
            .map(|i| {
                let angle = start + sweep * i as f32 / (count as f32 - 1.0).max(1.0);
                let away = ring * between(rng, 0.75, 1.1);
                (away * angle.cos(), away * angle.sin(), cell * size * between(rng, 0.85, 1.15))
            })
            .collect();
        Self::Lobes { lobes, thread }
    }

    /// A band or horseshoe inside a cell of this radius.
    pub fn band(rng: &mut fastrand::Rng, cell: f32) -> Self {
        let opening = rng.f32() * TAU;
        let off = cell * 0.06;
        Self::Band {
            x: off * opening.cos(),
            y: off * opening.sin(),
            radius: cell * between(rng, 0.44, 0.52),
            opening,
            half_sweep: between(rng, 1.6, 2.2),
            half_width: cell * between(rng, 0.19, 0.25),
        }
    }

    /// A round nucleus of `share` of the cell's radius, off centre by up to `off` of it.
    pub fn body(rng: &mut fastrand::Rng, cell: f32, share: f32, off: f32, irregular: f32, dent: f32) -> Self {
        let way = rng.f32() * TAU;
        let away = cell * off * rng.f32();
        let (x, y, radius) = (away * way.cos(), away * way.sin(), cell * share);
        let body = Blob::new(rng, x, y, radius, irregular);
        let dent = (dent > 0.0).then(|| {
            // The indentation faces the cytoplasm, away from the side the nucleus lies on.
            let side = way + std::f32::consts::PI + 0.4 * normal(rng);
            let from = radius * (1.25 - 0.5 * dent);
            (x + from * side.cos(), y + from * side.sin(), radius * (0.25 + 0.35 * dent))
        });
        Self::Body { body, dent }
    }

    /// Depth inside the nucleus, um. `seed` roughens the outline.
    pub fn depth(&self, seed: u64, x: f32, y: f32) -> f32 {
        let (u, v) = (x * 0.5, y * 0.5);
        let x = x + 0.5 * noise(seed, u, v);
        let y = y + 0.5 * noise(seed ^ 0xabcd, u, v);
        match self {
            Self::Lobes { lobes, thread } => {
                let mut depth = f32::MIN;
                for (i, &(lx, ly, radius)) in lobes.iter().enumerate() {
                    depth = smooth_max(depth, radius - (x - lx).hypot(y - ly));
                    if let Some(&(nx, ny, _)) = lobes.get(i + 1) {
                        depth = smooth_max(depth, thread - segment_distance(x, y, lx, ly, nx, ny));
                    }
                }
                depth
            }
            &Self::Band { x: bx, y: by, radius, opening, half_sweep, half_width } => {
                let (dx, dy) = (x - bx, y - by);
                let back = opening + std::f32::consts::PI;
                let angle = (dy.atan2(dx) - back + 3.0 * TAU / 2.0).rem_euclid(TAU) - TAU / 2.0;
                let near = back + angle.clamp(-half_sweep, half_sweep);
                let width = half_width * (1.0 + 0.22 * (2.6 * angle).cos().abs());
                width - (dx - radius * near.cos()).hypot(dy - radius * near.sin())
            }
            Self::Body { body, dent } => {
                let depth = body.depth(x, y);
                dent.map_or(depth, |(dx, dy, radius)| -smooth_max(-depth, radius - (x - dx).hypot(y - dy)))
            }
        }
    }
}

/// Smooth maximum of two depths, rounded where they meet (over 0.4 um).
fn smooth_max(a: f32, b: f32) -> f32 {
    const ROUND: f32 = 0.4;
    let h = (ROUND - (a - b).abs()).max(0.0) / ROUND;
    a.max(b) + h * h * ROUND * 0.25
}

fn segment_distance(x: f32, y: f32, ax: f32, ay: f32, bx: f32, by: f32) -> f32 {
    let (ux, uy) = (bx - ax, by - ay);
    let length = (ux * ux + uy * uy).max(1e-6);
    let t = (((x - ax) * ux + (y - ay) * uy) / length).clamp(0.0, 1.0);
    (x - ax - t * ux).hypot(y - ay - t * uy)
}
