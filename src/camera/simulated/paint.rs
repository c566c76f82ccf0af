//! Paints red cells and platelets, and dispatches white cells.

use super::chance::{between, granule, mix, noise, normal};
use super::shape::Blob;
use super::slide::PlacedCell;
use super::sprite::{Matter, Sprite};
use super::white;
use crate::domain::class::Kind;

/// Paints one cell. `seed` is the slide's; a cell always looks the same.
pub fn cell(seed: u64, placed: &PlacedCell, um_per_px: f32) -> Sprite {
    let seed = mix(seed, placed.id.cast_signed(), 0x0ce1);
    let mut rng = fastrand::Rng::with_seed(seed);
    match (placed.kind, placed.class) {
        (Kind::Wbc, Some(class)) => white::paint(&mut rng, seed, class, um_per_px),
        (Kind::Plt, _) => platelet(&mut rng, seed, um_per_px),
        _ => red(&mut rng, seed, um_per_px),
    }
}

/// Absorbance `colour` times `amount`.
pub fn stain(colour: [f32; 3], amount: f32) -> [f32; 3] {
    colour.map(|c| c * amount)
}

/// 0 outside an edge, 1 inside, with a soft transition of about 0.3 um.
pub fn edge(depth: f32) -> f32 {
    let t = (depth / 0.3 + 0.5).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

const HAEMOGLOBIN: [f32; 3] = [0.21, 0.38, 0.31];

/// A biconcave disc, 7.2 um across with a spread of 6 %; most have central pallor.
fn red(rng: &mut fastrand::Rng, seed: u64, um_per_px: f32) -> Sprite {
    let radius = 3.6 * (1.0 + 0.06 * normal(rng));
    let blob = Blob::new(rng, 0.0, 0.0, radius, 0.03);
    let (angle, stretch) = (rng.f32() * 3.2, 1.0 + 0.05 * normal(rng).abs());
    let (sin, cos) = angle.sin_cos();
    let pallor = if rng.f32() < 0.18 { between(rng, 0.0, 0.2) } else { between(rng, 0.40, 0.85) };
    let pallor_width = between(rng, 0.36, 0.60);
    let (pallor_x, pallor_y) = (0.07 * normal(rng) * radius, 0.07 * normal(rng) * radius);
    let tone = 1.0 + 0.10 * normal(rng);
    Sprite::paint(radius * 1.35, um_per_px, |x, y| {
        let (u, v) = ((x * cos + y * sin) / stretch, (y * cos - x * sin) * stretch);
        let out = blob.relative(u, v);
        let cover = edge((1.0 - out) * radius);
        // Refraction at the cell's edge: a thin bright line just outside.
        let halo = -0.035 * (-((out - 1.10) / 0.06).powi(2)).exp();
        let middle = ((u - pallor_x).hypot(v - pallor_y) / radius / pallor_width).powi(3);
        let thickness = (1.0 - pallor * (-middle).exp()) * (0.93 + 0.12 * (-((out - 0.93) / 0.08).powi(2)).exp());
        let texture = 1.0 + 0.035 * noise(seed, x * 1.3, y * 1.3);
        Matter { absorbance: stain(HAEMOGLOBIN, cover * thickness * tone * texture + halo), cover }
    })
}

/// Violet granules in a pale body, 2 to 3 um across.
fn platelet(rng: &mut fastrand::Rng, seed: u64, um_per_px: f32) -> Sprite {
    let radius = 1.4 * (1.0 + 0.10 * normal(rng));
    let blob = Blob::new(rng, 0.0, 0.0, radius, 0.14);
    let strength = between(rng, 0.8, 1.2);
    Sprite::paint(radius * 1.8, um_per_px, |x, y| {
        let depth = blob.depth(x, y) + 0.15 * noise(seed, x * 2.5, y * 2.5);
        let cover = edge(depth);
        let inner = (depth / radius * 1.6).clamp(0.0, 1.0);
        let dots = granule(seed ^ 9, x * 2.2, y * 2.2, 0.45, 0.85);
        let body = stain([0.20, 0.32, 0.12], cover);
        let granules = stain([0.62, 1.05, 0.36], cover * (0.25 + 0.75 * inner) * (0.25 + 0.75 * dots) * strength);
        Matter { absorbance: std::array::from_fn(|k| body[k] + granules[k]), cover }
    })
}
