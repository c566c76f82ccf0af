//! Parts of a JSON line: counts, percentages, quality.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::columns::tenths;
use crate::domain::counts::ClassCount;
use crate::vision::quality::{Quality, Verdict};

/// Counts by the network alone that differ from `classes` by more than chance.
#[derive(Serialize)]
pub(super) struct JsonReading<'a> {
    classes: ClassCountFields<'a>,
    percent: Percents<'a>,
}

impl<'a> JsonReading<'a> {
    pub(super) fn of(lines: &'a [ClassCount]) -> Option<Self> {
        (!lines.is_empty()).then_some(Self { classes: ClassCountFields(lines), percent: Percents(lines) })
    }
}

#[derive(Serialize)]
pub(super) struct JsonQuality {
    pub(super) verdict: Verdict,
    pub(super) focus: f64,
    advice: Option<&'static str>,
}

impl JsonQuality {
    pub(super) fn of(quality: Quality) -> Self {
        // A hundredth is finer than a bar can show.
        let focus = if quality.focus.is_finite() { (quality.focus * 100.0).round() / 100.0 } else { 0.0 };
        Self { verdict: quality.verdict, focus, advice: quality.verdict.advice() }
    }
}

pub(super) struct ClassCountFields<'a>(pub(super) &'a [ClassCount]);

impl Serialize for ClassCountFields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|count| (count.class.code(), count.count)))
    }
}

pub(super) struct Percents<'a>(pub(super) &'a [ClassCount]);

impl Serialize for Percents<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for count in self.0 {
            map.serialize_entry(count.class.code(), &[count.percent, count.low, count.high].map(tenths))?;
        }
        map.end()
    }
}
