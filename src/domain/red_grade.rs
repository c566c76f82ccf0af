//! Grades of red cells on a film, by ICSH 2015 (Palmer et al., International Journal of Laboratory Hematology 37, 287,
//! table 1); schistocytes by the ICSH schistocyte group (Zini et al. 2012, the same journal 34, 107, and 2021).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::red_class::RedClass;

/// How many of the red cells are of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub enum RedGrade {
    /// Few; only schistocytes have this grade.
    #[serde(rename = "1+")]
    Few,
    /// Moderate.
    #[serde(rename = "2+")]
    Moderate,
    /// Many.
    #[serde(rename = "3+")]
    Many,
}

impl RedGrade {
    /// Every grade, lowest first.
    pub const ALL: [Self; 3] = [Self::Few, Self::Moderate, Self::Many];

    /// The code used in every output.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Few => "1+",
            Self::Moderate => "2+",
            Self::Many => "3+",
        }
    }

    /// The word a person reads.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Few => "few",
            Self::Moderate => "moderate",
            Self::Many => "many",
        }
    }

    /// Grade of a class that makes up this percentage of the red cells, 0 to 100; none below the lowest grade, for normal cells,
    /// and for cells that are not categorised.
    #[must_use]
    pub fn of(class: RedClass, percent: f64) -> Option<Self> {
        match class {
            RedClass::Normal | RedClass::Unk => None,
            RedClass::Schistocyte if percent <= 0.0 => None,
            RedClass::Schistocyte if percent < 1.0 => Some(Self::Few),
            RedClass::Schistocyte => Self::between(percent, 1.0, 2.0),
            RedClass::Macrocyte | RedClass::Microcyte | RedClass::Hypochromic => Self::of_size_or_colour(percent),
            RedClass::Spherocyte
            | RedClass::Target
            | RedClass::Stomatocyte
            | RedClass::Ovalocyte
            | RedClass::Teardrop
            | RedClass::Burr
            | RedClass::Elliptocyte => Self::between(percent, 5.0, 20.0),
        }
    }

    /// Grade of anisocytosis, macrocytes, microcytes or hypochromic cells that make up this percentage, 0 to 100.
    #[must_use]
    pub fn of_size_or_colour(percent: f64) -> Option<Self> {
        Self::between(percent, 11.0, 20.0)
    }

    /// Moderate from one percentage, many above the other.
    fn between(percent: f64, moderate_from: f64, many_above: f64) -> Option<Self> {
        if percent > many_above { Some(Self::Many) } else { (percent >= moderate_from).then_some(Self::Moderate) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grades_are_those_of_the_table() {
        let of = |class, percent| RedGrade::of(class, percent).map(RedGrade::code);
        let shapes = [(4.9, None), (5.0, Some("2+")), (20.0, Some("2+")), (20.1, Some("3+"))];
        for (percent, grade) in shapes {
            assert_eq!(of(RedClass::Teardrop, percent), grade, "{percent}");
        }
        let sizes = [(10.9, None), (11.0, Some("2+")), (20.0, Some("2+")), (20.1, Some("3+"))];
        for (percent, grade) in sizes {
            assert_eq!(of(RedClass::Macrocyte, percent), grade, "{percent}");
        }
        let fragments = [(0.0, None), (0.1, Some("1+")), (1.0, Some("2+")), (2.0, Some("2+")), (2.1, Some("3+"))];
        for (percent, grade) in fragments {
            assert_eq!(of(RedClass::Schistocyte, percent), grade, "{percent}");
        }
        assert_eq!((of(RedClass::Normal, 100.0), of(RedClass::Unk, 100.0)), (None, None));
        assert_eq!(of(RedClass::Target, f64::NAN), None);
    }

    #[test]
    fn a_grade_is_written_as_its_code() {
        for grade in RedGrade::ALL {
            assert_eq!(serde_json::to_value(grade).unwrap(), grade.code());
        }
    }
}
