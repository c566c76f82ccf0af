//! Whether the camera was checked, as somebody hears it who runs the program and lists its results.

use std::path::Path;
use std::process::Command;

use leukoscope::domain::class::CellClass;
use leukoscope::store::Store;
use serde_json::{Value, json};

use crate::common::stored::{at, session};
use crate::common::{complained, models_folder, said};

/// Counts what the simulated microscope shows for some seconds; returns the newest result of the list.
fn counted(state: &Path, objective: Option<&str>) -> Value {
    let program = |arguments: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_leukoscope"));
        program
            .args(arguments)
            .env("LEUKOSCOPE_MODELS", models_folder())
            .env("LEUKOSCOPE_STATION_STATE", state)
            .env("LEUKOSCOPE_OPTICS_CAMERA", "usb")
            .envs(objective.map(|name| ("LEUKOSCOPE_OPTICS_OBJECTIVE", name)))
            .env("LEUKOSCOPE_WEB_LISTEN", "none")
            .env("LEUKOSCOPE_DISPLAY_KIND", "none")
            .env("LEUKOSCOPE_SERIAL_PORT", "none");
        program.output().unwrap()
    };
    let output = program(&["run", "--camera", "simulated", "--sample", "B-2", "--for", "3"]);
    assert!(output.status.success(), "{}", complained(&output));
    let list = said(&program(&["sessions", "--json"]));
    serde_json::from_str(list.lines().last().unwrap()).unwrap()
}

#[test]
fn a_simulated_count_is_checked_by_what_people_said_of_simulated_cells_whatever_the_camera_is_called() {
    let state = tempfile::tempdir().unwrap();
    let first = counted(state.path(), Some("100x"));
    let unchecked = json!({"camera": "simulated", "objective": "100x", "cells": 0, "agree": 0, "percent": null});
    assert_eq!((&first["sample"], &first["camera_check"]), (&json!("B-2"), &unchecked));
    let store = Store::open(state.path()).unwrap();
    // Taken by the simulated microscope without a named objective.
    let id = session(&store, "A-1");
    store.reclassify(id, 1, Some(CellClass::Ngs), "rita", at(80)).unwrap();
    drop(store);
    assert_eq!(counted(state.path(), Some("100x"))["camera_check"], unchecked, "another objective");
    let same = counted(state.path(), None);
    assert_eq!((&same["camera_check"]["agree"], &same["camera_check"]["cells"]), (&json!(1), &json!(1)), "{same}");
}
