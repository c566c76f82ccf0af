//! `adapt`: learns the classifier's last layer anew from the labelled cells of one laboratory.

mod gather;
mod judge;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Context as _;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use self::gather::{Gathered, stem};
use self::judge::{Division, Judgement, Right};
use crate::cli::args::AdaptArguments;
use crate::cli::failure::{Blame, Failure};
use crate::cli::validate::Label;
use crate::cli::{output, station};
use crate::domain::class::CellClass;
use crate::system::file;
use crate::vision::Vision;
use crate::vision::adapt::Adapter;
use crate::vision::models::Models;
use crate::vision::optics::calibration::Setup;
use crate::vision::profile::{Profile, ProfileMark, check_name};

/// Probability from which a gain may be chance.
const MAY_BE_CHANCE: f64 = 0.05;

/// Caveat that belongs beside the figures.
const NOTE: &str = "The figures are of these cells, each named by weights learned without it. Where cells of one sample \
    stand in several parts, expect somewhat less of new samples.";

/// Output of `adapt --json`.
#[derive(Serialize)]
struct Report<'a> {
    profile: ProfileMark,
    #[serde(skip_serializing_if = "Option::is_none")]
    setup: Option<&'a Setup>,
    cells: BTreeMap<Label, u32>,
    /// Pictures that were there twice, and counted once.
    twice: u32,
    /// Pictures that could not be used.
    unusable: u32,
    divided_by: Division,
    parts: usize,
    /// Value, low and high end of the exact 95 % interval.
    accuracy_before: [f64; 3],
    accuracy_after: [f64; 3],
    /// Probability of such a difference by chance.
    chance: f64,
    by_label: &'a BTreeMap<Label, Right>,
    /// Classes without labelled cells: training cells, and how many keep their name as shipped and adapted.
    without_cells: BTreeMap<CellClass, [u32; 3]>,
    note: &'static str,
}

/// Learns a profile and writes it.
///
/// # Errors
/// With exit code 2 if there are too few cells, labels contradict each other, or adapting does not help; 1 if the store
/// cannot be read or written.
pub fn adapt(arguments: &AdaptArguments) -> Result<(), Failure> {
    let name = arguments.name.clone().unwrap_or_else(|| stem(&arguments.output));
    check_name(&name).map_err(|problem| Failure::input(format!("--name: {problem}")))?;
    if let Some(um_per_px) = arguments.um_per_px.filter(|um| !(0.01..=2.0).contains(um)) {
        return Err(Failure::input(format!(
            "--um-per-px {um_per_px}: a microscope's camera sees 0.01 to 2 um a pixel"
        )));
    }
    if let Some(unknown_below) = arguments.unknown_below.filter(|below| !(0.0..1.0).contains(below)) {
        return Err(Failure::input(format!("--unknown-below {unknown_below}: write a probability from 0 to 0.99")));
    }
    let models = Models::read(&Models::folder(arguments.models.as_deref())).blame_input()?;
    let vision = Vision::new(&models, arguments.um_per_px, arguments.unknown_below).blame_input()?;
    let adapter = Adapter::new(&models, arguments.unknown_below).blame_input()?;
    let gathered = Gathered::read(arguments, &vision, &models, &adapter)?;
    let judged = Judgement::of(&adapter, &gathered.cells);
    if let Some(why) = judged.refusal() {
        return Err(Failure::input(why));
    }
    let profile = profile(name, &models, &gathered, &judged);
    let text = profile.to_toml();
    let mark = Profile::parse(&text).context("the profile cannot be read back").blame_run()?.mark();
    note_in_trail(arguments, &mark)?;
    file::keep(&arguments.output, text.as_bytes())
        .with_context(|| format!("cannot write the profile {}; check its folder", arguments.output.display()))
        .blame_input()?;
    if arguments.json {
        let figure = |right| {
            let figure = judged.all.figure(right);
            [figure.value, figure.low, figure.high]
        };
        let report = Report {
            profile: mark,
            setup: gathered.setup.as_ref(),
            cells: counts(&gathered),
            twice: gathered.twice,
            unusable: gathered.unusable,
            divided_by: judged.division,
            parts: judged.parts,
            accuracy_before: figure(judged.all.before),
            accuracy_after: figure(judged.all.after),
            chance: judged.chance,
            by_label: &judged.by_label,
            without_cells: judged.kept.iter().copied().collect(),
            note: NOTE,
        };
        return output::line(serde_json::to_string(&report).blame_run()?);
    }
    output::text(words(arguments, &gathered, &judged, &mark))
}

