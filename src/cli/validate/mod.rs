//! Validation on labelled images: how often the program is right, how certain that is, and where it errs.
//!
//! [`cells`] covers single cells, [`fields`] whole fields of view, [`red_cells()`] the red cells of fields; all run the daemon's code with the daemon's
//! models. [`page`] turns their reports into a page for people, their `Serialize` into JSON for programs.

pub mod box_names;
pub mod calibration;
mod cells;
pub mod chart;
pub mod class_scores;
pub mod command;
pub mod estimate;
pub mod field_scores;
mod fields;
mod files;
pub mod matching;
pub mod page;
mod pictures;
mod red_cells;
pub mod red_labels;
pub mod red_scores;
mod text;
pub mod yolo;

use std::path::PathBuf;

use serde::Serialize;

use crate::camera::picture::{PictureError, endings};
use crate::domain::label::UnknownLabel;

pub use box_names::{BoxName, BoxNames};
pub use cells::{CellsReport, cells};
pub(crate) use cells::{Sight, sights};
pub use estimate::Estimate;
pub use fields::{FieldsReport, fields};
pub(crate) use files::labelled_cells;
pub use red_cells::{RedCellsReport, red_cells};

/// Caveat that belongs beside every figure.
const NO_PATIENTS: &str = "Public data sets name no patients: cells of one patient may have been in the training images \
    and in these, so on patients never seen before expect somewhat less.";

/// A skipped image.
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
    /// The folder of cells has no subfolders.
    #[error(
        "{} has no folders named by class; sort the images into folders such as {}",
        path.display(), path.join("NGS").display()
    )]
    NoLabels { path: PathBuf },
    /// The class folders have no pictures.
    #[error("the class folders in {} hold no pictures; it takes {}", path.display(), endings())]
    NoCells { path: PathBuf },
    /// A folder's name is not a label.
    #[error("folder {}: {source}; rename the folder or move it elsewhere", path.display())]
    Label { path: PathBuf, source: UnknownLabel },
    /// No picture has a label file.
    #[error("no picture in {} has its boxes beside it; cell7.jpg needs a cell7.txt", path.display())]
    NoBoxes { path: PathBuf },
    /// A label file is invalid.
    #[error("{}, {source}", path.display())]
    Boxes { path: PathBuf, source: yolo::YoloError },
    /// No picture has a table of red cells.
    #[error("no picture in {} has its red cells beside it; 101.jpg needs a 101.csv with lines of x,y,type", path.display())]
    NoRedLabels { path: PathBuf },
    /// A table of red cells is wrong.
    #[error("{}, {source}", path.display())]
    RedLabels { path: PathBuf, source: red_labels::RedLabelError },
    /// The models have no network of red cells.
    #[error("these models name no red cells: model.toml has no [red_cells]; install models that have a redcells.onnx")]
    NoRedCells,
    /// Not one image could be read.
    #[error("none of the {count} images in {} could be looked at; the log says why for each", path.display())]
    AllUnreadable { path: PathBuf, count: usize },
    /// Pictures could not be listed.
    #[error(transparent)]
    Picture(#[from] PictureError),
}
