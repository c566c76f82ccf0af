//! The store of the station that a command is about.

use std::env;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::cli::failure::{Blame, Failure};
use crate::config::load::load;
use crate::store::Store;

/// To be written a little, also while the daemon runs.
///
/// # Errors
/// With exit code 2 when the configuration is wrong or somebody else's files would come to be, 1 when the store cannot be
/// used.
pub fn to_write(config: Option<&Path>) -> Result<Store, Failure> {
    let folder = load(config, env::vars()).blame_input()?.state_folder();
    // Files that root makes there are none that the service may write.
    if rustix::process::geteuid().is_root()
        && let Ok(found) = folder.metadata()
        && found.uid() != 0
    {
        let owner = found.uid();
        return Err(Failure::input(format!(
            "{} belongs to another user; run this as that one: sudo -u '#{owner}' leukoscope …",
            folder.display()
        )));
    }
    Store::open_beside(&folder).blame_run()
}

/// To be read; none where nothing is kept yet.
///
/// # Errors
/// With exit code 2 when the configuration is wrong, 1 when the store cannot be read.
pub fn to_read(config: Option<&Path>) -> Result<Option<Store>, Failure> {
    let folder = load(config, env::vars()).blame_input()?.state_folder();
    Store::open_to_read(&folder).blame_run()
}