fn counts(gathered: &Gathered) -> BTreeMap<Label, u32> {
    let mut counts = BTreeMap::new();
    for cell in &gathered.cells {
        *counts.entry(cell.label).or_default() += 1;
    }
    counts
}

fn profile(name: String, models: &Models, gathered: &Gathered, judged: &Judgement) -> Profile {
    let layer = &judged.layer;
    let rows = layer.weights.chunks_exact(layer.features.max(1));
    Profile {
        profile_sha256: String::new(),
        version: 1,
        name,
        made: Timestamp::now(),
        classifier_sha256: models.card.classifier.sha256.clone(),
        setup: gathered.setup.clone(),
        cells: counts(gathered).into_iter().map(|(label, count)| (label.code().to_owned(), count)).collect(),
        validation: judged.validation(),
        confusion: judged.confusion.clone(),
        classes: models.card.classifier.classes.clone(),
        weights: rows.map(|row| row.iter().map(|weight| f64::from(*weight)).collect()).collect(),
        bias: layer.bias.iter().map(|bias| f64::from(*bias)).collect(),
    }
}

/// Notes in the audit trail of the store which sessions' cells went into which profile, before it is written.
fn note_in_trail(arguments: &AdaptArguments, mark: &ProfileMark) -> Result<(), Failure> {
    if arguments.dir.is_some() {
        return Ok(());
    }
    let store = station::to_write(arguments.config.as_deref())?;
    for id in &arguments.sessions {
        let detail = json!({"profile": mark, "file": arguments.output.display().to_string()});
        store.note("console", Timestamp::now(), "adapt", Some(*id), &detail).blame_run()?;
    }
    Ok(())
}

/// The outcome for a person.
fn words(arguments: &AdaptArguments, gathered: &Gathered, judged: &Judgement, mark: &ProfileMark) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let by = match judged.division {
        Division::Session => "session",
        Division::Cell => "cell (neighbouring pictures together)",
    };
    let _ = writeln!(text, "{} cells, cross-validation by {by} in {} parts", gathered.cells.len(), judged.parts);
    if gathered.twice > 0 {
        let _ = writeln!(text, "{} pictures were there twice and count once", gathered.twice);
    }
    if gathered.unusable > 0 {
        let _ = writeln!(text, "{} pictures could not be used; the log says why for each", gathered.unusable);
    }
    let _ = writeln!(text, "accuracy  {}", judged.all);
    for (label, right) in &judged.by_label {
        let _ = writeln!(text, "  {label:<6}{:>5} cells  {right}", right.cells);
    }
    if judged.chance >= MAY_BE_CHANCE {
        let _ = writeln!(
            text,
            "the gain may be chance (p = {:.2}): label more cells before results depend on it",
            judged.chance
        );
    }
    let lost: Vec<String> = judged
        .kept
        .iter()
        .filter(|(_, [_, before, after])| after < before)
        .map(|(class, [of, before, after])| format!("{class} {before} to {after} of {of}"))
        .collect();
    if !judged.kept.is_empty() {
        let classes: Vec<&str> = judged.kept.iter().map(|(class, _)| class.code()).collect();
        let _ = writeln!(
            text,
            "without labelled cells: {}; some of their cells will be taken for labelled classes: label cells of every class \
             that must not be missed",
            classes.join(" ")
        );
    }
    if !lost.is_empty() {
        let _ = writeln!(text, "  of the training cells fewer keep their name: {}", lost.join(", "));
    }
    let setup = gathered
        .setup
        .as_ref()
        .map_or_else(|| "no named camera, so `run` will not take it (--camera names it)".into(), Setup::words);
    let _ = writeln!(text, "learned with {setup}");
    let _ = writeln!(text, "{NOTE}");
    let _ = writeln!(text, "profile {mark}\nin {}", arguments.output.display());
    text
}
