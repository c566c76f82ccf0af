//! Whole fields and reference pictures as the page gets them.

use std::fs;

use crate::common::stored::{at, cell, put, result, settings, start};
use crate::station::{Station, login};
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::store::records::{CellChange, FieldCell, FieldRecord};
use serde_json::{Value, json};

#[test]
fn the_field_of_a_cell_comes_with_its_scale_and_its_cells_and_the_trail_tells_who_looked() {
    let station = Station::in_network();
    let id = station.store.begin(&start("A-1")).unwrap();
    let field = FieldRecord {
        taken: at(5),
        width: 640,
        height: 480,
        um_per_px: Some(0.14),
        cells: vec![FieldCell { number: 1, x: 10.0, y: 20.0, w: 30.0, h: 31.0 }],
    };
    let changes = [
        put(cell(1, Kind::Wbc, Some(CellClass::Myo), 0.9), Some(&[0xff, 0xd8])),
        put(cell(2, Kind::Wbc, Some(CellClass::Ngs), 0.9), Some(&[0xff, 0xd8])),
        CellChange::Field { field, jpeg: b"a picture".to_vec() },
    ];
    station.store.finish(id, &changes, &result("A-1"), &settings()).unwrap();
    station.store.sign(id, "rita", at(60), "").unwrap();
    let otto = login(&station, "otto");
    let shown = otto("GET", &format!("/api/sessions/{id}/cells/1/field"), Value::Null).json();
    assert_eq!((&shown["number"], &shown["um_per_px"], &shown["width"]), (&json!(1), &json!(0.14), &json!(640)));
    assert_eq!(shown["cells"], json!([{"number": 1, "x": 10.0, "y": 20.0, "w": 30.0, "h": 31.0}]));
    let picture = otto("GET", &format!("/api/sessions/{id}/fields/1/picture.jpg"), Value::Null);
    assert_eq!((picture.status, picture.body.as_slice()), (200, b"a picture".as_slice()));
    let seen = station.store.audit(Some(id), None, 10).unwrap();
    assert!(seen.iter().any(|line| line.action == "view" && line.by == "otto"), "{seen:?}");
    for nothing in ["cells/2/field", "cells/77/field", "fields/2/picture.jpg"] {
        assert_eq!(otto("GET", &format!("/api/sessions/{id}/{nothing}"), Value::Null).status, 404, "{nothing}");
    }
    assert_eq!(station.get(&format!("/api/sessions/{id}/cells/1/field"), &[]).status, 401, "not without a login");
}

#[test]
fn reference_pictures_come_from_the_laboratorys_folder_and_nothing_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let class = folder.path().join("NGS");
    fs::create_dir(&class).unwrap();
    for number in 0..10 {
        fs::write(class.join(format!("{number}.png")), format!("picture {number}")).unwrap();
    }
    fs::write(class.join("00.txt"), "no picture").unwrap();
    fs::create_dir(class.join("000.png")).unwrap();
    fs::create_dir(folder.path().join("EOS")).unwrap();
    fs::write(folder.path().join("EOS/large.jpg"), vec![0; (2 << 20) + 1]).unwrap();
    fs::write(folder.path().join("secret.png"), "secret").unwrap();
    let station = Station::at("127.0.0.1:0", |web| web.config.reference_cells = Some(folder.path().to_owned()));
    assert_eq!(station.get("/api/references", &[]).json()["classes"], json!({"EOS": 1, "NGS": 8}));
    let first = station.get("/api/references/NGS/1", &[]);
    assert_eq!((first.status, first.body.as_slice()), (200, b"picture 0".as_slice()));
    for nothing in ["NGS/0", "NGS/9", "LYT/1", "EOS/1", "../1", "..%2F/1", "XXX/1"] {
        assert_eq!(station.get(&format!("/api/references/{nothing}"), &[]).status, 404, "{nothing}");
    }
    let without = Station::at_device();
    assert_eq!(without.get("/api/references", &[]).json()["classes"], json!({}));
}
