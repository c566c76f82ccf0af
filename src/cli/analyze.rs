//! `analyze`: detects and classifies the cells of pictures.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use image::RgbImage;
use serde::Serialize;

use crate::camera::picture::read_picture;
use crate::cli::args::AnalyzeArguments;
use crate::cli::failure::{Blame, Failure};
use crate::cli::lighting::lighting;
use crate::cli::pictures::{Failures, ListedPicture, each, list, print_each, vision_as_is};
use crate::cli::quality_line::QualityLine;
use crate::cli::saliency::Explanations;
use crate::domain::class::{CellClass, Kind};
use crate::domain::red_cell_colour::RedCellColour;
use crate::vision::annotate::annotate;
use crate::vision::detect::scale::{Scale, ScaleEstimates, ScaleSource};
use crate::vision::detect::shared_scale::{self as shared, ImageGroup};
use crate::vision::models::Models;
use crate::vision::optics::field_of_view::BalancedPicture;
use crate::vision::parasites::{LOOK_FOR_PARASITES, ParasiteScreen};
use crate::vision::prediction::Prediction;
use crate::vision::profile::ProfileMark;
use crate::vision::quality::focus::FocusHistory;
use crate::vision::quality::{Quality, assess};
use crate::vision::red_cells::RedOpinion;
use crate::vision::{Cell, Field, Vision};

/// One line of `analyze --json`.
#[derive(Serialize)]
struct FieldLine<'a> {
    image: &'a Path,
    width: u32,
    height: u32,
    scale_um_per_px: Option<f64>,
    scale_from: Option<ScaleSource>,
    /// Optical density of its red cells in red, green and blue.
    red_cell_density: Option<[f64; 3]>,
    cells: Vec<CellLine>,
    /// What a person must look at; left out where there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    flags: Vec<&'static str>,
    quality: QualityLine,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'a ProfileMark>,
}

/// Classes listed for a cell of a field; `classify` lists all.
const TOP: usize = 5;

/// Note on a class that the model learned from too few images to be trusted.
const EXPERIMENTAL: &str = "experimental class: learned from too few images to be trusted";

/// Note on a blast whose line is a guess.
const LINE_EXPERIMENTAL: &str =
    "the line of the blast (MYO, MOB, PMB) is experimental: learned from too few images to be trusted";

#[derive(Serialize)]
struct CellLine {
    kind: Kind,
    x: f64,
    y: f64,
    w: f64,
    h: f64,
    score: f64,
    class: Option<&'static str>,
    probability: Option<f64>,
    top: Vec<(&'static str, f64)>,
    /// Of a named red cell: whether it counts for grades, as it is whole and lies by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    graded: Option<bool>,
    /// Of a named red cell: its diameter, um, and the width of its pale middle as a share of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    diameter_um: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pallor: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uncorrected: Option<UncorrectedLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
    /// Of a red cell to look at for parasites: how sure the network is, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    look_for_parasites: Option<f64>,
}

/// Raw prediction.
#[derive(Serialize)]
pub(super) struct UncorrectedLine {
    class: CellClass,
    probability: f64,
}

impl UncorrectedLine {
    /// Only if it differs from the adjusted one.
    pub(super) fn of(opinion: &Prediction) -> Option<Self> {
        let alone = opinion.other_answer()?;
        Some(Self { class: alone.class, probability: rounded(alone.probability, 1e6) })
    }
}

pub(super) fn note(opinion: &Prediction, vision: &Vision) -> Option<&'static str> {
    let experimental = |class: CellClass| vision.experimental().contains(&class);
    if opinion.kept {
        return opinion.note();
    }
    if experimental(opinion.class) {
        return Some(EXPERIMENTAL);
    }
    let line = opinion.finest().filter(|_| opinion.class == CellClass::Bla)?;
    experimental(line).then_some(LINE_EXPERIMENTAL)
}

impl CellLine {
    fn new(cell: &Cell, look: Option<f64>, vision: &Vision) -> Self {
        let area = cell.detection.area;
        let opinion = cell.opinion.as_ref();
        let red = cell.red.as_ref();
        let white = opinion.map_or_else(Vec::new, |opinion| top(opinion, TOP)).into_iter();
        let of_red =
            |red: &RedOpinion| red.ranked.iter().take(TOP).map(|(class, p)| (class.code(), rounded(*p, 1e6))).collect();
        let probability = opinion.map(|opinion| opinion.probability).or(red.map(|red| red.probability));
        Self {
            kind: cell.kind(),
            x: rounded(area.x, 10.0),
            y: rounded(area.y, 10.0),
            w: rounded(area.w, 10.0),
            h: rounded(area.h, 10.0),
            score: rounded(cell.detection.score, 1e4),
            class: cell.class().map(CellClass::code).or(red.map(|red| red.class.code())),
            probability: probability.map(|probability| rounded(probability, 1e6)),
            top: red.map_or_else(|| white.map(|(class, p)| (class.code(), p)).collect(), of_red),
            graded: red.map(|red| red.graded),
            diameter_um: red.map(|red| rounded(red.diameter_um, 1e3)),
            pallor: red.and_then(|red| red.pallor).map(|pallor| rounded(pallor, 1e3)),
            uncorrected: opinion.and_then(UncorrectedLine::of),
            note: opinion.and_then(|opinion| note(opinion, vision)),
            look_for_parasites: look.map(|probability| rounded(probability, 1e4)),
        }
    }
}

