//! What `check-config` calls good, `run` accepts, tried with values of every key.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use leukoscope::cli::check_config::check;
use leukoscope::cli::run::{prepare, prepare_with};
use leukoscope::config::load::load;
use leukoscope::config::shipped_file;
use leukoscope::vision::Vision;
use leukoscope::vision::models::Models;
use proptest::prelude::*;

use crate::common::models_folder;

/// Every key with values that its comment names, and with odd ones.
fn settings(folder: &Path) -> Vec<(String, String, Vec<String>)> {
    let path = |name: &str| format!("\"{}\"", folder.join(name).display());
    let odd: Vec<String> =
        ["-1", "0", "1", "100", "0.5", "1e9", "nan", "true", "false", "\"\"", "\" \"", "\"none\"", "\"x\""]
            .map(str::to_owned)
            .into_iter()
            .chain(
                ["/dev/null", "/dev/null/x", "/etc/passwd", "/nowhere/at/all", "/dev/i2c-9", "a\\u001Bb", "血"]
                    .map(|text| format!("\"{text}\"")),
            )
            .chain([format!("{:?}", "x".repeat(300)), path(""), path("file"), path("file/x"), path("new/deep")])
            .collect();
    let mut found = Vec::new();
    let (mut section, mut comment) = (String::new(), String::new());
    for line in shipped_file().lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            (section, comment) = (name.to_owned(), String::new());
            continue;
        }
        let setting = line.strip_prefix("# ").unwrap_or(line);
        let key = setting.split_once(" = ").filter(|(name, _)| !name.contains(' '));
        let Some((name, example)) = key else {
            comment.push_str(line);
            continue;
        };
        let words = comment.split('"').skip(1).step_by(2).map(|word| format!("\"{word}\""));
        let numbers =
            comment.split(|c: char| !(c.is_ascii_digit() || c == '.')).filter_map(|text| text.parse::<i64>().ok());
        let numbers = numbers.flat_map(|number| [number - 1, number, number + 1]).map(|number| number.to_string());
        let mut values: Vec<String> = words.chain(numbers).chain([example.to_owned()]).collect();
        if section == "station" && name == "state" {
            // A state folder that may be made is made: only inside this folder.
            values = [path("file"), path("file/x"), path("new/deep"), "\"/dev/null/x\"".to_owned()].to_vec();
        } else {
            values.extend(odd.iter().cloned());
        }
        if name != "width" && name != "height" && name != "stop_line" {
            comment.clear();
        }
        found.push((section.clone(), name.to_owned(), values));
    }
    found
}

/// A file that sets these keys, and else what needs no hardware and leaves nothing behind.
fn file(folder: &Path, chosen: &[(String, String, String)]) -> String {
    let mut table: std::collections::BTreeMap<(&str, &str), &str> = std::collections::BTreeMap::new();
    let state = format!("\"{}\"", folder.join("state").display());
    table.insert(("station", "state"), &state);
    table.insert(("display", "kind"), "\"none\"");
    for (section, name, value) in chosen {
        table.insert((section, name), value);
    }
    let mut text = String::new();
    let mut last = "";
    for ((section, name), value) in table {
        if section != last {
            text.extend(["[", section, "]\n"]);
            last = section;
        }
        text.extend([name, " = ", value, "\n"]);
    }
    text
}

/// Whether a device that is not there is the reason.
fn lacks_hardware(complaint: &str) -> bool {
    let absent = ["No such file or directory", "no such device", "No such device", "is not there", "ENOENT"];
    complaint.contains("/dev/") && absent.iter().any(|words| complaint.contains(words))
        // This build may not be the station's; `check-config` warns of it.
        || complaint.contains("this build has no")
}

#[test]
fn what_check_config_calls_good_run_accepts() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "x").unwrap();
    let setting = prop::sample::select(settings(folder.path()))
        .prop_flat_map(|(section, name, values)| (Just(section), Just(name), prop::sample::select(values)));
    let path: PathBuf = folder.path().join("l.toml");
    // The same values every time: others are tried with PROPTEST_RNG_SEED.
    let seed = std::env::var("PROPTEST_RNG_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let seed = proptest::test_runner::RngSeed::Fixed(seed);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 400,
        rng_seed: seed,
        ..ProptestConfig::default()
    });
    let (good, tried) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let models = Models::read(&models_folder()).unwrap();
    let vision = Vision::new(&models, None, None).unwrap();
    let began = Instant::now();
    runner
        .run(&prop::collection::vec(setting, 1..4), |chosen| {
            if began.elapsed() > Duration::from_secs(10) {
                return Ok(());
            }
            let text = file(folder.path(), &chosen);
            std::fs::write(&path, &text).unwrap();
            tried.set(tried.get() + 1);
            if check(&path).is_ok() {
                good.set(good.get() + 1);
                let config = load(Some(&path), std::iter::empty()).unwrap();
                let others = chosen.iter().any(|(section, ..)| section == "models");
                let prepared = if others { prepare(&config) } else { prepare_with(&config, &models, vision.clone()) };
                if let Err(failure) = prepared {
                    prop_assert!(lacks_hardware(&failure.words()), "{text}\n{}", failure.words());
                }
            }
            Ok(())
        })
        .unwrap();
    assert!(good.get() > 3, "{} of {} were good", good.get(), tried.get());
}

#[test]
fn every_display_and_camera_that_check_config_calls_good_is_refused_by_run_only_for_its_device() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("l.toml");
    for kind in ["ssd1306", "sh1106", "st7789", "ili9341"] {
        for size in [(128, 64), (128, 32), (64, 128), (240, 320), (320, 240), (135, 240), (16, 16), (4096, 4096)] {
            for rotation in 0..4 {
                let (width, height) = size;
                let text = format!(
                    "[display]\nkind = \"{kind}\"\nwidth = {width}\nheight = {height}\nrotation = {rotation}\n"
                );
                std::fs::write(&path, &text).unwrap();
                if let Ok(config) = load(Some(&path), std::iter::empty())
                    && let Err(problem) = leukoscope::outputs::display::open(&config.display)
                {
                    assert!(!problem.to_string().contains("is no size"), "{text}{problem}");
                }
            }
        }
    }
}
