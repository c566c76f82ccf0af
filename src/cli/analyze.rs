//! `analyze` and `classify`: detect and classify cells in pictures.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use image::RgbImage;
use serde::Serialize;

use crate::camera::picture::read_picture;
use crate::cli::args::{AnalyzeArguments, ClassifyArguments};
use crate::cli::failure::{Blame, Failure};
use crate::cli::lighting::lighting;
use crate::cli::pictures::{Failures, ListedPicture, each, list, print_each, vision, vision_as_is};
use crate::cli::red_line::RedFields;
use crate::cli::saliency::Explanations;
use crate::domain::class::{CellClass, Kind};
use crate::domain::red_cell_colour::RedCellColour;
use crate::vision::annotate::annotate;
use crate::vision::detect::scale::{Scale, ScaleEstimates, ScaleSource};
use crate::vision::detect::shared_scale::{self as shared, ImageGroup};
use crate::vision::optics::field_of_view::BalancedPicture;
use crate::vision::prediction::Prediction;
use crate::vision::profile::ProfileMark;
use crate::vision::quality::focus::FocusHistory;
use crate::vision::quality::{Quality, Verdict, assess};
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
    quality: QualityLine,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'a ProfileMark>,
}

/// Quality of a single picture; sharpness relative to a stream does not apply here.
#[derive(Serialize)]
struct QualityLine {
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<&'static str>,
    /// What makes the cells doubtful.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'static str>,
    sharpness: f64,
    background: f64,
    saturated: f64,
    covered: f64,
    overlap: f64,
    free: f64,
}

impl QualityLine {
    fn new(quality: &Quality) -> Self {
        Self {
            verdict: quality.verdict,
            advice: quality.verdict.advice(),
            warning: quality.warning(),
            sharpness: rounded(quality.sharpness, 1e4),
            background: rounded(quality.background, 10.0),
            saturated: rounded(quality.saturated, 1e4),
            covered: rounded(quality.covered, 1e4),
            overlap: rounded(quality.overlap, 1e4),
            free: rounded(quality.free, 1e4),
        }
    }
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
    #[serde(flatten)]
    red: RedFields,
    #[serde(skip_serializing_if = "Option::is_none")]
    uncorrected: Option<UncorrectedLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

#[derive(Serialize)]
struct UncorrectedLine {
    class: CellClass,
    probability: f64,
}

impl UncorrectedLine {
    /// Only if it differs from the adjusted one.
    fn of(opinion: &Prediction) -> Option<Self> {
        let alone = opinion.other_answer()?;
        Some(Self { class: alone.class, probability: rounded(alone.probability, 1e6) })
    }
}

fn note(opinion: &Prediction, vision: &Vision) -> Option<&'static str> {
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
    fn new(cell: &Cell, vision: &Vision) -> Self {
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
            red: red.into(),
            uncorrected: opinion.and_then(UncorrectedLine::of),
            note: opinion.and_then(|opinion| note(opinion, vision)),
        }
    }
}

fn top(opinion: &Prediction, count: usize) -> Vec<(CellClass, f64)> {
    opinion.ranked.iter().take(count).map(|(class, probability)| (*class, rounded(*probability, 1e6))).collect()
}

/// Rounds to 1 / `parts`, so that output has no more digits than the measurement.
fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

/// What a picture tells of its scale.
struct MeasuredPicture {
    size: (u32, u32),
    scale_estimates: ScaleEstimates,
    /// `None` while the picture waits for the scale of others.
    seen: Option<SeenPicture>,
}

impl MeasuredPicture {
    fn new(size: (u32, u32), scale_estimates: ScaleEstimates) -> Self {
        Self { size, scale_estimates, seen: None }
    }

    fn group(&self, picture: &ListedPicture) -> ImageGroup {
        ImageGroup { root: picture.root, size: self.size }
    }
}

/// What a picture shows.
struct SeenPicture {
    size: (u32, u32),
    field: Field,
    quality: Quality,
}

impl SeenPicture {
    fn at(vision: &Vision, image: &RgbImage, balanced: &BalancedPicture, scale: Option<Scale>) -> anyhow::Result<Self> {
        let field = vision.analyze_at(balanced, scale)?;
        let cells: Vec<_> = field.cells.iter().map(|cell| cell.detection).collect();
        let quality = assess(image, balanced, &cells, field.scale, &FocusHistory::default());
        Ok(Self { size: image.dimensions(), field, quality })
    }
}

