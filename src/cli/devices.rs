//! `devices`: hardware of this machine that a microscope station could use.

use crate::cli::failure::{Blame, Failure};
use crate::cli::output;
use crate::outputs::hardware::devices::list;

/// Lists cameras, buses, GPIO chips and serial ports.
///
/// # Errors
/// With exit code 1 if the list cannot be printed.
pub fn devices(json: bool) -> Result<(), Failure> {
    let found = list();
    if json { output::line(serde_json::to_string(&found).blame_run()?) } else { output::text(found) }
}
