//! `check-config`: whether a file is good for `run`.

use std::path::Path;

use crate::cli::failure::{Blame, Failure};
use crate::cli::output;
use crate::config::load::load;

/// Reads only the file, without the environment, so that the verdict is about the file.
///
/// # Errors
/// With exit code 2 and every mistake, each with its line and what to write instead.
pub fn check_config(file: &Path) -> Result<(), Failure> {
    load(Some(file), std::iter::empty()).blame_input()?;
    output::line(format_args!("{}: good", file.display()))
}
