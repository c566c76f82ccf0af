//! Shapes of red cells, by the names of ICSH 2015 (Palmer et al., International Journal of Laboratory Hematology 37, 287).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

macro_rules! red_classes {
    ($($(#[$doc:meta])* $variant:ident $code:literal $name:literal $group:ident;)+) => {
        /// What a red cell looks like: its shape, its size or its colour.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum RedClass {
            $($(#[$doc])* $variant,)+
        }

        impl RedClass {
            /// Every class. The position of a class is its number in the label files of Chula RBC-12 (Naruenatthanaset et al.
            /// 2021, arXiv 2012.01321).
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code used in every output.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The name a person reads.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The group of look-alikes it is judged in; none for a cell that is not categorised.
            #[must_use]
            pub const fn group(self) -> Option<RedGroup> {
                match self { $(Self::$variant => red_classes!(@group $group),)+ }
            }
        }
    };
    (@group None) => { None };
    (@group $group:ident) => { Some(RedGroup::$group) };
}

// Code, English name, group of look-alikes.
red_classes! {
    /// A round disc of usual size with a pale middle third.
    Normal "RBC_NORMAL" "normal red cell" Normal;
    /// Larger than usual: MCV above 100 fL, a diameter above some 8.5 um.
    Macrocyte "MACROCYTE" "macrocyte" Size;
    /// Smaller than usual: MCV below 80 fL, a diameter below some 7 um.
    Microcyte "MICROCYTE" "microcyte" Size;
    /// Round, dense, without a pale middle.
    Spherocyte "SPHEROCYTE" "spherocyte" Dense;
    /// With a dark spot in its pale middle (codocyte).
    Target "TARGET" "target cell" Pallor;
    /// With a slit for a pale middle.
    Stomatocyte "STOMATOCYTE" "stomatocyte" Pallor;
    /// Egg-shaped: longer than broad, by less than twice.
    Ovalocyte "OVALOCYTE" "ovalocyte" Elongated;
    /// With one tail (dacryocyte).
    Teardrop "TEARDROP" "teardrop cell" Elongated;
    /// With many short, even spicules (echinocyte).
    Burr "BURR" "burr cell" Dense;
    /// A fragment (ICSH: helmet, triangle, keratocyte, microspherocyte beside other fragments).
    Schistocyte "SCHISTOCYTE" "schistocyte" Elongated;
    /// Not categorised: too uncertain, or none of these.
    Unk "UNK" "not categorised" None;
    /// Its pale middle is wider than a third of its diameter.
    Hypochromic "HYPOCHROMIC" "hypochromic cell" Pallor;
    /// Longer than broad by more than twice.
    Elliptocyte "ELLIPTOCYTE" "elliptocyte" Elongated;
}

/// Look-alikes that even experts mix up, joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, ToSchema)]
pub enum RedGroup {
    /// Normal cells.
    #[serde(rename = "normal")]
    Normal,
    /// Macrocytes and microcytes.
    #[serde(rename = "size")]
    Size,
    /// Spherocytes and burr cells: dense.
    #[serde(rename = "spherocyte-burr")]
    Dense,
    /// Target cells, stomatocytes and hypochromic cells: told by their pale middle.
    #[serde(rename = "target-stomatocyte-hypochromic")]
    Pallor,
    /// Ovalocytes, elliptocytes, teardrop cells and schistocytes: not round.
    #[serde(rename = "not-round")]
    Elongated,
}

impl RedGroup {
    /// Every group.
    pub const ALL: [Self; 5] = [Self::Normal, Self::Size, Self::Dense, Self::Pallor, Self::Elongated];

    /// The code used in every output.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Size => "size",
            Self::Dense => "spherocyte-burr",
            Self::Pallor => "target-stomatocyte-hypochromic",
            Self::Elongated => "not-round",
        }
    }
}

impl RedClass {
    /// Position in [`RedClass::ALL`], and its number in label files, 0..13.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The letter that picks it in a review, each another one; `h` and `z` are taken.
    #[must_use]
    pub const fn key(self) -> char {
        match self {
            Self::Normal => 'n',
            Self::Macrocyte => 'm',
            Self::Microcyte => 'i',
            Self::Spherocyte => 's',
            Self::Target => 't',
            Self::Stomatocyte => 'c',
            Self::Ovalocyte => 'o',
            Self::Teardrop => 'd',
            Self::Burr => 'b',
            Self::Schistocyte => 'f',
            Self::Unk => 'u',
            Self::Hypochromic => 'p',
            Self::Elliptocyte => 'e',
        }
    }
}

impl fmt::Display for RedClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// The code names no class of red cells.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no class of red cells; the codes are {codes}", codes = codes())]
pub struct UnknownRedClass(String);

fn codes() -> String {
    RedClass::ALL.iter().map(|class| class.code()).collect::<Vec<_>>().join(" ")
}

impl FromStr for RedClass {
    type Err = UnknownRedClass;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|class| class.code() == code).ok_or_else(|| UnknownRedClass(code.to_owned()))
    }
}

impl Serialize for RedClass {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl PartialSchema for RedClass {
    fn schema() -> RefOr<Schema> {
        let codes = Self::ALL.iter().map(|class| class.code());
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(codes)).into()
    }
}

impl ToSchema for RedClass {}

impl<'de> Deserialize<'de> for RedClass {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        code.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_is_read_back_from_its_code_and_stands_at_its_number() {
        for (number, class) in RedClass::ALL.iter().enumerate() {
            assert_eq!(class.code().parse(), Ok(*class));
            assert_eq!(class.index(), number);
        }
        assert_eq!((RedClass::ALL.len(), RedClass::Unk.index()), (13, 10));
    }

    #[test]
    fn every_class_has_a_key_of_its_own_that_the_review_has_not_taken() {
        let keys: std::collections::BTreeSet<char> = RedClass::ALL.iter().map(|class| class.key()).collect();
        assert_eq!(keys.len(), RedClass::ALL.len());
        assert!(keys.iter().all(char::is_ascii_lowercase) && !keys.contains(&'h') && !keys.contains(&'z'));
    }

    #[test]
    fn a_wrong_code_is_answered_with_the_right_ones() {
        let said = "NORMAL".parse::<RedClass>().unwrap_err().to_string();
        assert!(said.contains("`NORMAL`") && said.contains("RBC_NORMAL"), "{said}");
    }

    #[test]
    fn a_group_is_written_as_its_code_and_every_named_class_has_one() {
        for group in RedGroup::ALL {
            assert_eq!(serde_json::to_value(group).unwrap(), group.code());
            assert!(RedClass::ALL.iter().any(|class| class.group() == Some(group)));
        }
        let without: Vec<_> = RedClass::ALL.iter().filter(|class| class.group().is_none()).collect();
        assert_eq!(without, [&RedClass::Unk]);
    }
}
