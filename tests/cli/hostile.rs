//! Damaged pictures, configurations and command lines by the hundred: each ends in an answer or a sentence, never in a panic.
//! `HOSTILE_SEED=7 HOSTILE_COUNT=500` tries others and more.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use fastrand::Rng;
use image::{ImageFormat, Rgb, RgbImage};

use crate::common::{complained, leukoscope, said};

/// Configurations to start from: the shipped one, and lines that people write.
const SHIPPED: &str = include_str!("../../systemd/leukoscope.toml");
/// Pieces that are put in anywhere.
const PIECES: [&str; 24] = [
    "\"",
    "'",
    "[",
    "]",
    "=",
    "\n",
    "\u{202e}",
    "\u{0}",
    "\u{1b}[31m",
    "0,5",
    "1e999",
    "-1",
    "99999999999999999999",
    "nan",
    "true",
    "“curly”",
    "#",
    "..",
    "/dev/null",
    "/",
    "~",
    "%s",
    "[camera]\n",
    "é",
];

fn rng() -> Rng {
    Rng::with_seed(std::env::var("HOSTILE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1))
}

fn count(usual: usize) -> usize {
    std::env::var("HOSTILE_COUNT").ok().and_then(|count| count.parse().ok()).unwrap_or(usual)
}

/// Checks what every run must keep: no panic, a known exit code, a sentence when it fails, and no end that takes for ever.
fn judge(output: &Output, took: Duration, what: &str) {
    let words = complained(output);
    assert!(!words.contains("panicked"), "{what}: {words}");
    let code = output.status.code().unwrap_or_else(|| panic!("{what}: ended by a signal: {words}"));
    assert!((0..=2).contains(&code), "{what}: exit code {code}: {words}");
    assert!(code == 0 || words.trim().len() > 10, "{what}: exit code {code} without a sentence: {words}");
    assert!(!words.contains('\u{1b}') && !words.contains('\u{0}'), "{what}: control characters in {words:?}");
    assert!(took < Duration::from_mins(1), "{what} took {took:?}");
}

fn pictures() -> Vec<(&'static str, Vec<u8>)> {
    let field = RgbImage::from_fn(96, 72, |x, y| {
        let apart = (f64::from(x) - 40.0).hypot(f64::from(y) - 30.0);
        if apart < 14.0 { Rgb([120, 60, 150]) } else { Rgb([228, 222 + (x % 5) as u8, 226]) }
    });
    let of = |format| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        field.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    };
    vec![
        ("jpg", of(ImageFormat::Jpeg)),
        ("png", of(ImageFormat::Png)),
        ("bmp", of(ImageFormat::Bmp)),
        ("tif", of(ImageFormat::Tiff)),
        ("jfif", of(ImageFormat::WebP)),
    ]
}

/// Damages bytes in one of the ways that disks, cables and programs do.
fn damage(rng: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..rng.usize(1..4) {
        let at = rng.usize(0..bytes.len());
        // Headers are where a byte does most.
        let at = if rng.bool() { at.min(rng.usize(0..200)) } else { at };
        let end = (at + rng.usize(1..64)).min(bytes.len());
        match rng.u8(0..7) {
            0 => bytes[at] = rng.u8(..),
            1 => bytes[at] = [0, 0xff, 0x7f, 0x80][rng.usize(0..4)],
            2 => bytes[at..end].fill(0),
            3 => bytes[at..end].fill(0xff),
            4 => bytes.truncate(at.max(4)),
            5 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => drop(bytes.drain(at..end)),
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
}

#[test]
fn damaged_pictures_are_read_or_named_and_cost_no_other_picture() {
    let (mut rng, pictures) = (rng(), pictures());
    let folder = tempfile::tempdir().unwrap();
    let count = count(150);
    for number in 0..count {
        let (ending, whole) = &pictures[rng.usize(0..pictures.len())];
        let mut bytes = whole.clone();
        damage(&mut rng, &mut bytes);
        fs::write(folder.path().join(format!("{number}.{ending}")), bytes).unwrap();
    }
    fs::write(folder.path().join("whole.jpg"), &pictures[0].1).unwrap();
    let path = folder.path().to_str().unwrap();
    let began = Instant::now();
    let analyzed = leukoscope(["analyze", "--json", path]);
    judge(&analyzed, began.elapsed() / 10, "analyze");
    let lines = said(&analyzed);
    assert!(lines.contains("whole.jpg\""), "{}", complained(&analyzed));
    let named = complained(&analyzed);
    for number in 0..count {
        let name = format!("/{number}.");
        assert!(lines.contains(&name) || named.contains(&name), "{name} is neither read nor named");
    }
}

/// Puts pieces in, takes some out, swaps lines.
fn mangle(rng: &mut Rng, text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..rng.usize(1..5) {
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let at = if places.is_empty() { 0 } else { places[rng.usize(0..places.len())] };
        let end = places.iter().copied().find(|end| *end > at + rng.usize(0..12)).unwrap_or(text.len());
        match rng.u8(0..3) {
            0 => text.insert_str(at, PIECES[rng.usize(0..PIECES.len())]),
            1 => drop(text.drain(at..end)),
            _ => text.replace_range(at..end, PIECES[rng.usize(0..PIECES.len())]),
        }
    }
    text
}

/// Some lines of the shipped file, with values set.
fn config(rng: &mut Rng) -> String {
    let mut text = String::new();
    for line in SHIPPED.lines() {
        let key = line.trim_start_matches("# ");
        if line.starts_with('[') {
            text += line;
            text += "\n";
        } else if key.contains(" = ") && rng.u8(0..4) == 0 {
            text += &if rng.bool() { mangle(rng, key) } else { key.to_owned() };
            text += "\n";
        }
    }
    if rng.u8(0..3) == 0 { mangle(rng, &text) } else { text }
}

#[test]
fn mangled_configurations_are_good_or_refused_with_a_line_and_a_remedy() {
    let mut rng = rng();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("station.toml");
    let mut refused = 0;
    for _ in 0..count(150) {
        let text = config(&mut rng);
        fs::write(&path, &text).unwrap();
        let began = Instant::now();
        let checked = leukoscope([Path::new("check-config"), &path]);
        judge(&checked, began.elapsed(), &text);
        if checked.status.code() != Some(0) {
            refused += 1;
            let words = complained(&checked);
            assert!(words.contains("station.toml"), "{words}\n{text}");
        }
    }
    assert!(refused > 10, "the mangling does nothing: {refused}");
}

#[test]
fn mangled_command_lines_end_in_a_sentence() {
    let lines = [
        "check-config station.toml",
        "analyze a.png --json",
        "count . --red-count 4.5",
        "report 1 --output r.pdf",
        "sessions --json",
        "audit verify",
        "user list",
        "token list",
        "export out",
        "validate cells .",
        "devices --json",
        "classify a.png --um-per-px 0.1 --unknown-below 0.5",
        "report A-17 --language es --output r.csv",
        "--version",
    ];
    let mut rng = rng();
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..count(120) {
        let line = lines[rng.usize(0..lines.len())];
        let line = mangle(&mut rng, line);
        let words: Vec<&str> = line.split(' ').filter(|word| !word.contains('\0')).collect();
        // A bare program counts until it is stopped.
        if !words.iter().any(|word| lines.iter().any(|line| line.starts_with(word) && word.len() > 3)) {
            continue;
        }
        let began = Instant::now();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_leukoscope"))
            .args(&words)
            .current_dir(folder.path())
            .env("LEUKOSCOPE_MODELS", crate::common::models_folder())
            .env("LEUKOSCOPE_STATION_STATE", folder.path().join("state"))
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        judge(&output, began.elapsed(), &line);
    }
}
