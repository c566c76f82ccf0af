//! Stored cells named by people, FOLDER/LABEL/*, and how many of them the program names right.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::camera::picture::{PictureError, list_pictures, read_picture};
use crate::domain::label::{Label, UnknownLabel};
use crate::system::parallel;
use crate::system::stop::Stop;
use crate::vision::Vision;
use crate::vision::detect::shared_scale::{self as shared, ImageGroup};

/// Cells of a reference, at most: a check must not take the morning.
const MOST_CELLS: usize = 2000;

/// Why stored cells cannot be checked; each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum NoReference {
    #[error("no folder of reference cells is configured: set [quality_control] reference, and restart")]
    NotConfigured,
    #[error("the reference {} cannot be read: {problem}; check the path and its permissions", path.display())]
    Folder { path: PathBuf, problem: std::io::Error },
    #[error("the reference {} has no cells: it takes folders named by class, such as NGS, with pictures of cells", .0.display())]
    Empty(PathBuf),
    #[error("the reference {} has {found} cells, and {MOST_CELLS} are the most: leave some out", path.display())]
    TooMany { path: PathBuf, found: usize },
    #[error("the reference {}: {problem}", path.display())]
    Label { path: PathBuf, problem: UnknownLabel },
    #[error("the model knows no class {0}; take its folder out of the reference")]
    UnknownClass(Label),
    #[error("{0}")]
    Picture(String),
    #[error("the program is ending")]
    Ending,
}

impl From<PictureError> for NoReference {
    fn from(problem: PictureError) -> Self {
        Self::Picture(problem.to_string())
    }
}

/// Pictures of cells with the labels that people gave them.
#[derive(Debug)]
pub struct Reference(Vec<(PathBuf, Label)>);

impl Reference {
    /// Lists the cells of a folder.
    ///
    /// # Errors
    /// If it cannot be read, holds no cells or too many, or a folder in it has no label's name.
    pub fn read(folder: &Path) -> Result<Self, NoReference> {
        let unreadable = |problem| NoReference::Folder { path: folder.to_owned(), problem };
        let mut folders = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.is_dir() && !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
                folders.push(path);
            }
        }
        folders.sort();
        let mut cells = Vec::new();
        for path in folders {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let label: Label = name.parse().map_err(|problem| NoReference::Label { path: path.clone(), problem })?;
            match list_pictures(&path) {
                Ok(pictures) => cells.extend(pictures.into_iter().map(|picture| (picture, label))),
                Err(PictureError::Empty { .. }) => {}
                Err(problem) => return Err(problem.into()),
            }
        }
        match cells.len() {
            0 => Err(NoReference::Empty(folder.to_owned())),
            found if found > MOST_CELLS => Err(NoReference::TooMany { path: folder.to_owned(), found }),
            _ => Ok(Self(cells)),
        }
    }

    /// By label, how many cells the program names right, of how many. Pictures of one size are taken as of one microscope.
    /// No prevalence is brought in: the cells of a reference are chosen, not drawn.
    ///
    /// # Errors
    /// If the model does not know a label, or a picture cannot be read or named.
    pub fn named_right(&self, vision: &Vision, stop: &Stop) -> Result<BTreeMap<Label, [u32; 2]>, NoReference> {
        let unknown = self.0.iter().find(|(_, label)| !vision.classes().iter().any(|class| label.accepts(*class)));
        if let Some((_, label)) = unknown {
            return Err(NoReference::UnknownClass(*label));
        }
        let measured = parallel::in_order(&self.0, |(path, _)| measured(vision, path, stop), |_, _| {});
        let measured = measured.into_iter().collect::<Result<Vec<_>, _>>()?;
        let agreed = shared::groups(&measured, shared::by_any_cells);
        let cells: Vec<_> = self.0.iter().zip(&measured).collect();
        let named = |((path, label), (group, told)): &(&(PathBuf, Label), &(ImageGroup, _))| {
            if stop.requested() {
                return Err(NoReference::Ending);
            }
            let told: &crate::vision::detect::scale::ScaleEstimates = told;
            let scale = agreed.get(group).map(|shared| shared.scale).or(told.scale());
            let balanced = vision.balanced(&read_picture(path)?);
            let failed =
                |problem: &dyn std::fmt::Display| NoReference::Picture(format!("{}: {problem}", path.display()));
            let colour = vision.colour_around(&balanced, scale).map_err(|problem| failed(&problem))?;
            let found = vision.classify_middle_at(&balanced, scale, colour).map_err(|problem| failed(&problem))?;
            Ok((*label, label.accepts(found.class)))
        };
        let mut right: BTreeMap<Label, [u32; 2]> = BTreeMap::new();
        for answer in parallel::in_order(&cells, named, |_, _| {}) {
            let (label, is_right) = answer?;
            let [count, of] = right.entry(label).or_default();
            *count += u32::from(is_right);
            *of += 1;
        }
        Ok(right)
    }
}

fn measured(
    vision: &Vision,
    path: &Path,
    stop: &Stop,
) -> Result<(ImageGroup, crate::vision::detect::scale::ScaleEstimates), NoReference> {
    if stop.requested() {
        return Err(NoReference::Ending);
    }
    let image = read_picture(path)?;
    let told = vision
        .estimate_scale(&vision.balanced(&image))
        .map_err(|problem| NoReference::Picture(format!("{}: {problem}", path.display())))?;
    Ok((ImageGroup { root: 0, size: image.dimensions() }, told))
}
