//! What a cell can be: the kinds that detection tells apart and the classes of Matek et al. 2019.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// What detection tells apart.
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
    ($($(#[$doc:meta])* $variant:ident $code:literal $name:literal $group:ident;)+) => {
        /// A class of single cells: the 15 of Matek et al. 2019 (Nature Machine Intelligence 1, 538), platelets, and
        /// "unknown" for a cell the program will not name.
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

            /// The group a report rolls this class up to.
            #[must_use]
            pub const fn group(self) -> Group {
                match self { $(Self::$variant => Group::$group,)+ }
            }
        }
    };
}

classes! {
    /// Basophil.
    Bas "BAS" "basophil" Basophils;
    /// Erythroblast: a nucleated red cell.
    Ebo "EBO" "erythroblast" NucleatedRed;
    /// Eosinophil.
    Eos "EOS" "eosinophil" Eosinophils;
    /// Smudge cell: a nucleus crushed when the smear was made.
    Ksc "KSC" "smudge cell" Smudge;
    /// Atypical lymphocyte.
    Lya "LYA" "lymphocyte (atypical)" Lymphocytes;
    /// Typical lymphocyte.
    Lyt "LYT" "lymphocyte (typical)" Lymphocytes;
    /// Metamyelocyte.
    Mmz "MMZ" "metamyelocyte" ImmatureGranulocytes;
    /// Monoblast.
    Mob "MOB" "monoblast" Blasts;
    /// Monocyte.
    Mon "MON" "monocyte" Monocytes;
    /// Myelocyte.
    Myb "MYB" "myelocyte" ImmatureGranulocytes;
    /// Myeloblast.
    Myo "MYO" "myeloblast" Blasts;
    /// Band neutrophil.
    Ngb "NGB" "neutrophil (band)" Neutrophils;
    /// Segmented neutrophil.
    Ngs "NGS" "neutrophil (segmented)" Neutrophils;
    /// Bilobed promyelocyte, the cell of acute promyelocytic leukaemia.
    Pmb "PMB" "promyelocyte (bilobed)" Blasts;
    /// Promyelocyte.
    Pmo "PMO" "promyelocyte" ImmatureGranulocytes;
    /// Platelet.
    Plt "PLT" "platelet" Platelets;
    /// Not named: too little certainty, or no cell of these classes.
    Unk "UNK" "unclassified" Unclassified;
}

/// What a report rolls classes up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Segmented and band neutrophils.
    Neutrophils,
    /// Typical and atypical lymphocytes.
    Lymphocytes,
    /// Monocytes.
    Monocytes,
    /// Eosinophils.
    Eosinophils,
    /// Basophils.
    Basophils,
    /// Metamyelocytes, myelocytes and promyelocytes.
    ImmatureGranulocytes,
    /// Myeloblasts, monoblasts and bilobed promyelocytes.
    Blasts,
    /// Erythroblasts.
    NucleatedRed,
    /// Smudge cells.
    Smudge,
    /// Platelets.
    Platelets,
    /// Cells without a name.
    Unclassified,
}

impl Group {
    /// The name a person reads.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Neutrophils => "neutrophils",
            Self::Lymphocytes => "lymphocytes",
            Self::Monocytes => "monocytes",
            Self::Eosinophils => "eosinophils",
            Self::Basophils => "basophils",
            Self::ImmatureGranulocytes => "immature granulocytes",
            Self::Blasts => "blasts",
            Self::NucleatedRed => "nucleated red cells",
            Self::Smudge => "smudge cells",
            Self::Platelets => "platelets",
            Self::Unclassified => "unclassified",
        }
    }
}

impl CellClass {
    /// Whether the class is one of the 100 % of a differential.
    ///
    /// Nucleated red cells and smudge cells are reported per 100 white cells instead, as laboratories do (CLSI H20-A2);
    /// platelets and unclassified cells are no part of it either.
    #[must_use]
    pub const fn in_differential(self) -> bool {
        !matches!(self.group(), Group::NucleatedRed | Group::Smudge | Group::Platelets | Group::Unclassified)
    }
}

impl fmt::Display for CellClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// A code that names no class.
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
