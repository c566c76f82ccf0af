//! Page for people: what was measured, what it means, and the worst mistakes as pictures. One file without scripts or
//! outside addresses; everything that comes from a file name is escaped.

mod cells;
mod fields;

use std::path::Path;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::cli::validate::class_scores::{ClassScores, Confusion, LabelScore, Summary};
use crate::cli::validate::estimate::Estimate;
use crate::cli::validate::{Unreadable, chart};
use crate::domain::prevalence_mode::PrevalenceMode;
use crate::vision::models::Models;
use crate::vision::prevalence::PrevalenceReport;

pub use cells::cells_page;
pub use fields::fields_page;

/// Origin of a page's figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// When it was measured, as shown to people.
    pub date: String,
    /// File names of the networks and the name of a profile, each with the beginning of its sha256.
    pub models: Vec<(String, String)>,
}

impl About {
    /// For a page made on `date` with `models`.
    #[must_use]
    pub fn of(models: &Models, date: impl Into<String>) -> Self {
        let short = |sha256: &str| sha256.chars().take(12).collect::<String>();
        let (detector, classifier) = (&models.card.detector, &models.card.classifier);
        let named = |file: &Path, sha256: &str| (file.display().to_string(), short(sha256));
        let mut models_named =
            vec![named(&classifier.file, &classifier.sha256), named(&detector.file, &detector.sha256)];
        if let Some(profile) = &models.profile {
            models_named.push((format!("profile {}", profile.name), short(&profile.profile_sha256)));
        }
        Self { date: date.into(), models: models_named }
    }
}

fn page(title: &str, lead: &Markup, about: &About, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · leukoscope" }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                h1 { (title) }
                p { (lead) }
                p.soft {
                    "Measured " (about.date) " with leukoscope " (env!("CARGO_PKG_VERSION"))
                    @for (file, sha256) in &about.models { ", " (file) " " code { (sha256) } }
                    "."
                }
                (body)
            }
        }
    };
    page.into_string()
}

/// `0.9412` as `94.1 %`; small shares keep two significant digits.
fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn interval(estimate: Estimate) -> Markup {
    html! { span.interval { (format!("{:.1}–{:.1}", estimate.low * 100.0, estimate.high * 100.0)) } }
}

fn figure(name: &str, estimate: Estimate, meaning: &Markup) -> Markup {
    html! {
        div {
            h3 { (name) }
            div.value { (percent(estimate.value)) }
            div.interval { "95 % interval " (interval(estimate)) }
            p { (meaning) }
        }
    }
}

fn cell_of(estimate: Option<Estimate>) -> Markup {
    html! {
        td { @if let Some(estimate) = estimate { (percent(estimate.value)) (interval(estimate)) } @else { "–" } }
    }
}

/// Classification scores.
fn class_figures(scores: &ClassScores) -> Markup {
    let means = &scores.means;
    let coverage = &scores.coverage;
    html! {
        div.figures {
            (figure("Accuracy", means.accuracy, &html! { "Of 100 of these cells, so many are named right when a name is \
                demanded for every one." }))
            (figure("Balanced accuracy", means.balanced_accuracy, &html! { "The same with every class counting alike, \
                however many cells it has: the mean of the recalls." }))
            (figure("Macro F1", means.macro_f1, &html! { "Finding all of a class and naming nothing else so, in one \
                figure, mean of the classes." }))
            (figure("Cells that get a name", coverage.answered, &html! { "The others stay unclassified because no class \
                reaches a probability of " (percent(coverage.threshold)) ", or because they look like no such cell." }))
            @if let Some(accuracy) = coverage.accuracy {
                (figure("Right among the named", accuracy, &html! { "What the accuracy becomes when doubtful cells are \
                    left to a person." }))
            }
            @if let Some(accuracy) = scores.group_accuracy {
                (figure("Accuracy in groups", accuracy, &html! { "Band and segmented neutrophils as one, and \
                    metamyelocytes, myelocytes and promyelocytes as one, as the Barcelona set was published." }))
            }
            div {
                h3 { "Calibration error" }
                div.value { (percent(scores.expected_calibration_error)) }
                p { "How far a stated probability is from the share that is right, on average ("
                    (scores.calibration_bins) " bins). Small is good." }
            }
        }
    }
}

