//! Pictures of a page: misclassified single cells, and fields with their wrong boxes drawn in.

use std::cmp::Reverse;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};

use crate::camera::picture::read_picture;
use crate::cli::validate::class_scores::ClassOutcome;
use crate::cli::validate::field_scores::{BoxOutcomes, FieldOutcome};
use crate::cli::validate::{CellsReport, FieldsReport};
use crate::domain::class::Kind;
use crate::vision::annotate::{BoxPen, outline, title};
use crate::vision::optics::resample::scaled;

/// Single cells shown, at most.
const CELLS: usize = 24;
/// Fields shown, at most.
const FIELDS: usize = 8;
/// Longest side of a single cell's picture, px.
const CELL_SIDE: f64 = 200.0;
/// Longest side of a field's picture, px.
const FIELD_SIDE: f64 = 900.0;
/// JPEG quality, 0..=100.
const QUALITY: u8 = 88;

/// Box colours that colour-blind people can tell apart (Okabe and Ito 2008); their line styles differ as well.
const RIGHT: BoxPen = BoxPen::solid(Rgb([0, 158, 115]), 1);
const EXTRA: BoxPen = BoxPen::solid(Rgb([0, 80, 170]), 2);
const MISSED: BoxPen = BoxPen::dashed(Rgb([200, 70, 0]), 2);

/// A misclassified cell.
pub(super) struct WrongCell {
    pub image: PathBuf,
    pub outcome: ClassOutcome,
    /// `data:` URL of a JPEG.
    pub picture: String,
}

/// Wrong predictions with the highest probability, highest first. Leaves out images that no longer exist.
pub(super) fn wrong_cells(report: &CellsReport) -> Vec<WrongCell> {
    let mut wrong: Vec<&(PathBuf, ClassOutcome)> =
        report.outcomes.iter().filter(|(_, outcome)| !outcome.is_right()).collect();
    wrong.sort_by(|a, b| b.1.probability.total_cmp(&a.1.probability));
    let shown = wrong.into_iter().filter_map(|(path, outcome)| {
        let picture = data_address(&shrunk(&read_picture(path).ok()?, CELL_SIDE)?.0)?;
        Some(WrongCell { image: path.clone(), outcome: *outcome, picture })
    });
    shown.take(CELLS).collect()
}

/// A field with missed cells, or with detections where none are labelled.
pub(super) struct WrongField {
    pub image: PathBuf,
    pub missed: usize,
    pub extra: usize,
    /// `data:` URL of a JPEG.
    pub picture: String,
}

/// Fields with most boxes missed or extra, worst first. Draws only the kinds that the labels cover.
pub(super) fn wrong_fields(report: &FieldsReport) -> Vec<WrongField> {
    let judged = report.outcomes.iter().map(|outcome| (outcome, judge(report, outcome)));
    let wrong =
        |kinds: &[(Kind, BoxOutcomes)]| kinds.iter().map(|(_, j)| j.missed.len() + j.extra.len()).sum::<usize>();
    let mut fields: Vec<_> = judged.filter(|(_, kinds)| wrong(kinds) > 0).collect();
    fields.sort_by_key(|(_, kinds)| Reverse(wrong(kinds)));
    fields.truncate(FIELDS);
    let shown = fields.into_iter().filter_map(|(outcome, kinds)| {
        let (mut canvas, factor) = shrunk(&read_picture(&outcome.image).ok()?, FIELD_SIDE)?;
        draw(&mut canvas, &kinds, factor);
        Some(WrongField {
            image: outcome.image.clone(),
            missed: kinds.iter().map(|(_, judged)| judged.missed.len()).sum(),
            extra: kinds.iter().map(|(_, judged)| judged.extra.len()).sum(),
            picture: data_address(&canvas)?,
        })
    });
    shown.collect()
}

fn judge(report: &FieldsReport, outcome: &FieldOutcome) -> Vec<(Kind, BoxOutcomes)> {
    let shown = report.scores.kinds.iter().filter(|(_, score)| score.recall.is_some());
    shown.map(|(kind, _)| (*kind, outcome.judge(*kind))).collect()
}

fn draw(canvas: &mut RgbImage, kinds: &[(Kind, BoxOutcomes)], factor: f64) {
    // Right boxes are drawn first, so that they hide no mistake.
    for (kind, judged) in kinds {
        for area in &judged.hits {
            outline(canvas, area.scaled(factor), RIGHT);
        }
        for (pen, boxes) in [(EXTRA, &judged.extra), (MISSED, &judged.missed)] {
            for area in boxes {
                outline(canvas, area.scaled(factor), pen);
                title(canvas, area.scaled(factor), kind.code(), pen.colour);
            }
        }
    }
}

/// The image with no side longer than `longest`, and the factor by which it shrank.
fn shrunk(image: &RgbImage, longest: f64) -> Option<(RgbImage, f64)> {
    let factor = (longest / f64::from(image.width().max(image.height()))).min(1.0);
    if factor < 1.0 { Some((scaled(image, factor).ok()?, factor)) } else { Some((image.clone(), 1.0)) }
}

fn data_address(image: &RgbImage) -> Option<String> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(image).ok()?;
    Some(format!("data:image/jpeg;base64,{}", STANDARD.encode(bytes)))
}
