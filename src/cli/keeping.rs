//! `store`: what is kept and for how long, and what goes next.

use std::env;
use std::path::Path;

use jiff::Timestamp;

use crate::cli::failure::{Blame, Failure};
use crate::cli::output;
use crate::config::load::load;
use crate::store::{Going, Keeping, Matter, Store};
use crate::system::zone;

/// Prints it; the daemon may be running.
///
/// # Errors
/// With exit code 1 if the store cannot be read, 2 if the configuration is wrong.
pub fn keeping(config: Option<&Path>, json: bool) -> Result<(), Failure> {
    let config = load(config, env::vars()).blame_input()?;
    let Some(store) = Store::open_to_read(&config.state_folder()).blame_run()? else {
        return if json { Ok(()) } else { output::line("nothing is kept yet") };
    };
    let keeping = store.keeping(&config.store).blame_run()?;
    if json {
        return output::line(serde_json::to_string(&keeping).blame_run()?);
    }
    lines(&keeping, Timestamp::now()).into_iter().try_for_each(output::line)
}

fn lines(keeping: &Keeping, now: Timestamp) -> Vec<String> {
    let megabytes = |bytes: u64| bytes.div_ceil(1_000_000);
    let days = |days: u32| if days == 0 { "for ever".to_owned() } else { format!("{days} days") };
    let Keeping { crops_days, cells_days, results_days, limit, used, file, free, too_large, by_age, by_size } = keeping;
    let limit = megabytes(*limit);
    let mut lines = vec![
        format!(
            "{} of {limit} MB in use; the file takes {} MB, and {} MB are free on its disk",
            megabytes(*used),
            megabytes(*file),
            megabytes(*free)
        ),
        format!(
            "kept: pictures of cells {}, those of notable sessions {} (blasts or nucleated red cells flagged, or signed with a \
             comment), cells {}, unsigned results {}, signed results for ever",
            days(*crops_days),
            days(*cells_days),
            days(*cells_days),
            days(*results_days)
        ),
    ];
    if *too_large {
        lines.push(format!(
            "larger than {limit} MB: what stands first by size goes within minutes, as far as is needed"
        ));
    } else {
        lines.push(format!("within the limits: nothing goes for its size before the store reaches {limit} MB"));
    }
    for going in by_age {
        let at = going
            .at
            .filter(|at| *at > now)
            .map_or("due now".to_owned(), |at| format!("not before {}", zone::minute(at)));
        lines.push(format!("next by age, {at}: {}", what(going)));
    }
    for (place, going) in by_size.iter().enumerate() {
        lines.push(format!("by size, {}: {}", place + 1, what(going)));
    }
    lines
}

fn what(going: &Going) -> String {
    let Going { what, notable, sessions, from, to, .. } = going;
    let what = match what {
        Matter::Fields => "the whole fields",
        Matter::Pictures => "the pictures",
        Matter::Cells => "the cells",
        Matter::Results => "the unsigned results",
    };
    let notable = if *notable { "notable " } else { "" };
    let plural = if *sessions == 1 { "" } else { "s" };
    format!("{what} of {sessions} {notable}session{plural} begun {} to {}", zone::minute(*from), zone::minute(*to))
}
