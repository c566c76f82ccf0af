//! Practice: exercises through the API, apart from everything that is counted.

use std::fs;
use std::path::Path;

use image::RgbImage;
use serde_json::{Value, json};

use crate::station::{Answer, Station, login};

/// What begins an exercise, names every cell by `name`, and gives the outcome with the number of the exercise.
fn practised(ask: &dyn Fn(&str, &str, Value) -> Answer, source: &str, cells: u32, name: &str) -> (u64, Value) {
    let begun = ask("POST", "/api/practice", json!({"source": source, "cells": cells}));
    assert_eq!(begun.status, 200, "{begun:?}");
    let begun = begun.json();
    let (id, cells) = (begun["id"].as_u64().unwrap(), begun["cells"].as_u64().unwrap());
    let classes = vec![name; usize::try_from(cells).unwrap()];
    let ended = ask("POST", &format!("/api/practice/{id}"), json!({"classes": classes}));
    assert_eq!(ended.status, 200, "{ended:?}");
    (id, ended.json())
}

fn exported(folder: &Path, class: &str, cells: u8) {
    fs::create_dir_all(folder.join(class)).unwrap();
    for cell in 0..cells {
        RgbImage::from_pixel(64, 48, image::Rgb([cell, 9, 9]))
            .save(folder.join(format!("{class}/1-{cell}.png")))
            .unwrap();
    }
}

#[test]
fn drawn_cells_are_named_and_judged_and_nothing_of_it_is_a_result() {
    let station = Station::in_network();
    let otto = login(&station, "otto");
    let trail = station.trail().len();
    let (id, outcome) = practised(&otto, "drawn", 24, "NGS");
    assert_eq!((&outcome["cells"], &outcome["right"], &outcome["kept"]), (&json!(24), &json!(2), &json!(true)));
    let [value, low, high] = [0, 1, 2].map(|at| outcome["percent"][at].as_f64().unwrap());
    assert!(low < value && value < high && (value - 8.3333).abs() < 0.001, "{outcome}");
    let mistakes = outcome["mistakes"].as_array().unwrap();
    assert_eq!(mistakes.len(), 22);
    assert!(mistakes.iter().all(|one| one["named"] == "NGS" && one["is"] != "NGS"), "{outcome}");
    let cell = mistakes[0]["cell"].as_u64().unwrap();
    assert_eq!(
        otto("GET", &format!("/api/practice/{id}/cells/{cell}"), Value::Null).status,
        200,
        "to be looked at again"
    );
    let again = otto("POST", &format!("/api/practice/{id}"), json!({"classes": vec!["NGS"; 24]}));
    assert_eq!((again.status, again.code().as_str()), (404, "not-found"), "once");

    assert_eq!(otto("GET", "/api/sessions", Value::Null).json()["sessions"], json!([]));
    assert_eq!(station.trail().len(), trail, "the trail is about samples");
    let scores = otto("GET", "/api/practice", Value::Null).json()["scores"].clone();
    assert_eq!(
        (&scores[0]["person"], &scores[0]["right"], &scores[0]["source"]),
        (&json!("otto"), &json!(2), &json!("drawn"))
    );
}

#[test]
fn scores_are_a_persons_own_and_an_admin_sees_all() {
    let station = Station::in_network();
    let (otto, rita, ada) = (login(&station, "otto"), login(&station, "rita"), login(&station, "ada"));
    let (id, _) = practised(&otto, "drawn", 3, "LYT");
    practised(&rita, "drawn", 4, "LYT");
    let scores = |ask: &dyn Fn(&str, &str, Value) -> Answer| {
        ask("GET", "/api/practice", Value::Null).json()["scores"].as_array().unwrap().len()
    };
    assert_eq!((scores(&otto), scores(&rita), scores(&ada)), (1, 1, 2));
    assert_eq!(
        rita("GET", &format!("/api/practice/{id}/cells/0"), Value::Null).status,
        404,
        "another person's exercise"
    );
    for _ in 0..3 {
        practised(&otto, "drawn", 1, "LYT");
    }
    assert_eq!(scores(&otto), 4);
}

