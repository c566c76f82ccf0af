//! Kinds of cell that the detector tells apart, the classes of Matek et al. 2019, and those that only people give.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// Kinds of cell that the detector tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub enum Kind {
    /// White cell (leukocyte), nucleated red cells included until they are classified.
    #[serde(rename = "WBC")]
    Wbc,
    /// Red cell (erythrocyte).
    #[serde(rename = "RBC")]
    Rbc,
    /// Platelet (thrombocyte).
    #[serde(rename = "PLT")]
    Plt,
}

impl Kind {
    /// All kinds, in the order of the detector's channels.
    pub const ALL: [Self; 3] = [Self::Wbc, Self::Rbc, Self::Plt];

    /// Position in [`Kind::ALL`], 0..3.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The code used in every output: `WBC`, `RBC` or `PLT`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Wbc => "WBC",
            Self::Rbc => "RBC",
            Self::Plt => "PLT",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

macro_rules! classes {
    ($($(#[$doc:meta])* $variant:ident $code:literal $name:literal $group:ident $key:literal $place:literal $blood:expr;)+) => {
        /// A class of single cells: the 15 of Matek et al. 2019 (Nature Machine Intelligence 1, 538), blasts whose line is not
        /// told, platelets, "unknown" for a cell the program will not name, and those that only a person gives.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum CellClass {
            $($(#[$doc])* $variant,)+
        }

        impl CellClass {
            /// Every class, in alphabetical order of the code, PLT and UNK last.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The three-letter code used in every output.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The name a person reads.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Position in [`CellClass::ALL`].
            #[must_use]
            pub const fn index(self) -> usize {
                self as usize
            }

            /// The group this class is reported under.
            #[must_use]
            pub const fn group(self) -> Group {
                match self { $(Self::$variant => Group::$group,)+ }
            }

            /// The review key that assigns this class: a letter of its English name where one is free.
            #[must_use]
            pub const fn key(self) -> char {
                match self { $(Self::$variant => $key,)+ }
            }

            /// Place in the order of maturation, from 0: blasts, granulopoiesis, the other white cells of blood, then
            /// everything that is not a white cell.
            #[must_use]
            pub const fn place(self) -> u8 {
                match self { $(Self::$variant => $place,)+ }
            }

            /// Share of the class among the nucleated cells of an adult's peripheral blood, 0..1.
            ///
            /// Midpoints of the reference ranges for the manual differential in Bain, "Blood Cells", 5th ed., and Dacie
            /// and Lewis, "Practical Haematology", 12th ed.; `NOT_IN_BLOOD` for classes not normally seen. Not
            /// normalised; 0 for PLT and UNK, and for classes that only a person gives.
            #[must_use]
            pub const fn in_blood(self) -> f64 {
                match self { $(Self::$variant => $blood,)+ }
            }
        }
    };
}

/// Share of each class not normally found in an adult's blood: unlikely, but never ruled out.
const NOT_IN_BLOOD: f64 = 0.002;

// Code, English name, group, review key, place in maturation, share in blood. Translations are under `class.CODE`,
// short ones under `short.CODE`.
classes! {
    /// Artefact, or anything else that is no cell: taken out of the count. Given by people alone.
    Art "ART" "artefact, no cell" NotACell 'f' 20 0.0;
    /// Basophil.
    Bas "BAS" "basophil" Basophils 'b' 11 0.007;
    /// Blast whose line is not told: what the program answers for every blast.
    Bla "BLA" "blast" Blasts 'n' 0 NOT_IN_BLOOD;
    /// Erythroblast: a nucleated red cell.
    Ebo "EBO" "erythroblast" NucleatedRed 'r' 17 NOT_IN_BLOOD;
    /// Eosinophil.
    Eos "EOS" "eosinophil" Eosinophils 'e' 10 0.03;
    /// Smudge cell: a nucleus crushed when the smear was made.
    Ksc "KSC" "smudge cell" Smudge 'k' 18 NOT_IN_BLOOD;
    /// Lymphoblast. Given by people alone.
    Lbl "LBL" "lymphoblast" Blasts 'g' 3 0.0;
    /// Atypical lymphocyte.
    Lya "LYA" "lymphocyte (atypical)" Lymphocytes 'a' 14 NOT_IN_BLOOD;
    /// Reactive lymphocyte, as in an infection. Given by people alone.
    Lyr "LYR" "lymphocyte (reactive)" Lymphocytes 'i' 15 0.0;
    /// Typical lymphocyte.
    Lyt "LYT" "lymphocyte (typical)" Lymphocytes 'l' 13 0.30;
    /// Metamyelocyte.
    Mmz "MMZ" "metamyelocyte" ImmatureGranulocytes 't' 7 NOT_IN_BLOOD;
    /// Monoblast.
    Mob "MOB" "monoblast" Blasts 'o' 2 NOT_IN_BLOOD;
    /// Monocyte.
    Mon "MON" "monocyte" Monocytes 'm' 12 0.06;
    /// Myelocyte.
    Myb "MYB" "myelocyte" ImmatureGranulocytes 'y' 6 NOT_IN_BLOOD;
    /// Myeloblast.
    Myo "MYO" "myeloblast" Blasts 'x' 1 NOT_IN_BLOOD;
    /// Band neutrophil.
    Ngb "NGB" "neutrophil (band)" Neutrophils 'd' 8 0.03;
    /// Segmented neutrophil.
    Ngs "NGS" "neutrophil (segmented)" Neutrophils 's' 9 0.57;
    /// Plasma cell. Given by people alone.
    Plc "PLC" "plasma cell" PlasmaCells 'c' 16 0.0;
    /// Bilobed promyelocyte, the cell of acute promyelocytic leukaemia.
    Pmb "PMB" "promyelocyte (bilobed)" Blasts 'q' 4 NOT_IN_BLOOD;
    /// Promyelocyte.
    Pmo "PMO" "promyelocyte" ImmatureGranulocytes 'p' 5 NOT_IN_BLOOD;
    /// Two cells in one box, so that one class cannot name them. Given by people alone.
    Two "TWO" "two cells in one box" TwoCells 'w' 19 0.0;
    /// Platelet.
    Plt "PLT" "platelet" Platelets 'v' 21 0.0;
    /// Not named: too uncertain, or not a cell of these classes.
    Unk "UNK" "unclassified" Unclassified 'u' 22 0.0;
}

macro_rules! groups {
    ($($(#[$doc:meta])* $variant:ident $code:tt $name:literal $reported:ident;)+) => {
        /// A group that a report joins classes into.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        pub enum Group {
            $($(#[$doc])* #[serde(rename = $code)] $variant,)+
        }

        impl Group {
            /// Every group, in the order of a report.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word used in every output.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The name a person reads.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// How its classes are reported.
            #[must_use]
            pub const fn reported(self) -> Reported {
                match self { $(Self::$variant => Reported::$reported,)+ }
            }
        }
    };
}

// Code, English name, how its classes are reported. Translations are under `group.CODE`.
groups! {
    /// Segmented and band neutrophils.
    Neutrophils "neutrophils" "neutrophils" Percent;
    /// Typical, atypical and reactive lymphocytes.
    Lymphocytes "lymphocytes" "lymphocytes" Percent;
    /// Plasma cells.
    PlasmaCells "plasma-cells" "plasma cells" Percent;
    /// Monocytes.
    Monocytes "monocytes" "monocytes" Percent;
    /// Eosinophils.
    Eosinophils "eosinophils" "eosinophils" Percent;
    /// Basophils.
    Basophils "basophils" "basophils" Percent;
    /// Metamyelocytes, myelocytes and promyelocytes.
    ImmatureGranulocytes "immature-granulocytes" "immature granulocytes" Percent;
    /// Blasts, whether or not their line is told: myeloblasts, monoblasts, lymphoblasts, bilobed
    /// promyelocytes.
    Blasts "blasts" "blasts" Percent;
    /// Erythroblasts.
    NucleatedRed "nucleated-red" "nucleated red cells" Per100;
    /// Smudge cells.
    Smudge "smudge" "smudge cells" Per100;
    /// Boxes with two cells.
    TwoCells "two-cells" "two cells in one box" PercentOfAll;
    /// What a person took out of the count.
    NotACell "not-a-cell" "artefacts, no cells" LeftOut;
    /// Platelets.
    Platelets "platelets" "platelets" Elsewhere;
    /// Unclassified cells.
    Unclassified "unclassified" "unclassified" PercentOfAll;
}

/// How a class is reported.
///
/// Nucleated red cells and smudge cells are reported per 100 white cells, as laboratories do (CLSI H20-A2); platelets
/// and unclassified cells are not part of the differential either. Two cells in one box count as one white cell outside the
/// differential: the program found one there, and that much is sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reported {
    /// In percent of the differential.
    Percent,
    /// Per 100 cells of the differential.
    Per100,
    /// In percent of all white cells found.
    PercentOfAll,
    /// Not a white cell: counted by its kind.
    Elsewhere,
    /// No cell at all: counts nowhere, and is told in percent of everything that was taken for a white cell.
    LeftOut,
}

impl CellClass {
    /// Every class in order of maturation: see [`CellClass::place`].
    #[must_use]
    pub fn by_maturation() -> Vec<Self> {
        let mut classes = Self::ALL.to_vec();
        classes.sort_by_key(|class| class.place());
        classes
    }

    /// The class the program answers with where a network says this one. The lines of blasts are guesses, so that all
    /// blasts are BLA; their lines stand beside it. A person may name any class.
    #[must_use]
    pub const fn answered_as(self) -> Self {
        if matches!(self.group(), Group::Blasts) { Self::Bla } else { self }
    }

    /// Whether only a person gives this class: no network answers it.
    #[must_use]
    pub const fn by_people_alone(self) -> bool {
        matches!(self, Self::Art | Self::Lbl | Self::Lyr | Self::Plc | Self::Two)
    }

    /// What a network may learn from a cell that a person gave this class: a lymphoblast is a blast; from the other classes that
    /// no network answers, and from cells without a name, it learns nothing.
    #[must_use]
    pub const fn learned_as(self) -> Option<Self> {
        match self {
            Self::Lbl => Some(Self::Bla),
            Self::Unk => None,
            class if class.by_people_alone() => None,
            class => Some(class),
        }
    }

    /// How the class is reported.
    #[must_use]
    pub const fn reported(self) -> Reported {
        self.group().reported()
    }

    /// Whether the class counts towards the 100 % of a differential.
    #[must_use]
    pub const fn in_differential(self) -> bool {
        matches!(self.reported(), Reported::Percent)
    }
}

impl fmt::Display for CellClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// The code names no class.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no class of cells; the codes are {codes}", codes = codes())]
pub struct UnknownClass(String);

fn codes() -> String {
    CellClass::ALL.iter().map(|c| c.code()).collect::<Vec<_>>().join(" ")
}

impl FromStr for CellClass {
    type Err = UnknownClass;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|class| class.code() == code).ok_or_else(|| UnknownClass(code.to_owned()))
    }
}

impl Serialize for CellClass {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl PartialSchema for CellClass {
    fn schema() -> RefOr<Schema> {
        let codes = Self::ALL.iter().map(|class| class.code());
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(codes)).into()
    }
}

impl ToSchema for CellClass {}

impl<'de> Deserialize<'de> for CellClass {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        code.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_class_has_a_code_a_key_and_a_place_of_its_own() {
        let count = CellClass::ALL.len();
        assert_eq!(CellClass::ALL.iter().map(|class| class.code()).collect::<BTreeSet<_>>().len(), count);
        let keys: BTreeSet<char> = CellClass::ALL.iter().map(|class| class.key()).collect();
        assert_eq!(keys.len(), count);
        let places: BTreeSet<u8> = CellClass::ALL.iter().map(|class| class.place()).collect();
        assert!(places.into_iter().map(usize::from).eq(0..count));
        assert!(keys.iter().all(char::is_ascii_lowercase));
        // The review reserves these: `h` shows what mattered to the classifier, `z` undoes.
        assert!(!keys.contains(&'h') && !keys.contains(&'z'));
    }

    #[test]
    fn every_white_class_of_the_program_may_lie_in_blood_and_nothing_else_does() {
        for class in CellClass::ALL {
            let white = !matches!(class, CellClass::Plt | CellClass::Unk) && !class.by_people_alone();
            assert_eq!(class.in_blood() > 0.0, white, "{class}");
        }
    }

    #[test]
    fn a_group_is_written_as_its_code() {
        for group in Group::ALL {
            assert_eq!(serde_json::to_value(group).unwrap(), group.code());
        }
    }
}
