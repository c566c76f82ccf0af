//! `clock`: whether the station believes the clock, and a person's word that it is right.

use std::path::Path;

use jiff::Timestamp;

use crate::cli::failure::{Blame, Failure};
use crate::cli::{output, station};
use crate::store::{ClockVerdict, StoreError};
use crate::system::clock::synchronised;

/// Prints the verdict, or takes the clock as right; the daemon may be running, and notices it within minutes.
///
/// # Errors
/// With exit code 1 if the clock is doubted or the store cannot be used, 2 if the configuration is wrong or a clock
/// before 2026 is to be confirmed.
pub fn clock(config: Option<&Path>, confirm: bool) -> Result<(), Failure> {
    let store = station::to_write(config)?;
    let now = Timestamp::now();
    if confirm {
        store.confirm_clock("console", now).map_err(|error| match error {
            StoreError::Refused(words) => Failure::input(words),
            error => Failure { code: 1, error: error.into() },
        })?;
        return output::line(format_args!("{now:.0} is taken as right"));
    }
    match store.clock(now, synchronised()).blame_run()? {
        ClockVerdict::Believed => output::line(format_args!("{now:.0} is believed")),
        ClockVerdict::Doubted { latest } => {
            let latest = latest.map_or("none before".to_owned(), |latest| format!("the latest before was {latest:.0}"));
            let remedy = "set the clock, or, if it is right, say so by --confirm";
            Err(Failure { code: 1, error: anyhow::anyhow!("{now:.0} is doubted ({latest}): {remedy}") })
        }
    }
}
