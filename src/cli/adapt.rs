//! `adapt`: learns the classifier's last layer anew from the labelled cells of one laboratory.

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::camera::picture::read_picture;
use crate::cli::args::AdaptArguments;
use crate::cli::failure::{Blame, Failure};
use crate::cli::pictures::progress;
use crate::cli::validate::{Sight, labelled_cells, sights};
use crate::cli::{output, station};
use crate::config::load::load;
use crate::domain::label::Label;
use crate::station::adapt::gather::{self, Found, FoundCell, Gathered};
use crate::station::adapt::learned::{Learned, NOTE};
use crate::station::adapt::{Division, NotLearned};
use crate::system::parallel;
use crate::vision::Vision;
use crate::vision::adapt::Adapter;
use crate::vision::models::Models;
use crate::vision::optics::calibration::Setup;
use crate::vision::profile::check_name;

/// Probability from which a gain may be chance.
const MAY_BE_CHANCE: f64 = 0.05;

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
    let without = arguments.without.iter().map(|label| label.trim().parse()).collect::<Result<Vec<Label>, _>>();
    let without = without.map_err(|problem| Failure::input(format!("--without: {problem}")))?;
    let models = Models::read(&Models::folder(arguments.models.as_deref(), &station::usual_folder())).blame_input()?;
    let vision = Vision::new(&models, arguments.um_per_px, arguments.unknown_below).blame_input()?;
    let adapter = Adapter::new(&models, arguments.unknown_below).blame_input()?;
    let setup = arguments
        .camera
        .clone()
        .map(|camera| Setup { camera, objective: arguments.objective.clone().unwrap_or_default() });
    let found = match &arguments.dir {
        Some(dir) => in_folder(dir, &without, setup, &vision, &adapter)?,
        None => in_sessions(arguments, &without, setup, &vision)?,
    };
    let bar = progress(found.cells.len() as u64, "looking at cells");
    let gathered = Gathered::of(found, &without, &adapter, |done, _| bar.set_position(done as u64));
    bar.finish_and_clear();
    let learned = Learned::from(name, gathered.map_err(failure)?, &models, &adapter).map_err(failure)?;
    if arguments.dir.is_none() {
        let store = station::to_write(arguments.config.as_deref())?;
        learned.note(&store, "console", &arguments.output).blame_run()?;
    }
    learned.keep(&arguments.output).map_err(failure)?;
    if arguments.json {
        return output::line(serde_json::to_string(&learned.lesson()).blame_run()?);
    }
    output::text(words(arguments, &learned))
}

/// A refusal, with the option that is meant where it speaks of leaving cells out.
fn failure(problem: NotLearned) -> Failure {
    match problem {
        NotLearned::UnknownClass(_) | NotLearned::TooFew(_) => Failure::input(format!("{problem} with --without")),
        NotLearned::Store(_) | NotLearned::Network(_) | NotLearned::Unreadable(_) => {
            Failure { code: 1, error: problem.into() }
        }
        _ => Failure { code: 2, error: problem.into() },
    }
}

/// The pictures of DIR/LABEL/*.
fn in_folder(
    dir: &Path,
    without: &[Label],
    setup: Option<Setup>,
    vision: &Vision,
    adapter: &Adapter,
) -> Result<Found, Failure> {
    let mut labelled = labelled_cells(dir).blame_input()?;
    // Artefacts and classes that no network answers teach nothing; a lymphoblast is a blast.
    labelled.retain_mut(|(_, label)| match *label {
        Label::Class(class) if class.by_people_alone() => class.learned_as().is_some_and(|class| {
            *label = Label::Class(class);
            true
        }),
        _ => true,
    });
    labelled.retain(|(_, label)| !without.contains(label));
    // Before the pictures are read, which takes a while.
    gather::check(labelled.iter().map(|(_, label)| *label), without, adapter.classes()).map_err(failure)?;
    let bar = progress(3 * labelled.len() as u64, "reading cells");
    let sights = sights(vision, &labelled, |done| bar.set_position(done as u64));
    let tasks: Vec<_> = labelled.iter().zip(sights).collect();
    let found = parallel::in_order(
        &tasks,
        |((path, label), sight)| {
            let Sight { scale, red_cells } = sight.clone()?;
            let image = read_picture(path).map_err(|error| error.to_string())?;
            let crops = vision.middle_views(&vision.balanced(&image), scale, red_cells);
            let crops = crops.map_err(|error| format!("{}: {error}", path.display()))?;
            Ok(FoundCell::new(*label, 0, path.display().to_string(), &image, crops))
        },
        |done, _| bar.set_position((2 * labelled.len() + done) as u64),
    );
    bar.finish_and_clear();
    let mut unusable = 0;
    let usable = found.into_iter().filter_map(|cell: Result<FoundCell, String>| {
        cell.inspect_err(|problem| {
            unusable += 1;
            log::warn!("{problem}");
        })
        .ok()
    });
    Ok(Found { cells: usable.collect(), setup, unusable })
}

/// The cells of the stored sessions that a person looked at.
fn in_sessions(
    arguments: &AdaptArguments,
    without: &[Label],
    setup: Option<Setup>,
    vision: &Vision,
) -> Result<Found, Failure> {
    let Some(store) = station::to_read(arguments.config.as_deref())? else {
        let state = load(arguments.config.as_deref(), env::vars()).blame_input()?.state_folder();
        return Err(Failure::input(format!("nothing is kept in {} yet", state.display())));
    };
    let sessions: BTreeSet<i64> = arguments.sessions.iter().copied().collect();
    gather::of_sessions(&store, &sessions, without, setup, vision).map_err(failure)
}

/// The name of a profile's file, for its name.
fn stem(path: &Path) -> String {
    path.file_stem().map(PathBuf::from).unwrap_or_default().to_string_lossy().chars().take(64).collect()
}

/// The outcome for a person.
fn words(arguments: &AdaptArguments, learned: &Learned) -> String {
    let Learned { gathered, judged, mark, .. } = learned;
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