/// Scales found in the pictures, to decide which of them share one.
fn estimates(measured: &[(ListedPicture, MeasuredPicture)]) -> Vec<(ImageGroup, ScaleEstimates)> {
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
            measured.seen = Some(SeenPicture::at(&vision, &image, &balanced, sure)?);
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
        SeenPicture::at(&vision, &image, &vision.balanced(&image), scale)
    });
    let cells = seen.iter_mut().flat_map(|(_, seen)| &mut seen.field.cells);
    let opinions = cells.filter_map(|cell| cell.opinion.as_mut());
    let prevalence = vision.correction(arguments.vision.prevalence).correct_all(opinions);
    log::info!("{}", prevalence.report());

    let mut written = std::collections::HashSet::new();
    print_each(&seen, &mut failures, |ListedPicture { path, .. }, SeenPicture { size, field, quality }| {
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
            return Ok(remarks.fold(field_text(path, field), |text, remark| format!("{text}; {remark}")));
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
            cells: field.cells.iter().map(|cell| CellLine::new(cell, &vision)).collect(),
            quality: QualityLine::new(quality),
            profile: vision.profile(),
        };
        Ok(serde_json::to_string(&line)?)
    })
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

/// One line of `classify --json`.
#[derive(Serialize)]
struct ClassLine<'a> {
    image: &'a Path,
    class: CellClass,
    probability: f64,
    top: Vec<(CellClass, f64)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uncorrected: Option<UncorrectedLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
    scale_um_per_px: Option<f64>,
    scale_from: Option<ScaleSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'a ProfileMark>,
}

/// Classifies the cell in the middle of each picture.
///
/// # Errors
/// With exit code 2 for wrong input, 1 if output or a network fails.
pub fn classify(arguments: &ClassifyArguments) -> Result<(), Failure> {
    let (vision, _) = vision(&arguments.vision)?;
    let mut explanations = Explanations::asked(arguments.saliency.as_deref(), &vision)?;
    let pictures = list(&arguments.paths, arguments.recursive)?;
    let mut failures = Failures::among(pictures.len());
    let measured = each(pictures, "measuring", &mut failures, |picture, ()| {
        let image = read_picture(&picture.path)?;
        Ok(MeasuredPicture::new(image.dimensions(), vision.estimate_scale(&vision.balanced(&image))?))
    });
    let shared = shared::groups(&estimates(&measured), shared::by_any_cells);
    shared::log(&shared);
    let coloured = each(measured, "measuring colour", &mut failures, |picture, measured| {
        let group = measured.group(picture);
        let scale = shared.get(&group).map(|shared| shared.scale).or(measured.scale_estimates.scale());
        if !vision.maps_colour() {
            return Ok((group, scale, None));
        }
        let colour = vision.colour_around(&vision.balanced(&read_picture(&picture.path)?), scale)?;
        Ok((group, scale, colour))
    });
    let usual = shared::colours(coloured.iter().map(|(_, (group, _, colour))| (*group, *colour)));
    let mut seen = each(coloured, "classifying", &mut failures, |picture, (group, scale, colour)| {
        let colour = colour.or(usual.get(&group).copied());
        let balanced = vision.balanced(&read_picture(&picture.path)?);
        Ok((vision.classify_middle_at(&balanced, scale, colour)?, scale, colour))
    });
    let opinions = seen.iter_mut().map(|(_, (opinion, ..))| opinion);
    let prevalence = vision.correction(arguments.vision.prevalence).correct_all(opinions);
    log::info!("{}", prevalence.report());

    print_each(&seen, &mut failures, |ListedPicture { path, .. }, (opinion, scale, colour)| {
        if let Some(explanations) = &mut explanations {
            explanations.middle(path, &read_picture(path)?, *scale, *colour, opinion)?;
        }
        if arguments.json {
            return Ok(serde_json::to_string(&ClassLine {
                image: path,
                class: opinion.class,
                probability: rounded(opinion.probability, 1e6),
                top: top(opinion, usize::MAX),
                uncorrected: UncorrectedLine::of(opinion),
                note: note(opinion, &vision),
                scale_um_per_px: scale.map(|scale| rounded(scale.um_per_px.get(), 1e5)),
                scale_from: scale.map(|scale| scale.source),
                profile: vision.profile(),
            })?);
        }
        // The lines of a blast stand in the list; any other answer is its first.
        let told = opinion.ranked.iter().filter(|(class, _)| *class != opinion.forced()).take(2);
        let next: Vec<String> = told.map(|(class, p)| format!("{class} {p:.2}")).collect();
        let more = match (note(opinion, &vision), opinion.other_answer()) {
            (Some(note), _) => format!("; {note}"),
            (None, Some(alone)) => format!("; uncorrected {alone}"),
            (None, None) => String::new(),
        };
        Ok(format!("{}: {opinion}, {}; next {}{more}", path.display(), opinion.class.name(), next.join(", ")))
    })
}
