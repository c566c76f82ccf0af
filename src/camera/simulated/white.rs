//! White cells: nucleus, cytoplasm and granules of each class, as in Romanowsky stains.

use super::chance::{between, granule, noise, normal};
use super::paint::{edge, stain};
use super::shape::{Blob, Nucleus};
use super::slide::radius;
use super::sprite::{Matter, Sprite};
use crate::domain::class::CellClass;

/// Granules in the cytoplasm.
#[derive(Clone, Copy, Debug)]
struct Granules {
    /// Absorbance at a granule's centre.
    colour: [f32; 3],
    /// Distance between granules, um.
    pitch: f32,
    /// Radius of a granule, in pitches.
    size: f32,
    /// Share of granule positions filled, 0..=1.
    share: f32,
    /// How strongly they show over the nucleus, 0..=1.
    over_nucleus: f32,
}

/// Appearance of a class.
#[derive(Debug)]
struct Look {
    outline: Blob,
    nucleus: Nucleus,
    /// Absorbance of the nucleus.
    chromatin: [f32; 3],
    /// Contrast of the chromatin, 0..=1, and the size of its clumps, um.
    clumps: (f32, f32),
    /// Absorbance of the cytoplasm at the centre of the cell.
    cytoplasm: [f32; 3],
    /// How much more strongly the cytoplasm stains at the rim.
    rim: f32,
    granules: Option<Granules>,
    /// Pale spots (centre and radius, um): nucleoli in the nucleus, vacuoles in the cytoplasm.
    nucleoli: Vec<(f32, f32, f32)>,
    vacuoles: Vec<(f32, f32, f32)>,
    /// Roughness of the cell's outline, um.
    ragged: f32,
}

const FINE_PINK: Granules =
    Granules { colour: [0.16, 0.34, 0.14], pitch: 0.55, size: 0.38, share: 0.6, over_nucleus: 0.0 };
const FINE_VIOLET: Granules =
    Granules { colour: [0.40, 0.62, 0.24], pitch: 0.75, size: 0.34, share: 0.45, over_nucleus: 0.25 };
const ORANGE: Granules =
    Granules { colour: [0.12, 0.42, 0.38], pitch: 0.85, size: 0.56, share: 1.0, over_nucleus: 0.12 };
const DARK_VIOLET: Granules =
    Granules { colour: [0.75, 1.10, 0.42], pitch: 0.9, size: 0.60, share: 0.9, over_nucleus: 0.7 };
const AZURE: Granules = Granules { colour: [0.45, 0.80, 0.28], pitch: 0.85, size: 0.36, share: 0.6, over_nucleus: 0.7 };

const PINK_CYTOPLASM: [f32; 3] = [0.13, 0.25, 0.12];

/// Paints a white cell (or an erythroblast or smudge cell) of a class.
pub(crate) fn paint(rng: &mut fastrand::Rng, seed: u64, class: CellClass, um_per_px: f32) -> Sprite {
    let size = radius(class) as f32 * (1.0 + 0.05 * normal(rng)).clamp(0.9, 1.1);
    let look = look(rng, class, size);
    let depth_of_stain = 1.0 + 0.06 * normal(rng);
    Sprite::paint(size * 1.3, um_per_px, |x, y| look.matter(seed, x, y, depth_of_stain))
}

impl Look {
    fn matter(&self, seed: u64, x: f32, y: f32, strength: f32) -> Matter {
        let depth = self.outline.depth(x, y) + self.ragged * noise(seed ^ 1, x * 1.1, y * 1.1);
        let cover = edge(depth);
        if cover <= 0.0 {
            return Matter::default();
        }
        let inside = self.nucleus.depth(seed ^ 2, x, y).min(depth + 0.1);
        let nuclear = edge(inside);
        let (contrast, clump) = self.clumps;
        let coarse = noise(seed ^ 3, x / clump, y / clump);
        let fine = noise(seed ^ 4, x / clump * 2.3, y / clump * 2.3);
        // The nuclear membrane is a thin darker line.
        let membrane = 0.14 * (-((inside - 0.25) / 0.22).powi(2)).exp();
        let mut chromatin = nuclear * (1.0 + contrast * (0.62 * coarse + 0.38 * fine) + membrane);
        chromatin *= 1.0 - 0.45 * spots(&self.nucleoli, x, y);

        let cloud = 1.0 + 0.18 * noise(seed ^ 5, x * 0.8, y * 0.8) + 0.10 * noise(seed ^ 6, x * 2.4, y * 2.4);
        let rim = 1.0 + self.rim * (-(depth / 0.8).max(0.0)).exp();
        let clear = 1.0 - 0.85 * spots(&self.vacuoles, x, y);
        let cytoplasm = cover * (1.0 - 0.6 * nuclear) * cloud * rim * clear;

        let mut absorbance: [f32; 3] =
            std::array::from_fn(|k| self.chromatin[k] * chromatin + self.cytoplasm[k] * cytoplasm);
        if let Some(granules) = self.granules {
            let there = cover * (1.0 - nuclear * (1.0 - granules.over_nucleus)) * clear;
            let grain =
                granule(seed ^ 7, x / granules.pitch, y / granules.pitch, granules.size, granules.share) * there;
            for (k, a) in absorbance.iter_mut().enumerate() {
                *a += granules.colour[k] * grain;
            }
        }
        Matter { absorbance: stain(absorbance, strength), cover }
    }
}

fn spots(spots: &[(f32, f32, f32)], x: f32, y: f32) -> f32 {
    spots.iter().map(|&(sx, sy, radius)| edge(radius - (x - sx).hypot(y - sy))).fold(0.0, f32::max)
}

