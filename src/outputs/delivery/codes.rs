//! Codes of a differential for laboratory systems: one row for each class, by LOINC, or as the site overrides it.
//!
//! `docs/interfaces.md` says where each code's published name was read. A code stands for one question: never two classes
//! under one code, and a class without a code of its own goes out under the program's.

use crate::config::CodesConfig;
use crate::counting::session::snapshot::{LookedAt, Snapshot};
use crate::domain::class::{CellClass, Group, Reported};
use crate::domain::counts::ClassCount;
use crate::domain::critical::{CriticalOf, CriticalValue};
use crate::domain::flag::{Cells, Flag};
use crate::domain::interval::Figure;
use crate::store::StoredResult;

/// What a row of `[codes]` holds for the code of the table below.
pub const FROM_TABLE: &str = "loinc";

/// Unit of a percentage, in UCUM.
pub const PERCENT: &str = "%";
/// Unit of what is reported per 100 white cells, in UCUM.
pub const PER_100: &str = "/100{WBCs}";
/// Unit of a number of cells, in UCUM.
pub const CELLS: &str = "{cells}";

/// Who named the cells of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// A person looked at every white cell, and signed.
    Manual,
    /// The program, at least some.
    Automated,
}

impl Method {
    /// The method of a result.
    #[must_use]
    pub fn of(result: &StoredResult) -> Self {
        match (&result.signature, &result.snapshot.looked_at) {
            (Some(_), Some(LookedAt { cells, of, .. })) if *of > 0 && cells >= of => Self::Manual,
            _ => Self::Automated,
        }
    }
}

/// How far a result may be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultStatus {
    /// Nobody has signed it.
    Preliminary,
    /// It is signed.
    Final,
    /// It is signed, and so was what it replaces: an earlier version of the result, or an earlier count of the same sample.
    Amended,
}

impl ResultStatus {
    /// The status of a result.
    #[must_use]
    pub fn of(result: &StoredResult) -> Self {
        let Snapshot { earlier, amends, .. } = &result.snapshot;
        match &result.signature {
            None => Self::Preliminary,
            Some(_) if earlier.is_some() || amends.is_some() => Self::Amended,
            Some(_) => Self::Final,
        }
    }

    /// The letter of HL7 table 0123 and of ASTM: `P`, `F` or `C`.
    #[must_use]
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Preliminary => "P",
            Self::Final => "F",
            Self::Amended => "C",
        }
    }
}

/// Where a code is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defined {
    Loinc,
    /// By the site, in `[codes]`.
    Site,
}

/// A code with the name that goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    pub code: String,
    pub name: String,
    pub defined: Defined,
}

/// One class of a result, as it goes out.
#[derive(Clone, Debug, PartialEq)]
pub struct CodedRow {
    pub class: CellClass,
    /// The code of its share; `None` where only the program's own code says it exactly.
    pub code: Option<Code>,
    /// The share with its 95 % interval.
    pub share: Figure,
    /// Unit of the share, UCUM: [`PERCENT`] or [`PER_100`].
    pub unit: &'static str,
    /// Cells counted.
    pub cells: u32,
}

impl CodedRow {
    /// The program's own code of the share.
    #[must_use]
    pub fn own(&self) -> &'static str {
        self.class.code()
    }

    /// The program's own code of the number of cells: LOINC has none for cells counted on a smear.
    #[must_use]
    pub fn own_cells(&self) -> String {
        format!("{}-CELLS", self.class.code())
    }

    /// Whether a critical value of the result speaks of this class.
    #[must_use]
    pub fn is_critical(&self, snapshot: &Snapshot) -> bool {
        let of_blasts = |critical: &CriticalValue| critical.of != CriticalOf::NeutrophilsPerUl;
        self.class.group() == Group::Blasts && snapshot.critical.iter().any(of_blasts)
    }

    /// Whether one of these flags speaks of this class.
    #[must_use]
    pub fn is_flagged(&self, flags: &[Flag]) -> bool {
        flags.iter().flat_map(|flag| flag.shares()).any(|share| match share.row().cells {
            Cells::Class(class) => class == self.class,
            Cells::Group(group) => group == self.class.group(),
        })
    }
}