pub(super) fn top(opinion: &Prediction, count: usize) -> Vec<(CellClass, f64)> {
    opinion.ranked.iter().take(count).map(|(class, probability)| (*class, rounded(*probability, 1e6))).collect()
}

/// Rounds to 1 / `parts`, so that output has no more digits than the measurement.
pub(super) fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

/// What a picture tells of its scale.
pub(super) struct MeasuredPicture {
    size: (u32, u32),
    pub(super) scale_estimates: ScaleEstimates,
    /// `None` while the picture waits for the scale of others.
    seen: Option<SeenPicture>,
}

impl MeasuredPicture {
    pub(super) fn new(size: (u32, u32), scale_estimates: ScaleEstimates) -> Self {
        Self { size, scale_estimates, seen: None }
    }

    pub(super) fn group(&self, picture: &ListedPicture) -> ImageGroup {
        ImageGroup { root: picture.root, size: self.size }
    }
}

/// What a picture shows.
struct SeenPicture {
    size: (u32, u32),
    field: Field,
    quality: Quality,
    /// Cells to look at for parasites, in the order of the cells; empty where nobody asked.
    looks: Vec<Option<f64>>,
}

impl SeenPicture {
    fn at(
        (vision, screen): (&Vision, Option<&ParasiteScreen>),
        image: &RgbImage,
        balanced: &BalancedPicture,
        scale: Option<Scale>,
    ) -> anyhow::Result<Self> {
        let field = vision.analyze_at(balanced, scale)?;
        let cells: Vec<_> = field.cells.iter().map(|cell| cell.detection).collect();
        let quality = assess(image, balanced, &cells, field.scale, &FocusHistory::default());
        let looks = match (screen, field.scale) {
            (Some(screen), Some(scale)) => screen.look(balanced, scale.um_per_px, &cells)?,
            _ => Vec::new(),
        };
        Ok(Self { size: image.dimensions(), field, quality, looks })
    }
}

/// Scales found in the pictures, to decide which of them share one.
pub(super) fn estimates(measured: &[(ListedPicture, MeasuredPicture)]) -> Vec<(ImageGroup, ScaleEstimates)> {
    measured.iter().map(|(picture, measured)| (measured.group(picture), measured.scale_estimates)).collect()
}