fn scatter(rng: &mut fastrand::Rng, count: usize, within: f32, low: f32, high: f32) -> Vec<(f32, f32, f32)> {
    (0..count)
        .map(|_| {
            let (angle, away) = (rng.f32() * std::f32::consts::TAU, within * rng.f32().sqrt());
            (away * angle.cos(), away * angle.sin(), between(rng, low, high))
        })
        .collect()
}

#[expect(clippy::too_many_lines, reason = "one table of the classes' looks, to be read side by side")]
fn look(rng: &mut fastrand::Rng, class: CellClass, size: f32) -> Look {
    let neutrophil = Look {
        outline: Blob::new(rng, 0.0, 0.0, size, 0.035),
        nucleus: Nucleus::band(rng, size),
        chromatin: [0.98, 1.52, 0.55],
        clumps: (0.42, 0.85),
        cytoplasm: PINK_CYTOPLASM,
        rim: 0.0,
        granules: Some(FINE_PINK),
        nucleoli: Vec::new(),
        vacuoles: Vec::new(),
        ragged: 0.12,
    };
    match class {
        CellClass::Ngb => neutrophil,
        CellClass::Eos => Look {
            nucleus: Nucleus::lobes(rng, size, 2, 0.40, 0.55),
            chromatin: [0.92, 1.35, 0.50],
            cytoplasm: [0.17, 0.50, 0.42],
            granules: Some(ORANGE),
            ..neutrophil
        },
        CellClass::Bas => Look {
            nucleus: Nucleus::lobes(rng, size, 3, 0.42, 0.8),
            chromatin: [0.60, 0.90, 0.32],
            cytoplasm: [0.38, 0.58, 0.22],
            granules: Some(DARK_VIOLET),
            ragged: 0.3,
            ..neutrophil
        },
        CellClass::Lyt => Look {
            nucleus: {
                let share = between(rng, 0.84, 0.93);
                Nucleus::body(rng, size, share, 0.12, 0.02, 0.0)
            },
            chromatin: [1.00, 1.50, 0.52],
            clumps: (0.42, 1.1),
            cytoplasm: [0.40, 0.38, 0.14],
            rim: 0.25,
            granules: None,
            ..neutrophil
        },
        CellClass::Mon => Look {
            outline: Blob::new(rng, 0.0, 0.0, size, 0.075),
            nucleus: {
                let dent = between(rng, 0.1, 0.75);
                Nucleus::body(rng, size, 0.74, 0.18, 0.10, dent)
            },
            chromatin: [0.76, 1.16, 0.40],
            clumps: (0.42, 0.7),
            cytoplasm: [0.32, 0.36, 0.17],
            rim: 0.25,
            granules: Some(Granules { colour: [0.16, 0.24, 0.08], share: 0.5, ..FINE_PINK }),
            vacuoles: {
                let count = rng.usize(0..5);
                scatter(rng, count, size * 0.8, 0.25, 0.6)
            },
            ragged: 0.25,
            ..neutrophil
        },
        CellClass::Mmz => Look {
            nucleus: Nucleus::body(rng, size, 0.66, 0.25, 0.04, 0.75),
            chromatin: [0.98, 1.36, 0.52],
            granules: Some(Granules { share: 0.5, ..FINE_VIOLET }),
            cytoplasm: [0.18, 0.28, 0.12],
            ..neutrophil
        },
        CellClass::Myb => Look {
            nucleus: Nucleus::body(rng, size, 0.66, 0.28, 0.03, 0.0),
            chromatin: [0.95, 1.32, 0.50],
            cytoplasm: [0.30, 0.34, 0.12],
            granules: Some(FINE_VIOLET),
            rim: 0.2,
            ..neutrophil
        },
        CellClass::Pmo => Look {
            nucleus: Nucleus::body(rng, size, 0.74, 0.18, 0.03, 0.0),
            chromatin: [0.82, 1.22, 0.44],
            clumps: (0.22, 0.8),
            cytoplasm: [0.40, 0.38, 0.12],
            granules: Some(AZURE),
            nucleoli: scatter(rng, 2, size * 0.4, 0.7, 1.0),
            rim: 0.3,
            ..neutrophil
        },
        CellClass::Myo => Look {
            nucleus: Nucleus::body(rng, size, 0.84, 0.12, 0.03, 0.0),
            chromatin: [0.80, 1.26, 0.40],
            clumps: (0.14, 0.6),
            cytoplasm: [0.62, 0.50, 0.16],
            granules: None,
            nucleoli: scatter(rng, 3, size * 0.5, 0.7, 1.2),
            rim: 0.3,
            ..neutrophil
        },
        CellClass::Ebo => Look {
            outline: Blob::new(rng, 0.0, 0.0, size, 0.05),
            nucleus: Nucleus::body(rng, size, 0.56, 0.3, 0.02, 0.0),
            chromatin: [1.35, 1.70, 0.85],
            clumps: (0.20, 0.9),
            cytoplasm: [0.34, 0.38, 0.22],
            granules: None,
            ..neutrophil
        },
        CellClass::Ksc => Look {
            outline: Blob::new(rng, 0.0, 0.0, size, 0.16),
            nucleus: Nucleus::body(rng, size, 0.95, 0.05, 0.16, 0.0),
            chromatin: [0.52, 0.95, 0.28],
            clumps: (0.55, 1.6),
            cytoplasm: [0.14, 0.26, 0.08],
            granules: None,
            ragged: 0.9,
            ..neutrophil
        },
        _ => {
            let count = [2, 3, 3, 3, 3, 4, 4, 5][rng.usize(0..8)];
            let lobe = [0.36, 0.31, 0.28, 0.25][count - 2];
            Look { nucleus: Nucleus::lobes(rng, size, count, lobe, 0.35), ..neutrophil }
        }
    }
}