/// Prevalence that predictions were adjusted to, and the scores of raw predictions.
fn brought_to(prevalence: &PrevalenceReport, alone: &Summary) -> Markup {
    html! {
        p { (prevalence) "." @if prevalence.form != PrevalenceMode::None {
            " Uncorrected, as the network alone says: accuracy " (percent(alone.means.accuracy.value)) " "
            (interval(alone.means.accuracy)) ", balanced accuracy " (percent(alone.means.balanced_accuracy.value)) " "
            (interval(alone.means.balanced_accuracy)) ", calibration error " (percent(alone.expected_calibration_error)) "."
        } }
    }
}

fn label_words() -> Markup {
    html! {
        p.soft { "Recall: the share of a label's cells that are named right. Precision: the share of right ones among all \
            that were given this name. Unnamed: cells left without a name because none was probable enough." }
    }
}

fn label_table(labels: &[LabelScore]) -> Markup {
    html! {
        div.wide { table {
            thead { tr {
                th { "Label" } th { "Cells" } th { "Recall" } th { "Precision" } th { "F1" } th { "Unnamed" }
            } }
            tbody {
                @for score in labels { tr {
                    th scope="row" { (score.label) " " span.soft { (score.label.name()) }
                        @if !score.in_means { span.soft { " · not in the means" } } }
                    td { (score.n) }
                    (cell_of(Some(score.recall)))
                    (cell_of(score.precision))
                    td { (format!("{:.3}", score.f1)) }
                    td { (score.withheld) }
                } }
            }
        } }
    }
}

fn matrix(confusion: &Confusion) -> Markup {
    html! {
        p { "A row holds the cells of one label, a column those that were given one name; UNK is a name withheld. The \
            stronger the colour, the larger the share of the row; right answers have a frame." }
        div.wide { table.matrix {
            thead { tr {
                th { "Label" } @for class in &confusion.columns { th scope="col" title=(class.name()) { (class) } } th { "All" }
            } }
            tbody {
                @for (row, label) in confusion.rows.iter().enumerate() { tr {
                    th scope="row" title=(label.name()) { (label) }
                    @let total = confusion.total(row);
                    @for (class, count) in confusion.columns.iter().zip(&confusion.counts[row]) {
                        @let share = f64::from(*count) / f64::from(total.max(1));
                        td.right[label.accepts(*class)].none[*count == 0] style=(format!("--share:{share:.3}")) {
                            @if *count == 0 { "·" } @else { (count) small { (format!("{:.0} %", share * 100.0)) } }
                        }
                    }
                    th { (total) }
                } }
            }
        } }
    }
}

fn class_charts(scores: &ClassScores) -> Markup {
    let reliability = chart::Chart {
        title: "Share of right answers over stated probability".into(),
        x: "stated probability, %",
        y: "right answers, %",
        x_from: 0.0,
        y_from: 0.0,
        marks: std::iter::once(chart::Mark::Diagonal)
            .chain(scores.reliability.iter().map(|bin| {
                let accuracy = bin.accuracy;
                chart::Mark::Interval((bin.mean_probability, accuracy.value), (accuracy.low, accuracy.high))
            }))
            .collect(),
    };
    let coverage = &scores.coverage;
    let points: Vec<(f64, f64)> = coverage.curve.iter().map(|point| (point.answered, point.accuracy)).collect();
    let lowest = points.iter().map(|point| point.1).fold(1.0, f64::min);
    let mut marks = vec![chart::Mark::Line(0, points)];
    if let Some(accuracy) = coverage.accuracy {
        marks.push(chart::Mark::Dot(0, (coverage.answered.value, accuracy.value), "as it runs"));
    }
    let coverage = chart::Chart {
        title: "Share of right answers over share of cells named".into(),
        x: "cells that get a name, %",
        y: "right among them, %",
        x_from: 0.0,
        // A little below the lowest point, in steps of 20 %.
        y_from: (((lowest - 0.02) * 5.0).floor() / 5.0).clamp(0.0, 0.8),
        marks,
    };
    html! {
        div.charts {
            figure { (reliability.draw()) figcaption { b { "Can the stated probability be believed? " } "On the dotted line it \
                can; dots above it are too modest, dots below too sure. Bars are 95 % intervals." } }
            figure { (coverage.draw()) figcaption { b { "What does leaving doubtful cells unnamed buy? " } "To the left ever \
                fewer cells are named, and more of the names are right." } }
        }
    }
}

fn unreadable(files: &[Unreadable]) -> Markup {
    html! {
        @if !files.is_empty() {
            h2 { "Images that could not be read" }
            ul { @for file in files { li.file { (file.problem) } } }
        }
    }
}

/// The last two parts of a path: enough to find the file, short enough to read.
fn short(path: &Path) -> String {
    let parts: Vec<_> = path.iter().rev().take(2).map(|part| part.to_string_lossy()).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join("/")
}
