//! Detection scores in whole fields, and classification scores of their white cells. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;

use crate::cli::validate::box_names::{BoxName, BoxNames};
use crate::cli::validate::class_scores::{ClassOutcome, ClassScores, Summary};
use crate::cli::validate::estimate::{Estimate, RESAMPLES, dice};
use crate::cli::validate::matching::{BoxMatch, CurvePoint, average_precision, curve, pair};
use crate::domain::class::{CellClass, Kind};
use crate::domain::geometry::Rect;
use crate::domain::label::Label;
use crate::vision::Cell;
use crate::vision::detect::Detection;
use crate::vision::prediction::Prediction;

/// Overlap (intersection over union) from which a detected box matches a labelled one.
pub(crate) const IOU: f64 = 0.5;

/// Same if only the class matters: hand-drawn boxes of white cells differ in how much they include.
pub(crate) const IOU_OF_CLASSES: f64 = 0.3;

/// Points kept of a precision-recall curve.
const CURVE_POINTS: usize = 100;

/// Labels of one field, and what was detected.
#[derive(Clone, Debug, Default)]
pub struct FieldOutcome {
    pub image: PathBuf,
    /// Labelled boxes, px.
    pub truth: Vec<(Rect, BoxName)>,
    /// The detector's boxes down to a low score, best first: for average precision.
    pub candidates: Vec<Detection>,
    /// What the program counts: detected at the released thresholds and classified, best first.
    pub cells: Vec<Cell>,
}

/// Boxes of one field and one kind, sorted into hits, misses and extras.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BoxOutcomes {
    pub hits: Vec<Rect>,
    pub extra: Vec<Rect>,
    pub missed: Vec<Rect>,
}

impl FieldOutcome {
    fn marked(&self, kind: Option<Kind>) -> Vec<Rect> {
        self.truth.iter().filter(|(_, name)| name.kind() == kind).map(|(area, _)| *area).collect()
    }

    /// Compares what the program counts as `kind` with the labels.
    #[must_use]
    pub fn judge(&self, kind: Kind) -> BoxOutcomes {
        let found: Vec<Rect> =
            self.cells.iter().filter(|cell| cell.kind() == kind).map(|cell| cell.detection.area).collect();
        let truth = self.marked(Some(kind));
        let mut missed = vec![true; truth.len()];
        let mut judged = BoxOutcomes::default();
        for (area, verdict) in found.iter().zip(pair(&found, &truth, &self.marked(None), IOU)) {
            match verdict {
                BoxMatch::Hit(at) => {
                    missed[at] = false;
                    judged.hits.push(*area);
                }
                BoxMatch::Extra => judged.extra.push(*area),
                BoxMatch::Ignored => (),
            }
        }
        judged.missed = truth.into_iter().zip(missed).filter_map(|(area, missed)| missed.then_some(area)).collect();
        judged
    }

    fn candidates(&self, kind: Kind) -> Vec<(f64, bool)> {
        let of_kind: Vec<&Detection> = self.candidates.iter().filter(|found| found.kind == kind).collect();
        let areas: Vec<Rect> = of_kind.iter().map(|found| found.area).collect();
        let verdicts = pair(&areas, &self.marked(Some(kind)), &self.marked(None), IOU);
        let scored = of_kind.iter().zip(verdicts).filter(|(_, verdict)| *verdict != BoxMatch::Ignored);
        scored.map(|(found, verdict)| (found.score, matches!(verdict, BoxMatch::Hit(_)))).collect()
    }

    /// White cells with a class label, each with the cell detected in its place.
    fn named(&self) -> Vec<(Label, Option<&Cell>)> {
        let white: Vec<&Cell> = self.cells.iter().filter(|cell| cell.detection.kind == Kind::Wbc).collect();
        let areas: Vec<Rect> = white.iter().map(|cell| cell.detection.area).collect();
        let verdicts = pair(&areas, &self.marked(Some(Kind::Wbc)), &[], IOU_OF_CLASSES);
        let marked = self.truth.iter().filter(|(_, name)| name.kind() == Some(Kind::Wbc)).enumerate();
        let labelled = marked.filter_map(|(at, (_, name))| match name {
            BoxName::White(label) => Some((at, *label)),
            _ => None,
        });
        let found = |at| verdicts.iter().position(|verdict| *verdict == BoxMatch::Hit(at)).map(|place| white[place]);
        labelled.map(|(at, label)| (label, found(at))).collect()
    }
}

