//! What a refused configuration says to write: the value that was meant, in a form that is accepted.

use std::path::Path;

use leukoscope::config::load::parse;
use leukoscope::config::problem::ConfigError;
use leukoscope::config::shipped_file;
use proptest::prelude::*;

use crate::config::{env, refusal};

#[test]
fn a_remedy_keeps_the_value_that_was_meant() {
    for (section, line, write) in [
        ("session", "traget = 200", "target = 200"),
        ("session", "target = \"200\"", "target = 200"),
        ("session", "target = 1.000", "target = 1000"),
        ("session", "target = 1,000", "target = 1000"),
        ("session", "target = 200 cells", "target = 200"),
        ("session", "autostart = yes", "autostart = true"),
        ("session", "autostart = \"off\"", "autostart = false"),
        ("session", "precision_of = Blasts", "precision_of = \"blasts\""),
        ("camera", "frame_rate = 0,5", "frame_rate = 0.5"),
        ("camera", "stall_seconds = 4s", "stall_seconds = 4"),
        ("camera", "stall_seconds = 4 ms", "stall_seconds = 4.0"),
        ("camera", "width = 1280px # wide", "width = 1280"),
        ("flags", "bands_percent = 2 %", "bands_percent = 2"),
        ("flags", "bands_percent = “2,5”", "bands_percent = 2.5"),
        ("serial", "port = “/dev/ttyUSB1”", "port = \"/dev/ttyUSB1\""),
        ("serial", "port = \"ttyUSB3\"", "port = \"/dev/ttyUSB3\""),
        ("serial", "baud = 9600 baud", "baud = 9600"),
        ("station", "name = „lab # 2“", "name = \"lab # 2\""),
        ("station", "name = 7", "name = \"7\""),
        ("station", "name = \"\"\"lab 2", "name = \"lab 2\""),
        ("station", "name = '''lab 2", "name = \"lab 2\""),
        ("display", "i2c_address = 3d", "i2c_address = 0x3d"),
        ("display", "rotation = 90", "rotation = 1"),
        ("display", "spi_hz = 16,000,000", "spi_hz = 16000000"),
        ("web", "listen = 8400", "listen = \"127.0.0.1:8400\""),
        ("web", "listen = \"0.0.0.0\"", "listen = \"0.0.0.0:8321\""),
        ("web", "language = \"pt_BR\"", "language = \"pt-BR\""),
        ("optics", "um_per_px = 0,125", "um_per_px = 0.125"),
    ] {
        let said = refusal(&format!("[{section}]\n{line}\n"));
        assert_eq!(said.lines().last().unwrap(), format!("  write: {write}"), "{said}");
    }
    let variable = |name: &str, text: &str| env(&[(name, text)]).unwrap_err().to_string();
    for (name, text, write) in [
        ("LEUKOSCOPE_SESSION_AUTOSTART", "yes", "LEUKOSCOPE_SESSION_AUTOSTART=true"),
        ("LEUKOSCOPE_CAMERA_FRAME_RATE", "0,5", "LEUKOSCOPE_CAMERA_FRAME_RATE=0.5"),
        ("LEUKOSCOPE_SESION_TARGET", "200 cells", "LEUKOSCOPE_SESSION_TARGET=200"),
    ] {
        let said = variable(name, text);
        assert_eq!(said.lines().last().unwrap(), format!("  write: {write}"), "{said}");
    }
}

/// Section and name of every key.
fn keys() -> Vec<(String, String)> {
    let mut section = String::new();
    let mut found = Vec::new();
    for line in shipped_file().lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if let Some((name, _)) = line.strip_prefix("# ").unwrap_or(line).split_once(" = ")
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        {
            found.push((section.clone(), name.to_owned()));
        }
    }
    found
}

/// A file after the remedy of its first problem was followed; none if that names no line to write.
fn mended(text: &str, error: &ConfigError) -> Option<String> {
    let problem = &error.problems()[0];
    let leukoscope::config::problem::Location::File { line: at, .. } = problem.place else { return None };
    let (write, beside) = match problem.write.split_once(" on a line of its own, beside this one") {
        Some((write, _)) => (write, true),
        None => (problem.write.split(", or ").next().unwrap(), false),
    };
    if !write.contains(" = ") || write.contains(" below [") || write == "key = value, a section as [name]" {
        return None;
    }
    let mut lines: Vec<&str> = text.lines().collect();
    if beside {
        lines.insert(at, write);
    } else {
        lines[at - 1] = write;
    }
    Some(format!("{}\n", lines.join("\n")))
}

fn odd_value() -> impl Strategy<Value = String> {
    prop_oneof![
        // What people write for numbers, words and paths, quoted in many ways or not at all.
        ("[-]?[0-9]{1,7}([.,][0-9]{1,3})?", "( )?(%|s|px|ms|Hz|cells|°|)").prop_map(|(number, unit)| number + &unit),
        "(yes|no|on|off|True|FALSE|none|nan|inf|0x3c|3d|1e3|1_000|2026-11-29)",
        "[“„«'\"`]?[a-zA-Z0-9/:. #_-]{0,14}[”“»'\"`]?",
        "\"\\PC{0,12}\"",
        Just("[1, 2]".to_owned()),
        Just("[\"json\"]".to_owned()),
        Just("{ a = 1 }".to_owned()),
    ]
}

proptest! {
    #[test]
    fn whoever_follows_a_remedy_has_done_with_that_key((section, name) in prop::sample::select(keys()), value in odd_value(), misspelt in any::<bool>()) {
        let written = if misspelt { format!("{name}x") } else { name.clone() };
        let text = format!("[{section}]\n{written} = {value}\n");
        if let Err(error) = parse(&text, Path::new("l.toml"))
            && let Some(better) = mended(&text, &error)
            && let Err(again) = parse(&better, Path::new("l.toml"))
        {
            let key = error.problems()[0].write.split(" = ").next().unwrap();
            let what = &again.problems()[0].what;
            // Whether a folder is there, or a value goes with that of another key, is another question than how it is written.
            let other = what.contains("there is no folder") || what.contains("with which they go");
            let done = !what.starts_with(&format!("{key} = ")) || other;
            prop_assert!(done, "{text}{error}\n{better}{again}");
        }
    }
}
