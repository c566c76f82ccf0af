//! Reference ranges of the laboratory, by group of people where it gives one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::counting::session::snapshot::Snapshot;
use crate::counting::statistics::absolute::{EnteredKind, entered};
use crate::domain::class::{CellClass, Group};
use crate::domain::letters::unfit_in_comment;

/// A larger file is no list of ranges, bytes.
const LARGEST: u64 = 256 << 10;

/// What a range is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RangeUnit {
    /// Percent of the differential.
    Percent,
    /// Cells per microlitre.
    PerUl,
}

/// A class by its code, or a group by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RangeOf {
    Class(CellClass),
    Group(Group),
}

impl TryFrom<String> for RangeOf {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let group = Group::ALL.iter().find(|group| group.code() == text).map(|group| Self::Group(*group));
        let class = text.parse().ok().filter(|class: &CellClass| class.in_differential()).map(Self::Class);
        group.or(class).ok_or_else(|| {
            format!("{text} is no class of the differential, such as NGS, and no group, such as neutrophils")
        })
    }
}

impl From<RangeOf> for String {
    fn from(of: RangeOf) -> Self {
        match of {
            RangeOf::Class(class) => class.code().to_owned(),
            RangeOf::Group(group) => group.code().to_owned(),
        }
    }
}

/// A reference range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// Class or group of cells.
    #[schema(value_type = String)]
    pub of: RangeOf,
    pub unit: RangeUnit,
    /// Group of people, such as `women from 18 years on`; empty: everybody.
    #[serde(default)]
    pub group: String,
    /// Lowest value within.
    pub low: f64,
    /// Highest value within.
    pub high: f64,
    /// Who published it, or how the laboratory found it.
    #[serde(default)]
    pub source: String,
}

/// Where a value lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub enum Mark {
    /// Below the range.
    #[serde(rename = "L")]
    Low,
    /// Above the range.
    #[serde(rename = "H")]
    High,
}

impl Range {
    /// Where a value lies; `None` within.
    #[must_use]
    pub fn mark(&self, value: f64) -> Option<Mark> {
        if value < self.low { Some(Mark::Low) } else { (value > self.high).then_some(Mark::High) }
    }
}

impl Mark {
    /// Its letter on reports.
    #[must_use]
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Low => "L",
            Self::High => "H",
        }
    }
}

/// A reference range that holds for a result, and where the result's value lies.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RangeLine {
    #[serde(flatten)]
    pub range: Range,
    /// `L` below, `H` above; null within, or without a value.
    pub mark: Option<Mark>,
}

/// The ranges of a laboratory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranges(Vec<Range>);

/// Why a file holds no ranges.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", file.display())]
pub struct RangesError {
    file: PathBuf,
    problem: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RangesFile {
    range: Vec<Range>,
}

impl Ranges {
    /// Reads them.
    ///
    /// # Errors
    /// If the file cannot be read, or a range has no source, no room between its ends, or stands there twice.
    pub fn read(file: &Path) -> Result<Self, RangesError> {
        let wrong = |problem: String| RangesError { file: file.to_owned(), problem };
        let about = fs::metadata(file).map_err(|problem| wrong(problem.to_string()))?;
        if !about.is_file() || about.len() > LARGEST {
            return Err(wrong(format!("is no file of at most {LARGEST} bytes")));
        }
        let text = fs::read_to_string(file).map_err(|problem| wrong(problem.to_string()))?;
        Self::parse(&text).map_err(wrong)
    }

    /// Parses the text of such a file; the error says what to change.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str) -> Result<Self, String> {
        let RangesFile { range: ranges } =
            toml::from_str(text).map_err(|problem| problem.to_string().trim().replace('\n', " "))?;
        let mut seen = BTreeSet::new();
        for (place, range) in ranges.iter().enumerate() {
            let Range { of, unit, group, low, high, source } = range;
            let which = format!("range {}", place + 1);
            if source.trim().is_empty() {
                return Err(format!("{which} has no source; write source = \"who published it\""));
            }
            if !(low.is_finite() && high.is_finite() && *low >= 0.0 && low < high) {
                return Err(format!("{which}: low must be below high, and neither below 0"));
            }
            if *unit == RangeUnit::Percent && *high > 100.0 {
                return Err(format!("{which}: a share is at most 100 percent"));
            }
            for (name, text, longest) in [("group", group, 60), ("source", source, 200)] {
                if text.chars().count() > longest || text.chars().any(char::is_control) {
                    return Err(format!("{which}: {name} has at most {longest} characters, on one line"));
                }
                if let Some(letters) = unfit_in_comment(text) {
                    return Err(format!("{which}: {name} holds {letters}, which this station cannot print"));
                }
            }
            if !seen.insert((*of, *unit, group.as_str())) {
                return Err(format!("{which} stands there twice; a value has one range in each group"));
            }
        }
        Ok(Self(ranges))
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Range] {
        &self.0
    }

