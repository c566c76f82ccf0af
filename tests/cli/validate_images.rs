//! End-to-end validation on a few real images, if the image pack and the models are available.

use std::fs;
use std::path::{Path, PathBuf};

use leukoscope::cli::validate::page::{About, cells_page, fields_page};
use leukoscope::cli::validate::{BoxNames, ValidateError, cells, fields};
use leukoscope::domain::class::Kind;
use leukoscope::domain::prevalence_mode::PrevalenceMode;
use leukoscope::vision::Vision;
use leukoscope::vision::models::Models;

/// The image pack and the models; prints a note and returns none if they are missing.
fn ready() -> Option<(PathBuf, Models, Vision)> {
    let pack = std::env::var_os("SMEAR_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    if !pack.join("manifest.csv").is_file() {
        println!("SKIPPED: no image pack at {}; set SMEAR_DATA to its folder", pack.display());
        return None;
    }
    let folder = Models::folder(None, std::path::Path::new("nowhere"));
    if !folder.join("model.toml").is_file() {
        println!("SKIPPED: no models at {}; set LEUKOSCOPE_MODELS to their folder", folder.display());
        return None;
    }
    let models = Models::read(&folder).unwrap();
    let vision = Vision::new(&models, None, None).unwrap();
    Some((pack, models, vision))
}

/// The first `count` files of a folder with this extension, by name.
fn first(folder: &Path, ending: &str, count: usize) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|found| found == ending));
    files.sort();
    files.truncate(count);
    files
}

fn copy(file: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::copy(file, to.join(file.file_name().unwrap())).unwrap();
}

#[test]
fn cells_are_measured_a_broken_image_is_reported_and_the_page_holds_the_mistakes() {
    let Some((pack, models, vision)) = ready() else { return };
    let folder = tempfile::tempdir().unwrap();
    for class in ["EOS", "LYT", "NEU"] {
        let from = pack.join("cells/pbc/test").join(class);
        for file in first(&from, "jpg", 2) {
            copy(&file, &folder.path().join(class));
        }
    }
    fs::write(folder.path().join("EOS/<b>broken.jpg"), "no picture").unwrap();

    let mut heard = Vec::new();
    let report =
        cells(&vision, folder.path(), PrevalenceMode::Sample, |done, total| heard.push((done, total))).unwrap();
    assert_eq!((report.images, report.unreadable), (6, 1));
    assert_eq!(heard.last(), Some(&(21, 21)), "three steps for each picture");
    assert_eq!(report.scores.confusion.counts.iter().flatten().sum::<u32>(), 6);

    // The same images must give the same figures, whatever the thread scheduling.
    let again = cells(&vision, folder.path(), PrevalenceMode::Sample, |_, _| ()).unwrap();
    assert_eq!(serde_json::to_string(&report).unwrap(), serde_json::to_string(&again).unwrap());

    let page = cells_page(&report, &About::of(&models, "2026-01-31 12:00 UTC"));
    assert!(page.contains("&lt;b&gt;broken.jpg") && !page.contains("<b>broken"), "file names are escaped");
    let wrong = report.outcomes.iter().filter(|(_, outcome)| !outcome.is_right()).count();
    assert_eq!(page.matches("data:image/jpeg;base64,").count(), wrong);
    assert!(
        !page.contains("<script") && !page.contains("http:") && !page.contains("https:"),
        "the page needs nothing but itself"
    );
}

#[test]
fn fields_are_measured_by_kind_and_those_without_boxes_are_counted() {
    let Some((pack, models, vision)) = ready() else { return };
    let folder = tempfile::tempdir().unwrap();
    for file in first(&pack.join("fields/txl/test"), "txt", 3) {
        copy(&file, folder.path());
        copy(&file.with_extension("jpg"), folder.path());
    }
    let extra = first(&pack.join("fields/chula/test"), "jpg", 1);
    copy(&extra[0], folder.path());

    let report = fields(&vision, folder.path(), &BoxNames::default(), PrevalenceMode::Sample, |_, _| ()).unwrap();
    assert_eq!((report.images, report.unlabelled, report.unreadable), (3, 1, 0));
    let marked: usize = report.outcomes.iter().map(|outcome| outcome.truth.len()).sum();
    assert_eq!(report.scores.kinds.values().map(|score| score.truth).sum::<u32>() as usize, marked);
    assert!(report.scores.kinds[&Kind::Rbc].recall.unwrap().value > 0.5, "most red cells are found");
    let page = fields_page(&report, &About::of(&models, "2026-01-31 12:00 UTC"));
    assert!(page.contains("Precision over recall") && !page.contains("https:"));
}

#[test]
fn a_wrong_label_file_stops_before_any_image_is_looked_at() {
    let Some((pack, _, vision)) = ready() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = first(&pack.join("fields/txl/test"), "jpg", 1).remove(0);
    copy(&file, folder.path());
    let name = Path::new(file.file_name().unwrap()).with_extension("txt");
    fs::write(folder.path().join(&name), "0 0.5 0.5 0.1\n").unwrap();
    let error =
        fields(&vision, folder.path(), &BoxNames::default(), PrevalenceMode::Sample, |_, _| panic!("looked at"))
            .unwrap_err();
    assert!(matches!(error, ValidateError::Boxes { .. }));
    assert!(error.to_string().contains(&format!("{}, line 1: 4 values instead of 5", name.display())), "{error}");
}