/// A code of the table with the long common name that LOINC publishes for it.
type Published = (&'static str, &'static str);

/// By whom the cells were named: by a person, by the program.
struct Row {
    class: CellClass,
    manual: Published,
    automated: Published,
}

const fn row(class: CellClass, manual: Published, automated: Published) -> Row {
    Row { class, manual, automated }
}

/// The code of a class whatever the method: where LOINC has none for a method, or none whose name could be read.
const fn either(class: CellClass, code: Published) -> Row {
    Row { class, manual: code, automated: code }
}

const TABLE: [Row; 17] = [
    row(
        CellClass::Ngs,
        ("769-0", "Segmented neutrophils/Leukocytes in Blood by Manual count"),
        ("32200-8", "Segmented neutrophils/Leukocytes in Blood by Automated count"),
    ),
    row(
        CellClass::Ngb,
        ("764-1", "Band form neutrophils/Leukocytes in Blood by Manual count"),
        ("35332-6", "Band form neutrophils/Leukocytes in Blood by Automated count"),
    ),
    row(
        CellClass::Lyt,
        ("737-7", "Lymphocytes/Leukocytes in Blood by Manual count"),
        ("736-9", "Lymphocytes/Leukocytes in Blood by Automated count"),
    ),
    either(CellClass::Lya, ("13046-8", "Variant lymphocytes/Leukocytes in Blood")),
    row(
        CellClass::Mon,
        ("744-3", "Monocytes/Leukocytes in Blood by Manual count"),
        ("5905-5", "Monocytes/Leukocytes in Blood by Automated count"),
    ),
    row(
        CellClass::Eos,
        ("714-6", "Eosinophils/Leukocytes in Blood by Manual count"),
        ("713-8", "Eosinophils/Leukocytes in Blood by Automated count"),
    ),
    row(
        CellClass::Bas,
        ("707-0", "Basophils/Leukocytes in Blood by Manual count"),
        ("706-2", "Basophils/Leukocytes in Blood by Automated count"),
    ),
    row(
        CellClass::Bla,
        ("709-6", "Blasts/Leukocytes in Blood by Manual count"),
        ("26446-5", "Blasts/Leukocytes in Blood"),
    ),
    either(CellClass::Myo, ("30445-1", "Myeloblasts/Leukocytes in Blood")),
    either(CellClass::Lbl, ("34922-5", "Lymphoblasts/Leukocytes in Blood")),
    either(CellClass::Plc, ("13047-6", "Plasma cells/Leukocytes in Blood")),
    either(CellClass::Mob, ("34923-3", "Monoblasts/Leukocytes in Blood")),
    either(CellClass::Pmo, ("26524-9", "Promyelocytes/Leukocytes in Blood")),
    row(
        CellClass::Myb,
        ("749-2", "Myelocytes/Leukocytes in Blood by Manual count"),
        ("26498-6", "Myelocytes/Leukocytes in Blood"),
    ),
    row(
        CellClass::Mmz,
        ("740-1", "Metamyelocytes/Leukocytes in Blood by Manual count"),
        ("28541-1", "Metamyelocytes/Leukocytes in Blood"),
    ),
    row(
        CellClass::Ebo,
        ("18309-5", "Nucleated erythrocytes/Leukocytes [Ratio] in Blood by Manual count"),
        ("58413-6", "Nucleated erythrocytes/Leukocytes [Ratio] in Blood by Automated count"),
    ),
    row(
        CellClass::Ksc,
        ("14912-0", "Smudge cells/Leukocytes in Blood by Manual count"),
        ("34992-8", "Smudge cells/Leukocytes in Blood"),
    ),
];

/// The panel of a differential, whoever counted: that of the manual one is discouraged by LOINC.
const PANEL: Published = ("69738-3", "Differential panel, method unspecified - Blood");