    /// Groups of people that are told apart, in the order of the file.
    #[must_use]
    pub fn groups(&self) -> Vec<&str> {
        let mut groups: Vec<&str> = Vec::new();
        for range in self.0.iter().filter(|range| !range.group.is_empty()) {
            if !groups.contains(&range.group.as_str()) {
                groups.push(&range.group);
            }
        }
        groups
    }

    /// The range of one value: that of the person's group if it has one, else that for everybody. Without a group no
    /// range of a group is used.
    #[must_use]
    pub fn find(&self, of: RangeOf, unit: RangeUnit, group: Option<&str>) -> Option<&Range> {
        let fits = |range: &&Range| range.of == of && range.unit == unit;
        let own = self
            .0
            .iter()
            .filter(fits)
            .find(|range| group.is_some_and(|group| !group.is_empty() && group == range.group));
        own.or_else(|| self.0.iter().filter(fits).find(|range| range.group.is_empty()))
    }

    /// The ranges that hold for a person of this group, each once.
    pub(super) fn held<'a>(&'a self, group: Option<&'a str>) -> impl Iterator<Item = &'a Range> {
        self.0.iter().filter(move |range| self.find(range.of, range.unit, group) == Some(*range))
    }

    /// The ranges that hold for a result, by the group that was entered for it, with where its values lie.
    #[must_use]
    pub fn beside(&self, result: &Snapshot) -> Vec<RangeLine> {
        let mark = |range: &Range| value(result, range.of, range.unit).and_then(|value| range.mark(value));
        self.held(group_of(result)).map(|range| RangeLine { range: range.clone(), mark: mark(range) }).collect()
    }
}

/// The group of people that was entered for a result.
pub(super) fn group_of(result: &Snapshot) -> Option<&str> {
    entered(&result.statistics.entered, EnteredKind::Group).map(|entry| entry.value.as_str())
}

/// Value that a range is for; 0 of a class that was not met.
pub(super) fn value(result: &Snapshot, of: RangeOf, unit: RangeUnit) -> Option<f64> {
    match (unit, of) {
        (RangeUnit::Percent, RangeOf::Class(class)) => {
            let line = result.classes.iter().find(|line| line.class == class);
            Some(line.map_or(0.0, |line| line.percent)).filter(|_| result.counted > 0)
        }
        (RangeUnit::Percent, RangeOf::Group(group)) => result.statistics.groups.get(&group).map(|figure| figure.value),
        (RangeUnit::PerUl, RangeOf::Class(class)) => result
            .statistics
            .absolute
            .as_ref()
            .map(|counts| counts.classes.get(&class).map_or(0.0, |figure| figure.value)),
        (RangeUnit::PerUl, RangeOf::Group(group)) => result
            .statistics
            .absolute
            .as_ref()
            .map(|counts| counts.groups.get(&group).map_or(0.0, |figure| figure.value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = r#"
        [[range]]
        of = "neutrophils"
        unit = "per-ul"
        group = "adults"
        low = 1800
        high = 7500
        source = "own, 120 people, 2026"

        [[range]]
        of = "LYT"
        unit = "percent"
        low = 20.0
        high = 45.0
        source = "own"
    "#;

    #[test]
    fn a_range_of_a_group_holds_for_that_group_alone() {
        let ranges = Ranges::parse(TEXT).unwrap();
        let neutrophils = RangeOf::Group(Group::Neutrophils);
        let find = |group| ranges.find(neutrophils, RangeUnit::PerUl, group);
        assert_eq!(find(Some("adults")).unwrap().mark(1000.0), Some(Mark::Low));
        assert_eq!((find(None), find(Some("children")), find(Some(""))), (None, None, None));
        let lymphocytes = |group| ranges.find(RangeOf::Class(CellClass::Lyt), RangeUnit::Percent, group).unwrap();
        assert_eq!((lymphocytes(None).mark(45.0), lymphocytes(Some("adults")).mark(45.1)), (None, Some(Mark::High)));
        assert_eq!(ranges.groups(), ["adults"]);
    }

    #[test]
    fn a_range_without_a_source_or_that_cannot_be_meant_is_refused_with_its_number() {
        for (text, says) in [
            (TEXT.replace("source = \"own\"", ""), "range 2 has no source"),
            (TEXT.replace("\"own\"", "\" \""), "range 2 has no source"),
            (TEXT.replace("7500", "1800"), "range 1: low must be below high"),
            (TEXT.replace("45.0", "nan"), "range 2: low must be below high"),
            (TEXT.replace("45.0", "450.0"), "at most 100 percent"),
            (TEXT.replace("LYT", "LYX"), "LYX"),
            (TEXT.replace("percent", "procent"), "procent"),
            (format!("{TEXT}{}", &TEXT[TEXT.rfind("[[range]]").unwrap()..]), "range 3 stands there twice"),
            ("range = 3".to_owned(), "range"),
        ] {
            let problem = Ranges::parse(&text).unwrap_err();
            assert!(problem.contains(says), "{problem}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}") {
            let _ = Ranges::parse(&text);
        }
    }
}