/// Scores of one kind; those that these labels cannot give are `None`, and `reason` says why.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct KindScore {
    /// Labelled cells.
    pub truth: u32,
    /// Cells counted by the program, except those in ignored boxes.
    pub found: u32,
    /// Average precision of the detector alone, at an overlap of 0.5, all points.
    pub ap50: Option<Estimate>,
    pub precision: Option<Estimate>,
    pub recall: Option<Estimate>,
    pub f1: Option<Estimate>,
    /// Sum over the fields of |found - labelled|, divided by all labelled cells.
    pub count_error: Option<Estimate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub curve: Vec<CurvePoint>,
}

/// Scores of white cells whose class is labelled.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NamedScore {
    /// White cells labelled with a class.
    pub marked: u32,
    /// Share of them detected, at an overlap of 0.3.
    pub recall_iou30: Estimate,
    /// Same for each label.
    pub recall_by_label: BTreeMap<&'static str, Estimate>,
    /// Classification scores of the detected ones; `None` if there are none.
    pub of_found: Option<ClassScores>,
    /// Figures for their raw predictions.
    pub uncorrected: Option<Summary>,
}

/// All field scores.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldScores {
    pub kinds: BTreeMap<Kind, KindScore>,
    /// `None` if the labels name no class.
    pub classes: Option<NamedScore>,
}

impl FieldScores {
    /// Scores `outcomes`, whose boxes were named by `names`; `classes` are the model's, and `threshold` its
    /// probability below which it gives no name.
    #[must_use]
    pub fn of(outcomes: &[FieldOutcome], names: &BoxNames, classes: &[CellClass], threshold: f64) -> Self {
        let kinds = Kind::ALL.into_iter().map(|kind| (kind, kind_score(outcomes, names, kind))).collect();
        Self { kinds, classes: named_score(outcomes, classes, threshold) }
    }
}

/// Hits, detected and labelled cells of one field.
#[derive(Clone, Copy)]
struct BoxCounts {
    hits: u32,
    found: u32,
    truth: u32,
}

fn kind_score(outcomes: &[FieldOutcome], names: &BoxNames, kind: Kind) -> KindScore {
    let judge = |outcome: &FieldOutcome| {
        let judged = outcome.judge(kind);
        let (hits, extra, missed) = (judged.hits.len() as u32, judged.extra.len() as u32, judged.missed.len() as u32);
        BoxCounts { hits, found: hits + extra, truth: hits + missed }
    };
    let fields: Vec<BoxCounts> = outcomes.iter().map(judge).collect();
    let sum = |of: fn(&BoxCounts) -> u32| fields.iter().map(of).sum::<u32>();
    let (truth, found) = (sum(|field| field.truth), sum(|field| field.found));
    let what = plural(kind);
    if truth == 0 {
        let reason = if names.names_kind(kind) {
            format!("no {what} are marked in these fields")
        } else {
            format!("these labels do not mark {what}, so nothing can be said of them")
        };
        return KindScore { found, reason: Some(reason), ..KindScore::default() };
    }

    let mut candidates: Vec<(f64, bool, usize)> = Vec::new();
    for (field, outcome) in outcomes.iter().enumerate() {
        candidates.extend(outcome.candidates(kind).into_iter().map(|(score, hit)| (score, hit, field)));
    }
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0));
    let drawn = |times: &[u32]| {
        let truth = fields.iter().zip(times).map(|(field, times)| field.truth * times).sum();
        curve(candidates.iter().map(|(_, hit, field)| (*hit, times[*field])), truth)
    };
    let once = vec![1; fields.len()];
    let points = drawn(&once);
    let estimates = bootstrapped(&fields, |times| average_precision(&drawn(times)));
    let [ap50, precision, recall, f1, count_error] = estimates;
    if kind == Kind::Wbc && !names.complete {
        let reason = "only some of the white cells are marked, so what is found beside them may be right: precision, \
            F1, average precision and the error of the count would mean nothing";
        return KindScore { truth, found, recall, reason: Some(reason.to_owned()), ..KindScore::default() };
    }
    let reason = precision.is_none().then(|| format!("no {what} were found, so precision has no value"));
    KindScore { truth, found, ap50, precision, recall, f1, count_error, reason, curve: thinned(points) }
}

