//! Whether the camera of a result was checked: the cells of it that people looked at, and no others.

use crate::common::stored::{at, result, session, settings, six_cells, start, taken_with};
use leukoscope::counting::session::snapshot::CameraCheck;
use leukoscope::domain::class::CellClass;
use leukoscope::store::Store;
use leukoscope::store::records::{SessionId, Settings};

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

/// A session whose frames came from this camera and objective.
fn taken(store: &Store, camera: &str, objective: &str) -> SessionId {
    let settings = Settings { taken_with: Some(taken_with(camera, objective)), ..settings() };
    let id = store.begin(&start("A-1")).unwrap();
    store.finish(id, &six_cells(), &result("A-1"), &settings).unwrap();
    id
}

/// The check that a session shows: cells that agree, of cells looked at.
fn shown(store: &Store, id: SessionId) -> (u32, u32) {
    let CameraCheck { agree, cells, .. } = store.session(id).unwrap().unwrap().camera_check.unwrap();
    (agree, cells)
}

fn says(store: &Store, id: SessionId, cell: i64, class: CellClass) {
    store.reclassify(id, cell, Some(class), "rita", at(80)).unwrap();
}

#[test]
fn a_store_without_reviews_says_that_the_camera_was_not_checked() {
    let (_folder, store) = store();
    let id = taken(&store, "usb", "100x");
    let check = store.session(id).unwrap().unwrap().camera_check.unwrap();
    assert_eq!(check, CameraCheck::new("usb".to_owned(), "100x".to_owned(), 0, 0));
    assert_eq!(check.percent, None);
    assert_eq!(store.result_of(id).unwrap().unwrap().snapshot.camera_check, Some(check));
}

#[test]
fn a_cell_counts_once_however_often_it_is_confirmed_and_not_once_that_is_undone() {
    let (_folder, store) = store();
    let id = taken(&store, "usb", "100x");
    for second in 0..3 {
        store.reclassify(id, 2, Some(CellClass::Ngs), "rita", at(80 + second)).unwrap();
    }
    assert_eq!(shown(&store, id), (1, 1));
    says(&store, id, 4, CellClass::Lya);
    assert_eq!(shown(&store, id), (1, 2), "the program had said LYT");
    let percent = store.session(id).unwrap().unwrap().camera_check.unwrap().percent.unwrap();
    // Clopper and Pearson for 1 of 2.
    assert!((percent.value - 50.0).abs() < 1e-9 && (percent.low - 1.258).abs() < 0.001, "{percent:?}");
    assert!((percent.high - 98.742).abs() < 0.001, "{percent:?}");
    store.reclassify(id, 4, None, "rita", at(90)).unwrap();
    assert_eq!(shown(&store, id), (1, 1), "nobody says anything of it any more");
}

#[test]
fn cells_of_another_camera_or_objective_never_count() {
    let (_folder, store) = store();
    let own = taken(&store, "usb", "100x");
    for (camera, objective) in [("usb", "40x"), ("usb", ""), ("other", "100x"), ("simulated", "100x")] {
        let other = taken(&store, camera, objective);
        says(&store, other, 1, CellClass::Ngs);
        assert_eq!(shown(&store, other), (1, 1));
    }
    assert_eq!(shown(&store, own), (0, 0));
    let second = taken(&store, "usb", "100x");
    says(&store, second, 3, CellClass::Ngb);
    says(&store, second, 1, CellClass::Ngs);
    assert_eq!((shown(&store, own), shown(&store, second)), ((1, 2), (1, 2)), "all results of one camera");
}

#[test]
fn a_signed_result_keeps_the_check_that_was_signed() {
    let (_folder, store) = store();
    let (first, second) = (taken(&store, "usb", "100x"), taken(&store, "usb", "100x"));
    says(&store, first, 1, CellClass::Ngs);
    store.sign(first, "rita", at(90), "").unwrap();
    let before = store.result_of(first).unwrap().unwrap();
    says(&store, second, 1, CellClass::Bas);
    assert_eq!((shown(&store, first), shown(&store, second)), ((1, 1), (1, 2)));
    let detail = store.session(first).unwrap().unwrap();
    assert_eq!(detail.reviewed_result.unwrap().camera_check, detail.camera_check);
    assert_eq!(store.result_of(first).unwrap().unwrap(), before);
    store.sign(second, "rita", at(95), "").unwrap();
    let line = &store.audit(Some(second), None, 10).unwrap()[0];
    assert_eq!(line.detail["camera_check"], serde_json::json!({"cells": 2, "agree": 1}));
}

#[test]
fn a_session_that_is_still_counted_is_no_evidence() {
    let (_folder, store) = store();
    let id = taken(&store, "usb", "100x");
    let settings = Settings { taken_with: Some(taken_with("usb", "100x")), ..settings() };
    let running = store.begin(&leukoscope::store::records::SessionStart { settings, ..start("B") }).unwrap();
    store.change_cells(running, &six_cells()).unwrap();
    assert_eq!(shown(&store, id), (0, 0));
    assert!(store.session(running).unwrap().unwrap().camera_check.is_none(), "it has no result yet");
}

#[test]
fn of_a_result_whose_camera_was_not_stored_nothing_is_claimed() {
    let (_folder, store) = store();
    let known = session(&store, "A-1");
    let old = store.begin(&start("A-2")).unwrap();
    let settings = Settings { taken_with: None, ..settings() };
    store.finish(old, &six_cells(), &result("A-2"), &settings).unwrap();
    says(&store, old, 1, CellClass::Ngs);
    assert_eq!(store.session(old).unwrap().unwrap().camera_check, None);
    assert_eq!(shown(&store, known), (0, 0));
    store.sign(old, "rita", at(90), "").unwrap();
    assert_eq!(store.result_of(old).unwrap().unwrap().snapshot.camera_check, None);
}
