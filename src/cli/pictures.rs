//! Pictures named on the command line: listed, read, and processed with a progress bar; a bad one does not affect the
//! others.

use std::io::{self, IsTerminal};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use image::RgbImage;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::camera::picture::{Listing, find_pictures, read_picture};
use crate::cli::args::VisionArguments;
use crate::cli::failure::{Blame, Failure};
use crate::cli::output;
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
    let folder = Models::folder(arguments.models.as_deref());
    let models = Models::read(&folder).blame_input()?;
    let vision = Vision::new(&models, arguments.um_per_px, arguments.unknown_below).blame_input()?;
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

/// Every picture that `paths` select, in order.
///
/// # Errors
/// With exit code 2 if nothing can be listed.
pub fn list(paths: &[PathBuf], recursive: bool) -> Result<Vec<ListedPicture>, Failure> {
    let mut pictures = Vec::new();
    for (at, path) in paths.iter().enumerate() {
        let found = list_one(path, recursive)?;
        let root = if path.is_file() || found == [path.as_path()] { 0 } else { at + 1 };
        pictures.extend(found.into_iter().map(|path| ListedPicture { path, root }));
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

/// Processes the pictures selected by `among` and returns the results in order; `None` for the others, and for
/// unreadable pictures, which are logged.
///
/// # Errors
/// With exit code 1 if a network fails.
pub fn each<T>(
    pictures: &[ListedPicture],
    what: &str,
    among: impl Fn(usize) -> bool,
    mut work: impl FnMut(usize, &RgbImage) -> anyhow::Result<T>,
) -> Result<Vec<Option<T>>, Failure> {
    let bar = progress(pictures.len() as u64, what);
    let mut results = Vec::with_capacity(pictures.len());
    for (at, ListedPicture { path, .. }) in pictures.iter().enumerate() {
        bar.inc(1);
        if !among(at) {
            results.push(None);
            continue;
        }
        match read_picture(path) {
            Ok(image) => {
                let result = work(at, &image).with_context(|| path.display().to_string()).blame_run()?;
                results.push(Some(result));
            }
            Err(error) => {
                bar.suspend(|| log::error!("{error}"));
                results.push(None);
            }
        }
    }
    bar.finish_and_clear();
    Ok(results)
}

/// Prints one line per picture, leaving out unreadable ones.
///
/// # Errors
/// With exit code 2 if some were unreadable (after the lines of all others), 1 if output or `line` fails.
pub(crate) fn print_each<T>(
    pictures: &[ListedPicture],
    results: &[Option<T>],
    mut line: impl FnMut(&ListedPicture, &T) -> anyhow::Result<String>,
) -> Result<(), Failure> {
    for (picture, result) in pictures.iter().zip(results) {
        let Some(result) = result else { continue };
        output::line(line(picture, result).blame_run()?)?;
    }
    let unreadable = results.iter().filter(|result| result.is_none()).count();
    if unreadable > 0 {
        return Err(Failure::input(format!(
            "{unreadable} of {} pictures could not be read; the messages above name them",
            pictures.len()
        )));
    }
    Ok(())
}
