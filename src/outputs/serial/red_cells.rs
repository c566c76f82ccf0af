//! What the red cells look like, in lines of protocol 2.

use std::collections::BTreeMap;

use serde::Serialize;

use super::columns::tenths;
use crate::counting::red_morphology::{ASKED_FOR, RedMorphology, RedShare};
use crate::domain::red_class::RedClass;
use crate::domain::red_grade::RedGrade;

/// `red_cells` of a line.
#[derive(Serialize)]
pub(super) struct JsonRedCells {
    graded: u32,
    not_graded: u32,
    not_categorised: u32,
    enough: bool,
    enough_for_schistocytes: bool,
    classes: BTreeMap<&'static str, JsonShare>,
    size: JsonSize,
    hypochromia: JsonShare,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    flagged: Vec<RedClass>,
}

#[derive(Serialize)]
struct JsonSize {
    scale_known: bool,
    median_um: Option<f64>,
    cv_percent: Option<f64>,
    anisocytosis: JsonShare,
    #[serde(skip_serializing_if = "Option::is_none")]
    macrocytes: Option<JsonShare>,
    #[serde(skip_serializing_if = "Option::is_none")]
    microcytes: Option<JsonShare>,
}

#[derive(Serialize)]
struct JsonShare {
    count: u32,
    percent: [Option<f64>; 3],
    #[serde(skip_serializing_if = "Option::is_none")]
    grade: Option<RedGrade>,
}

impl From<RedShare> for JsonShare {
    fn from(share: RedShare) -> Self {
        let RedShare { count, percent, low, high, grade, of: _ } = share;
        Self { count, percent: [percent, low, high].map(tenths), grade }
    }
}

impl From<&RedMorphology> for JsonRedCells {
    fn from(red: &RedMorphology) -> Self {
        let hundredths = |um: f64| um.is_finite().then(|| (um * 100.0).round() / 100.0);
        let size = &red.size;
        Self {
            graded: red.graded,
            not_graded: red.not_graded,
            not_categorised: red.not_categorised,
            enough: red.enough,
            enough_for_schistocytes: red.enough_for_schistocytes,
            classes: red.classes.iter().map(|line| (line.class.code(), line.share.into())).collect(),
            size: JsonSize {
                scale_known: size.scale_known,
                median_um: size.median_um.and_then(hundredths),
                cv_percent: size.cv_percent.and_then(tenths),
                anisocytosis: size.anisocytosis.into(),
                macrocytes: size.macrocytes.map(JsonShare::from),
                microcytes: size.microcytes.map(JsonShare::from),
            },
            hypochromia: red.hypochromia.into(),
            flagged: red.evidence.iter().map(|evidence| evidence.class).collect(),
        }
    }
}

/// Columns of the shares, after the numbers of cells: their names, and where each comes from.
fn shares(red: Option<&RedMorphology>) -> Vec<(String, Option<RedShare>)> {
    let by_class =
        |class: RedClass| (class.code().to_owned(), red.and_then(|red| red.line(class)).map(|line| line.share));
    let measured = [
        ("anisocytosis", red.map(|red| red.size.anisocytosis)),
        ("macrocytes", red.and_then(|red| red.size.macrocytes)),
        ("microcytes", red.and_then(|red| red.size.microcytes)),
        ("hypochromia", red.map(|red| red.hypochromia)),
    ];
    let measured = measured.into_iter().map(|(name, share)| (name.to_owned(), share));
    ASKED_FOR.into_iter().map(by_class).chain(measured).collect()
}

/// The columns of protocol 2.
pub(super) fn columns() -> String {
    let first = ",red_graded,red_not_graded,red_not_categorised,red_flagged,red_median_um,red_cv_percent".to_owned();
    let of =
        |name: &String| ["count", "percent", "low", "high", "grade"].map(|what| format!(",red_{what}_{name}")).concat();
    std::iter::once(first).chain(shares(None).iter().map(|(name, _)| of(name))).collect()
}

/// The fields of [`columns`].
pub(super) fn fields(red: Option<&RedMorphology>) -> Vec<String> {
    let number = |of: fn(&RedMorphology) -> u32| red.map(|red| of(red).to_string()).unwrap_or_default();
    let decimals = |value: Option<f64>, decimals: usize| {
        value.filter(|value| value.is_finite()).map(|value| format!("{value:.decimals$}")).unwrap_or_default()
    };
    let flagged =
        red.map(|red| red.evidence.iter().map(|evidence| evidence.class.code()).collect::<Vec<_>>().join(" "));
    let mut fields = vec![
        number(|red| red.graded),
        number(|red| red.not_graded),
        number(|red| red.not_categorised),
        flagged.unwrap_or_default(),
        decimals(red.and_then(|red| red.size.median_um), 2),
        decimals(red.and_then(|red| red.size.cv_percent), 1),
    ];
    for (_, share) in shares(red) {
        let percent = |of: fn(&RedShare) -> f64| decimals(share.as_ref().map(of), 1);
        fields.push(share.map(|share| share.count.to_string()).unwrap_or_default());
        fields.extend([percent(|share| share.percent), percent(|share| share.low), percent(|share| share.high)]);
        fields.push(share.and_then(|share| share.grade).map(|grade| grade.code().to_owned()).unwrap_or_default());
    }
    fields
}
