//! `backup` and `restore`: the store as one checked file, and back.

use std::env;

use jiff::Timestamp;
use serde_json::json;

use crate::cli::args::{BackupArguments, RestoreArguments};
use crate::cli::audit::verdict;
use crate::cli::failure::{Blame, Failure};
use crate::cli::{output, station};
use crate::config::load::load;
use crate::store::backup::{BackupError, Identities, Recipients, Taken, Target};
use crate::store::restore;
use crate::store::{Store, several};
use crate::system::zone;

/// Name in the audit trail.
const CONSOLE: &str = "console";

/// Writes a backup; the daemon may be running.
///
/// # Errors
/// With exit code 2 if the target or a key is wrong, 1 if the store or a disk cannot be used.
pub fn backup(arguments: &BackupArguments) -> Result<(), Failure> {
    let config = load(arguments.config.as_deref(), env::vars()).blame_input()?;
    let recipients = Recipients::parse(&arguments.recipient).map_err(blamed)?;
    let folder = config.state_folder();
    let Some(store) = Store::open_to_read(&folder).blame_run()? else {
        let nothing = format!("nothing is kept in {} yet, so there is nothing to back up", folder.display());
        return Err(Failure { code: 1, error: anyhow::anyhow!(nothing) });
    };
    let target = Target { path: arguments.file.clone(), keep: arguments.keep.map(usize::from) };
    let taken = store.back_up(&target, &recipients, &config.station.name, Timestamp::now()).map_err(blamed)?;
    drop(store);
    note(&folder, &taken, recipients.any());
    let Taken { path, bytes, sha256, manifest, same_disk, removed } = &taken;
    for old in removed {
        output::aside(format_args!("removed the older {}", old.display()));
    }
    if *same_disk {
        output::aside(format_args!(
            "{} is on the same disk as the store: if that fails, both are gone; take the backup to another disk",
            path.display()
        ));
    }
    if !recipients.any() {
        output::aside(
            "it is not encrypted: whoever has the file can read every result (--recipient age1… encrypts it)",
        );
    }
    output::line(format_args!(
        "{}: {} up to result {} and line {} of the trail, {:.1} MB, SHA-256 {sha256}",
        path.display(),
        if recipients.any() { "encrypted, whole," } else { "whole," },
        manifest.result,
        manifest.line,
        *bytes as f64 / 1e6
    ))
}

/// Notes the backup in the trail. It is good without that, so a full disk of the station is no reason to fail.
fn note(folder: &std::path::Path, taken: &Taken, encrypted: bool) {
    let Taken { path, sha256, manifest, .. } = taken;
    let detail = json!({
        "file": path.to_string_lossy(), "sha256": sha256, "encrypted": encrypted, "made": manifest.made,
        "line": manifest.line, "result": manifest.result,
    });
    let noted =
        Store::open_beside(folder).and_then(|store| store.note(CONSOLE, Timestamp::now(), "backup", None, &detail));
    if let Err(problem) = noted {
        log::warn!("the backup is written, but could not be noted in the audit trail: {problem}");
    }
}

/// Puts the store of a backup in place of the present one.
///
/// # Errors
/// With exit code 2 if the daemon runs, or file or key are wrong, 1 if the backup is not whole or a disk cannot be used.
pub fn restore(arguments: &RestoreArguments) -> Result<(), Failure> {
    let folder = station::own_folder(arguments.config.as_deref())?;
    let identities = match &arguments.identity {
        Some(path) => Identities::read(path).map_err(blamed)?,
        None => Identities::default(),
    };
    let restored =
        restore::restore(&folder, &arguments.file, &identities, CONSOLE, Timestamp::now()).map_err(blamed)?;
    let manifest = &restored.manifest;
    output::line(format_args!(
        "restored in {}: the store of {} of {}, up to result {} and line {} of its trail",
        folder.display(),
        manifest.station,
        zone::minute(manifest.made),
        manifest.result,
        manifest.line
    ))?;
    if let Some((lines, results)) = restored.lost {
        output::line(format_args!(
            "not in it, as they are later than the backup: {} and {} of the trail; the trail says so",
            several(results, "result"),
            several(lines, "line")
        ))?;
    }
    if let Some(former) = &restored.former {
        output::line(format_args!(
            "the store before is in {}; remove that folder when you need it no more",
            former.display()
        ))?;
    }
    output::aside(
        "users, passwords and tokens are those of the backup: block again whom you had blocked since, and remove tokens again",
    );
    verdict(&restored.verdict)
}

fn blamed(error: BackupError) -> Failure {
    Failure { code: if error.is_refusal() { 2 } else { 1 }, error: error.into() }
}
