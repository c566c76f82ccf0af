//! Holding the program against labelled images: how often it is right, how sure one can be of that, and where it errs.
//!
//! [`cells`] looks at single cells, [`fields`] at whole fields of view; both run what the daemon runs, with the models
//! it runs. [`page`] turns their reports into a page for people, their `Serialize` into JSON for programs.

pub mod calibration;
mod cells;
pub mod chart;
pub mod class_scores;
pub mod command;
pub mod estimate;
pub mod field_scores;
mod fields;
mod files;
pub mod label;
pub mod matching;
pub mod page;
mod parallel;
mod pictures;
mod text;
pub mod yolo;

use std::path::PathBuf;

use serde::Serialize;

use crate::camera::picture::PictureError;

pub use cells::{CellsReport, cells};
pub use estimate::Estimate;
pub use fields::{FieldsReport, fields};
pub use label::{BoxName, BoxNames, Label};

/// What every reader of a figure must know.
const NO_PATIENTS: &str = "Public data sets name no patients: cells of one patient may have been in the training images \
    and in these, so on patients never seen before expect somewhat less.";

/// An image that was passed over.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unreadable {
    pub image: PathBuf,
    pub problem: String,
}

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub enum ValidateError {
    /// A file or folder cannot be read.
    #[error("cannot read {}: {problem}; check the path and its permissions", path.display())]
    Folder { path: PathBuf, problem: std::io::Error },
    /// A folder of cells without folders in it.
    #[error(
        "{} has no folders named by class; sort the images into folders such as {}",
        path.display(), path.join("NGS").display()
    )]
    NoLabels { path: PathBuf },
    /// Class folders without pictures.
    #[error("the class folders in {} hold no pictures; it takes .jpg .jpeg .png .bmp .tif .tiff", path.display())]
    NoCells { path: PathBuf },
    /// A folder named by no label.
    #[error("folder {}: {source}; rename the folder or move it elsewhere", path.display())]
    Label { path: PathBuf, source: label::UnknownLabel },
    /// No picture has a label file.
    #[error("no picture in {} has its boxes beside it; cell7.jpg needs a cell7.txt", path.display())]
    NoBoxes { path: PathBuf },
    /// A label file is wrong.
    #[error("{}, {source}", path.display())]
    Boxes { path: PathBuf, source: yolo::YoloError },
    /// Not one image could be read.
    #[error("none of the {count} images in {} could be looked at; the log says why for each", path.display())]
    AllUnreadable { path: PathBuf, count: usize },
    /// Pictures could not be listed.
    #[error(transparent)]
    Picture(#[from] PictureError),
}
