//! Each part of the file.

use std::fmt::Write as _;
use std::fs;

use serde_json::{Map, Value};

use super::scrub::{OUT, Private};
use crate::system::recent_log::LogLine;

/// Labels of figures whose values the program chooses, or the kernel.
const LABELS: [&str; 19] = [
    "version",
    "detector",
    "classifier",
    "profile_sha256",
    "part",
    "fate",
    "reason",
    "stage",
    "le",
    "what",
    "ending",
    "flag",
    "kind",
    "class",
    "phase",
    "queue",
    "zone",
    "sensor",
    "receiver",
];

/// Values of the health that the program chooses.
const OWN_VALUES: [&str; 10] =
    ["receiver", "part", "verdict", "reason", "classifier", "version", "at", "since", "until", "latest"];

/// Program and machine.
pub(super) fn version() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let kernel: String =
        read("/proc/sys/kernel/osrelease").chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let board = read("/proc/device-tree/model");
    let board = board.trim_end_matches('\0');
    let known = ["Raspberry Pi", "Orange Pi", "ODROID", "Radxa", "NVIDIA Jetson"];
    let board = if known.iter().any(|known| board.starts_with(known)) { board } else { "another board or a PC" };
    let memory = read("/proc/meminfo");
    let memory = memory.lines().next().unwrap_or_default().trim();
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "leukoscope {}\nbuilt for {} {}\nboard: {board}\nLinux {kernel}, {processors} processors, {memory}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH,
        std::env::consts::OS,
    )
}

/// One finding a line.
pub(super) fn health(found: &Value, private: &Private) -> String {
    let mut text = String::new();
    for item in found["items"].as_array().into_iter().flatten() {
        let word = |name: &str| item[name].as_str().map_or_else(String::new, code);
        let values = item["values"].as_object().map(|values| values_of(values, private)).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}: {}{values}", word("grade"), word("finding"));
    }
    text
}

fn values_of(values: &Map<String, Value>, private: &Private) -> String {
    let shown = |(name, value): (&String, &Value)| {
        let value = match value {
            Value::String(text) if OWN_VALUES.contains(&name.as_str()) => code(text),
            Value::String(text) if name == "words" => private.scrub(text),
            // Which kind of camera it is says nothing of anybody.
            Value::String(text) if name == "camera" => code(text.split(':').next().unwrap_or_default()),
            Value::String(_) => OUT.to_owned(),
            Value::Number(number) => number.to_string(),
            _ => "-".to_owned(),
        };
        format!(", {} {value}", code(name))
    };
    values.iter().map(shown).collect()
}

/// A word of the program's own: nothing but the characters of codes, versions and times.
fn code(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.:+".contains(*c)).take(64).collect()
}

/// Median and 95th percentile of each stage.
pub(super) fn timings(stages: &Value) -> String {
    let mut text = String::new();
    for stage in stages.as_array().into_iter().flatten() {
        let ms = |name: &str| stage[name].as_f64().unwrap_or_default();
        let name = code(stage["stage"].as_str().unwrap_or_default());
        let _ = writeln!(text, "{name}: median {:.1} ms, 95 % within {:.1} ms", ms("median_ms"), ms("p95_ms"));
    }
    if text.is_empty() { "no frame was looked at yet".to_owned() } else { text }
}

/// The figures, without the values of labels that a person chose.
pub(super) fn figures(text: &str) -> String {
    text.lines().map(|line| if line.starts_with('#') { line.to_owned() } else { figure(line) } + "\n").collect()
}

fn figure(line: &str) -> String {
    let Some((name, rest)) = line.split_once('{') else { return line.to_owned() };
    let Some((labels, value)) = rest.rsplit_once('}') else { return name.to_owned() };
    let mut kept = Vec::new();
    let mut rest = labels;
    while let Some((label, after)) = rest.split_once("=\"") {
        let end = end_of_value(after);
        let value = &after[..end];
        let shown = if LABELS.contains(&label) { value } else { OUT };
        kept.push(format!("{}=\"{shown}\"", code(label)));
        rest = after.get(end + 1..).unwrap_or_default().trim_start_matches(',');
    }
    format!("{name}{{{}}}{value}", kept.join(","))
}

/// Where a label's value ends: at the first quote that is not escaped.
fn end_of_value(text: &str) -> usize {
    let mut escaped = false;
    for (place, c) in text.char_indices() {
        match c {
            '"' if !escaped => return place,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// The log, one line each, with the place in the source: it tells the message even where its words are taken out.
pub(super) fn lines_of_log(log: &Result<Vec<LogLine>, String>, private: &Private) -> String {
    let lines = match log {
        Ok(lines) if lines.is_empty() => return "no lines yet".to_owned(),
        Ok(lines) => lines,
        Err(why) => return private.scrub(why),
    };
    let whole = lines.iter().map(|line| line.words.as_str()).collect::<Vec<_>>().join("\n");
    let private = private.within(&whole);
    let one = |line: &LogLine| {
        let place = line.place.rsplit_once("src/").map_or(OUT, |(_, place)| place);
        format!(
            "{:.3} {} {} {}\n",
            line.at,
            line.level,
            place_of(place),
            private.scrub(&line.words.replace('\n', " | "))
        )
    };
    lines.iter().map(one).collect()
}

/// A place in a source: letters, digits and what paths are joined by.
fn place_of(place: &str) -> String {
    place.chars().filter(|c| c.is_ascii_alphanumeric() || "/_.:".contains(*c)).take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_a_person_chose_are_taken_out_of_figures() {
        let line = r#"leukoscope_info{version="0.1.0",station="Ward \"7\", St Mary",profile="Mary 3"} 1.0"#;
        let shown = figure(line);
        assert!(
            shown.starts_with("leukoscope_info{version=\"0.1.0\",station=\"") && shown.ends_with("} 1.0"),
            "{shown}"
        );
        assert!(!shown.contains("Mary") && !shown.contains("Ward"), "{shown}");
        assert_eq!(figure("leukoscope_ready 1.0"), "leukoscope_ready 1.0");
    }

    #[test]
    fn broken_figures_and_answers_do_no_harm() {
        let private = Private::new([]);
        for line in ["a{", "a{b", "a{b=\"", "a{b=\"\\", "a{b=\"c\"", "}{", "ä{ö=\"ü\"}", "a{b=\"c\"}"] {
            let _ = figure(line);
        }
        for value in [Value::Null, Value::from(3), serde_json::json!({"items": [1, {"values": []}]})] {
            let _ = (health(&value, &private), timings(&value));
        }
    }
}