/// The code of the whole differential, for the order and the report.
#[must_use]
pub fn panel(codes: &CodesConfig) -> Code {
    match codes.panel.as_str() {
        FROM_TABLE | "" => published(PANEL),
        code => site(code, "white cell differential"),
    }
}

/// The rows of a result: every class counted, in the order of the result, but for those that the site leaves out.
#[must_use]
pub fn rows(result: &StoredResult, codes: &CodesConfig) -> Vec<CodedRow> {
    let method = Method::of(result);
    result.snapshot.classes.iter().filter_map(|line| coded(line, method, codes)).collect()
}

/// Rows of classes that the program counted and a review emptied, with no cells: a host that got the preliminary result
/// must not keep their figures. `counted` is the result as the program counted it.
#[must_use]
pub fn emptied(result: &StoredResult, counted: Option<&Snapshot>, codes: &CodesConfig) -> Vec<CodedRow> {
    let there = |class| result.snapshot.classes.iter().any(|line| line.class == class);
    let lines = counted.map(|counted| counted.classes.as_slice()).unwrap_or_default();
    let none = lines.iter().filter(|line| !there(line.class));
    none.filter_map(|line| {
        let line = ClassCount { count: 0, percent: 0.0, low: 0.0, high: 0.0, ..*line };
        coded(&line, Method::of(result), codes)
    })
    .collect()
}

fn coded(line: &ClassCount, method: Method, codes: &CodesConfig) -> Option<CodedRow> {
    let class = line.class;
    let unit = match class.reported() {
        Reported::Percent | Reported::PercentOfAll | Reported::LeftOut => PERCENT,
        Reported::Per100 => PER_100,
        // Counted by kind.
        Reported::Elsewhere => return None,
    };
    let code = match codes.of(class) {
        "" => return None,
        FROM_TABLE => TABLE.iter().find(|row| row.class == class).map(|row| match method {
            Method::Manual => published(row.manual),
            Method::Automated => published(row.automated),
        }),
        code => Some(site(code, class.name())),
    };
    Some(CodedRow { class, code, share: line.figure(), unit, cells: line.count })
}

fn published((code, name): Published) -> Code {
    Code { code: code.to_owned(), name: name.to_owned(), defined: Defined::Loinc }
}

fn site(code: &str, name: &str) -> Code {
    let defined = if is_loinc(code) { Defined::Loinc } else { Defined::Site };
    Code { code: code.to_owned(), name: name.to_owned(), defined }
}

/// Whether a code has the form of LOINC: digits, a hyphen, and the check digit that belongs to them.
fn is_loinc(code: &str) -> bool {
    let Some((digits, check)) = code.split_once('-') else { return false };
    let fits = (1..=7).contains(&digits.len()) && digits.bytes().chain(check.bytes()).all(|byte| byte.is_ascii_digit());
    if !fits || check.len() != 1 {
        return false;
    }
    // Modulus 10: every second digit from the right is doubled.
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte - b'0') * if place % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    check == ((10 - sum % 10) % 10).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_of_the_table_has_its_check_digit_and_stands_for_one_class() {
        let mut classes = BTreeSet::new();
        for by in [|row: &Row| row.manual.0, |row: &Row| row.automated.0] {
            let codes: BTreeSet<&str> = TABLE.iter().map(by).collect();
            assert_eq!(codes.len(), TABLE.len());
            for code in codes {
                assert!(is_loinc(code), "{code}");
            }
        }
        for row in &TABLE {
            assert!(classes.insert(row.class), "{}", row.class);
        }
        assert!(is_loinc(PANEL.0));
    }

    #[test]
    fn a_mistyped_loinc_code_is_no_loinc_code() {
        for code in ["769-1", "7690", "769-", "-0", "76a-0", "", "769-00"] {
            assert!(!is_loinc(code), "{code}");
        }
    }

    #[test]
    fn every_class_has_a_row_in_the_configuration() {
        let codes = CodesConfig::default();
        for class in CellClass::ALL.iter().filter(|class| class.reported() != Reported::Elsewhere) {
            assert_eq!(codes.of(*class), FROM_TABLE);
        }
    }
}
