//! `analyze` and `classify`: pictures in, cells and classes out.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;

use crate::annotate::annotate;
use crate::class::{CellClass, Kind};
use crate::classify::Opinion;
use crate::cli::args::{AnalyzeArguments, ClassifyArguments};
use crate::cli::failure::{Blame, Failure};
use crate::cli::pictures::{each, vision};
use crate::cli::saliency::Explanations;
use crate::optics::scale::ScaleSource;
use crate::vision::{Cell, Field};

/// One line of `analyze --json`.
#[derive(Serialize)]
struct FieldLine<'a> {
    image: &'a Path,
    width: u32,
    height: u32,
    scale_um_per_px: Option<f64>,
    scale_from: Option<ScaleSource>,
    cells: Vec<CellLine>,
}

/// Classes listed for a cell of a field; `classify` lists all.
const TOP: usize = 5;

#[derive(Serialize)]
struct CellLine {
    kind: Kind,
    x: f64,
    y: f64,
    w: f64,
    h: f64,
    score: f64,
    class: Option<CellClass>,
    probability: Option<f64>,
    top: Vec<(CellClass, f64)>,
}

impl From<&Cell> for CellLine {
    fn from(cell: &Cell) -> Self {
        let area = cell.detection.area;
        let opinion = cell.opinion.as_ref();
        Self {
            kind: cell.kind(),
            x: rounded(area.x, 10.0),
            y: rounded(area.y, 10.0),
            w: rounded(area.w, 10.0),
            h: rounded(area.h, 10.0),
            score: rounded(cell.detection.score, 1e4),
            class: cell.class(),
            probability: opinion.map(|opinion| rounded(opinion.probability, 1e6)),
            top: opinion.map_or_else(Vec::new, |opinion| top(opinion, TOP)),
        }
    }
}

fn top(opinion: &Opinion, count: usize) -> Vec<(CellClass, f64)> {
    opinion.ranked.iter().take(count).map(|(class, probability)| (*class, rounded(*probability, 1e6))).collect()
}

/// Rounded to 1 / `parts`: more digits than a measurement has only make output long.
fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

/// Finds and names the cells of pictures.
///
/// # Errors
/// With exit code 2 for wrong input, 1 when output or a network fails.
pub fn analyze(arguments: &AnalyzeArguments) -> Result<(), Failure> {
    let (vision, _) = vision(&arguments.vision)?;
    if let Some(folder) = &arguments.annotate {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))
            .blame_input()?;
    }
    let mut explanations = Explanations::asked(arguments.saliency.as_deref(), &vision)?;
    let mut written = std::collections::HashSet::new();
    each(&arguments.paths, "analyzing", |path, image| {
        let field = vision.analyze(image).with_context(|| path.display().to_string())?;
        if let Some(explanations) = &mut explanations {
            explanations.field(path, image, &field)?;
        }
        if let Some(folder) = &arguments.annotate {
            let target = free_name(folder, path, &mut written);
            annotate(image, &field.cells).save(&target).with_context(|| {
                format!("cannot write {}; check the folder and the disk's free space", target.display())
            })?;
        }
        if !arguments.json {
            return Ok(field_text(path, &field));
        }
        let line = FieldLine {
            image: path,
            width: image.width(),
            height: image.height(),
            scale_um_per_px: field.scale.map(|scale| rounded(scale.um_per_px, 1e5)),
            scale_from: field.scale.map(|scale| scale.source),
            cells: field.cells.iter().map(CellLine::from).collect(),
        };
        Ok(serde_json::to_string(&line)?)
    })
}

/// A PNG's name in `folder` after the picture's own; two pictures of one name get different ones.
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
        "{}: WBC {}{named}, RBC {}, PLT {}, {:.4} um/px{}",
        path.display(),
        count(Kind::Wbc),
        count(Kind::Rbc),
        count(Kind::Plt),
        scale.um_per_px,
        match scale.source {
            ScaleSource::Stated => " as stated",
            ScaleSource::RedCells => "",
            ScaleSource::WhiteCells => " guessed from white cells",
        }
    )
}

/// One line of `classify --json`.
#[derive(Serialize)]
struct ClassLine<'a> {
    image: &'a Path,
    class: CellClass,
    probability: f64,
    top: Vec<(CellClass, f64)>,
    scale_um_per_px: Option<f64>,
}

/// Names the cell in the middle of each picture.
///
/// # Errors
/// With exit code 2 for wrong input, 1 when output or a network fails.
pub fn classify(arguments: &ClassifyArguments) -> Result<(), Failure> {
    let (vision, _) = vision(&arguments.vision)?;
    let mut explanations = Explanations::asked(arguments.saliency.as_deref(), &vision)?;
    each(&arguments.paths, "classifying", |path, image| {
        let (opinion, scale) = vision.classify_middle(image).with_context(|| path.display().to_string())?;
        if let Some(explanations) = &mut explanations {
            explanations.middle(path, image, &opinion)?;
        }
        if arguments.json {
            return Ok(serde_json::to_string(&ClassLine {
                image: path,
                class: opinion.class,
                probability: rounded(opinion.probability, 1e6),
                top: top(&opinion, usize::MAX),
                scale_um_per_px: scale.map(|scale| rounded(scale.um_per_px, 1e5)),
            })?);
        }
        let next: Vec<String> =
            opinion.ranked.iter().skip(1).take(2).map(|(class, p)| format!("{class} {p:.2}")).collect();
        Ok(format!("{}: {opinion}, {}; next {}", path.display(), opinion.class.name(), next.join(", ")))
    })
}
