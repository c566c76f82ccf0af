//! `worklist`: samples to count.

use std::env;
use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::Path;

use anyhow::Context as _;
use jiff::Timestamp;

use crate::cli::args::{WorklistArguments, WorklistCommand};
use crate::cli::failure::{Blame, Failure};
use crate::cli::{output, station};
use crate::config::load::load;
use crate::station::import::{self, BadLine};
use crate::system::{file, zone};

/// Name in the audit trail.
const CONSOLE: &str = "console";

/// Imports a table of samples, or lists those that wait; the daemon may be running.
///
/// # Errors
/// With exit code 2 if the table cannot be read or holds nothing to take, 1 if the store cannot be used.
pub fn worklist(arguments: &WorklistArguments) -> Result<(), Failure> {
    let config = arguments.config.as_deref();
    match &arguments.command {
        WorklistCommand::Import { file, yes } => import(config, file, *yes),
        WorklistCommand::List => list(config),
    }
}

fn import(config: Option<&Path>, path: &Path, yes: bool) -> Result<(), Failure> {
    let rules = load(config, env::vars()).blame_input()?.sample;
    let text = file::read_to_string(path).with_context(|| path.display().to_string()).blame_input()?;
    let mut table = import::read(&text, &rules).with_context(|| path.display().to_string()).blame_input()?;
    complain(&table.bad);
    if table.good.is_empty() {
        return Err(Failure::input(format!("{}: no line can be taken", path.display())));
    }
    if !yes && !agreed(table.good.len())? {
        return output::line("nothing was taken");
    }
    let told = table.bad.len();
    let new = import::take(&station::to_write(config)?, CONSOLE, &mut table).blame_run()?;
    complain(&table.bad[told..]);
    let (taken, left) = (table.good.len(), table.bad.len());
    output::line(format_args!("{taken} taken, {new} of them new on the worklist; {left} lines not taken"))
}

fn complain(bad: &[BadLine]) {
    for BadLine { line, text, reason } in bad {
        output::aside(format_args!("line {line}: {text}: {reason}"));
    }
}

/// Asks at the terminal.
fn agreed(lines: usize) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::input("there is no terminal to ask at; add --yes to take the good lines"));
    }
    output::aside(format_args!("Take the {lines} good lines? y or n:"));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).blame_run()?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn list(config: Option<&Path>) -> Result<(), Failure> {
    let store = station::to_read(config)?;
    let open = store.map_or_else(|| Ok(Vec::new()), |store| store.worklist(Timestamp::now())).blame_run()?;
    if open.is_empty() {
        output::aside("no sample waits");
    }
    for entry in open {
        let urgent = if entry.order.urgent { "  urgent" } else { "" };
        output::line(format_args!("{}  {}  {}{urgent}", zone::minute(entry.at), entry.order.sample, entry.order.host))?;
    }
    Ok(())
}
