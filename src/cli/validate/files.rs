//! Files for validation: folders of single cells, and fields with their label files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::camera::picture::{PictureError, list_pictures};
use crate::cli::validate::ValidateError;
use crate::cli::validate::box_names::{BoxName, BoxNames};
use crate::cli::validate::yolo;
use crate::domain::geometry::Rect;
use crate::domain::label::Label;

/// Lists `folder`/LABEL/* with the labels, sorted by label and name; skips hidden folders.
pub(crate) fn labelled_cells(folder: &Path) -> Result<Vec<(PathBuf, Label)>, ValidateError> {
    let unreadable = |problem| ValidateError::Folder { path: folder.to_owned(), problem };
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() && !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            folders.push(path);
        }
    }
    folders.sort();
    if folders.is_empty() {
        return Err(ValidateError::NoLabels { path: folder.to_owned() });
    }
    let mut cells = Vec::new();
    for path in folders {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let label: Label = name.parse().map_err(|source| ValidateError::Label { path: path.clone(), source })?;
        match list_pictures(&path) {
            Ok(pictures) => cells.extend(pictures.into_iter().map(|picture| (picture, label))),
            // A class may have no cells.
            Err(PictureError::Empty { .. }) => (),
            Err(error) => return Err(error.into()),
        }
    }
    if cells.is_empty() {
        return Err(ValidateError::NoCells { path: folder.to_owned() });
    }
    Ok(cells)
}

/// Label file of a picture: the same name ending in `.txt`, beside it or in `labels` beside its folder `images`.
fn label_file(picture: &Path) -> Option<PathBuf> {
    let beside = picture.with_extension("txt");
    if beside.is_file() {
        return Some(beside);
    }
    let images = picture.parent()?;
    if images.file_name()? != "images" {
        return None;
    }
    let apart = images.with_file_name("labels").join(beside.file_name()?);
    apart.is_file().then_some(apart)
}

/// A field and its labelled boxes, as shares of its width and height.
#[derive(Clone, Debug)]
pub(super) struct Labelled {
    pub picture: PathBuf,
    boxes: Vec<yolo::YoloBox>,
}

impl Labelled {
    /// The boxes in pixels of an image of this size.
    pub(super) fn truth(&self, names: &BoxNames, width: u32, height: u32) -> Vec<(Rect, BoxName)> {
        let (width, height) = (f64::from(width), f64::from(height));
        self.boxes.iter().map(|marked| (marked.in_pixels(width, height), names.of(marked.class))).collect()
    }
}

/// Lists the pictures of `folder` that have a label file, and counts those that have none.
pub(super) fn labelled_fields(folder: &Path) -> Result<(Vec<Labelled>, u32), ValidateError> {
    let mut fields = Vec::new();
    let mut unlabelled = 0;
    for picture in list_pictures(folder)? {
        let Some(file) = label_file(&picture) else {
            unlabelled += 1;
            continue;
        };
        let bytes = fs::read(&file).map_err(|problem| ValidateError::Folder { path: file.clone(), problem })?;
        let boxes = yolo::parse(&String::from_utf8_lossy(&bytes))
            .map_err(|source| ValidateError::Boxes { path: file.clone(), source })?;
        fields.push(Labelled { picture, boxes });
    }
    if fields.is_empty() {
        return Err(ValidateError::NoBoxes { path: folder.to_owned() });
    }
    Ok((fields, unlabelled))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::RgbImage;

    fn picture(path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        RgbImage::new(20, 20).save(path).unwrap();
    }

    #[test]
    fn cells_are_listed_by_label_and_an_empty_class_is_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        picture(&folder.path().join("NGS/b2.png"));
        picture(&folder.path().join("NGS/b10.png"));
        picture(&folder.path().join("IG/a.png"));
        fs::create_dir_all(folder.path().join("EOS")).unwrap();
        fs::create_dir_all(folder.path().join(".cache")).unwrap();
        let cells = labelled_cells(folder.path()).unwrap();
        let names: Vec<_> = cells
            .iter()
            .map(|(path, label)| format!("{label} {}", path.file_name().unwrap().to_string_lossy()))
            .collect();
        assert_eq!(names, ["IG a.png", "NGS b2.png", "NGS b10.png"]);
    }

    #[test]
    fn a_folder_named_by_no_class_is_named_with_the_codes_allowed() {
        let folder = tempfile::tempdir().unwrap();
        picture(&folder.path().join("Neutrophil/a.png"));
        let said = labelled_cells(folder.path()).unwrap_err().to_string();
        assert!(said.contains("`Neutrophil`") && said.contains("NGS") && said.contains("NEU"), "{said}");
    }

    #[test]
    fn folders_without_anything_to_measure_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let said = |folder: &Path| labelled_cells(folder).unwrap_err().to_string();
        assert!(said(folder.path()).contains("no folders named by class"));
        fs::create_dir_all(folder.path().join("EOS")).unwrap();
        assert!(said(folder.path()).contains("hold no pictures"));
        assert!(said(&folder.path().join("gone")).contains("cannot read"));
        assert!(labelled_fields(folder.path()).unwrap_err().to_string().contains("no pictures here"));
        picture(&folder.path().join("a.png"));
        assert!(labelled_fields(folder.path()).unwrap_err().to_string().contains("needs a cell7.txt"));
    }

    #[test]
    fn fields_have_their_boxes_beside_them_and_those_without_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c"] {
            picture(&folder.path().join(format!("{name}.png")));
        }
        fs::write(folder.path().join("a.txt"), "1 0.5 0.5 0.5 0.25\n").unwrap();
        fs::write(folder.path().join("b.txt"), "").unwrap();
        let (fields, unlabelled) = labelled_fields(folder.path()).unwrap();
        assert_eq!(unlabelled, 1);
        let truth: Vec<_> = fields.iter().map(|field| field.truth(&BoxNames::default(), 200, 100)).collect();
        assert_eq!(truth[0], [(Rect::new(50.0, 37.5, 100.0, 25.0), BoxName::Kind(crate::domain::class::Kind::Rbc))]);
        assert!(truth[1].is_empty(), "an empty file is a field without cells");
    }

    #[test]
    fn a_wrong_line_is_named_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        picture(&folder.path().join("a.png"));
        fs::write(folder.path().join("a.txt"), "0 0.5 0.5 0.1 0.1\n0 320 0.5 0.1 0.1\n").unwrap();
        let said = labelled_fields(folder.path()).unwrap_err().to_string();
        assert!(said.contains("a.txt, line 2: cx is 320"), "{said}");
    }
}
