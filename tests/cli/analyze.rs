//! `analyze`, `classify` and `count` on folders in which one picture is of another kind than the others.

use std::fs;
use std::path::Path;

use crate::common::{complained, leukoscope, models_with, real, said};
use image::{Rgb, RgbImage};
use leukoscope::camera::simulated::{SimulatedMicroscope, SimulatedSettings};
use leukoscope::domain::class::Kind;
use serde_json::{Value, json};

/// A microscope whose camera sees `um_per_px`.
fn microscope(size: (u32, u32), um_per_px: f64) -> SimulatedMicroscope {
    let (width, height) = size;
    SimulatedMicroscope::new(SimulatedSettings { width, height, um_per_px, step_px: 400.0, ..Default::default() })
}

fn field(index: u64) -> RgbImage {
    microscope((640, 480), 0.14).draw(index).0
}

fn run(command: &str, folder: &Path, more: &[&str]) -> (Option<i32>, Vec<Value>, String) {
    let mut arguments = vec![command, folder.to_str().unwrap(), "--json"];
    arguments.extend(more);
    let output = leukoscope(arguments);
    let lines = said(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (output.status.code(), lines, complained(&output))
}

fn line<'a>(lines: &'a [Value], name: &str) -> &'a Value {
    let named = |line: &&Value| line["image"].as_str().is_some_and(|image| image.ends_with(name));
    lines.iter().find(named).unwrap_or_else(|| panic!("no line for {name} in {lines:?}"))
}

fn cells_of(line: &Value, kind: &str) -> usize {
    line["cells"].as_array().unwrap().iter().filter(|cell| cell["kind"] == kind).count()
}

/// Writes half of a JPEG file.
fn torn(path: &Path) {
    let whole = tempfile::Builder::new().suffix(".jpg").tempfile().unwrap();
    field(0).save(whole.path()).unwrap();
    let bytes = fs::read(whole.path()).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

#[test]
fn a_blank_picture_after_a_torn_one_shows_no_cells() {
    let folder = tempfile::tempdir().unwrap();
    torn(&folder.path().join("1-torn.jpg"));
    for index in 2..8 {
        field(index).save(folder.path().join(format!("{index}.png"))).unwrap();
    }
    RgbImage::from_pixel(640, 480, Rgb([230, 225, 210])).save(folder.path().join("8-empty.png")).unwrap();
    let (code, lines, complaint) = run("analyze", folder.path(), &[]);
    assert_eq!((code, lines.len()), (Some(2), 7), "{complaint}");
    let empty = line(&lines, "8-empty.png");
    assert_eq!(empty["cells"].as_array().unwrap().len(), 0, "{empty}");
    assert_eq!(empty["quality"]["verdict"], "empty");
    assert!(complaint.contains("1-torn.jpg") && complaint.contains("1 of 8 pictures"), "{complaint}");
    assert!((2..8).all(|index| cells_of(line(&lines, &format!("{index}.png")), "RBC") > 5));
}

#[test]
fn a_torn_picture_and_a_blank_one_do_not_end_the_work_on_the_third() {
    let folder = tempfile::tempdir().unwrap();
    field(3).save(folder.path().join("1.png")).unwrap();
    torn(&folder.path().join("2-torn.jpg"));
    RgbImage::from_pixel(640, 480, Rgb([230, 225, 210])).save(folder.path().join("3-empty.png")).unwrap();
    for command in ["analyze", "classify"] {
        let (code, lines, complaint) = run(command, folder.path(), &[]);
        assert_eq!((code, lines.len()), (Some(2), 2), "{command}: {complaint}");
        assert!(complaint.contains("2-torn.jpg") && complaint.contains("1 of 3 pictures"), "{complaint}");
    }
}

#[test]
fn a_picture_whose_work_fails_is_named_and_the_others_are_done() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.png", "b.png", "c.png"] {
        field(3).save(folder.path().join(name)).unwrap();
    }
    let drawn = tempfile::tempdir().unwrap();
    // A folder stands where the drawing of b is to go.
    fs::create_dir(drawn.path().join("b.png")).unwrap();
    let (code, lines, complaint) = run("analyze", folder.path(), &["--annotate", drawn.path().to_str().unwrap()]);
    assert_eq!((code, lines.len()), (Some(1), 2), "{complaint}");
    assert!(complaint.contains("b.png") && complaint.contains("1 of 3 pictures failed"), "{complaint}");
    assert!(drawn.path().join("c.png").is_file());
}