/// Plural name of a kind.
#[must_use]
pub(crate) const fn plural(kind: Kind) -> &'static str {
    match kind {
        Kind::Wbc => "white cells",
        Kind::Rbc => "red cells",
        Kind::Plt => "platelets",
    }
}

fn thinned(points: Vec<CurvePoint>) -> Vec<CurvePoint> {
    let step = points.len().div_ceil(CURVE_POINTS).max(1);
    let last = points.len().saturating_sub(1);
    points.into_iter().enumerate().filter(|(at, _)| at % step == 0 || *at == last).map(|(_, point)| point).collect()
}

/// Average precision, precision, recall, F1 and count error; fields are resampled for the intervals.
fn bootstrapped(fields: &[BoxCounts], average_precision: impl Fn(&[u32]) -> f64) -> [Option<Estimate>; 5] {
    let figures = |times: &[u32]| {
        let sum = |of: fn(&BoxCounts) -> u32| {
            fields.iter().zip(times).map(|(field, times)| f64::from(of(field) * times)).sum::<f64>()
        };
        let (hits, found, truth) = (sum(|field| field.hits), sum(|field| field.found), sum(|field| field.truth));
        let off = sum(|field| field.found.abs_diff(field.truth));
        // NaN if nothing is detected or a resample has no labelled cell; then there is no value.
        [average_precision(times), hits / found, hits / truth, 2.0 * hits / (found + truth), off / truth]
    };
    let values = figures(&vec![1; fields.len()]);
    let mut dice = dice();
    let mut resamples: [Vec<f64>; 5] = std::array::from_fn(|_| Vec::with_capacity(RESAMPLES));
    let mut times = vec![0; fields.len()];
    for _ in 0..RESAMPLES {
        times.fill(0);
        for _ in fields {
            times[dice.usize(..fields.len())] += 1;
        }
        for (resamples, figure) in resamples.iter_mut().zip(figures(&times)) {
            resamples.push(figure);
        }
    }
    let mut resamples = resamples.into_iter();
    values.map(|value| {
        let resamples = resamples.next().unwrap_or_default();
        value.is_finite().then(|| Estimate::bootstrapped(value, resamples))
    })
}

fn named_score(outcomes: &[FieldOutcome], classes: &[CellClass], threshold: f64) -> Option<NamedScore> {
    let named: Vec<(Label, Option<&Cell>)> = outcomes.iter().flat_map(FieldOutcome::named).collect();
    if named.is_empty() {
        return None;
    }
    let labels: BTreeSet<Label> = named.iter().map(|(label, _)| *label).collect();
    let recall = |label: Option<Label>| {
        let of = named.iter().filter(|(other, _)| label.is_none_or(|label| label == *other));
        let (found, all) = of.fold((0, 0), |(found, all), (_, cell)| (found + u32::from(cell.is_some()), all + 1));
        Estimate::exact(found, all)
    };
    let opinions: Vec<(Label, &Prediction)> =
        named.iter().filter_map(|(label, cell)| Some((*label, (*cell)?.opinion.as_ref()?))).collect();
    let answers: Vec<ClassOutcome> =
        opinions.iter().map(|(label, opinion)| ClassOutcome::of(*label, opinion)).collect();
    let alone: Vec<ClassOutcome> =
        opinions.iter().map(|(label, opinion)| ClassOutcome::of(*label, opinion.raw())).collect();
    Some(NamedScore {
        marked: named.len() as u32,
        recall_iou30: recall(None),
        recall_by_label: labels.into_iter().map(|label| (label.code(), recall(Some(label)))).collect(),
        of_found: ClassScores::of(&answers, classes, threshold),
        uncorrected: Summary::of(&alone, classes),
    })
}
