//! The newest lines of the program's log in systemd's journal, where this user may read it.

use std::process::Command;

use jiff::Timestamp;
use log::Level;
use serde_json::Value;

use crate::system::recent_log::LogLine;

/// Lines that are asked for.
const LINES: &str = "500";

/// The service's newest lines, oldest first.
///
/// # Errors
/// In words, if there is no journal or it cannot be read.
pub fn read() -> Result<Vec<LogLine>, String> {
    let asked = Command::new("journalctl")
        .args(["--unit=leukoscope", "--lines", LINES, "--output=json", "--no-pager", "--quiet"])
        .output();
    let answer = asked.map_err(|problem| format!("the journal cannot be read: {problem}"))?;
    if !answer.status.success() {
        return Err("the journal cannot be read by this user".to_owned());
    }
    Ok(String::from_utf8_lossy(&answer.stdout).lines().filter_map(line).collect())
}

/// One line of the journal's JSON.
fn line(json: &str) -> Option<LogLine> {
    let entry: Value = serde_json::from_str(json).ok()?;
    let word = |name: &str| entry[name].as_str().unwrap_or_default();
    let at = Timestamp::from_microsecond(word("__REALTIME_TIMESTAMP").parse().ok()?).ok()?;
    let level = match word("PRIORITY") {
        "0" | "1" | "2" | "3" => Level::Error,
        "4" => Level::Warn,
        "7" => Level::Debug,
        _ => Level::Info,
    };
    // A message that is no text is a list of numbers, which nobody reads.
    Some(LogLine {
        at,
        level,
        place: format!("{}:{}", word("CODE_FILE"), word("CODE_LINE")),
        words: word("MESSAGE").into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_journal_has_its_time_level_and_place() {
        let json = r#"{"__REALTIME_TIMESTAMP":"1790000000000000","PRIORITY":"4","CODE_FILE":"src/a.rs","CODE_LINE":"7","MESSAGE":"gone"}"#;
        let found = line(json).unwrap();
        assert_eq!((found.level, found.place.as_str(), found.words.as_str()), (Level::Warn, "src/a.rs:7", "gone"));
        for other in
            ["", "{", "[]", r#"{"__REALTIME_TIMESTAMP":"x"}"#, r#"{"__REALTIME_TIMESTAMP":"99999999999999999999"}"#]
        {
            assert_eq!(line(other), None, "{other}");
        }
    }
}