#[test]
fn a_wide_picture_at_low_power_is_looked_at_in_full() {
    let folder = tempfile::tempdir().unwrap();
    field(0).save(folder.path().join("1.png")).unwrap();
    let wide = microscope((3200, 640), 0.35);
    let (image, truth) = wide.draw(2);
    image.save(folder.path().join("2-wide.png")).unwrap();
    field(1).save(folder.path().join("3.png")).unwrap();
    let (code, lines, complaint) = run("analyze", folder.path(), &[]);
    assert_eq!((code, lines.len()), (Some(0), 3), "{complaint}");
    let wide = line(&lines, "2-wide.png");
    let there = truth.iter().filter(|cell| cell.kind == Kind::Rbc && cell.whole).count() as f64;
    let found = cells_of(wide, "RBC") as f64;
    assert!(there > 500.0 && (found / there - 1.0).abs() < 0.15, "{found} found, {there} were there");
    // None is found twice where tiles meet.
    let areas: Vec<[f64; 4]> = wide["cells"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|cell| cell["kind"] == "RBC")
        .map(|cell| ["x", "y", "w", "h"].map(|key| cell[key].as_f64().unwrap()))
        .collect();
    for (at, [x, y, w, h]) in areas.iter().enumerate() {
        let middle = (x + w / 2.0, y + h / 2.0);
        let same = |[u, v, a, b]: &&[f64; 4]| (u + a / 2.0 - middle.0).hypot(v + b / 2.0 - middle.1) < 0.15 * w.min(*h);
        assert_eq!(areas[at + 1..].iter().filter(same).count(), 0, "twice at {middle:?}");
    }
    let (code, count, complaint) = run("count", folder.path(), &[]);
    assert_eq!((code, count[0]["frames"].as_u64()), (Some(0), Some(3)), "{complaint}");
}

#[test]
fn a_picture_too_coarse_to_tell_cells_apart_says_so_and_the_others_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    for index in 0..4 {
        field(index).save(folder.path().join(format!("{}.png", index * 2))).unwrap();
    }
    let (_, without, _) = run("count", folder.path(), &[]);
    microscope((640, 480), 0.7).draw(0).0.save(folder.path().join("3-10x.png")).unwrap();
    let (code, lines, complaint) = run("analyze", folder.path(), &[]);
    assert_eq!((code, lines.len()), (Some(0), 5), "{complaint}");
    let coarse = line(&lines, "3-10x.png");
    assert_eq!((coarse["cells"].as_array().unwrap().len(), &coarse["quality"]["verdict"]), (0, &"too-coarse".into()));
    assert!(coarse["quality"]["advice"].as_str().unwrap().contains("objective"));
    let (code, with, complaint) = run("count", folder.path(), &[]);
    assert_eq!((code, with[0]["frames"].as_u64()), (Some(0), Some(5)), "{complaint}");
    assert_eq!(with[0]["refused"]["too-coarse"], 1, "{}", with[0]);
    assert_eq!((&with[0]["counts"], &with[0]["classes"]), (&without[0]["counts"], &without[0]["classes"]));
}

