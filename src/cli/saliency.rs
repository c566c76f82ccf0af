//! `--saliency`: a picture for every classified cell that shows where the classifier found the evidence.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use image::RgbImage;

use crate::cli::failure::{Blame, Failure};
use crate::domain::red_cell_colour::RedCellColour;
use crate::vision::classify::ClassifyError;
use crate::vision::detect::scale::Scale;
use crate::vision::prediction::Prediction;
use crate::vision::{Field, Vision};

/// Enlargement of the crop.
const ENLARGED: u32 = 3;

/// Writes the pictures of a run into one folder.
pub struct Explanations {
    folder: PathBuf,
    vision: Arc<Vision>,
    written: HashSet<PathBuf>,
}

impl std::fmt::Debug for Explanations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Explanations").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Explanations {
    /// Prepares the folder, if one was requested.
    ///
    /// # Errors
    /// With exit code 2 if the folder cannot be made or the model gives no evidence.
    pub fn asked(folder: Option<&Path>, vision: &Arc<Vision>) -> Result<Option<Self>, Failure> {
        let Some(folder) = folder else { return Ok(None) };
        if !vision.explains() {
            return Err(ClassifyError::NoEvidence).context("--saliency").blame_input();
        }
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))
            .blame_input()?;
        Ok(Some(Self { folder: folder.to_owned(), vision: Arc::clone(vision), written: HashSet::new() }))
    }

    /// Writes one picture for each white cell of a field.
    ///
    /// # Errors
    /// If a network fails or a picture cannot be written.
    pub fn field(&mut self, path: &Path, image: &RgbImage, field: &Field) -> anyhow::Result<()> {
        let Some(scale) = field.scale else { return Ok(()) };
        let balanced = self.vision.balanced(image);
        let named: Vec<_> =
            field.cells.iter().filter_map(|cell| Some((cell.detection.area, cell.opinion.as_ref()?))).collect();
        let crops = self.vision.crops(&balanced, scale, named.iter().map(|(area, _)| area.centre()))?;
        for ((crop, (_, opinion)), number) in crops.iter().zip(named).zip(1..) {
            self.write(path, number, crop, field.red_cells, opinion)?;
        }
        Ok(())
    }

    /// Writes the picture of a single-cell image, analysed at this scale, with red cells of this colour around the cell.
    ///
    /// # Errors
    /// If a network fails or the picture cannot be written.
    pub fn middle(
        &mut self,
        path: &Path,
        image: &RgbImage,
        scale: Option<Scale>,
        red_cells: Option<RedCellColour>,
        opinion: &Prediction,
    ) -> anyhow::Result<()> {
        let crop = self.vision.middle(&self.vision.balanced(image), scale)?;
        self.write(path, 1, &crop, red_cells, opinion)
    }

    fn write(
        &mut self,
        path: &Path,
        number: usize,
        crop: &RgbImage,
        red_cells: Option<RedCellColour>,
        opinion: &Prediction,
    ) -> anyhow::Result<()> {
        // Even if the prediction is "unknown", explain the most probable class.
        let Some(class) = opinion.finest() else { return Ok(()) };
        let saliency = self.vision.saliency(crop, class, red_cells).with_context(|| path.display().to_string())?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let name = |number: usize| self.folder.join(format!("{stem}_{number}_{}.png", opinion.class));
        // Pictures of the same name from two folders get further numbers.
        let mut number = number;
        while self.written.contains(&name(number)) {
            number += 1;
        }
        let target = name(number);
        saliency.beside(crop, ENLARGED).save(&target).with_context(|| {
            format!("cannot write {}; check the folder and the disk's free space", target.display())
        })?;
        self.written.insert(target);
        Ok(())
    }
}
