//! `check-config`: whether a file is good for `run`.

use std::path::Path;

use crate::cli::beforehand::{Finding, findings};
use crate::cli::failure::{Blame, Failure};
use crate::cli::output;
use crate::config::load::load_with_places;
use crate::config::problem::{ConfigError, ConfigProblem};

/// Reads only the file, without the environment, so that the verdict is about the file. What `run` would refuse for
/// another reason than a device is refused here; what can hardly be meant is a warning.
///
/// # Errors
/// With exit code 2 and every mistake, each with its line and what to write instead.
pub fn check_config(file: &Path) -> Result<(), Failure> {
    for warning in check(file).blame_input()? {
        output::aside(format_args!("warning: {warning}"));
    }
    output::line(format_args!("{}: good", file.display()))
}

/// The warnings about a file that is good.
///
/// # Errors
/// Every mistake in it.
pub fn check(file: &Path) -> Result<Vec<ConfigProblem>, ConfigError> {
    let loaded = load_with_places(Some(file), std::iter::empty())?;
    let found = findings(&loaded.config);
    let (refused, warnings): (Vec<_>, Vec<_>) = found.into_iter().partition(|finding| finding.refused);
    let placed = |found: Vec<Finding>| -> Vec<ConfigProblem> {
        found.into_iter().map(|found| loaded.problem(found.section, found.key, found.what, found.write)).collect()
    };
    let mut refused = placed(refused);
    refused.sort_by(|a, b| a.place.cmp(&b.place));
    if refused.is_empty() { Ok(placed(warnings)) } else { Err(ConfigError::Wrong(refused)) }
}
