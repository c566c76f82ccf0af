//! The page of `validate cells`.

use maud::html;

use super::{
    About, brought_to, class_charts, class_figures, label_table, label_words, matrix, page, percent, short, unreadable,
};
use crate::cli::validate::CellsReport;
use crate::cli::validate::pictures::{self, WrongCell};
use crate::domain::class::CellClass;

/// Page about single cells. Reads the images of the worst mistakes again to show them.
#[must_use]
pub fn cells_page(report: &CellsReport, about: &About) -> String {
    let wrong = pictures::wrong_cells(report);
    let lead = html! {
        (report.images) " single-cell images with " (report.scores.labels.len()) " labels from "
        code { (report.folder.display()) } " were classified as the device does it, and held against their labels."
        @if report.unreadable > 0 { " " (report.unreadable) " more could not be read." }
    };
    let body = html! {
        (class_figures(&report.scores))
        (brought_to(&report.prevalence, &report.uncorrected))
        p.note { (report.note) }
        @if !report.labels_not_in_model.is_empty() {
            p.note { "The model does not know "
                @for (at, label) in report.labels_not_in_model.iter().enumerate() { @if at > 0 { ", " } (label) }
                ": these cells cannot be named right." }
        }
        h2 { "By label" }
        (label_words())
        (label_table(&report.scores.labels))
        @if let Some(groups) = &report.scores.groups {
            h2 { "In groups" }
            (label_table(groups))
        }
        h2 { "What was taken for what" }
        (matrix(&report.scores.confusion))
        h2 { "How sure it is" }
        (class_charts(&report.scores))
        @if !wrong.is_empty() {
            h2 { "The surest wrong answers" }
            p { "Here the program was surest and wrong. Some labels may be wrong, too: look for yourself." }
            div.cells { @for cell in &wrong { (wrong_cell(cell)) } }
        }
        (unreadable(&report.unreadable_files))
        h2 { "How it was measured" }
        p.soft { (report.method) }
    };
    page("How well single cells are named", &lead, about, &body)
}

fn wrong_cell(cell: &WrongCell) -> maud::Markup {
    let outcome = &cell.outcome;
    html! {
        figure {
            img src=(cell.picture) alt={ "Cell labelled " (outcome.label.name()) } loading="lazy";
            figcaption {
                b { (outcome.label) " taken for " (outcome.top) } ", " (percent(outcome.probability))
                @if outcome.answer == CellClass::Unk && outcome.top != CellClass::Unk { " (name withheld)" }
                div.file { (short(&cell.image)) }
            }
        }
    }
}
