//! `count`: a folder's sorted pictures as one recorded session, with the code that counts live.

use std::collections::BTreeMap;
use std::env;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::camera::picture::read_picture;
use crate::cli::args::CountArguments;
use crate::cli::failure::{Blame, Failure};
use crate::cli::lighting::counting_vision;
use crate::cli::output;
use crate::cli::pictures::{Failures, list_one, progress};
use crate::config::load::load;
use crate::config::{Config, SessionConfig};
use crate::counting::counter::{Counted, Counter};
use crate::counting::platelets::PlateletReport;
use crate::counting::red_morphology::RedMorphology;
use crate::counting::session::Session;
use crate::counting::session::snapshot::{Ending, Snapshot};
use crate::counting::statistics::Statistics;
use crate::counting::statistics::confusion;
use crate::counting::statistics::text::evidence;
use crate::domain::class::{CellClass, Reported};
use crate::domain::counts::KindCounts;
use crate::domain::flag::Flag;
use crate::domain::prevalence_mode::PrevalenceMode;
use crate::domain::source::{Mark, Source};
use crate::vision::Vision;
use crate::vision::prediction::BLAST_KEPT;
use crate::vision::prevalence::PrevalenceReport;
use crate::vision::profile::ProfileMark;
use crate::vision::quality::{Gate, Refusals};

/// Output of `count --json`.
#[derive(Serialize)]
struct Recording {
    /// Where the pictures come from: `replayed`.
    source: Source,
    frames: u64,
    /// Pictures that could not be read.
    frames_skipped: u64,
    /// Frames on which the work failed.
    frames_failed: u64,
    /// Frames not good enough to count.
    frames_refused: u64,
    /// Same by reason.
    refused: Refusals,
    /// Frames with a scale bar, a ruler or a window drawn in, which may count as cells.
    frames_with_drawn_lines: u64,
    counts: KindCounts,
    classes: BTreeMap<CellClass, u32>,
    /// What its red cells look like; missing with `--no-red-cells`, and where none was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    red_cells: Option<RedMorphology>,
    percent: BTreeMap<CellClass, [f64; 3]>,
    /// Counts by raw prediction.
    classes_uncorrected: BTreeMap<CellClass, u32>,
    prevalence: Option<PrevalenceReport>,
    /// Profile of the laboratory that named the cells.
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<ProfileMark>,
    /// Cells that are blasts only by raw prediction.
    blasts_kept: u32,
    /// Counted classes that the model learned from too few images to be trusted.
    experimental: Vec<CellClass>,
    flags: Vec<Flag>,
    /// Groups, evidence of the flags, ratios to red cells, simultaneous intervals, corrected percentages.
    #[serde(flatten)]
    statistics: Statistics,
    /// Clumps and giant ones among the platelets, and their estimate by fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    platelets: Option<PlateletReport>,
}

