//! Generates the page's lists of classes, flags and limits from the program's tables, so the page keeps no copy of its
//! own.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::counting::red_morphology::{
    ENOUGH_FOR_GRADES, ENOUGH_FOR_SCHISTOCYTES, MACROCYTE_ABOVE_UM, MICROCYTE_BELOW_UM, OFF_MEDIAN, PALE,
};
use crate::domain::class::{CellClass, Reported};
use crate::domain::flag::{Flag, Share};

/// The script from which the page imports these lists.
pub(super) fn script() -> String {
    let codes = |of: &dyn Fn(CellClass) -> bool| {
        CellClass::by_maturation().into_iter().filter(|class| of(*class)).map(CellClass::code).collect::<Vec<_>>()
    };
    let raised_by: Map<String, Value> = Flag::ALL
        .iter()
        .map(|flag| {
            let cells: Vec<&str> = flag.shares().iter().map(|share| share.row().cells.code()).collect();
            (flag.code().to_owned(), json!(cells))
        })
        .collect();
    let limits: Vec<[&str; 2]> = Share::ALL
        .iter()
        .map(|share| [share.row().limit, share.row().limit_words])
        .chain([["correct_white_from", "limit.correct"]])
        .collect();
    let lists = [
        (
            "By maturation: blasts, granulopoiesis, the other white cells of blood, then what is no white cell.",
            "ORDER",
            json!(codes(&|_| true)),
        ),
        ("Classes beside the 100 % of a differential.", "APART", json!(codes(&|class| !class.in_differential()))),
        (
            "Classes per 100 cells of the differential.",
            "PER_100",
            json!(codes(&|class| class.reported() == Reported::Per100)),
        ),
        ("What each flag is raised by: groups of classes, or single ones.", "RAISED_BY", Value::Object(raised_by)),
        (
            "Red cells: how many graded ones grades ask for, and the limits of what is measured, in um and shares.",
            "RED",
            json!({
                "enough": ENOUGH_FOR_GRADES,
                "enoughForSchistocytes": ENOUGH_FOR_SCHISTOCYTES,
                "offMedian": OFF_MEDIAN,
                "macrocyteAbove": MACROCYTE_ABOVE_UM,
                "microcyteBelow": MICROCYTE_BELOW_UM,
                "pale": PALE,
            }),
        ),
        ("Limits that an admin sets: the key and the key of its words.", "LIMITS", json!(limits)),
    ];
    let mut script = String::new();
    for (comment, name, list) in lists {
        // Writing to a String cannot fail.
        let _ = writeln!(script, "// {comment}\nexport const {name} = {list};");
    }
    script
}
