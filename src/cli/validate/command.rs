//! `validate`: compares the models with labelled pictures; text, JSON, and a page with the worst mistakes.

use std::fmt::Display;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use indicatif::ProgressBar;
use jiff::Timestamp;
use serde::Serialize;

use crate::camera::picture::list_pictures;
use crate::cli::args::{FieldArguments, ValidateArguments, VisionArguments};
use crate::cli::failure::{Blame, Failure};
use crate::cli::lighting::{lighting, vision_with_lighting};
use crate::cli::output;
use crate::cli::pictures::{progress, vision, vision_as_is};
use crate::cli::validate::page::{About, cells_page, fields_page};
use crate::cli::validate::{self, BoxNames};
use crate::domain::prevalence_mode::PrevalenceMode;

/// Measures the classifier on DIR/CLASS/*.
///
/// If the file `confusion` is named, also writes the confusion matrix of the raw predictions there; `measured_on`
/// describes the cells in it.
///
/// # Errors
/// With exit code 2 for wrong input or a file that cannot be written.
pub fn cells(
    arguments: &ValidateArguments,
    confusion: Option<&Path>,
    measured_on: Option<String>,
) -> Result<(), Failure> {
    let (vision, models) = vision(&arguments.vision)?;
    let bar = progress(0, "classifying");
    let report = validate::cells(&vision, &arguments.dir, form(arguments), follow(&bar)).blame_input()?;
    bar.finish_and_clear();
    if let Some(file) = confusion {
        let measured_on =
            measured_on.unwrap_or_else(|| format!("{}, {} images", report.folder.display(), report.images));
        let matrix = report.confusion_matrix(measured_on, models.weights_sha256(), vision.unknown_below());
        fs::write(file, matrix.to_toml())
            .with_context(|| format!("cannot write the matrix {}; check its folder", file.display()))
            .blame_input()?;
    }
    hand_over(arguments, &report, || cells_page(&report, &About::of(&models, today())))
}

/// Measures detection on pictures with YOLO label files.
///
/// # Errors
/// With exit code 2 for wrong input or a report that cannot be written.
pub fn fields(arguments: &ValidateArguments, classes: Option<&str>, field: &FieldArguments) -> Result<(), Failure> {
    let names = classes.map_or_else(|| Ok(BoxNames::default()), str::parse).blame_input()?;
    let (vision, models) =
        vision_with_lighting(&arguments.vision, field, &list_pictures(&arguments.dir).blame_input()?)?;
    let bar = progress(0, "detecting");
    let report = validate::fields(&vision, &arguments.dir, &names, form(arguments), follow(&bar)).blame_input()?;
    bar.finish_and_clear();
    hand_over(arguments, &report, || fields_page(&report, &About::of(&models, today())))
}

/// Measures the names of red cells on pictures with a table of them.
///
/// # Errors
/// With exit code 2 for wrong input.
pub fn red_cells(dir: &Path, json: bool, field: &FieldArguments, arguments: &VisionArguments) -> Result<(), Failure> {
    let (vision, models) = vision_as_is(arguments)?;
    let lighting = lighting(field, &list_pictures(dir).blame_input()?)?;
    let vision = vision.lit(lighting).naming_red_cells(&models).blame_input()?;
    let bar = progress(0, "naming red cells");
    let report = validate::red_cells(&vision, dir, follow(&bar)).blame_input()?;
    bar.finish_and_clear();
    if json { output::line(serde_json::to_string(&report).blame_run()?) } else { output::line(report) }
}

fn form(arguments: &ValidateArguments) -> PrevalenceMode {
    arguments.vision.prevalence.unwrap_or(PrevalenceMode::Sample)
}

fn follow(bar: &ProgressBar) -> impl FnMut(usize, usize) {
    let bar = bar.clone();
    move |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    }
}

fn today() -> String {
    Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn hand_over<R: Serialize + Display>(
    arguments: &ValidateArguments,
    report: &R,
    page: impl FnOnce() -> String,
) -> Result<(), Failure> {
    if let Some(file) = &arguments.report {
        fs::write(file, page())
            .with_context(|| format!("cannot write the report {}; check its folder", file.display()))
            .blame_input()?;
    }
    if arguments.json { output::line(serde_json::to_string(report).blame_run()?) } else { output::line(report) }
}
