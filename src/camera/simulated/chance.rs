//! Reproducible randomness: everything on the simulated slide follows from a seed and a place, so any part of it can
//! be drawn at any time and in any order.

/// Mixes a seed and a place into 64 well-distributed bits (the finaliser of `SplitMix64`).
pub fn mix(seed: u64, a: i64, b: i64) -> u64 {
    let mut z = seed
        .wrapping_add((a as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .wrapping_add((b as u64).wrapping_mul(0xc2b2_ae3d_27d4_eb4f));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number in 0..1 for a seed and a place.
pub fn unit(seed: u64, a: i64, b: i64) -> f64 {
    (mix(seed, a, b) >> 11) as f64 / (1_u64 << 53) as f64
}

/// An approximately normal number: mean 0, standard deviation 1, never beyond 3.
pub fn normal(rng: &mut fastrand::Rng) -> f32 {
    (rng.f32() + rng.f32() + rng.f32() - 1.5) * 2.0
}

/// A uniform number in `low..high`.
pub fn between(rng: &mut fastrand::Rng, low: f32, high: f32) -> f32 {
    low + (high - low) * rng.f32()
}

/// Smooth value noise, -1..=1, with features about 1 unit apart.
pub fn noise(seed: u64, x: f32, y: f32) -> f32 {
    let (cell_x, cell_y) = (x.floor(), y.floor());
    let (ix, iy) = (cell_x as i32, cell_y as i32);
    let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
    let (u, v) = (smooth(x - cell_x), smooth(y - cell_y));
    let lattice = |dx: i32, dy: i32| lattice(seed, ix.wrapping_add(dx), iy.wrapping_add(dy));
    let top = lattice(0, 0) * (1.0 - u) + lattice(1, 0) * u;
    let bottom = lattice(0, 1) * (1.0 - u) + lattice(1, 1) * u;
    top * (1.0 - v) + bottom * v
}

fn lattice(seed: u64, x: i32, y: i32) -> f32 {
    (mix32(seed, x, y) >> 8) as f32 / 8_388_608.0 - 1.0
}

fn mix32(seed: u64, x: i32, y: i32) -> u32 {
    let mut h = (seed as u32) ^ (x as u32).wrapping_mul(0x85eb_ca6b) ^ (y as u32).wrapping_mul(0xc2b2_ae35);
    h = (h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d);
    h = (h ^ (h >> 12)).wrapping_mul(0x297a_2d39);
    h ^ (h >> 15)
}

/// Granule pattern: how close a place is to a granule's centre, 0 (between granules) to 1 (at the centre).
///
/// Granules are discs of about `radius` units (0..=0.5), one per unit square, with a share `share` of the squares
/// filled.
pub(crate) fn granule(seed: u64, x: f32, y: f32, radius: f32, share: f32) -> f32 {
    let (ix, iy) = (x.floor() as i32, y.floor() as i32);
    let mut best: f32 = 0.0;
    for dy in -1..=1 {
        for dx in -1..=1 {
            let (gx, gy) = (ix.wrapping_add(dx), iy.wrapping_add(dy));
            let h = mix32(seed, gx, gy);
            if (h & 0xff) as f32 >= share * 256.0 {
                continue;
            }
            let px = gx as f32 + 0.2 + 0.6 * ((h >> 8) & 0xff) as f32 / 255.0 - x;
            let py = gy as f32 + 0.2 + 0.6 * ((h >> 16) & 0xff) as f32 / 255.0 - y;
            let size = radius * (0.7 + 0.6 * (h >> 24) as f32 / 255.0);
            best = best.max(1.0 - (px * px + py * py) / (size * size));
        }
    }
    best.clamp(0.0, 1.0)
}
