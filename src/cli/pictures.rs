//! Pictures named on the command line: listed, read, and processed with a progress bar; a bad one does not affect the
//! others.

use std::io::{self, IsTerminal};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::camera::picture::{Listing, PictureError, find_pictures};
use crate::cli::args::VisionArguments;
use crate::cli::failure::{Blame, Failure};
use crate::cli::output;
use crate::cli::station;
use crate::vision::Vision;
use crate::vision::models::Models;

/// Prepares the models as the arguments say.
///
/// # Errors
/// With exit code 2 if an argument is out of range or a model is refused.
pub fn vision(arguments: &VisionArguments) -> Result<(Arc<Vision>, Models), Failure> {
    let (vision, models) = vision_as_is(arguments)?;
    Ok((Arc::new(vision), models))
}

/// Same, but the flat-field correction can still be set.
///
/// # Errors
/// As [`vision`].
pub(crate) fn vision_as_is(arguments: &VisionArguments) -> Result<(Vision, Models), Failure> {
    if let Some(um_per_px) = arguments.um_per_px
        && !(0.01..=2.0).contains(&um_per_px)
    {
        return Err(Failure::input(format!(
            "--um-per-px {um_per_px}: a microscope's camera sees 0.01 to 2 um a pixel; leave it out to take the scale from the red cells"
        )));
    }
    if let Some(unknown_below) = arguments.unknown_below
        && !(0.0..1.0).contains(&unknown_below)
    {
        return Err(Failure::input(format!("--unknown-below {unknown_below}: write a probability from 0 to 0.99")));
    }
    let folder = Models::folder(arguments.models.as_deref(), &station::usual_folder());
    let mut models = Models::read(&folder).blame_input()?;
    if let Some(profile) = &arguments.profile {
        models = models.with_profile(profile).blame_input()?;
    }
    let vision = Vision::new(&models, arguments.um_per_px, arguments.unknown_below).blame_input()?;
    if let Some(profile) = vision.profile() {
        log::info!("cells are named with the profile {profile}");
    }
    Ok((vision, models))
}

/// Progress bar on standard error; silent if that is not a terminal.
#[must_use]
pub(crate) fn progress(total: u64, what: &str) -> ProgressBar {
    let target = if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(total), target).with_style(style).with_message(what.to_owned())
}

/// A picture, and which command line argument it came from.
#[derive(Clone, Debug)]
pub struct ListedPicture {
    pub path: PathBuf,
    /// Number of its folder or pattern, from 1; 0 for all pictures named one by one.
    pub root: usize,
}

/// The pictures that a path selects; logs what it leaves out.
///
/// # Errors
/// With exit code 2 if nothing can be listed.
pub(crate) fn list_one(path: &Path, recursive: bool) -> Result<Vec<PathBuf>, Failure> {
    no_pipe(path)?;
    let Listing { pictures, left_out } = find_pictures(path, recursive).blame_input()?;
    left_out.log(path, "; --recursive reads subfolders");
    Ok(pictures)
}

/// Every picture that `paths` select, in order; nothing is known of them yet.
///
/// # Errors
/// With exit code 2 if nothing can be listed.
pub(crate) fn list(paths: &[PathBuf], recursive: bool) -> Result<Vec<(ListedPicture, ())>, Failure> {
    let mut pictures = Vec::new();
    for (at, path) in paths.iter().enumerate() {
        let found = list_one(path, recursive)?;
        let root = if path.is_file() || found == [path.as_path()] { 0 } else { at + 1 };
        pictures.extend(found.into_iter().map(|path| (ListedPicture { path, root }, ())));
    }
    Ok(pictures)
}

/// Refuses a named pipe: opening it could wait for ever.
///
/// # Errors
/// With exit code 2 if it is one.
fn no_pipe(path: &Path) -> Result<(), Failure> {
    if std::fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo()) {
        return Err(Failure::input(format!("{}: it is a pipe, not a file; name a picture", path.display())));
    }
    Ok(())
}

/// Pictures that fell out of the work; the log names each.
#[derive(Debug)]
pub(crate) struct Failures {
    pictures: usize,
    unreadable: usize,
    failed: usize,
}

impl Failures {
    /// None yet of so many pictures.
    #[must_use]
    pub(crate) fn among(pictures: usize) -> Self {
        Self { pictures, unreadable: 0, failed: 0 }
    }

    /// Logs why a picture fell out, and counts it.
    pub(crate) fn note(&mut self, picture: &Path, error: &anyhow::Error) {
        // Such an error names the file itself.
        if error.is::<PictureError>() {
            self.unreadable += 1;
            log::error!("{error:#}");
        } else {
            self.failed += 1;
            log::error!("{}: {error:#}", picture.display());
        }
    }

    /// Pictures that could not be read.
    #[must_use]
    pub(crate) fn unreadable(&self) -> usize {
        self.unreadable
    }

    /// Pictures on which the work failed.
    #[must_use]
    pub(crate) fn failed(&self) -> usize {
        self.failed
    }

    /// The end of the work on these pictures.
    ///
    /// # Errors
    /// With exit code 1 if the work failed on some, else 2 if some could not be read.
    pub(crate) fn conclude(&self) -> Result<(), Failure> {
        let Self { pictures, unreadable, failed } = self;
        let and_unreadable =
            if *unreadable > 0 { format!(", and {unreadable} could not be read") } else { String::new() };
        if *failed > 0 {
            return Err(anyhow::anyhow!(
                "{failed} of {pictures} pictures failed{and_unreadable}; the messages above name them"
            ))
            .blame_run();
        }
        if *unreadable > 0 {
            return Err(Failure::input(format!(
                "{unreadable} of {pictures} pictures could not be read; the messages above name them"
            )));
        }
        Ok(())
    }
}

/// Does `work` on each picture with what is known of it, and returns those that succeeded, each with its result, in
/// order. The others are logged and counted; they do not end the work.
pub(crate) fn each<I, T>(
    pictures: Vec<(ListedPicture, I)>,
    what: &str,
    failures: &mut Failures,
    mut work: impl FnMut(&ListedPicture, I) -> anyhow::Result<T>,
) -> Vec<(ListedPicture, T)> {
    let bar = progress(pictures.len() as u64, what);
    let mut results = Vec::with_capacity(pictures.len());
    for (picture, known) in pictures {
        bar.inc(1);
        match work(&picture, known) {
            Ok(result) => results.push((picture, result)),
            Err(error) => bar.suspend(|| failures.note(&picture.path, &error)),
        }
    }
    bar.finish_and_clear();
    results
}

/// Prints one line per picture; pictures whose line fails are counted with the others that failed.
///
/// # Errors
/// With exit code 1 if output or the work on some pictures failed, 2 if some could not be read; after the lines of all
/// others.
pub(crate) fn print_each<T>(
    results: &[(ListedPicture, T)],
    failures: &mut Failures,
    mut line: impl FnMut(&ListedPicture, &T) -> anyhow::Result<String>,
) -> Result<(), Failure> {
    for (picture, result) in results {
        match line(picture, result) {
            Ok(text) => output::line(text)?,
            Err(error) => failures.note(&picture.path, &error),
        }
    }
    failures.conclude()
}
