//! The door to standard output for every command but the daemon. A reader such as `head` may close it early.

use std::fmt::{Arguments, Display};
use std::io::{self, Write as _};

use crate::cli::failure::Failure;
use crate::system::printable::printable;

/// Prints a line; control characters, as in a file's name, are shown as escapes.
///
/// # Errors
/// As [`text`].
pub fn line(line: impl Display) -> Result<(), Failure> {
    write(format_args!("{}\n", printable(&line.to_string())))
}

/// Prints text as it is.
///
/// # Errors
/// With exit code 0, and nothing to say, if the reader has closed the pipe: it has seen enough. With exit code 1 if it
/// cannot be written, as on a full disk.
pub fn text(text: impl Display) -> Result<(), Failure> {
    write(format_args!("{text}"))
}

/// Prints a line to standard error. There is nobody to tell if that fails.
pub fn aside(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn write(words: Arguments<'_>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_fmt(words).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(problem) if problem.kind() == io::ErrorKind::BrokenPipe => Err(Failure::closed_output()),
        Err(problem) => Err(Failure { code: 1, error: anyhow::anyhow!("standard output: {problem}") }),
    }
}
