//! The page of `validate fields`.

use maud::{Markup, html};

use super::{
    About, brought_to, cell_of, class_charts, class_figures, figure, interval, label_table, label_words, matrix, page,
    percent, short, unreadable,
};
use crate::cli::validate::FieldsReport;
use crate::cli::validate::chart::{self, Chart, Mark};
use crate::cli::validate::field_scores::{KindScore, NamedScore, plural};
use crate::cli::validate::pictures::{self, WrongField};
use crate::domain::class::Kind;
use crate::vision::prevalence::PrevalenceReport;

/// Page about whole fields. Reads the images of the worst mistakes again to show them.
#[must_use]
pub fn fields_page(report: &FieldsReport, about: &About) -> String {
    let wrong = pictures::wrong_fields(report);
    let lead = html! {
        (report.images) " fields of view from " code { (report.folder.display()) }
        " were looked at as the device does it, and the cells found held against those marked by hand."
        @if report.unlabelled > 0 { " " (report.unlabelled) " more have no marks and were passed over." }
        @if report.unreadable > 0 { " " (report.unreadable) " more could not be read." }
        @if report.without_scale > 0 { " In " (report.without_scale) " nothing showed the scale, so nothing was found." }
    };
    let body = html! {
        div.figures { @for (kind, score) in &report.scores.kinds { (kind_figures(*kind, score)) } }
        p.note { (report.note) }
        h2 { "By kind" }
        (kind_table(report))
        (curves(report))
        @if let Some(classes) = &report.scores.classes { (class_part(classes, &report.prevalence)) }
        @if !wrong.is_empty() {
            h2 { "The fields with most differences" }
            p.key {
                span { span.swatch.right {} "found and marked" }
                span { span.swatch.extra {} "found, not marked" }
                span { span.swatch.missed {} "marked, not found" }
            }
            p { "Marks made by hand have gaps as well: look whether a box that was not marked holds a cell." }
            div.fields { @for field in &wrong { (wrong_field(field)) } }
        }
        (unreadable(&report.unreadable_files))
        h2 { "How it was measured" }
        p.soft { (report.method) }
    };
    page("How well cells are found", &lead, about, &body)
}

fn kind_figures(kind: Kind, score: &KindScore) -> Markup {
    let what = plural(kind);
    html! {
        @if let Some(f1) = score.f1 {
            (figure(&format!("F1, {what}"), f1, &html! {
                @if let Some(recall) = score.recall { (percent(recall.value)) " of the marked " (what) " are found" }
                @if let Some(precision) = score.precision {
                    ", and " (percent(precision.value)) " of what is found is marked" }
                "."
                @if let Some(off) = score.count_error {
                    " The count of a field is off by " (percent(off.value)) " of the cells." }
            }))
        } @else if let Some(recall) = score.recall {
            (figure(&format!("Found, {what}"), recall, &html! { "So many of the marked " (what) " are found." }))
        }
    }
}

fn kind_table(report: &FieldsReport) -> Markup {
    html! {
        div.wide { table {
            thead { tr {
                th { "Kind" } th { "Marked" } th { "Counted" } th { "Average precision" } th { "Precision" } th { "Recall" }
                th { "F1" } th { "Error of the count" }
            } }
            tbody { @for (kind, score) in &report.scores.kinds {
                tr {
                    th scope="row" { (kind) " " span.soft { (plural(*kind)) } }
                    td { (score.truth) } td { (score.found) }
                    (cell_of(score.ap50)) (cell_of(score.precision)) (cell_of(score.recall)) (cell_of(score.f1))
                    (cell_of(score.count_error))
                }
                @if let Some(reason) = &score.reason { tr { td.words colspan="8" { (kind) ": " (reason) "." } } }
            } }
        } }
        p.soft { "A found box is right when it shares half of the joint area with a marked one (IoU 0.5)." }
    }
}

fn curves(report: &FieldsReport) -> Markup {
    let shown: Vec<(&Kind, &KindScore)> =
        report.scores.kinds.iter().filter(|(_, score)| score.ap50.is_some() && !score.curve.is_empty()).collect();
    if shown.is_empty() {
        return html! {};
    }
    let mut marks = Vec::new();
    for (style, (_, score)) in shown.iter().enumerate() {
        marks.push(Mark::Line(style, score.curve.iter().map(|point| (point.recall, point.precision)).collect()));
        if let (Some(precision), Some(recall)) = (score.precision, score.recall) {
            marks.push(Mark::Dot(style, (recall.value, precision.value), ""));
        }
    }
    let names: Vec<&str> = shown.iter().map(|(kind, _)| plural(**kind)).collect();
    let chart = Chart {
        title: "Precision over recall".into(),
        x: "marked cells found (recall), %",
        y: "found cells marked (precision), %",
        x_from: 0.0,
        y_from: 0.0,
        marks,
    };
    html! {
        div.charts { figure {
            (chart.draw())
            (chart::key(&names))
            figcaption { b { "What does finding more cost? " } "To the right more cells are found, and more of what is found is \
                wrong. The marks are the program as it runs." }
        } }
    }
}

fn class_part(classes: &NamedScore, prevalence: &PrevalenceReport) -> Markup {
    html! {
        h2 { "White cells whose class is marked" }
        p { (percent(classes.recall_iou30.value)) " " (interval(classes.recall_iou30)) " of the " (classes.marked)
            " are found (IoU 0.3): "
            @for (at, (label, recall)) in classes.recall_by_label.iter().enumerate() {
                @if at > 0 { ", " } (label) " " (percent(recall.value)) }
            "." }
        @if let Some(scores) = &classes.of_found {
            p { "How well those found are named:" }
            (class_figures(scores))
            @if let Some(alone) = &classes.uncorrected { (brought_to(prevalence, alone)) }
            (label_words())
            (label_table(&scores.labels))
            h2 { "What was taken for what" }
            (matrix(&scores.confusion))
            h2 { "How sure it is" }
            (class_charts(scores))
        }
    }
}

fn wrong_field(field: &WrongField) -> Markup {
    html! {
        figure {
            img src=(field.picture) alt="Field with its wrong boxes" loading="lazy";
            figcaption {
                b { (field.missed) " not found, " (field.extra) " not marked" }
                div.file { (short(&field.image)) }
            }
        }
    }
}
