//! Judges a control run: its charts, its frames, and what came of it. Pure.

use super::westgard::{self, Rule};
use super::{Cause, ChartValue, Charted, ControlLot, ControlRun, Look, LookCheck, Outcome, Target, charted, limits};
use crate::config::QualityControlConfig;
use crate::domain::counts::ClassCount;

/// Cells of one chart: those of it, and those in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tallied {
    pub chart: String,
    pub count: u32,
    pub of: u32,
}

/// The cells of a slide's charts: every chart of the lot, also those without a cell.
#[must_use]
pub fn of_slide(lot: &ControlLot, classes: &[ClassCount], counted: u32) -> Vec<Tallied> {
    let cells = |chart: &str| {
        let within = |line: &&ClassCount| match charted(chart) {
            Some(Charted::Class(class)) => line.class == class,
            Some(Charted::Group(group)) => line.class.in_differential() && line.class.group() == group,
            None => false,
        };
        classes.iter().filter(within).map(|line| line.count).sum()
    };
    lot.lot.targets.keys().map(|chart| Tallied { chart: chart.clone(), count: cells(chart), of: counted }).collect()
}

/// The points of a run's charts. `before` are the lot's earlier runs, oldest first; `levels` the runs of its other levels
/// that belong to the same run.
#[must_use]
pub fn values(lot: &ControlLot, tallied: &[Tallied], before: &[ControlRun], levels: &[ControlRun]) -> Vec<ChartValue> {
    tallied
        .iter()
        .map(|Tallied { chart, count, of }| {
            let percent = 100.0 * f64::from(*count) / f64::from((*of).max(1));
            let point = |mean, limits, z: f64| {
                let last = before.iter().rev().find_map(|run| run.deviation(chart));
                let others: Vec<f64> = levels.iter().filter_map(|run| run.deviation(chart)).collect();
                (Some(mean), Some(limits), Some(z), westgard::judge(z, last, &others))
            };
            let (mean, limits, z, rule) = match lot.lot.targets.get(chart) {
                Some(Target::Normal { mean, sd }) => {
                    point(*mean, limits::of_mean(*mean, *sd), limits::from_mean(percent, *mean, *sd))
                }
                Some(Target::Chance { percent, cells }) => {
                    let share = percent / 100.0;
                    let z = limits::from_chance(*count, *of, share, *cells);
                    point(*percent, limits::of_chance(*of, share, *cells), z)
                }
                Some(Target::Learning) | None => (None, None, None, None),
            };
            ChartValue { chart: chart.clone(), count: *count, of: *of, percent, mean, limits, z, rule }
        })
        .collect()
}

/// Compares the frames of a run with the calibration's scale, and with the frames of the first control that passed after
/// that calibration.
#[must_use]
pub fn look_checks(
    look: &Look,
    calibrated_scale: Option<f64>,
    first: Option<&Look>,
    rules: &QualityControlConfig,
) -> Vec<LookCheck> {
    let around = |what, value: Option<f64>, reference: Option<f64>, below: f64, above: f64| {
        let (value, reference) = value.zip(reference)?;
        let (low, high) = (reference * (1.0 - below / 100.0), reference * (1.0 + above / 100.0));
        Some(LookCheck { what, value, reference: Some(reference), low, high, good: (low..=high).contains(&value) })
    };
    let scale = around(Cause::Scale, look.um_per_px, calibrated_scale, rules.scale_percent, rules.scale_percent);
    let background = first.and_then(|first| first.background);
    let light = around(Cause::Light, look.background, background, rules.light_percent, rules.light_percent);
    // Sharper than then is no fault; the upper end only keeps the figure finite.
    let sharp = first.and_then(|first| first.sharpness);
    let sharpness = around(Cause::Sharpness, look.sharpness, sharp, rules.sharpness_percent, f64::from(u16::MAX));
    let focus = LookCheck {
        what: Cause::Focus,
        value: look.out_of_focus_percent,
        reference: None,
        low: 0.0,
        high: rules.focus_percent,
        good: look.out_of_focus_percent <= rules.focus_percent,
    };
    [scale, light, sharpness, Some(focus)].into_iter().flatten().collect()
}

/// What came of a run with these points and causes.
#[must_use]
pub fn outcome(learns: bool, values: &[ChartValue], causes: &[Cause]) -> Outcome {
    let rejected = values.iter().filter_map(|value| value.rule).any(Rule::rejects);
    if rejected || !causes.is_empty() {
        Outcome::Failed
    } else if learns {
        Outcome::Learning
    } else if values.iter().any(|value| value.rule.is_some()) {
        Outcome::Warning
    } else {
        Outcome::Passed
    }
}
