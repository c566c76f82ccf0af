//! What the numbers in a label file of boxes mean.

use std::str::FromStr;

use crate::domain::class::Kind;
use crate::domain::label::{Label, labels};

/// Meaning of a number in a label file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoxName {
    /// A kind of cell.
    Kind(Kind),
    /// A white cell of known class.
    White(Label),
    /// `-`: neither expected from the program nor counted against it.
    Ignored,
}

impl BoxName {
    /// Kind of the cell in the box; `None` for an ignored one.
    #[must_use]
    pub const fn kind(self) -> Option<Kind> {
        match self {
            Self::Kind(kind) => Some(kind),
            Self::White(_) => Some(Kind::Wbc),
            Self::Ignored => None,
        }
    }
}

/// An unknown word in a list of box names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{word}` names no boxes; write WBC, RBC, PLT, - for boxes to ignore, or the label of a white cell: {}",
    labels()
)]
pub struct UnknownName {
    word: String,
}

impl FromStr for BoxName {
    type Err = UnknownName;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        if word == "-" {
            return Ok(Self::Ignored);
        }
        if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.code() == word) {
            return Ok(Self::Kind(kind));
        }
        word.parse().map(Self::White).map_err(|_| UnknownName { word: word.to_owned() })
    }
}

/// Meaning of the numbers in a folder's label files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoxNames {
    /// By number, from 0; higher numbers are ignored.
    pub names: Vec<BoxName>,
    /// Whether every white cell is boxed. If not, detections without a box tell nothing.
    pub complete: bool,
}

impl Default for BoxNames {
    /// 0 white cell, 1 red cell, 2 platelet.
    fn default() -> Self {
        Self { names: Kind::ALL.map(BoxName::Kind).to_vec(), complete: true }
    }
}

impl BoxNames {
    /// Meaning of number `id`.
    #[must_use]
    pub fn of(&self, id: u32) -> BoxName {
        self.names.get(id as usize).copied().unwrap_or(BoxName::Ignored)
    }

    /// Whether any number stands for this kind.
    #[must_use]
    pub(crate) fn names_kind(&self, kind: Kind) -> bool {
        self.names.iter().any(|name| name.kind() == Some(kind))
    }
}

impl FromStr for BoxNames {
    type Err = UnknownName;

    /// Parses a list such as `NEU,EOS,BAS,LYT,MON` or `WBC,-,PLT`.
    ///
    /// If white cells are boxed by class only, the boxes count as incomplete: cells of other classes have none.
    fn from_str(list: &str) -> Result<Self, Self::Err> {
        let names: Vec<BoxName> = list.split(',').map(|word| word.trim().parse()).collect::<Result<_, _>>()?;
        let by_class_only =
            names.iter().any(|name| matches!(name, BoxName::White(_))) && !names.contains(&BoxName::Kind(Kind::Wbc));
        Ok(Self { names, complete: !by_class_only })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_box_names_may_mix_kinds_labels_and_gaps() {
        let names: BoxNames = "WBC, -,NEU".parse().unwrap();
        assert_eq!(names.of(0), BoxName::Kind(Kind::Wbc));
        assert_eq!(names.of(1), BoxName::Ignored);
        assert_eq!(names.of(2), BoxName::White(Label::Neutrophil));
        assert_eq!(names.of(9), BoxName::Ignored);
        assert!(names.complete && !names.names_kind(Kind::Rbc));
        assert!(!"NEU,EOS".parse::<BoxNames>().unwrap().complete);
        assert!("NEU,,EOS".parse::<BoxNames>().is_err());
    }
}
