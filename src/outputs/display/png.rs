//! PNG file as display: for a web frame, another program, or a preview of what a panel would show.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use image::{ImageFormat, Rgb, RgbImage};

use super::canvas::Canvas;
use super::draw::Theme;
use super::{DisplayError, Screen};
use crate::counting::session::snapshot::Snapshot;
use crate::system::file;

/// Writes each changed picture to one file, replacing it atomically.
#[derive(Debug)]
pub struct PngScreen {
    path: PathBuf,
    width: u32,
    height: u32,
    shown: Option<Canvas<Rgb888>>,
}

impl PngScreen {
    /// A screen of `width` x `height` px in the file at `path`.
    ///
    /// # Errors
    /// If the file's folder does not exist.
    pub fn open(path: &Path, width: u32, height: u32) -> Result<Self, DisplayError> {
        let folder = folder(path);
        if !folder.is_dir() {
            return Err(DisplayError::Unusable {
                device: path.display().to_string(),
                problem: format!("there is no folder {}", folder.display()),
                remedy: "make the folder, or set `png` under [display] to a path in a folder that exists".into(),
            });
        }
        Ok(Self { path: path.into(), width, height, shown: None })
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl Screen for PngScreen {
    fn show(&mut self, snapshot: &Snapshot) -> Result<(), DisplayError> {
        let canvas = Canvas::of(snapshot, self.width, self.height, &Theme::colours());
        if self.shown.as_ref() == Some(&canvas) {
            return Ok(());
        }
        file::replace(&self.path, &encode(&canvas).map_err(|problem| unwritable(&self.path, &problem))?)
            .map_err(|problem| unwritable(&self.path, &problem))?;
        self.shown = Some(canvas);
        Ok(())
    }
}

fn unwritable(path: &Path, problem: &dyn std::error::Error) -> DisplayError {
    DisplayError::Unusable {
        device: path.display().to_string(),
        problem: problem.to_string(),
        remedy:
            "let this user write to the folder and see that the disk is not full, or set another `png` under [display]"
                .into(),
    }
}

/// The canvas as a PNG file.
fn encode(canvas: &Canvas<Rgb888>) -> Result<Vec<u8>, image::ImageError> {
    let size = canvas.size();
    let picture = RgbImage::from_fn(size.width, size.height, |x, y| {
        canvas.at(x, y).map_or(Rgb([0; 3]), |colour| Rgb([colour.r(), colour.g(), colour.b()]))
    });
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner())
}
