//! The report on the platelets of a sample.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use statrs::distribution::{DiscreteCDF, Poisson};
use utoipa::ToSchema;

use super::clumps::{Clumps, Spot, TOUCHING, by_chance};
use super::fields::{ENOUGH_FIELDS, WholeField, per_microlitre, per_oil_field};
use crate::domain::flag::Flag;
use crate::domain::interval::Figure;
use crate::vision::box_margin::cell_in_box;

/// A platelet wider than this is a giant one, um: as wide as a red cell.
const GIANT_UM: f64 = 7.0;

/// Giant platelets that raise the flag: so many, and this share of those measured. One or two may be dirt.
const GIANTS: u32 = 3;
const GIANT_SHARE: f64 = 0.01;

/// Share of the platelets in clumps that raises the flag.
const CLUMPED_SHARE: f64 = 0.05;

/// Share of the platelets that touch another one that raises it, too: of a clump the detector finds half of the platelets or
/// fewer, so that often two are left.
const TOUCHING_SHARE: f64 = 0.15;

/// A clump this large raises the flag by itself.
const LARGE_CLUMP: u32 = 10;

/// Probability of that many clumps or pairs by chance below which it was not chance.
const NO_CHANCE: f64 = 0.01;

/// What must be known to read the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlateletNote {
    /// Platelets lie in clumps: every count of them is too low, and there is no estimate by fields.
    PlateletClumps,
    /// Giant platelets: they, or clumps and cells taken for them, make the counts doubtful.
    GiantPlatelets,
    /// Sizes and areas are measured by the red cells' usual diameter; no scale was stated or calibrated.
    ScaleByRedCells,
    /// Fewer than ten whole fields: no estimate by fields.
    FewFields,
}

impl PlateletNote {
    /// The sentence, in English.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::PlateletClumps => {
                "platelets lie in clumps: every platelet count here is too low, and there is no estimate by fields"
            }
            Self::GiantPlatelets => {
                "platelets over 7 µm wide, or clumps and cells taken for them: look at them before trusting a platelet count"
            }
            Self::ScaleByRedCells => {
                "sizes and areas by the red cells (7.2 µm wide): no scale was stated or calibrated"
            }
            Self::FewFields => "no platelet estimate by fields: it takes 10 whole fields that do not overlap",
        }
    }
}

/// What the platelets of a sample tell beyond their number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlateletReport {
    /// Platelets counted.
    pub counted: u32,
    /// Clumps: three or more platelets of which each touches another one.
    pub clumps: u32,
    /// Platelets in clumps.
    pub in_clumps: u32,
    /// Platelets of the largest clump.
    pub largest_clump: u32,
    /// Clumps that so many platelets would form by chance.
    pub clumps_by_chance: f64,
    /// Platelets that touch another one.
    pub touching: u32,
    /// Platelets whose size is known, um.
    pub measured: u32,
    /// Of these, wider than 7 um.
    pub giant: u32,
    /// Whole fields that do not overlap.
    pub fields: u32,
    /// Platelets in them, away from the border.
    pub in_fields: u32,
    /// Area of these fields together, without the border, um².
    pub fields_um2: f64,
    /// Mean of an oil-immersion field 0.2 mm across (31,416 um²), with the 95 % interval from the spread between the fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_oil_field: Option<Figure>,
    /// Estimate per microlitre by these fields: their mean times 15,000 to 20,000.
    #[serde(rename = "PLT_per_ul_by_fields", skip_serializing_if = "Option::is_none")]
    pub per_ul_by_fields: Option<Figure>,
    /// What must be known to read the figures.
    pub notes: Vec<PlateletNote>,
}

/// What was measured of the platelets and fields so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Measured {
    clumps: Clumps,
    pairs_by_chance: f64,
    clumps_by_chance: f64,
    sized: u32,
    giant: u32,
    pub(super) fields: u32,
    in_fields: u32,
    fields_um2: f64,
    per_oil_field: Option<Figure>,
    /// Whether the scale of every field was stated.
    stated: bool,
}

