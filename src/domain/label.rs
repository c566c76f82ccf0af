//! Label a person gave to a cell: a class, or a group if the stages were not distinguished.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::domain::class::{CellClass, Group};

/// Ground truth for a single cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Label {
    /// One class.
    Class(CellClass),
    /// `NEU`: a neutrophil, band or segmented not distinguished.
    Neutrophil,
    /// `IG`: an immature granulocyte of unspecified stage.
    ImmatureGranulocyte,
}

impl Label {
    /// Whether `class` is a right answer.
    #[must_use]
    pub const fn accepts(self, class: CellClass) -> bool {
        match self {
            // Of a blast the program does not tell the line, and a person may not have told it either.
            Self::Class(own) => {
                own as u8 == class as u8
                    || matches!((own, class.group()), (CellClass::Bla, Group::Blasts))
                    || matches!((own.group(), class), (Group::Blasts, CellClass::Bla))
            }
            Self::Neutrophil => matches!(class.group(), Group::Neutrophils),
            Self::ImmatureGranulocyte => matches!(class.group(), Group::ImmatureGranulocytes),
        }
    }

    /// Whether every cell with this label belongs to `other` as well.
    #[must_use]
    pub fn within(self, other: Self) -> bool {
        match self {
            // A blast whose line nobody told need not be of this one.
            Self::Class(CellClass::Bla) => other == self,
            Self::Class(class) => other.accepts(class),
            group => group == other,
        }
    }

    /// Whether it is a blast, of whatever line.
    fn is_blast(self) -> bool {
        matches!(self, Self::Class(class) if class.group() == Group::Blasts)
    }

    /// Whether a cell with this label may belong to `other`, or an answer that is right for it be right for `other`, too:
    /// of two blasts the program does not tell the lines apart.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.within(other) || other.within(self) || (self.is_blast() && other.is_blast())
    }

    /// The label in the published groups of the Barcelona set (Acevedo et al. 2020): neutrophils in one, immature
    /// granulocytes in one, and here blasts in one; every other class alone.
    #[must_use]
    pub fn grouped(self) -> Self {
        let groups = [Self::Neutrophil, Self::ImmatureGranulocyte, Self::Class(CellClass::Bla)];
        groups.into_iter().find(|group| self.within(*group)).unwrap_or(self)
    }

    /// Code used in folder names and report rows.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Class(class) => class.code(),
            Self::Neutrophil => "NEU",
            Self::ImmatureGranulocyte => "IG",
        }
    }

    /// Name as shown to people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Class(class) => class.name(),
            Self::Neutrophil => "neutrophil (band or segmented)",
            Self::ImmatureGranulocyte => "immature granulocyte (stage not told)",
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl Serialize for Label {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// A word that is neither a class nor a group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no label of cells; the labels are {labels}", labels = labels())]
pub struct UnknownLabel(pub String);

/// All labels, for messages.
#[must_use]
pub fn labels() -> String {
    let codes: Vec<_> = CellClass::ALL.iter().map(|class| class.code()).collect();
    format!("{}, NEU (NGS or NGB) and IG (MMZ, MYB or PMO)", codes.join(" "))
}

impl FromStr for Label {
    type Err = UnknownLabel;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        match code {
            "NEU" => Ok(Self::Neutrophil),
            "IG" => Ok(Self::ImmatureGranulocyte),
            _ => code.parse().map(Self::Class).map_err(|_| UnknownLabel(code.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_accepts_its_members_and_nobody_else() {
        let neutrophil: Label = "NEU".parse().unwrap();
        let immature: Label = "IG".parse().unwrap();
        let accepted = |label: Label| {
            CellClass::ALL.iter().filter(|class| label.accepts(**class)).map(|class| class.code()).collect::<Vec<_>>()
        };
        assert_eq!(accepted(neutrophil), ["NGB", "NGS"]);
        assert_eq!(accepted(immature), ["MMZ", "MYB", "PMO"]);
        assert_eq!(accepted(Label::Class(CellClass::Eos)), ["EOS"]);
        assert_eq!(accepted(Label::Class(CellClass::Myo)), ["BLA", "MYO"]);
        assert_eq!(accepted(Label::Class(CellClass::Bla)), ["BLA", "LBL", "MOB", "MYO", "PMB"]);
    }

    #[test]
    fn a_class_lies_within_its_group_but_not_the_other_way_round() {
        let band = Label::Class(CellClass::Ngb);
        assert!(band.within(Label::Neutrophil) && !Label::Neutrophil.within(band));
        assert!(Label::Neutrophil.overlaps(band) && !band.overlaps(Label::ImmatureGranulocyte));
        assert_eq!(band.grouped(), Label::Neutrophil);
        assert_eq!(Label::Class(CellClass::Lya).grouped(), Label::Class(CellClass::Lya));
        let [blast, myeloblast] = [CellClass::Bla, CellClass::Myo].map(Label::Class);
        assert!(myeloblast.within(blast) && !blast.within(myeloblast));
        assert!(myeloblast.overlaps(Label::Class(CellClass::Mob)) && !myeloblast.overlaps(band));
        assert_eq!(myeloblast.grouped(), blast);
    }

    #[test]
    fn an_unknown_label_is_answered_with_those_there_are() {
        let said = "NEUT".parse::<Label>().unwrap_err().to_string();
        assert!(said.contains("`NEUT`") && said.contains("NGS") && said.contains("IG (MMZ, MYB or PMO)"), "{said}");
    }
}