#[test]
fn at_the_device_one_practises_without_a_login_and_no_score_is_kept() {
    let station = Station::at_device();
    let ask = |method: &str, path: &str, body: Value| {
        station.ask(method, path, &[], &if body.is_null() { String::new() } else { body.to_string() })
    };
    let (_, outcome) = practised(&ask, "drawn", 5, "MON");
    assert_eq!(outcome["kept"], false);
    let known = ask("GET", "/api/practice", Value::Null).json();
    assert_eq!((&known["scores"], &known["sources"]), (&json!([]), &json!([{"source": "drawn", "cells": null}])));
}

#[test]
fn exported_cells_are_asked_once_each_and_their_pictures_tell_no_class() {
    let folder = tempfile::tempdir().unwrap();
    exported(folder.path(), "EOS", 3);
    exported(folder.path(), "BLA", 2);
    exported(folder.path(), "MYO", 1);
    exported(folder.path(), "UNK", 4);
    exported(folder.path(), "holidays", 4);
    fs::write(folder.path().join("manifest.csv"), "file,class\n").unwrap();
    let station = Station::at("0.0.0.0:0", |web| web.configured.practice.cells = Some(folder.path().to_owned()));
    let otto = login(&station, "otto");
    let known = otto("GET", "/api/practice", Value::Null).json();
    assert_eq!(known["sources"][1], json!({"source": "exported", "cells": 6}));
    let begun = otto("POST", "/api/practice", json!({"source": "exported", "cells": 100})).json();
    assert_eq!(begun["cells"], 6, "there are no more");
    let mut seen = std::collections::BTreeSet::new();
    for cell in 0..6 {
        let answer = otto("GET", &format!("/api/practice/{}/cells/{cell}", begun["id"]), Value::Null);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("image/png")));
        assert!(answer.headers.iter().all(|(_, value)| !value.contains("EOS") && !value.contains("1-")), "{answer:?}");
        seen.insert(image::load_from_memory(&answer.body).unwrap().to_rgb8().get_pixel(0, 0)[0]);
    }
    assert_eq!(seen.len(), 3, "three pictures of the first class, and the same tints of the others");
    let ended = otto(
        "POST",
        &format!("/api/practice/{}", begun["id"]),
        json!({"classes": ["BLA", "BLA", "BLA", "BLA", "BLA", "BLA"]}),
    );
    assert_eq!(ended.json()["right"], 3, "a blast without its line is right for every blast: {ended:?}");
}

#[test]
fn what_cannot_be_practised_is_refused_with_what_to_do() {
    let station = Station::in_network();
    let otto = login(&station, "otto");
    for wrong in [
        json!({"source": "drawn", "cells": 0}),
        json!({"source": "drawn", "cells": 201}),
        json!({"source": "drawn", "cells": -1}),
        json!({"source": "mine", "cells": 3}),
        json!({"source": "drawn"}),
    ] {
        assert_eq!(otto("POST", "/api/practice", wrong.clone()).code(), "request", "{wrong}");
    }
    let none = otto("POST", "/api/practice", json!({"source": "exported", "cells": 3}));
    assert!(none.status == 400 && none.error().contains("[practice] cells"), "{none:?}");
    let begun = otto("POST", "/api/practice", json!({"source": "drawn", "cells": 2})).json();
    let path = format!("/api/practice/{}", begun["id"]);
    for classes in [json!([]), json!(["NGS"]), json!(["NGS", "NGS", "NGS"])] {
        assert_eq!(otto("POST", &path, json!({"classes": classes})).status, 404, "{classes}");
    }
    assert_eq!(otto("POST", &path, json!({"classes": ["NGS", "neutrophil"]})).status, 400);
    assert_eq!(otto("POST", &path, json!({"classes": ["NGS", "LYT"]})).status, 200, "the exercise went on");
    assert_eq!(otto("GET", &format!("{path}/cells/2"), Value::Null).status, 404);
    assert_eq!(otto("GET", "/api/practice/1/cells/0", Value::Null).status, 404);

    let gone = tempfile::tempdir().unwrap().path().to_owned();
    let station = Station::at("127.0.0.1:0", |web| web.configured.practice.cells = Some(gone));
    let answer = station.ask("POST", "/api/practice", &[], r#"{"source":"exported","cells":3}"#);
    assert_eq!(answer.code(), "request", "{answer:?}");
    assert_eq!(station.get("/api/practice", &[]).json()["sources"][1]["cells"], 0);
}
