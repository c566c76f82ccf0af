//! Flags that a person must check before trusting a result: one row for each flag, one for each share that raises a
//! flag.
//!
//! The rows hold everything specific to a flag. Its translations are under `flag.CODE` and `flagMeans.CODE`, those of a
//! share under `evidence.CODE`; tests check languages, configuration and documentation against the rows.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::class::{CellClass, Group};

macro_rules! flags {
    ($($(#[$doc:meta])* $variant:ident $code:tt $short:literal [$($share:ident),*];)+) => {
        /// Something in the result that a person must look at.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        pub enum Flag {
            $($(#[$doc])* #[serde(rename = $code)] $variant,)+
        }

        impl Flag {
            /// Every flag, worst first.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word used in every output.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// Short text for a small display, at most 16 characters.
            #[must_use]
            pub const fn short(self) -> &'static str {
                match self { $(Self::$variant => $short,)+ }
            }

            /// The shares that raise it, each at its own limit; empty for a flag without a limit.
            #[must_use]
            pub const fn shares(self) -> &'static [Share] {
                match self { $(Self::$variant => &[$(Share::$share),*],)+ }
            }
        }
    };
}

macro_rules! shares {
    ($($variant:ident $code:tt $name:literal of $cells:expr, $believed:ident, limit $limit:literal $unit:literal $words:literal;)+) => {
        /// A share that can raise a flag.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        pub enum Share {
            $(#[serde(rename = $code)] $variant,)+
        }

        impl Share {
            /// Every share, in the order of the flags.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its row in the table.
            #[must_use]
            pub const fn row(self) -> ShareRow {
                match self {
                    $(Self::$variant => ShareRow {
                        code: $code,
                        name: $name,
                        cells: $cells,
                        believed: Believed::$believed,
                        limit: $limit,
                        unit: $unit,
                        limit_words: $words,
                    },)+
                }
            }
        }
    };
}

// Worst first. Code, text for a small display, the shares that raise it.
flags! {
    /// Blasts at or above the limit.
    Blasts "blasts" "BLASTS?" [Blasts];
    /// Immature granulocytes or bands at or above the limit.
    LeftShift "left-shift" "LEFT SHIFT?" [Bands, ImmatureGranulocytes];
    /// Erythroblasts at or above the limit.
    NucleatedRedCells "nucleated-red-cells" "NUCL. RED CELLS?" [NucleatedRedCells];
    /// A class of red cells at or above its limit; the graded red cells name it.
    RedCellMorphology "red-cell-morphology" "RED CELL SHAPES?" [];
    /// The white cells are unlike any that the classifier learned from.
    UnfamiliarStain "unfamiliar-stain" "STAIN UNFAMILIAR" [];
    /// More unclassified white cells than the limit.
    ManyUnclassified "many-unclassified" "MANY UNKNOWN" [Unclassified];
    /// More platelets lie in clumps than chance explains: every platelet count is too low.
    PlateletClumps "platelet-clumps" "PLT CLUMPS" [];
    /// Platelets as wide as red cells.
    GiantPlatelets "giant-platelets" "GIANT PLATELETS" [];
    /// The power failed during the count, and it was closed with the cells it had.
    Partial "partial" "PARTIAL" [];
    /// The power failed during the count, and it went on: cells may be counted twice.
    Resumed "resumed" "RESUMED" [];
    /// The session ended before it reached the requested target or precision.
    FewCells "few-cells" "FEW CELLS" [];
    /// The stage jumped: parts of the slide may have been counted twice.
    PossibleOverlap "possible-overlap" "MAY OVERLAP" [];
}

// Code, English name, the cells it counts, whether a single cell is enough, and the limit: its key in [flags], its
// unit, its translation key.
shares! {
    Blasts "blasts" "blasts"
        of Cells::Group(Group::Blasts), FromOne,
        limit "blasts_percent" "percent" "limit.blasts";
    Bands "bands" "bands"
        of Cells::Class(CellClass::Ngb), FromEnough,
        limit "bands_percent" "percent" "limit.bands";
    ImmatureGranulocytes "immature-granulocytes" "immature granulocytes"
        of Cells::Group(Group::ImmatureGranulocytes), FromEnough,
        limit "immature_granulocytes_percent" "percent" "limit.immature";
    NucleatedRedCells "nucleated-red-cells" "nucleated red cells per 100 white cells"
        of Cells::Class(CellClass::Ebo), FromOne,
        limit "nucleated_red_per_100" "per 100 white cells" "limit.nucleated";
    Unclassified "unclassified" "unclassified"
        of Cells::Class(CellClass::Unk), FromEnough,
        limit "unclassified_percent" "percent" "limit.unclassified";
}

/// The row of a [`Share`].
#[derive(Clone, Copy, Debug)]
pub struct ShareRow {
    /// The word used in every output.
    pub code: &'static str,
    /// The English name.
    pub name: &'static str,
    /// The cells it counts.
    pub cells: Cells,
    /// How many white cells it takes to trust the share.
    pub believed: Believed,
    /// The key of its limit in `[flags]`.
    pub limit: &'static str,
    /// Unit of the limit.
    pub unit: &'static str,
    /// Translation key of the limit.
    pub limit_words: &'static str,
}

/// The cells that a share counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cells {
    /// One class, in the unit it is reported in: percent or per 100.
    Class(CellClass),
    /// A group, in percent of the differential.
    Group(Group),
}

impl Cells {
    /// Code of the class or the group.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Class(class) => class.code(),
            Self::Group(group) => group.code(),
        }
    }
}

/// Whether a person must look at cells of this class in a result with these flags: blasts, unclassified ones, and those that a
/// flag is about.
#[must_use]
pub fn must_be_looked_at(class: CellClass, flags: &[Flag]) -> bool {
    let about = |share: &Share| match share.row().cells {
        Cells::Class(of) => of == class,
        Cells::Group(group) => group == class.group(),
    };
    class == CellClass::Unk || class.group() == Group::Blasts || flags.iter().flat_map(|flag| flag.shares()).any(about)
}

/// How many white cells must be counted before a share raises its flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Believed {
    /// A single cell is enough.
    FromOne,
    /// Common cells: the share is reliable only once enough are counted.
    FromEnough,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_fits_on_a_small_display_and_is_written_as_its_code() {
        for flag in Flag::ALL {
            assert!((1..=16).contains(&flag.short().chars().count()), "{flag:?}");
            assert_eq!(serde_json::to_value(flag).unwrap(), flag.code());
        }
        for share in Share::ALL {
            assert_eq!(serde_json::to_value(share).unwrap(), share.row().code);
        }
    }

    #[test]
    fn every_share_raises_exactly_one_flag_and_they_stand_in_the_order_of_the_flags() {
        let raising: Vec<Share> = Flag::ALL.iter().flat_map(|flag| flag.shares()).copied().collect();
        assert_eq!(raising, Share::ALL);
    }
}
