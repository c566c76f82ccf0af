//! A laboratory's own classes: finer names within the fixed ones. Everything that is counted, learned or sent goes by the fixed
//! class; the own name is told beside it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::class::CellClass;

/// The name of an own class. Cells keep it as it was when it was given, whatever the configuration says later.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct OwnName {
    /// Three capital letters, none of the fixed codes.
    pub code: String,
    /// The laboratory's name, 1 to 40 characters.
    pub name: String,
}

/// An own class as it is configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnClass {
    #[serde(flatten)]
    pub own: OwnName,
    /// The fixed class that its cells count as.
    pub class: CellClass,
}

/// Cells of a result that people gave an own class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnCount {
    #[serde(flatten)]
    pub own: OwnName,
    /// The fixed class that they count as.
    pub class: CellClass,
    /// How many, as people gave them.
    pub count: u32,
}

/// What a person says of a cell: a fixed class, or an own one within it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenClass {
    pub class: CellClass,
    pub own: Option<OwnName>,
}

impl From<CellClass> for GivenClass {
    fn from(class: CellClass) -> Self {
        Self { class, own: None }
    }
}

impl From<OwnClass> for GivenClass {
    fn from(OwnClass { own, class }: OwnClass) -> Self {
        Self { class, own: Some(own) }
    }
}

/// A class as a person gave it: `LYA`, or `LYA (HCL)`.
#[must_use]
pub fn coded(class: CellClass, own: Option<&OwnName>) -> String {
    own.map_or_else(|| class.to_string(), |own| format!("{class} ({})", own.code))
}

/// Whether this may be the code of an own class: three capital letters that are no fixed class.
#[must_use]
pub fn is_own_code(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()) && code.parse::<CellClass>().is_err()
}

/// As it is stored: code, space, name.
impl fmt::Display for OwnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.name)
    }
}

/// The text is no code and name of an own class.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no code and name of a laboratory's own class")]
pub struct NoOwnName(String);

impl FromStr for OwnName {
    type Err = NoOwnName;

    /// Reads what was stored. A code that a later version made a fixed class stays what it was.
    fn from_str(text: &str) -> Result<Self, NoOwnName> {
        match text.split_once(' ') {
            Some((code, name)) if !code.is_empty() && !name.is_empty() => {
                Ok(Self { code: code.to_owned(), name: name.to_owned() })
            }
            _ => Err(NoOwnName(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_three_capitals_and_no_fixed_class() {
        assert!(["HCL", "SEZ", "ZZZ"].into_iter().all(is_own_code));
        for code in ["LYA", "UNK", "hcl", "HC", "HCLL", "H1L", "ÄÖÜ", "", "H L"] {
            assert!(!is_own_code(code), "{code}");
        }
    }

    #[test]
    fn what_is_stored_is_read_back() {
        let own = OwnName { code: "HCL".to_owned(), name: "hairy cell, (variant) ñ".to_owned() };
        assert_eq!(own.to_string().parse(), Ok(own));
        for text in ["", "HCL", "HCL ", " hairy cell"] {
            assert!(text.parse::<OwnName>().is_err(), "{text:?}");
        }
    }
}