/// Detects and classifies the cells of pictures.
///
/// # Errors
/// With exit code 2 for wrong input, 1 if output or a network fails; after the lines of all other pictures.
pub fn analyze(arguments: &AnalyzeArguments) -> Result<(), Failure> {
    let (mut vision, models) = vision_as_is(&arguments.vision)?;
    if !arguments.no_red_cells {
        vision = vision.naming_red_cells(&models).blame_input()?;
    }
    let screen = screen(arguments, &models)?;
    let pictures = list(&arguments.paths, arguments.recursive)?;
    let files: Vec<PathBuf> = pictures.iter().map(|(picture, ())| picture.path.clone()).collect();
    let vision = Arc::new(vision.lit(lighting(&arguments.field, &files)?));
    if let Some(folder) = &arguments.annotate {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))
            .blame_input()?;
    }
    let mut explanations = Explanations::asked(arguments.saliency.as_deref(), &vision)?;
    let mut failures = Failures::among(pictures.len());
    let measured = each(pictures, "analyzing", &mut failures, |picture, ()| {
        let image = read_picture(&picture.path)?;
        let balanced = vision.balanced(&image);
        let mut measured = MeasuredPicture::new(image.dimensions(), vision.estimate_scale(&balanced)?);
        let sure = measured.scale_estimates.scale().filter(|scale| !scale.source.is_guess());
        if sure.is_some() {
            measured.seen = Some(SeenPicture::at((&vision, screen.as_ref()), &image, &balanced, sure)?);
        }
        Ok(measured)
    });
    // Pictures without red cells use the scale of those that have some.
    let shared = shared::groups(&estimates(&measured), shared::by_red_cells);
    let mut seen = each(measured, "analyzing", &mut failures, |picture, measured| {
        let scale = shared.get(&measured.group(picture)).map(|shared| shared.scale);
        let scale = scale.or(measured.scale_estimates.scale());
        if let Some(seen) = measured.seen {
            return Ok(seen);
        }
        let image = read_picture(&picture.path)?;
        SeenPicture::at((&vision, screen.as_ref()), &image, &vision.balanced(&image), scale)
    });
    let cells = seen.iter_mut().flat_map(|(_, seen)| &mut seen.field.cells);
    let opinions = cells.filter_map(|cell| cell.opinion.as_mut());
    let prevalence = vision.correction(arguments.vision.prevalence).correct_all(opinions);
    log::info!("{}", prevalence.report());

    let mut written = std::collections::HashSet::new();
    print_each(&seen, &mut failures, |ListedPicture { path, .. }, SeenPicture { size, field, quality, looks }| {
        if let Some(explanations) = &mut explanations {
            explanations.field(path, &read_picture(path)?, field)?;
        }
        if let Some(folder) = &arguments.annotate {
            let target = free_name(folder, path, &mut written);
            annotate(&read_picture(path)?, &field.cells).save(&target).with_context(|| {
                format!("cannot write {}; check the folder and the disk's free space", target.display())
            })?;
        }
        if !arguments.json {
            let remarks = [quality.verdict.advice(), quality.warning()].into_iter().flatten();
            let told = remarks.fold(field_text(path, field), |text, remark| format!("{text}; {remark}"));
            return Ok(told + &look_text(field, looks));
        }
        let line = FieldLine {
            image: path,
            width: size.0,
            height: size.1,
            scale_um_per_px: field.scale.map(|scale| rounded(scale.um_per_px.get(), 1e5)),
            scale_from: field.scale.map(|scale| scale.source),
            red_cell_density: field
                .red_cells
                .map(|RedCellColour(density)| density.map(|channel| rounded(channel, 1e3))),
            cells: (0..)
                .zip(&field.cells)
                .map(|(at, cell): (usize, _)| CellLine::new(cell, looks.get(at).copied().flatten(), &vision))
                .collect(),
            flags: looks.iter().any(Option::is_some).then_some(LOOK_FOR_PARASITES).into_iter().collect(),
            quality: QualityLine::new(quality),
            profile: vision.profile(),
        };
        Ok(serde_json::to_string(&line)?)
    })
}

/// What screens red cells for parasites, if that was asked for.
fn screen(arguments: &AnalyzeArguments, models: &Models) -> Result<Option<ParasiteScreen>, Failure> {
    if !arguments.parasites {
        return Ok(None);
    }
    let screen = ParasiteScreen::new(models).blame_input()?;
    screen.map(Some).ok_or_else(|| {
        Failure::input("these models do not look for parasites: model.toml has no [parasites]; leave --parasites out")
    })
}

/// Where the cells are that a person should look at; nothing where there are none, which does not mean that there are none.
fn look_text(field: &Field, looks: &[Option<f64>]) -> String {
    let found = field.cells.iter().zip(looks).filter(|(_, look)| look.is_some());
    let places: Vec<String> =
        found.map(|(cell, _)| cell.detection.area.centre()).map(|(x, y)| format!("{x:.0},{y:.0}")).collect();
    if places.is_empty() {
        return String::new();
    }
    format!("; look at these cells, something may be inside (experimental): {}", places.join(" "))
}

/// File name for a PNG in `folder` after the picture's own; two pictures of one name get different ones.
fn free_name(folder: &Path, picture: &Path, written: &mut std::collections::HashSet<PathBuf>) -> PathBuf {
    let stem = picture.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut target = folder.join(format!("{stem}.png"));
    let mut number = 2;
    while !written.insert(target.clone()) {
        target = folder.join(format!("{stem}-{number}.png"));
        number += 1;
    }
    target
}

fn field_text(path: &Path, field: &Field) -> String {
    let Some(scale) = field.scale else {
        return format!("{}: no cells, so no scale", path.display());
    };
    let count = |kind: Kind| field.cells.iter().filter(|cell| cell.kind() == kind).count();
    let named: Vec<String> = field
        .cells
        .iter()
        .filter_map(|cell| cell.class().and(cell.opinion.as_ref()).map(ToString::to_string))
        .collect();
    let named = if named.is_empty() { String::new() } else { format!(" ({})", named.join(", ")) };
    format!(
        "{}: WBC {}{named}, RBC {}, PLT {}, {:.4} um/px {}",
        path.display(),
        count(Kind::Wbc),
        count(Kind::Rbc),
        count(Kind::Plt),
        scale.um_per_px.get(),
        scale.source.words()
    )
    .trim_end()
    .to_owned()
}