#[test]
fn a_scale_bar_in_the_picture_is_warned_about() {
    let folder = tempfile::tempdir().unwrap();
    for index in 0..3 {
        field(index).save(folder.path().join(format!("{index}.png"))).unwrap();
    }
    let (_, plain, _) = run("analyze", folder.path(), &[]);
    assert!(plain.iter().all(|line| line["quality"].get("warning").is_none()), "{plain:?}");
    let (_, count, _) = run("count", folder.path(), &[]);
    assert_eq!(count[0]["frames_with_drawn_lines"], 0);
    let mut barred = field(1);
    for (x, y) in (530..600).flat_map(|x| (440..445).map(move |y| (x, y))) {
        barred.put_pixel(x, y, Rgb([0; 3]));
    }
    barred.save(folder.path().join("1.png")).unwrap();
    let (_, lines, _) = run("analyze", folder.path(), &[]);
    for index in 0..3 {
        let warning = &line(&lines, &format!("{index}.png"))["quality"]["warning"];
        assert_eq!(warning.as_str().is_some_and(|warning| warning.contains("scale bar")), index == 1, "{warning}");
    }
    let (_, count, complaint) = run("count", folder.path(), &[]);
    assert_eq!(count[0]["frames_with_drawn_lines"], 1);
    assert!(complaint.contains("1.png: lines are drawn into the picture"), "{complaint}");
}

#[test]
fn a_healthy_drawn_field_says_nothing_of_parasites_asked_or_not() {
    let folder = tempfile::tempdir().unwrap();
    field(0).save(folder.path().join("field.png")).unwrap();
    let (code, asked, complaint) = run("analyze", folder.path(), &["--parasites"]);
    assert_eq!(code, Some(0), "{complaint}");
    assert_eq!(asked, run("analyze", folder.path(), &[]).1, "nothing found is nothing said");
    assert!(!asked[0].to_string().contains("parasite"), "{asked:?}");
}

#[test]
fn cells_to_look_at_for_parasites_are_named_only_where_somebody_asks() {
    let Some(pack) = real("fields/iml/train") else { return };
    let folder = tempfile::tempdir().unwrap();
    // Three large parasites in a field that the network learned from: whether it runs is asked here, not how good it is.
    fs::copy(pack.join("PA171802.jpg"), folder.path().join("field.jpg")).unwrap();
    let (code, lines, complaint) = run("analyze", folder.path(), &["--parasites"]);
    assert_eq!(code, Some(0), "{complaint}");
    assert_eq!(lines[0]["flags"], json!(["look-for-parasites"]));
    let cells = lines[0]["cells"].as_array().unwrap();
    let looked_at: Vec<&Value> = cells.iter().filter(|cell| cell.get("look_for_parasites").is_some()).collect();
    assert!((1..=8).contains(&looked_at.len()), "{looked_at:?}");
    for cell in looked_at {
        assert_eq!((&cell["kind"], &cell["graded"]), (&json!("RBC"), &json!(true)), "{cell}");
        assert!((0.0..=1.0).contains(&cell["look_for_parasites"].as_f64().unwrap()));
    }
    let plain = leukoscope(["analyze", folder.path().to_str().unwrap(), "--parasites"]);
    assert!(said(&plain).contains("look at these cells"), "{}", said(&plain));
    let (_, lines, _) = run("analyze", folder.path(), &[]);
    assert!(!lines[0].to_string().contains("parasite"), "off by default");
}

#[test]
fn models_that_do_not_look_for_parasites_say_so() {
    let folder = tempfile::tempdir().unwrap();
    field(0).save(folder.path().join("field.png")).unwrap();
    let models = models_with(|card| without_table(&card, "parasites"));
    let (code, lines, complaint) =
        run("analyze", folder.path(), &["--parasites", "--models", models.path().to_str().unwrap()]);
    assert_eq!((code, lines.len()), (Some(2), 0));
    assert!(complaint.contains("no [parasites]") && complaint.contains("--parasites"), "{complaint}");
}

/// A card without one of its tables.
fn without_table(card: &str, table: &str) -> String {
    let from = card.find(&format!("[{table}]")).unwrap();
    let to = card[from + 1..].find("\n[").map_or(card.len(), |end| from + 1 + end + 1);
    format!("{}{}", &card[..from], &card[to..])
}
