//! `sessions`: the results this station kept.

use std::env;
use std::path::Path;

use crate::cli::failure::{Blame, Failure};
use crate::config::load::load;
use crate::session::results::{StoredResult, read};

/// Lists the results kept, oldest first; a daemon may be running.
///
/// # Errors
/// With exit code 2 when the configuration is wrong, 1 when the results cannot be read.
pub fn sessions(config: Option<&Path>, json: bool) -> Result<(), Failure> {
    let config = load(config, env::vars()).blame_input()?;
    let folder = config.state_folder();
    let results = read(&folder).blame_run()?;
    if results.is_empty() && !json {
        println!("no results in {} yet", folder.display());
    }
    for result in &results {
        if json {
            println!("{}", serde_json::to_string(result).blame_run()?);
        } else {
            println!("{}", text(result));
        }
    }
    Ok(())
}

fn text(result: &StoredResult) -> String {
    let snapshot = &result.snapshot;
    let classes: Vec<String> =
        snapshot.classes.iter().map(|line| format!("{} {:.0} %", line.class, line.percent)).collect();
    let flags: Vec<&str> = snapshot.flags.iter().map(|flag| flag.short()).collect();
    let estimates = snapshot.statistics.per_red_cell.as_ref().and_then(|red| red.estimates);
    let estimates = estimates.map_or_else(String::new, |per_ul| {
        format!("  estimates per µl: WBC {:.0}, PLT {:.0}", per_ul.white.value, per_ul.platelets.value)
    });
    format!(
        "{:>4}  {}  {}  {} of {}  {}  {}{estimates}",
        result.sequence,
        snapshot.time.strftime("%Y-%m-%d %H:%M UTC"),
        snapshot.sample,
        snapshot.counted,
        snapshot.target,
        classes.join(", "),
        flags.join(", ")
    )
}