impl Measured {
    pub(super) fn of(spots: &[Spot], fields: &BTreeMap<u32, Vec<WholeField>>, scales: &BTreeMap<u32, f64>) -> Self {
        let mut in_patch: BTreeMap<u32, Vec<Spot>> = BTreeMap::new();
        for spot in spots {
            in_patch.entry(spot.patch).or_default().push(*spot);
        }
        let none = Vec::new();
        let of_patch = |patch: u32| in_patch.get(&patch).unwrap_or(&none);
        let all = fields.values().flatten();
        let counts: Vec<(u32, f64)> = all.clone().filter_map(|field| field.count(of_patch(field.patch))).collect();
        let in_fields = counts.iter().map(|(count, _)| count).sum();
        let fields_um2: f64 = counts.iter().map(|(_, area)| area).sum();
        let mut sizes: Vec<f64> = spots.iter().filter_map(|spot| Some(spot.size * scales.get(&spot.patch)?)).collect();
        sizes.sort_by(f64::total_cmp);
        let near = sizes
            .get(sizes.len() / 2)
            .filter(|_| fields_um2 > 0.0)
            .map_or(0.0, |size| f64::from(in_fields) / fields_um2 * std::f64::consts::PI * (TOUCHING * size).powi(2));
        let (pairs_by_chance, clumps_by_chance) = by_chance(spots.len() as u32, near);
        Self {
            clumps: Clumps::among(spots),
            pairs_by_chance,
            clumps_by_chance,
            sized: sizes.len() as u32,
            giant: sizes.iter().filter(|size| cell_in_box(**size) > GIANT_UM).count() as u32,
            fields: counts.len() as u32,
            in_fields,
            fields_um2,
            per_oil_field: per_oil_field(&counts),
            stated: all.clone().all(|field| field.stated),
        }
    }

    /// Whether more platelets lie together than chance explains, and enough to matter.
    fn is_clumped(&self, counted: u32) -> bool {
        let Clumps { number, held, largest, groups, touching } = self.clumps;
        let share = |of: u32, share: f64| f64::from(of) >= share * f64::from(counted);
        (share(held, CLUMPED_SHARE) || largest >= LARGE_CLUMP) && is_no_chance(number, self.clumps_by_chance)
            || share(touching, TOUCHING_SHARE) && is_no_chance(groups, self.pairs_by_chance)
    }

    fn has_giants(&self) -> bool {
        self.giant >= GIANTS && f64::from(self.giant) >= GIANT_SHARE * f64::from(self.sized)
    }
}

/// Whether chance alone hardly ever gives so many, where it gives `expected` on average.
fn is_no_chance(found: u32, expected: f64) -> bool {
    let Some(fewer) = found.checked_sub(1) else { return false };
    // No distribution: none are expected.
    Poisson::new(expected).map_or(0.0, |poisson| poisson.sf(fewer.into())) < NO_CHANCE
}

impl PlateletReport {
    pub(super) fn of(counted: u32, of: &Measured) -> Self {
        let clumped = of.is_clumped(counted);
        let enough = of.fields >= ENOUGH_FIELDS;
        let per_oil_field = of.per_oil_field.filter(|figure| enough && !clumped && figure.is_finite());
        let rests_on_scale = per_oil_field.is_some() || of.giant > 0;
        let notes = [
            (PlateletNote::PlateletClumps, clumped),
            (PlateletNote::GiantPlatelets, of.has_giants()),
            (PlateletNote::ScaleByRedCells, rests_on_scale && !of.stated),
            (PlateletNote::FewFields, !enough && !clumped),
        ];
        Self {
            counted,
            clumps: of.clumps.number,
            in_clumps: of.clumps.held,
            largest_clump: of.clumps.largest,
            clumps_by_chance: of.clumps_by_chance,
            touching: of.clumps.touching,
            measured: of.sized,
            giant: of.giant,
            fields: of.fields,
            in_fields: of.in_fields,
            fields_um2: of.fields_um2,
            per_oil_field,
            per_ul_by_fields: per_oil_field.map(per_microlitre),
            notes: notes.into_iter().filter(|(_, holds)| *holds).map(|(note, _)| note).collect(),
        }
    }

    /// The flags that these platelets raise.
    pub fn flags(&self) -> impl Iterator<Item = Flag> + '_ {
        self.notes.iter().filter_map(|note| match note {
            PlateletNote::PlateletClumps => Some(Flag::PlateletClumps),
            PlateletNote::GiantPlatelets => Some(Flag::GiantPlatelets),
            PlateletNote::ScaleByRedCells | PlateletNote::FewFields => None,
        })
    }

    /// The same with another number of platelets: a person called a white cell a platelet, or a platelet a white cell.
    #[must_use]
    pub fn with_counted(&self, counted: u32) -> Self {
        Self { counted, ..self.clone() }
    }
}
