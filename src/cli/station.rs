//! Opens the station's store for a command.

use std::env;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::cli::failure::{Blame, Failure};
use crate::config::load::load;
use crate::store::Store;

/// Opens the store for small writes, which is safe while the daemon runs.
///
/// # Errors
/// With exit code 2 if the configuration is wrong or files would be made for the wrong user, 1 if the store cannot be
/// used.
pub(crate) fn to_write(config: Option<&Path>) -> Result<Store, Failure> {
    Store::open_beside(&own_folder(config)?).blame_run()
}

/// The state folder, if this user is the one whose files are in it.
///
/// # Errors
/// With exit code 2 if the configuration is wrong or files would be made for the wrong user.
pub(crate) fn own_folder(config: Option<&Path>) -> Result<PathBuf, Failure> {
    let folder = load(config, env::vars()).blame_input()?.state_folder();
    // The service could not write files that root creates here.
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
    Ok(folder)
}

/// The state folder of this user where no configuration file is named, for commands that need none.
pub(crate) fn usual_folder() -> PathBuf {
    load(None, env::vars()).unwrap_or_default().state_folder()
}

/// Opens the store for reading; `None` if nothing is stored yet.
///
/// # Errors
/// With exit code 2 if the configuration is wrong, 1 if the store cannot be read.
pub(crate) fn to_read(config: Option<&Path>) -> Result<Option<Store>, Failure> {
    let folder = load(config, env::vars()).blame_input()?.state_folder();
    Store::open_to_read(&folder).blame_run()
}
