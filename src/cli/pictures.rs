//! Pictures named on the command line: listed, read and worked on with a progress bar, one bad one harming no other.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::RgbImage;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::camera::picture::{list_pictures, read_picture};
use crate::cli::args::VisionArguments;
use crate::cli::failure::{Blame, Failure};
use crate::models::Models;
use crate::vision::Vision;

/// Makes the models ready as the arguments say.
///
/// # Errors
/// With exit code 2 when an argument is out of range or a model is refused.
pub fn vision(arguments: &VisionArguments) -> Result<(Arc<Vision>, Models), Failure> {
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
    let folder = Models::folder(arguments.models.as_deref().unwrap_or(Path::new("")));
    let models = Models::read(&folder).blame_input()?;
    let vision = Vision::new(&models, arguments.um_per_px, arguments.unknown_below).blame_input()?;
    Ok((Arc::new(vision), models))
}

/// A progress bar on standard error, silent where that is no terminal.
#[must_use]
pub fn progress(total: u64, what: &str) -> ProgressBar {
    let target = if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(total), target).with_style(style).with_message(what.to_owned())
}

/// Works on every picture in `paths` and prints what `line` makes of each; says which could not be read.
///
/// # Errors
/// With exit code 2 when nothing can be listed or a picture could not be read (after all others are done), 1 when
/// output or a network fails.
pub fn each(
    paths: &[PathBuf],
    what: &str,
    mut line: impl FnMut(&Path, &RgbImage) -> anyhow::Result<String>,
) -> Result<(), Failure> {
    let mut pictures = Vec::new();
    for path in paths {
        pictures.extend(list_pictures(path).blame_input()?);
    }
    let bar = progress(pictures.len() as u64, what);
    let mut unreadable = 0_usize;
    let mut out = io::stdout().lock();
    for path in &pictures {
        match read_picture(path) {
            Ok(image) => {
                let text = line(path, &image).blame_run()?;
                if let Err(error) = bar.suspend(|| writeln!(out, "{text}")) {
                    // The reader has seen enough (`| head`): no failure of ours.
                    return if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error).blame_run() };
                }
            }
            Err(error) => {
                unreadable += 1;
                bar.suspend(|| log::error!("{error}"));
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if unreadable > 0 {
        return Err(Failure::input(format!(
            "{unreadable} of {} pictures could not be read; the messages above name them",
            pictures.len()
        )));
    }
    Ok(())
}
