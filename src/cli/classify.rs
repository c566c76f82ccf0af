//! `classify`: classifies the cell in the middle of each picture.

use std::path::Path;

use serde::Serialize;

use crate::camera::picture::read_picture;
use crate::cli::analyze::{MeasuredPicture, UncorrectedLine, estimates, note, rounded, top};
use crate::cli::args::ClassifyArguments;
use crate::cli::failure::Failure;
use crate::cli::pictures::{Failures, ListedPicture, each, list, print_each, vision};
use crate::cli::saliency::Explanations;
use crate::domain::class::CellClass;
use crate::vision::detect::scale::ScaleSource;
use crate::vision::detect::shared_scale as shared;
use crate::vision::profile::ProfileMark;

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
