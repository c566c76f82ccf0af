//! Configuration errors: what is wrong, where, and what to write instead.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::system::printable::printable;

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {}; {remedy}", printable(&file.display().to_string()), problem)]
    Unreadable {
        file: PathBuf,
        /// The system's error.
        problem: io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// The content is wrong: every problem, in file order.
    #[error("{}", list(.0))]
    Wrong(Vec<ConfigProblem>),
}

impl ConfigError {
    /// The individual problems; empty if the file could not be read.
    #[must_use]
    pub fn problems(&self) -> &[ConfigProblem] {
        match self {
            Self::Unreadable { .. } => &[],
            Self::Wrong(problems) => problems,
        }
    }
}

/// One problem to fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// Where it is.
    pub place: Location,
    /// What is wrong, with the key and the value.
    pub what: String,
    /// What to write instead.
    pub write: String,
}

/// Where a wrong value is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// In a file.
    File {
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// The whole line.
        text: String,
    },
    /// In this environment variable.
    Variable(String),
    /// In a setting with no known place: from a command-line flag or a default.
    Setting(String),
}

impl Location {
    /// The location of a byte offset; an offset past the end means the end.
    pub(super) fn in_file(file: &Path, text: &str, offset: usize) -> Self {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &text[..offset];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = text[offset..].find('\n').map_or(text.len(), |newline| offset + newline);
        Self::File {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: text[start..offset].chars().count() + 1,
            text: text[start..end].trim_end_matches('\r').to_owned(),
        }
    }
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = printable(&self.what);
        match &self.place {
            Location::File { file, line, column, text } => {
                writeln!(f, "{}:{line}:{column}: {what}", printable(&file.display().to_string()))?;
                writeln!(f, "  {line} | {}", shortened(text))?;
            }
            Location::Variable(name) | Location::Setting(name) => writeln!(f, "{}: {what}", printable(name))?,
        }
        write!(f, "  write: {}", printable(&self.write))
    }
}

/// A line for display: control characters removed, cut to terminal width.
fn shortened(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match text.char_indices().nth(110) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn list(problems: &[ConfigProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