/// Counts a recorded session.
///
/// # Errors
/// With exit code 2 for wrong input (unreadable pictures are left out, counted and named), 1 if a network fails on a
/// picture or most pictures were unreadable, after the result of all others.
pub fn count(arguments: &CountArguments) -> Result<(), Failure> {
    let pictures = list_one(&arguments.path, arguments.recursive)?;
    let station = match &arguments.config {
        Some(file) => load(Some(file), env::vars()).blame_input()?,
        None => Config::default(),
    };
    let (mut vision, models) = counting_vision(&arguments.vision, &arguments.field, &pictures)?;
    if station.red_cells.grade && !arguments.no_red_cells {
        vision = Arc::new(Vision::clone(&vision).naming_red_cells(&models).blame_input()?);
    }
    let matrix = arguments.confusion.as_deref().or(station.models.confusion.as_deref());
    let confusion = confusion::ConfusionSource::find(matrix, &models, vision.unknown_below()).blame_input()?;
    let correction = vision.correction(Some(arguments.vision.prevalence.unwrap_or(PrevalenceMode::Sample)));
    let experimental = vision.experimental().to_vec();
    let profile = vision.profile().cloned();
    let scale_stated = vision.scale_is_stated();
    let mut counter = Counter::behind(vision, Gate::new(!arguments.no_gate));
    // Counts the whole recording, however many cells it shows.
    let limits = SessionConfig { target: u32::MAX, precision_of: None, ..station.session };
    let mut session = Session::new(limits, station.flags, correction)
        .with_first_red_count(arguments.red_count)
        .grading_red_cells(station.red_cells, scale_stated);
    session.correct_by(confusion);
    // A recording has no clock; the session uses the time only for names and lines that are not printed here.
    let now = jiff::Timestamp::UNIX_EPOCH;
    session.begin(None, now);

    let (mut frames, mut drawn) = (0, 0);
    let mut failures = Failures::among(pictures.len());
    let mut refused = Refusals::default();
    let bar = progress(pictures.len() as u64, "counting");
    for path in &pictures {
        match read_picture(path).map_err(anyhow::Error::from).and_then(|image| Ok(counter.frame(&image)?)) {
            Ok(counted) => {
                if !arguments.no_gate {
                    refused.note(counted.quality.verdict);
                }
                drawn += u64::from(counted.quality.warning().is_some());
                bar.suspend(|| tell(path, &counted, !arguments.no_gate, drawn == 1));
                if let Some(problem) = &counted.unnamed {
                    bar.suspend(|| failures.note(path, &anyhow::anyhow!(problem.clone())));
                }
                take_in(&mut session, &counted);
                frames += 1;
            }
            Err(error) => bar.suspend(|| failures.note(path, &error)),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if frames == 0 && failures.failed() == 0 {
        return Err(Failure::input(format!("{}: not one picture could be read", arguments.path.display())));
    }
    let (frames_skipped, frames_failed) = (failures.unreadable() as u64, failures.failed() as u64);
    let rest = counter.finish();
    if let Some(problem) = &rest.unnamed {
        log::warn!("{problem}");
    }
    take_in(&mut session, &rest);
    session.finish(Ending::RecordingOver);
    let mut result = session.snapshot(now);
    result.mark_experimental(&experimental);
    result.profile = profile;
    // There was no target to miss.
    result.flags.retain(|flag| *flag != Flag::FewCells);
    if arguments.json {
        let recording = Recording {
            source: Source::Replayed,
            frames,
            frames_skipped,
            frames_failed,
            frames_refused: refused.total(),
            refused,
            frames_with_drawn_lines: drawn,
            counts: result.kinds,
            red_cells: result.red_cells,
            classes: result.classes.iter().map(|line| (line.class, line.count)).collect(),
            percent: result.classes.iter().map(|line| (line.class, [line.percent, line.low, line.high])).collect(),
            classes_uncorrected: result.classes_uncorrected,
            prevalence: result.prevalence,
            profile: result.profile,
            blasts_kept: result.blasts_kept,
            experimental: result.experimental,
            flags: result.flags,
            statistics: result.statistics,
            platelets: result.platelets,
        };
        output::line(serde_json::to_string(&recording).blame_run()?)?;
    } else {
        if refused.total() > 0 {
            output::line(format_args!("{} of {frames} frames not counted: {refused}", refused.total()))?;
        }
        if drawn > 0 {
            output::line(format_args!(
                "{drawn} of {frames} frames have lines drawn in (scale bar, ruler or window), which may count as cells"
            ))?;
        }
        if frames_failed > 0 {
            output::line(format_args!(
                "{frames_failed} more frames failed and are not counted; the messages above name them"
            ))?;
        }
        output::text(text(&result, frames, frames_skipped))?;
    }
    conclude(frames, &failures)
}

fn take_in(session: &mut Session, counted: &Counted) {
    session.see(counted.whole);
    session.revise(&counted.revisions);
    session.add(&counted.cells, counted.jumped);
}

/// Says why a frame is not counted, where some are refused, and what of it makes the count doubtful: once, since one picture stands
/// for all of the camera.
fn tell(path: &Path, counted: &Counted, refuses: bool, first_warning: bool) {
    if let Some(advice) = counted.quality.verdict.advice().filter(|_| refuses) {
        log::info!("{}: not counted, {advice}", path.display());
    }
    if let Some(warning) = counted.quality.warning().filter(|_| first_warning) {
        log::warn!("{}: {warning}", path.display());
    }
}

/// The end of a count: a few unreadable pictures are no failure of a recording, since frames get torn.
fn conclude(frames: u64, failures: &Failures) -> Result<(), Failure> {
    let skipped = failures.unreadable() as u64;
    if skipped > frames {
        let all = frames + skipped;
        let error = anyhow::anyhow!(
            "{skipped} of {all} pictures could not be read, so this is the count of the fewer ones; the messages above \
             name them"
        );
        return Err(Failure { code: 1, error });
    }
    if failures.failed() > 0 { failures.conclude() } else { Ok(()) }
}

fn text(result: &Snapshot, frames: u64, skipped: u64) -> String {
    use std::fmt::Write as _;
    let kinds = result.kinds;
    let mut text = format!(
        "{frames} frames, {skipped} skipped: WBC {}, RBC {}, PLT {}\n{} cells in the differential\n",
        kinds.wbc, kinds.rbc, kinds.plt, result.counted
    );
    for line in &result.classes {
        let note = match line.class.reported() {
            Reported::PercentOfAll => "of all white cells",
            Reported::LeftOut => "of all taken for white cells",
            _ if result.experimental.contains(&line.class) => "experimental: learned from too few images",
            Reported::Per100 | Reported::Elsewhere => "per 100 of the differential",
            Reported::Percent => "",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{}  {:>6}  {:>5.1} %  ({:.1} to {:.1})  {} {note}",
            line.class,
            line.count,
            line.percent,
            line.low,
            line.high,
            line.class.name()
        );
    }
    if let Some(prevalence) = &result.prevalence {
        let _ = writeln!(text, "{prevalence}");
    }
    if let Some(profile) = &result.profile {
        let _ = writeln!(text, "profile: {profile}");
    }
    let changed = result.classes.iter().any(|line| result.classes_uncorrected.get(&line.class) != Some(&line.count));
    if changed || result.classes.len() != result.classes_uncorrected.len() {
        let classes: Vec<String> =
            result.classes_uncorrected.iter().map(|(class, count)| format!("{class} {count}")).collect();
        let _ = writeln!(text, "uncorrected: {}", classes.join(", "));
    }
    if result.blasts_kept > 0 {
        let _ = writeln!(text, "{} cells: {BLAST_KEPT}", result.blasts_kept);
    }
    let _ = write!(text, "{}{}", result.statistics, evidence(&result.statistics));
    if let Some(red) = &result.red_cells {
        let _ = write!(text, "{red}");
    }
    if let Some(platelets) = &result.platelets {
        let _ = write!(text, "{platelets}");
    }
    let _ = writeln!(text, "{}", Mark::Replayed.sentence());
    for flag in &result.flags {
        let told = result.statistics.evidence.iter().any(|evidence| evidence.flag == *flag);
        if !told && *flag != Flag::RedCellMorphology {
            let _ = writeln!(text, "FLAG {}", flag.short());
        }
    }
    text
}
